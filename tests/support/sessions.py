"""A WebSocket over a line in memory that does what the test says, with its session and its time."""

import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio import Limits, Timeouts
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.channel import MessageRules
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request, build_request
from hump_trio.messages.target import parse_target
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection, Served
from hump_trio.server.line import Line
from hump_trio.server.phases import Phase
from hump_trio.server.state import ServerState
from hump_trio.server.watchdog import Watchdog
from hump_trio.server.websocket.later import Later
from hump_trio.server.websocket.outbox import Outbox
from hump_trio.server.websocket.session import Session
from hump_trio.testing.app_frames import AppFrames
from hump_trio.transports.memory import memory_transport_pair
from hump_trio.transports.transport import RECEIVE_BYTES, PeerState
from tests.support.served import served
from tests.websocket.client_frames import masked

__all__ = ["FakeLine", "LinePeer", "OutboxScene", "Scene", "open_outbox", "open_scene", "text"]


def text(message: str) -> bytes:
    """Return a client's frame of a whole message."""
    return masked(0x81, message.encode())


class FakeLine:
    """A line whose client is the test (see `Line`).

    It tells of what comes as a socket does that is watched by edges: once for each arrival.

    Attributes:
        sent: All that was taken.
        room_bytes: How much more is taken; None: nobody is there any more.
        calls: What else was called, in order.
        answered: Whether the line has ended behind the client's closing frame.
        ready: Whether a read may find something.
    """

    status: int = 101

    def __init__(self) -> None:
        self.sent = bytearray()
        self.room_bytes: float | None = math.inf
        self.calls: list[str] = []
        self.ready: bool = False
        self.heard_at: float = trio.current_time()
        self.answered: bool = False
        self.cut = False  # by a cancellation
        self._incoming: deque[bytes | None] = deque()
        self._hear: Callable[[], None] | None = None
        self._changed = trio.lowlevel.ParkingLot()

    # What the test does.

    def put(self, *parts: bytes | None) -> None:
        """Let something come that nobody is told of: bytes, none at the end, None for a reset."""
        self._incoming.extend(parts)
        self.ready = True
        self.heard_at = trio.current_time()

    def give(self, *parts: bytes | None) -> None:
        """Let something come, each part in a read of its own at least."""
        self.put(*parts)
        if self._hear is not None:
            self._hear()

    def take(self, byte_count: float) -> None:
        """Take so much more."""
        assert self.room_bytes is not None
        self.room_bytes += byte_count
        self._changed.unpark_all()

    def leave(self) -> None:
        """Let the client be gone for whoever sends."""
        self.room_bytes = None
        self._changed.unpark_all()

    # What the session does.

    @property
    def sent_bytes(self) -> int:
        """How much was taken."""
        return len(self.sent)

    def listen(self, hear: Callable[[], None]) -> None:
        """Tell a function of what comes."""
        self._hear = hear
        if self.readable:
            hear()

    def stop(self) -> None:
        """Tell it no more."""
        self._hear = None
        self.calls.append("stop")

    @property
    def readable(self) -> bool:
        """Whether a read may find something."""
        return self.ready

    def receive_nowait(self) -> bytes | None:
        """Return what has come, at most as much as a read of a transport."""
        if not self._incoming:
            self.ready = False
            return None
        part = self._incoming[0]
        if part is None:
            self.ready = False
            raise trio.BrokenResourceError("reset")
        if part:
            self._incoming.popleft()
            if len(part) > RECEIVE_BYTES:
                self._incoming.appendleft(part[RECEIVE_BYTES:])
        self.ready = bool(self._incoming) or len(part) >= RECEIVE_BYTES
        return part[:RECEIVE_BYTES]

    def send_nowait(self, data: bytes) -> int:
        """Take what there is room for."""
        assert not self.cut, "nothing follows a part of a frame"
        if self.room_bytes is None:
            raise trio.BrokenResourceError("gone")
        count = int(min(len(data), self.room_bytes))
        self.room_bytes -= count
        self.sent += data[:count]
        return count

    async def send_all(self, data: bytes) -> None:
        """Take all of it, once there is room."""
        await trio.lowlevel.checkpoint()
        sent_bytes = self.send_nowait(data)
        try:
            while sent_bytes < len(data):
                await self._changed.park()
                sent_bytes += self.send_nowait(data[sent_bytes:])
        except trio.Cancelled:
            self.cut = True
            raise

    async def end(self, *, answered: bool = True) -> None:
        """End."""
        self.calls.append("end")
        self.answered = answered
        await trio.lowlevel.checkpoint()

    def reset(self) -> None:
        """Break off."""
        self.calls.append("reset")


class LinePeer:
    """The peer of a line (see `hump_trio.server.clock.Peer`), which acknowledges at once.

    Attributes:
        state: What it has ended.
        acked: What it has acknowledged; None: all.
    """

    def __init__(self, line: FakeLine) -> None:
        self.gone: bool = False
        self.write_cut: bool = False
        self.state: PeerState = "open"
        self.acked: int | None = None
        self._line = line

    def peer_state(self) -> PeerState:
        """Return what it has ended."""
        return self.state

    def acked_bytes(self) -> int:
        """Return what it has acknowledged."""
        return self._line.sent_bytes if self.acked is None else self.acked

    def fully_acked(self) -> bool:
        """Tell whether that is all."""
        return self.acked_bytes() == self._line.sent_bytes

    def answer_bytes(self) -> int:
        """Return what was sent."""
        return self._line.sent_bytes


