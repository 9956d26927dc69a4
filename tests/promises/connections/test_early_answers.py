"""Answers that are known at the head: what becomes of the body, and of the connection."""

import gc
import logging

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, HttpParserError, Hump, Limits, Request, Response
from hump_trio.server.exchange import Exchange
from hump_trio.testing import connect
from hump_trio.transports.memory import WINDOW_BYTES
from tests.support.wire import ask, chunked, parse_answers, read_to_end, read_until, request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MEBIBYTE = 1024 * 1024


def small_app(limits: Limits | None = None) -> Hump:
    """Return an app with an echo, a small route, a streamed one and one that waits."""
    app = Hump(limits=limits)

    @app.post("/")
    @app.put("/small", body_limit=10)
    async def echo(request: Request) -> bytes:
        return request.body

    @app.post("/stream", stream=True)
    async def stream(request: Request) -> bytes:
        return b"".join([part async for part in request.stream])

    @app.post("/late", stream=True, on_disconnect="finish")
    async def late(request: Request) -> bytes:
        await trio.sleep(3)
        return b"".join([part async for part in request.stream])

    @app.post("/unread", stream=True)
    async def unread(request: Request) -> str:
        return "not read"

    @app.get("/wait")
    async def wait() -> str:
        await trio.sleep(0.2)
        return "waited"

    return app


def announce(path: str, *lines: str, length: int = 5, method: str = "POST") -> bytes:
    """Return the head of a request whose body is still to come."""
    return request(method, path, f"Content-Length: {length}", *lines)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/nowhere", 404), ("DELETE", "/", 405), ("BREW", "/", 501), ("POST", "/unread", 200)],
)
@pytest.mark.parametrize("length", [0, 5, 64 * 1024])
async def test_a_small_body_that_nobody_wants_is_drained(
    method: str, path: str, status: int, length: int, autojump_clock: MockClock
) -> None:
    """Up to 64 KiB are read away, and the next request on the connection is served."""
    data = request(method, path, body=bytes(length)) + request("GET", "/wait")
    first, second = await ask(small_app(), data, method, "GET")
    assert first.status == status
    assert not first.closes
    assert ("POST" in first.headers.get("allow", "")) == (status == 405)
    assert second.text == "waited"


async def test_a_body_in_chunks_that_is_here_already_is_dropped(
    autojump_clock: MockClock,
) -> None:
    """Its end is known then, so that the next request on the connection is served."""
    data = chunked(b"abc", bytes(1000), path="/nowhere") + request("GET", "/wait")
    first, second = await ask(small_app(), data, "POST", "GET")
    assert first.status == 404
    assert not first.closes
    assert second.text == "waited"


@pytest.mark.parametrize(
    "data",
    [
        request("POST", "/nowhere", body=bytes(64 * 1024 + 1)),
        request("DELETE", "/", body=bytes(64 * 1024 + 1)),
        request("BREW", "/", body=bytes(64 * 1024 + 1)),
        request("POST", "/unread", body=bytes(64 * 1024 + 1)),
        chunked(b"abc", path="/nowhere", end=False),
    ],
    ids=["404", "405", "501", "unread", "chunked"],
)
async def test_a_body_that_is_large_or_of_unknown_size_is_not_drained(
    data: bytes, autojump_clock: MockClock
) -> None:
    """The answer says close, and is all that comes; a request behind the body isn't served."""
    method = data.split()[0].decode()
    [answer] = await ask(small_app(), data + request("GET", "/wait"), method, "GET")
    assert answer.closes
    assert answer.whole


@pytest.mark.parametrize("rest", ["0", "0\r\n", "0\r\nX: y", "0\r\nX: y\r\n"])
@pytest.mark.parametrize("path", ["/nowhere", "/small"])
async def test_an_end_in_chunks_that_is_not_here_yet_is_not_awaited(
    path: str, rest: str, autojump_clock: MockClock
) -> None:
    """The answer says close, although there is nothing more to come but trailers."""
    async with connect(small_app()) as raw:
        await raw.send(chunked(b"abc", path=path, end=False) + rest.encode())
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert answer.closes


