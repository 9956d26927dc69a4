"""Registering handlers of WebSockets in apps and routers."""

from typing import Any

import pytest

from hump_trio import Hump, RouteError, Router
from hump_trio.channels.websocket import WebSocket
from hump_trio.dispatch.router import table_of
from tests.support.channels import open_websocket


async def chat(ws: WebSocket, room: str = "hall") -> None:
    """Send the room."""
    await ws.send(room)


async def page() -> str:
    """Answer."""
    return "page"


async def status_for(app: Hump, path: str, origin: str = "") -> int:
    """Return the status of the answer to a page of an origin."""
    response, _, _ = await open_websocket(app, path, *[("origin", origin)] * bool(origin))
    return response.status


async def test_in_routers() -> None:
    """Below the prefixes of all routers, with names in their spaces."""
    inner, outer, app = Router("/rooms"), Router("/v1"), Hump()
    assert inner.websocket("/{room}", name="room")(chat) is chat
    inner.get("/{room}")(page)
    outer.include(inner, name="rooms")
    app.include(outer)
    _, channel, request = await open_websocket(app, "/v1/rooms/tea")
    assert (channel.sent, request.route) == (["tea"], "/v1/rooms/{room}")
    assert app.url_for("rooms.room", room="a b") == "/v1/rooms/a%20b"
    assert app.url_for("chat", room="tea") == "/v1/rooms/tea"


A, B, C, D = (f"https://{name}.example" for name in "abcd")


async def test_the_innermost_origins_count() -> None:
    """Those of the route, or of the nearest router that has some, or of the app."""
    inner, outer, app = Router("/inner"), Router("/outer", origins=[B]), Hump(origins=[A])
    inner.add_websocket("/own", chat, origins=[C])
    inner.add_websocket("/all", chat, origins=["*"])
    inner.add_websocket("/outers", chat)
    outer.include(inner)
    app.include(outer)
    app.add_websocket("/apps", chat)
    app.add_websocket("/default", chat, origins=None)
    app.get("/page")(page)
    for path, allowed in [
        ("/outer/inner/own", {C}),
        ("/outer/inner/all", {A, B, C, D}),
        ("/outer/inner/outers", {B}),
        ("/apps", {A}),
        ("/default", {"https://shop.example"}),
    ]:
        for origin in (A, B, C, D, "https://shop.example", "null"):
            let_in = origin in allowed or path.endswith("/all")
            assert await status_for(app, path, origin) == (101 if let_in else 403)
        assert await status_for(app, path) == 101


def test_options_of_routers() -> None:
    """The time of handlers of HTTP isn't that of WebSockets, which may last for days."""
    router = Router("/a", timeout=3, on_disconnect="finish", body_limit=7, tags=["x"])
    router.websocket("/1")(chat)
    router.websocket("/2", timeout=9, on_disconnect=1)(chat)
    router.get("/3")(page)
    Hump().include(router)
    first, second, third = table_of(router).routes
    assert (first.timeout, first.disconnect_grace, first.tags) == (..., float("inf"), ())
    assert (second.timeout, second.disconnect_grace) == (9, 1)
    assert (third.timeout, third.body_limit, third.channel) == (3, 7, None)
    app = Hump()
    app.websocket("/")(chat)
    (route,) = table_of(app).routes
    assert route.disconnect_grace == 5


def test_one_for_a_path() -> None:
    """Beside its methods."""
    app = Hump()
    app.get("/{room}")(page)
    app.websocket("/{place}")(chat)
    with pytest.raises(RouteError, match=r"a WebSocket at /\{room\} is taken by chat"):
        app.websocket("/{room}")(chat)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"methods": ["GET"]}, TypeError, "a WebSocket has the options origins, subprotocols,"),
        ({"body_limit": 7}, TypeError, "not body_limit"),
        ({"origins": "https://a.example"}, RouteError, "origins is a list"),
        ({"timeout": -1}, RouteError, "timeout must be a positive number"),
        ({"on_disconnect": "wait"}, RouteError, "on_disconnect is"),
        ({"name": 7}, RouteError, "a route's name is text"),
    ],
)
def test_options_that_make_no_sense(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """They are refused at registration."""
    for router in (Hump(), Router()):
        with pytest.raises(error, match=message):
            router.add_websocket("/", chat, **options)


def test_what_else_is_refused() -> None:
    """A missing path, options where they have no effect, and a late registration."""
    with pytest.raises(TypeError, match=r"a path comes first, as in @app.websocket\('/chat'\)"):
        Hump().websocket(chat)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a route has the options"):
        Hump().get("/", origins=["*"])(page)  # type: ignore[call-arg]
    with pytest.raises(RouteError, match="an origin is a scheme"):
        Router(origins=["shop.example"])
    with pytest.raises(RouteError, match="an origin is a scheme"):
        Hump(origins=["shop.example"])
    router = Router()
    Hump().include(router)
    with pytest.raises(RuntimeError, match="before it is included"):
        router.websocket("/")(chat)
    with pytest.raises(TypeError, match="must be async"):
        Hump().websocket("/")(lambda ws: None)


def test_an_object_may_be_the_handler() -> None:
    """It is no function that a decorator above could miss."""

    class Chat:
        async def __call__(self, ws: WebSocket) -> None: ...

    handler = Chat()
    assert Hump().websocket("/")(handler) is handler
