"""What is left of an HTTP/1.1 connection behind a 101, over each kind of transport."""

import gc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio.server.connection import Connection, Served
from hump_trio.server.http1.line import Http1Line
from hump_trio.transports.memory import memory_transport_pair
from hump_trio.transports.sockets import SocketTransport
from hump_trio.transports.tls_transport import TlsTransport
from hump_trio.transports.transport import RECEIVE_BYTES, Transport
from tests.support.loopback import wait_until
from tests.support.secured import End, client_context, server_context
from tests.support.served import served
from tests.support.watched import open_wire

KINDS = ["memory", "watched", "unwatched", "tls"]


class LineScene:
    """A line, its client, and what the line has told of.

    Attributes:
        line: The line.
        connection: What it is on.
        client: The client's end.
        found: What was read when the line told of something; ``b""`` for the end, and the name of
            what was raised.
        hears: Whether what the line tells of is read at once.
    """

    def __init__(
        self, nursery: trio.Nursery, client: Transport, server: Transport, early: bytes
    ) -> None:
        self.client = client
        self.connection = Connection(server, served())
        self.lanes: list[Served] = []
        self.connection.start_lane = self._start_lane
        self.found: list[bytes | str] = []
        self.told_count = 0
        self.hears = True
        self._nursery = nursery
        self.line = Http1Line(self.connection, early)

    def _start_lane(self, lane: Served) -> None:
        self.lanes.append(lane)
        self._nursery.start_soon(self._serve, lane)

    async def _serve(self, lane: Served) -> None:
        try:
            await lane.serve()
        finally:
            self.lanes.remove(lane)
            del lane.clock.peer

    def hear(self) -> None:
        """Read all that is there, if it is to be read."""
        self.told_count += 1
        if self.hears:
            self.read()

    def read(self) -> None:
        """Read all that is there."""
        try:
            while data := self.line.receive_nowait():
                self.found.append(data)
            if data is not None:
                self.found.append(data)
        except trio.BrokenResourceError as error:
            self.found.append(type(error).__name__)

    def heard(self) -> bytes:
        """Return the bytes that were read."""
        return b"".join(part for part in self.found if isinstance(part, bytes))

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something has come to be."""
        await wait_until(condition)


@asynccontextmanager
async def open_line(kind: str, early: bytes = b"") -> AsyncIterator[LineScene]:
    """Give a line over a kind of transport.

    Args:
        kind: In memory; over TCP, watched by a readiness or not; TLS over the former.
        early: What came behind the head.
    """
    async with (
        open_wire(watched=kind in ("watched", "tls")) as wire,
        trio.open_nursery() as nursery,
    ):
        client: Transport
        server: Transport
        if kind == "memory":
            client, server = memory_transport_pair()
        else:
            sock, server = wire.connect()
            client = SocketTransport(sock)
        if kind == "tls":
            client = End(client, client_context())  # type: ignore[arg-type]
            server = TlsTransport(server, server_context())
            async with trio.open_nursery() as handshakes:
                handshakes.start_soon(client.handshake)
                await server.handshake()
        scene = LineScene(nursery, client, server, early)
        yield scene
        scene.line.stop()
        client.close()
        server.close()
        await wait_all_tasks_blocked()
        assert not scene.lanes, "no task is left"
        nursery.cancel_scope.cancel()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Over each kind of transport."""
    return request.param


async def test_it_tells_of_what_comes(kind: str) -> None:
    """Bytes in order, then the end; it knows when it has heard something."""
    async with open_line(kind) as scene:
        assert scene.line.status == 101
        scene.line.listen(scene.hear)
        before = scene.line.heard_at
        assert before <= trio.current_time()
        sent = b""
        for part in (b"one", b"two", b"x" * 10):
            await scene.client.send_all(part)
            sent += part
            await scene.wait_for(lambda: scene.heard() == sent)  # noqa: B023
        assert scene.line.heard_at >= before
        await scene.client.send_eof()
        await scene.wait_for(lambda: scene.found[-1] == b"")
        assert scene.line.receive_nowait() == b""


