"""What the lanes of an HTTP/2 connection share: the session, who leads, and what is unsent.

The keeper of the connection, a task of its own, is woken here for whatever needs a task: a leader
is wanted, bytes weren't taken at once, answers of several lanes are to go out together.
"""

from collections.abc import Awaitable
from typing import Protocol

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from hump_trio.facts.loggers import logger
from hump_trio.http2.failures import ConnectionFailure
from hump_trio.http2.frames import CONTINUATION, HEADER_BYTES, HEADERS
from hump_trio.http2.receiver import Receiver
from hump_trio.http2.session import Session
from hump_trio.http2.streams import Stream
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.http2.prepared import Prepared
from hump_trio.server.phases import Phase
from hump_trio.transports.transport import Arrivals

__all__ = ["UNSENT_BYTES", "Multiplexer"]

# So much is framed and not yet taken by the transport: little enough that a priority or a reset
# acts soon, enough for a fast network.
UNSENT_BYTES = 64 * 1024


class Member(Protocol):
    """A lane, as far as the others have to do with it."""

    @property
    def task(self) -> Task:
        """The task of the lane."""

    @property
    def serves(self) -> bool:
        """Whether it has a request."""

    def lose_lead(self) -> None:
        """Hear that another lane leads."""

    def look_for_peer(self, now: float) -> None:
        """See at once that the client has gone."""

    def stop(self) -> None:
        """End, since nothing more comes; called while it has no request."""


