r"""A lane: the requests that one task serves, one after the other, and what each deadline means.

What a lane does is one step after the other:

                       nothing more
      +--> AWAIT ------------------------> END ----> OVER
      |      |  \                           ^
      |      |   \ no request               |
      |      |    +----------> REFUSE ------+
      |      v stream                       | none may follow
      |   RECEIVE                           |
      |      v body, or refused             |
      |   HANDLE --> SEND or SPEAK ----> SETTLE
      |      | cut        | error before    | another may follow
      |      v            v its first byte  |
      |     FAIL <--------+                 |
      |      +--> SEND                      |
      +-------------------------------------+

AWAIT    [_await]    no exchange; the wire has the connection's time
RECEIVE  [_receive]  an exchange, counted; its choice is known, its body may not be here
HANDLE   [_handle]   its body is here, or is read by the handler; its time runs
SPEAK    [_speak]    the handler gives its answer while it runs: its time runs until that begins;
                     it may detach the lane, which is then OVER: another one goes on from SETTLE
FAIL     [_answer_error]  its handler was cut; nothing was sent
CLOSE    [_close]    the handler of a WebSocket is over: its closing frame is on its way; then OVER
SEND     [_send], FLUSH [_flush]  an answer; from its first byte on it can only be ended or cut
SETTLE   [_settle]   the answer is out; whatever happens now, the request was answered
REFUSE   [_refuse]   what came was no request; the wire answers that by itself
END      [_end]      nothing can follow

A scope that was cancelled is left, and `_judge` decides by the step and by why it was cancelled
how to go on in a new one.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from enum import Enum, auto
from functools import partial
from typing import Protocol

import trio

from hump_trio.facts.exceptions import DeadlineError, HttpException, StatusError
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import CancelReason, Outcome
from hump_trio.messages.reply import Spoken
from hump_trio.messages.response import (
    Producer,
    Response,
    error_response,
    own_copy,
    settle,
    speaks,
)
from hump_trio.server.clock import Clock, Ending, Swept
from hump_trio.server.exchange import Exchange
from hump_trio.server.phases import Phase
from hump_trio.server.produced import speak_produced
from hump_trio.server.reply import ServerReply
from hump_trio.server.sending import Sender, close_unsent
from hump_trio.server.stream import HttpStream
from hump_trio.server.verdict import Verdict, judge
from hump_trio.tasks.failures import is_failure, leaves_of, split_failures, tell_crash
from hump_trio.tasks.task_tree import source_line_of_error

__all__ = ["Lane", "Step", "Wire"]

# How the names of fields begin that belong to the answer they came with.
OF_ANSWER = (
    "content-",
    "etag",
    "last-modified",
    "accept-ranges",
    "cache-control",
    "expires",
    "location",
    "set-cookie",
)


class Step(Enum):
    """What a lane does next (see this module)."""

    # That of an enum is a function in Python, which each look-up calls.
    __hash__: Callable[[object], int] = object.__hash__  # type: ignore[assignment]  # unbound

    AWAIT = auto()
    RECEIVE = auto()
    HANDLE = auto()
    FAIL = auto()
    SEND = auto()
    SPEAK = auto()
    FLUSH = auto()
    CLOSE = auto()
    SETTLE = auto()
    REFUSE = auto()
    END = auto()
    OVER = auto()


# Types whose equal values are as good as the same.
PLAIN = frozenset({str, bytes, int, float, bool, type(None)})
# A handler may leave a cancel scope open in the task of its lane, by a generator that is kept. Only
# who leaves a scope around it gets rid of it. That costs 48,000 instructions, so it isn't done
# before each handler. Others that begin within so long run in such a scope to their end, and are
# cut where it is.
SCOPE_SECONDS = 0.02

# What was asked is answered in these steps: a cancellation changes nothing of that.
ANSWERED_STEPS = frozenset({Step.SETTLE, Step.END, Step.OVER})


class Home(Protocol):
    """What brings wires to a lane that serves many, one after the other.

    Attributes:
        clock: That of a lane which serves none of them. It bounds nothing.
    """

    clock: Clock

    async def next_stream(self, lane: "Lane") -> Step:
        """Bind the lane to a wire with a request, and return what the lane does next.

        That is what `Lane.take_over` has returned, or `Step.AWAIT` if the wire has to be asked for
        a request; `Step.OVER` if the lane has to end.

        Raises:
            trio.BrokenResourceError: The peer of the wire has gone.

        Cancellation: a checkpoint; nothing is lost if cancelled here.
        """


class Wire(Protocol):
    """What brings the requests of one lane, and is closed with it.

    In HTTP/1.1 that is the whole connection; in HTTP/2, where requests share a connection, it is
    the part of the connection that one lane serves. It is called by the lane's task alone:
    `next_stream` and `settle` in turn, `end` at most once, and `close` once at last, unless the
    lane leaves it (see `Lane.leave`), since it waits without one. A task that serves several
    requests calls `Lane.renew_context` before each.

    It moves the lane's clock wherever no exchange does: while it awaits a request, while it
    refuses, settles and ends. The phase says what a deadline means then (see `phases`). Where it
    raises that the peer has gone, the peer of the clock is ``gone`` by then, as with a stream.
    """

    async def next_stream(self, lane: "Lane") -> Step:
        """Await a request, give it to the lane, and return what the lane does next.

        That is what `Lane.begin`, `Lane.take_over` or `Lane.refuse` has returned, or `Step.END` if
        there will be no other request, or `Step.OVER` if the wire has handed its connection over,
        or `Step.AWAIT` if the wire goes on without the lane, which has gone home (see
        `Lane.leave`). The lane owns the stream from then on, until it gives the stream to `settle`
        or calls `close`.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint, but where the lane has gone home; nothing is lost if cancelled
            here.
        """

    def look_again(self) -> bool:
        """Tell whether a request has come since the wait for one was ended as too long.

        `next_stream` is called again if one has, and finds it; else `close` is, and nothing else.
        """

    async def refuse(self, error: StatusError, outcome: Outcome) -> None:
        """Answer what is no request, and count it.

        Its clock is in the phase of an answer, of which bytes may be out, before anything waits:
        a refusal that takes too long is cut, and not refused again. `end` follows.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: the answer is incomplete if cancelled here.
        """

    async def settle(self, stream: HttpStream) -> bool:
        """Deal with what is left of a request whose answer is out; tell if another may follow.

        If one may, the clock waits for the next request when this returns; if none may, `end`
        follows.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint if the rest of a body is awaited; none may follow then.
        """

    async def end(self) -> None:
        """Let the peer read all that was sent.

        Cancellation: a checkpoint if that takes time; the wire is open if cancelled here.
        """

    def detach(self, lane: "Lane", exchange: Exchange) -> None:
        """Go on without a lane, whose handler works on behind its answer.

        Another lane settles the request, and serves what follows. The detached lane uses the wire
        no more, and doesn't close it. Where the wire goes on it has another clock from now on.

        Args:
            lane: The one that is detached.
            exchange: Its last one, which is over.
        """

    def close(self) -> None:
        """Close without waiting, unless handed over; what is unfinished must not look whole.

        Called once, cancelled or not, whatever has happened before. What is unfinished is told by
        the phase of the clock (see `Rule.resets`).
        """


class Lane:
    """Serves, in one task, the requests of a wire, or of many in turn where it has a home.

    Args:
        wire: Where requests come from; None for a lane that has a home.
        clock: Bounds what is waited for; its scope encloses every step.
        home: Brings wires, if the lane serves many.

    Attributes:
        clock: That of what is served.
        scope: Encloses every step; it is that of the clock, as long as that is served.
        home: Brings wires, if the lane serves many.
        is_home: Whether the lane is bound to no wire.
        renew_at: When a lane that serves many wires renews its scope: a home that is asked for a
            request returns `Step.AWAIT` then, and is asked again.
        context: What each handler starts with.
        by_identity: Whether a value of the context may be equal to another one, so that only a look
            at each tells whether a handler has set a variable.
        detached: Whether another lane serves the wire, since the handler of this one works on
            behind its answer.
    """

    __slots__ = (
        "_answer",
        "_cancelled_at",
        "_dropped",
        "_error",
        "_exchange",
        "_failed",
        "_refusal",
        "_step",
        "_task",
        "_wire",
        "by_identity",
        "clock",
        "context",
        "detached",
        "home",
        "is_home",
        "renew_at",
        "scope",
    )

    context: Context
    by_identity: bool
    _task: trio.lowlevel.Task
    _wire: Wire

    def __init__(self, wire: Wire | None, clock: Clock, home: Home | None = None) -> None:
        self.clock: Clock = clock
        self.home: Home | None = home
        self.is_home: bool = wire is None
        self.scope: trio.CancelScope
        if wire is not None:
            self._wire, self.scope = wire, clock.scope
        else:
            self.scope = trio.CancelScope()
        self.detached: bool = False
        self.renew_at: float = trio.current_time() + SCOPE_SECONDS
        self._step = Step.AWAIT
        self._exchange: Exchange | None = None
        self._answer: Response | None = None  # from the handler's return until it is on the wire
        self._dropped: Response | None = None  # an answer that another one replaces
        self._error: BaseException | None = None  # what is answered in place of a response
        self._refusal: tuple[StatusError, Outcome] | None = None
        self._failed = False  # an error is being answered: a second one gets a plain answer
        self._cancelled_at = ""  # the line of the program that was cancelled last, for the log

    def bind(self, wire: Wire, clock: Clock) -> None:
        """Serve a wire from here on; the lane closes it.

        Args:
            wire: It has a request.
            clock: Bounds what is waited for.
        """
        self.is_home = False
        self._wire = wire
        self.clock = clock
        clock.enter_task(self.scope, self._task)

    def leave(self) -> None:
        """Go home; the wire, if there is one, goes on without a lane."""
        assert self.home is not None
        if not self.is_home:
            self.is_home = True
            del self._wire
        self.clock = self.home.clock

    async def serve(self) -> None:
        """Serve until the wire has nothing more; it is closed then.

        Nothing that goes wrong with a request is raised: it is logged.

        Cancellation: a running handler is cancelled, a message under way is cut, never made to
        look whole.
        """
        task = self._task = self.clock.task = trio.lowlevel.current_task()
        self.context = task.context.copy()
        self.by_identity = not all(map(is_comparable, self.context.values()))
        try:
            await self._run()
        except BaseExceptionGroup as group:
            failures, rest = split_failures(group)
            if failures is not None:
                logger.error("a handler failed while it was cancelled", exc_info=failures)
            assert rest is not None  # or it would have been dealt with
            raise rest from None
        finally:
            clock = self.clock
            if clock.request is not None:
                clock.note("server-failed")  # nothing else has ended it
                if clock.channel is not None and not clock.peer.gone:
                    clock.channel.end("server-failed")
            try:
                if self._answer is not None and clock.phase is Phase.HANDLER:
                    await close_unsent(self._answer, clock)
            finally:
                if self._exchange is not None:
                    self._exchange.release()
                if not (self.detached or self.is_home):
                    self._wire.close()

    async def _run(self) -> None:
        """Go step by step under one scope; a scope that was cancelled is left and replaced."""
        while self._step is not Step.OVER:
            try:
                with self.scope:
                    try:
                        while self._step is not Step.OVER:
                            self._step = await STEPS[self._step](self)
                            if self._may_not_go_on():
                                break
                    except (trio.Cancelled, BaseExceptionGroup) as error:
                        if self.clock.request is not None:
                            self._cancelled_at = source_line_of_error(error)
                        raise
            except BaseException as error:
                if not is_failure(error):
                    raise
                if self.is_home:
                    logger.error("a handler left a scope open around others", exc_info=error)
                elif not self.scope.cancel_called:
                    self._break_off(error)
                elif not self.clock.peer.gone:
                    logger.error("a handler failed while it was cancelled", exc_info=error)
            if self.is_home:
                self.scope = trio.CancelScope()
                self.renew_at = trio.current_time() + SCOPE_SECONDS
            elif self.scope.cancel_called:
                self._judge()
                self.scope = self.clock.scope = trio.CancelScope()

    def _may_not_go_on(self) -> bool:
        """Tell whether the scope has to be left: nothing is written under one that was cancelled.

        What a shutdown cancels may still bring its answer out, if that takes no time.
        """
        if self.is_home:
            return True
        clock = self.clock
        ending = clock.ending
        if clock.channel is not None and self._step is Step.CLOSE:  # which waits for both sides
            return clock.scope.cancel_called
        if not clock.peer.gone and (ending is None or ending.reason != "deadline"):
            return False
        return clock.scope.cancel_called

    def is_changed(self, task: trio.lowlevel.Task) -> bool:
        """Tell whether a handler may have set a context variable.

        Where none was set this compares two pointers. A value that can't be compared has changed.

        Args:
            task: The one that serves, which runs.
        """
        try:
            return self.by_identity or task.context != self.context
        except Exception:  # of a value's own `__eq__`
            return True

    def renew_context(self, task: trio.lowlevel.Task) -> bool:
        """Let the next handler find no other's context variables.

        What was set is set back, which takes a twentieth of what a checkpoint does. A variable that
        the lane's context hasn't can't be unset, so the next handler starts from a fresh copy.

        Args:
            task: The one that serves, which runs.

        Returns:
            Whether a checkpoint has to follow.
        """
        for variable, value in task.context.items():
            if variable not in self.context:
                task.context = self.context.copy()
                return True
            if self.context[variable] is not value:
                variable.set(self.context[variable])
        return False

    def begin(self, stream: HttpStream) -> Step:
        """Take a request whose head is complete, and return what comes next."""
        assert self._exchange is None, "one request after the other"
        self._exchange = exchange = Exchange(stream, self.clock)
        exchange.begin()
        return Step.RECEIVE if exchange.channel is None else Step.HANDLE

    def take_over(self, exchange: Exchange, answer: Response | None, *, started: bool) -> Step:
        """Take a request that the wire has begun to serve by itself, and return what comes next.

        Args:
            exchange: Its body is here, and its handler was called.
            answer: What the handler has returned; None if it was cut, or its answer has started.
            started: Whether the answer has started; the stream has the rest.
        """
        assert self._exchange is None, "one request after the other"
        self._exchange, self._answer = exchange, answer
        self._step = Step.FLUSH if started else Step.HANDLE if answer is None else step_of(answer)
        return self._step

    def follow(self, exchange: Exchange) -> None:
        """Begin by settling the last request of a lane that was detached.

        Args:
            exchange: That of the request, which is over.
        """
        self._exchange, self._step = exchange, Step.SETTLE

    def refuse(self, error: StatusError) -> Step:
        """Hear that what came is no request, and return what comes next."""
        logger.info("refused a request: %s", error)
        self._refusal = error, "refused"
        return Step.REFUSE

    def _await(self) -> Awaitable[Step]:
        """Await a request."""
        if self.is_home:
            assert self.home is not None
            return self.home.next_stream(self)
        return self._wire.next_stream(self)

    async def _receive(self) -> Step:
        """Receive the body, or let the handler do so."""
        exchange = self._current()
        try:
            await exchange.receive()
        except StatusError as error:
            logger.info("refused a request: %s", error)
            exchange.refuse(error)
        return Step.HANDLE

    async def _handle(self) -> Step:
        """Run the handler. What that of a WebSocket returns is no answer: it was sent already."""
        exchange = self._current()
        answer = await exchange.respond()
        if exchange.channel is not None and exchange.channel.opened:
            return Step.CLOSE
        self._answer = answer
        return step_of(answer)

    async def _close(self) -> Step:
        """Wait until both sides of a WebSocket have closed it."""
        exchange, clock = self._current(), self.clock
        channel = exchange.channel
        assert channel is not None
        channel.finish(1011)  # where middleware has answered for a handler that it has cut
        clock.enter(Phase.CLOSING, clock.state.timeouts.close)
        await channel.wait_closed()
        exchange.release()
        return Step.OVER

    async def _answer_error(self) -> Step:
        """Make the answer for an error that no handler is there to answer."""
        exchange, error = self._current(), self._error
        assert error is not None
        self._error = None
        if self._failed:
            if not isinstance(error, StatusError):
                logger.error("the answer to an error failed", exc_info=error)
                tell_crash(error, exchange.request)
                error = HttpException(500)
            response = error_response(error)
        else:
            self._failed = True
            exchange.extend()
            response = await self.clock.state.application.answer_error(exchange.request, error)
            if self.clock.enforced:
                self.clock.lift()
        settle(response)
        dropped, self._dropped = self._dropped, None
        self._answer = response if dropped is None else replacing(dropped, response)
        return step_of(self._answer)

    async def _send(self) -> Step:
        """Send the answer."""
        exchange, answer = self._current(), self._answer
        assert answer is not None
        if await self._is_answered(answer):
            return self._step
        exchange.stream.start_answer()
        exchange.start_answer(answer.status)
        return await self._finish(Sender(exchange.stream, self.clock, answer).send())

    async def _is_answered(self, answer: Response) -> bool:
        """Tell if there is no place for an answer any more, which is closed then.

        Where there is none, the step is the next one.
        """
        channel, clock = self._current().channel, self.clock
        if channel is not None and channel.opened:  # meanwhile, by a task that outlives its handler
            self._answer = None
            await close_unsent(answer, clock)
            self._step = Step.CLOSE
            return True
        if channel is not None:
            channel.close_code = 1006  # a task that has kept it can't open it any more
        if clock.peer.write_cut:
            self._answer = None
            if channel is None:
                self._break_off(
                    trio.BrokenResourceError("an informational response was cut by a cancel scope")
                )
            self._step = Step.OVER
            await close_unsent(answer, clock)
            return True
        return False

    async def _speak(self) -> Step:
        """Let the handler give the answer while it runs."""
        exchange, answer, clock = self._current(), self._answer, self.clock
        assert answer is not None
        if await self._is_answered(answer):
            return self._step
        reply = clock.reply = ServerReply(self, clock, exchange.request, answer, exchange)
        try:
            step = await self._finish(reply.speak(speak_of(answer)))
        finally:
            self.end_speaking()
        return Step.OVER if self.detached else step

    def end_speaking(self) -> None:
        """Hear that a handler that speaks has returned."""
        clock = self.clock
        clock.reply = None
        if clock.enforced:
            clock.lift()

    def hear_answered(self) -> None:
        """Hear that the answer is on the wire, while its handler goes on."""
        clock = self.clock
        if clock.enforced:
            clock.lift()
        self._answer = None
        self._step = Step.OVER  # if it is cut from here on
        self._current().release()
        clock.enter_behind()

    def detach(self) -> None:
        """Let another lane serve the wire, since the handler works on behind its answer."""
        self.detached = True
        self._wire.detach(self, self._current())

    async def _flush(self) -> Step:
        """Send what is left of an answer that the wire has started."""
        exchange = self._current()
        exchange.start_answer(exchange.status)
        self.clock.answering = True
        return await self._finish(exchange.stream.finish())

    async def _finish(self, sending: Awaitable[None]) -> Step:
        """Have an answer sent."""
        try:
            await sending
        except BaseException as error:
            if not self.may_fail(error):
                raise
            return self.fail(error)
        finally:
            if self.clock.enforced:
                self.clock.lift()
        return self.end_answer()

    def end_answer(self) -> Step:
        """Go on after an answer is on the wire."""
        self._answer = None
        self._failed = False
        return Step.SETTLE

    def may_fail(self, error: BaseException) -> bool:
        """Tell whether an error ends no more than an answer, whose client is there."""
        clock = self.clock
        return not (clock.peer.gone or clock.scope.cancel_called) and is_failure(error)

    def fail(self, error: BaseException) -> Step:
        """Go on after an error has ended an answer."""
        self._dropped, self._answer = self._answer, None
        if self.clock.answering:
            self._break_off(error)
            return Step.OVER
        self._error = error
        return Step.FAIL

    async def _settle(self) -> Step:
        """End the request whose answer is on the wire."""
        exchange = self._current()
        self._step = Step.OVER  # if it is cut here: nothing can follow half a body
        exchange.release()
        while exchange.being_read:  # by a task that outlives its handler, until it notices
            await trio.lowlevel.checkpoint()
        if await self._wire.settle(exchange.stream):
            self._exchange = None
            return Step.OVER if self.clock.peer.gone else Step.AWAIT
        return await self._end()

    async def _refuse(self) -> Step:
        """Answer what was no request."""
        refusal, self._refusal = self._refusal, None  # its traceback would hold this lane
        assert refusal is not None
        await self._wire.refuse(*refusal)
        return Step.END

    async def _end(self) -> Step:
        """Let the peer read all that was sent."""
        self._step = Step.OVER
        await self._wire.end()
        return Step.OVER

    def _current(self) -> Exchange:
        assert self._exchange is not None, "between AWAIT and SETTLE there is an exchange"
        return self._exchange

    def _break_off(self, error: BaseException) -> None:
        """End everything for an error that can't be answered any more."""
        clock = self.clock
        self._step = Step.OVER
        text = clock.describe()
        leaves = list(leaves_of(error))
        if all(isinstance(leaf, StatusError) for leaf in leaves):
            error = leaves[0]  # a nursery of the handler's has put it into a group
        if clock.peer.gone:
            clock.note("client-gone")
            logger.debug("the peer has gone: %s", error)
        elif isinstance(error, DeadlineError):
            clock.note("deadline")
            where = error.source_line and f", it stood at {error.source_line}"
            logger.info("cut after %.1f s: %s, its time has passed%s", clock.age(), text, where)
        elif isinstance(error, StatusError):
            self._set_outcome("refused")
            logger.info("the answer broke off: %s, %s", text, error)
        else:
            self._set_outcome("crash")
            if self._exchange is not None and self._exchange.request.watching is not None:
                self._exchange.request.watching.error = error
            logger.error("the answer broke off: %s", text, exc_info=error)
            tell_crash(error, self._exchange and self._exchange.request)

    def _set_outcome(self, outcome: Outcome) -> None:
        if self._exchange is not None:
            self._exchange.request.outcome = outcome

    def _judge(self) -> None:
        """Decide how to go on after the scope was cancelled."""
        clock = self.clock
        ending, clock.ending = clock.ending, None
        late, clock.late = clock.late, None
        where, self._cancelled_at = self._cancelled_at, ""
        if clock.phase is Phase.BEHIND:  # the answer is out, and its handler was cut
            self._step = Step.OVER
        if self._step in ANSWERED_STEPS:
            return
        # Without a cause that was noted the scope's own deadline has passed.
        ending = ending or Ending("deadline", clock.phase)
        expired = ending.phase if ending.reason == "deadline" else None
        if self._step is Step.CLOSE:  # which takes nothing away from how the handler has ended
            if clock.phase is Phase.CLOSING or clock.peer.gone:
                self._current().release()
                self._step = Step.OVER
            return  # or the handler hasn't noticed that it was cancelled
        if self._step is Step.HANDLE and clock.channel is not None and not clock.peer.gone:
            self._end_channel(clock.channel, ending.reason, where)
            return
        verdict = judge(
            expired=expired,
            phase=clock.phase,
            spoiled=clock.peer.gone or clock.peer.write_cut or clock.answering,
            late=late is not None,
            answered=self._answer is not None and self._step is not Step.SPEAK,
        )
        if verdict is Verdict.CUT:
            self._cut(expired, where)
        elif verdict is Verdict.LOOK_AGAIN:
            self._step = Step.AWAIT if self._wire.look_again() else Step.OVER
        elif verdict is Verdict.SEND_LATE:
            self._current().extend()
        elif verdict is Verdict.ANSWER:
            assert expired is not None
            self._expire(expired, where)

    def _end_channel(self, channel: Swept, reason: CancelReason, where: str) -> None:
        """Close a WebSocket whose handler was cancelled."""
        clock = self.clock
        clock.note(reason)
        if reason == "deadline":
            where = where and f", it stood at {where}"
            logger.warning(
                "cut after %.1f s: %s, its time has passed%s", clock.age(), clock.describe(), where
            )
        channel.end(reason)
        self._step = Step.CLOSE

    def _cut(self, expired: Phase | None, where: str) -> None:
        """End everything, since nothing can be answered any more."""
        clock = self.clock
        self._step = Step.OVER
        if expired is not None:
            clock.note("deadline")
            log, why = logger.info, "its time has passed"
        elif clock.peer.gone:
            log, why = logger.debug, "the client has gone"  # no news, and the access log has it
        else:
            return  # at a shutdown, which has logged it
        where = where and f", it stood at {where}"
        log("cut after %.1f s: %s, %s%s", clock.age(), clock.describe(expired), why, where)

    def _expire(self, expired: Phase, where: str) -> None:
        """Answer a request whose time has passed."""
        clock, exchange = self.clock, self._exchange
        clock.note("deadline")
        status, detail = clock.expired_error(expired)
        error = HttpException(status, detail)
        self._dropped, self._answer = self._answer, None
        if exchange is None:
            self._refusal, self._step = (error, "stalled"), Step.REFUSE
        elif clock.phase is Phase.BODY:
            # No handler was begun: middleware has seen nothing yet. The outcome stays ``stalled``.
            exchange.refuse(error)
            self._step = Step.HANDLE
        else:
            self._error, self._step = error, Step.FAIL
        where = where and f", it stood at {where}"
        logger.warning("%s: %s%s", detail, clock.describe(expired), where)


