"""Apps of other kinds, mounted below a prefix."""

import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, Hump, Request, Response, RouteError, Router, WebSocket
from hump_trio.command.routes_table import render_routes
from hump_trio.dispatch.router import table_of
from hump_trio.messages.choice import WEBSOCKET
from hump_trio.testing import client, websocket
from tests.support.guests import SilentGuest, TalkingGuest
from tests.support.served import served

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "PROPFIND", "x-own")


async def own(request: Request) -> str:
    """Answer as a route of the app's own."""
    return f"own {request.method}"


async def own_chat(ws: WebSocket) -> None:
    """Answer as a WebSocket of the app's own."""
    await ws.send("own")


async def answer_of(app: Hump, path: str, method: str = "GET", **options: Any) -> str:
    """Return the text of an answer, or its status if that isn't 200."""
    async with client(app) as http:
        response = await http.request(method, path, **options)
    return response.text if response.status_code == 200 else str(response.status_code)


@pytest.mark.parametrize(
    ("prefix", "path", "found"),
    [
        ("", "/", "/{rest:path} "),
        ("", "/a/b", "/{rest:path} a/b"),
        ("/old", "/old", "/old -"),
        ("/old", "/old/", "/old/{rest:path} "),
        ("/old", "/old/a%2Fb/c", "/old/{rest:path} a/b/c"),
        ("/old", "/other", None),
        ("/old", "/older", None),
    ],
)
async def test_every_path_below_the_prefix(prefix: str, path: str, found: str | None) -> None:
    """The prefix itself reaches the app too, and nothing beside it does."""
    app = Hump()
    app.mount(prefix, SilentGuest())
    assert await answer_of(app, path) == ("404" if found is None else f"guest GET {found}")


@pytest.mark.parametrize("path", ["/old", "/old/x"])
@pytest.mark.parametrize("method", METHODS)
async def test_every_method(method: str, path: str) -> None:
    """OPTIONS, HEAD and methods that no route has reach the app as they are."""
    app = Hump()
    app.mount("/old", SilentGuest())
    app.get("/")(own)
    async with client(app) as http:
        response = await http.request(method, path)
        length = len(f"guest {method} {'/old -' if path == '/old' else '/old/{rest:path} x'}")
        assert response.headers["content-length"] == str(length)
        assert response.text == "" if method == "HEAD" else response.text.startswith("guest")
        elsewhere = await http.request(method, "/nowhere")
    assert elsewhere.status_code == (501 if method in ("PROPFIND", "x-own") else 404)


async def test_methods_beside_a_mount() -> None:
    """What no mount takes is answered as in an app without one."""
    app = Hump()
    app.mount("/old", SilentGuest())
    app.get("/new")(own)
    async with client(app) as http:
        refused = await http.post("/new")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert (await http.request("PROPFIND", "/new")).status_code == 501
    every = served(app=app).application.choose("OPTIONS", "*")[0]
    response = await every.call(Request("OPTIONS", "*", "*"))
    assert ":" not in response.headers["allow"]


@pytest.mark.parametrize("own_first", [True, False])
async def test_own_routes_win(own_first: bool) -> None:
    """Whichever is registered first: a method that an own path lacks goes to the mount."""
    app = Hump()
    for own_now in (own_first, not own_first):
        if own_now:
            app.get("/old")(own)
            app.get("/old/own")(own)
            app.get("/old/{number:int}")(own)
            app.get("/old/deep/{rest:path}")(own)
            app.get("/{rest:path}")(own)
        else:
            app.mount("/old", SilentGuest())
            app.mount("", SilentGuest("outer"))
    async with client(app) as http:
        for path in ("/old", "/old/own", "/old/3", "/old/deep/x"):
            assert (await http.get(path)).text == "own GET"
            assert (await http.head(path)).headers["content-length"] == "8"
            assert (await http.post(path)).text.startswith("guest POST /old")
            assert (await http.options(path)).text.startswith("guest OPTIONS /old")
        assert (await http.get("/old/x")).text == "guest GET /old/{rest:path} x"
        assert (await http.get("/elsewhere")).text == "own GET"
        assert (await http.post("/elsewhere")).text == "outer POST /{rest:path} elsewhere"


