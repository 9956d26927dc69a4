"""Connections that wait without a task, over TCP: who serves them, and what becomes of them."""

import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from itertools import count, groupby

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Timeouts
from hump_trio.server.connection import Connection
from hump_trio.server.http1.leaders import SPARE_COUNT, SPARE_SECONDS, Leaders
from hump_trio.server.http1.peer import Http1Peer
from hump_trio.server.lane import Lane
from tests.support.loopback import address_of, connect_to, count_tasks, receive_answer, wait_until
from tests.support.served import served

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
WAIT = b"GET /waits HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Scene:
    """An app whose handlers answer at once, or when they are let.

    Attributes:
        app: Itself.
        tasks: Those that handlers ran in, in order.
        let: Lets the waiting ones answer.
        waiting_count: How many wait.
    """

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self.app = Hump("127.0.0.1", 0, timeouts=timeouts or Timeouts())
        self.tasks: list[trio.lowlevel.Task] = []
        self.let = trio.Event()
        self.waiting_count = 0
        self._streams: list[trio.SocketStream] = []
        self.app.get("/")(self.answer)
        self.app.get("/waits")(self.wait)

    async def answer(self) -> str:
        """Answer at once."""
        self.tasks.append(trio.lowlevel.current_task())
        return "hello"

    async def wait(self) -> str:
        """Answer when it is let."""
        self.tasks.append(trio.lowlevel.current_task())
        self.waiting_count += 1
        await self.let.wait()
        return "hello"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the app."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.app.serve)
            yield
            nursery.cancel_scope.cancel()
        for stream in self._streams:
            assert await stream.receive_some() == b""
            await stream.aclose()

    async def connect(self) -> trio.SocketStream:
        """Return a client's end of a new connection, which has ended when the app has."""
        stream = await connect_to(self.app)
        self._streams.append(stream)
        return stream


def forget(connection: Connection) -> None:
    """Forget a connection: there is none."""


async def ask(stream: trio.SocketStream, data: bytes = ASK) -> None:
    """Ask, and check that the answer is right."""
    await stream.send_all(data)
    assert (await receive_answer(stream)).endswith(b"hello")


async def test_connections_that_wait_have_no_task() -> None:
    """However many there are, a lane or two serve them."""
    scene = Scene()
    async with scene.serving():
        streams = [await scene.connect() for _ in range(20)]
        for stream in [*streams, *reversed(streams)]:
            await ask(stream)
        assert len(set(scene.tasks)) <= 2
        assert count_tasks() <= 2
        assert scene.app.statistics().connections == {"idle": 20}
        for stream in streams:
            await stream.send_eof()
        await wait_until(lambda: not scene.app.statistics().connections)


async def test_a_handler_that_waits_holds_nobody_else_up() -> None:
    """Another lane serves what comes meanwhile, and what came together with its request."""
    scene = Scene()
    async with scene.serving():
        streams = [await scene.connect() for _ in range(10)]
        for index, stream in enumerate(streams):
            await stream.send_all(WAIT if index % 2 else ASK)
        for stream in streams[::2]:
            assert (await receive_answer(stream)).endswith(b"hello")
        await wait_until(lambda: scene.waiting_count == 5)
        await ask(streams[0])
        scene.let.set()
        for stream in streams[1::2]:
            assert (await receive_answer(stream)).endswith(b"hello")


