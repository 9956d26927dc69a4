"""Behind nginx and HAProxy, as the examples configure them, instances come and go unnoticed."""

import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests import deployment
from tests.deployment import Instance, Load, started

CLIENT_COUNT = 16
PROXIES = [
    pytest.param("nginx", marks=pytest.mark.program("nginx")),
    pytest.param("haproxy", marks=pytest.mark.program("haproxy")),
    pytest.param("passed_on", marks=pytest.mark.program("haproxy")),
]
Pair: TypeAlias = tuple[Instance, Instance]


@asynccontextmanager
async def deployed(proxy: str, folder: Path) -> AsyncIterator[tuple[Pair, tuple[str, int]]]:
    """Run two instances and a proxy in front of them.

    Yields:
        The instances, one of them on a Unix socket where the proxy speaks HTTP; its address.
    """
    passed_on = proxy == "passed_on"
    headers = ["127.0.0.1"] if passed_on else []
    # Of nginx the delay is unseen; HAProxy needs 2 checks here, which take 0.1 s each.
    delay = 0.0 if proxy == "nginx" else 0.5
    bind = "127.0.0.11:0" if passed_on else f"unix:{folder}/service.sock"
    one = Instance(bind, delay=delay, proxies=headers)
    two = Instance("127.0.0.12:0", delay=delay, proxies=headers)
    async with started(one, two):
        front: AbstractAsyncContextManager[tuple[str, int]]
        if proxy == "nginx":
            front = deployment.nginx(folder, one, two)
        else:
            front = deployment.haproxy(folder, one, two, passed_on=passed_on)
        async with front as address:
            yield (one, two), address


async def wait_at_work(instance: Instance, load: Load) -> None:
    """Wait until an instance has its share of the load."""
    await load.wait(lambda: load.processes[instance.pid] > 3 * CLIENT_COUNT)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_no_request_is_lost_by_restarts(proxy: str, tmp_path: Path) -> None:
    """Two instances are restarted in turn under load, and every answer is a 200.

    GET and POST, over connections that stay open; no connection ends before its answer.
    """
    async with deployed(proxy, tmp_path) as (pair, address):
        load = Load(address)
        async with load.of(CLIENT_COUNT):
            for instance in pair:
                await wait_at_work(instance, load)
                assert await instance.stop() == 0
                await instance.start()
                await wait_at_work(instance, load)
    print(load.answers)
    assert not load.broken
    assert set(load.answers) == {("GET", 200), ("POST", 200)}


@pytest.mark.parametrize("proxy", PROXIES[:2])
async def test_crash_is_seen_by_few(proxy: str, tmp_path: Path) -> None:
    """When an instance is killed, each client loses at most the POST that it had under way.

    Every GET is answered, by the other instance if need be.
    """
    async with deployed(proxy, tmp_path) as ((one, two), address):
        load = Load(address)
        async with load.of(CLIENT_COUNT):
            await wait_at_work(one, load)
            assert await one.stop(signal.SIGKILL) == -signal.SIGKILL
            before = load.processes[two.pid]
            await load.wait(lambda: load.processes[two.pid] > before + 10 * CLIENT_COUNT)
            await one.start()
            await wait_at_work(one, load)
    print(load.answers, load.broken)
    assert set(load.answers) <= {("GET", 200), ("POST", 200), ("POST", 502)}
    assert all(text.startswith("POST") for text in load.broken)  # HAProxy closes without a 502
    assert load.answers["POST", 502] + len(load.broken) <= CLIENT_COUNT
