"""What may be registered to be called, and what is refused with what to write instead."""

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hump_trio.facts.callables import Handler
from hump_trio.handlers.async_functions import check_layer, is_generator
from hump_trio.messages.request import Request
from tests.support.typed_handlers import bind


async def takes_nothing() -> None:
    """Take nothing."""


async def takes_all(*args: Any, **kwargs: Any) -> None:
    """Take everything, as a decorator's wrapper does."""


class Generating:
    """An object whose call gives a generator."""

    async def __call__(self, a: int) -> AsyncIterator[bytes]:
        """Yield one part."""
        yield b"%d" % a

    async def method(self, request: Request) -> None:
        """Take too little for a layer."""


def test_a_generator_is_told_by_what_a_call_ends_up_in() -> None:
    """An object or a partial may generate too."""
    for handler in (Generating(), functools.partial(Generating())):
        assert is_generator(handler)
    for other in (takes_nothing, Generating().method, functools.partial(Generating().method)):
        assert not is_generator(other)


def ordinary(request: Request) -> str:
    """Be no async function."""
    return "x"


class OrdinaryObject:
    """Be no async callable."""

    def __call__(self) -> None:
        """Return nothing."""


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (ordinary, "ordinary"),
        (functools.partial(ordinary), "ordinary"),
        (lambda: "x", "<lambda>"),
        (OrdinaryObject(), "OrdinaryObject"),
        (OrdinaryObject, "OrdinaryObject"),
        (print, "print"),
    ],
)
def test_an_ordinary_function_is_refused(handler: Callable[..., Any], name: str) -> None:
    """The message gives the async form and the way to call blocking code."""
    for check in (
        lambda: bind(handler),
        lambda: check_layer(handler, "handler", "request"),
    ):
        with pytest.raises(TypeError) as caught:
            check()
        assert f"the handler {name} must be async: write `async def {name}(" in str(caught.value)
        assert "`await trio.to_thread.run_sync(...)`" in str(caught.value)


def test_a_class_is_refused_although_its_objects_would_do() -> None:
    """The message says to write an object of it."""

    class Shop:
        async def __call__(self) -> None: ...

    with pytest.raises(TypeError, match=r"handler Shop is a class: .* as in Shop\(\.\.\.\)"):
        bind(Shop)


@pytest.mark.parametrize("handler", [None, 7, "index"])
def test_what_can_not_be_called_is_refused(handler: Any) -> None:
    """The message shows it."""
    with pytest.raises(TypeError, match=f"or an object with an async __call__, not {handler!r}"):
        bind(handler)


async def a_layer(request: Request, call_next: Any, level: int = 1) -> Any:
    """Take what middleware takes."""


def decorated(function: Handler) -> Handler:
    """Wrap a function as decorators do."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    "layer", [a_layer, decorated(a_layer), takes_all, functools.partial(a_layer)]
)
def test_a_layer_takes_its_parameters(layer: Handler) -> None:
    """By position, whatever their names."""
    check_layer(layer, "middleware", "request", "call_next")


@pytest.mark.parametrize("layer", [takes_nothing, Generating().method])
def test_a_layer_with_other_parameters_is_refused(layer: Handler) -> None:
    """At registration, not when the first error is to be answered."""
    with pytest.raises(TypeError, match=r"the middleware \w+ must take \(request, call_next\)"):
        check_layer(layer, "middleware", "request", "call_next")


def test_a_layer_does_not_yield() -> None:
    """A generator would never be run."""

    async def layer(request: Request, call_next: Any) -> AsyncIterator[bytes]:
        yield b""

    with pytest.raises(TypeError, match="the middleware layer must return a response, not yield"):
        check_layer(layer, "middleware", "request", "call_next")
