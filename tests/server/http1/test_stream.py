"""What is HTTP/1.1's own of a request: 100, framing, and whether another request may follow."""

import math

import pytest
import trio
from trio.testing import MockClock, assert_no_checkpoints

from hump_trio.facts.exceptions import HttpException, HttpParserError
from hump_trio.server.http1.prepared import DRAIN_BYTES
from hump_trio.server.http1.stream import JOINED_BYTES
from hump_trio.transports.memory import WINDOW_BYTES
from tests.support.http1_stream import StreamInMemory, stream_of
from tests.support.served import served
from tests.support.wire import chunked, request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTING = request("POST", "/", "Content-Length: 3", "Expect: 100-Continue")


async def receive_all(made: StreamInMemory) -> bytes:
    """Return a whole body."""
    body = b""
    while part := await made.stream.receive_part():
        body += part
    return body


# 100


async def test_a_client_that_waits_for_100_gets_it_before_the_first_wait(
    autojump_clock: MockClock,
) -> None:
    """Once, and as soon as somebody wants the body."""
    made = stream_of(EXPECTING)
    assert made.stream.expect == "100-continue"
    assert made.received() == b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_all, made)
        await trio.sleep(1)
        assert made.received() == CONTINUE
        await made.client.send_all(b"o")
        await trio.sleep(1)
        await made.client.send_all(b"ne")
    assert made.received() == b""


@pytest.mark.parametrize(
    "data",
    [
        EXPECTING + b"one",
        request("POST", "/", "Expect: 100-continue"),
        request("POST", "/", "Content-Length: 3", "Expect: 100-continue", version="1.0") + b"one",
    ],
    ids=["here", "none", "old"],
)
async def test_what_needs_no_100_gets_none(data: bytes, autojump_clock: MockClock) -> None:
    """A body that is here, no body, and a client that wouldn't understand it (RFC 9110 10.1.1)."""
    made = stream_of(data)
    with assert_no_checkpoints():
        await receive_all(made)
    assert made.received() == b""


async def test_an_old_client_is_waited_for_without_100(autojump_clock: MockClock) -> None:
    """HTTP/1.0 has none."""
    data = request("POST", "/", "Content-Length: 3", "Expect: 100-continue", version="1.0")
    made = stream_of(data)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_all, made)
        await trio.sleep(1)
        assert made.received() == b""
        await made.client.send_all(b"one")


async def test_100_is_no_part_of_an_answer(autojump_clock: MockClock) -> None:
    """Nor does it begin one: an answer that has begun has no 100 in its midst."""
    made = stream_of(EXPECTING)
    with trio.move_on_after(1):
        await made.stream.receive_part()
    assert not made.connection.clock.answering
    made = stream_of(EXPECTING)
    made.stream.start_answer()
    made.stream.set_head(200, [], None)
    await made.stream.send(b"one")
    with trio.move_on_after(1):
        await made.stream.receive_part()
    assert CONTINUE not in made.received()


async def test_a_100_that_is_cut_ends_all(autojump_clock: MockClock) -> None:
    """Nothing can follow a part of it."""
    made = stream_of(EXPECTING)
    made.client.set_window(0)
    made.connection.transport.send_nowait(bytes(WINDOW_BYTES))
    with trio.move_on_after(1) as scope:
        await made.stream.receive_part()
    assert scope.cancelled_caught
    assert made.connection.write_cut


# The end of a body


async def test_a_body_whose_client_ends_its_half_has_broken_off(autojump_clock: MockClock) -> None:
    """What is missing can't come any more."""
    made = stream_of(request("POST", "/", "Content-Length: 3") + b"on")
    await made.client.send_eof()
    assert await made.stream.receive_part() == b"on"
    with pytest.raises(HttpParserError, match="broke off"):
        await made.stream.receive_part()
    assert made.stream.body_failed


async def test_what_follows_a_body_is_left_for_the_next_request(autojump_clock: MockClock) -> None:
    """However it came."""
    following = request("GET", "/next")
    made = stream_of(chunked(b"one") + following)
    assert await receive_all(made) == b"one"
    head = made.parser.parse_head()
    assert head is not None
    assert head.line.target == "/next"


