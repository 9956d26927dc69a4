"""Exchanges alone: a request from a list, its time, and what it is counted for."""

import gc
import logging
import math
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, assert_no_checkpoints

from hump_trio import HttpException, Limits, Request, Response, Timeouts
from hump_trio.facts.exceptions import HttpParserError, OverloadError
from hump_trio.facts.outcomes import Outcome
from hump_trio.routing.route import Route
from hump_trio.server.clock import Clock, Ending
from hump_trio.server.exchange import TURN_PARTS, Exchange
from hump_trio.server.phases import Phase
from hump_trio.server.state import ServerState
from tests.support.fake_stream import FakePeer, FakeStream
from tests.support.served import served

HEADER = "x-wait-ms"
LIMITS = Limits(body_bytes=10, buffered_bytes=20)


async def answer(request: Request) -> str:
    """Answer."""
    return "answer"


async def read(request: Request) -> str:
    """Answer with the length of a body that is read in parts."""
    return str(sum([len(part) async for part in request.stream]))


def state_of(
    handler: Callable[[Request], Awaitable[object]] = answer,
    *,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    **options: Any,
) -> ServerState:
    """Return the state of a server with one route, for POST."""
    route = Route(template="/", methods=("POST",), handler=handler, **options)
    return served(route, limits=limits, timeouts=timeouts)


def begun(
    state: ServerState, *parts: bytes | float | BaseException, **head: Any
) -> tuple[Exchange, FakeStream]:
    """Return an exchange whose head has come, and its stream."""
    clock = Clock(state, FakePeer())
    stream = FakeStream(clock, *parts, **head)
    exchange = Exchange(stream, clock)
    exchange.begin()
    return exchange, stream


def end(exchange: Exchange) -> None:
    """End an exchange, and see that nothing is counted for it any more."""
    state = exchange.clock.state
    exchange.release()
    assert (state.request_count, state.buffered_bytes) == (0, 0)
    assert sum(state.outcomes.values()) == 1
    assert exchange.clock.request is None


# What is decided at the head


async def test_a_request_that_has_a_route_is_counted_until_it_is_over() -> None:
    """It knows its route and its app, and its clock knows it."""
    state = state_of()
    exchange, stream = begun(state)
    assert (exchange.choice.route, exchange.request.route) == ("/", "/")
    assert exchange.request.app is state.application.app
    assert (state.request_count, exchange.clock.request) == (1, exchange.request)
    assert stream.calls == []
    end(exchange)


@pytest.mark.parametrize(
    ("head", "options", "status"),
    [
        ({"method": "BREW"}, {}, 501),
        ({"method": "PUT"}, {}, 405),
        ({"expect": "tea"}, {}, 417),
        ({"content_length": 11}, {}, 413),
        ({"content_length": 11, "expect": "100-continue"}, {}, 413),
        ({"content_length": 11}, {"body_limit": 11}, 200),
        ({"content_length": 10}, {"body_limit": 9}, 413),
        ({"content_length": 10**9}, {"body_limit": None}, 200),
        ({"expect": "100-continue"}, {}, 200),
        ({"content_length": 11}, {"stream": True}, 413),
    ],
)
async def test_a_refusal_needs_no_body(
    head: dict[str, Any], options: dict[str, Any], status: int, autojump_clock: MockClock
) -> None:
    """It is decided before a byte of the body is read, and the rest may be read away."""
    exchange, stream = begun(state_of(limits=LIMITS, **options), 1, b"body", **head)
    with assert_no_checkpoints():
        if status != 200:
            await exchange.receive()
    assert stream.calls == (["decline_body(drained=True)"] if status != 200 else [])
    assert exchange.choice.refused == (status != 200)
    response = await exchange.respond()
    assert response.status == status
    end(exchange)


async def test_one_request_too_many_is_shed_and_not_counted(autojump_clock: MockClock) -> None:
    """Nothing more is read for it: the server has too much to do already."""
    state = state_of(limits=Limits(requests=1))
    first, _ = begun(state)
    second, stream = begun(state, b"body")
    assert stream.calls == ["decline_body(drained=False)"]
    assert (await second.respond()).status == 503
    second.release()
    assert (state.request_count, state.outcomes["shed"], second.request.route) == (1, 1, "")
    first.release()
    third, _ = begun(state)
    assert not third.choice.refused


