"""A supervisor of workers that are tasks, in virtual time."""

import logging
import signal
import socket
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import BindError
from hump_trio.command.supervisor import Supervisor, supervise
from hump_trio.command.worker_process import start_process
from tests.command.fake_process import (
    FakeProcess,
    crash_ready,
    descriptors,
    fail,
    import_for_ever,
    serve,
    supervising,
)


async def test_a_life(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """Workers start, beat, are told to end, and end; that is no failure."""
    caplog.set_level(logging.INFO)
    async with supervising(2) as rig:
        await trio.sleep(1000)
        assert rig.alive == [1, 2]
        rig.send(signal.SIGTERM)
    assert rig.status == 0
    assert "2 workers serve at http://x" in caplog.text
    assert [each.signals for each in rig.processes] == [[], []]


async def test_a_crash_is_made_good(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Another worker starts, later each time, and the log says why."""
    async with supervising(1, crash_ready, crash_ready, crash_ready) as rig:
        await trio.sleep(2.05)
        assert rig.alive == []
        await trio.sleep(0.1)
        assert rig.alive == [2]
        await trio.sleep(2.15)
        assert rig.alive == []
        await trio.sleep(10)
        rig.send(signal.SIGINT)
    assert "worker 1 has ended with status 3 after 2.0 s; another starts in 0.1 s" in caplog.text
    assert "worker 2 has ended with status 3 after 2.0 s; another starts in 0.2 s" in caplog.text
    assert rig.status == 0


async def test_the_end_comes_during_a_wait(autojump_clock: MockClock) -> None:
    """Nothing starts any more when a signal has come."""
    async with supervising(1, crash_ready) as rig:
        await trio.sleep(2.05)
        rig.send(signal.SIGTERM)
    assert len(rig.processes) == 1


async def test_the_first_start_fails(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that can't start ends everything, with its own status."""
    async with supervising(2, import_for_ever, fail) as rig:
        pass
    assert rig.status == 7
    assert rig.processes[0].signals == [signal.SIGTERM]
    assert "worker 2 has ended with status 7 after 0.0 s, before it was ready" in caplog.text


async def test_a_signal_ends_the_first_start(autojump_clock: MockClock) -> None:
    """The status is what a shell would say."""

    async def die(process: FakeProcess) -> None:
        process.kill(signal.SIGKILL)

    async with supervising(1, die) as rig:
        pass
    assert rig.status == 128 + signal.SIGKILL


async def test_no_process_can_be_started(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """At first that ends everything; later it is tried again."""
    async with supervising(1, crash_ready) as rig:
        await trio.sleep(1)
        rig.refuse = True
        await trio.sleep(5)
        rig.refuse = False
        await trio.sleep(5)
        assert len(rig.alive) == 1
        rig.refuse = True
        rig.send(signal.SIGHUP)
        await trio.sleep(1)
        assert len(rig.alive) == 1
        rig.send(signal.SIGTERM)
    assert "a worker can't be started: no more processes" in caplog.text


async def test_no_process_can_be_started_at_all(autojump_clock: MockClock) -> None:
    """After the first failure no other is tried."""

    def refuse() -> FakeProcess:
        raise OSError("no more processes")

    supervisor = Supervisor(refuse, workers=2, worker_timeout=30)
    _, signals = trio.open_memory_channel[int](0)
    assert await supervisor.run(signals) == 1


async def test_nothing_can_be_listened_on(autojump_clock: MockClock) -> None:
    """What was asked for is named by the error, once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        binds = [f"127.0.0.1:{taken.getsockname()[1]}"]
        async with supervising(2, *[partial(serve, binds=binds)] * 2) as rig:
            pass
    assert isinstance(rig.error, BindError)


async def test_binds_change(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """A worker that asks for something else gets what there is, and that is said."""
    async with supervising(1, serve, partial(serve, binds=["127.0.0.1:1"])) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(1)
        assert rig.alive == [2]
        rig.send(signal.SIGTERM)
    assert "what is listened on changes by a restart alone: 127.0.0.1:1" in caplog.text


async def test_workers_that_overstay(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Who doesn't end within what it has asked for, and a little more, is killed."""
    async with supervising(2, serve, partial(serve, drain_seconds=inf)) as rig:
        await trio.sleep(1)
        begun = trio.current_time()
        rig.send(signal.SIGTERM)
    assert rig.status == 0
    assert trio.current_time() - begun == pytest.approx(12, abs=0.5)
    assert rig.processes[1].signals == [signal.SIGKILL]
    assert "worker 2 doesn't end and is killed" in caplog.text


async def test_the_second_signal(autojump_clock: MockClock) -> None:
    """It ends all at once, and the supervisor by itself."""
    async with supervising(2, *[partial(serve, drain_seconds=inf)] * 2) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGTERM)
        await trio.sleep(1)
        rig.send(signal.SIGINT)
    assert rig.status == -signal.SIGINT
    assert [each.signals for each in rig.processes] == [[signal.SIGKILL]] * 2


async def test_workers_are_asked_for_a_report(autojump_clock: MockClock) -> None:
    """Those that are ready; another would end of it."""
    async with supervising(2, serve, import_for_ever) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGUSR1)
        await trio.sleep(1)
        assert [each.signals for each in rig.processes] == [[signal.SIGUSR1], []]
        rig.send(signal.SIGTERM)


async def test_a_worker_of_another_version(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It can't harm a supervisor that was started before an update."""
    async with supervising(1, serve, partial(serve, options={"unknown": 1})) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(1)
        assert rig.alive == [1]
        rig.send(signal.SIGTERM)
    assert "worker 2 isn't of the supervisor's version" in caplog.text


async def test_a_worker_that_closes_its_channel(autojump_clock: MockClock) -> None:
    """It is waited for as one that has fallen silent."""

    async def close(process: FakeProcess) -> None:
        await process.channel.send("hello")
        process.channel.close()
        await trio.sleep_forever()

    async with supervising(1, serve, close) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(400)
        assert rig.alive == [1]
        rig.send(signal.SIGTERM)


async def test_the_service_manager_is_told(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all are ready, when they are replaced, and when the end begins."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with supervising(2, serve, import_for_ever) as rig:
            await trio.sleep(1)
            rig.processes[1].end(1)
            await trio.sleep(5)
            rig.send(signal.SIGHUP)
            await trio.sleep(10)
            rig.send(signal.SIGTERM)
        manager.setblocking(False)
        told = [manager.recv(100).split(b"\n")[0] for _ in range(4)]
    assert told == [b"READY=1", b"RELOADING=1", b"READY=1", b"STOPPING=1"]


async def test_a_socket_file_stays_while_workers_accept(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """It goes when they stop, and before they have ended."""
    path = tmp_path / "app.sock"
    behaviour: Any = partial(serve, binds=[f"unix:{path}"], delay_seconds=3, drain_seconds=5)
    async with supervising(1, behaviour) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGTERM)
        await trio.sleep(2)
        assert path.exists()
        await trio.sleep(2)
        assert not path.exists()
        assert rig.alive == [1]


async def test_supervise_takes_signals_and_watches(tmp_path: Path) -> None:
    """The whole of it starts and ends a real process, which is none of ours."""
    with trio.fail_after(30):
        status = await supervise(["false"], workers=1, worker_timeout=inf)
        assert status == 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                partial(supervise, ["false"], workers=1, worker_timeout=1, reload=[tmp_path])
            )
            await trio.testing.wait_all_tasks_blocked(0.1)
            nursery.cancel_scope.cancel()


async def test_a_program_that_isnt_there(tmp_path: Path) -> None:
    """It can't be started, and nothing is left open."""
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        start_process([str(tmp_path / "nothing")], {})
    assert descriptors() <= before
