"""The wire of HTTP/1.1: which request is next, what is no request, and how a connection ends."""

import logging

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, assert_no_checkpoints

from hump_trio import HttpException, Timeouts
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.http1.prepared import Prepared
from hump_trio.server.http1.stream import Http1Stream
from hump_trio.server.http1.wire import Http1Wire
from hump_trio.server.lane import Lane, Step
from hump_trio.server.phases import Phase
from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport, memory_transport_pair
from tests.support.served import served
from tests.support.wire import chunked, parse_answers, request

POST_9 = request("POST", "/", "Content-Length: 9")


class Ends:
    """A wire, and the connection that it is of.

    Attributes:
        client: The client's end.
        lane: What takes the requests; nobody serves it.
    """

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        async def index() -> str:
            return "answer"

        self.client: MemoryTransport
        self.client, server = memory_transport_pair()
        self.connection = Connection(server, served(index, timeouts=timeouts))
        self.wire = Http1Wire(self.connection)
        self.lane = Lane(self.wire, self.connection.clock)
        self.lane.context = trio.lowlevel.current_task().context.copy()
        self.lane.by_identity = False

    @property
    def clock(self) -> Clock:
        """Bounds the connection."""
        return self.connection.clock

    def stream_of(self, data: bytes) -> Http1Stream:
        """Return the stream of a request whose answer is out."""
        self.wire.parser.feed(data)
        head = self.wire.parser.parse_head()
        assert head is not None
        prepared = self.connection.state.shared(Prepared)
        stream = Http1Stream(self.connection, self.wire.parser, prepared, head)
        stream.start_answer()
        stream.set_head(200, [], 0)
        return stream

    def received(self) -> bytes:
        """Return what has come to the client."""
        data = b""
        while part := self.client.receive_nowait():
            data += part
        return data


# Which request is next


async def test_a_head_has_the_time_of_a_head(autojump_clock: MockClock) -> None:
    """From its first byte on; empty lines before it don't count as one."""
    ends = Ends(Timeouts(keep_alive=70, head=13))
    ends.clock.enter_idle()
    phases: list[Phase] = []
    async with trio.open_nursery() as nursery:

        async def bring() -> None:
            assert await ends.wire.next_stream(ends.lane) is Step.RECEIVE

        nursery.start_soon(bring)
        for data in (b"\r\n", b"PO", b"ST / HTTP/1.1\r\nHost: a\r\n"):
            await trio.sleep(1)
            await ends.client.send_all(data)
            await trio.sleep(1)
            phases.append(ends.clock.phase)
        assert ends.clock.deadline == 3 + 13
        await ends.client.send_all(b"\r\n")
    assert phases == [Phase.IDLE, Phase.HEAD, Phase.HEAD]
    assert ends.clock.request is not None


@pytest.mark.parametrize("data", [b"", b"GET / HT"])
async def test_a_client_that_ends_its_half_asks_for_nothing_more(
    data: bytes, autojump_clock: MockClock
) -> None:
    """Nothing is waited for then; a part of a head is nobody's request."""
    ends = Ends()
    await ends.client.send_all(data)
    await ends.client.send_eof()
    assert await ends.wire.next_stream(ends.lane) is Step.END
    with assert_no_checkpoints():
        await ends.wire.end()
    assert ends.received() == b""


async def test_what_is_whole_is_answered_at_once(autojump_clock: MockClock) -> None:
    """By the fast path, request after request; the last one that ends the connection ends all."""
    ends = Ends()
    async with trio.open_nursery() as nursery:

        async def bring() -> None:
            assert await ends.wire.next_stream(ends.lane) is Step.END

        nursery.start_soon(bring)
        for last in (False, True):
            await trio.sleep(1)
            lines = ("Connection: close",) if last else ()
            await ends.client.send_all(request("GET", "/", *lines))
    assert [each.text for each in parse_answers(ends.received(), "GET", "GET")] == ["answer"] * 2
    assert ends.wire.expects_end


async def test_what_is_behind_a_request_waits_its_turn(autojump_clock: MockClock) -> None:
    """One who asks many things at once starves nobody."""
    ends = Ends()
    ends.wire.parser.feed(request())
    with assert_checkpoints():
        assert await ends.wire.next_stream(ends.lane) is Step.RECEIVE


async def test_what_is_no_request_is_for_the_lane_to_refuse(autojump_clock: MockClock) -> None:
    """It is no error of the wire's."""
    ends = Ends()
    await ends.client.send_all(b"no request\r\n\r\n")
    assert await ends.wire.next_stream(ends.lane) is Step.REFUSE


@pytest.mark.parametrize(
    ("data", "found"),
    [(b"", False), (b"\r", False), (b"\r\n", True), (b"G", True), (request(), True), (None, False)],
)
async def test_a_last_look(data: bytes | None, found: bool, autojump_clock: MockClock) -> None:
    """Finds what may be the beginning of a request; not that the client has gone."""
    ends = Ends()
    if data is None:
        ends.client.reset()
    else:
        await ends.client.send_all(data)
    assert ends.wire.look_again() == found


# What is no request


