"""Clocks alone: plain numbers, a scope, and a peer that does what the test says."""

import logging
import math
from collections.abc import Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio import Request, Timeouts
from hump_trio.facts.outcomes import CancelReason, Outcome
from hump_trio.server.clock import Clock, Ending, extended
from hump_trio.server.life import Life
from hump_trio.server.phases import ASKED_ERROR, RULES, Phase
from hump_trio.transports.transport import PeerState
from tests.support.fake_stream import FakePeer
from tests.support.served import served

# Each of another length, so that none is taken for another one.
TIMEOUTS = Timeouts(
    handshake=11,
    keep_alive=70,
    head=13,
    stall_grace=5,
    min_rate=100,
    send_grace=61,
    handler=31,
    drain_idle=0.5,
    cleanup=3,
)
# Exact sums: multiples of 1/8, as floats have them.
EIGHTHS = st.integers(0, 8000).map(lambda count: count / 8)
SHORT_OF_16 = st.integers(1, 16 * 8 - 1).map(lambda count: count / 8)


def new_clock(
    timeouts: Timeouts = TIMEOUTS, *, life: Life = Life.SERVING
) -> tuple[Clock, FakePeer]:
    """Return a clock and its peer."""
    state = served(timeouts=timeouts)
    state.advance(life)
    peer = FakePeer()
    return Clock(state, peer), peer


def busy_clock(phase: Phase = Phase.HANDLER, grace: float = 0.0) -> tuple[Clock, FakePeer, Request]:
    """Return a clock that bounds a request, its peer, and the request."""
    clock, peer = new_clock()
    request = Request("GET", "/a?b", "/a")
    clock.begin_exchange(request)
    clock.enter_handler(trio.current_time(), 31, grace)
    if phase is Phase.SEND:
        clock.enter_send()
    elif phase is not Phase.HANDLER:
        clock.enter(phase, 31)
    return clock, peer, request


async def cut_by(clock: Clock) -> BaseException:
    """Return what leaves a handler when a clock's scope is cancelled."""
    with clock.scope:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as error:
            return error
    raise AssertionError("nothing has cancelled it")


# Progress


@pytest.mark.parametrize(
    ("byte_count", "expected"),
    [(0, 100), (100, 101), (400, 104), (500, 105), (501, 105), (10**9, 105)],
)
def test_progress_moves_a_deadline_by_its_length_up_to_the_grace(
    byte_count: int, expected: float
) -> None:
    """A burst buys no credit beyond the grace."""
    assert extended(100, byte_count, min_rate=100, now=100, grace=5) == expected


@given(deadline=EIGHTHS, now=EIGHTHS, grace=EIGHTHS, byte_counts=st.lists(st.integers(0, 1000)))
def test_it_matters_not_in_how_many_pieces_bytes_come(
    deadline: float, now: float, grace: float, byte_counts: list[int]
) -> None:
    """Together they move the deadline as one piece would, and never beyond the grace."""
    moved = deadline
    for byte_count in byte_counts:
        moved = extended(moved, byte_count, min_rate=8, now=now, grace=grace)
    at_once = extended(deadline, sum(byte_counts), min_rate=8, now=now, grace=grace)
    assert moved == (at_once if byte_counts else deadline)
    assert moved <= now + grace or not byte_counts
    assert moved >= min(deadline, now + grace)


@given(waits=st.lists(SHORT_OF_16), surplus=st.integers(0, 100))
def test_honest_progress_of_any_length_passes(waits: list[float], surplus: int) -> None:
    """A peer that keeps up the rate, and is never silent for the grace, is never late."""
    now, deadline = 0.0, 16.0
    for wait in waits:
        now += wait
        assert now < deadline
        deadline = extended(deadline, 8 * wait + surplus, min_rate=8, now=now, grace=16)


@given(wait=SHORT_OF_16)
def test_a_dribbler_is_late(wait: float) -> None:
    """A peer that keeps up half the rate has twice the grace, however its bytes come."""
    now, deadline = 0.0, 16.0
    while now < deadline:
        now += wait
        deadline = extended(deadline, 4 * wait, min_rate=8, now=now, grace=16)
    assert 32 <= now < 32 + 2 * wait