@pytest.mark.parametrize("slow", [False, True])
async def test_handlers_that_compute_let_others_have_a_turn(
    slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that take no time run one after the other; behind one that takes some, others run."""
    if slow:
        monkeypatch.setattr("hump_trio.server.http1.fast_path.perf_counter", count().__next__)
    scene = Scene()
    events: list[str] = []

    async def tick() -> None:
        while True:
            events.append("tick")
            await trio.lowlevel.checkpoint()

    @scene.app.get("/computes")
    async def compute() -> str:
        events.append("computed")
        return "hello"

    async with scene.serving(), trio.open_nursery() as nursery:
        address = address_of(scene.app.addresses[0])
        clients = [socket.create_connection(address) for _ in range(10)]
        for client in clients:
            client.send(ASK)
        await wait_until(lambda: len(scene.tasks) == 10)
        nursery.start_soon(tick)
        for client in clients:
            client.send(ASK.replace(b"/", b"/computes", 1))
        await wait_until(lambda: events.count("computed") == 10)
        nursery.cancel_scope.cancel()
        for client in clients:
            client.close()
    longest = max(len(list(run)) for event, run in groupby(events) if event == "computed")
    # Trio shuffles who goes first: the last one of a batch may be the first one of the next.
    assert longest <= 2 if slow else longest > 2


async def test_only_so_many_lanes_are_kept() -> None:
    """Those that a burst of waiting handlers has started end, but for some."""
    scene = Scene()
    async with scene.serving():
        streams = [await scene.connect() for _ in range(SPARE_COUNT + 10)]
        for stream in streams:
            await stream.send_all(WAIT)
        await wait_until(lambda: scene.waiting_count == len(streams))
        assert count_tasks() >= len(streams)
        scene.let.set()
        for stream in streams:
            assert (await receive_answer(stream)).endswith(b"hello")
        await wait_until(lambda: count_tasks() <= SPARE_COUNT)
        for stream in streams:
            await ask(stream)


async def test_a_lane_that_waits_its_turn_holds_no_connection() -> None:
    """What it has served step by step is let go when that is closed, with all that TLS holds."""
    scene = Scene()
    async with scene.serving():
        stream = await scene.connect()
        await stream.send_all(ASK[:-2])
        await wait_until(lambda: scene.app.statistics().connections == {"head": 1})
        await ask(stream, ASK[-2:])
        await wait_until(lambda: scene.app.statistics().connections == {"idle": 1})
        await stream.send_eof()
        await wait_until(lambda: not scene.app.statistics().connections)
        gc.collect()
        assert count_tasks() == 1
        held = [each for each in gc.get_objects() if isinstance(each, Connection)]
        assert all(each.state.application.app is not scene.app for each in held)


async def test_lanes_that_are_not_needed_end(autojump_clock: MockClock) -> None:
    """Some seconds after a burst one is left, which serves the next request."""
    scene = Scene()
    async with scene.serving():
        streams = [await scene.connect() for _ in range(10)]
        for stream in streams:
            await stream.send_all(WAIT)
        await wait_until(lambda: scene.waiting_count == len(streams))
        scene.let.set()
        for stream in streams:
            assert (await receive_answer(stream)).endswith(b"hello")
        await wait_until(lambda: not scene.app.statistics().requests)
        assert count_tasks() >= len(streams)
        await trio.sleep(2 * SPARE_SECONDS + 1)
        assert count_tasks() == 1
        await ask(streams[0])
        assert count_tasks() == 1


async def test_a_connection_that_waits_too_long_is_closed(autojump_clock: MockClock) -> None:
    """As it is where a task waits: before a request, and behind one."""
    scene = Scene(Timeouts(keep_alive=20, head=30))
    async with scene.serving():
        silent, asked = await scene.connect(), await scene.connect()
        await ask(asked)
        began = trio.current_time()
        assert await asked.receive_some() == b""
        assert 20 <= trio.current_time() - began < 21
        assert await silent.receive_some() == b""
        assert 30 <= trio.current_time() - began < 31
        assert not scene.app.statistics().connections


async def test_connections_that_wait_end_with_the_server() -> None:
    """Also if that is cancelled."""
    scene = Scene()
    async with scene.serving():
        await scene.connect()
        await ask(await scene.connect())


async def test_a_lane_that_is_cancelled_as_it_lets_others_have_a_turn() -> None:
    """Another one looks at what is in the queue."""
    started: list[int] = []
    leaders = Leaders(served())
    leaders.open(lambda _: pytest.fail("no wire is made"), partial(started.append, 1), forget)
    leaders.ready.append(object.__new__(Http1Peer))
    with trio.CancelScope() as scope:
        scope.cancel()
        await leaders.wait_turn(lambda: False)
    assert started == [1]
    assert leaders.promised


async def test_a_lane_that_is_cancelled_while_it_waits_is_woken_no_more() -> None:
    """The next one that is needed is started."""
    started: list[int] = []
    leaders = Leaders(served())
    leaders.open(lambda _: pytest.fail("no wire is made"), partial(started.append, 1), forget)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leaders.wait_turn, lambda: False)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    leaders.promise()
    assert started == [1]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_lane_that_is_dismissed_ends_though_others_come_and_come(*, waits: bool) -> None:
    """Else the tasks beside a ruined one would never end on a busy server."""
    leaders = Leaders(served())
    leaders.open(lambda _: pytest.fail("no wire is made"), lambda: None, forget)
    dismissed = not waits

    async def come() -> None:
        nonlocal dismissed
        await wait_all_tasks_blocked()
        dismissed = True
        leaders.add(object.__new__(Http1Peer))

    if not waits:
        leaders.ready.append(object.__new__(Http1Peer))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(come)
        assert not await leaders.wait_turn(lambda: dismissed)


async def test_a_lane_at_home() -> None:
    """It is bound to no wire."""
    leaders = Leaders(served())
    assert Lane(None, leaders.nobody).is_home


class Incomparable:
    """What raises when it is compared, as an array does."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("an array is neither true nor false")


@pytest.mark.parametrize("make", [list, Incomparable, partial(str, 7)])
async def test_no_value_of_a_context_is_seen_by_another_handler(make: Callable[[], object]) -> None:
    """Nor one that is equal to what was there before, or that can't be compared with it."""
    held: ContextVar[object] = ContextVar("held")
    first = make()
    held.set(first)
    seen: list[object] = []
    scene = Scene()

    @scene.app.get("/sets")
    async def index() -> str:
        seen.append(held.get())
        held.set(make())
        return "hello"

    @scene.app.get("/breaks")
    async def break_comparison() -> str:
        held.set(Incomparable())
        return "hello"

    async with scene.serving():
        for path in (b"/sets", b"/breaks", b"/sets"):
            await ask(await scene.connect(), ASK.replace(b"/", path, 1))
    assert [each is first for each in seen] == [True, True]


async def test_a_compartment_that_fails_does_not_end_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the server's own, wherever it is: the next connections are served in another."""
    scene = Scene()

    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise LookupError("the server's own")

    async with scene.serving():
        await ask(await scene.connect())
        monkeypatch.setattr("hump_trio.server.compartment.Compartment._let_go", fail)
        stream = await scene.connect()
        await stream.send_all(b"no request\r\n\r\n")
        assert b"400" in await stream.receive_some()
        await wait_until(lambda: "the server's own" in caplog.text)
        for _ in range(3):
            await ask(await scene.connect())


async def test_a_value_that_cannot_be_compared_has_changed() -> None:
    """What was set in place of another value counts as set, whatever it says of itself."""
    held: ContextVar[object] = ContextVar("held")
    held.set("plain")
    task = trio.lowlevel.current_task()
    lane = Lane(None, Leaders(served()).nobody)
    lane.context, lane.by_identity = task.context.copy(), False
    assert not lane.is_changed(task)
    held.set(Incomparable())
    assert lane.is_changed(task)
    assert not lane.renew_context(task)
    assert held.get() == "plain"


async def test_a_lane_that_finds_nothing_behind_its_turn_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one has taken what was in the queue meanwhile."""
    leaders = Leaders(served())
    leaders.open(lambda _: pytest.fail("no wire is made"), leaders.begin, forget)
    leaders.ready.append(object.__new__(Http1Peer))

    async def let_others_run() -> None:
        assert leaders.promised
        leaders.ready.clear()

    monkeypatch.setattr(trio.lowlevel, "checkpoint", let_others_run)
    assert not await leaders.wait_turn(lambda: True)
    assert not leaders.promised