async def test_a_body_that_stalls_while_it_is_drained_ends_the_connection(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is out by then; nobody waits for a rest that doesn't come, nor logs it."""
    caplog.set_level(logging.INFO)
    async with connect(small_app()) as raw:
        await raw.send(announce("/nowhere"))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert answer.status == 404
    assert "cut" not in caplog.text
    assert 5 <= trio.current_time() <= 5.5


@pytest.mark.parametrize("lost", [False, True], ids=["ended", "reset"])
async def test_a_body_that_breaks_off_while_it_is_drained_ends_the_connection(
    lost: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a second answer and without an error in the log."""
    async with connect(small_app()) as raw:
        await raw.send(announce("/nowhere") + b"abc")
        data = await read_until(raw, b"nothing is here")
        if lost:
            raw.reset()
        else:
            await raw.half_close()
            data += await read_to_end(raw)
        await wait_all_tasks_blocked()
    assert [answer.status for answer in parse_answers(data, "POST")] == [404]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("path", ["/", "/stream"])
@pytest.mark.parametrize("in_chunks", [False, True], ids=["by-length", "chunked"])
async def test_a_client_that_still_sends_reads_its_413(
    path: str, in_chunks: bool, autojump_clock: MockClock
) -> None:
    """Closing at once would reset the connection and destroy the answer: it lingers."""
    body = bytes(2 * MEBIBYTE)
    parts = [body[at : at + 16_000] for at in range(0, len(body), 16_000)]
    data = chunked(*parts, path=path) if in_chunks else request("POST", path, body=body)
    async with connect(small_app()) as raw:
        for at in range(0, len(data), 32_768):
            await raw.send(data[at : at + 32_768])
        await raw.half_close()
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert answer.status == 413
    assert answer.closes


async def test_lingering_ends_however_much_is_still_sent(autojump_clock: MockClock) -> None:
    """After `send_grace` seconds: no refused upload holds a connection for good."""
    async with connect(small_app()) as raw:

        async def send_on() -> None:
            while True:
                await raw.send(bytes(10_000))
                await trio.sleep(1)

        await raw.send(announce("/", length=10**9))
        with pytest.raises(trio.BrokenResourceError):
            await send_on()
    assert 60 <= trio.current_time() <= 62


@pytest.mark.memory_only("there is room for exactly ten bytes")
async def test_a_100_cut_off_in_its_midst_is_followed_by_nothing(
    autojump_clock: MockClock,
) -> None:
    """The wire has room for ten bytes of it; the body's deadline then resets the connection."""
    async with connect(small_app()) as raw:
        await raw.send(request("POST", "/", body=bytes(60_000)))
        head = (await raw.receive()).partition(b"\r\n\r\n")[0]
    filling = request("POST", "/", body=bytes(WINDOW_BYTES - len(head) - 4 - 10))
    async with connect(small_app()) as raw:
        raw.pause_reading()
        await raw.send(filling + announce("/", "Expect: 100-continue"))
        await trio.sleep(6)
        with pytest.raises(trio.BrokenResourceError):
            await raw.receive()


async def test_a_body_limit_of_a_route_counts_for_it_alone(autojump_clock: MockClock) -> None:
    """The limit itself fits; one byte more doesn't."""
    app = small_app()
    fits, refused = [request("PUT", "/small", body=bytes(length)) for length in (10, 11)]
    [taken] = await ask(app, fits, "PUT")
    [answer] = await ask(app, refused, "PUT")
    assert (taken.status, answer.status) == (200, 413)
    [echoed] = await ask(app, request("POST", "/", body=bytes(11)), "POST")
    assert echoed.status == 200


async def test_body_limit_none_takes_any_size(autojump_clock: MockClock) -> None:
    """Past Limits.body_bytes too, which is only a default."""
    app = Hump(limits=Limits(body_bytes=10))

    @app.post("/", body_limit=None)
    async def count(request: Request) -> str:
        return str(len(request.body))

    [answer] = await ask(app, request("POST", "/", body=bytes(100)), "POST")
    assert answer.text == "100"


async def test_an_unknown_expectation_is_417(autojump_clock: MockClock) -> None:
    """RFC 9110 section 10.1.1; the connection stays."""
    data = request("POST", "/", "Expect: tea", body=b"abc") + request("GET", "/wait")
    refused, served = await ask(small_app(), data, "POST", "GET")
    assert (refused.status, refused.closes, served.status) == (417, False, 200)


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_100_is_sent_when_the_body_is_awaited(path: str, autojump_clock: MockClock) -> None:
    """The client may go on: somebody is going to read what it sends."""
    async with connect(small_app()) as raw:
        await raw.send(announce(path, "Expect: 100-Continue"))
        data = await read_until(raw, CONTINUE)
        await raw.send(b"hello")
        await raw.half_close()
        [answer] = parse_answers(data + await read_to_end(raw), "POST")
    assert (answer.informational, answer.text) == ([100], "hello")


async def test_100_waits_for_the_first_read_of_a_streamed_body(autojump_clock: MockClock) -> None:
    """A handler that looks at the head for three seconds may still refuse the body."""
    async with connect(small_app()) as raw:
        await raw.send(announce("/late", "Expect: 100-continue"))
        await read_until(raw, CONTINUE)
        assert trio.current_time() == 3


@pytest.mark.parametrize("path", ["/", "/stream", "/late"])
async def test_100_is_left_out_if_the_body_is_there(path: str, autojump_clock: MockClock) -> None:
    """The client hasn't waited, so it waits for nothing."""
    data = announce(path, "Expect: 100-continue") + b"hello"
    [answer] = await ask(small_app(), data, "POST")
    assert (answer.informational, answer.text) == ([], "hello")


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [("/nowhere", 5, 404), ("/", 2 * MEBIBYTE, 413), ("/unread", 5, 200)],
)
async def test_100_never_comes_with_an_answer_that_needs_no_body(
    path: str, length: int, status: int, autojump_clock: MockClock
) -> None:
    """Whether the body will still come can't be known, so the connection closes."""
    async with connect(small_app()) as raw:
        await raw.send(announce(path, "Expect: 100-continue", length=length))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.informational, answer.closes) == (status, [], True)