async def test_bytes_that_come_move_the_deadline(autojump_clock: MockClock) -> None:
    """By the settings for bodies."""
    clock, _ = new_clock()
    clock.enter(Phase.BODY, 2)
    clock.extend(100)
    assert clock.deadline == 3
    clock.extend(10**6)
    assert clock.deadline == 5


# Going from phase to phase


@pytest.mark.parametrize(
    ("life", "seconds"), [(Life.SERVING, 13), (Life.DRAINING, 13), (Life.CLOSING, 0.5)]
)
async def test_it_begins_with_the_wait_for_a_first_byte(
    life: Life, seconds: float, autojump_clock: MockClock
) -> None:
    """Which a closing server waits for no longer than for an idle connection's next one."""
    await trio.sleep(2)
    clock, _ = new_clock(life=life)
    assert (clock.phase, clock.since, clock.deadline) == (Phase.OPENED, 2, 2 + seconds)
    assert (clock.request, clock.ending, clock.enforced) == (None, None, False)
    assert clock.closing is (Life.CLOSING if life is Life.CLOSING else None)


async def test_the_time_of_the_first_head_begins_with_the_connection(
    autojump_clock: MockClock,
) -> None:
    """Waiting for its first byte is a part of it; that of another begins with its own."""
    clock, _ = new_clock()
    await trio.sleep(2)
    clock.enter_head()
    assert (clock.phase, clock.deadline) == (Phase.HEAD, 13)
    clock.enter_idle()
    await trio.sleep(2)
    clock.enter_head()
    assert (clock.phase, clock.deadline) == (Phase.HEAD, 4 + 13)
    await trio.sleep(2)
    clock.enter_head()
    assert (clock.phase, clock.deadline) == (Phase.HEAD, 4 + 13)


async def test_a_handshake_takes_nothing_from_the_time_of_the_head(
    autojump_clock: MockClock,
) -> None:
    """What comes before the first byte is over then."""
    clock, _ = new_clock()
    clock.enter(Phase.HANDSHAKE, 11)
    await trio.sleep(10)
    clock.enter_opened()
    clock.enter_head()
    assert clock.deadline == 10 + 13


@pytest.mark.parametrize("closing", [False, True])
async def test_the_wait_for_the_next_request(closing: bool, autojump_clock: MockClock) -> None:
    """It begins when the answer is out; there is hardly one if the server closes."""
    clock, _ = new_clock()
    if closing:
        clock.drain()
    clock.answering = True
    await trio.sleep(2)
    clock.enter_idle()
    assert (clock.phase, clock.since, clock.answering) == (Phase.IDLE, 2, False)
    assert clock.deadline == 2 + (0.5 if closing else 70)


async def test_after_a_quick_answer_the_next_sweep_begins_the_wait(
    autojump_clock: MockClock,
) -> None:
    """An answer costs no look at the time; a sweep looks at every such clock."""
    clock, _ = new_clock()
    clock.enter_answered()
    assert (clock.phase, clock.deadline) == (Phase.ANSWERED, -math.inf)
    await trio.sleep(2)
    clock.expire(trio.current_time())
    assert (clock.phase, clock.since, clock.deadline) == (Phase.IDLE, 2, 72)
    assert clock.ending is None


async def test_the_silence_of_a_body_is_one_budget(autojump_clock: MockClock) -> None:
    """Between its parts it stands, and each request has one of its own."""
    clock, _, request = busy_clock()
    deadline = clock.deadline
    await trio.sleep(1)
    clock.enter(Phase.BODY, clock.silence_seconds)
    await trio.sleep(3)
    assert clock.leave_body(Phase.HANDLER, deadline, 1) == 3
    assert (clock.phase, clock.deadline) == (Phase.HANDLER, deadline + 3)
    assert clock.silence_seconds == 2
    clock.request = None
    clock.begin_exchange(request)
    assert (clock.silence_seconds, clock.since) == (5, 4)


async def test_a_handler_begins_with_a_peer_that_is_there(autojump_clock: MockClock) -> None:
    """What was seen of it while another one ran counts no more."""
    clock, _, _ = busy_clock()
    clock.half_closed, clock.leave_deadline = True, 1
    clock.enter_handler(7, 3, 2)
    assert (clock.phase, clock.deadline) == (Phase.HANDLER, 10)
    assert (clock.half_closed, clock.leave_deadline) == (False, math.inf)
    assert (clock.disconnect_grace, clock.may_finish) == (2, True)
    assert clock.scope.deadline == math.inf


