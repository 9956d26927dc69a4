"""What brings requests to one lane of an HTTP/2 connection."""

import math

import trio
from trio.lowlevel import checkpoint, current_task

from hump_trio.facts.exceptions import StatusError
from hump_trio.facts.outcomes import Outcome
from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.server.exchange import Exchange
from hump_trio.server.http2.leader import lead
from hump_trio.server.http2.peer import Http2Peer
from hump_trio.server.lane import Lane, Step
from hump_trio.server.stream import HttpStream

__all__ = ["Http2Wire"]

# A lane that wasn't needed for so long ends: an idle connection has one.
SPARE_SECONDS = 5.0


class Http2Wire(Http2Peer):
    """The part of an HTTP/2 connection that one lane serves (see `Wire`).

    The lane ends with a stream that is cut. The keeper starts another one when it needs one.

    Args:
        mux: What the lanes of the connection share.
    """

    __slots__ = ()

    async def next_stream(self, lane: Lane) -> Step:
        """Await a request, and give it to the lane (see `Wire.next_stream`).

        A lane that leads answers plain requests itself; any other one waits until it may lead.
        """
        mux, task = self.mux, current_task()
        try:
            while not (mux.over or mux.ended):
                mux.appointed = False
                if mux.leader is self or self.clock.ending or lane.is_changed(task):
                    # Other connections have their turn, and a handler finds no other's variables. A
                    # lane that was cut as it was appointed ends.
                    lane.renew_context(task)
                    await checkpoint()
                if mux.leader is self:
                    mux.busy = False
                elif mux.leader is None or mux.busy:
                    mux.take_lead(self)
                else:
                    self.clock.deadline = trio.current_time() + SPARE_SECONDS
                    await mux.wait_lead(self)
                    self.clock.deadline = math.inf
                    continue
                step = await lead(mux, self, lane)
                if step is not None:
                    return step
        except ConnectionFailure as failure:
            mux.fail(failure)
        return Step.END

    def look_again(self) -> bool:
        """Tell whether a request has come at the last moment: none has (see `Wire.look_again`)."""
        return False

    async def refuse(self, error: StatusError, outcome: Outcome) -> None:
        """Never called: what is no request is answered where it is read (see `Wire.refuse`)."""
        raise NotImplementedError  # pragma: no cover - `Wire` has it, and no lane comes to it here

    async def settle(self, stream: HttpStream) -> bool:
        """Be done with a stream whose answer is framed (see `Wire.settle`)."""
        self.release()
        self.clock.enter_spare()
        self.clock.answering = False
        if self.mux.session.out:
            self.mux.flush_soon()
        return True

    async def end(self) -> None:
        """Do nothing: the connection goes on (see `Wire.end`)."""

    def detach(self, lane: Lane, exchange: Exchange) -> None:
        """Leave the connection to the other lanes (see `Wire.detach`)."""
        self.release()
        self.mux.forget(self)

    def close(self) -> None:
        """Cut what is unfinished (see `Wire.close`)."""
        mux, stream = self.mux, self.stream
        if stream is not None and not (stream.reset or stream.answered):
            crashed = stream.request is not None and stream.request.outcome == "crash"
            mux.session.cut(
                stream.stream_id, ErrorCode.INTERNAL_ERROR if crashed else ErrorCode.CANCEL
            )
        self.release()
        mux.flush()
        mux.forget(self)
