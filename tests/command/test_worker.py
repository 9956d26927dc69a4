"""A worker, in this process."""

import ctypes
import faulthandler
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio import Hump, Timeouts
from hump_trio.app import server_of
from hump_trio.command import worker
from hump_trio.command.control import Channel, Message
from hump_trio.command.questions import Respondent
from hump_trio.command.worker import CONTROL_VARIABLE, ignore, serve_as_worker, take_control
from hump_trio.listening.accept_turns import open_turns
from hump_trio.server.life import Life
from tests.command.fake_process import descriptors
from tests.support.loopback import PATIENCE_SECONDS, ask, wait_until


class System:
    """What a process asks of the system to become a worker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[Any] = []
        self.handlers: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}
        self.library: Any = SimpleNamespace(prctl=lambda *values: self.done.append(values[:2]))
        monkeypatch.setattr(ctypes, "CDLL", lambda name: self.library)
        monkeypatch.setattr(faulthandler, "enable", lambda file: self.done.append("faulthandler"))
        monkeypatch.setattr(signal, "signal", self.handlers.__setitem__)
        monkeypatch.setattr(signal, "getsignal", self.handlers.__getitem__)
        monkeypatch.setattr(signal, "raise_signal", self.done.append)
        monkeypatch.setattr(os, "getppid", os.getpid)  # a pair of sockets is its own maker's


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    """Return what stands for the system."""
    return System(monkeypatch)


def become_worker() -> socket.socket | None:
    """Do as if a supervisor had started this process."""
    ours, theirs = socket.socketpair()
    theirs.set_inheritable(True)
    environment = {CONTROL_VARIABLE: str(theirs.detach())}
    with ours:
        control = take_control(environment)
    assert environment == {}
    return control


def test_no_supervisor(system: System) -> None:
    """Then nothing is done."""
    assert take_control({}) is None
    assert system.done == []


def test_a_process_becomes_a_worker(system: System) -> None:
    """It dies with its supervisor, shows its stacks, and signals by hand end nothing."""
    control = become_worker()
    assert control is not None
    assert not control.get_inheritable()
    control.close()
    assert system.done == [(1, signal.SIGKILL), "faulthandler"]
    assert system.handlers == {
        signal.SIGINT: signal.SIG_DFL,
        signal.SIGHUP: ignore,
        signal.SIGUSR1: ignore,
    }
    ignore(1, None)


def test_an_interrupt_that_is_ignored(system: System) -> None:
    """As for a program in the background: it stays so."""
    system.handlers[signal.SIGINT] = signal.SIG_IGN
    control = become_worker()
    assert control is not None
    control.close()
    assert system.handlers[signal.SIGINT] is signal.SIG_IGN


def test_the_supervisor_is_gone_already(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dies before the kernel is asked is seen."""
    monkeypatch.setattr(os, "getppid", lambda: 1)
    control = become_worker()
    assert control is not None
    control.close()
    assert signal.SIGKILL in system.done


def test_other_systems(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a thread watches for the parent's end."""
    monkeypatch.delattr(socket, "SO_PEERCRED")
    parents = [7, 7, 7, 7, 1]
    monkeypatch.setattr(os, "getppid", lambda: parents.pop(0))
    monkeypatch.setattr(worker, "PARENT_POLL_SECONDS", 0)
    threads: list[Callable[[], None]] = []

    class Thread:
        def __init__(self, *, target: Any, args: Any, daemon: bool) -> None:
            threads.append(lambda: target(*args))

        def start(self) -> None:
            assert len(threads) == 1

    monkeypatch.setattr(threading, "Thread", Thread)
    system.library = SimpleNamespace()
    control = become_worker()
    assert control is not None
    control.close()
    assert system.done == ["faulthandler"]
    threads[0]()
    assert system.done == ["faulthandler", signal.SIGKILL]


@asynccontextmanager
async def working(
    app: Hump, *, fails: bool = False, respondent: Respondent | None = None
) -> AsyncIterator[Channel]:
    """Run a worker; at the end of the block it has ended, and nothing is left of it."""
    before = descriptors()
    ours, theirs = socket.socketpair()
    with trio.fail_after(PATIENCE_SECONDS), Channel(ours) as channel:
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                try:
                    await serve_as_worker(app, theirs, respondent)
                except OSError:
                    assert fails
                else:
                    assert not fails

            nursery.start_soon(run)
            yield channel
    assert theirs.fileno() == -1
    assert descriptors() <= before


async def receive(channel: Channel) -> Message:
    """Return the next message."""
    received = await channel.receive()
    assert received is not None
    return received[0]


async def give_sockets(channel: Channel, beat_seconds: float = 1000, *, turns: bool = False) -> int:
    """Give a worker its sockets, and return the port."""
    assert (await receive(channel))["kind"] == "hello"
    shared = open_turns(2) if turns else None
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        await channel.send(
            "sockets",
            descriptors=[sock.fileno(), *([] if shared is None else [shared])],
            binds=["127.0.0.1:0"],
            index=None if shared is None else 0,
            beat_seconds=beat_seconds,
        )
        if shared is not None:
            os.close(shared)
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("turns", [False, True])
async def test_it_serves_until_told(turns: bool) -> None:
    """It says hello, takes the sockets, is ready, answers, beats, and ends when it is to."""
    app = Hump(binds=["127.0.0.1:1", "unix:/tmp/x"])

    @app.get("/")
    async def index() -> str:
        return "here"

    async with working(app) as channel:
        port = await give_sockets(channel, 0.01, turns=turns)
        ready = await receive(channel)
        assert ready["kind"] == "ready"
        assert ready["addresses"] == [f"http://127.0.0.1:{port}"]
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            assert (await ask(stream)).endswith(b"here")
        assert (await receive(channel))["kind"] == "beat"
        await channel.send("drain")


NEVER = Timeouts(shutdown_delay=10**6)


async def test_a_worker_that_is_replaced_stops_accepting_at_once() -> None:
    """Others accept from its sockets, and `app.draining` is not the service's."""
    async with working(Hump(timeouts=NEVER)) as channel:
        await give_sockets(channel)
        await channel.send("drain", delayed=False)


@pytest.mark.parametrize("values", [{}, {"delayed": True}])
async def test_a_service_that_ends_goes_on_for_the_delay(values: dict[str, Any]) -> None:
    """So does a worker whose supervisor is older than that difference."""
    app = Hump(timeouts=NEVER)
    ours, theirs = socket.socketpair()
    with trio.fail_after(PATIENCE_SECONDS), Channel(ours) as channel:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_as_worker, app, theirs)
            port = await give_sockets(channel)
            await receive(channel)
            await channel.send("drain", **values)
            await wait_until(lambda: app.draining)
            await wait_all_tasks_blocked()
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                assert b" 404 " in await ask(stream)
            app.shutdown()
            server_of(app).shutdown(delayed=False)  # too late to change what goes on
            assert server_of(app).state.life is Life.DRAINING
            nursery.cancel_scope.cancel()