async def test_it_tells_what_is_going_on(autojump_clock: MockClock) -> None:
    """For logs: the request as it was sent, and the word of the phase."""
    clock, _ = new_clock()
    assert clock.describe() == "no request (opened)"
    clock, _, _ = busy_clock()
    await trio.sleep(2)
    assert (clock.describe(), clock.age()) == ("GET /a?b (handler)", 2)


@pytest.mark.parametrize("phase", Phase)
async def test_silence(phase: Phase, autojump_clock: MockClock) -> None:
    """Silent is a connection whose peer owes the first byte of a request, and nothing else.

    At its start a peer has a moment, since its request may be on the way.
    """
    clock, _ = new_clock()
    await trio.sleep(1)
    if phase is Phase.IDLE:
        clock.enter_idle()
    clock.phase = phase
    young = clock.silent_since(clock.since + 0.25)
    old = clock.silent_since(clock.since + 0.5)
    expected = {
        Phase.HANDSHAKE: (None, 0),
        Phase.OPENED: (None, 0),
        Phase.ANSWERED: (math.inf, math.inf),
        Phase.IDLE: (1, 1),
    }
    assert (young, old) == expected.get(phase, (None, None))


# A server that closes


@pytest.mark.parametrize("phase", Phase)
async def test_a_closing_server_hastens_those_who_ask_nothing(
    phase: Phase, autojump_clock: MockClock
) -> None:
    """What has begun has the time that it had."""
    clock, _ = new_clock()
    clock.enter(phase, 7)
    if phase is Phase.ANSWERED:
        clock.enter_answered()
    clock.drain()
    silent = phase in (Phase.OPENED, Phase.ANSWERED, Phase.IDLE, Phase.LINGER)
    assert clock.deadline == (0.5 if silent else 7)
    assert clock.phase is (Phase.IDLE if phase is Phase.ANSWERED else phase)
    assert clock.closing is Life.CLOSING


async def test_hastening_never_lengthens(autojump_clock: MockClock) -> None:
    """Who has less time keeps that."""
    clock, _ = new_clock()
    clock.enter(Phase.IDLE, 0.25)
    clock.drain()
    clock.hasten(100)
    assert clock.deadline == 0.25


async def test_a_clock_that_was_cancelled_by_the_shutdown_stays_so(
    autojump_clock: MockClock,
) -> None:
    """The news that the server closes is older."""
    clock, _, _ = busy_clock()
    clock.cancel("shutdown")
    clock.drain()
    assert clock.closing is Life.CLEANUP


# Exact deadlines


async def test_an_enforced_deadline_is_exact(autojump_clock: MockClock) -> None:
    """The scope ends what is going on by itself, and nothing is noted for it."""
    clock, _, request = busy_clock()
    clock.enforce(2)
    assert clock.enforced
    await cut_by(clock)
    assert trio.current_time() == 2
    assert clock.ending is None
    assert request.late == clock.late_error


async def test_a_deadline_is_enforced_without_a_request(autojump_clock: MockClock) -> None:
    """It bounds whatever goes on."""
    clock, _ = new_clock()
    clock.enforce(2)
    await cut_by(clock)
    assert trio.current_time() == 2


async def test_a_lifted_deadline_cancels_nothing(autojump_clock: MockClock) -> None:
    """What it bounded has ended in time."""
    clock, _, _ = busy_clock()
    clock.enforce(2)
    clock.lift()
    with clock.scope:
        await trio.sleep(5)
    assert not clock.scope.cancelled_caught
    assert (clock.enforced, clock.ending) == (False, None)


@pytest.mark.parametrize("reason", [None, "client-gone"])
async def test_a_deadline_that_passes_as_it_is_lifted_is_noted(
    reason: CancelReason | None, autojump_clock: MockClock
) -> None:
    """The scope has to be left, for the first cause if there was one."""
    clock, _, _ = busy_clock()
    clock.enforce(2)
    with clock.scope, trio.CancelScope(shield=True):
        if reason is not None:
            clock.cancel(reason)
        await trio.sleep(3)
        clock.lift()
    assert clock.ending == Ending(reason or "deadline", Phase.HANDLER)


