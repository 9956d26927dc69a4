"""Answers onto a list instead of a wire: whole, iterated or produced, and what ends each."""

import math
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Self

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, assert_no_checkpoints

from hump_trio import Headers, Hump, Response, StreamResponse, Timeouts
from hump_trio.messages.converted_body import ConvertedBody
from hump_trio.messages.response import Producer, Send, settle
from hump_trio.server.clock import Clock
from hump_trio.server.phases import Phase
from hump_trio.server.sending import Sender, close_unsent
from tests.support.fake_stream import END, FakePeer, FakeStream
from tests.support.served import served
from tests.support.wire import ask, request

TEXT = {"content-type": "text/plain; charset=utf-8"}
BYTES = {"content-type": "application/octet-stream"}


class Body:
    """A streamed body from a list, which knows what happens to it.

    Args:
        parts: What it yields: parts, seconds that are waited for the next, or what is raised.

    Attributes:
        closed: How often it was closed.
        closing: Seconds that this takes.
    """

    def __init__(self, *parts: Any) -> None:
        self._parts = list(parts)
        self.closed = 0
        self.closing: float = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while self._parts:
            part = self._parts.pop(0)
            if isinstance(part, BaseException):
                raise part
            if not isinstance(part, int | float):
                return part
            await trio.sleep(part)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close it."""
        self.closed += 1
        if self.closing:
            await trio.sleep(self.closing)


def new_sender(
    body: Any, headers: Any = (), *, method: str = "GET", timeouts: Timeouts | None = None
) -> tuple[Sender, FakeStream, Clock]:
    """Return the sender of an answer, the stream that it is sent to, and what bounds it."""
    clock = Clock(served(timeouts=timeouts), FakePeer())
    clock.enter_send()
    stream = FakeStream(clock, method=method)
    response = body if isinstance(body, Response) else Response(body, headers=headers)
    settle(response)
    return Sender(stream, clock, response), stream, clock


async def sent(body: Any, headers: Any = (), *, method: str = "GET") -> list[Any]:
    """Return what an answer is sent as."""
    sender, stream, _ = new_sender(body, headers, method=method)
    await sender.send()
    return stream.sent


async def produce(*parts: str | bytes) -> AsyncIterator[str | bytes]:
    """Yield some parts."""
    for part in parts:
        yield part


@pytest.mark.parametrize(
    ("parts", "kind"),
    [(["a", b"b"], "text/plain; charset=utf-8"), ([b"a"], "application/octet-stream"), ([], None)],
)
async def test_the_first_part_tells_the_content_type(
    parts: list[str | bytes], kind: str | None, autojump_clock: MockClock
) -> None:
    """Text is text, so that a browser shows it; nothing is said of nothing."""
    app = Hump()

    @app.get("/")
    async def index() -> AsyncIterator[str | bytes]:
        for part in parts:
            yield part

    @app.get("/named")
    async def named() -> Response:
        return Response(index(), headers={"content-type": "text/csv"})

    [answer] = await ask(app, request())
    assert answer.headers.get("content-type") == kind
    [answer] = await ask(app, request("GET", "/named"))
    assert answer.headers["content-type"] == "text/csv"


# Answers that are there as a whole


async def test_a_whole_answer_goes_out_in_one_go(autojump_clock: MockClock) -> None:
    """Head, body and end, and no checkpoint where the peer takes them."""
    sender, stream, clock = new_sender("hello")
    with assert_no_checkpoints():
        await sender.send()
    assert stream.sent == [(200, {**TEXT, "content-length": "5"}), b"hello", END]
    assert clock.answering


async def test_no_body_is_a_body_too(autojump_clock: MockClock) -> None:
    """Its head says so."""
    assert await sent(None) == [(200, {"content-length": "0"}), END]


async def test_an_answer_to_head_is_a_head(autojump_clock: MockClock) -> None:
    """With the length that the body would have."""
    assert await sent("hello", method="HEAD") == [(200, {**TEXT, "content-length": "5"}), END]


# Answers that are iterated


async def test_parts_go_out_as_they_come(autojump_clock: MockClock) -> None:
    """The head with the first one; the end at once when there is no more."""
    sender, stream, clock = new_sender(body := Body(1, "one", 2, b"two", 3))
    seen: list[list[Any]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.send)
        for seconds in (0.5, 1, 2):
            await trio.sleep(seconds)
            seen.append(list(stream.sent))
        assert clock.phase is Phase.SEND
    head = (200, TEXT)
    assert seen == [[], [head, b"one"], [head, b"one", b"two"]]
    assert stream.sent == [head, b"one", b"two", END]
    assert body.closed == 1


async def test_an_empty_part_sends_the_head_alone(autojump_clock: MockClock) -> None:
    """As a first sign of life."""
    sender, stream, _ = new_sender(Body(b"", 10, b"late"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.send)
        await trio.sleep(1)
        assert stream.sent == [(200, BYTES)]


async def test_a_stream_without_parts_has_a_head_and_an_end(autojump_clock: MockClock) -> None:
    """Of no type, since nothing tells it."""
    assert await sent(produce()) == [(200, {}), END]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_body_is_closed_whether_it_goes_out_or_not(
    method: str, autojump_clock: MockClock
) -> None:
    """That of an answer to HEAD is never asked for a part."""
    body = Body(b"one")
    assert await sent(body, method=method) == (
        [(200, BYTES), b"one", END] if method == "GET" else [(200, {}), END]
    )
    assert body.closed == 1


async def test_what_makes_an_iterator_is_closed_as_well(autojump_clock: MockClock) -> None:
    """Where it is another object, such as an open file and its lines."""
    body = Body(b"one")

    class Source:
        closed = 0

        def __aiter__(self) -> Body:
            return body

        async def aclose(self) -> None:
            self.closed += 1

    source = Source()
    assert await sent(source) == [(200, BYTES), b"one", END]
    assert (body.closed, source.closed) == (1, 1)


async def test_each_part_is_a_checkpoint(autojump_clock: MockClock) -> None:
    """A body that never waits starves nobody, and can be cancelled."""

    async def flood() -> AsyncIterator[bytes]:
        while True:
            yield b"more"

    sender, stream, _ = new_sender(flood())
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender.send)
            for _ in range(10):
                await trio.lowlevel.checkpoint()
            scope.cancel()
    assert 5 <= len(stream.sent) <= 15
    assert END not in stream.sent


@pytest.mark.parametrize("sent_parts", [0, 1])
async def test_an_error_of_a_body_is_raised(sent_parts: int, autojump_clock: MockClock) -> None:
    """Another answer can follow as long as nothing was sent; a message never looks whole."""
    body = Body(*[b"one"] * sent_parts, ValueError("failed"))
    sender, stream, clock = new_sender(body)
    with pytest.raises(ValueError, match="failed"):
        await sender.send()
    assert clock.answering == bool(sent_parts)
    assert stream.sent == [(200, BYTES), b"one"][: 2 * sent_parts]
    assert body.closed == 1


@pytest.mark.parametrize(
    ("parts", "error", "match"),
    [
        ([{}], TypeError, "yields bytes or str"),
        (["text"], ValueError, "charset"),
    ],
)
async def test_a_part_that_is_none(
    parts: list[Any], error: type[Exception], match: str, autojump_clock: MockClock
) -> None:
    """It is an error before anything was sent, as far as the first part tells."""
    sender, stream, clock = new_sender(Body(*parts), {"content-type": "text/plain; charset=ascii"})
    with pytest.raises(error, match=match):
        await sender.send()
    assert (stream.sent, clock.answering) == ([], False)


@pytest.mark.parametrize(
    ("length", "match", "expected"),
    [("5", "longer", [b"one"]), ("7", "shorter", [b"one", b"two"]), ("6", None, [b"one", b"two"])],
)
@pytest.mark.parametrize("produced", [True, False])
async def test_a_length_that_was_promised_is_kept(
    produced: bool, length: str, match: str | None, expected: list[bytes], autojump_clock: MockClock
) -> None:
    """Neither a byte too many goes out, nor an end too early."""

    async def send_two(send: Send) -> None:
        await send(b"one")
        await send(b"two")

    headers = {"content-length": length}
    response = StreamResponse(send_two, headers=headers)
    sender, stream, _ = new_sender(response if produced else Body(b"one", b"two"), headers)
    if match is None:
        await sender.send()
        expected = [*expected, END]  # type: ignore[list-item]
    else:
        with pytest.raises(ValueError, match=match):
            await sender.send()
    assert stream.sent == [(200, {**headers, **BYTES}), *expected]


@pytest.mark.parametrize("seconds", [0.5, 1.5])
async def test_a_cancelled_body_is_closed_and_not_ended(
    seconds: float, autojump_clock: MockClock
) -> None:
    """Wherever it is cancelled while nothing is written; the peer may be told otherwise then."""
    body = Body(1, b"one", 1, b"two")
    sender, stream, clock = new_sender(body)
    with trio.move_on_after(seconds) as scope:
        await sender.send()
    assert scope.cancelled_caught
    assert END not in stream.sent
    assert (body.closed, clock.peer.write_cut) == (1, False)


@pytest.mark.parametrize("produced", [True, False])
async def test_a_write_that_is_cancelled_is_the_last_one(
    produced: bool, autojump_clock: MockClock
) -> None:
    """Nobody knows how much of it has gone."""

    async def send_one(send: Send) -> None:
        try:
            await send(b"one")
        except trio.Cancelled:
            with pytest.raises(trio.BrokenResourceError), trio.CancelScope(shield=True):
                await send(b"two")
            raise

    body = Body(b"one")
    sender, stream, clock = new_sender(StreamResponse(send_one) if produced else body)
    stream.writing = trio.sleep_forever
    with trio.move_on_after(1) as scope:
        await sender.send()
    assert scope.cancelled_caught
    assert (stream.sent, clock.peer.write_cut, clock.answering) == ([], True, True)
    assert body.closed == (not produced)


async def test_a_body_that_swallows_its_cancellation_has_no_end(autojump_clock: MockClock) -> None:
    """It would look whole."""

    class Swallower(Body):
        async def __anext__(self) -> Any:
            try:
                return await super().__anext__()
            except trio.Cancelled:
                raise StopAsyncIteration from None

    sender, stream, _ = new_sender(Swallower(b"one", 100))
    with trio.move_on_after(1) as scope:
        await sender.send()
    assert scope.cancelled_caught
    assert stream.sent == [(200, BYTES), b"one"]


async def test_a_scope_of_a_bodys_own_ends_its_answer_alone(autojump_clock: MockClock) -> None:
    """It encloses the writing as well; nothing outside is cancelled."""

    async def hurry() -> AsyncIterator[bytes]:
        with trio.move_on_after(1):
            yield b"one"
            yield b"two"

    sender, stream, _ = new_sender(hurry())
    written: list[float] = []

    async def stall() -> None:
        written.append(trio.current_time())
        if len(written) > 1:
            await trio.sleep_forever()

    stream.writing = stall
    with pytest.raises(RuntimeError, match="body's own") as raised:
        await sender.send()
    assert isinstance(raised.value.__cause__, trio.Cancelled)
    assert trio.current_time() == 1
    await trio.lowlevel.checkpoint()


async def test_a_scope_of_a_bodys_own_around_its_waiting_is_its_own_affair(
    autojump_clock: MockClock,
) -> None:
    """What it ends is the wait."""

    async def hurry() -> AsyncIterator[bytes]:
        with trio.move_on_after(1):
            await trio.sleep_forever()
        yield b"late"

    assert await sent(hurry()) == [(200, BYTES), b"late", END]


async def test_an_answer_that_is_out_looks_for_nobody_while_its_body_is_closed(
    autojump_clock: MockClock,
) -> None:
    """Its closing is bounded by the time for that alone, and has begun before."""
    body = Body(b"one")
    body.closing = 2
    sender, stream, clock = new_sender(body)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.send)
        await trio.sleep(1)
        assert stream.sent[-1] == END
        assert (clock.phase, clock.deadline) == (Phase.CLOSE_BODY, math.inf)


async def test_a_cancelled_body_has_its_time_to_be_closed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Shielded until then, and logged if it takes longer; it stays a cancellation all the same."""
    for closing, ends, logged in ((2, 1 + 2, False), (9, 3 + 1 + 3, True)):
        body = Body(b"one", 100)
        body.closing = closing
        sender, _, _ = new_sender(body, timeouts=Timeouts(cleanup=3))
        with trio.move_on_after(1):
            await sender.send()
        assert trio.current_time() == ends
        assert bool(caplog.records) == logged


