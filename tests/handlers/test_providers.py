"""Which functions can be providers, and where."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from hump_trio import (
    Body,
    Hump,
    Query,
    Request,
    Response,
    RouteError,
    Router,
    WebSocket,
    rate_limit,
)
from hump_trio.handlers.providers import parse_provider
from hump_trio.testing import client
from tests.support.annotated import Item, Point


class Session:
    """What a handler needs."""


class Lock:
    """What another one needs."""


async def session() -> Session:
    """Give a session."""
    return Session()


async def opened() -> AsyncIterator[Session]:
    """Give a session, and take it back."""
    yield Session()


async def generated() -> AsyncGenerator[Session, None]:
    """Give a session, and take it back."""
    yield Session()


async def iterated() -> "AsyncIterable[Session | None]":
    """Give a session or none, and take it back."""
    yield None


@pytest.mark.parametrize(
    ("function", "key", "encloses"),
    [
        (session, Session, False),
        (opened, Session, True),
        (generated, Session, True),
        (iterated, Session | None, True),
    ],
)
def test_the_return_annotation_is_the_key(function: Any, key: Any, encloses: bool) -> None:
    """Of a generator, the type that it yields."""
    provider = parse_provider(function)
    assert (provider.function, provider.key, provider.encloses) == (function, key, encloses)


async def unannotated() -> Any:
    """Give what nobody knows."""


async def texts() -> str:
    """Give what a query holds."""
    return ""


async def plain_yield() -> Session:  # type: ignore[misc] # a mistake
    """Yield, and say otherwise."""
    yield Session()


async def bare_yield() -> AsyncIterator:  # type: ignore[type-arg] # a mistake
    """Yield, and don't say what."""
    yield Session()


def blocking() -> Session:
    """Give a session, but not async."""
    return Session()


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (unannotated, RouteError, "unannotated gives typing.Any, which other parameters"),
        (texts, RouteError, "texts gives <class 'str'>, which other .*: annotate a class of your"),
        (plain_yield, RouteError, "plain_yield yields its value: .* -> AsyncIterator"),
        (bare_yield, RouteError, "bare_yield yields its value"),
        (blocking, TypeError, "the provider blocking must be async"),
        (Session, TypeError, "the provider Session must be async"),
        (asynccontextmanager(opened), TypeError, "opened is a generator within a decorator: drop"),
        ("session", TypeError, "the provider must be an async function, .* not 'session'"),
    ],
)
def test_what_can_be_no_provider(function: Any, kind: type[Exception], message: str) -> None:
    """It is refused with what to write instead."""
    with pytest.raises(kind, match=message):
        Hump().provide(function)


def test_a_key_has_one_provider() -> None:
    """In one app or router."""
    router = Router()
    router.provide(session)
    with pytest.raises(RouteError, match="Session is provided by session, and by opened"):
        router.provide(opened)
    router.provide(iterated)  # another key
    app = Hump()
    app.provide(session)
    app.include(router)
    with pytest.raises(RuntimeError, match="before it is included"):
        router.provide(generated)


def test_a_provider_stands_above_the_handlers_that_take_its_value() -> None:
    """Else a handler would be given by the client what it takes for the app's."""
    app = Hump()

    async def add(item: Item) -> None: ...
    async def find(item: Annotated[Item, Body()]) -> None: ...
    async def item() -> Item:
        return Item("tea")

    async def perhaps() -> Item | None:
        return None

    app.post("/")(find)
    app.provide(item)
    app.provide(perhaps)
    app = Hump()
    app.post("/")(add)
    for provider in (item, perhaps):
        with pytest.raises(RouteError, match="takes already: write the provider above it"):
            app.provide(provider)
    router = Router()

    @router.get("/")
    async def lately(lock: Lock) -> None: ...

    async def lock() -> Lock:
        return Lock()

    with pytest.raises(RouteError, match=r"lock gives .*Lock, which lately takes already"):
        router.provide(lock)


