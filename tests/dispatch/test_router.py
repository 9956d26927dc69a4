"""Routers: an app split over modules, with what each has for itself."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, HttpException, Hump, Request, Response, RouteError, Router
from hump_trio.testing import client


async def tell(request: Request) -> str:
    """Answer with what was asked for."""
    return f"{request.route} {request.path_params}"


def note(router: Router, name: str) -> None:
    """Add middleware that notes in the answer that it was passed."""

    @router.middleware
    async def noting(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add("x-passed", name)
        return response


async def test_paths_begin_with_every_prefix() -> None:
    """Prefixes add up, may hold parameters, and ``""`` is the prefix itself."""
    app, shop, items = Hump(), Router("/shop"), Router("/{shelf:int}/items")
    app.get("/")(tell)
    shop.get("")(tell)
    shop.get("/")(tell)
    items.get("/{item}")(tell)
    shop.include(items)
    app.include(shop)
    async with client(app) as http:
        for path, route in [
            ("/", "/ {}"),
            ("/shop", "/shop {}"),
            ("/shop/", "/shop/ {}"),
            ("/shop/3/items/x", "/shop/{shelf:int}/items/{item} {'shelf': 3, 'item': 'x'}"),
        ]:
            assert (await http.get(path)).text == route
        assert (await http.get("/items/x")).status_code == 404
        assert (await http.post("/shop")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_router_without_a_prefix() -> None:
    """It is good for its middleware alone."""
    app, router = Hump(), Router()
    note(router, "router")
    router.get("/in")(tell)
    app.get("/out")(tell)
    app.include(router)
    async with client(app) as http:
        assert (await http.get("/in")).headers["x-passed"] == "router"
        assert "x-passed" not in (await http.get("/out")).headers


async def test_middleware_of_a_router_is_around_its_routes_alone() -> None:
    """Inside that of what includes it; an unknown path below the prefix is the app's affair."""
    app, outer, inner = Hump(), Router("/outer"), Router("/inner")
    for router, name in ((app, "app"), (outer, "outer"), (inner, "inner")):
        note(router, name)
        router.get("/here")(tell)
    outer.include(inner)
    app.include(outer)
    async with client(app) as http:
        for path, passed in [
            ("/here", "app"),
            ("/outer/here", "outer, app"),
            ("/outer/inner/here", "inner, outer, app"),
            ("/outer/inner/nowhere", "app"),
        ]:
            assert (await http.get(path)).headers["x-passed"] == passed


@pytest.mark.parametrize("with_middleware", [False, True])
async def test_exception_handlers_of_a_router(with_middleware: bool) -> None:
    """The nearest class counts, then the innermost router; other routes don't know of them."""
    app, outer, inner = Hump(), Router("/outer"), Router("/inner")

    async def fail(request: Request, error: str) -> None:
        raise {"key": KeyError, "index": IndexError, "os": OSError, "http": HttpException}[error](
            *([418] if error == "http" else [])
        )

    def answering(name: str) -> Any:
        async def answer(request: Request, error: Exception) -> str:
            return f"{name} {type(error).__name__}"

        return answer

    app.exception_handler(LookupError)(answering("app"))
    app.exception_handler(OSError)(answering("app"))
    outer.exception_handler(LookupError)(answering("outer"))
    inner.exception_handler(KeyError)(answering("inner"))
    inner.exception_handler(Exception)(answering("inner"))
    for router in (app, outer, inner):
        router.get("/{error}")(fail)
        if with_middleware:
            note(router, "passed")
    outer.include(inner)
    app.include(outer)
    async with client(app) as http:
        for path, text in [
            ("/key", "app KeyError"),
            ("/outer/key", "outer KeyError"),
            ("/outer/os", "app OSError"),
            ("/outer/inner/key", "inner KeyError"),
            ("/outer/inner/index", "outer IndexError"),
            ("/outer/inner/os", "app OSError"),
            ("/outer/inner/http", "I'm a Teapot"),
        ]:
            assert (await http.get(path)).text == text


async def test_what_middleware_of_a_router_raises() -> None:
    """It is answered by the router's exception handlers, as a handler's errors are."""
    app, router = Hump(), Router()

    @router.middleware
    async def refuse(request: Request, call_next: CallNext) -> Response:
        raise PermissionError

    @router.exception_handler(PermissionError)
    async def answer(request: Request, error: PermissionError) -> Response:
        return Response("not here", 403)

    router.get("/")(tell)
    app.include(router)
    async with client(app) as http:
        assert (await http.get("/")).status_code == 403