async def test_a_refusal_is_an_answer_that_ends_the_connection(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted and logged, with nothing of what was sent."""
    caplog.set_level(logging.INFO, logger="hump_trio.access")
    ends = Ends()
    with assert_no_checkpoints():
        await ends.wire.refuse(HttpException(431, "the head is too long"), "refused")
    [answer] = parse_answers(ends.received())
    assert (answer.status, answer.text, answer.closes) == (431, "the head is too long", True)
    assert ends.connection.state.outcomes["refused"] == 1
    assert (ends.clock.phase, ends.clock.answering) == (Phase.SEND, True)
    assert " 431 " in caplog.messages[0]


async def test_a_refusal_that_is_cut_is_counted_and_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows how much of it has gone."""
    caplog.set_level(logging.INFO, logger="hump_trio.access")
    ends = Ends()
    ends.client.set_window(0)
    ends.connection.transport.send_nowait(bytes(WINDOW_BYTES))
    with trio.move_on_after(1) as scope:
        await ends.wire.refuse(HttpException(408), "stalled")
    assert scope.cancelled_caught
    assert ends.connection.write_cut
    assert ends.connection.state.outcomes["stalled"] == 1
    assert len(caplog.messages) == 1


# What is left of a request


async def test_a_request_that_was_received_leaves_nothing(autojump_clock: MockClock) -> None:
    """The next one may come."""
    ends = Ends()
    with assert_no_checkpoints():
        assert await ends.wire.settle(ends.stream_of(request()))
    assert ends.clock.phase is Phase.IDLE


async def test_what_is_left_of_a_body_is_read_away(autojump_clock: MockClock) -> None:
    """In a phase of its own, whose silence counts with that before; what follows is kept."""
    ends = Ends()
    stream = ends.stream_of(POST_9 + b"some")
    ends.clock.silence_seconds = 3
    async with trio.open_nursery() as nursery:

        async def settle() -> None:
            assert await ends.wire.settle(stream)

        nursery.start_soon(settle)
        await trio.sleep(1)
        assert (ends.clock.phase, ends.clock.deadline) == (Phase.DRAIN, 3)
        await ends.client.send_all(b"67890" + request("GET", "/next"))
    assert ends.clock.phase is Phase.IDLE
    head = ends.wire.parser.parse_head()
    assert head is not None
    assert head.line.target == "/next"


@pytest.mark.parametrize("end", ["eof", "cancel"])
async def test_a_body_that_does_not_come_to_its_end_is_followed_by_nothing(
    end: str, autojump_clock: MockClock
) -> None:
    """Whether it breaks off, or isn't waited for any longer."""
    ends = Ends()
    stream = ends.stream_of(POST_9 + b"some")
    if end == "eof":
        await ends.client.send_eof()
        assert not await ends.wire.settle(stream)
    else:
        with trio.move_on_after(1) as scope:
            await ends.wire.settle(stream)
        assert scope.cancelled_caught
        assert ends.clock.phase is Phase.DRAIN


async def test_a_malformed_rest_is_followed_by_nothing(autojump_clock: MockClock) -> None:
    """Where the next request begins can't be known."""
    ends = Ends()
    stream = ends.stream_of(chunked(b"some", end=False) + b"no chunk\r\n")
    stream.keep_alive = True  # as an answer that was out before it was known
    assert not await ends.wire.settle(stream)


@pytest.mark.parametrize(
    ("data", "expects_end"),
    [
        (request("GET", "/", "Connection: close"), True),
        (request("POST", "/", "Connection: close", "Content-Length: 9"), False),
        (request("POST", "/", "Transfer-Encoding: chunked"), False),
    ],
)
async def test_nothing_is_read_away_where_nothing_may_follow(
    data: bytes, expects_end: bool, autojump_clock: MockClock
) -> None:
    """A client that has said so, and sent all, sends nothing after that."""
    ends = Ends()
    with assert_no_checkpoints():
        assert not await ends.wire.settle(ends.stream_of(data))
    assert ends.wire.expects_end == expects_end


# The end


async def finished(*, expects_end: bool = True) -> Ends:
    """Return the ends of a connection whose last answer is out."""
    ends = Ends()
    ends.wire.expects_end = expects_end
    await ends.connection.write(b"answer")
    return ends


async def test_who_expects_the_end_and_has_it_all_needs_no_lingering(
    autojump_clock: MockClock,
) -> None:
    """Closing at once does no harm."""
    ends = await finished()
    with assert_no_checkpoints():
        await ends.wire.end()
    ends.wire.close()
    assert ends.received() == b"answer"


async def send_more(ends: Ends) -> None:
    """The client sends what nobody has asked for."""
    await ends.client.send_all(b"more")


async def hold_more(ends: Ends) -> None:
    """Something was received that nobody has looked at."""
    ends.wire.parser.feed(b"more")


async def leave_unacked(ends: Ends) -> None:
    """The client has not acknowledged all."""
    ends.client.set_window(0)
    await ends.connection.write(b"more")


async def forget_acked(ends: Ends) -> None:
    """The transport doesn't know what the client has acknowledged."""
    ends.connection.transport.tells_acked = False


async def expect_more(ends: Ends) -> None:
    """The client has not said that it asks for nothing more."""
    ends.wire.expects_end = False


@pytest.mark.parametrize(
    "circumstance", [send_more, hold_more, leave_unacked, forget_acked, expect_more]
)
async def test_who_might_lose_the_answer_is_waited_for(
    circumstance: object, autojump_clock: MockClock
) -> None:
    """Closing at once would reset the connection while it still sends, or drop what it lacks."""
    ends = await finished()
    assert callable(circumstance)
    await circumstance(ends)
    with trio.move_on_after(1) as scope:
        await ends.wire.end()
    assert scope.cancelled_caught
    assert ends.clock.phase is Phase.LINGER
    ends.client.set_window(1e6)
    assert ends.received().startswith(b"answer")


async def test_who_has_gone_is_not_waited_for(autojump_clock: MockClock) -> None:
    """Found at the last look."""
    ends = await finished()
    ends.client.reset()
    with assert_no_checkpoints():
        await ends.wire.end()