@pytest.mark.parametrize(
    ("data", "ended", "failed"),
    [
        (chunked(b"one", b"two"), True, False),
        (chunked(b"one", end=False), False, False),
        (request("POST", "/", "Transfer-Encoding: chunked") + b"no chunk\r\n", False, True),
        (request("POST", "/", "Content-Length: 3") + b"one", False, False),
        (request("POST", "/"), True, False),
    ],
    ids=["chunks", "a part of them", "malformed", "a length", "none"],
)
async def test_a_body_that_nobody_reads_is_dropped_as_far_as_it_is_here(
    data: bytes, ended: bool, failed: bool, autojump_clock: MockClock
) -> None:
    """One in chunks, since nobody knows how much of it follows; the rest of another is counted."""
    made = stream_of(data)
    made.stream.decline_body(drained=True)
    assert (made.stream.body_ended, made.stream.body_failed) == (ended, failed)


# Whether another request may follow

HEAD = ("POST", "/")


@pytest.mark.parametrize(
    ("data", "follows"),
    [
        (request(), True),
        (request("GET", "/", "Connection: close"), False),
        (request(version="1.0"), False),
        (request("GET", "/", "Connection: keep-alive", version="1.0"), True),
        (request(*HEAD, f"Content-Length: {DRAIN_BYTES}"), True),
        (request(*HEAD, f"Content-Length: {DRAIN_BYTES + 1}"), False),
        (request(*HEAD, "Transfer-Encoding: chunked"), False),
        (EXPECTING, False),
    ],
)
@pytest.mark.parametrize("method", ["finish", "send"])
async def test_whether_another_request_may_follow(
    data: bytes, follows: bool, method: str, autojump_clock: MockClock
) -> None:
    """The answer says so: what is left of a body must be little, and sure to come."""
    made = stream_of(data)
    made.stream.start_answer()
    made.stream.set_head(200, [], 3)
    await getattr(made.stream, method)(b"one")
    assert made.stream.keep_alive == follows
    said = made.received().lower()
    if not follows:
        assert b"connection: close\r\n" in said or b"http/1.0" in data.lower()
    else:
        assert b"connection: close\r\n" not in said


async def test_nothing_follows_what_cannot_be_read_to_its_end(autojump_clock: MockClock) -> None:
    """A body that has failed, one that isn't to be drained, and one whose 100 is still awaited."""
    made = stream_of(request("POST", "/", "Content-Length: 3"))
    made.stream.abandon_body()
    made.stream.start_answer()
    made.stream.set_head(200, [], 0)
    assert not made.stream.keep_alive
    made = stream_of(request("POST", "/", "Content-Length: 3"))
    made.stream.decline_body(drained=False)
    made.stream.start_answer()
    made.stream.set_head(200, [], 0)
    assert not made.stream.keep_alive
    made = stream_of(EXPECTING)
    await made.client.send_all(b"one")
    await receive_all(made)
    made.stream.start_answer()
    made.stream.set_head(200, [], 0)
    assert made.stream.keep_alive


async def test_nothing_follows_at_the_end_of_the_server(autojump_clock: MockClock) -> None:
    """From the moment on at which it closes, also between two tries of an answer."""
    made = stream_of(request())
    made.stream.start_answer()
    made.stream.set_head(200, [], 0)
    assert made.stream.keep_alive
    made.connection.drain()
    made.stream.start_answer()
    made.stream.set_head(200, [], 0)
    assert not made.stream.keep_alive


async def test_an_answer_may_end_the_connection(autojump_clock: MockClock) -> None:
    """By a field of its own, and in HTTP/1.0 by a length that nobody knows."""
    made = stream_of(request())
    made.stream.start_answer()
    made.stream.set_head(200, [("connection", "close")], 0)
    assert not made.stream.keep_alive
    made = stream_of(request("GET", "/", "Connection: keep-alive", version="1.0"))
    made.stream.start_answer()
    made.stream.set_head(200, [], None)
    await made.stream.send(b"one")
    await made.stream.finish(b"two")
    assert not made.stream.keep_alive
    assert made.received().endswith(b"\r\n\r\nonetwo")


# What goes onto the wire


