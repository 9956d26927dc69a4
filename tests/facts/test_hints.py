"""What is said to those who use another framework's words."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any

import pytest

import hump_trio
from hump_trio import (
    Cors,
    HttpException,
    Hump,
    Query,
    RateLimit,
    Request,
    Response,
    RouteError,
    Router,
    UploadFile,
    WebSocket,
)
from hump_trio.channels.websocket import Terms
from hump_trio.facts.hints import (
    IMPORTS,
    OF_APP,
    OF_HUMP,
    OF_PARAMETER,
    OF_REQUEST,
    OF_ROUTE,
    OF_WEBSOCKET,
    add_hint,
)
from hump_trio.routing.route import RouteOptions
from hump_trio.testing import client
from tests.support.channels import websocket_request


async def index() -> str:
    """Answer."""
    return "hello"


def a_request() -> Any:
    """Return a request of which anything may be asked."""
    return Request("GET", "/", "/", client=("192.0.2.1", 80))


@pytest.mark.parametrize("name", OF_APP)
@pytest.mark.parametrize("make", [Hump, Router])
def test_attributes_of_an_app(make: Callable[[], Any], name: str) -> None:
    """Those of other frameworks say what they are called here; none hides one of ours."""
    with pytest.raises(AttributeError) as caught:
        getattr(make(), name)
    assert str(caught.value) == f"{make.__name__} has no {name!r}: {OF_APP[name]}"
    assert caught.value.name == name


@pytest.mark.parametrize("name", [*OF_HUMP, "tea"])
def test_options_of_an_app(name: str) -> None:
    """Those of other frameworks say what there is instead, also where nothing adds notes."""
    options: Any = {name: None}
    with pytest.raises(TypeError) as caught:
        Hump("", 8342, **options)
    hint = f": {OF_HUMP[name]}" if name in OF_HUMP else ""
    assert str(caught.value) == f"Hump has no option {name!r}{hint}"


def test_other_attributes_of_an_app() -> None:
    """Are missing as they are from any object; a property's own error is told."""

    class Shop(Hump):
        @property
        def price(self) -> int:
            return self.tea  # type: ignore[attr-defined,no-any-return]

    with pytest.raises(AttributeError, match=r"^'Shop' object has no attribute 'tea'$"):
        _ = Shop().price
    assert not hasattr(Router(), "tea")
    assert pickle.loads(pickle.dumps(Router("/tea"))).prefix == "/tea"


@pytest.mark.parametrize("name", OF_REQUEST)
def test_attributes_of_a_request(name: str) -> None:
    """They too."""
    with pytest.raises(AttributeError) as caught:
        getattr(a_request(), name)
    assert str(caught.value) == f"a request has no {name!r}: {OF_REQUEST[name]}"


@pytest.mark.parametrize("name", OF_WEBSOCKET)
def test_attributes_of_a_websocket(name: str) -> None:
    """They too."""
    request, _ = websocket_request()
    with pytest.raises(AttributeError) as caught:
        getattr(WebSocket(request, Terms()), name)
    assert str(caught.value) == f"a WebSocket has no {name!r}: {OF_WEBSOCKET[name]}"


@pytest.mark.parametrize("name", OF_ROUTE)
def test_options_of_a_route(name: str) -> None:
    """What stands instead follows what there is."""
    assert name not in RouteOptions.__annotations__
    options: Any = {name: None}
    with pytest.raises(TypeError) as caught:
        Hump().get("/", **options)(index)
    assert str(caught.value).endswith(f"not {name}: {OF_ROUTE[name]}")