# Answers that are produced


async def test_a_function_sends_its_parts(autojump_clock: MockClock) -> None:
    """It is over when it returns."""

    async def send_two(send: Send) -> None:
        await send("one")
        with assert_checkpoints():
            await send(b"two")

    assert await sent(StreamResponse(send_two)) == [(200, TEXT), b"one", b"two", END]


async def test_a_function_that_sends_nothing(autojump_clock: MockClock) -> None:
    """Its answer has a head and an end."""

    async def send_nothing(send: Send) -> None:
        await trio.sleep(1)

    assert await sent(StreamResponse(send_nothing)) == [(200, {}), END]


async def test_a_function_isnt_called_for_an_answer_to_head(autojump_clock: MockClock) -> None:
    """What it would have read from is closed."""
    body = Body()

    async def send_something(send: Send) -> None:
        raise AssertionError("nobody asks for it")

    response = Response(Producer(send_something, body.aclose))
    assert await sent(response, method="HEAD") == [(200, {}), END]
    assert body.closed == 1


async def test_tasks_that_send_together_send_whole_parts(autojump_clock: MockClock) -> None:
    """Each in its turn, and the end is the last of all."""

    async def send_many(send: Send) -> None:
        async with trio.open_nursery() as nursery:
            for index in range(5):
                nursery.start_soon(send, f"{index}")

    sender, stream, _ = new_sender(StreamResponse(send_many))
    writing = 0

    async def write() -> None:
        nonlocal writing
        writing += 1
        assert writing == 1
        await trio.sleep(1)
        writing -= 1

    stream.writing = write
    await sender.send()
    assert stream.sent[0] == (200, TEXT)
    assert sorted(stream.sent[1:-1]) == [b"0", b"1", b"2", b"3", b"4"]
    assert stream.sent[-1] == END