async def test_a_streamed_body_goes_in_chunks(autojump_clock: MockClock) -> None:
    """An empty part is none: it would be the end."""
    made = stream_of(request(), served(server="trio"))
    made.stream.start_answer()
    made.stream.set_head(200, [("x-a", "1")], None)
    for part in (b"", b"one", b"", b"0123456789"):
        await made.stream.send(part)
    await made.stream.finish(b"end")
    head, _, body = made.received().partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert b"server: trio\r\n" in head + b"\r\n"
    assert body == b"3\r\none\r\na\r\n0123456789\r\n3\r\nend\r\n0\r\n\r\n"


@pytest.mark.parametrize("more", [0, 1])
async def test_a_large_part_is_not_copied_behind_its_head(
    more: int, autojump_clock: MockClock
) -> None:
    """What is small goes out with it in one call."""
    made = stream_of(request())
    made.client.set_window(math.inf)
    writes: list[int] = []
    send_nowait = made.connection.transport.send_nowait

    def note(data: bytes | memoryview) -> int:
        writes.append(len(data))
        return send_nowait(data)

    made.connection.transport.send_nowait = note  # type: ignore[method-assign]
    made.stream.start_answer()
    made.stream.set_head(200, [], JOINED_BYTES + more)
    await made.stream.finish(bytes(JOINED_BYTES + more))
    assert (writes[0] < 1000) == bool(more)
    data = made.received()
    assert data.endswith(bytes(JOINED_BYTES + more))


async def test_a_request_knows_whether_it_came_over_tls(autojump_clock: MockClock) -> None:
    """And what its client has proven."""
    made = stream_of(request())
    assert made.stream.build_request().scheme == "http"
    made.connection.transport.secure = True
    made.connection.transport.client_certificate = {"serialNumber": "1"}
    built = made.stream.build_request()
    assert (built.scheme, built.client_certificate) == ("https", {"serialNumber": "1"})


# Trailers and early hints

FIELDS = [("x-sum", "7"), ("x-sum", "8")]
HINTS = [("link", "</a.css>; rel=preload"), ("link", "</b.js>; rel=preload")]
HINTS_SENT = (
    b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b.js>; rel=preload\r\n\r\n"
)
NAMED = request("GET", "/", "User-Agent: judge/1")


async def test_trailers_need_chunks(autojump_clock: MockClock) -> None:
    """No length is announced then; behind a length there is no place for them."""
    made = stream_of(request("GET", "/", "TE: trailers"))
    made.stream.start_answer()
    made.stream.set_head(200, [], 3, trailers=True)
    await made.stream.finish(b"one", FIELDS)
    head, _, body = made.received().partition(b"\r\n\r\n")
    assert b"content-length" not in head
    assert b"transfer-encoding: chunked" in head
    assert body == b"3\r\none\r\n0\r\nx-sum: 7\r\nx-sum: 8\r\n\r\n"
    assert made.stream.keep_alive
    made = stream_of(request("GET", "/", "TE: trailers"))
    made.stream.set_head(200, [("content-length", "3")], None)
    await made.stream.finish(b"one", FIELDS)
    assert made.received().endswith(b"\r\n\r\none")


async def test_early_hints_to_the_byte(autojump_clock: MockClock) -> None:
    """They announce no framing, since they have no body (RFC 9110 section 15.2)."""
    made = stream_of(NAMED)
    await made.stream.send_informational(103, HINTS)
    assert made.received() == HINTS_SENT


@pytest.mark.parametrize(
    "data",
    [
        request("GET", "/", "User-Agent: judge/1", version="1.0"),
        request("GET", "/", "User-Agent: Mozilla/5.0 (X11; Linux)"),
        request("GET", "/", "User-Agent: judge/1", "Sec-Fetch-Mode: navigate"),
        request("GET", "/", "User-Agent: Python-urllib/3.14"),
        request("GET", "/"),
    ],
    ids=["old", "browser", "fetch", "http.client", "nameless"],
)
async def test_who_may_misread_a_103_gets_none(data: bytes, autojump_clock: MockClock) -> None:
    """Nothing is sent, and nothing said (RFC 8297 section 3)."""
    made = stream_of(data)
    with assert_no_checkpoints():
        await made.stream.send_informational(103, HINTS)
    assert made.received() == b""