async def test_http10_is_never_sent_a_100(autojump_clock: MockClock) -> None:
    """RFC 9110 section 10.1.1: an HTTP/1.0 client's expectation is ignored."""
    head = b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    async with connect(small_app()) as raw:
        await raw.send(head)
        await trio.sleep(1)
        await raw.send(b"hello")
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.informational, answer.text) == ([], "hello")


async def test_a_100_that_the_client_never_reads_can_not_be_followed(
    autojump_clock: MockClock,
) -> None:
    """A client that went away after its head is no error."""
    async with connect(small_app()) as raw:
        await raw.send(announce("/", "Expect: 100-continue"))
        raw.reset()
        await wait_all_tasks_blocked()
    [answer] = await ask(small_app(), request("GET", "/wait"))
    assert answer.status == 200


async def test_too_many_requests_get_503_at_the_head(autojump_clock: MockClock) -> None:
    """With Retry-After, at once; the connection stays, or closes if a body is to come."""
    app = small_app(Limits(requests=1))
    async with connect(app) as busy:
        await busy.send(request("GET", "/wait"))
        await wait_all_tasks_blocked()
        data = request("GET", "/wait") + announce("/")
        first, second = await ask(app, data, "GET", "POST")
        assert trio.current_time() < 1
        assert (await read_until(busy, b"waited")).startswith(b"HTTP/1.1 200 ")
        await busy.send(request("GET", "/wait"))
        assert (await read_until(busy, b"waited")).startswith(b"HTTP/1.1 200 ")
    assert [each.status for each in (first, second)] == [503, 503]
    assert [each.closes for each in (first, second)] == [False, True]
    assert [each.headers["retry-after"] for each in (first, second)] == ["1", "1"]


async def test_too_many_buffered_bytes_get_503(autojump_clock: MockClock) -> None:
    """All bodies held at one time count; those that are done with don't."""
    app = small_app(Limits(buffered_bytes=1000))
    async with connect(app) as holding, connect(app) as refused:
        await holding.send(announce("/", length=600) + bytes(599))
        await wait_all_tasks_blocked()
        await refused.send(request("POST", "/", body=bytes(600)))
        [answer] = parse_answers(await read_to_end(refused), "POST")
        assert (answer.status, answer.closes) == (503, True)
        assert answer.headers["retry-after"] == "1"
        await holding.send(b"\0")
        await read_until(holding, bytes(600))
        await holding.send(request("POST", "/", body=bytes(1000)))
        await read_until(holding, bytes(1000))


def exchanges() -> list[Exchange]:
    """Return every exchange that something refers to, of whatever test."""
    return [each for each in gc.get_objects() if isinstance(each, Exchange)]


async def answer_as_text(request: Request, error: HttpParserError | HttpException) -> Response:
    """Handle an exception."""
    return Response(error.detail, error.status)


@pytest.mark.parametrize("handled", [False, True], ids=["plainly", "by-a-handler"])
@pytest.mark.parametrize("end", [b"", b"zz\r\n"], ids=["too-large", "malformed"])
async def test_a_refused_body_is_let_go_at_once(
    end: bytes, handled: bool, autojump_clock: MockClock
) -> None:
    """Nothing of it waits for the garbage collector: the limits count what is really held.

    The answer to such a body, which may be kept for the next one, holds nothing of this one.
    """
    app = small_app()
    if handled:
        app.exception_handler(HttpException)(answer_as_text)
        app.exception_handler(HttpParserError)(answer_as_text)
    gc.collect()
    before = exchanges()
    gc.disable()
    try:
        body = [bytes(900_000)] + ([] if end else [bytes(900_000)])
        data = chunked(*body, end=False) + end
        [answer] = await ask(app, data, "POST")
        assert answer.status == (400 if end else 413)
        assert exchanges() == before
    finally:
        gc.enable()


async def test_tiny_chunks_do_not_starve_others(autojump_clock: MockClock) -> None:
    """Other tasks have their turn while thousands of chunks that came at once are taken."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery, connect(small_app()) as raw:
        await raw.send(chunked(*[b"a"] * 10_000, end=False))
        nursery.start_soon(take_turns)
        await raw.send(b"0\r\n\r\n")
        await raw.receive()
        nursery.cancel_scope.cancel()
    assert turns > 10_000 // 64


async def test_an_answer_that_is_not_all_there_yet_outlives_what_still_comes(
    autojump_clock: MockClock,
) -> None:
    """Even of a client that has said it sends nothing more: closed at once, it would be reset."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        return "x" * 50_000

    for _ in range(2):  # by the fast path the second time, which knows the names of fields then
        async with connect(app) as raw:
            raw.pause_reading()
            await raw.send(request("GET", "/", "Connection: close"))
            await wait_all_tasks_blocked()
            await raw.send(b"\r\n")
            [answer] = parse_answers(await read_to_end(raw))
        assert len(answer.body) == 50_000
