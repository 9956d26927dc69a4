"""What will end a request and when, by its clock; and how to end one before its time."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import trio

from hump_trio.messages.request import Request
from hump_trio.server.clock import Clock
from hump_trio.server.phases import ASKED_ERROR, LATE_ANSWER, RULES, Expiry, Phase

__all__ = ["end_early", "ending_of"]

# The app works for the request in these phases, or a peer takes an answer: its task is cancelled as
# it is by the time of its route.
SCOPED = frozenset({Phase.HANDLER, Phase.SEND, Phase.CLOSE_BODY, Phase.OPEN})
CONSEQUENCES = {
    Expiry.NOTHING: "it is cancelled",
    Expiry.CLOSE: "it is closed",
    Expiry.ANSWER: "it is cut",  # where bytes of the answer are out already
    Expiry.RESET: "it is cut",
}


class End(NamedTuple):
    """What ends a request if nothing else happens.

    Args:
        time: When, by `trio.current_time`; infinite if nothing does.
        cause: What will have run out by then; empty if nothing does.
        consequence: What follows, in words.
    """

    time: float
    cause: str
    consequence: str


def ending_of(clock: Clock, request: Request) -> End:
    """Return what ends a request first.

    Args:
        clock: Bounds it.
        request: What the clock bounds.
    """
    if clock.ending is not None or clock.scope.cancel_called:
        reason = request.cancelled_for or request.cancel_reason or "deadline"
        return End(-math.inf, f"cancelled: {reason}", "its tasks are ending")
    return min(ends_of(clock, request), default=End(math.inf, "", ""))


def ends_of(clock: Clock, request: Request) -> Iterator[End]:
    """Yield what can end a request, in no order."""
    phase, rule = clock.phase, RULES[clock.phase]
    late = LATE_ANSWER
    if phase is Phase.SEND:
        if not clock.peer.fully_acked():  # else it owes nothing until more is sent
            yield End(clock.send_deadline, f"Timeouts.{rule.setting}", CONSEQUENCES[rule.expiry])
    elif rule.setting and phase is not Phase.HANDLER:
        then = CONSEQUENCES[rule.expiry]
        if rule.error is not None and not clock.answering:
            then = answer_of(rule.error)
        yield End(clock.deadline, f"Timeouts.{rule.setting}", then)
    then = CONSEQUENCES[Expiry.ANSWER]
    if request.server_deadline < math.inf:
        if clock.asked:
            late = ASKED_ERROR
        cause = "the time that its caller has asked for" if clock.asked else "its route's time"
        yield End(request.server_deadline, cause, then if clock.answering else answer_of(late))
    if request.own_deadlines:
        own = min(request.own_deadlines)
        yield End(own, "@timeout", then if clock.answering else answer_of(LATE_ANSWER))
    if phase in SCOPED and clock.leave_deadline < math.inf:
        yield End(clock.leave_deadline, "its client has gone", CONSEQUENCES[Expiry.NOTHING])


def answer_of(error: tuple[int, str]) -> str:
    """Return what a client is answered, in words."""
    status, detail = error
    return f"it is answered with {status}: {detail}"


def end_early(clock: Clock, request: Request) -> None:
    """End a request as if its time had passed: by a 503 or 408, or a cut where one was begun.

    Args:
        clock: Bounds it.
        request: What the clock bounds.
    """
    if clock.phase not in SCOPED:
        clock.cut()
        return
    now = trio.current_time()
    request.server_deadline = now
    if clock.phase is Phase.HANDLER:
        clock.deadline = now  # a sweep may come before the cancellation
    clock.enforce(now)
