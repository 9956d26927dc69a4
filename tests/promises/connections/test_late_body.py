"""Checks that need the head alone: they refuse a request before its body is read, and before a 100.

What they let pass is handled as on any other route, with the body whole, within the same deadlines.
"""

import logging
import math
from collections.abc import AsyncIterator, Callable
from functools import wraps
from typing import Annotated, Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    Bearer,
    CallNext,
    HttpException,
    Hump,
    Limits,
    Request,
    Response,
    Router,
    Timeouts,
    UploadFile,
    WebSocket,
)
from hump_trio.dispatch.stepped import Stepped
from hump_trio.http2.failures import ErrorCode
from hump_trio.testing import client, connect
from hump_trio.wsgi import Wsgi
from tests.support.frames import data, speak
from tests.support.wire import ask, chunked, parse_answers, read_to_end, read_until, request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SWEEP_SECONDS = 0.25


def checked(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Have requests refused that don't name a caller."""

    @wraps(handler)
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await handler(*args, **kwargs)

    call.__head_checks__ = (check,)  # type: ignore[attr-defined]  # as decorators set it
    return call


async def check(request: Request) -> None:
    """Refuse a request that doesn't name its caller, or wait for long."""
    if "x-slow" in request.headers:
        await trio.sleep(3)
    if "x-caller" not in request.headers:
        raise HttpException(401, "who are you?", headers={"www-authenticate": "Call"})


class CheckCaller(Stepped):
    """The same check as a middleware of two steps."""

    __slots__ = ()

    __needs_head_alone__ = True

    def __begin__(self, request: Request) -> None:
        """Refuse a request that doesn't name its caller."""
        if "x-caller" not in request.headers:
            raise HttpException(401, "who are you?", headers={"www-authenticate": "Call"})


async def check_caller(request: Request, call_next: CallNext) -> Response:
    """Do the same as a function."""
    await check(request)
    return await call_next(request)


check_caller.__needs_head_alone__ = True  # type: ignore[attr-defined]  # as its rule says


async def note_length(request: Request, call_next: CallNext) -> Response:
    """Note how long the body is that a middleware finds."""
    response = await call_next(request)
    response.headers["x-length"] = str(len(request.body))
    return response


async def echo(request: Request) -> bytes:
    """Answer with the body."""
    return request.body


def checked_app(by: str, **options: Any) -> Hump:
    """Return an app whose echo is checked by a decorator or by a middleware."""
    app = Hump(**options)
    handler = echo
    if by == "decorator":
        handler = checked(echo)
    elif by == "stepped":
        app.middleware(CheckCaller())
    elif by == "function":
        app.middleware(check_caller)
    else:
        router = Router()
        router.middleware(CheckCaller())
        router.post("/")(echo)
        app.include(router)
    if by != "router":
        app.post("/")(handler)
    app.post("/small", body_limit=10)(checked(echo) if by == "decorator" else echo)

    @app.get("/after")
    async def after() -> str:
        return "served"

    return app


each_way = pytest.mark.parametrize("by", ["decorator", "stepped", "function", "router"])
AFTER = request("GET", "/after", "X-Caller: me")


@each_way
async def test_a_refusal_comes_instead_of_a_100(by: str, autojump_clock: MockClock) -> None:
    """The client keeps its body; the connection ends, as after a 404 to such a client."""
    async with connect(checked_app(by)) as raw:
        await raw.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5"))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.informational, answer.closes) == (401, [], True)
    assert answer.headers["www-authenticate"] == "Call"


@each_way
async def test_a_refusal_comes_before_the_body(by: str, autojump_clock: MockClock) -> None:
    """At once, although not a byte of the body has come."""
    async with connect(checked_app(by)) as raw:
        await raw.send(request("POST", "/", "Content-Length: 100000"))
        await read_until(raw, b"who are you?")
        assert trio.current_time() < SWEEP_SECONDS


@each_way
async def test_a_small_body_behind_a_refusal_is_drained(by: str, autojump_clock: MockClock) -> None:
    """The next request on the connection is served, as after a 404."""
    async with connect(checked_app(by)) as raw:
        await raw.send(request("POST", "/", "Content-Length: 1000"))
        await raw.send(bytes(1000) + AFTER)
        received = await read_until(raw, b"served")
    first, second = parse_answers(received, "POST", "GET")
    assert (first.status, first.closes, second.text) == (401, False, "served")


async def test_chunks_that_are_here_are_dropped(autojump_clock: MockClock) -> None:
    """Their end is known then; where it isn't, the connection ends."""
    app = checked_app("decorator")
    sent = chunked(b"abc", bytes(1000)) + AFTER
    first, second = await ask(app, sent, "POST", "GET")
    assert (first.status, first.closes, second.text) == (401, False, "served")
    [answer] = await ask(app, chunked(b"abc", end=False), "POST", "GET")
    assert (answer.status, answer.closes) == (401, True)


@each_way
@pytest.mark.parametrize("in_chunks", [False, True], ids=["by-length", "chunked"])
async def test_what_is_let_pass_has_its_body_whole(
    by: str, in_chunks: bool, autojump_clock: MockClock
) -> None:
    """After a 100 for a client that waits for one; trailers are there, too."""
    kind = "Transfer-Encoding: chunked" if in_chunks else "Content-Length: 6"
    async with connect(checked_app(by)) as raw:
        await raw.send(request("POST", "/", "X-Caller: me", "Expect: 100-continue", kind))
        received = await read_until(raw, CONTINUE)
        for part in (b"abc", b"def"):
            await raw.send(b"3\r\n%b\r\n" % part if in_chunks else part)
            await trio.sleep(1)
        if in_chunks:
            await raw.send(b"0\r\nX: y\r\n\r\n")
        await raw.send(AFTER)
        received += await read_until(raw, b"served")
    first, second = parse_answers(received, "POST", "GET")
    assert (first.informational, first.text, second.text) == ([100], "abcdef", "served")


@each_way
async def test_limits_of_the_body_are_those_of_any_route(
    by: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """413 for what is too long, 400 for what is malformed or breaks off, each with its line."""
    caplog.set_level(logging.INFO)
    head = request("POST", "/small", "X-Caller: me", "Transfer-Encoding: chunked")
    sent: list[tuple[bytes, int]] = [
        (head + b"b\r\n", 400),
        (head + b"zz\r\n", 400),
        (head + b"b\r\n" + bytes(11) + b"\r\n", 413),
    ]
    for received, status in sent:
        app = checked_app(by)
        caplog.clear()
        async with connect(app) as raw:
            await raw.send(received)
            await raw.half_close()
            [answer] = parse_answers(await read_to_end(raw), "POST")
            await trio.sleep(1)
            assert app.statistics().outcomes["refused"] == 1
        assert (answer.status, answer.closes) == (status, True)
        assert "refused a request" in caplog.text


async def test_a_body_that_finds_no_room_is_503(autojump_clock: MockClock) -> None:
    """As on any other route."""
    app = checked_app("decorator", limits=Limits(buffered_bytes=1000))
    async with connect(app) as raw:
        await raw.send(request("POST", "/", "X-Caller: me", "Content-Length: 5000"))
        await raw.send(bytes(2000))
        [answer] = parse_answers(await read_to_end(raw), "POST")
        assert app.statistics().outcomes["shed"] == 1
    assert (answer.status, answer.closes) == (503, True)


@each_way
async def test_a_body_that_stalls_is_408(by: str, autojump_clock: MockClock) -> None:
    """After the grace of any body, not after the time of a handler."""
    app = checked_app(by)
    async with connect(app) as raw:
        await raw.send(request("POST", "/", "X-Caller: me", "Content-Length: 5") + b"abc")
        [answer] = parse_answers(await read_to_end(raw), "POST")
        assert app.statistics().outcomes["stalled"] == 1
    assert (answer.status, answer.closes) == (408, True)
    assert 5 <= trio.current_time() <= 5 + 2 * SWEEP_SECONDS


async def test_a_dribbled_body_is_408(autojump_clock: MockClock) -> None:
    """Each part doesn't begin the grace anew."""
    async with connect(checked_app("decorator")) as raw:
        await raw.send(request("POST", "/", "X-Caller: me", "Content-Length: 100"))
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def dribble() -> None:
                while True:
                    await trio.sleep(1)
                    await raw.send(b"x")

            [answer] = parse_answers(await read_to_end(raw), "POST")
            nursery.cancel_scope.cancel()
    assert answer.status == 408
    assert 5 <= trio.current_time() <= 6


async def test_the_time_of_the_handler_stands_while_the_body_comes(
    autojump_clock: MockClock,
) -> None:
    """Its deadline bounds the checks and the handler, and nothing that is up to the client."""
    app = Hump(timeouts=Timeouts(handler=8))

    @app.post("/", timeout=4)
    @app.post("/default")
    @checked
    async def slow(request: Request, seconds: float) -> str:
        await trio.sleep(seconds)
        return f"{request.deadline - trio.current_time():.1f}"

    for path, seconds, status, left in [
        ("/", 0.5, 200, 0.5),
        ("/", 2, 503, 0),
        ("/default", 3, 200, 2),
        ("/default", 7, 503, 0),
    ]:
        async with connect(app) as raw:
            began = trio.current_time()
            line = f"{path}?seconds={seconds}"
            lines = ("X-Caller: me", "X-Slow: 1", "Content-Length: 5000")
            await raw.send(request("POST", line, *lines))
            for _ in range(10):  # twenty seconds, and never silent for long
                await trio.sleep(2)
                await raw.send(bytes(500))
            received = await read_until(
                raw, b"too long" if status == 503 else f"{left:.1f}".encode()
            )
            lasted = trio.current_time() - began
        assert received.split()[1] == str(status).encode()
        limit = 20 + (4 if path == "/" else 8) - 3
        assert lasted <= (limit + SWEEP_SECONDS if status == 503 else 20 + seconds + 0.1)


async def test_middleware_that_may_look_finds_the_body(autojump_clock: MockClock) -> None:
    """Outside of a check it is received before that; inside, and below a router, behind it."""
    head = request("POST", "/", "X-Caller: me", "Content-Length: 5")
    for outside in (True, False):
        app, router = Hump(), Router()
        around = [note_length, check_caller] if outside else [check_caller, note_length]
        for each in around:
            app.middleware(each)
        router.middleware(note_length)
        router.post("/")(echo)
        app.include(router)
        async with connect(app) as raw:
            await raw.send(head)
            await trio.sleep(1)
            await raw.send(b"hello")
            [answer] = parse_answers(await read_until(raw, b"hello"), "POST")
        assert answer.headers["x-length"] == "5"
        async with connect(app) as raw:
            await raw.send(request("POST", "/", "Content-Length: 5"))
            await trio.sleep(1)
            await raw.send(b"hello")
            [answer] = parse_answers(await read_until(raw, b"who are you?"), "POST")
        assert answer.status == 401
        assert answer.headers.get("x-length") == ("5" if outside else None)


async def test_a_handler_of_errors_finds_an_empty_body(autojump_clock: MockClock) -> None:
    """As for every other request that is refused at its head."""
    app = checked_app("decorator")

    @app.exception_handler(HttpException)
    async def show(request: Request, error: HttpException) -> str:
        return f"{error.status} {request.body!r}"

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 100000"))
        [answer] = parse_answers(await read_until(raw, b"401 b''"), "POST")
    assert answer.status == 200


async def test_half_a_body_never_looks_whole(autojump_clock: MockClock) -> None:
    """A middleware that cuts the call while the body comes, and calls again, gets an error."""
    app = Hump()

    @app.middleware
    async def retry(request: Request, call_next: CallNext) -> Response:
        with trio.move_on_after(1):
            return await call_next(request)
        return await call_next(request)

    retry.__needs_head_alone__ = True  # type: ignore[attr-defined]  # as its rule says
    app.post("/")(checked(echo))
    async with connect(app) as raw:
        await raw.send(request("POST", "/", "X-Caller: me", "Content-Length: 10") + b"hello")
        await trio.sleep(2)
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.closes) == (400, True)


async def test_a_body_of_a_request_that_is_over_is_closed(autojump_clock: MockClock) -> None:
    """What a check has kept of a request that it has refused holds no connection."""
    app, kept = Hump(), list[Any]()

    async def keep(request: Request) -> None:
        kept.append(request.body)
        raise HttpException(401)

    handler = checked(echo)
    handler.__head_checks__ = (keep,)  # type: ignore[attr-defined]  # as decorators set it
    app.post("/")(handler)
    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 100000"))
        await read_to_end(raw)
    with pytest.raises(trio.ClosedResourceError, match="is over"):
        await kept[0].receive()


@pytest.mark.parametrize("on_disconnect", ["cancel", "finish"])
async def test_a_client_that_leaves_is_not_answered(
    on_disconnect: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its body breaks off before the handler has begun, whatever that does without a client."""
    app, calls = Hump(), list[bytes]()

    @app.post("/", on_disconnect=on_disconnect)
    @checked
    async def note(request: Request) -> None:
        calls.append(request.body)

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "X-Caller: me", "Content-Length: 10") + b"hello")
        await trio.sleep(1)
        raw.reset()
        await trio.sleep(2)
        assert not calls
        outcomes = app.statistics().outcomes
        assert outcomes["client-gone"] + outcomes["refused"] == 1
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_routes_that_read_by_themselves_are_checked_first(
    autojump_clock: MockClock,
) -> None:
    """Those with a stream, and those that take files."""
    app = Hump()

    @app.post("/stream", stream=True)
    @checked
    async def stream(request: Request) -> str:
        return str(sum([len(part) async for part in request.stream]))

    @app.post("/files")
    @checked
    async def files(file: UploadFile) -> str:
        return file.filename

    @app.post("/generator")
    @checked
    async def generator(request: Request) -> AsyncIterator[bytes]:
        yield request.body

    lines = ("Expect: 100-continue", "Content-Length: 5")
    for path in ("/stream", "/files"):
        async with connect(app) as raw:
            await raw.send(request("POST", path, *lines))
            [answer] = parse_answers(await read_to_end(raw), "POST")
        assert (answer.status, answer.informational) == (401, [])
    async with client(app) as http:
        named = {"x-caller": "me"}
        assert (await http.post("/stream", content=b"hello", headers=named)).text == "5"
        sent = {"file": ("tea.txt", b"green")}
        assert (await http.post("/files", files=sent, headers=named)).text == "tea.txt"


async def test_a_websocket_is_checked_before_its_handshake_is_answered(
    autojump_clock: MockClock,
) -> None:
    """The answer is an ordinary one."""
    app = Hump()

    @app.websocket("/")
    @checked
    async def greet(websocket: WebSocket) -> None:
        await websocket.send("hello")

    lines = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    async with connect(app) as raw:
        await raw.send(request("GET", "/", *lines, key))
        [answer] = parse_answers(await read_until(raw, b"who are you?"))
        assert answer.status == 401
    async with connect(app) as raw:
        await raw.send(request("GET", "/", *lines, key, "X-Caller: me"))
        await read_until(raw, b"hello\x88\x02\x03\xe8")


@each_way
async def test_what_comes_whole_is_checked_as_well(by: str, autojump_clock: MockClock) -> None:
    """By any client, over any protocol, with any body."""
    async with client(checked_app(by)) as http:
        for size in (0, 5, 300_000):
            body = bytes(size)
            assert (await http.post("/", content=body)).status_code == 401
            answer = await http.post("/", content=body, headers={"x-caller": "me"})
            assert (answer.status_code, answer.content) == (200, body)


@pytest.mark.parametrize("by", ["decorator", "stepped"])
async def test_streams_of_http2_are_refused_at_their_heads(
    by: str, autojump_clock: MockClock
) -> None:
    """The client is told to send no more; what is let pass is handled when its body has come."""
    async with speak(checked_app(by)) as peer:
        waits = ("expect", "100-continue")
        await peer.send(
            peer.head(1, waits, method="POST", end=False),
            peer.head(3, waits, ("x-caller", "me"), method="POST", end=False),
        )
        refused = await peer.answer(1)
        assert (refused.status, refused.informational) == (401, [])
        await trio.sleep(1)
        await peer.expect_reset(1, ErrorCode.NO_ERROR)
        await peer.send(data(3, b"abc"))
        await trio.sleep(1)
        await peer.send(data(3, b"def", end=True))
        let_pass = await peer.answer(3)
        assert (let_pass.status, let_pass.text) == (200, "abcdef")
        await peer.expect_open()


def looked_app() -> Hump:
    """Return an app whose middleware may look at bodies, around a route with credentials."""
    app = Hump(limits=Limits(buffered_bytes=1000))
    app.middleware(note_length)
    app.post("/plain", body_limit=800)(echo)

    @app.post("/secured", body_limit=800)
    async def secured(request: Request, token: Annotated[str, Bearer()]) -> bytes:
        return request.body

    return app


async def test_a_refusal_goes_through_middleware_that_may_look(
    autojump_clock: MockClock,
) -> None:
    """It finds an empty body, and none is awaited for it."""
    async with connect(looked_app()) as raw:
        await raw.send(request("POST", "/secured", "Expect: 100-continue", "Content-Length: 5"))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.informational) == (401, [])
    assert answer.headers["x-length"] == "0"


@pytest.mark.parametrize(
    "parts",
    [
        [b"5\r\nhello\r\n0\r\n\r\n"],
        [b"5\r\nhel", b"lo\r\n", b"0\r\n\r\n"],
        [b"5\r\nhel", b"zzz\r\n"],
        [b"400\r\n" + bytes(1000)],
        [b"200\r\n" + bytes(500)],
        [b"200\r\n" + bytes(500), b"END"],
    ],
    ids=["whole", "parts", "malformed", "too-large", "stalled", "ended"],
)
async def test_middleware_that_may_look_sees_what_it_sees_of_any_body(
    parts: list[bytes], autojump_clock: MockClock
) -> None:
    """The same answers and the same lengths, whether the route has credentials or not."""
    answers: list[tuple[Any, ...]] = []
    for path in ("/plain", "/secured"):
        async with connect(looked_app()) as raw:
            lines = ("Authorization: Bearer abc", "Transfer-Encoding: chunked", "Connection: close")
            await raw.send(request("POST", path, *lines))
            for part in parts:
                await trio.sleep(1)
                await (raw.half_close() if part == b"END" else raw.send(part))
            began = trio.current_time()
            [answer] = parse_answers(await read_to_end(raw), "POST")
            seconds = round(trio.current_time() - began)
        answers.append((answer.status, answer.text, answer.headers.get("x-length"), seconds))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b"5\r\nhello\r\n0\r\n\r\n"], 200),
        ([b"5\r\nhel", b"zzz\r\n"], 400),
        ([b"5\r\nhel"], 408),
        ([b"400\r\n" + bytes(1000)], 413),
    ],
    ids=["whole", "malformed", "stalled", "too-large"],
)
async def test_a_body_that_middleware_replaces_is_no_whole_one(
    parts: list[bytes], status: int, autojump_clock: MockClock
) -> None:
    """A handler isn't called with what a middleware has made of a body that failed."""
    app, calls = Hump(), list[bytes]()

    @app.middleware
    async def unpack(request: Request, call_next: CallNext) -> Response:
        request.body = b"unpacked " + request.body
        return await call_next(request)

    @app.post("/", body_limit=800)
    async def note(request: Request, token: Annotated[str, Bearer()]) -> None:
        calls.append(request.body)

    async with connect(app) as raw:
        lines = ("Authorization: Bearer abc", "Transfer-Encoding: chunked", "Connection: close")
        await raw.send(request("POST", "/", *lines))
        for part in parts:
            await trio.sleep(1)
            await raw.send(part)
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, calls) == ((204, [b"unpacked hello"]) if status == 200 else (status, []))


async def test_a_body_that_middleware_replaces_is_received_for_credentials_of_its_own(
    autojump_clock: MockClock,
) -> None:
    """A middleware that finds credentials elsewhere has looked too early at an empty body.

    It may call the handler again, as on any route.
    """
    app = Hump()

    @app.middleware
    async def let_in(request: Request, call_next: CallNext) -> Response:
        request.body = b"unpacked " + request.body
        request.headers["authorization"] = "Bearer abc"
        await call_next(request)
        return await call_next(request)

    @app.post("/")
    async def echo_secured(request: Request, token: Annotated[str, Bearer()]) -> bytes:
        return request.body

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 5", "Connection: close"))
        await trio.sleep(1)
        await raw.send(b"hello")
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert answer.text == "hello"


async def test_middleware_that_is_cut_in_a_late_answer_is_left_out(
    autojump_clock: MockClock,
) -> None:
    """What waits too long, where the time for the body has passed already, costs no answer."""
    app = Hump()

    @app.middleware
    async def wait(request: Request, call_next: CallNext) -> Response:
        await trio.sleep(100)
        return await call_next(request)

    app.post("/")(checked(echo))

    @app.post("/secured")
    async def secured(request: Request, token: Annotated[str, Bearer()]) -> bytes:
        return request.body

    async with connect(app) as raw:
        await raw.send(request("POST", "/secured", "Authorization: Bearer a", "Content-Length: 9"))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.closes) == (408, True)


async def test_a_mounted_app_that_takes_bodies_whole_is_checked_first(
    autojump_clock: MockClock,
) -> None:
    """One of WSGI: a middleware refuses at the head, and the app finds what is let pass."""

    def length(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(len(body)).encode()]

    app = Hump()
    app.middleware(CheckCaller())
    app.mount("/old", Wsgi(length))
    async with connect(app) as raw:
        await raw.send(request("POST", "/old/x", "Expect: 100-continue", "Content-Length: 5"))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.informational) == (401, [])
    autojump_clock.autojump_threshold = math.inf  # threads have their own time
    async with connect(app) as raw:
        await raw.send(request("POST", "/old/x", "X-Caller: me", "Content-Length: 5") + b"he")
        await raw.send(b"llo")
        assert (await read_until(raw, b"\r\n\r\n5"))[:12] == b"HTTP/1.1 200"