async def test_the_longer_prefix_wins() -> None:
    """A mount below another one."""
    app = Hump()
    app.mount("/old", SilentGuest("short"))
    app.mount("/old/shop", SilentGuest("long"))
    assert await answer_of(app, "/old/shop/x") == "long GET /old/shop/{rest:path} x"
    assert await answer_of(app, "/old/shopping") == "short GET /old/{rest:path} shopping"


async def test_websockets() -> None:
    """They reach an app that has some, whatever page asks; own routes win."""
    app = Hump()
    app.mount("/old", TalkingGuest(on_disconnect="finish"))
    app.mount("/silent", SilentGuest())
    app.websocket("/old/own")(own_chat)
    for path, said in [
        ("/old", "guest /old"),
        ("/old/x", "guest /old/{rest:path}"),
        ("/old/own", "own"),
    ]:
        headers = {} if path == "/old/own" else {"origin": "https://elsewhere.example"}
        async with websocket(app, path, headers=headers) as ws:
            assert await ws.receive() == said
    choice, _ = served(app=app).application.choose(WEBSOCKET, "/silent/x")
    assert not choice.websocket
    assert await answer_of(app, "/old/own") == "guest GET /old/{rest:path} own"


@pytest.mark.parametrize(
    ("on_disconnect", "grace"), [("cancel", 5.0), ("finish", float("inf")), (2, 2.0)]
)
def test_a_websockets_time_after_its_client(on_disconnect: Any, grace: float) -> None:
    """An app that is to be cancelled has the time of any WebSocket's handler to hear of it."""
    app = Hump()
    app.mount("", TalkingGuest(on_disconnect=on_disconnect))
    choice, _ = served(app=app).application.choose(WEBSOCKET, "/")
    assert choice.disconnect_grace == grace


