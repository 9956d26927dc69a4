"""Answers that an app of ASGI gives, and what it receives, over every protocol."""

import logging
from contextlib import suppress
from contextvars import ContextVar
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException, Hump, Request, Response, Timeouts
from hump_trio.asgi import Asgi
from hump_trio.asgi.http import speak_app
from hump_trio.facts.exceptions import HttpParserError
from hump_trio.routing.layer import CallNext
from hump_trio.testing import client, connect
from tests.support.asgi_apps import App, Receive, Send, answer, hump_of, part, start

PLAIN = (b"content-type", b"text/plain")


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error."""
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


async def get(app: App, path: str = "/", method: str = "GET", **options: Any) -> httpx2.Response:
    """Return the answer of an app to one request."""
    async with client(hump_of(app)) as http:
        return await http.request(method, path, **options)


async def test_an_answer_in_one_part() -> None:
    """It has the status, the fields and the length; fields may repeat."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        cookies = (b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")
        await send(start(HTTPStatus.CREATED, PLAIN, *cookies))
        await send(part(b"tea"))

    response = await get(app)
    assert (response.status_code, response.text) == (201, "tea")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-length"] == "3"


async def test_what_may_be_left_out() -> None:
    """Header fields, the body, and whether more of it follows."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    response = await get(app)
    assert (response.status_code, response.content) == (200, b"")
    assert "content-type" not in response.headers


async def test_framing_and_date_are_the_servers() -> None:
    """Whatever an app says of them, there is one of each."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        own = [(b"transfer-encoding", b"gzip"), (b"connection", b"x-tea"), (b"keep-alive", b"1")]
        await send(start(200, *own[:2], (b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")))
        await send(part(b"tea"))

    response = await get(app)
    assert response.text == "tea"
    assert response.headers.get("transfer-encoding", "chunked") == "chunked"
    assert len(response.headers.get_list("date")) == 1
    assert "x-tea" not in response.headers.get("connection", "")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_parts(kind: Any) -> None:
    """They go out one after the other, each at once."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200))
        for each in (b"a ", b"", b"pot "):
            await send(part(kind(each), more=True))
        await send(part(kind(b"of tea")))

    response = await get(app)
    assert response.text == "a pot of tea"
    assert "content-length" not in response.headers


async def test_the_head_goes_out_before_the_first_byte(autojump_clock: MockClock) -> None:
    """If the app sends an empty part: a client of an event stream waits for no event."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"text/event-stream")))
        await send(part(more=True))
        await trio.sleep(60)
        await send(part(b"data: tea\n\n"))

    async with client(hump_of(app), timeout=None) as http, http.stream("GET", "/") as response:
        assert trio.current_time() < 1
        assert response.status_code == 200
        assert await response.aread() == b"data: tea\n\n"


@pytest.mark.parametrize("length", [True, False])
async def test_head_runs_the_app(length: bool) -> None:
    """Its Content-Length is kept, and its body isn't sent."""
    methods = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        methods.append(scope["method"])
        await send(start(200, *[(b"content-length", b"6")] * length))
        await send(part(b"tea", more=True))
        await send(part(b"pot"))

    response = await get(app, method="HEAD")
    assert (response.content, response.headers.get("content-length")) == (
        b"",
        "6" if length else None,
    )
    assert methods == ["HEAD"]


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_answers_without_a_body(status: int) -> None:
    """What an app sends of one is dropped."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(status))
        await send(part(b"tea"))

    response = await get(app)
    assert (response.status_code, response.content) == (status, b"")


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    """Answer with the body, and the number of messages that it came in."""
    body, count, more = b"", 0, True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more, count = body + message["body"], message["more_body"], count + 1
    await answer(send, body, (b"x-count", str(count).encode()))


@pytest.mark.parametrize("size", [0, 5, 300_000])
@pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND"])
async def test_the_body_of_the_request(size: int, method: str) -> None:
    """It comes in parts, and the last one says so; without a body there is an empty message."""
    response = await get(echo, method=method, content=b"t" * size)
    assert len(response.content) == size
    assert size or response.headers["x-count"] == "1"


async def test_a_body_in_parts() -> None:
    """Each part is received when it comes."""
    heard = trio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "http.request", "body": b"a pot ", "more_body": True}
        heard.set()
        rest = b""
        more = True
        while more:
            message = await receive()
            rest, more = rest + message["body"], message["more_body"]
        await answer(send, rest)

    async def parts() -> Any:
        yield b"a pot "
        await heard.wait()
        yield b"of tea"

    async with client(hump_of(app)) as http:
        assert (await http.post("/", content=parts())).text == "of tea"


async def test_messages_that_are_ready_are_received_without_a_checkpoint() -> None:
    """Frameworks look for a client that has left in a scope that is cancelled already."""
    seen: list[Any] = []

    async def look(receive: Receive) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            seen.append((await receive())["type"])
        if scope.cancelled_caught:
            seen.append("nothing")

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for _ in range(2):
            await look(receive)
        await answer(send)
        await look(receive)

    assert (await get(app)).text == "tea"
    assert seen == ["http.request", "nothing", "http.disconnect"]


async def test_nobody_waits_behind_the_answer(autojump_clock: MockClock) -> None:
    """Who waits is told, also in another task; and who goes on and on stops nobody else."""
    told: list[float] = []

    async def wait(receive: Receive) -> None:
        await receive()
        assert await receive() == {"type": "http.disconnect"}
        told.append(trio.current_time())

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, receive)
            await trio.sleep(3)
            await answer(send)
        with trio.move_on_after(0):
            while True:
                assert await receive() == {"type": "http.disconnect"}
        told.append(trio.current_time())

    async with client(hump_of(app)) as http:
        assert (await http.get("/")).text == "tea"
    assert told == pytest.approx([3, 3], abs=0.01)


@pytest.mark.parametrize("whole", [True, False])
async def test_what_comes_behind_the_end_is_ignored(
    whole: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As the specification has it; but a start is a mistake."""
    raised = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(part(b"tea", more=not whole))
        await send(part())
        for message in (part(b"x"), part(b"y", more=True), {"type": "http.response.pathsend"}):
            await send(message)
        with trio.move_on_after(0):
            while True:
                await send(part(b"z"))
        try:
            await send(start(200))
        except RuntimeError as error:
            raised.append(str(error))

    assert (await get(app)).text == "tea"
    assert raised == ["http.response.start: the answer has ended"]
    [line] = errors_of(caplog)
    assert line.startswith("GET /: ASGI app tests.asgi.test_http.")
    assert line.endswith("went on after http.response.start: the answer has ended")


STARTED = [start(200)]
MISTAKES: list[tuple[list[Any], type[Exception], str]] = [
    ([part(b"tea")], RuntimeError, "http.response.body: http.response.start comes before it"),
    ([*STARTED, start(200)], RuntimeError, "http.response.start: it comes twice"),
    ([start("200")], TypeError, "a status is an int, not '200'"),
    ([start(None)], TypeError, "a status is an int, not None"),
    ([start(103)], RuntimeError, "needs a status from 200 to 599"),
    ([start(600)], RuntimeError, "needs a status from 200 to 599"),
    ([{"type": "http.response.start"}], RuntimeError, "lacks its 'status'"),
    ([start(200, ("x-tea", "green"))], TypeError, "headers are pairs of bytes"),  # type: ignore[arg-type]
    ([start(200, (b"x tea", b"green"))], RuntimeError, "not a header name"),
    ([start(200, (b":status", b"200"))], RuntimeError, "not a header name"),
    ([start(200, (b"x-tea", b"a\r\nb: c"))], RuntimeError, "that can't be sent"),
    ([*STARTED, part("tea")], TypeError, "http.response.body: a body is bytes, not str"),
    ([*STARTED, part(None)], TypeError, "a body is bytes, not NoneType"),
    ([{"type": "http.response.tea"}], RuntimeError, "http.response.tea: there is no such message"),
    ([*STARTED, {"type": "websocket.accept"}], RuntimeError, "there is no such message"),
    ([{"status": 200}], TypeError, "a dict with a 'type'"),
    ([{"type": 200}], TypeError, "a dict with a 'type'"),
    (["http.response.start"], TypeError, "a dict with a 'type'"),
    ([None], TypeError, "a dict with a 'type'"),
    ([start(200, (b"content-length", b"2")), part(b"tea")], RuntimeError, "longer than its"),
    ([start(200, (b"content-length", b"9")), part(b"tea")], RuntimeError, "shorter than its"),
    ([{"type": "http.response.trailers"}], RuntimeError, "http.response.start comes before it"),
    ([*STARTED, {"type": "http.response.trailers"}], RuntimeError, "behind a body"),
    (
        [start(200, trailers=True), {"type": "http.response.trailers"}],
        RuntimeError,
        "behind a body",
    ),
    ([{"type": "http.response.pathsend"}], RuntimeError, "http.response.start comes before it"),
    ([*STARTED, {"type": "http.response.pathsend"}], RuntimeError, "lacks its 'path'"),
    ([*STARTED, {"type": "http.response.pathsend", "path": "a"}], RuntimeError, "absolute"),
    ([*STARTED, {"type": "http.response.pathsend", "path": b"/a"}], RuntimeError, "absolute"),
    ([*STARTED, {"type": "http.response.pathsend", "path": "/no/such"}], RuntimeError, "no file"),
    ([*STARTED, {"type": "http.response.pathsend", "path": "/"}], RuntimeError, "no file"),
    ([{"type": "http.response.early_hint"}], RuntimeError, "lacks its 'links'"),
    ([{"type": "http.response.early_hint", "links": ["x"]}], TypeError, "pairs of bytes"),
    ([{"type": "http.response.early_hint", "links": [b"a\nb"]}], RuntimeError, "can't be sent"),
]


@pytest.mark.parametrize(("messages", "kind", "text"), MISTAKES)
async def test_messages_that_may_not_be_sent(
    messages: list[Any], kind: type[Exception], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The app is told at once; if it lets that pass, the answer is a 500 and one line is logged."""
    raised: list[BaseException] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for message in messages[:-1]:
            await send(message)
        try:
            await send(messages[-1])
        except BaseException as error:
            raised.append(error)
            raise

    assert (await get(app)).status_code == 500
    [error] = raised
    assert isinstance(error, kind)
    assert text in str(error)
    assert len(errors_of(caplog)) == 1


async def test_a_mistake_that_an_app_gets_over(caplog: pytest.LogCaptureFixture) -> None:
    """Its answer counts, and one line tells of the mistake."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await send(start("200"))
        except TypeError:
            await answer(send)

    assert (await get(app)).text == "tea"
    [line] = errors_of(caplog)
    assert "went on after http.response.start: a status is an int, not '200'" in line


@pytest.mark.parametrize("begun", [True, False])
async def test_an_app_that_gives_no_answer(begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    """That is a 500, whether it was started or not: nothing was sent."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if begun:
            await send(start(200, (b"x-tea", b"green")))

    response = await get(app)
    assert response.status_code == 500
    assert "x-tea" not in response.headers
    [line] = errors_of(caplog)
    assert "handler ASGI app tests.asgi.test_http.test_an_app_that_gives_no_answer" in line


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("length", [True, False])
async def test_an_answer_in_whose_middle_the_app_ends(
    raises: bool, length: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It never looks whole."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, *[(b"content-length", b"9")] * length))
        await send(part(b"tea", more=True))
        if raises:
            raise ValueError("no more tea")

    with pytest.raises(httpx2.TransportError):
        await get(app)
    assert len(errors_of(caplog)) == 1


async def test_errors_before_the_answer_have_answers_here() -> None:
    """Middleware and exception handlers stand around the app as around any handler."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] == "/gone":
            raise HttpException(410)
        raise LookupError("no tea")

    hump = hump_of(app)

    @hump.exception_handler(LookupError)
    async def explain(request: Request, error: LookupError) -> Response:
        return Response(str(error), 409)

    async with client(hump) as http:
        assert (await http.get("/gone")).status_code == 410
        response = await http.get("/")
        assert (response.status_code, response.text) == (409, "no tea")


async def test_an_error_behind_the_answer_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Frameworks answer an error, and raise it once more."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            raise ValueError("no tea")
        except ValueError:
            await send(start(500))
            await send(part(b"we are sorry"))
            raise

    response = await get(app)
    assert (response.status_code, response.text) == (500, "we are sorry")
    [line] = errors_of(caplog)
    assert "GET /" in line
    assert "ASGI app" in line


async def test_middleware_sets_fields() -> None:
    """They go out beside those of the app."""
    hump = hump_of(echo)

    @hump.middleware
    async def add(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers["x-frame-options"] = "DENY"
        return response

    async with client(hump) as http:
        response = await http.post("/", content=b"tea")
        assert (response.text, response.headers["x-frame-options"]) == ("tea", "DENY")


async def test_the_time_until_the_start(autojump_clock: MockClock) -> None:
    """It is that of a handler; what comes later has none, unless the mount has a time for all."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/late"):
            await trio.sleep(20)
        await send(start(200))
        await trio.sleep(20)
        await send(part(b"tea"))

    hump = hump_of(app, timeouts=Timeouts(handler=10))
    hump.mount("/bounded", Asgi(app, timeout=15, lifespan="off"))
    async with client(hump, timeout=None) as http:
        assert (await http.get("/late")).status_code == 503
        assert (await http.get("/")).text == "tea"
        assert (await http.get("/bounded/late")).status_code == 503
        started = trio.current_time()
        with suppress(httpx2.TransportError):
            assert (await http.get("/bounded")).status_code == 503
        assert trio.current_time() == pytest.approx(started + 15, abs=1)


async def of_unknown_length(body: bytes) -> Any:
    """Yield a body, whose length isn't announced then."""
    yield body


@pytest.mark.parametrize("swallows", [True, False])
@pytest.mark.parametrize("answers", [True, False])
async def test_a_body_that_is_too_long(
    swallows: bool, answers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is a 413, whatever the app makes of the error that it receives."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await echo(scope, receive, send)
        except Exception:
            assert (await receive())["type"] == "http.disconnect"
            assert (await receive())["type"] == "http.disconnect"
            if answers:
                await send(start(500))
                await send(part(b"oh"))
            if not swallows:
                raise

    hump = Hump()
    hump.mount("", Asgi(app, body_limit=10, lifespan="off"))
    async with client(hump) as http:
        assert (await http.post("/", content=b"t" * 300_000)).status_code == 413
        assert (await http.post("/", content=of_unknown_length(b"t" * 300))).status_code == 413
        assert (await http.post("/", content=b"tea")).text == "tea"
    assert errors_of(caplog) == []


async def test_what_an_app_makes_of_a_body_that_is_too_long() -> None:
    """An error of its own is answered with the 413 that it was raised for."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await receive()
        except Exception as error:
            raise ValueError("no tea") from error

    async with client(hump_of(app, body_limit=10)) as http:
        answered = await http.post("/", content=of_unknown_length(b"t" * 300))
    assert answered.status_code == 413


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("chunks", [0, 1])
async def test_trailers(takes: bool, chunks: int) -> None:
    """They follow the body, from several messages; other clients get the body alone."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"trailer", b"x-sum"), trailers=True))
        for _ in range(chunks):
            await send(part(b"tea", more=True))
        await send(part(b"pot"))
        await send(part(b"ignored"))
        behind = {"type": "http.response.trailers"}
        await send({**behind, "headers": [(b"x-sum", b"7")], "more_trailers": True})
        await send({**behind, "headers": [(b"x-more", b"8")]})
        await send(behind)

    headers = {"te": "trailers"} if takes else {}
    assert (await get(app, headers=headers)).text == "tea" * chunks + "pot"


@pytest.mark.http1_only("is about its bytes")
async def test_hints_and_trailers_on_the_wire() -> None:
    """Hints go out before the head, and trailers behind the last chunk, all of them together."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert "http.response.trailers" in scope["extensions"]
        await send({"type": "http.response.early_hint", "links": [b"</a>", b"</b>"]})
        await send(start(200, (b"trailer", b"x-sum"), trailers=True))
        await send({"type": "http.response.early_hint", "links": [b"</c>"]})
        await send(part(b"tea"))
        behind = {"type": "http.response.trailers", "more_trailers": True}
        await send({**behind, "headers": [(b"X-Sum", b"7")]})
        await send({**behind, "headers": [(b"x-more", b"8")], "more_trailers": False})

    fields = b"Host: a\r\nUser-Agent: curl/8\r\nTE: trailers\r\nConnection: close\r\n"
    async with connect(hump_of(app)) as connection:
        await connection.send(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
        received = b""
        while more := await connection.receive():
            received += more
    hints, _, answered = received.partition(b"HTTP/1.1 200 OK\r\n")
    assert hints.startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n")
    assert answered.endswith(b"3\r\ntea\r\n0\r\nx-sum: 7\r\nx-more: 8\r\n\r\n")


async def test_trailers_that_never_come(caplog: pytest.LogCaptureFixture) -> None:
    """The answer breaks off."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, trailers=True))
        await send(part(b"tea"))

    with pytest.raises(httpx2.TransportError):
        await get(app)
    assert len(errors_of(caplog)) == 1


async def test_early_hints() -> None:
    """They are sent, or dropped, and never fail: behind the start and in mid-body, too."""
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(hint)
        await send({**hint, "links": []})
        await send(start(200))
        await send(hint)
        await send(part(b"tea", more=True))
        await send(hint)
        await send(part())
        await send(hint)

    assert (await get(app)).text == "tea"


@pytest.mark.parametrize("size", [0, 5, 64 * 1024, 64 * 1024 + 1, 300_000])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_file(size: int, method: str, tmp_path: Path) -> None:
    """It is sent by its path, with the fields of the app."""
    path = tmp_path / "tea"
    path.write_bytes(b"t" * size)

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", str(size).encode())))
        await send({"type": "http.response.pathsend", "path": str(path)})
        await send({"type": "http.response.pathsend", "path": str(path)})

    response = await get(app, method=method)
    assert response.content == (b"" if method == "HEAD" else b"t" * size)
    assert response.headers["content-length"] == str(size)


async def test_a_file_that_becomes_shorter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer breaks off, and the app isn't told that its client has gone."""
    path = tmp_path / "tea"
    path.write_bytes(b"t" * 300_000)
    raised = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200))

        async def shorten() -> None:
            path.write_bytes(b"")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(shorten)
            try:
                await send({"type": "http.response.pathsend", "path": str(path)})
            except RuntimeError as error:
                raised.append(str(error))

    with pytest.raises(httpx2.TransportError):
        await get(app)
    assert len(raised) == 1
    assert "can't be read" in raised[0]


class Given:
    """A `Reply` that gives parts of a body.

    Args:
        now: What is there without a wait.
        later: What is waited for; an error is raised.
    """

    begun = ended = gone = False

    def __init__(self, now: list[bytes | None], later: list[bytes | Exception]) -> None:
        self._now = now
        self._later = later

    def receive_nowait(self) -> bytes | None:
        """Return the next part that is there."""
        return self._now.pop(0)

    async def receive(self) -> bytes:
        """Return the next part that has to be waited for."""
        part = self._later.pop(0)
        if isinstance(part, Exception):
            raise part
        return part


@pytest.mark.parametrize(
    ("now", "later", "messages"),
    [
        ([b"a", b"b", b""], [], [(b"a", True), (b"b", False)]),
        ([b"a", b"b", None, None], [b""], [(b"a", True), (b"b", True), (b"", False)]),
        ([None, None, None], [b"a", b""], [(b"a", True), (b"", False)]),
        ([None, b""], [b"a"], [(b"a", False)]),
        ([None], [trio.ClosedResourceError()], ["http.disconnect"]),
        ([None, None], [HttpParserError(400, "broken")], ["http.disconnect"] * 2),
    ],
)
async def test_parts_that_are_there_and_parts_that_are_not(
    now: list[bytes | None], later: list[bytes | Exception], messages: list[Any]
) -> None:
    """Each is a message, and the last one says so if that is known."""
    received: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for _ in messages:
            message = await receive()
            known = message["type"] == "http.request"
            received.append((message["body"], message["more_body"]) if known else message["type"])

    reply: Any = Given(now, later)
    with suppress(HttpParserError):
        await speak_app(app, {}, Request("POST", "/", "/"), "tea", reply)
    assert received == messages


async def test_context_variables_and_the_task_are_the_requests() -> None:
    """The app runs in the task of the request, as a handler does."""
    user: ContextVar[str] = ContextVar("user")
    tasks = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        tasks.append(trio.lowlevel.current_task())
        await answer(send, user.get("nobody").encode())

    hump = hump_of(app)

    @hump.middleware
    async def log_in(request: Request, call_next: CallNext) -> Response:
        tasks.append(trio.lowlevel.current_task())
        user.set("ann")
        return await call_next(request)

    async with client(hump) as http:
        assert (await http.get("/")).text == "ann"
    assert len(set(tasks)) == 1