# A body that is received whole


@pytest.mark.parametrize("parts", [[], [b"all"], [b"all ", 1, b"of ", b"it"]])
async def test_a_body_is_there_before_its_handler(
    parts: list[bytes | float], autojump_clock: MockClock
) -> None:
    """It is held for the handler, and counted as long as it may be."""
    state = state_of()
    exchange, stream = begun(state, *parts)
    stream.trailers = [("x-checksum", "7")]
    await exchange.receive()
    body = b"".join(part for part in parts if isinstance(part, bytes))
    assert exchange.request.body == body
    assert type(exchange.request.body) is bytes
    assert state.buffered_bytes == len(body)
    assert exchange.request.trailers.get("x-checksum") == ("7" if body else None)
    end(exchange)


async def test_no_body_takes_no_time(autojump_clock: MockClock) -> None:
    """Nor any from other tasks, if it is there already."""
    for parts in ([], [b"all"]):
        exchange, _ = begun(state_of(), *parts)
        with assert_no_checkpoints():
            await exchange.receive()


async def test_a_body_in_many_parts_lets_others_have_their_turn(
    autojump_clock: MockClock,
) -> None:
    """However fast it comes."""
    exchange, _ = begun(state_of(), *[b"a"] * (TURN_PARTS - 1))
    with assert_no_checkpoints():
        await exchange.receive()
    exchange, _ = begun(state_of(), *[b"a"] * TURN_PARTS)
    with assert_checkpoints():
        await exchange.receive()


async def test_a_body_past_the_limit_is_received_no_further(autojump_clock: MockClock) -> None:
    """413, as soon as its length tells: its head may have said nothing."""
    state = state_of(limits=LIMITS)
    exchange, stream = begun(state, b"12345678", b"9", b"01", b"never")
    with pytest.raises(HttpException, match="larger than 10 bytes") as raised:
        await exchange.receive()
    assert (raised.value.status, stream.calls) == (413, ["abandon_body"])
    exchange.refuse(raised.value)
    assert (await exchange.respond()).status == 413
    assert exchange.request.outcome == "refused"
    end(exchange)


async def test_bodies_that_are_too_much_together_are_received_no_further(
    autojump_clock: MockClock,
) -> None:
    """503 for the one that is one too many; the others stay whole."""
    state = state_of(limits=LIMITS)
    one, _ = begun(state, b"0123456789")
    two, _ = begun(state, b"012345678")
    await one.receive()
    await two.receive()
    three, stream = begun(state, b"0", b"1")
    with pytest.raises(OverloadError):
        await three.receive()
    assert stream.calls == ["abandon_body"]
    assert stream.body_failed
    three.release()
    assert state.buffered_bytes == 19
    two.release()
    assert (state.request_count, state.buffered_bytes) == (1, 10)


@pytest.mark.parametrize(
    "error", [HttpParserError(400, "the body broke off"), trio.BrokenResourceError("gone")]
)
async def test_a_body_that_breaks_off_is_no_body(
    error: Exception, autojump_clock: MockClock
) -> None:
    """What came of it is given back."""
    state = state_of()
    exchange, _ = begun(state, b"some", error)
    with pytest.raises(type(error)):
        await exchange.receive()
    assert exchange.request.body == b""
    assert state.buffered_bytes == 4
    end(exchange)


async def test_what_a_body_may_take_is_silence(autojump_clock: MockClock) -> None:
    """Its clock's phase is its own, and bytes move the deadline."""
    exchange, _ = begun(state_of(timeouts=Timeouts(stall_grace=5, min_rate=1)), 3, b"12", 4, b"3")
    clock = exchange.clock
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.receive)
        await trio.sleep(1)
        assert (clock.phase, clock.deadline) == (Phase.BODY, 5)
        await trio.sleep(3)
        assert clock.deadline == 5 + 2
    assert exchange.request.body == b"123"


async def test_a_body_whose_receiving_is_cancelled_is_given_back(
    autojump_clock: MockClock,
) -> None:
    """At every wait for its bytes."""
    for seconds in (0.5, 1.5, 2.5):
        exchange, _ = begun(state_of(), 1, b"1", 1, b"2", 1, b"3")
        with trio.move_on_after(seconds) as scope:
            await exchange.receive()
        assert scope.cancelled_caught
        assert exchange.request.body == b""
        end(exchange)


