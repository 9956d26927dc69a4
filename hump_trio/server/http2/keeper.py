"""The keeper of an HTTP/2 connection: the task that starts lanes, and ends the connection.

Lanes serve the requests of a connection, each in a task of its own. One of them *leads*: it reads
frames, and runs the handlers of plain requests itself. While the leader is busy with a request,
any other lane may take the lead from it. The keeper sees to it that there is one::

              nobody leads, or more has come while the leader is busy
    keeper  ---------------------------------------------------------->  a lane that waits,
      ^                                                                  else a new one
      |  frames that the transport hasn't taken,                             |
      |  or that are to go out together with those of other streams          | takes the lead
      |  the leader is over, the peer has gone, or nothing is left to serve  v
      +----------------------------------------------------------------  the lanes

Two ways into the lead go past the keeper: a leader whose handler may wait wakes a lane by itself,
if more has come by then and a lane waits; and a lane that is done with its request takes the lead
from a leader that is busy.

Everybody sends what the transport takes at once, and the keeper alone waits for room in it. The
keeper closes the transport when nothing is to be served any more. Then it waits for its lanes,
whose handlers may have time left (see ``on_disconnect``).
"""

import math
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import trio

from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.session import USED_UP_ID
from hump_trio.server.connection import Connection
from hump_trio.server.http2.multiplexer import Multiplexer
from hump_trio.server.http2.wire import Http2Wire
from hump_trio.server.lane import Lane
from hump_trio.server.phases import Phase

__all__ = ["serve_http2"]