async def test_a_task_that_outlives_the_function_finishes_its_part_and_sends_no_other(
    autojump_clock: MockClock,
) -> None:
    """The end waits for the part; what comes later has nowhere to go."""
    async with trio.open_nursery() as nursery:

        async def send_on(send: Send) -> None:
            await send(b"one")
            with pytest.raises(trio.ClosedResourceError):
                await send(b"two")

        async def leave(send: Send) -> None:
            nursery.start_soon(send_on, send)
            await trio.sleep(1)

        sender, stream, _ = new_sender(StreamResponse(leave))

        async def write() -> None:
            await trio.sleep(2)

        stream.writing = write
        await sender.send()
        assert stream.sent == [(200, BYTES), b"one", END]


@pytest.mark.parametrize("sent_parts", [0, 1])
async def test_an_error_of_a_function_is_raised(sent_parts: int, autojump_clock: MockClock) -> None:
    """As that of an iterated body; a task of its that lives on sends nothing more."""
    sends: list[Send] = []

    async def fail(send: Send) -> None:
        sends.append(send)
        for _ in range(sent_parts):
            await send(b"one")
        raise ValueError("failed")

    sender, stream, clock = new_sender(StreamResponse(fail))
    with pytest.raises(ValueError, match="failed"):
        await sender.send()
    assert clock.answering == bool(sent_parts)
    assert END not in stream.sent
    with pytest.raises(trio.ClosedResourceError):
        await sends[0](b"two")