async def test_it_answers_questions() -> None:
    """While it serves, when it is to end, and unasked when it has ended."""
    count = 0

    async def answer(about: str) -> int:
        nonlocal count
        count += 1
        return count

    async with working(Hump(), respondent=Respondent({"a": answer}, ["a"])) as channel:
        await give_sockets(channel)
        ready = await receive(channel)
        assert ready["answers"] == ["a"]
        await channel.send("ask", what="a")  # as a supervisor does that an update has left behind
        assert (await receive(channel))["text"] == "1"
        await channel.send("drain")
        last = await receive(channel)
        assert (last["kind"], last["what"], last["text"]) == ("answer", "a", "2")


async def test_a_worker_that_has_ended_is_asked_to_end() -> None:
    """While it tells its last words, say: it has nothing left to do."""
    app = Hump()
    telling, told = trio.Event(), trio.Event()

    async def answer(about: str) -> None:
        telling.set()
        await told.wait()

    async with working(app, respondent=Respondent({"a": answer}, ["a"])) as channel:
        await give_sockets(channel)
        await receive(channel)
        app.shutdown()
        await telling.wait()
        await channel.send("drain", delayed=False)
        await wait_all_tasks_blocked()
        told.set()


async def test_hello_says_what_is_wanted() -> None:
    """The binds, how sockets are opened, and how long the end may take."""
    app = Hump(binds=["127.0.0.1:1", "unix:/tmp/x"])
    async with working(app) as channel:
        hello = await receive(channel)
        assert hello["binds"] == ["127.0.0.1:1", "unix:/tmp/x"]
        assert hello["options"]["backlog"] == 4096
        assert (hello["delay_seconds"], hello["shutdown_seconds"]) == (0, 16)
        await channel.send("drain")


async def test_the_supervisor_ends_before_it_has_given_sockets() -> None:
    """Then so does the worker."""
    async with working(Hump()) as channel:
        await receive(channel)
        channel.close()


async def test_the_supervisor_ends() -> None:
    """The worker ends gracefully, though nobody takes its signs of life."""
    async with working(Hump()) as channel:
        await give_sockets(channel, 0.001)
        channel.close()


async def test_the_supervisor_talks_nonsense() -> None:
    """The worker ends gracefully, as if it had gone."""
    async with working(Hump()) as channel:
        await give_sockets(channel)
        with suppress(trio.BrokenResourceError):  # it doesn't read to the end
            await channel.send("long", text="x" * 2**20)


async def test_the_app_fails() -> None:
    """Its error is the worker's, and no group."""
    app = Hump()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    async with working(app, fails=True) as channel:
        await give_sockets(channel)


async def test_a_worker_is_cancelled() -> None:
    """The channel and the sockets are closed."""
    before = descriptors()
    ours, theirs = socket.socketpair()
    with Channel(ours) as channel:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_as_worker, Hump(), theirs)
            await give_sockets(channel)
            await receive(channel)
            nursery.cancel_scope.cancel()
    assert descriptors() <= before