def test_what_a_provider_takes_is_judged_as_what_a_handler_takes() -> None:
    """At the registration of the first handler that takes its value, with the names of both."""
    app = Hump()

    @app.provide
    async def session(things: Lock | None = None) -> Session:
        return Session()

    @app.provide
    async def lock(one: Item) -> Lock:
        return Lock()

    async def show(session: Session) -> None: ...
    async def take(lock: Lock) -> None: ...
    async def both(lock: Lock, other: dict[str, int]) -> None: ...
    async def chat(ws: WebSocket, lock: Lock) -> None: ...

    with pytest.raises(RouteError, match=r"session, a provider for show, has a parameter 'things'"):
        app.get("/")(show)
    with pytest.raises(RouteError, match=r"lock, a provider for take, .*'one' that is a body"):
        app.get("/")(take)
    with pytest.raises(RouteError, match=r"lock, a provider for both, .* second body beside 'oth"):
        app.post("/")(both)
    with pytest.raises(RouteError, match=r"lock, a provider for chat, .*a WebSocket has none of"):
        app.websocket("/")(chat)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (WebSocket, "that is a WebSocket: a provider takes the request, as in `it: Request`"),
        (Response, "that clients can't send"),
        (Lock, "that can't be taken from the query: no text is read as .*Lock"),
        ("Nowhere", "whose annotation 'Nowhere' can't be resolved"),
        (Annotated[int, Query], "whose marker lacks its parentheses"),
    ],
)
def test_what_no_provider_takes(annotation: Any, message: str) -> None:
    """Nor what no handler does."""
    app = Hump()

    async def session(it: Any) -> Session:
        return Session()

    async def chat(ws: WebSocket, session: Session) -> None: ...

    session.__annotations__["it"] = annotation
    app.provide(session)
    app._may_follow = ()
    with pytest.raises(RouteError, match=rf"session.*'it' {message}"):
        app.websocket("/")(chat)


def test_a_provider_does_not_need_itself() -> None:
    """Neither by itself nor by others."""
    app, router = Hump(), Router()

    class One:
        """What needs the other."""

    class Other:
        """What needs the one."""

    @router.provide
    async def one(other: Other) -> One:
        return One()

    @router.provide
    async def other(one: One) -> AsyncIterator[Other]:
        yield Other()

    @app.provide
    async def lock(lock: Lock) -> Lock:
        return lock

    with pytest.raises(RouteError, match="a provider for take needs itself: one -> other -> one"):

        @router.get("/")
        async def take(one: One) -> None: ...

    with pytest.raises(RouteError, match="a provider for hold needs itself: lock -> lock"):

        @app.get("/")
        async def hold(lock: Lock) -> None: ...


def test_what_is_provided_is_not_taken_in_another_form() -> None:
    """Neither with None, nor with words beside it: clients could send what the app should know."""
    app = Hump()
    app.provide(session)

    @app.provide
    async def item() -> Item | None:
        return None

    async def maybe(session: Session | None = None) -> None: ...
    async def surely(item: Item) -> None: ...
    async def worded(session: Annotated[Session, "to read"]) -> None: ...
    async def sent(item: Annotated[Item, Body()]) -> None: ...

    with pytest.raises(RouteError, match=r"'session' that nothing provides as .*: session does as"):
        app.post("/")(maybe)
    with pytest.raises(RouteError, match=r"say so by Annotated\[\.\.\., Body\(\)\]"):
        app.post("/")(surely)
    with pytest.raises(RouteError, match=r"nothing provides as .*Annotated\["):
        app.post("/")(worded)
    app.post("/")(sent)


async def test_what_one_router_provides_is_no_body_of_another() -> None:
    """A handler that lies outside by mistake would take from clients what it trusts."""
    app, inner = Hump(), Router("/inner")

    @inner.provide
    async def item() -> Item:
        return Item("tea")

    @inner.get("/")
    async def show(item: Item) -> str:
        return item.name

    @app.post("/sent")
    async def send(item: Annotated[Item, Body()]) -> str:
        return item.name

    @app.post("/other")
    async def other(point: Point) -> None: ...

    app.include(inner)
    async with client(app) as http:
        assert (await http.get("/inner/")).text == "tea"
        assert (await http.post("/sent", json={"name": "milk"})).text == "milk"

    @app.post("/")
    async def forge(item: Item) -> None: ...

    with pytest.raises(RouteError, match=r"forge .*'item' that clients send, while item provides"):
        async with client(app):
            raise AssertionError


