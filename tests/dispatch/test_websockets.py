"""What becomes of the handler of a WebSocket: who may open it, and how it is closed."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import trio

import hump_trio
from hump_trio import (
    BindingError,
    CallNext,
    HttpException,
    Hump,
    Request,
    Response,
    limit,
    timeout,
)
from hump_trio.channels.websocket import Refusal, WebSocket
from hump_trio.facts.exceptions import WebSocketClosed
from tests.support.channels import FakeChannel, open_websocket


def app_with(handler: Callable[..., Any], path: str = "/", **options: Any) -> Hump:
    """Return an app of one WebSocket."""
    app = Hump()
    app.add_websocket(path, handler, **options)
    return app


async def echo(ws: WebSocket) -> None:
    """Send back what comes."""
    async for message in ws:
        await ws.send(message)


async def ignore(ws: WebSocket) -> None:
    """Do nothing."""


def says(*messages: str | bytes) -> Callable[[FakeChannel], None]:
    """Return a client that sends messages; it closes when it has got as many."""

    def give(channel: FakeChannel) -> None:
        for each in messages:
            channel.give(each)

    return give


async def test_a_handler_that_returns() -> None:
    """It is closed with 1000, whether the handler has used it or not."""

    async def greet(ws: WebSocket) -> None:
        await ws.send("hello")

    for handler, sent in [(greet, ["hello"]), (ignore, [])]:
        response, channel, request = await open_websocket(app_with(handler))
        assert (response.status, channel.opened, channel.sent) == (101, True, sent)
        assert (channel.closed_with, request.outcome) == ((1000, ""), "ok")


async def test_a_client_that_closes() -> None:
    """The iteration ends, and so does the handler; nothing of ours is sent then."""

    def client(channel: FakeChannel) -> None:
        channel.give("a")

    async def handler(ws: WebSocket) -> None:
        async for message in ws:
            channel = ws.request.channel
            assert isinstance(channel, FakeChannel)
            await ws.send(message)
            channel.end(1001, "bye")

    response, channel, request = await open_websocket(app_with(handler), client=client)
    assert (response.status, channel.sent, channel.closed_with) == (101, ["a"], None)
    assert request.outcome == "ok"


@pytest.mark.parametrize(
    ("error", "closed_with", "outcome"),
    [
        (HttpException(401, "sign in"), (1008, "sign in"), "ok"),
        (HttpException(404, "ü" * 100), (1008, "ü" * 100), "ok"),
        (
            BindingError([("message.items[2]", "expected int"), ("message.a", "b")]),
            (1007, "message.items[2]: expected int (and 1 more)"),
            "refused",
        ),
        (ExceptionGroup("", [HttpException(403, "no"), KeyError()]), (1011, ""), "crash"),
        (ExceptionGroup("", [HttpException(403, "no")]), (1008, "no"), "ok"),
        (
            ExceptionGroup("", [WebSocketClosed(1000), HttpException(403, "no")]),
            (1008, "no"),
            "ok",
        ),
        (LookupError("a secret"), (1011, ""), "crash"),
    ],
)
@pytest.mark.parametrize("middleware", [False, True])
async def test_what_is_raised_when_it_is_open(
    error: Exception,
    closed_with: tuple[int, str],
    outcome: str,
    caplog: pytest.LogCaptureFixture,
    *,
    middleware: bool,
) -> None:
    """It becomes the code of the close; a crash is logged, and nothing of it goes out."""
    seen: list[int] = []

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        raise error

    app = app_with(handler, "/rooms/{room}")

    @app.exception_handler(LookupError)
    async def answer(request: Request, error: LookupError) -> Response:
        raise AssertionError("no answer can be given any more")

    if middleware:

        @app.middleware
        async def see(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers["x-seen"] = "yes"
            seen.append(response.status)
            return response

    response, channel, request = await open_websocket(app, "/rooms/tea")
    assert (response.status, channel.closed_with, request.outcome) == (101, closed_with, outcome)
    assert seen == [101] * middleware
    logged = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(logged) == (outcome == "crash")
    if logged:
        text = "GET /rooms/tea failed: route /rooms/{room}, handler handler"
        assert logged[0].getMessage() == text
        assert logged[0].exc_info is not None


async def test_what_is_raised_before_it_is_open() -> None:
    """It is an ordinary answer, through middleware and the app's exception handlers."""

    async def handler(ws: WebSocket, status: int) -> None:
        if status == 500:
            raise LookupError("nothing")
        raise HttpException(status, "sign in")

    app = app_with(handler, "/{status:int}")

    @app.middleware
    async def mark(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers["x-seen"] = "yes"
        return response

    response, channel, request = await open_websocket(app, "/401")
    assert (response.status, response.body) == (401, b"sign in")
    assert response.headers["x-seen"] == "yes"
    assert (channel.opened, channel.closed_with) == (False, None)
    response, _, request = await open_websocket(app, "/500")
    assert (response.status, request.outcome) == (500, "crash")

    @app.exception_handler(LookupError)
    async def answer(request: Request, error: LookupError) -> Response:
        return Response("not here", 404)

    response, channel, request = await open_websocket(app, "/500")
    assert (response.status, response.body, request.outcome) == (404, b"not here", "ok")
    assert not channel.opened


async def test_a_crash_names_its_own_handler(caplog: pytest.LogCaptureFixture) -> None:
    """Not that of the GET route on the same path."""

    async def crash(ws: WebSocket) -> None:
        raise LookupError

    app = app_with(crash)

    @app.get("/")
    async def page() -> str:
        return "page"

    response, _, _ = await open_websocket(app)
    assert response.status == 500
    assert "GET / failed: route /, handler crash" in caplog.text


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("lost", [False, True])
async def test_an_end_that_leaves_the_handler(*, grouped: bool, lost: bool) -> None:
    """It is no crash, and nothing is logged; the outcome tells that the client has gone."""

    async def handler(ws: WebSocket) -> None:
        await ws.send("x")
        channel = ws.request.channel
        assert isinstance(channel, FakeChannel)
        if lost:
            channel.lose()
        else:
            channel.end(4000)
        if grouped:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ws.send, "y")
                nursery.start_soon(ws.receive)
        await ws.receive()

    response, channel, request = await open_websocket(app_with(handler))
    assert (response.status, channel.closed_with, request.outcome) == (101, None, "client-gone")