# A body that is read in parts


async def test_a_body_is_read_by_its_handler(autojump_clock: MockClock) -> None:
    """Which begins before it is here; it isn't held."""
    state = state_of(read, stream=True)
    exchange, stream = begun(state, b"one", 1, b"two", b"three")
    stream.trailers = [("x-checksum", "7")]
    with assert_no_checkpoints():
        await exchange.receive()
    assert (await exchange.respond()).body == b"11"
    assert exchange.request.trailers["x-checksum"] == "7"
    assert state.buffered_bytes == 0
    end(exchange)


async def test_each_part_is_a_checkpoint(autojump_clock: MockClock) -> None:
    """So that a body that comes fast starves nobody; the end is one, however often it is read."""
    exchange, _ = begun(state_of(stream=True), b"one")
    await exchange.receive()
    stream = exchange.request.stream
    with assert_checkpoints():
        assert await anext(stream) == b"one"
    for _ in range(3):
        with assert_checkpoints(), pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_the_handlers_clock_stands_while_the_peer_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    """And the body's goes, which stands between the parts."""
    times: list[tuple[Phase, float, float]] = []

    async def handler(request: Request) -> None:
        await trio.sleep(1)
        await anext(request.stream)
        times.append((clock.phase, clock.deadline, request.server_deadline))
        await trio.sleep(1)
        await anext(request.stream)
        times.append((clock.phase, clock.deadline, request.server_deadline))

    state = state_of(handler, stream=True, timeouts=Timeouts(stall_grace=5))
    exchange, _ = begun(state, 3, b"a", 4, b"b")
    clock = exchange.clock
    await exchange.receive()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.respond)
        await trio.sleep(2)
        assert (clock.phase, clock.deadline) == (Phase.BODY, 1 + 5)
        assert exchange.request.server_deadline == math.inf
        await trio.sleep(4)
        assert clock.phase is Phase.BODY
        assert clock.deadline == pytest.approx(5 + 2 + 1 / 240)
    assert times == [(Phase.HANDLER, 33, 33), (Phase.HANDLER, 37, 37)]


async def test_an_exact_deadline_stands_too(autojump_clock: MockClock) -> None:
    """That of a route's own: its scope is told anew when the part is here."""
    exchange, _ = begun(state_of(read, stream=True, timeout=2), 3, b"one", 4, b"two")
    await exchange.receive()
    with exchange.clock.scope:
        response = await exchange.respond()
    assert (response.body, trio.current_time()) == (b"6", 7)
    assert not exchange.clock.scope.cancel_called
    assert exchange.clock.ending is None


async def test_a_deadline_that_has_passed_by_what_the_handler_does_is_exact(
    autojump_clock: MockClock,
) -> None:
    """What the peer has taken is added, and no more."""

    async def handler(request: Request) -> None:
        await trio.sleep(1.5)
        await anext(request.stream)
        await trio.sleep_forever()

    exchange, _ = begun(state_of(handler, stream=True, timeout=2), 3, b"one", 1, b"two")
    await exchange.receive()
    with exchange.clock.scope:
        await exchange.respond()
    assert trio.current_time() == 2 + 3


async def test_a_second_reader_is_an_error_of_the_second(autojump_clock: MockClock) -> None:
    """As with every Trio stream; the first one goes on."""
    exchange, _ = begun(state_of(stream=True), 1, b"one")
    await exchange.receive()
    stream = exchange.request.stream
    found: list[bytes] = []

    async def read_one() -> None:
        found.append(await anext(stream))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_one)
        await trio.sleep(0.5)
        assert exchange.being_read
        with pytest.raises(trio.BusyResourceError, match="another task"):
            await anext(stream)
    assert found == [b"one"]
    assert not exchange.being_read


async def test_a_read_that_is_cancelled_has_lost_nothing(autojump_clock: MockClock) -> None:
    """The handler's clock goes on, and the next read finds what the first one would have."""
    exchange, _ = begun(state_of(stream=True), 2, b"one")
    await exchange.receive()
    exchange.clock.enter_handler(0, 30, 0)
    exchange.request.server_deadline = 30
    with trio.move_on_after(1):
        await anext(exchange.request.stream)
    assert (exchange.clock.phase, exchange.clock.deadline) == (Phase.HANDLER, 31)
    assert exchange.request.server_deadline == 31
    assert await anext(exchange.request.stream) == b"one"