async def test_it_tells_of_what_was_there_before(kind: str) -> None:
    """What came behind the head, at once; and what has come since that was read."""
    async with open_line(kind, b"early") as scene:
        await scene.client.send_all(b"later")
        assert scene.line.readable
        scene.line.listen(scene.hear)
        assert scene.heard().startswith(b"early")
        await scene.wait_for(lambda: scene.heard() == b"earlylater")


async def test_a_reset_is_told(kind: str) -> None:
    """The read that finds it says that the client has gone."""
    async with open_line(kind) as scene:
        scene.line.listen(scene.hear)
        await scene.client.send_all(b"one")
        await scene.wait_for(lambda: scene.heard() == b"one")
        scene.client.reset()
        await scene.wait_for(lambda: "BrokenResourceError" in scene.found)


async def test_what_is_left_unread_stays(kind: str) -> None:
    """The line says that it is there, and tells of it no more."""
    async with open_line(kind) as scene:
        scene.hears = False
        scene.line.listen(scene.hear)
        await scene.client.send_all(b"one")
        await scene.wait_for(lambda: scene.told_count > 0)
        await wait_all_tasks_blocked()
        assert scene.line.readable
        assert scene.told_count == 1
        scene.read()
        assert scene.heard() == b"one"
        assert not scene.line.readable
        assert scene.line.receive_nowait() is None
        scene.hears = True
        await scene.client.send_all(b"two")
        await scene.wait_for(lambda: scene.heard() == b"onetwo")


async def test_the_end_that_is_left_unread_stays(kind: str) -> None:
    """And so does one that comes behind bytes that are left unread."""
    async with open_line(kind) as scene:
        scene.hears = False
        scene.line.listen(scene.hear)
        await scene.client.send_all(b"one")
        await scene.wait_for(lambda: scene.line.readable)
        await scene.client.send_eof()
        while b"" not in scene.found:
            if scene.line.readable:
                scene.read()
            await trio.lowlevel.checkpoint()
        assert scene.heard() == b"one"


async def test_more_than_a_read_is_all_there(kind: str) -> None:
    """Whoever reads once for each report looks whether more is there."""
    async with open_line(kind) as scene:
        received = bytearray()

        def hear_once() -> None:
            received.extend(scene.line.receive_nowait() or b"")

        scene.line.listen(hear_once)
        sent = bytes(range(256)) * 2000
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.client.send_all, sent)
            while len(received) < len(sent):
                await trio.lowlevel.checkpoint()
                if scene.line.readable:
                    hear_once()
        assert received == sent


async def test_it_tells_nothing_once_it_is_stopped(kind: str) -> None:
    """And keeps no task."""
    async with open_line(kind) as scene:
        scene.line.listen(scene.hear)
        await wait_all_tasks_blocked()
        scene.line.stop()
        await scene.client.send_all(b"one")
        await wait_all_tasks_blocked()
        assert scene.told_count == 0
        assert not scene.lanes


async def test_it_may_be_stopped_while_something_is_unread() -> None:
    """The task that waits until that is read ends."""
    async with open_line("memory", b"early") as scene:
        scene.hears = False
        scene.line.listen(scene.hear)
        await wait_all_tasks_blocked()
        assert scene.lanes


async def test_bytes_go_out(kind: str) -> None:
    """At once as far as they are taken, and all of them by who waits."""
    async with open_line(kind) as scene:
        scene.line.listen(scene.hear)
        assert scene.line.send_nowait(b"one") == 3
        assert scene.line.sent_bytes == 3
        assert await scene.client.receive_some() == b"one"
        data = bytes(range(256)) * 4000
        received = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.line.send_all, data)
            while len(received) < len(data):
                received += await scene.client.receive_some()
        assert received == data
        assert scene.line.sent_bytes == 3 + len(data)