class Keeper:
    """Keeps one connection.

    Args:
        connection: Its handshake is over.
        received: What was read from it already.
    """

    __slots__ = ("_connection", "_drain_deadline", "_gives_way", "_mux", "_session")

    def __init__(self, connection: Connection, received: bytes) -> None:
        self._connection = connection
        self._mux = Multiplexer(connection, received)
        self._session = self._mux.session
        self._drain_deadline = math.inf
        self._gives_way = False  # to another connection, which waits for this one's end

    async def keep(self) -> None:
        """Serve until nothing more can come; the transport is closed then.

        Cancellation: the transport is reset, if anything is unfinished. Lanes learn of it by their
        own cancellation. Those that a shutdown cancels may still say how their streams end.
        """
        connection, mux = self._connection, self._mux
        clock = connection.clock
        clock.task = trio.lowlevel.current_task()
        connection.hear_drain = self.drain
        try:
            self._session.greet()
            if not connection.transport.strong_cipher:  # RFC 9113 section 9.2.2
                self._session.say_goodbye(0, ErrorCode.INADEQUATE_SECURITY)
                await self._take_leave()
                return
            mux.flush()
            if clock.closing:
                self.drain()
            self._start_lane()
            may_tell = None
            while may_tell is None:
                with clock.scope:
                    await self._attend()
                may_tell = self._judge()
            if may_tell:
                await self._take_leave()
        finally:
            connection.hear_drain = None
            if clock.ending is not None and clock.ending.reason == "shutdown":
                await self._let_lanes_end()
            mux.lose_peer()
            if mux.unsent:
                mux.enter_streams()  # a frame is cut
            connection.close()
            while mux.members:
                await mux.park()
                mux.unpark()

    def drain(self) -> None:
        """Tell the peer that this connection ends, once what it has sent by then is answered."""
        if self._session.goaway_id is None:
            self._session.announce_goodbye()
            self._drain_deadline = trio.current_time() + self._connection.state.timeouts.drain_idle
            self._mux.flush()
            self._mux.wake()

    def _judge(self) -> bool | None:
        """Tell if the peer may hear of the end, once there is nothing to be done; None: it goes on.

        The wait for something to be done may have been too long, or come to its end otherwise.
        """
        clock, session, mux = self._connection.clock, self._session, self._mux
        if not clock.scope.cancel_called:
            return not mux.dead
        ending = clock.ending
        assert ending is not None, "the scope has no deadline of its own"
        if mux.dead or ending.reason != "deadline" or ending.phase is Phase.STREAMS:
            return False
        clock.ending = None
        clock.scope = trio.CancelScope()
        if ending.phase is Phase.OPENED:  # a peer that has said nothing is told nothing
            return False
        if ending.phase is Phase.HEAD:
            session.say_goodbye(session.last_id, ErrorCode.ENHANCE_YOUR_CALM)
            return True
        if not mux.serves:
            in_time = trio.current_time() < clock.deadline
            self._gives_way = in_time or ending.phase is Phase.ANSWERED
            session.say_goodbye(session.last_id)
            return True
        mux.settle_phase()
        return None

    async def _attend(self) -> None:
        """Find leaders and write, until nothing is left to be served."""
        mux = self._mux
        while True:
            if self._session.last_id >= USED_UP_ID:
                self.drain()
            mux.flush()
            if mux.armed or mux.unsent:  # while it writes it hears of no arrival
                mux.armed = False
                if (mux.leader is None or mux.busy) and not (mux.ended or mux.over):
                    self._appoint()
            if mux.unsent and not mux.dead:
                await self._write()
            elif self._is_over():
                return
            else:
                if self._drain_deadline < math.inf:
                    with trio.move_on_at(self._drain_deadline):
                        await mux.park()
                else:
                    await mux.park()
                mux.unpark()

    def _appoint(self) -> None:
        """Let another lane take the lead: one that waits, else a new one."""
        mux = self._mux
        if not mux.appointed:
            mux.appointed = True  # at the latest a lane that has come to its end leads
            most = self._connection.state.limits.streams + 1
            if not mux.appoint() and len(mux.members) < most:
                self._start_lane()

    def _start_lane(self) -> None:
        """Start a lane, which leads if nobody else does."""
        wire = Http2Wire(self._mux)
        self._mux.members.append(wire)
        self._connection.start_lane(Lane(wire, wire.clock))

    async def _write(self) -> None:
        """Wait for room, and send what wasn't taken; or until woken for something else."""
        mux, transport = self._mux, self._connection.transport
        try:
            with trio.CancelScope() as mux.writing:
                await transport.wait_send_all_might_not_block()
            mux.free_room(transport.send_nowait(mux.unsent))
        except trio.BrokenResourceError:
            mux.lose_transport()
        finally:
            mux.writing = None

    def _is_over(self) -> bool:
        """Tell whether nothing more is served; say which stream is the last one, if it is time."""
        mux, session = self._mux, self._session
        if mux.over:
            return True
        if self._drain_deadline < math.inf and (
            session.drain_acked or trio.current_time() >= self._drain_deadline
        ):
            self._drain_deadline = math.inf
            session.say_goodbye(session.last_id)
            mux.flush()
        named = session.goaway_id is not None and self._drain_deadline == math.inf
        return (mux.ended or named) and not mux.serves

    async def _let_lanes_end(self) -> None:
        """Send what lanes say that are cancelled, as far as it is taken in time."""
        connection, mux = self._connection, self._mux
        deadline = connection.state.closing_deadline()
        mux.over = True
        with trio.CancelScope(deadline=deadline, shield=True):
            while mux.members and not mux.dead:
                await mux.park()
                mux.unpark()
                mux.flush()
        if not (mux.members or mux.unsent or mux.dead):
            connection.clock.phase = Phase.LINGER  # nothing is unfinished
            with suppress(trio.BrokenResourceError):
                connection.transport.receive_nowait()  # or what was sent would be lost with it

    async def _take_leave(self) -> None:
        """Let the peer read all that was sent, before the transport is closed."""
        mux, connection = self._mux, self._connection
        mux.unsent += b"".join(self._session.out)
        self._session.out.clear()
        mux.lose_peer()
        clock = connection.clock
        clock.scope = trio.CancelScope()
        clock.enter_send()
        with clock.scope, suppress(trio.BrokenResourceError):
            while mux.leader is not None and not mux.busy:  # it may still be receiving
                await mux.park()
                mux.unpark()
            if mux.unsent:
                await connection.transport.send_all(mux.unsent)
                mux.unsent = b""
            clock.phase = Phase.LINGER  # nothing that was begun is unfinished
            if not (mux.ended or self._gives_way):
                await connection.linger()


def serve_http2(connection: Connection, received: bytes = b"") -> Coroutine[Any, Any, None]:
    """Serve a connection by HTTP/2 until it ends; its transport is closed then.

    It is no coroutine function, since an idle connection would hold a coroutine more.

    Args:
        connection: Its handshake is over, if it has one, and nothing was answered on it.
        received: What was read of it already.

    Cancellation: running handlers are cancelled, and the connection is reset.
    """
    return Keeper(connection, received).keep()