async def test_a_body_that_went_wrong_is_wrong_at_every_read(autojump_clock: MockClock) -> None:
    """Also after one past the limit: where the rest begins is nobody's concern any more."""
    exchange, _ = begun(state_of(stream=True), b"one", HttpParserError(400, "malformed"))
    await exchange.receive()
    stream = exchange.request.stream
    assert await anext(stream) == b"one"
    for text in ("malformed", "broke off", "broke off"):
        with pytest.raises(HttpParserError, match=text):
            await anext(stream)
    exchange, fake = begun(state_of(stream=True, limits=LIMITS), b"01234567890", b"more")
    await exchange.receive()
    with pytest.raises(HttpException) as raised:
        await anext(exchange.request.stream)
    assert (raised.value.status, fake.calls) == (413, ["abandon_body"])
    with pytest.raises(HttpParserError):
        await anext(exchange.request.stream)


async def test_a_stalled_body_is_read_no_further(autojump_clock: MockClock) -> None:
    """Its reader is cancelled, and whoever shields that reads nothing more."""
    exchange, stream = begun(state_of(stream=True), 10, b"late")
    await exchange.receive()
    exchange.clock.enter_handler(0, 30, 0)
    async with trio.open_nursery() as nursery:

        async def stall() -> None:
            await trio.sleep(5)
            exchange.clock.cut()

        nursery.start_soon(stall)
        with exchange.clock.scope:
            await anext(exchange.request.stream)
    assert exchange.clock.ending == Ending("deadline", Phase.BODY)
    assert stream.calls == ["abandon_body"]
    with pytest.raises(HttpParserError):
        await anext(exchange.request.stream)


@pytest.mark.parametrize(
    ("on_disconnect", "answering", "cancelled"),
    [
        ("cancel", False, True),
        ("finish", False, False),
        (3.0, False, False),
        ("cancel", True, True),
        ("finish", True, True),
    ],
)
async def test_a_peer_that_vanishes_while_it_is_read_from(
    on_disconnect: str | float, answering: bool, cancelled: bool, autojump_clock: MockClock
) -> None:
    """Its handler is cancelled, or told, if it may finish what needs no client."""
    state = state_of(stream=True, on_disconnect=on_disconnect)
    exchange, stream = begun(state, b"one", trio.BrokenResourceError("gone"))
    await exchange.receive()
    await exchange.respond()
    if answering:
        exchange.start_answer(200)
    clock, body = exchange.clock, exchange.request.stream
    assert await anext(body) == b"one"
    with clock.scope:
        if cancelled:
            await anext(body)
        else:
            with pytest.raises(HttpParserError, match="broke off"):
                await anext(body)
    assert clock.scope.cancelled_caught == cancelled
    assert exchange.request.cancelled_for == ("client-gone" if cancelled else None)
    assert stream.body_failed


async def test_a_handler_that_shields_its_read_sees_that_its_peer_has_vanished(
    autojump_clock: MockClock,
) -> None:
    """The error is that of the broken connection."""
    exchange, _ = begun(state_of(stream=True), trio.BrokenResourceError("gone"))
    await exchange.receive()
    exchange.clock.enter_handler(0, 30, 0)
    raised = pytest.raises(trio.BrokenResourceError)
    with exchange.clock.scope, trio.CancelScope(shield=True), raised:
        await anext(exchange.request.stream)
    assert exchange.clock.scope.cancel_called


async def test_what_is_made_of_a_body_is_counted_like_one(autojump_clock: MockClock) -> None:
    """Such as the fields of a form, until they are counted off or the request is over."""
    state = state_of(stream=True, limits=LIMITS)
    exchange, _ = begun(state, b"one")
    await exchange.receive()
    body: Any = exchange.request.stream
    body.hold(15)
    body.hold(-5)
    assert state.buffered_bytes == 10
    with pytest.raises(OverloadError):
        body.hold(11)
    assert state.buffered_bytes == 21
    end(exchange)
    body.hold(100)
    assert state.buffered_bytes == 0