async def test_options_of_a_router(autojump_clock: MockClock) -> None:
    """They count for routes that say nothing; the nearest counts."""
    app, outer, inner = Hump(), Router("/outer", timeout=3), Router("/inner", body_limit=2)

    async def sleep() -> None:
        await trio.sleep(60)

    async def measure(request: Request) -> str:
        return str(len(request.body))

    outer.get("/sleep")(sleep)
    outer.get("/long", timeout=5)(sleep)
    inner.get("/sleep")(sleep)
    inner.post("/")(measure)
    inner.post("/large", body_limit=None)(measure)
    outer.include(inner)
    app.include(outer)
    app.get("/sleep")(sleep)
    async with client(app) as http:
        for path, seconds in [
            ("/outer/sleep", 3),
            ("/outer/long", 5),
            ("/outer/inner/sleep", 3),
            ("/sleep", 30),
        ]:
            started = trio.current_time()
            assert (await http.get(path, timeout=60)).status_code == 503
            assert trio.current_time() - started == pytest.approx(seconds, abs=0.5)
        assert (await http.post("/outer/inner/", content=b"abc")).status_code == 413
        assert (await http.post("/outer/inner/large", content=b"abc")).text == "3"


async def test_one_router_in_two_places() -> None:
    """It may be included again, by another prefix or another app."""
    v1, v2, items = Router("/v1"), Router("/v2"), Router("/items")
    items.get("/{item}")(tell)
    first, second = Hump(), Hump()
    for router in (v1, v2):
        router.include(items)
        first.include(router)
    second.include(items)
    async with client(first) as http:
        assert (await http.get("/v1/items/a")).text.startswith("/v1/items/")
        assert (await http.get("/v2/items/a")).text.startswith("/v2/items/")
    async with client(second) as http:
        assert (await http.get("/items/a")).status_code == 200


@pytest.mark.parametrize("prefix", ["shop", "/shop/", "/", "/a b", "/a?b", "/{a", 7])
def test_what_is_no_prefix(prefix: Any) -> None:
    """It has to be a path that others can follow."""
    with pytest.raises(RouteError):
        Router(prefix)


def test_conflicts_are_named() -> None:
    """A path that is taken, by whom; a parameter twice; a name twice."""
    app, router = Hump(), Router("/{a}")
    app.get("/x/items")(tell)
    router.get("/items", name="items")(tell)
    router.post("/{b}")(tell)
    with pytest.raises(RouteError, match=r"GET /{a}/items is taken by tell \(/{a}/items\)"):
        router.get("/items")(tell)
    with pytest.raises(RouteError, match=r"'items' of /{a}/other is taken by /{a}/items"):
        router.get("/other", name="items")(tell)
    outer = Router("/{b}")
    with pytest.raises(RouteError, match=r"the parameter 'b' comes twice in '/{b}/{a}/{b}'"):
        outer.include(router)
    app.get("/{c}/items")(tell)
    with pytest.raises(RouteError, match=r"GET /{a}/items is taken by tell \(/{c}/items\)"):
        app.include(router)


def test_what_can_be_included() -> None:
    """Routers, but not an app, which has more than routes, nor a router in itself."""
    router, other = Router("/a"), Router("/b")
    thing: Any = "router"
    with pytest.raises(TypeError, match="include takes another Router, not 'router'"):
        router.include(thing)
    with pytest.raises(TypeError, match="include takes another Router"):
        router.include(router)
    with pytest.raises(TypeError, match="put its routes into a Router"):
        router.include(Hump())
    router.include(other)
    with pytest.raises(RuntimeError, match="before it is included"):
        other.include(router)


@pytest.mark.parametrize("change", ["route", "middleware", "exception_handler"])
def test_what_comes_after_include_would_be_lost(change: str) -> None:
    """So it is refused."""
    router = Router("/a")
    Hump().include(router)
    changes: dict[str, Callable[[], object]] = {
        "route": partial(router.get("/"), tell),
        "middleware": partial(note, router, "late"),
        "exception_handler": partial(router.exception_handler(LookupError), tell),
    }
    with pytest.raises(RuntimeError, match="before it is included"):
        changes[change]()


@pytest.mark.parametrize("option", ["name", "returns", "prefixes"])
def test_options_of_one_route_are_none_of_a_router(option: str) -> None:
    """A name for all routes would be nobody's."""
    options: dict[str, Any] = {option: "x"}
    with pytest.raises(TypeError, match=f"a router has the options .* not {option}"):
        Router("/a", **options)