class Multiplexer:
    """What the lanes of one HTTP/2 connection share.

    The leader alone writes what it reads (`data`, `pos`, `preface_read`, `reading`), and the keeper
    alone writes `writing`. The attributes below tell who else writes what; where they don't, it is
    the methods of this class, which lanes and the keeper call.

    Args:
        connection: Its handshake is over.
        received: What was read from it already.

    Attributes:
        connection: The transport, and the time that bounds what isn't the time of any request.
        session: The streams, and what is to be sent.
        receiver: What the frames of the peer mean.
        prepared: What the HTTP/2 connections of the server share.
        data: Bytes that the leader has read.
        pos: Where those begin that weren't taken for a frame yet.
        leader: The lane that reads; None if none does.
        busy: Whether the leader has a request, so that another lane may take the lead. The leader
            sets it before it calls a handler.
        armed: Whether the keeper was asked to find another leader; the keeper takes that back.
        appointed: Whether a lane that may take the lead was woken or started, by the leader or the
            keeper. The next lane that asks for a request takes that back.
        reading: Whether the leader waits for bytes.
        listening: Whether the next arrival of bytes wakes the keeper, instead of a leader.
        unsent: Frames that the transport hasn't taken, behind which nothing can be sent. Each
            task that sends adds to it, and the keeper alone takes away.
        preface_read: Whether the peer has begun as a client of HTTP/2 does.
        ended: Whether the peer sends nothing more; what it has asked is answered.
        over: Whether no further request is begun; those that are under way may be answered.
        dead: Whether no request can be answered any more; then it is over, too.
        keeper: The keeper's task.
        parked: Whether the keeper waits to be woken.
        writing: Encloses the keeper's wait for room in the transport; None if it has no such wait.
        stream_count: How many streams are open, or have a handler that outlives them.
        members: The lanes.
        told_id: The last stream when the wait for another one began.
    """

    __slots__ = (
        "_idle",
        "_idle_until",
        "_room",
        "appointed",
        "armed",
        "busy",
        "connection",
        "data",
        "dead",
        "ended",
        "keeper",
        "leader",
        "listening",
        "members",
        "over",
        "parked",
        "pos",
        "preface_read",
        "prepared",
        "reading",
        "receiver",
        "session",
        "stream_count",
        "told_id",
        "unsent",
        "writing",
    )

    def __init__(self, connection: Connection, received: bytes) -> None:
        state = connection.state
        self.connection: Connection = connection
        self.session: Session = Session(state.limits, trio.current_time())
        self.receiver: Receiver = Receiver(self.session)
        self.prepared: Prepared = state.shared(Prepared)
        self.data: bytes = received
        self.pos: int = 0
        self.leader: Member | None = None
        self.busy: bool = False
        self.armed: bool = False
        self.appointed: bool = False
        self.listening: bool = False
        self.reading: bool = False
        self.unsent: bytes = b""
        self.preface_read: bool = False
        self.ended: bool = False
        self.over: bool = False
        self.dead: bool = False
        self.parked: bool = False
        self.writing: trio.CancelScope | None = None
        self.stream_count: int = 0
        self.told_id: int = -1
        self.members: list[Member] = []
        self._idle: list[Member] = []
        self.keeper: Task = current_task()
        self._room: trio.lowlevel.ParkingLot | None = None
        self._idle_until: float | None = None  # the deadline of that wait, while a head comes

    # Who leads.

    def take_lead(self, member: Member) -> None:
        """Make a lane the leader, in the place of one that is busy."""
        if self.leader is not None:
            self.leader.lose_lead()
        self.leader = member
        self.busy = False

    async def wait_lead(self, member: Member) -> None:
        """Let a lane wait until it may lead, or until all is over. A checkpoint."""
        self._idle.append(member)

        def abort(_: object) -> Abort:
            self._idle.remove(member)
            return Abort.SUCCEEDED

        await wait_task_rescheduled(abort)

    def appoint(self) -> bool:
        """Wake a lane that waits to lead, and tell if there was one."""
        if self._idle:
            reschedule(self._idle.pop().task)
            return True
        return False

    def forget(self, member: Member) -> None:
        """Hear that a lane is over."""
        self.members.remove(member)
        if self.leader is member:
            self.leader = None
            self.busy = False
            self.armed = True
        self.wake()

    @property
    def serves(self) -> bool:
        """Whether a request is being received, handled or answered."""
        return self.stream_count > 0 or any(each.serves for each in self.members)

    # Streams.

    def open(self, stream: Stream, priority: str | None) -> None:
        """Know a stream, which a lane serves from now on."""
        self.session.open(stream, priority)
        self.stream_count += 1
        self.connection.state.stream_count += 1
        self.enter_streams()

    def close(self, stream: Stream) -> None:
        """Be done with a stream, whose lane has let go of it."""
        self.connection.state.buffered_bytes -= stream.decline()
        self.session.close(stream)
        self.stream_count -= 1
        self.connection.state.stream_count -= 1
        if not self.stream_count:
            self.settle_phase()
            if self.ended or self.over or self.session.goaway_id is not None:
                self.wake()

    # Waking the keeper.

    def step_aside(self) -> None:
        """Let another lane take the lead as soon as more comes: the leader is busy from now on."""
        self.busy = True
        arrivals = self.connection.transport.arrivals
        if (
            len(self.data) - self.pos >= HEADER_BYTES
            or arrivals is None
            or arrivals.ready
            or self.writing is not None
        ):
            self.enter_streams()
            if not (self.appointed or self.armed):
                self.appointed = self.appoint()
                if not self.appointed:
                    self.armed = True
                    self.wake()
        elif self.parked and not self.listening:
            self.listen(arrivals, self.connection.clock)

    def listen(self, arrivals: Arrivals, clock: Clock) -> None:
        """Let the next arrival wake the keeper, while it waits and the leader is busy."""
        clock.enter_streams()
        self.listening = True
        arrivals.task = self.keeper

    def stop_listening(self) -> None:
        """Let the next arrival wake the keeper no more.

        If the keeper isn't there any more, bytes have woken it: it only has to run.
        """
        self.listening = False
        arrivals = self.connection.transport.arrivals
        if arrivals is not None and arrivals.task is self.keeper:
            arrivals.task = None
        else:
            self.parked = False

    def wake(self) -> None:
        """Let the keeper look at what has changed."""
        if self.parked:
            if self.listening:
                self.stop_listening()
            if self.parked:
                self.parked = False
                reschedule(self.keeper)
        elif self.writing is not None:
            self.writing.cancel()

    def park(self) -> Awaitable[object]:
        """Return what the keeper waits with until it is woken; `unpark` has to follow.

        Bytes wake it where the leader is busy. A checkpoint. It is no coroutine function, since an
        idle connection would hold a coroutine more.
        """
        arrivals = self.connection.transport.arrivals
        wanted = self.busy and not (self.appointed or self.ended or self.over)
        if wanted and arrivals is not None and arrivals.task is None:
            if arrivals.ready:  # bytes were reported when nobody listened
                self.armed = True
                return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - the caller awaits it
            self.listening = True
            arrivals.task = self.keeper
        self.parked = True
        # The caller awaits it: a coroutine of this class around it would stay while it waits.
        return wait_task_rescheduled(self._abort_park)  # noqa: ASYNC105

    def unpark(self) -> None:
        """Hear that the keeper waits no more, and whether that was for bytes that have come."""
        self.parked = False
        if self.listening:
            self.listening = False
            self.armed = True

    def _abort_park(self, _: object) -> Abort:
        if self.listening:
            self.stop_listening()
        self.parked = False
        return Abort.SUCCEEDED

    # Writing.

    def flush(self) -> None:
        """Send what is framed, and frame what windows allow, as far as that is taken at once."""
        session, transport = self.session, self.connection.transport
        out, sources = session.out, session.sources
        while not (self.unsent or self.dead):
            if sources.streams:
                sources.frame(out, UNSENT_BYTES)
            if not out:
                return
            data = b"".join(out)
            out.clear()
            try:
                sent_bytes = transport.send_nowait(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.lose_transport()
                return
            if sent_bytes < len(data):
                self.unsent = data[sent_bytes:]
                self.enter_streams()
                self.wake()

    def flush_later(self) -> None:
        """Have frames sent together with others: by a leader that will wait, or by the keeper."""
        if self.leader is None or self.reading or (self.busy and not self.appointed):
            self.wake()

    def flush_soon(self) -> None:
        """Have frames sent: at once if there is one stream, else together with those of others."""
        if len(self.session.streams) > 1:
            self.flush_later()
        else:
            self.flush()

    def free_room(self, sent_bytes: int) -> None:
        """Hear that the transport has taken more of what was held."""
        self.unsent = self.unsent[sent_bytes:]
        if not self.unsent:
            self.settle_phase()
            if self._room is not None:
                self._room.unpark_all()

    @property
    def position(self) -> int:
        """The bytes that the transport has taken, and those that it has still to take."""
        unsent_bytes = len(self.unsent) + sum(map(len, self.session.out))
        return self.connection.transport.sent_bytes + unsent_bytes

    @property
    def congested(self) -> bool:
        """Whether the peer has to take some frames before more of its own are read.

        Source: CVE-2019-9512, CVE-2019-9515.
        """
        return len(self.unsent) + sum(map(len, self.session.out)) > UNSENT_BYTES

    async def wait_room(self) -> None:
        """Wait until the transport has taken what was held. A checkpoint."""
        if self._room is None:
            self._room = trio.lowlevel.ParkingLot()
        await self._room.park()

    # The end.

    def fail(self, failure: ConnectionFailure) -> None:
        """End the connection for what the peer has sent."""
        logger.info("refused a connection of HTTP/2: %s", failure)
        self.session.say_goodbye(self.session.last_id, failure.code)
        self.over = True
        self.wake()

    def end_input(self) -> None:
        """Hear that the peer sends nothing more."""
        self.ended = True
        for stream in self.session.streams.values():
            if not stream.input_ended:
                stream.broken = True
                stream.notice_input()
        self.wake()

    def lose_transport(self) -> None:
        """Hear that the transport is broken."""
        self.connection.gone = True
        self.lose_peer()

    def lose_peer(self) -> None:
        """Let no request be answered any more, and no lane wait for another one."""
        if self.dead:
            return
        self.dead = self.over = True
        now = trio.current_time()
        for stream in list(self.session.streams.values()):
            self.session.sources.discard(stream)
            stream.reset = True
            stream.notice_reset()
        for member in list(self.members):
            member.look_for_peer(now)
        while self.appoint():
            pass
        if self.leader is not None and not self.busy:
            self.leader.stop()
        if self._room is not None:
            self._room.unpark_all()
        self.wake()

    # The time of the connection, while it isn't that of any request.

    def enter_streams(self) -> None:
        """Go to the phase in which requests are served, each in its own time."""
        if self.connection.clock.phase is not Phase.STREAMS:
            self.connection.clock.enter_streams()

    def settle_phase(self) -> None:
        """Go to the phase that belongs to what is being waited for.

        Frames that begin no stream don't prolong the wait for the next one.
        """
        clock, session = self.connection.clock, self.session
        if self._awaits_head():
            if clock.phase is Phase.OPENED:
                clock.enter_head()
            elif clock.phase is not Phase.HEAD:
                idle = clock.phase is Phase.IDLE and session.last_id == self.told_id
                self._idle_until = clock.deadline if idle else None
                clock.enter(Phase.HEAD, self.connection.state.timeouts.head)
        elif self.stream_count or self.unsent or self.busy:
            self.enter_streams()
        elif not self.receiver.greeted:
            if self.preface_read:
                clock.enter_head()
        elif clock.phase is Phase.HEAD and self._idle_until is not None:
            clock.phase, clock.deadline = Phase.IDLE, self._idle_until
        elif clock.phase not in (Phase.IDLE, Phase.ANSWERED) or session.last_id != self.told_id:
            clock.enter_answered()
        self.told_id = session.last_id

    def _awaits_head(self) -> bool:
        """Tell whether the rest of a head is being waited for, or of the connection's beginning."""
        if self.receiver.block is not None:
            return True
        left = self.data[self.pos : self.pos + 4]
        return bool(left) and (not self.stream_count or left[3:] in HEAD_KINDS)


# The types of the frames of a head, where they stand in a frame.
HEAD_KINDS = (bytes([HEADERS]), bytes([CONTINUATION]))