def is_comparable(value: object) -> bool:
    """Tell whether a value is equal to no other one that differs from it."""
    kind = type(value)
    return kind in PLAIN or kind.__eq__ is object.__eq__


def step_of(answer: Response) -> Step:
    """Return what is done with an answer."""
    return Step.SPEAK if speaks(answer.body) else Step.SEND


def speak_of(answer: Response) -> Callable[[ServerReply], Awaitable[None]]:
    """Return what gives an answer while it runs."""
    body = answer.body
    if isinstance(body, Spoken):
        return body.speak
    assert isinstance(body, Producer)
    return partial(speak_produced, body)


def replacing(dropped: Response, response: Response) -> Response:
    """Return an answer with what else a dropped one has said.

    Middleware has seen a stream, which has then failed before its first part. The answer to that
    has the fields that middleware gives to any, such as those for pages of other origins.
    """
    response = own_copy(response)
    said = {name for name, _ in response.headers.items()}
    for name, value in dropped.headers.items():
        if name not in said and not name.startswith(OF_ANSWER):
            response.headers.add(name, value)
    return response


STEPS: Mapping[Step, Callable[[Lane], Awaitable[Step]]] = {
    Step.AWAIT: Lane._await,
    Step.RECEIVE: Lane._receive,
    Step.HANDLE: Lane._handle,
    Step.FAIL: Lane._answer_error,
    Step.SEND: Lane._send,
    Step.SPEAK: Lane._speak,
    Step.FLUSH: Lane._flush,
    Step.CLOSE: Lane._close,
    Step.SETTLE: Lane._settle,
    Step.REFUSE: Lane._refuse,
    Step.END: Lane._end,
}
