"""How a handler's signature decides what it is called with."""

import functools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hump_trio.facts.callables import Handler
from hump_trio.facts.exceptions import BindingError, RouteError
from hump_trio.messages.request import Request
from tests.support.typed_handlers import bind

REQUEST = Request("GET", "/7/x", "/7/x", path_params={"a": 7, "b": "x"})


async def plain() -> Any:
    """Take nothing."""
    return "nothing"


async def takes_request(request: Request) -> Any:
    """Take the request."""
    return request


async def takes_request_by_another_name(whatever: Any, /) -> Any:
    """Take the request by position alone."""
    return whatever


async def takes_request_by_keyword(*, request: Request) -> Any:
    """Take the request by keyword alone."""
    return request


async def takes_a_value(a: int) -> Any:
    """Take one value of the path, not the request."""
    return a


async def takes_both(request: Request, a: int, b: str) -> Any:
    """Take everything."""
    return request, a, b


async def takes_both_in_another_order(b: str, request: Request, a: int) -> Any:
    """Take everything, the request in the middle."""
    return request, a, b


async def takes_both_by_keyword(a: int, *, request: Request, b: str) -> Any:
    """Take everything, the request by keyword."""
    return request, a, b


async def takes_defaults(a: int, request: Request, limit: int = 5, b: str = "") -> Any:
    """Take what has a value, and the defaults of what a query doesn't have."""
    return request, a, b, limit


async def takes_an_optional(request: Request | None = None) -> Any:
    """Take the request: it is there, whatever the default."""
    return request


async def takes_all(*args: Any, **kwargs: Any) -> Any:
    """Take everything, as a decorator's wrapper does."""
    return args, kwargs


async def takes_all_by_keyword(request: Request, **kwargs: Any) -> Any:
    """Take the values in a dict."""
    return request, kwargs


async def takes_all_after_a_keyword(*args: Any, request: Request) -> Any:
    """Take the request by its name, although others could be taken too."""
    return args, request


async def takes_all_after_a_default(limit: int = 5, *args: Any) -> Any:
    """Take nothing: the request is no limit."""
    return limit, args


class CallableObject:
    """An instance is called like a function."""

    async def __call__(self, request: Request, a: int) -> Any:
        """Take the request and a value."""
        return request, a

    async def method(self, request: Request) -> Any:
        """Take the request, besides what the method is bound to."""
        return request


def wrapped(handler: Handler) -> Handler:
    """Wrap a handler as decorators do."""

    @functools.wraps(handler)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await handler(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (plain, "nothing"),
        (takes_request, REQUEST),
        (takes_request_by_another_name, REQUEST),
        (takes_request_by_keyword, REQUEST),
        (takes_a_value, 7),
        (takes_both, (REQUEST, 7, "x")),
        (takes_both_in_another_order, (REQUEST, 7, "x")),
        (takes_both_by_keyword, (REQUEST, 7, "x")),
        (takes_defaults, (REQUEST, 7, "x", 5)),
        (takes_an_optional, REQUEST),
        (takes_all, ((REQUEST,), {"a": 7, "b": "x"})),
        (takes_all_by_keyword, (REQUEST, {"a": 7, "b": "x"})),
        (takes_all_after_a_keyword, ((), REQUEST)),
        (takes_all_after_a_default, (5, ())),
        (CallableObject(), (REQUEST, 7)),
        (CallableObject().method, REQUEST),
        (functools.partial(takes_both, b="y"), (REQUEST, 7, "x")),
        (functools.partial(takes_both, REQUEST), (REQUEST, 7, "x")),
        (functools.partial(takes_defaults, limit=6), (REQUEST, 7, "x", 6)),
        (functools.partial(functools.partial(CallableObject(), REQUEST)), (REQUEST, 7)),
        (wrapped(plain), "nothing"),
        (wrapped(takes_both_in_another_order), (REQUEST, 7, "x")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_handler_gets_what_it_asks_for(handler: Handler, expected: Any) -> None:
    """Values of the path by name, the request for the first other parameter without a default."""
    assert await bind(handler, "/{a:int}/{b}")(REQUEST) == expected


async def test_a_handler_may_leave_out_values_of_the_path() -> None:
    """They are in ``request.path_params`` anyway."""
    assert await bind(takes_request, "/{a:int}/{b}")(REQUEST) is REQUEST


def test_a_handler_that_takes_the_request_alone_is_called_directly() -> None:
    """Nothing stands between the most common handler and its call."""
    assert bind(takes_request) is takes_request


async def test_a_wrapper_that_hides_a_signature_still_gets_the_request() -> None:
    """``*args, **kwargs`` without `functools.wraps` is called with everything."""

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await takes_both(*args, **kwargs)

    assert await bind(wrapper, "/{a:int}/{b}")(REQUEST) == (REQUEST, 7, "x")


async def test_a_generator_function_is_a_handler() -> None:
    """Calling it gives the generator."""

    async def generate(a: int) -> AsyncIterator[bytes]:
        yield b"%d" % a

    assert [part async for part in await bind(generate, "/{a:int}")(REQUEST)] == [b"7"]


async def test_what_generates_may_be_an_object_or_a_partial() -> None:
    """Their generators are what a call gives, too."""

    class Generating:
        async def __call__(self, a: int) -> AsyncIterator[bytes]:
            yield b"%d" % a

    for handler in (Generating(), functools.partial(Generating())):
        assert [part async for part in await bind(handler, "/{a:int}")(REQUEST)] == [b"7"]


def test_a_parameter_without_a_value_is_refused() -> None:
    """The message names handler and parameter, and what can be done."""

    async def greet(request: Request, name: Any) -> None: ...

    message = r"greet has a parameter 'name' that is neither .* or write {name} in the path"
    with pytest.raises(RouteError, match=message):
        bind(greet)
    with pytest.raises(RouteError, match="greet has a parameter 'name'"):
        bind(functools.partial(greet), "/{other}")
    bind(greet, "/{name}")


def test_a_parameter_that_is_no_request_is_not_given_one() -> None:
    """A required parameter said to be something else is a value of the query."""

    async def search(q: str) -> str:
        """Ask for what isn't in the path."""
        return q

    async def anything(request: object) -> None:
        """Say less of the request than could be said."""

    with pytest.raises(BindingError, match=r"query\.q: missing"):
        bind(search)(REQUEST)
    assert bind(anything) is anything


def test_a_value_by_position_alone_is_refused() -> None:
    """Values are passed by name."""

    async def greet(name: str, /) -> None: ...

    with pytest.raises(RouteError, match="'name' that is passed by name: drop the /"):
        bind(greet, "/{name}")