async def test_an_end_of_another_websocket() -> None:
    """It is an end of this one as well, though its client is there."""

    async def handler(ws: WebSocket) -> None:
        await ws.send("x")
        raise WebSocketClosed(1000)

    _, channel, request = await open_websocket(app_with(handler))
    assert (channel.closed_with, request.outcome) == ((1000, ""), "ok")


async def test_an_end_by_the_handler_itself() -> None:
    """What is sent after its close tells so, and is no crash either."""

    async def handler(ws: WebSocket) -> None:
        await ws.close(4001, "enough")
        await ws.send("y")

    response, channel, request = await open_websocket(app_with(handler))
    assert (response.status, channel.closed_with) == (101, (4001, "enough"))
    assert request.outcome == "ok"


async def test_a_client_that_has_gone_before_it_is_open() -> None:
    """The first use tells the handler, and nobody reads the answer."""
    response, channel, request = await open_websocket(app_with(echo), client=FakeChannel.lose)
    assert (response.status, request.outcome) == (400, "client-gone")
    assert (channel.opened, channel.closed_with) == (False, None)


async def test_a_cancellation_is_raised_on(autojump_clock: trio.testing.MockClock) -> None:
    """The server ends the channel then."""
    with trio.move_on_after(1) as scope:
        await open_websocket(app_with(echo), client=says("a"))
    assert scope.cancelled_caught


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_task_that_sends_when_it_is_cancelled(
    autojump_clock: trio.testing.MockClock, *, crashes: bool
) -> None:
    """That the client has gone by then is no failure beside the cancellation; others are."""

    async def part(ws: WebSocket) -> None:
        try:
            await trio.sleep_forever()
        finally:
            if crashes:
                raise LookupError
            await ws.send("bye")

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        channel = ws.request.channel
        assert isinstance(channel, FakeChannel)
        channel.end()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(part, ws)
            nursery.start_soon(trio.sleep_forever)

    with trio.move_on_after(1), pytest.raises(BaseExceptionGroup) as caught:
        await open_websocket(app_with(handler))
    cancelled, failures = caught.value.split(trio.Cancelled)
    assert cancelled is not None
    assert (failures is not None) == crashes