async def test_a_function_that_swallows_its_cancellation_has_no_end(
    autojump_clock: MockClock,
) -> None:
    """It would look whole."""

    async def swallow(send: Send) -> None:
        await send(b"one")
        with trio.move_on_after(0.5):
            await trio.sleep_forever()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return

    sender, stream, _ = new_sender(StreamResponse(swallow))
    with trio.move_on_after(1) as scope:
        await sender.send()
    assert scope.cancelled_caught
    assert stream.sent == [(200, BYTES), b"one"]


# What bodies know of their answer


async def test_a_body_that_wants_the_headers_has_them_first(autojump_clock: MockClock) -> None:
    """And may change them until the first part is there."""
    for make in (converted, produced_by):
        taken: list[Headers] = []
        body = make(taken)
        [head, *rest] = await sent(body, {"x-a": "1"})
        assert head == (200, {"x-a": "1", "x-b": "2", **BYTES})
        assert rest == [b"ONE", END]


def converted(taken: list[Headers]) -> AsyncIterable[bytes | str]:
    """Return a body that is converted, and adds a field."""

    async def convert(part: str | bytes) -> bytes:
        taken[0]["x-b"] = "2"
        assert isinstance(part, bytes)
        return part.upper()

    return ConvertedBody(produce(b"one"), convert, take_headers=taken.append)


def produced_by(taken: list[Headers]) -> Any:
    """Return a body that a function sends, which adds a field."""

    async def send_one(send: Send) -> None:
        taken[0]["x-b"] = "2"
        await send(b"ONE")

    return Producer(send_one, take_headers=taken.append)


@pytest.mark.parametrize("cancelled", [True, False])
async def test_an_answer_that_is_never_sent_is_closed(
    cancelled: bool, autojump_clock: MockClock
) -> None:
    """Also while its request is being cancelled; a body that can't be closed is none."""
    body = Body(b"one")
    body.closing = 1
    clock = Clock(served(), FakePeer())
    with trio.CancelScope() as scope:
        if cancelled:
            scope.cancel()
        await close_unsent(Response(body), clock)
        await close_unsent(Response("text"), clock)
    assert (body.closed, trio.current_time()) == (1, 1)