@dataclass
class Bargain(Item):
    """An item at half its price."""


@pytest.mark.parametrize("key", [Item, Bargain, Item | None])
@pytest.mark.parametrize("annotation", [Item, Bargain])
@pytest.mark.parametrize("inner", [False, True])
async def test_a_router_without_routes_provides_for_no_other(
    key: Any, annotation: Any, inner: bool
) -> None:
    """Neither what a handler takes, nor what it might take for that: a parent or child class."""
    app, providing, outer = Hump(), Router("/providing"), Router("/outer")

    async def item() -> Any: ...
    async def forge(item: Any) -> None: ...
    async def send(item: Any) -> str:
        return type(item).__name__

    item.__annotations__["return"] = key
    forge.__annotations__["item"] = annotation
    send.__annotations__["item"] = Annotated[annotation, Body()]
    providing.provide(item)
    app.post("/sent")(send)
    (outer if inner else app).include(providing)
    app.include(outer)
    async with client(app) as http:
        assert (await http.post("/sent", json={"name": "milk"})).text == annotation.__name__
    app.post("/")(forge)
    with pytest.raises(
        RouteError, match=r"forge .*'item' that clients send, while .*item provides"
    ):
        async with client(app):
            raise AssertionError


@pytest.mark.parametrize(("key", "annotation"), [(Item, Bargain), (Bargain, Item)])
def test_a_class_and_its_parent_are_not_mistaken_for_each_other(key: Any, annotation: Any) -> None:
    """A handler that wants a user, where administrators are provided, takes none from clients."""

    async def item() -> Any: ...
    async def forge(item: Any) -> None: ...

    item.__annotations__["return"] = key
    forge.__annotations__["item"] = annotation
    app = Hump()
    app.provide(item)
    with pytest.raises(RouteError, match=r"'item' that nothing provides as .*: .*item does as"):
        app.post("/")(forge)
    app = Hump()
    app.post("/")(forge)
    with pytest.raises(RouteError, match=r"which .*forge takes already: write the provider above"):
        app.provide(item)


def test_a_router_may_lack_what_is_provided_around_it() -> None:
    """But an app may not, and says so where the router is included."""
    app, router = Hump(), Router()
    lacking = r"{} has .*; or let an @app\.provide above the handler give it"

    @router.get("/")
    async def show(session: Session, request: Request) -> None: ...

    with pytest.raises(RouteError, match=lacking.format("show")):
        app.include(router)
    with pytest.raises(RouteError, match=lacking.format("show")):
        app.get("/late")(show)

    @Router().websocket("/")
    async def chat(ws: WebSocket, item: Item, session: Session) -> None: ...

    async def late(session: Session, word: str) -> None: ...

    late.__defaults__ = (None,)
    with pytest.raises(RouteError, match="late has a parameter 'word' whose annotation doesn't"):
        Router().get("/late")(late)


class Depends:
    """Another framework's marker.

    Args:
        function: What makes a value.
    """

    def __init__(self, function: Any) -> None:
        self.function = function


def test_another_frameworks_marker_tells_of_providers() -> None:
    """As a default, and beside a type."""

    async def first(it: Session = Depends(session)) -> None: ...  # type: ignore[assignment] # noqa: B008
    async def second(it: Annotated[Session, Depends(session)]) -> None: ...

    for handler in (first, second):
        for app in (Hump(), Router()):
            with pytest.raises(RouteError, match=r"with Depends\(\.\.\.\): what an @app\.provide"):
                app.get("/")(handler)


def test_a_rate_limit_is_for_handlers() -> None:
    """On a provider it would limit nothing."""
    with pytest.raises(TypeError, match="is for handlers, not for session"):
        parse_provider(rate_limit("1/minute")(session))