@pytest.mark.parametrize("name", IMPORTS)
def test_imports(name: str) -> None:
    """The statement shows it, which it wouldn't of an AttributeError."""
    assert name not in hump_trio.__all__
    with pytest.raises(ImportError, match=f"has no {name!r}: ") as caught:
        exec(f"from hump_trio import {name}")
    assert str(caught.value).endswith(IMPORTS[name])
    if IMPORTS[name].startswith("from "):
        exec(IMPORTS[name])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Response, "Response"),
        (hump_trio.JsonResponse, "Response"),
        (Hump, "Hump"),
        (Hump[dict[str, int]], "Hump"),
        (hump_trio.Form, "Form"),
        (hump_trio.Form | None, "Form"),
        (hump_trio.Session, "Session"),
    ],
)
@pytest.mark.parametrize("verb", ["get", "post"])
def test_parameters_that_clients_cannot_send(verb: str, kind: Any, name: str) -> None:
    """The error says where a handler has them from, instead of why they are no JSON."""

    async def handler(it: Any) -> None: ...

    handler.__annotations__["it"] = kind
    with pytest.raises(RouteError) as caught:
        getattr(Hump(), verb)("/")(handler)
    reason = f"a parameter 'it' that clients can't send: {OF_PARAMETER[name]}"
    assert str(caught.value).endswith(reason)


def test_own_classes_of_such_names() -> None:
    """Are bodies as any others."""

    @dataclass
    class Form:
        tea: str

    async def handler(it: Any) -> None: ...

    handler.__annotations__["it"] = Form
    Hump().post("/")(handler)


def unexpected(function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], Any]:
    """Return a call with options that there aren't."""
    return lambda: function(*arguments, **options)


async def wrongly_awaited(value: Any) -> None:
    """Await what a request has already."""
    request = SimpleNamespace(json=lambda: value)
    await request.json()


def a_file() -> Any:
    """Return a file of which anything may be asked."""
    return object.__new__(UploadFile)