async def test_a_time_limit(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """`hump_trio.timeout` closes with 1001, and the handler may ask for its deadline."""
    left: list[float] = []

    @timeout(3)
    async def handler(ws: WebSocket, room: str) -> None:
        left.append(ws.request.deadline - trio.current_time())
        async for _ in ws:
            raise AssertionError(room)

    response, channel, request = await open_websocket(app_with(handler, "/{room}"), "/tea")
    assert (response.status, channel.closed_with) == (101, (1001, "time limit"))
    assert (request.outcome, left) == ("deadline", [3])
    assert "the answer took too long: GET /tea" in caplog.text


async def test_a_limit() -> None:
    """Who comes too late is told so before the WebSocket is open."""
    answers: list[int] = []

    @limit(1)
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        response, _, request = await open_websocket(app)
        answers.append(response.status)
        assert request.outcome == "shed"

    app = app_with(handler)
    response, _, _ = await open_websocket(app)
    assert (response.status, answers) == (101, [503])


@pytest.mark.parametrize(
    ("options", "origin", "status"),
    [
        ({}, (), 101),
        ({}, ("https://shop.example",), 101),
        ({}, ("https://evil.example",), 403),
        ({}, ("null",), 403),
        ({}, ("https://shop.example", "https://shop.example"), 403),
        ({"origins": ["https://a.example"]}, ("https://a.example",), 101),
        ({"origins": ["https://a.example"]}, ("https://shop.example",), 403),
        ({"origins": ["https://a.example"]}, (), 101),
        ({"origins": ["*"]}, ("null",), 101),
        ({"origins": []}, ("https://shop.example",), 403),
    ],
)
async def test_origins(
    options: dict[str, Any],
    origin: tuple[str, ...],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A page of another site is refused, and that is logged; who isn't a browser is let in."""
    caplog.set_level(logging.INFO)
    fields = [("origin", each) for each in origin]
    app = app_with(ignore, **options)
    response, channel, request = await open_websocket(app, "/", *fields)
    assert (response.status, channel.opened) == (status, status == 101)
    assert request.outcome == ("refused" if status == 403 else "ok")
    assert ("/ was refused for its origin, '" in caplog.text) == (status == 403)


async def test_subprotocols() -> None:
    """The server's order counts; only others are answered with 400, before the parameters."""
    agreed: list[str | None] = []

    async def handler(ws: WebSocket, page: int) -> None:
        agreed.append(ws.subprotocol)

    app = app_with(handler, subprotocols=["v2", "v1"])
    for offered, status in [("v1, v2", 101), ("v1", 101), ("v3", 400)]:
        response, channel, _ = await open_websocket(
            app, "/?page=1", ("sec-websocket-protocol", offered)
        )
        assert response.status == status
        assert channel.subprotocol == (agreed[-1] if status == 101 else None)
    response, _, _ = await open_websocket(app, "/", ("sec-websocket-protocol", "v3"))
    assert response.status == 400
    response, _, request = await open_websocket(app, "/?page=x", ("sec-websocket-protocol", "v2"))
    assert (response.status, request.outcome) == (422, "refused")
    assert agreed == ["v2", "v1"]


async def test_a_result_that_nobody_gets() -> None:
    """A handler that returns something has forgotten to send it."""

    async def handler(ws: WebSocket):  # type: ignore[no-untyped-def] # noqa: ANN202
        await ws.accept()
        return {"a": 1}

    _, channel, request = await open_websocket(app_with(handler))
    assert (channel.closed_with, request.outcome) == ((1011, ""), "crash")


async def test_a_refusal_in_place_of_the_handshake() -> None:
    """It is the answer; once the WebSocket is open, it is as any result."""

    async def refuse(ws: WebSocket) -> Any:
        return Refusal("sign in", 401)

    async def refuse_late(ws: WebSocket) -> Any:
        await ws.send("hello")
        return Refusal("sign in", 401)

    response, channel, _ = await open_websocket(app_with(refuse))
    assert (response.status, response.body, channel.opened) == (401, b"sign in", False)
    _, channel, request = await open_websocket(app_with(refuse_late))
    assert (channel.sent, request.outcome) == (["hello"], "crash")
    assert channel.close_code == 1011


async def test_what_middleware_knows_is_there() -> None:
    """State of the request, and whatever else is of HTTP."""
    app = Hump()

    @app.middleware
    async def sign_in(request: Request, call_next: CallNext) -> Response:
        request.state["user"] = request.cookies.get("session", "nobody")
        return await call_next(request)

    @app.websocket("/")
    async def handler(ws: WebSocket, request: Request) -> None:
        assert ws.request is request
        await ws.send(request.state["user"])

    _, channel, _ = await open_websocket(app, "/", ("cookie", "session=me"))
    assert channel.sent == ["me"]
    assert hump_trio.Request is Request
