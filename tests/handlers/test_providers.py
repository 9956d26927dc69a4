"""Which functions can be providers, and where."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest

from hump_trio import Body, Hump, RouteError, Router
from hump_trio.handlers.providers import parse_provider
from tests.support.annotated import Item


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
        ("session", TypeError, "without parentheses"),
        (None, TypeError, "without parentheses"),
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
