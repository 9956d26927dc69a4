"""Behind nginx and HAProxy, as the examples configure them, instances come and go unnoticed."""

from pathlib import Path

import pytest
import trio

from tests import deployment
from tests.deployment import Instance, Load, instances

CLIENT_COUNT = 16


def one_machine_and_another(one: Instance, two: Instance, *, unix: str) -> dict[str, str]:
    return {
        f"{unix}/run/hump-trio/service.sock": f"{one.host}:{one.port}",
        "10.0.0.12:8342": f"{two.host}:{two.port}",
    }


async def restart_each(pair: tuple[Instance, Instance], load: Load) -> None:
    """End one instance after the other, each when those before are back at work."""
    for instance in pair:
        await load.wait(lambda: load.processes[instance.pid] > 50)
        assert await instance.stop() == 0
        await instance.start()
    await load.wait(lambda: load.processes[instance.pid] > 50)


@pytest.mark.program("nginx")
async def test_restarts_behind_nginx(tmp_path: Path) -> None:
    """Two instances are restarted in turn under load: each request is answered, all with 200."""
    async with instances(delay=0.3) as pair:
        servers = one_machine_and_another(*pair, unix="unix:")
        async with deployment.nginx(tmp_path, servers) as address:
            load = Load(address)
            async with load.of(CLIENT_COUNT):
                await restart_each(pair, load)
    print(load.answers)
    assert not load.broken
    assert set(load.answers) == {("GET", 200), ("POST", 200)}


@pytest.mark.program("haproxy")
async def test_restarts_behind_haproxy(tmp_path: Path) -> None:
    """The same, where the load balancer sees beforehand who is going to leave."""
    async with instances(delay=0.5) as pair:
        servers = one_machine_and_another(*pair, unix="unix@")
        async with deployment.haproxy(tmp_path, servers) as address:
            load = Load(address)
            async with load.of(CLIENT_COUNT):
                await restart_each(pair, load)
    print(load.answers)
    assert not load.broken
    assert set(load.answers) == {("GET", 200), ("POST", 200)}
