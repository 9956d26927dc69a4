"""Which interface an app has, as far as that can be seen, and what is said of one that misfits."""

from functools import partial
from typing import Any

import pytest

from hump_trio import Hump
from hump_trio.command.interface import Interface, enclose, explain_misfit, find_interface, fits


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Is an app."""


def asgi_through(scope: Any, receive: Any, send: Any) -> Any:
    """Return what is awaited, as middleware may."""
    return asgi(scope, receive, send)


async def asgi_of_any(*args: Any) -> None:
    """Is one, too, which doesn't name what it is given."""


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Is an app."""
    return []


async def neither(one: Any, other: Any) -> None:
    """Take two, as no WSGI app is awaited."""


class Asgi:
    """Whose instances are apps."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Is called for each scope."""


class Wsgi:
    """Whose instances are apps."""

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        """Is called for each request."""
        return []


class Proxy:
    """Whose signature can't be read outside of a request, as with those of Flask."""

    @property
    def __signature__(self) -> None:
        """Fail."""
        raise RuntimeError

    def __call__(self, *args: Any) -> None:
        """Take anything."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Hump(), "hump"),
        (asgi, "asgi"),
        (asgi_through, "asgi"),
        (asgi_of_any, "asgi"),
        (partial(asgi, {}), None),
        (partial(wsgi), "wsgi"),
        (partial(lambda key, scope, receive, send: asgi(scope, receive, send), 1), "asgi"),
        (Asgi(), "asgi"),
        (wsgi, "wsgi"),
        (Wsgi(), "wsgi"),
        (neither, None),
        (Asgi, None),
        (Wsgi, None),
        (Hump, None),
        (lambda: None, None),
        (lambda *args: None, None),
        (type, None),
        (iter, None),
        (Proxy(), None),
        ("asgi", None),
        (None, None),
    ],
    ids=repr,
)
def test_the_interface_of_an_app(value: Any, expected: Interface | None) -> None:
    """Is seen by what it takes: three arguments or two; what may take both isn't guessed at."""
    assert find_interface(value) == expected


@pytest.mark.parametrize("value", [lambda *args: None, Proxy()], ids=["any", "proxy"])
def test_what_may_be_one_is_believed(value: Any) -> None:
    """Who says so knows it; a Hump app is one of ours, and a class is none."""
    assert fits(value, "asgi")
    assert fits(value, "wsgi")
    assert not fits(value, "hump")
    assert not fits(Asgi, "asgi")


@pytest.mark.parametrize(
    ("value", "interface", "text"),
    [
        (asgi, "hump", "is an ASGI app: write --asgi"),
        (Asgi(), "hump", "is an ASGI app: write --asgi"),
        (wsgi, "hump", "is a WSGI app: write --wsgi"),
        (asgi, "wsgi", "is an ASGI app: write --asgi instead of --wsgi"),
        (Wsgi(), "asgi", "is a WSGI app: write --wsgi instead of --asgi"),
        (Hump(), "asgi", "is a Hump app: leave out --asgi"),
        (Hump(), "wsgi", "is a Hump app: leave out --wsgi"),
        (Asgi, "asgi", "is a class: if it makes the app, write --factory"),
        (lambda: None, "wsgi", "is a function: if it makes the app, write --factory"),
        (1, "asgi", "is a int, not an ASGI app"),
    ],
)
def test_what_misfits(value: Any, interface: Interface, text: str) -> None:
    """Is told what it is and what to write."""
    assert not fits(value, interface)
    assert explain_misfit(value, interface, made=False) == text


def test_what_a_factory_has_made() -> None:
    """Needs no other factory."""
    assert explain_misfit(lambda: None, "asgi", made=True) == "is a function, not an ASGI app"


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_where_it_is_served_if_nothing_says_that(interface: Interface) -> None:
    """Is this machine alone, as other servers of such apps have it."""
    app = enclose(asgi if interface == "asgi" else wsgi, interface, body_limited=False)
    assert app.binds == ("127.0.0.1:8000",)