def decorated(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a handler as if it were of any kind."""

    async def wrapper(*args: Any, **values: Any) -> Any:
        return await handler(*args, **values)

    return wrapper


async def generate() -> AsyncIterator[str]:
    """Answer in parts."""
    yield "tea"


async def show(tea: int) -> str:
    """Answer with a value of the path."""
    return str(tea)


async def greet(request: Request) -> str:
    """Answer with the request."""
    return request.path


def run(call: Callable[[], Any]) -> None:
    """Call a function, and run what it returns if that is a coroutine."""
    result = call()
    if hasattr(result, "send"):
        result.send(None)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (unexpected(Response, "a", status_code=201), "Response calls it status"),
        (unexpected(Response, content="a"), "Response calls it body"),
        (
            unexpected(hump_trio.JsonResponse, {}, media_type="a/b"),
            "JsonResponse calls it headers={'content-type': ...}",
        ),
        (unexpected(HttpException, status_code=404), "HttpException calls it status"),
        (unexpected(wrongly_awaited, {}), "drop the await"),
        (unexpected(wrongly_awaited, None), "drop the await"),
        (lambda: a_request().body(), "drop the parentheses, and an await"),
        (lambda: RateLimit("5/minute")(index), "or for one handler @rate_limit(rate)"),  # type: ignore[call-arg,arg-type]
        (lambda: a_request().form["a"], "form and json are methods: request.form()"),
        (lambda: a_request().client.host, "request.client is a pair of address and port"),
        (lambda: a_request().state.user, "the state of a request is a dict: request.state['user']"),
        (lambda: setattr(a_request(), "session", {}), "the session is changed, not replaced"),
        (lambda: Hump().state["tea"], "app.state is a namespace"),
        (lambda: a_request().url.path, "request.url is text"),
        (lambda: setattr(Response("a"), "status_code", 404), "a response has a status"),
        (lambda: setattr(Response("a"), "media_type", "a/b"), "a response has a status"),
        (lambda: a_request().headers.getlist("accept"), "get_all(name)"),
        (lambda: a_request().query.getlist("tea"), "get_all(name)"),
        (lambda: a_file().size, "size_bytes"),
        (lambda: a_file().save("tea.png"), "await file.read()"),
        (unexpected(Response("a").set_cookie, "a", "b", httponly=True), "takes http_only"),
        (unexpected(Response("a").set_cookie, key="a", value="b"), "set_cookie(name, value)"),
        (unexpected(hump_trio.Form), "fields of a class: `item: Annotated[Item, Body(form=True)]`"),
        (lambda: decorated(generate)(), "its decorator writes `return handler(...)`"),
        (lambda: decorated(show)(a_request(), tea=1), "a decorator needs @functools.wraps"),
        (lambda: decorated(greet)(), "a decorator passes on the request"),
        (lambda: asyncio.sleep(1), "trio.sleep"),
    ],
)
def test_mistakes_in_a_handler(call: Callable[[], Any], hint: str) -> None:
    """Their error is Python's own; a note is added where it is logged, once."""
    with pytest.raises((TypeError, AttributeError, RuntimeError)) as caught:
        run(call)
    for _ in range(2):
        add_hint(caught.value)
    [note] = caught.value.__notes__
    assert hint in note


@pytest.mark.parametrize(
    "call",
    [
        unexpected(Response, "a", colour=1),
        unexpected(index, status_code=1),
        lambda: {}.user,  # type: ignore[attr-defined]
        lambda: 1 / 0,
    ],
)
def test_mistakes_of_other_kinds(call: Callable[[], Any]) -> None:
    """Get no note, though they may look alike."""
    with pytest.raises((TypeError, AttributeError, ZeroDivisionError)) as caught:
        call()
    add_hint(caught.value)
    add_hint(AttributeError("'dict' object has no attribute 'user'"))
    assert not hasattr(caught.value, "__notes__")


async def test_the_log_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    """Beneath the traceback of the 500."""
    app = Hump()

    @app.get("/")
    async def fail(request: Request) -> str:
        return request.state.user  # type: ignore[attr-defined,no-any-return]

    async with client(app) as http:
        assert (await http.get("/")).status_code == 500
    assert "the state of a request is a dict" in caplog.text


def test_middleware_with_parentheses() -> None:
    """As Starlette has it."""
    app: Any = Hump()
    with pytest.raises(TypeError, match=r"with @app.middleware, without parentheses"):
        app.middleware("http")


def test_options_of_cors() -> None:
    """The one that is needed is missing, or all are named."""
    make: Any = Cors
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'origins'"):
        make(allow_origins=["*"])
    with pytest.raises(TypeError, match=r"^Cors has the options origins, .*, not allow_methods$"):
        make(origins="*", allow_methods=["GET"])


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("__main__", "an app needs no name: Hump"),
        ("http://localhost", "its port comes second"),
        ("127.0.0.1:8000", "its port comes second"),
        ("[::1]", "its port comes second"),
        ("unix:/run/app.sock", "takes other forms"),
    ],
)
def test_what_is_no_host(host: str, text: str) -> None:
    """Is refused where it is written, not when it is served."""
    with pytest.raises(ValueError, match=text):
        Hump(host, 80)


@pytest.mark.parametrize("host", ["", "localhost", "::1", "fe80::1%eth0", "my_app", "0.0.0.0"])
def test_what_is_a_host(host: str) -> None:
    """Names and addresses."""
    assert Hump(host).host == host


async def with_user_id(user_id: int) -> None:
    """Take what isn't in the path."""


async def with_order(ordr: str) -> None:
    """Misspell what is."""


@pytest.mark.parametrize(
    ("path", "handler", "text"),
    [
        ("/users/{id}", with_user_id, "nothing takes {id}: give both one name, or say"),
        ("/{number}", with_user_id, ""),
        ("/orders/{order}", with_order, "nothing takes {order}"),
        ("/shops/{shop}", with_order, ""),
    ],
)
def test_a_parameter_that_is_not_in_the_path(path: str, handler: Any, text: str) -> None:
    """If its name is like one there that nothing takes; another one may be left alone."""
    if not text:
        Hump().get(path)(handler)
        return
    with pytest.raises(RouteError) as caught:
        Hump().get(path)(handler)
    assert text in str(caught.value)


def test_what_is_meant_for_the_query() -> None:
    """May have a name that is like one of the path: it says so, or may be left out."""

    async def search(
        user_id: Annotated[int, Query()], id_: int = 3, id_2: int | None = None
    ) -> None:
        """Take query values."""

    Hump().get("/users/{id}")(search)