async def test_a_body_is_dead_when_its_request_is_over(autojump_clock: MockClock) -> None:
    """A task that waits for a part hears it at once, and every later read as well."""
    exchange, _ = begun(state_of(stream=True), b"one", 100, b"never")
    await exchange.receive()
    body = exchange.request.stream
    await anext(body)

    async def read_on() -> None:
        with pytest.raises(trio.ClosedResourceError, match="is over"):
            await anext(body)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_on)
        await trio.sleep(1)
        end(exchange)
        assert exchange.being_read
    assert not exchange.being_read
    assert trio.current_time() == 1
    await read_on()


async def test_a_request_that_is_kept_keeps_no_connection(autojump_clock: MockClock) -> None:
    """Its body, its clock and its stream are gone when it is over."""
    exchange, stream = begun(state_of(stream=True, timeout=3), b"one")
    await exchange.receive()
    await exchange.respond()
    exchange.start_answer(200)
    request, ended = exchange.request, weakref.ref(exchange.clock.scope)
    end(exchange)
    assert (request.server_deadline, request.late) == (math.inf, None)
    del exchange, stream
    gc.collect()
    assert ended() is None
    with pytest.raises(trio.ClosedResourceError):
        await anext(request.stream)


# The time of a handler


@pytest.mark.parametrize(
    ("timeout", "asked", "seconds", "exact"),
    [
        (..., None, 30, False),
        (7, None, 7, True),
        (None, None, math.inf, True),
        (..., "5000", 5, True),
        (..., "50000", 30, False),
        (7, "5000", 5, True),
        (7, "9000", 7, True),
        (None, "5000", 5, True),
        (..., "soon", 30, False),
    ],
)
async def test_the_time_of_a_handler(
    timeout: Any, asked: str | None, seconds: float, exact: bool, autojump_clock: MockClock
) -> None:
    """The server's, the route's, or the caller's where that is less; only the first is coarse."""
    seen: list[tuple[float, float]] = []

    async def handler(request: Request) -> None:
        seen.append((request.server_deadline, exchange.clock.scope.deadline))

    state = state_of(handler, timeout=timeout, timeouts=Timeouts(deadline_header=HEADER))
    fields = [] if asked is None else [(HEADER, asked)]
    exchange, _ = begun(state, fields=fields)
    await trio.sleep(1)
    await exchange.receive()
    await exchange.respond()
    assert seen == [(1 + seconds, 1 + seconds if exact else math.inf)]
    assert exchange.clock.asked == (asked == "5000")
    assert (exchange.clock.scope.deadline, exchange.clock.enforced) == (math.inf, False)


async def test_nobody_asks_for_a_time_where_no_header_is_named(autojump_clock: MockClock) -> None:
    """It is a field like any other."""
    exchange, _ = begun(state_of(), fields=[(HEADER, "5000")])
    await exchange.respond()
    assert (exchange.request.server_deadline, exchange.clock.asked) == (30, False)


async def test_an_answer_has_no_time_of_its_own(autojump_clock: MockClock) -> None:
    """It is bounded by its peer's progress, and its request by nothing else."""
    exchange, _ = begun(state_of())
    await exchange.respond()
    exchange.start_answer(203)
    assert (exchange.status, exchange.clock.phase) == (203, Phase.SEND)
    assert (exchange.request.server_deadline, exchange.clock.enforced) == (math.inf, False)


@pytest.mark.parametrize("asked", [None, "2000"])
async def test_a_routes_own_time_bounds_the_answer_too(
    asked: str | None, autojump_clock: MockClock
) -> None:
    """From the handler's start on; a caller that waits less has got its answer in time."""
    timeouts = Timeouts(deadline_header=HEADER)
    fields = [] if asked is None else [(HEADER, asked)]
    exchange, _ = begun(state_of(timeout=5, timeouts=timeouts), fields=fields)
    await exchange.respond()
    await trio.sleep(1)
    exchange.start_answer(200)
    clock = exchange.clock
    assert exchange.request.server_deadline == clock.scope.deadline == 5
    assert (clock.enforced, clock.asked) == (True, False)
    exchange.start_answer(500)
    assert exchange.request.server_deadline == 5