async def test_a_client_that_takes_no_103_is_cut_in_time(autojump_clock: MockClock) -> None:
    """Even where its handler has no deadline; the outcome is that of any answer that stalls."""
    made = stream_of(NAMED)
    clock = made.connection.clock
    clock.begin_exchange(built := made.stream.build_request())
    made.client.set_window(0)
    made.connection.transport.send_nowait(bytes(WINDOW_BYTES))
    started = trio.current_time()
    with pytest.raises(trio.BrokenResourceError, match="takes nothing"):
        await made.stream.send_informational(103, HINTS)
    assert trio.current_time() - started == clock.state.timeouts.send_grace
    assert clock.scope.cancel_called
    assert (built.outcome, made.connection.write_cut) == ("stalled", True)


async def test_a_100_waits_for_a_103_under_way(autojump_clock: MockClock) -> None:
    """Of two tasks; none of them writes into what the other one does."""
    made = stream_of(
        request("POST", "/", "Content-Length: 3", "Expect: 100-continue", "User-Agent: a")
    )
    made.client.set_window(0)
    made.connection.transport.send_nowait(bytes(WINDOW_BYTES))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.stream.send_informational, 103, HINTS)
        await trio.sleep(1)
        nursery.start_soon(receive_all, made)
        await trio.sleep(1)
        with pytest.raises(trio.BrokenResourceError, match="goes on"):
            await made.stream.send_informational(103, HINTS)
        made.client.set_window(WINDOW_BYTES)
        await trio.sleep(1)
        assert made.received().lstrip(b"\0") == HINTS_SENT
        await made.client.send_all(b"one")


# WebSockets

HANDSHAKE = [
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        (HANDSHAKE, True),
        (HANDSHAKE[1:], False),
        (["Connection: Upgrade", "Upgrade: tea"], False),
        ([], False),
    ],
)
async def test_whether_a_websocket_is_asked_for(lines: list[str], asks: bool) -> None:
    """By the fields of the request (RFC 6455 section 4.2.1)."""
    stream = stream_of(request("GET", "/", *lines)).stream
    assert stream.asks_websocket == asks


async def test_a_handshake_is_judged() -> None:
    """By its fields, its method and its body."""
    stream_of(request("GET", "/", *HANDSHAKE)).stream.check_websocket()
    for method, lines, status in [
        ("GET", HANDSHAKE[:3], 400),
        ("GET", [*HANDSHAKE[:2], "Sec-WebSocket-Version: 8", HANDSHAKE[3]], 426),
        ("POST", HANDSHAKE, 405),
        ("GET", [*HANDSHAKE, "Content-Length: 1"], 400),
    ]:
        stream = stream_of(request(method, "/", *lines)).stream
        with pytest.raises(HttpException) as caught:
            stream.check_websocket()
        assert caught.value.status == status


async def test_a_handshake_is_answered() -> None:
    """With the key that is due to the client's, and the fields that are given; a line follows."""
    made = stream_of(request("GET", "/", *HANDSHAKE) + b"frames")
    made.stream.check_websocket()
    statuses: list[int] = []
    channel = made.stream.make_channel(statuses.append)
    assert not channel.opened
    line = await made.stream.switch([("x-a", "1")])
    head, _, rest = made.received().partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        b"x-a: 1",
    ]
    assert rest == b""
    assert (line.status, line.receive_nowait()) == (101, b"frames")


async def test_a_part_that_is_taken_in_part_goes_on_with_the_next(
    autojump_clock: MockClock,
) -> None:
    """Nothing is waited for; the head goes out with it, and what is left before what follows."""
    made = stream_of(request())
    made.stream.start_answer()
    assert made.stream.set_head(200, [], None)
    part = b"x" * (WINDOW_BYTES * 2)
    assert not made.stream.send_nowait(part)
    made.client.set_window(math.inf)
    await made.stream.send(b"")
    assert made.stream.send_nowait(b"one")
    assert made.connection.clock.answering
    assert made.received().endswith(b"\r\n\r\n20000\r\n" + part + b"\r\n3\r\none\r\n")


async def test_no_part_follows_a_peer_that_has_gone(autojump_clock: MockClock) -> None:
    """Whether a part is waited for or not."""
    made = stream_of(request())
    made.stream.start_answer()
    made.stream.set_head(200, [], None)
    made.client.reset()
    for _ in range(2):
        with pytest.raises(trio.BrokenResourceError):
            made.stream.send_nowait(b"one")
    with pytest.raises(trio.BrokenResourceError):
        await made.stream.send(b"two")
    assert made.connection.gone
