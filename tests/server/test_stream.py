"""The contract of a stream, kept by that of HTTP/1.1 and by the one that other tests use."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock, assert_no_checkpoints, wait_all_tasks_blocked

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.messages.headers import FieldLines
from hump_trio.server.clock import Clock
from hump_trio.server.phases import Phase
from hump_trio.server.stream import HttpStream
from tests.support.fake_stream import END, FakePeer, FakeStream
from tests.support.http1_stream import stream_of
from tests.support.served import served
from tests.support.wire import Answer, parse_answers, request

# What comes of a body, as `FakeStream` has it.
Parts: TypeAlias = Sequence[bytes | float | BaseException]
MALFORMED = HttpParserError(400, "malformed")
GONE = trio.BrokenResourceError("gone")


@dataclass
class Subject:
    """A stream, and its peer.

    Attributes:
        stream: The stream.
        clock: Bounds it.
        sent: Returns the status, the body, and whether the end has come; None if nothing has.
        informed: Returns the statuses of the informational responses that have come.
        behind: Returns the fields that have come behind the body.
        stall: Has the peer take nothing any more.
        leave: Has the peer go.
    """

    stream: HttpStream
    clock: Clock
    sent: Callable[[], tuple[int, bytes, bool] | None]
    informed: Callable[[], list[int]]
    behind: Callable[[], FieldLines]
    stall: Callable[[], object]
    leave: Callable[[], object]


Make: TypeAlias = Callable[..., AbstractAsyncContextManager[Subject]]


@asynccontextmanager
async def fake(
    method: str = "POST", parts: Parts = (), *, trailers: bool = True
) -> AsyncIterator[Subject]:
    """Yield the stream of the other tests."""
    clock = Clock(served(), FakePeer())
    stream = FakeStream(clock, *parts, method=method)
    stream.trailers = [("x-checksum", "7")]
    stream.takes_trailers = trailers

    def informed() -> list[int]:
        heads = [each for each in stream.sent if isinstance(each, tuple)]
        return [status for status, _ in heads if status < 200]

    def behind() -> FieldLines:
        return next((each for each in stream.sent if isinstance(each, list)), [])

    def sent() -> tuple[int, bytes, bool] | None:
        final = stream.sent[len(informed()) :]
        if not final:
            return None
        (status, _), *rest = final
        body = b"".join(part for part in rest if isinstance(part, bytes))
        return status, body, END in rest

    def stall() -> None:
        stream.writing = trio.sleep_forever

    async def fail() -> None:
        raise GONE

    def leave() -> None:
        stream.writing = fail

    yield Subject(stream, clock, sent, informed, behind, stall, leave)


@asynccontextmanager
async def http1(
    method: str = "POST", parts: Parts = (), *, trailers: bool = True
) -> AsyncIterator[Subject]:
    """Yield the stream of HTTP/1.1, in memory."""
    lines = ["User-Agent: judge"]
    if parts:
        lines.append("Transfer-Encoding: chunked")
    if trailers:
        lines.append("TE: trailers")
    made = stream_of(request(method, "/", *lines))
    client, stream = made.client, made.stream
    received = bytearray()

    async def send_parts() -> None:
        for part in parts:
            if isinstance(part, bytes):
                await client.send_all(b"%x\r\n%b\r\n" % (len(part), part))
                await wait_all_tasks_blocked()
            elif part is MALFORMED:
                await client.send_all(b"no chunk\r\n")
            elif part is GONE:
                client.reset()
                return
            else:
                assert isinstance(part, int | float)
                await trio.sleep(part)
        with suppress(trio.ClosedResourceError):
            await client.send_all(b"0\r\nx-checksum: 7\r\n\r\n" if parts else b"")

    def answers() -> list[Answer]:
        received.extend(made.received())
        return parse_answers(bytes(received), method, ended=False)

    def sent() -> tuple[int, bytes, bool] | None:
        return next(((each.status, each.body, each.whole) for each in answers()), None)

    def informed() -> list[int]:
        received.extend(made.received())
        return [int(status) for status in re.findall(rb"HTTP/1.1 (1..) ", received)]

    def behind() -> FieldLines:
        return next((each.trailers for each in answers()), [])

    def stall() -> None:
        client.set_window(0)

    stream.start_answer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_parts)
        clock = made.connection.clock
        yield Subject(stream, clock, sent, informed, behind, stall, client.reset)
        nursery.cancel_scope.cancel()


over_all = pytest.mark.parametrize("make", [fake, http1])
LARGE = bytes(10**6)


@over_all
async def test_a_stream_knows_its_request(make: Make, autojump_clock: MockClock) -> None:
    """As its head tells it, without a body, a route or an app."""
    async with make("PUT") as subject:
        stream = subject.stream
        assert (stream.target.method, stream.target.raw_path) == ("PUT", "/")
        assert (stream.content_length, stream.expect) == (0, "")
        assert (stream.body_ended, stream.body_failed) == (True, False)
        built = stream.build_request()
        assert (built.method, built.path, built.host) == ("PUT", "/", "a")
        assert (built.body, built.route, built.app) == (b"", "", None)


@over_all
async def test_a_body_comes_in_parts_to_its_end(make: Make, autojump_clock: MockClock) -> None:
    """The end is empty bytes, and what follows it is known then."""
    async with make(parts=[b"one", 1, b"two"]) as subject:
        stream = subject.stream
        assert not stream.body_ended
        assert [await stream.receive_part() for _ in range(3)] == [b"one", b"two", b""]
        assert (stream.body_ended, stream.body_failed) == (True, False)
        assert list(stream.trailers) == [("x-checksum", "7")]
        stream.abandon_body()
        assert not stream.body_failed


@over_all
async def test_nothing_is_lost_where_a_read_is_cancelled(
    make: Make, autojump_clock: MockClock
) -> None:
    """The next one finds it."""
    async with make(parts=[b"one", 2, b"two"]) as subject:
        stream = subject.stream
        assert await stream.receive_part() == b"one"
        with trio.move_on_after(1) as scope:
            await stream.receive_part()
        assert scope.cancelled_caught
        assert (stream.body_ended, stream.body_failed) == (False, False)
        assert await stream.receive_part() == b"two"


@over_all
async def test_a_malformed_body_has_failed(make: Make, autojump_clock: MockClock) -> None:
    """Nothing more of it can be received."""
    async with make(parts=[b"one", 1, MALFORMED]) as subject:
        stream = subject.stream
        await stream.receive_part()
        with pytest.raises(HttpParserError):
            await stream.receive_part()
        assert (stream.body_ended, stream.body_failed) == (False, True)
        assert not subject.clock.peer.gone


@over_all
async def test_an_abandoned_body_has_failed(make: Make, autojump_clock: MockClock) -> None:
    """However often it is abandoned."""
    async with make(parts=[b"one"]) as subject:
        for _ in range(2):
            subject.stream.abandon_body()
            assert subject.stream.body_failed


@over_all
async def test_a_peer_that_goes_is_gone(make: Make, autojump_clock: MockClock) -> None:
    """Before the error is raised, by a read as by a write."""
    async with make(parts=[b"one", 1, GONE]) as subject:
        await subject.stream.receive_part()
        with pytest.raises(trio.BrokenResourceError):
            await subject.stream.receive_part()
        assert subject.clock.peer.gone
    async with make() as subject:
        subject.clock.begin_exchange(built := subject.stream.build_request())
        subject.leave()
        subject.stream.set_head(200, [], 3)
        with pytest.raises(trio.BrokenResourceError):
            await subject.stream.finish(b"one")
        assert subject.clock.peer.gone
        assert built.cancelled_for == "client-gone"


@over_all
async def test_bytes_that_come_move_the_deadline(make: Make, autojump_clock: MockClock) -> None:
    """That of the body, whose phase it is; bytes that were there already do not."""
    async with make(parts=[1, bytes(240), 1, bytes(2400)]) as subject:
        clock = subject.clock
        clock.enter(Phase.BODY, 2)
        await subject.stream.receive_part()
        assert 3 <= clock.deadline < 3.1
        await subject.stream.receive_part()
        assert clock.deadline == 2 + 5


@over_all
async def test_a_head_goes_out_with_what_follows(make: Make, autojump_clock: MockClock) -> None:
    """The last one that was set; the clock says when bytes of it may be out."""
    async with make() as subject:
        stream, clock = subject.stream, subject.clock
        assert stream.set_head(200, [("x-a", "1")], None)
        assert stream.set_head(203, [], None)
        assert (subject.sent(), clock.answering) == (None, False)
        with assert_no_checkpoints():
            await stream.send(b"one")
        assert (subject.sent(), clock.answering) == ((203, b"one", False), True)
        await stream.send(b"two")
        await stream.finish(b"three")
        assert subject.sent() == (203, b"onetwothree", True)


@over_all
async def test_no_part_sends_the_head_alone(make: Make, autojump_clock: MockClock) -> None:
    """And an end sends what there is."""
    async with make() as subject:
        subject.stream.set_head(200, [], None)
        await subject.stream.send(b"")
        assert subject.sent() == (200, b"", False)
        await subject.stream.finish()
        assert subject.sent() == (200, b"", True)
    async with make() as subject:
        subject.stream.set_head(200, [], 3)
        with assert_no_checkpoints():
            await subject.stream.finish(b"one")
        assert subject.sent() == (200, b"one", True)
        assert not subject.clock.peer.write_cut


@over_all
async def test_an_answer_to_head_has_no_body(make: Make, autojump_clock: MockClock) -> None:
    """Whatever its length; its end is all that goes out."""
    async with make("HEAD") as subject:
        for body_bytes in (3, None):
            assert not subject.stream.set_head(200, [], body_bytes)
        assert not subject.stream.set_head(200, [("content-length", "7")], None)
        await subject.stream.finish()
        assert subject.sent() == (200, b"", True)


@over_all
async def test_a_promised_length_is_kept(make: Make, autojump_clock: MockClock) -> None:
    """A part too many doesn't go out, and an end too early doesn't either."""
    async with make() as subject:
        stream = subject.stream
        stream.set_head(200, [("content-length", "5")], None)
        await stream.send(b"one")
        for end in (stream.send, stream.finish):
            with pytest.raises(ValueError, match="longer"):
                await end(b"two")
        assert subject.sent() == (200, b"one", False)
    async with make() as subject:
        subject.stream.set_head(200, [("content-length", "5")], None)
        with pytest.raises(ValueError, match="shorter"):
            await subject.stream.finish(b"one")
        assert (subject.sent(), subject.clock.answering) == (None, False)


@over_all
@pytest.mark.parametrize("last", [True, False])
async def test_nothing_follows_a_write_that_was_cut(
    make: Make, last: bool, autojump_clock: MockClock
) -> None:
    """The peer of the clock says so, and every later write raises."""
    async with make() as subject:
        stream = subject.stream
        stream.set_head(200, [], None)
        await stream.send(b"one")
        subject.stall()
        with trio.move_on_after(1) as scope:
            await (stream.finish if last else stream.send)(LARGE)
        assert scope.cancelled_caught
        assert subject.clock.peer.write_cut
        for write in (stream.send, stream.finish):
            with pytest.raises(trio.BrokenResourceError):
                await write(b"two")
        assert not subject.clock.peer.gone


@over_all
async def test_a_part_is_sent_without_waiting(make: Make, autojump_clock: MockClock) -> None:
    """As far as the peer takes it; what is left goes out before what follows, or is cut with it."""
    async with make() as subject:
        stream = subject.stream
        stream.set_head(200, [("content-length", str(len(LARGE) + 3))], None)
        assert stream.send_nowait(b"one")
        assert subject.sent() == (200, b"one", False)
        assert subject.clock.answering
        subject.stall()
        assert not stream.send_nowait(LARGE)
        with trio.move_on_after(1) as scope:
            await stream.finish()
        assert scope.cancelled_caught
        with pytest.raises(trio.BrokenResourceError):
            stream.send_nowait(b"two")
    async with make() as subject:
        subject.stream.set_head(200, [("content-length", "2")], None)
        with pytest.raises(ValueError, match="longer"):
            subject.stream.send_nowait(b"one")


@over_all
async def test_what_was_sent_is_counted_once(make: Make, autojump_clock: MockClock) -> None:
    """With heads and framing, where there are any."""
    async with make() as subject:
        stream = subject.stream
        stream.set_head(200, [], None)
        assert stream.count_sent() == 0
        await stream.send(bytes(100))
        assert stream.count_sent() >= 100
        assert stream.count_sent() == 0
        await stream.finish(bytes(10))
        assert stream.count_sent() >= 10


@over_all
async def test_a_write_tells_that_the_peer_still_reads(
    make: Make, autojump_clock: MockClock
) -> None:
    """What a look has seen of it before counts no more."""
    async with make() as subject:
        subject.clock.half_closed = True
        subject.stream.set_head(200, [], None)
        await subject.stream.send(b"one")
        assert not subject.clock.half_closed


FIELDS = [("x-sum", "7"), ("x-sum", "8")]
HINTS = [("link", "</a.css>; rel=preload"), ("link", "</b.js>; rel=preload")]


@over_all
@pytest.mark.parametrize("body_bytes", [3, None], ids=["whole", "streamed"])
async def test_fields_follow_the_body_where_the_client_takes_them(
    make: Make, body_bytes: int | None, autojump_clock: MockClock
) -> None:
    """Behind its last byte and before its end; the client is known before the head is set."""
    async with make() as subject:
        stream = subject.stream
        assert stream.takes_trailers
        assert stream.set_head(200, [], body_bytes, trailers=True)
        await stream.finish(b"one", FIELDS)
        assert subject.sent() == (200, b"one", True)
        assert subject.behind() == FIELDS
    async with make(trailers=False) as subject:
        stream = subject.stream
        assert not stream.takes_trailers
        stream.set_head(200, [], body_bytes)
        await stream.finish(b"one", FIELDS)
        assert subject.sent() == (200, b"one", True)
        assert subject.behind() == []


@over_all
async def test_a_promised_length_is_kept_before_trailers(
    make: Make, autojump_clock: MockClock
) -> None:
    """Whether the head has announced it or not."""
    async with make() as subject:
        stream = subject.stream
        stream.set_head(200, [("content-length", "5")], None, trailers=True)
        await stream.send(b"one")
        with pytest.raises(ValueError, match="longer"):
            await stream.send(b"two")
    async with make() as subject:
        subject.stream.set_head(200, [("content-length", "5")], None, trailers=True)
        with pytest.raises(ValueError, match="shorter"):
            await subject.stream.finish(b"one", FIELDS)
        assert subject.sent() is None


@over_all
async def test_informational_responses_come_before_the_answer(
    make: Make, autojump_clock: MockClock
) -> None:
    """Any number of them; the answer hasn't begun with them, and a head that is set stays set."""
    async with make() as subject:
        stream, clock = subject.stream, subject.clock
        clock.half_closed = True
        with assert_no_checkpoints():
            await stream.send_informational(103, HINTS)
        assert (subject.informed(), subject.sent()) == ([103], None)
        assert (clock.answering, clock.half_closed, clock.peer.write_cut) == (False, False, False)
        stream.set_head(200, [], 3)
        await stream.send_informational(103, HINTS)
        assert subject.informed() == [103, 103]
        await stream.finish(b"one")
        assert subject.sent() == (200, b"one", True)


@over_all
async def test_nothing_follows_an_informational_response_that_was_cut(
    make: Make, autojump_clock: MockClock
) -> None:
    """As with any other write."""
    async with make() as subject:
        stream = subject.stream
        subject.stall()
        with trio.move_on_after(1) as scope:
            await stream.send_informational(103, [("x-large", "a" * 10**6)])
        assert scope.cancelled_caught
        assert subject.clock.peer.write_cut
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_informational(103, HINTS)
        stream.set_head(200, [], 3)
        with pytest.raises(trio.BrokenResourceError):
            await stream.finish(b"one")
        assert subject.sent() is None