async def test_a_client_has_to_send_its_end(kind: str) -> None:
    """If it hasn't answered, or has sent more; all of that is thrown away, however much it is."""
    for answered in (False, True):
        async with open_line(kind, b"unread" if answered else b"") as scene:
            scene.hears = False
            scene.line.listen(scene.hear)
            done = trio.Event()

            async def end(scene: LineScene, done: trio.Event, *, answered: bool) -> None:
                await scene.line.end(answered=answered)
                done.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: end(scene, done, answered=answered))  # noqa: B023
                assert await scene.client.receive_some() == b""
                await scene.client.send_all(bytes(3 * RECEIVE_BYTES))
                await wait_all_tasks_blocked()
                assert not done.is_set()
                await scene.client.send_eof()
                await done.wait()
            assert not scene.connection.gone


async def test_a_client_that_has_all_is_not_waited_for(autojump_clock: MockClock) -> None:
    """Its closing frame has come, and nothing behind it."""
    async with open_line("memory") as scene:
        scene.line.listen(scene.hear)
        scene.line.send_nowait(b"all")
        with trio.testing.assert_no_checkpoints():
            await scene.line.end()
        assert scene.client.peer_state() == "open"


@pytest.mark.parametrize(("byte_count", "waits"), [(127, False), (128, True)])
async def test_a_closing_frame_may_be_on_its_way(
    byte_count: int, waits: bool, autojump_clock: MockClock
) -> None:
    """The longest one needn't be acknowledged by a client that sends nothing more; more has to."""
    async with open_line("memory") as scene:
        scene.client.set_window(0)  # type: ignore[attr-defined]
        scene.line.listen(scene.hear)
        assert scene.line.send_nowait(bytes(byte_count)) == byte_count
        with trio.move_on_after(1) as scope:
            await scene.line.end()
        assert scope.cancelled_caught is waits


async def test_a_client_that_goes_before_its_end(kind: str) -> None:
    """Is waited for no more: before this side's end, and behind it."""
    for early in (True, False):
        async with open_line(kind) as scene:
            scene.line.listen(scene.hear)
            if early:
                scene.client.reset()
                await scene.wait_for(lambda: "BrokenResourceError" in scene.found)
                await scene.line.end(answered=False)
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(lambda: scene.line.end(answered=False))
                    assert await scene.client.receive_some() == b""
                    scene.client.reset()
            assert scene.connection.gone


async def test_the_wait_for_the_end_may_be_cancelled(kind: str) -> None:
    """By the time for closing."""
    async with open_line(kind) as scene:
        scene.line.listen(scene.hear)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: scene.line.end(answered=False))
            assert await scene.client.receive_some() == b""
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await scene.client.send_all(b"late")
        await wait_all_tasks_blocked()


async def read_all(client: Transport) -> None:
    """Read up to the end."""
    while await client.receive_some():
        pass


async def test_a_reset_is_one(kind: str) -> None:
    """The client sees an error, and no end; any number of calls are one."""
    async with open_line(kind) as scene:
        scene.line.listen(scene.hear)
        scene.line.send_nowait(b"cut")
        scene.line.reset()
        scene.line.reset()
        with pytest.raises(trio.BrokenResourceError):
            await read_all(scene.client)


async def test_it_holds_nothing_when_it_is_over(kind: str) -> None:
    """Neither what it has told of arrivals nor a circle that waits for the collector."""

    class Hearer:
        def hear(self) -> None:
            """Hear."""

    async with open_line(kind) as scene:
        hearer = Hearer()
        gone = weakref.ref(hearer)
        scene.line.listen(hearer.hear)
        await wait_all_tasks_blocked()
        scene.line.stop()
        await wait_all_tasks_blocked()
        gc.disable()
        try:
            del hearer
            assert gone() is None
        finally:
            gc.enable()