def test_url_for() -> None:
    """Names are given, or those of handlers; routers bring theirs."""
    app, router = Hump(), Router("/shop")

    @router.get("/items/{item:int}")
    @router.put("/items/{item:int}")
    async def show(item: int) -> None: ...

    router.get("/first", name="first")(tell)
    router.get("/second")(tell)
    app.get("/third")(tell)
    app.include(router)
    assert app.url_for("show", item=3) == "/shop/items/3"
    assert app.url_for("first") == "/shop/first"
    with pytest.raises(TypeError, match="takes item, not nothing"):
        app.url_for("show")
    with pytest.raises(RouteError, match=r"^no route is named 'nobody': give one a name="):
        app.url_for("nobody")
    with pytest.raises(RouteError, match=r"^no route is named 'frist': 'first' is near$"):
        app.url_for("frist")
    with pytest.raises(RouteError, match="'tell' handles /shop/first, /shop/second, /third: give"):
        app.url_for("tell")


async def tell_name(name: str, self: str) -> None:
    """Stand for a handler whose parameters are called as those of a method might be."""


def test_url_for_takes_parameters_of_any_name() -> None:
    """``name`` and ``self`` too."""
    app = Hump()
    app.get("/pictures/{name}/{self}", name="picture")(tell_name)
    assert app.url_for("picture", name="a", self="b") == "/pictures/a/b"


def twice_included(first: str, second: str) -> Hump:
    """Return an app with a router that has a named route and others, in two places."""
    app, shop = Hump(), Router("/shop")
    shop.get("/items/{item}", name="item")(show_item)
    shop.put("/items/{item}")(show_item)
    shop.get("/tell")(tell)
    for prefix, name in (("/v1", first), ("/v2", second)):
        version = Router(prefix)
        version.include(shop, name=name)
        app.include(version)
    return app


async def show_item(item: str) -> None:
    """Stand for any handler with a parameter."""


def test_a_router_in_two_places_has_two_urls_of_each_route() -> None:
    """By what it was included as, and by the name alone where one place has none."""
    app = twice_included("v1", "v2")
    assert app.url_for("v1.item", item="a") == "/v1/shop/items/a"
    assert app.url_for("v2.item", item="a") == "/v2/shop/items/a"
    assert app.url_for("v2.show_item", item="a") == "/v2/shop/items/a"
    assert app.url_for("v2.tell") == "/v2/shop/tell"
    for name in ("item", "tell"):
        with pytest.raises(RouteError, match=f"'{name}' handles /v1/shop/.*, /v2/shop/.*: give"):
            app.url_for(name)
    app = twice_included("", "new")
    assert app.url_for("item", item="a") == "/v1/shop/items/a"
    assert app.url_for("new.item", item="a") == "/v2/shop/items/a"
    assert app.url_for("tell") == "/v1/shop/tell"
    with pytest.raises(RouteError, match=r"no route is named 'old\.item'"):
        app.url_for("old.item", item="a")


def test_a_router_deep_in_others_has_all_their_names() -> None:
    """The outermost first; the end is enough where one route alone has it."""
    app, inner, outer = Hump(), Router("/inner"), Router("/outer")
    inner.get("/x", name="it")(tell)
    outer.include(inner, name="b")
    app.include(outer, name="a")
    for name in ("a.b.it", "b.it", "it", "a.b.tell", "tell"):
        assert app.url_for(name) == "/outer/inner/x"
    with pytest.raises(RouteError, match="no route is named 't'"):
        app.url_for("t")


def test_a_name_that_is_taken_by_the_same_router() -> None:
    """The message says how both are told apart."""
    with pytest.raises(RouteError, match=r"taken by /v1/shop/.*; write include\(\.\.\., name="):
        twice_included("", "")
    with pytest.raises(TypeError, match="a name is text, not 7"):
        Hump().include(Router("/a"), name=7)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/a/..", "/./a", "/..", "/{a}/../b"])
def test_a_path_that_no_client_asks_for(path: str) -> None:
    """Clients resolve dot segments first."""
    with pytest.raises(RouteError, match="clients resolve dot segments"):
        Hump().get(path)(tell)
    with pytest.raises(RouteError, match="clients resolve dot segments"):
        Router(path)


@pytest.mark.parametrize("name", [7, None])
def test_a_name_is_text(name: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(RouteError, match="a route's name is text"):
        Hump().get("/", name=name)(tell)