class OutboxScene:
    """An outbox over a line, and what it is made of.

    Attributes:
        line: The line.
        peer: Its peer.
        clock: That of the lane.
        connection: Starts tasks; the line isn't on it.
        arrived: What the handler hasn't received.
        resumed: How often the outbox has asked for more to be read.
    """

    def __init__(self, nursery: trio.Nursery, state: ServerState) -> None:
        state.start_attendant = nursery.start_soon
        self.state = state
        self.line = FakeLine()
        self.peer = LinePeer(self.line)
        self.clock = Clock(state, self.peer)
        self.clock.deadline = math.inf
        self.connection = Connection(memory_transport_pair()[1], state)
        self.lanes: list[Served] = []
        self.connection.start_lane = self._start_lane
        self.arrived: deque[Any] = deque()
        self.resumed = 0
        self._nursery = nursery
        self._frames = AppFrames()
        self._seen_bytes = 0

    def _start_lane(self, lane: Served) -> None:
        self.lanes.append(lane)
        self._nursery.start_soon(self._serve_lane, lane)

    async def _serve_lane(self, lane: Served) -> None:
        try:
            await lane.serve()
        finally:
            self.lanes.remove(lane)
            del lane.clock.peer

    def make_outbox(self) -> Outbox:
        """Return an outbox."""
        later = self.state.shared(Later)
        return Outbox(self.line, self.clock, self.arrived, later, self.connection, self._resume)

    def _resume(self) -> None:
        self.resumed += 1

    def received(self) -> list[Any]:
        """Return what has come whole to the client since this was asked last.

        Messages as they are, anything else as a pair of its kind and its payload.
        """
        data = bytes(self.line.sent[self._seen_bytes :])
        self._seen_bytes += len(data)
        return [
            payload if kind == "message" else (kind, payload)
            for kind, payload in self._frames.feed(data)
        ]


@asynccontextmanager
async def open_outbox() -> AsyncIterator[tuple[Outbox, OutboxScene]]:
    """Give an outbox, and release it."""
    async with trio.open_nursery() as nursery:
        scene = OutboxScene(nursery, served())
        outbox = scene.make_outbox()
        yield outbox, scene
        if outbox.closed is None:
            outbox.release(WebSocketClosed(1006, "", "lost"))
        await wait_all_tasks_blocked()
        assert not scene.lanes
        nursery.cancel_scope.cancel()


class Switch:
    """The stream of a request for a WebSocket, as far as its session needs it.

    Args:
        line: What it becomes.

    Attributes:
        fields: Those of the answer.
        failure: What answering raises.
    """

    def __init__(self, line: FakeLine) -> None:
        self.fields: FieldLines = []
        self.failure: Exception | None = None
        self._line = line

    async def switch(self, fields: FieldLines) -> Line:
        """Return the line."""
        self.fields = fields
        if self.failure is not None:
            raise self.failure
        return self._line


class Scene(OutboxScene):
    """A session over a line in memory, swept by a watchdog; the test is handler and client.

    Attributes:
        session: The session.
        request: Its request.
        stream: What becomes the line.
        statuses: Those that the session has opened with.
    """

    def __init__(
        self, nursery: trio.Nursery, state: ServerState, fields: FieldLines, grace: float
    ) -> None:
        super().__init__(nursery, state)
        target = parse_target("GET", "/", "1.1")
        self.request: Request = build_request(target, "a", fields, None)
        self.clock.begin_exchange(self.request)
        self.clock.enter_handler(trio.current_time(), 30.0, grace)
        self.stream = Switch(self.line)
        self.statuses: list[int] = []
        self.session = Session(self.stream, self.connection, self.clock, self._note)  # type: ignore[arg-type]
        self._watchdog = Watchdog()
        self._watchdog.lanes.add(self.clock)

    def _note(self, status: int) -> None:
        self.statuses.append(status)
        self.clock.enter_open(self.session)

    async def serve_sweeps(self) -> None:
        """Sweep the clock until cancelled."""
        self.connection.clock.deadline = math.inf
        self._watchdog.connections.add(self.connection)
        await self._watchdog.sweep()

    async def wait_closed(self) -> None:
        """Wait for both closes, as the lane does once the handler is over."""
        self.clock.enter(Phase.CLOSING, self.state.timeouts.close)
        await self.session.wait_closed()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due by then."""
        await trio.sleep(seconds)
        await wait_all_tasks_blocked()


@asynccontextmanager
async def open_scene(
    rules: MessageRules | None = None,
    *,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    fields: FieldLines | None = None,
    grace: float = 5.0,
    streaming: bool = False,
    accepted: bool = True,
) -> AsyncIterator[Scene]:
    """Give a session, and release it.

    Args:
        rules: What it takes; whatever comes, if left out.
        limits: The default ones if left out.
        timeouts: The default ones if left out.
        fields: Those of the request.
        grace: What the handler has left when its client has gone, in seconds.
        streaming: Whether the first message is received in parts.
        accepted: Whether the handshake is answered already.
    """
    async with trio.open_nursery() as nursery:
        state = served(limits=limits, timeouts=timeouts)
        scene = Scene(nursery, state, [] if fields is None else fields, grace)
        nursery.start_soon(scene.serve_sweeps)
        if accepted:
            await scene.session.accept(rules or MessageRules(), streaming=streaming)
        yield scene
        scene.clock.channel = None
        scene.session.release()
        del scene.clock.peer
        await wait_all_tasks_blocked()
        assert not scene.lanes, "no task is left"
        assert state.buffered_bytes == 0, "all that was counted is given back"
        nursery.cancel_scope.cancel()


async def receive_all(scene: Scene, into: list[Any]) -> None:
    """Receive to the end, and note what has come and how it has ended."""
    try:
        while True:
            into.append(await scene.session.receive())
    except WebSocketClosed as error:
        into.append((error.code, error.reason, error.by))