async def test_below_the_prefix_of_a_router() -> None:
    """Its middleware and exception handlers stand around the app, and its options go for it."""
    app, shop, inner = Hump(), Router("/shop", timeout=5, body_limit=7), Router()

    @shop.middleware
    async def noting(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add("x-passed", "shop")
        return response

    @shop.exception_handler(ValueError)
    async def explain(request: Request, error: ValueError) -> str:
        return f"explained {error}"

    inner.mount("", TalkingGuest(), name="inner")
    shop.include(inner)
    shop.mount("/strict", SilentGuest("strict", timeout=2, body_limit=None, on_disconnect=3))
    app.include(shop)
    async with client(app) as http:
        for path in ("/shop", "/shop/", "/shop/a"):
            response = await http.get(path)
            assert response.text.startswith("guest GET /shop")
            assert response.headers["x-passed"] == "shop"
        assert (await http.get("/shop/a?fail")).text == "explained guest"
    chosen = {
        path: served(app=app).application.choose("GET", path)[0]
        for path in ("/shop", "/shop/strict")
    }
    told = {
        path: (each.timeout, each.body_limit_bytes, each.disconnect_grace)
        for path, each in chosen.items()
    }
    assert told == {"/shop": (5, 7, 0.0), "/shop/strict": (2, None, 3.0)}
    async with websocket(app, "/shop/chat") as ws:
        assert await ws.receive() == "guest /shop/{rest:path}"


async def test_a_failure_is_logged_with_the_name_of_the_app(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So that it is found among several."""
    app = Hump()
    app.mount("/old", SilentGuest("the old shop"))
    assert await answer_of(app, "/old/x?fail") == "500"
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "route /old/{rest:path}, handler the old shop" in record.getMessage()


@pytest.mark.parametrize("with_own", [True, False])
async def test_lifespans_run_within_the_apps_own(with_own: bool, autojump_clock: MockClock) -> None:
    """Each once, in the order of mounting, and left in the opposite one."""
    app, life = Hump(), list[str]()
    first, second, none = SilentGuest("first"), TalkingGuest("second"), SilentGuest("none")
    first.life = second.life = life
    none.lifespan = None  # type: ignore[method-assign, assignment]

    async def lifespan(app: Hump) -> AsyncIterator[SimpleNamespace | int]:
        life.append("own begins")
        yield 5
        life.append("own ends")

    if with_own:
        app.lifespan(lifespan)
    app.mount("/1", first)
    app.mount("/2", second)
    app.mount("/3", none)
    app.mount("/1/again", first)
    assert await answer_of(app, "/1/x") == "first GET /1/{rest:path} x"
    kind = "int" if with_own else "SimpleNamespace"
    inner = [f"begins with {kind}", f"begins with {kind}", "ends", "ends"]
    assert life == (["own begins", *inner, "own ends"] if with_own else inner)
    assert trio.current_time() < 1


def test_its_path_by_name() -> None:
    """A mount has the name that it was given, and that of no function."""
    app, shop = Hump(), Router("/shop")
    shop.mount("/old", TalkingGuest(), name="old")
    shop.mount("/other", TalkingGuest())
    app.include(shop, name="shop")
    assert app.url_for("shop.old", rest="a b/c") == app.url_for("old", rest="a b/c")
    assert app.url_for("old", rest="a b/c") == "/shop/old/a%20b/c"
    assert app.url_for("old", rest="") == "/shop/old/"
    with pytest.raises(RouteError, match="no route is named"):
        app.url_for("answer", rest="x")


def test_the_table_of_routes() -> None:
    """It tells mounts by the names of their apps."""
    app = Hump()
    app.mount("/old", TalkingGuest("the old shop", timeout=3), name="old")
    assert render_routes(table_of(app)).splitlines() == [
        "ANY        /old/{rest:path}  the old shop  timeout=3 name='old'",
        "WEBSOCKET  /old/{rest:path}  the old shop  origins=['*']",
        "ANY        /old              the old shop  timeout=3",
        "WEBSOCKET  /old              the old shop  origins=['*']",
    ]


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("/users/{id}", "an app is mounted below a path without parameters"),
        ("old", "starts with a slash"),
        ("/old/", "a prefix is a path without a slash at its end"),
        ("/taken", r"a mount at /taken/\{rest:path\} is taken by other \(/taken/"),
    ],
)
def test_prefixes_that_are_refused(prefix: str, message: str) -> None:
    """The error says why."""
    app = Hump()
    app.mount("/taken", SilentGuest("other"))
    with pytest.raises(RouteError, match=message):
        app.mount(prefix, TalkingGuest())


def test_below_the_parameter_of_a_router() -> None:
    """The app would have to know its value."""
    users, shop = Router("/users/{id}"), Router("/shop")
    with pytest.raises(RouteError, match="without parameters"):
        users.mount("/old", SilentGuest())
    shop.mount("", SilentGuest())
    with pytest.raises(RouteError, match="without parameters"):
        users.include(shop)


def test_without_its_wrapper() -> None:
    """An ASGI app as it is has no wrapper, and the error has it."""
    with pytest.raises(TypeError, match="Asgi"):
        Hump().mount("", own)  # type: ignore[arg-type]


async def test_no_mount_while_serving() -> None:
    """The server has taken over the routes at the start."""
    app = Hump()
    async with client(app):
        with pytest.raises(RuntimeError, match="while it is being served"):
            app.mount("", SilentGuest())


async def test_the_openapi_document_leaves_mounts_out() -> None:
    """It knows nothing of what is in there."""
    app = Hump()
    app.mount("/old", TalkingGuest())
    app.get("/new")(own)
    app.openapi(title="Shop", version="1")
    async with client(app) as http:
        assert list((await http.get("/openapi.json")).json()["paths"]) == ["/new"]
