"""Behind nginx and HAProxy, as the examples configure them, instances come and go unnoticed."""

import signal
import socket
from pathlib import Path

import pytest

from tests.support.deployment import PROXIES, Instance, deployed, started
from tests.support.load import Load

CLIENT_COUNT = 16


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


@pytest.mark.parametrize("proxy", PROXIES[:3])
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


async def test_socket_of_systemd_outlives_restarts() -> None:
    """Who comes while an instance is restarted waits: nobody needs another one, nor a proxy."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        instance = Instance("systemd", delay=0.0, listening=listening)
        async with started(instance):
            load = Load(listening.getsockname())
            async with load.of(CLIENT_COUNT):
                for _ in range(2):
                    await wait_at_work(instance, load)
                    assert await instance.stop() == 0
                    await instance.start()
                await wait_at_work(instance, load)
    assert not load.broken
    assert set(load.answers) == {("GET", 200), ("POST", 200)}
