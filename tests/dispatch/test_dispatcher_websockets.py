"""What a server is told of a path with WebSockets, whatever it is asked for."""

from typing import Any

import pytest

from hump_trio import CallNext, Hump, Request, Response
from hump_trio.channels.websocket import WebSocket
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.messages.choice import WEBSOCKET, Choice
from tests.support.channels import websocket_request


async def chat(ws: WebSocket) -> None:
    """Do nothing."""


async def page() -> str:
    """Answer."""
    return "page"


def dispatcher_of(*, middleware: bool = False) -> Dispatcher:
    """Return what a server knows of an app with WebSockets."""
    app = Hump()
    app.add_websocket("/alone", chat)
    app.add_websocket("/rooms/{room}", chat, timeout=7, on_disconnect="finish")
    app.add_websocket("/both", chat, on_disconnect=2)
    app.add_route("/both", page, methods=["GET", "POST"])
    app.add_websocket("/posted", chat)
    app.add_route("/posted", page, methods=["POST"])
    app.add_route("/page", page, methods=["GET"])
    if middleware:

        @app.middleware
        async def see(request: Request, call_next: CallNext) -> Response:
            response = await call_next(request)
            response.headers["x-seen"] = "yes"
            return response

    return Dispatcher(app, table_of(app), layer_of(app))


async def answer(dispatcher: Dispatcher, choice: Choice) -> tuple[int, dict[str, Any]]:
    """Return the status and the fields of the answer to a request of no WebSocket."""
    request, _ = websocket_request()
    request.channel = None
    request.received_fields = []
    response = await dispatcher.respond(choice, request)
    return response.status, dict(response.headers.items())


@pytest.mark.parametrize("middleware", [False, True])
def test_a_websocket_is_chosen(*, middleware: bool) -> None:
    """It isn't answered at once, and ends by its own rules."""
    dispatcher = dispatcher_of(middleware=middleware)
    choice, values = dispatcher.choose(WEBSOCKET, "/rooms/tea")
    assert (choice.websocket, choice.plain, choice.refused, choice.stream) == (
        *(True, False, False, False),
    )
    assert (choice.route, choice.timeout, values) == ("/rooms/{room}", 7, {"room": "tea"})
    assert choice.disconnect_grace == float("inf")
    choice, _ = dispatcher.choose(WEBSOCKET, "/alone")
    assert (choice.timeout, choice.disconnect_grace, choice.plain) == (..., 5, False)
    choice, _ = dispatcher.choose(WEBSOCKET, "/both")
    assert (choice.websocket, choice.disconnect_grace) == (True, 2)
    choice, _ = dispatcher.choose("GET", "/both")
    assert (choice.websocket, choice.disconnect_grace) == (False, 0)


@pytest.mark.parametrize("middleware", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        (WEBSOCKET, "/nothing", 404, None),
        (WEBSOCKET, "/page", 405, "GET, HEAD, OPTIONS"),
        (WEBSOCKET, "*", 404, None),
        ("GET", "/alone", 426, None),
        ("HEAD", "/alone", 426, None),
        ("GET", "/rooms/tea", 426, None),
        ("GET", "/posted", 426, None),
        ("POST", "/alone", 405, "GET, OPTIONS"),
        ("PUT", "/posted", 405, "GET, OPTIONS, POST"),
        ("PUT", "/both", 405, "GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/alone", 204, "GET, OPTIONS"),
        ("OPTIONS", "*", 204, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ("GET", "/both", 200, None),
        ("HEAD", "/both", 200, None),
    ],
)
async def test_other_questions(
    method: str, path: str, status: int, allow: str | None, *, middleware: bool
) -> None:
    """A client that may have one is told how; no other has heard of the pseudo-method."""
    dispatcher = dispatcher_of(middleware=middleware)
    for _ in range(2):
        choice, _values = dispatcher.choose(method, path)
        assert not choice.websocket
        got, fields = await answer(dispatcher, choice)
        assert (got, fields.get("allow")) == (status, allow)
        if status == 426:
            assert (fields["upgrade"], fields["sec-websocket-version"]) == ("websocket", "13")


def test_paths_to_look_up_at_once() -> None:
    """None of a WebSocket: no request for one is a plain one."""
    assert set(dispatcher_of().static_paths) == {
        ("GET", "/both"),
        ("POST", "/both"),
        ("POST", "/posted"),
        ("GET", "/page"),
    }