async def test_reading_on_moves_the_time_of_the_answer(autojump_clock: MockClock) -> None:
    """By what the peer has taken for its bytes, when the answer begins in the middle of it."""
    exchange, _ = begun(state_of(stream=True, timeout=5), 3, b"one")
    await exchange.receive()
    await exchange.respond()

    async def read_on() -> None:
        await anext(exchange.request.stream)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_on)
        await trio.sleep(2)
        exchange.start_answer(200)
        assert exchange.request.server_deadline == 5 + 2
    assert exchange.clock.phase is Phase.SEND
    assert exchange.request.server_deadline == 5 + 2


async def test_the_answer_to_an_error_has_a_time_of_its_own(autojump_clock: MockClock) -> None:
    """That of any handler, since that of the one before may have passed."""
    exchange, _ = begun(state_of(timeout=5))
    await exchange.respond()
    await trio.sleep(10)
    exchange.extend()
    assert exchange.clock.deadline == exchange.request.server_deadline == 10 + 30


# Its end


@pytest.mark.parametrize(
    ("outcome", "status", "failed", "expected"),
    [
        ("ok", 200, False, "ok"),
        ("ok", 404, False, "ok"),
        ("ok", 200, True, "ok"),
        ("ok", 400, True, "refused"),
        ("crash", 500, True, "crash"),
        ("client-gone", 0, True, "client-gone"),
        ("ok", 0, True, "ok"),
    ],
)
async def test_how_it_ended_is_counted_once(
    outcome: Outcome, status: int, failed: bool, expected: Outcome, autojump_clock: MockClock
) -> None:
    """A handler that answers a broken body by an error has refused it."""
    state = state_of()
    exchange, stream = begun(state, b"body")
    exchange.request.outcome = outcome
    if failed:
        stream.abandon_body()
    if status:
        exchange.start_answer(status)
        exchange.clock.answering = True
    for _ in range(3):
        end(exchange)
    assert state.outcomes[expected] == 1
    assert exchange.over


@pytest.mark.parametrize("started", [True, False])
async def test_its_line_is_logged(
    started: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the status that went out, if one did, and the bytes that were sent."""
    caplog.set_level(logging.INFO, logger="hump_trio.access")
    exchange, stream = begun(state_of())
    await exchange.respond()
    exchange.start_answer(203)
    stream.set_head(203, [], None)
    await trio.sleep(2)
    if started:
        await stream.finish(b"12345")
    end(exchange)
    [record] = [each for each in caplog.records if each.name == "hump_trio.access"]
    line = '- "POST /" 203 5 2.0000 ok' if started else '- "POST /" - 0 2.0000 ok'
    assert record.getMessage() == line


async def test_a_request_that_was_begun_elsewhere_ends_like_any_other(
    autojump_clock: MockClock,
) -> None:
    """Its body was counted by whoever has received it; its handler may have put another there."""
    state = state_of()
    clock = Clock(state, FakePeer())
    stream = FakeStream(clock)
    request = stream.build_request()
    request.body = b"body"
    choice, _ = state.application.choose("POST", "/")
    state.count_in()
    state.buffered_bytes += 4
    exchange = Exchange(stream, clock, request, choice, held_bytes=4)
    request.body = b"another"
    assert isinstance(await exchange.respond(), Response)
    end(exchange)


async def test_early_hints_come_before_the_answer(autojump_clock: MockClock) -> None:
    """Until bytes of it may be out; when the request is over there is nobody to get them."""
    clock = Clock(state_of(), FakePeer())
    stream = FakeStream(clock)
    exchange = Exchange(stream, clock)
    exchange.begin()
    built = exchange.request
    await built.send_early_hints("</a>", "</b>")
    assert stream.sent == [(103, {"link": "</b>"})]
    await exchange.respond()
    exchange.start_answer(200)
    await built.send_early_hints("</a>")
    stream.set_head(200, [], None)
    await stream.send(b"one")
    with pytest.raises(RuntimeError, match="the answer has begun"):
        await built.send_early_hints("</a>")
    await stream.finish()
    exchange.release()
    with pytest.raises(trio.ClosedResourceError, match="the request is over"):
        await built.send_early_hints("</a>")
    assert [each[0] for each in stream.sent if isinstance(each, tuple)] == [103, 103, 200]