# Trailers

SUM = {"x-sum": "7"}
ANNOUNCED = {"trailer": "x-sum"}


@pytest.mark.parametrize(
    ("body", "parts", "head"),
    [
        (b"one", [b"one"], BYTES | {"content-length": "3"}),
        (b"", [], {"content-length": "0"}),
        (Body("one", "two"), [b"one", b"two"], TEXT),
    ],
    ids=["whole", "empty", "streamed"],
)
async def test_trailers_follow_the_last_part(
    body: Any, parts: list[bytes], head: dict[str, str], autojump_clock: MockClock
) -> None:
    """The head announces those whose names are known (RFC 9110 section 6.6.2)."""
    expected = [(200, head | ANNOUNCED), *parts, [("x-sum", "7")], END]
    assert await sent(Response(body, trailers=SUM)) == expected


async def test_trailers_of_a_function_are_asked_for_at_the_end(autojump_clock: MockClock) -> None:
    """Then it knows all parts; their names can't be announced, unless the program does it."""
    seen: list[str] = []

    async def parts() -> AsyncIterator[str]:
        for part in ("one", "two"):
            seen.append(part)
            yield part

    def summary() -> dict[str, str]:
        return {"x-parts": str(len(seen))}

    expected = [(200, TEXT), b"one", b"two", [("x-parts", "2")], END]
    assert await sent(Response(parts(), trailers=summary)) == expected
    seen.clear()
    response = Response(parts(), headers={"trailer": "X-Parts"}, trailers=summary)
    assert (await sent(response))[0] == (200, TEXT | {"trailer": "X-Parts"})


async def test_a_producer_returns_trailers(autojump_clock: MockClock) -> None:
    """They follow those that were known before."""

    async def send_one(send: Send) -> list[tuple[str, str]]:
        await send("one")
        return [("x-b", "1"), ("x-b", "2")]

    assert await sent(StreamResponse(send_one)) == [
        (200, TEXT),
        b"one",
        [("x-b", "1"), ("x-b", "2")],
        END,
    ]
    expected = [(200, TEXT | ANNOUNCED), b"one", [("x-sum", "7"), ("x-b", "1"), ("x-b", "2")], END]
    assert await sent(StreamResponse(send_one, trailers=SUM)) == expected


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_an_answer_without_a_body_has_no_trailers(
    method: str, status: int, autojump_clock: MockClock
) -> None:
    """Nor does it announce any, or ask for them."""

    def fail() -> dict[str, str]:
        raise AssertionError("there is no body that has ended")

    for trailers in (SUM, fail):
        answer = await sent(Response(None, status, trailers=trailers), method=method)
        assert "trailer" not in answer[0][1]
        assert answer[1:] == [END]


async def test_a_client_that_takes_no_trailers_gets_none(autojump_clock: MockClock) -> None:
    """They are made and checked all the same, so that mistakes show with any client."""
    sender, stream, _ = new_sender(Response(b"one", trailers=SUM))
    stream.takes_trailers = False
    await sender.send()
    assert stream.sent == [(200, BYTES | {"content-length": "3"}), b"one", END]
    sender, stream, _ = new_sender(Response(b"one", trailers=lambda: {"host": "a"}))
    stream.takes_trailers = False
    with pytest.raises(ValueError, match="host"):
        await sender.send()


@pytest.mark.parametrize(
    ("trailers", "error"),
    [
        ({"content-length": "3"}, ValueError),
        ({"x-a": "1\r\n"}, ValueError),
        ({"x-a": 1}, TypeError),
        (7, TypeError),
    ],
)
async def test_an_answer_with_wrong_trailers_has_no_end(
    trailers: Any, error: type[Exception], autojump_clock: MockClock
) -> None:
    """It breaks off, since its parts are out; a whole one can still be answered otherwise."""

    async def send_one(send: Send) -> Any:
        await send("one")
        return trailers

    for response in (StreamResponse(send_one), Response(Body("one"), trailers=lambda: trailers)):
        sender, stream, clock = new_sender(response)
        with pytest.raises(error):
            await sender.send()
        assert stream.sent == [(200, TEXT), b"one"]
        assert clock.answering
    sender, stream, clock = new_sender(Response(b"one", trailers=lambda: trailers))
    with pytest.raises(error):
        await sender.send()
    assert (stream.sent, clock.answering) == ([], False)