@pytest.mark.parametrize(("seconds", "logged"), [(1, False), (2.05, False), (3, True)])
async def test_an_answer_after_its_deadline_is_logged(
    seconds: float, logged: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that nothing could cancel is named; the time of a task's turn is no matter."""
    clock, _, request = busy_clock()
    request.server_deadline = 2
    clock.enforce(2)
    await trio.sleep(seconds)
    clock.end_handler()
    assert bool(caplog.records) == logged
    assert not clock.enforced


async def test_an_answer_to_a_lateness_is_not_late(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """That it was cancelled has been logged already."""
    clock, _, request = busy_clock()
    request.server_deadline = 2
    clock.enforce(2)
    assert clock.late_error(await cut_by(clock)) is not None
    caplog.clear()
    await trio.sleep(3)
    clock.end_handler()
    assert not caplog.records


# Why it ended


async def test_the_first_cause_wins(autojump_clock: MockClock) -> None:
    """An ending is set once; what comes later changes neither it nor what the request is told."""
    clock, _, request = busy_clock()
    clock.cancel("client-gone")
    ending = clock.ending
    assert ending == Ending("client-gone", Phase.HANDLER)
    clock.enter_send()
    clock.cancel("shutdown")
    clock.cut()
    assert clock.ending is ending
    assert clock.scope.cancel_called
    assert (request.cancelled_for, request.outcome) == ("client-gone", "client-gone")


@pytest.mark.parametrize(
    ("reason", "outcome", "closing"),
    [
        ("client-gone", "client-gone", None),
        ("deadline", "deadline", None),
        ("shutdown", "shutdown", Life.CLEANUP),
        ("server-failed", "crash", Life.CLEANUP),
    ],
)
@pytest.mark.parametrize("cancels", [True, False])
async def test_a_cancelled_request_knows_why(
    reason: CancelReason,
    outcome: Outcome,
    closing: Life | None,
    cancels: bool,
    autojump_clock: MockClock,
) -> None:
    """Also where only the reason is noted; the server's end is the clock's news, too."""
    clock, _, request = busy_clock()
    (clock.cancel if cancels else clock.note)(reason)
    assert (request.cancelled_for, request.cancel_reason) == (reason, reason)
    assert (request.outcome, clock.closing) == (outcome, closing)
    assert clock.scope.cancel_called == (clock.ending is not None) == cancels


async def test_an_outcome_that_is_known_stays(autojump_clock: MockClock) -> None:
    """Whatever cancels the request afterwards."""
    clock, _, request = busy_clock()
    request.outcome = "refused"
    clock.cancel("client-gone")
    assert request.outcome == "refused"


async def test_a_deadline_of_the_handlers_own_is_the_first_cause(autojump_clock: MockClock) -> None:
    """It has cancelled the handler before its client left."""
    clock, _, request = busy_clock()
    request.own_deadlines = (1.0,)
    await trio.sleep(2)
    clock.cancel("client-gone")
    assert (request.cancelled_for, request.outcome) == ("deadline", "deadline")
    assert clock.ending == Ending("client-gone", Phase.HANDLER)


async def test_without_a_request_an_ending_is_all_there_is(autojump_clock: MockClock) -> None:
    """An idle connection is closed for nobody's sake."""
    for end in (Clock.cut, lambda clock: clock.cancel("deadline")):
        clock, _ = new_clock()
        clock.enter_idle()
        end(clock)
        assert clock.ending == Ending("deadline", Phase.IDLE)
        assert clock.scope.cancel_called


async def test_what_is_cut_has_stalled(autojump_clock: MockClock) -> None:
    """By the peer's fault, where a handler that is late has no peer to blame."""
    clock, _, request = busy_clock(Phase.BODY)
    clock.cut()
    assert (request.outcome, request.cancelled_for) == ("stalled", "deadline")
    assert clock.ending == Ending("deadline", Phase.BODY)
    assert request.late == clock.late_error


# What answers a request that is late


async def test_a_late_request_has_one_error_and_one_time(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """All layers that ask get the same, and it is logged once, with where the handler stood."""
    clock, _, request = busy_clock()
    clock.enforce(2)
    error = await cut_by(clock)
    late = clock.late_error(error)
    assert late is not None
    assert (late[0].status, late[1]) == (503, 2 + 3)
    assert request.outcome == "deadline"
    await trio.sleep(1)
    assert clock.late_error(BaseExceptionGroup("all of them", [error])) is late
    [record] = caplog.records
    assert "GET /a?b (handler), it stood at" in record.getMessage()


async def test_a_body_that_stalls_is_late_as_a_body(autojump_clock: MockClock) -> None:
    """A handler that reads it is cancelled for that, and not for its own time."""
    clock, _, _ = busy_clock(Phase.BODY)
    clock.cut()
    error = await cut_by(clock)
    clock.phase = Phase.HANDLER
    late = clock.late_error(error)
    assert late is not None
    assert late[0].status == 408


async def test_what_else_was_raised_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure beside a cancellation has no answer of its own."""
    clock, _, _ = busy_clock()
    clock.enforce(2)
    group = BaseExceptionGroup("both", [await cut_by(clock), ValueError("failed late")])
    assert clock.late_error(group) is not None
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def peer_gone(clock: Clock, peer: FakePeer, request: Request) -> None:
    """Nobody would read an answer."""
    peer.gone = True


def write_cut(clock: Clock, peer: FakePeer, request: Request) -> None:
    """Nothing may follow what was sent."""
    peer.write_cut = True


def server_over(clock: Clock, peer: FakePeer, request: Request) -> None:
    """There is no time left for answers."""
    clock.closing = Life.CLEANUP


def other_ending(clock: Clock, peer: FakePeer, request: Request) -> None:
    """The scope was cancelled for another reason."""
    clock.ending = Ending("client-gone", Phase.HANDLER)


def other_reason(clock: Clock, peer: FakePeer, request: Request) -> None:
    """Another reason was noted first."""
    request.cancelled_for = "client-gone"


def no_request(clock: Clock, peer: FakePeer, request: Request) -> None:
    """The request is over."""
    clock.request = None


def new_scope(clock: Clock, peer: FakePeer, request: Request) -> None:
    """The cancellation was dealt with already, or is another scope's."""
    clock.scope = trio.CancelScope()


@pytest.mark.parametrize(
    "circumstance",
    [peer_gone, write_cut, server_over, other_ending, other_reason, no_request, new_scope],
)
async def test_a_cancellation_that_nothing_can_answer_goes_on(
    circumstance: Callable[[Clock, FakePeer, Request], None],
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No error is made of it, and none logged."""
    clock, peer, request = busy_clock()
    clock.enforce(2)
    error = await cut_by(clock)
    circumstance(clock, peer, request)
    assert clock.late_error(error) is None
    assert not caplog.records


@pytest.mark.parametrize("passing", [ValueError(), KeyboardInterrupt(), SystemExit()])
@pytest.mark.parametrize("grouped", [False, True])
async def test_what_is_no_cancellation_is_not_late(
    passing: BaseException, grouped: bool, autojump_clock: MockClock
) -> None:
    """An error of the handler's own is answered as such, and the program's end goes on."""
    clock, _, _ = busy_clock()
    clock.enforce(2)
    error = await cut_by(clock)
    group = BaseExceptionGroup("all of them", [passing])
    assert clock.late_error(group if grouped else passing) is None
    mixed = clock.late_error(BaseExceptionGroup("both", [error, passing]))
    assert (mixed is None) == (not isinstance(passing, ValueError))


@pytest.mark.parametrize("phase", [phase for phase in RULES if RULES[phase].error is not None])
@pytest.mark.parametrize("asked", [False, True])
async def test_who_asked_for_less_time_is_told_so(
    phase: Phase, asked: bool, autojump_clock: MockClock
) -> None:
    """What it owes itself is its own fault all the same."""
    clock, _, _ = busy_clock()
    clock.asked = asked
    error = RULES[phase].error
    assert error is not None
    assert clock.expired_error(phase) == (ASKED_ERROR if asked and error[0] == 503 else error)


# What the watchdog does


@pytest.mark.parametrize("phase", Phase)
async def test_a_clock_that_has_run_down(phase: Phase, autojump_clock: MockClock) -> None:
    """A handler's scope gets its deadline, an answer is judged by progress; all else is cut.

    But not what an app does behind its answer.
    """
    clock, _, _ = busy_clock(phase)
    deadline = clock.deadline
    clock.expire(trio.current_time())
    if phase is Phase.HANDLER:
        assert (clock.scope.deadline, clock.ending) == (deadline, None)
    elif phase in (Phase.SEND, Phase.STREAMS, Phase.BEHIND):
        assert clock.ending is None
    elif phase is Phase.ANSWERED:
        assert (clock.phase, clock.ending) == (Phase.IDLE, None)
    else:
        assert clock.ending == Ending("deadline", phase)


def look_often(clock: Clock, seconds: int) -> int | None:
    """Let the watchdog look once a second, and return when it has ended the answer."""
    for second in range(seconds):
        clock.expire_send(second)
        if clock.ending is not None:
            return second
    return None


async def test_an_answer_that_nobody_acknowledges_is_cut_after_the_grace(
    autojump_clock: MockClock,
) -> None:
    """Which begins when the watchdog sees it first."""
    clock, peer, request = busy_clock(Phase.SEND)
    peer.sent_bytes = 1000
    assert look_often(clock, 1000) == 61
    assert (clock.ending, request.outcome) == (Ending("deadline", Phase.SEND), "stalled")


async def test_an_answer_that_is_read_slowly_goes_on(autojump_clock: MockClock) -> None:
    """At the rate that is needed, however large it is; below it, it is cut."""
    for rate, ended in ((100, None), (50, 122)):
        clock, peer, _ = busy_clock(Phase.SEND)
        peer.sent_bytes = 10**6
        for second in range(1000):
            clock.expire_send(second)
            if clock.ending is not None:
                break
            peer.acked += rate
        assert (None if clock.ending is None else second) == ended


async def test_an_answer_that_is_waited_for_by_its_peer_goes_on(autojump_clock: MockClock) -> None:
    """Nothing is unacknowledged while the body has nothing to send; a new part has the grace."""
    clock, peer, _ = busy_clock(Phase.SEND)
    peer.sent_bytes = peer.acked = 1000
    assert look_often(clock, 1000) is None
    peer.sent_bytes = 2000
    clock.expire_send(1000 + 59)
    assert clock.ending is None
    clock.expire_send(1000 + 61)
    assert clock.ending is not None


async def test_another_answer_has_the_grace_anew(autojump_clock: MockClock) -> None:
    """What the one before has used up is forgotten."""
    clock, peer, _ = busy_clock(Phase.SEND)
    peer.sent_bytes = 1000
    assert look_often(clock, 60) is None
    clock.enter_send()
    clock.expire_send(100)
    clock.expire_send(160)
    assert clock.ending is None


async def test_an_answer_is_cut_once(autojump_clock: MockClock) -> None:
    """A clock that has ended is let alone."""
    clock, peer, _ = busy_clock(Phase.SEND)
    clock.cancel("client-gone")
    peer.sent_bytes = 1000
    look_often(clock, 1000)
    assert clock.ending == Ending("client-gone", Phase.SEND)


def look(clock: Clock, *times: float) -> bool:
    """Look for the peer at some times, and return whether it was found gone."""
    for now in times:
        clock.look_for_peer(now)
    return clock.peer.gone


@pytest.mark.parametrize(
    ("state", "first", "second"),
    [("open", False, False), ("half_closed", False, True), ("reset", True, True)],
)
@pytest.mark.parametrize("phase", [Phase.HANDLER, Phase.SEND])
async def test_a_reset_is_believed_at_once_and_an_end_the_second_time(
    state: PeerState, first: bool, second: bool, phase: Phase, autojump_clock: MockClock
) -> None:
    """A client may end its half and still read what is quick to come."""
    clock, peer, request = busy_clock(phase)
    peer.state = state
    assert look(clock, 1) == first
    assert look(clock, 2) == second
    assert clock.scope.cancel_called == second
    assert request.cancelled_for == ("client-gone" if second else None)
    assert clock.ending == (Ending("client-gone", phase) if second else None)


async def test_a_write_in_between_needs_a_third_look(autojump_clock: MockClock) -> None:
    """Who still reads hasn't gone."""
    clock, peer, _ = busy_clock(Phase.SEND)
    peer.state = "half_closed"
    assert not look(clock, 1)
    clock.half_closed = False  # as a write leaves it
    assert not look(clock, 2)
    assert look(clock, 3)


async def test_an_end_says_nothing_while_a_write_is_on_its_way(autojump_clock: MockClock) -> None:
    """Its peer is to take it still; a reset takes nothing any more."""
    clock, peer, _ = busy_clock(Phase.SEND)
    peer.state, peer.write_cut = "half_closed", True
    assert not look(clock, 1, 2, 3)
    peer.state = "reset"
    assert look(clock, 4)


@pytest.mark.parametrize(
    ("state", "phase", "grace", "half_closed", "expected"),
    [
        ("reset", Phase.HANDLER, 0, 0, 1),
        ("reset", Phase.HANDLER, 7, 0, 8),
        ("reset", Phase.HANDLER, 7, 9, 8),  # the other one is for an end
        ("half_closed", Phase.HANDLER, 7, 0, 9),
        ("half_closed", Phase.HANDLER, 7, 9, 11),
        ("half_closed", Phase.HANDLER, 0, math.inf, None),
        ("reset", Phase.SEND, 7, 0, 1),  # nobody can take the rest of an answer
        ("half_closed", Phase.SEND, 7, 0, 9),
    ],
)
async def test_a_handler_may_have_a_grace(
    state: PeerState,
    phase: Phase,
    grace: float,
    half_closed: float,
    expected: float | None,
    autojump_clock: MockClock,
) -> None:
    """From the look that found its client gone; the longer one, if there are two for that."""
    state_of_server = served(timeouts=Timeouts(half_closed=half_closed))
    peer = FakePeer()
    clock = Clock(state_of_server, peer)
    clock.enter_handler(0, 31, grace)
    clock.phase = phase
    peer.state = state
    found = [second for second in range(1, 30) if look(clock, second)]
    assert (found[0] if found else None) == expected


async def test_a_reset_in_the_grace_of_an_end_makes_it_no_longer(autojump_clock: MockClock) -> None:
    """What was granted first is the most."""
    clock, peer, _ = busy_clock(grace=7)
    peer.state = "half_closed"
    assert not look(clock, 1, 2)
    peer.state = "reset"
    assert not look(clock, 5, 8)
    assert look(clock, 9)


async def test_a_handler_that_was_told_by_a_write_is_cancelled_once(
    autojump_clock: MockClock,
) -> None:
    """It may go on with what needs no client, as long as it wasn't cancelled."""
    clock, peer, _ = busy_clock()
    peer.gone, peer.state = True, "reset"
    look(clock, 1)
    assert clock.scope.cancel_called
    clock.ending = None  # as one that has dealt with it
    look(clock, 2)
    assert clock.ending is None


@pytest.mark.parametrize("phase", Phase)
async def test_a_standstill_of_the_server_is_given_back(
    phase: Phase, autojump_clock: MockClock
) -> None:
    """Not to a handler, whose caller has waited all the same, nor to a body beyond its grace."""
    clock, _, _ = busy_clock(phase)
    clock.enter(phase, 3)
    clock.silence_seconds = 1
    clock.give_back(0, 3)
    assert clock.silence_seconds == 4
    expected = {Phase.HANDLER: 3, Phase.BODY: 5}
    assert clock.deadline == expected.get(phase, 6)
    clock.enter_opened()
    clock.give_back(0, 3)
    clock.enter_head()
    assert clock.deadline == 13 + 3


async def test_a_standstill_is_no_silence_of_a_reader(autojump_clock: MockClock) -> None:
    """It may have acknowledged meanwhile what nobody has seen."""
    clock, peer, _ = busy_clock(Phase.SEND)
    peer.sent_bytes = 1000
    assert look_often(clock, 60) is None
    clock.give_back(100, 41)
    clock.expire_send(101)
    assert clock.ending is None
    clock.expire_send(102)
    assert clock.ending is not None
