"""What a router puts around the handlers of its routes, and what it gives them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CoroutineType
from typing import Any, TypeAlias

from hump_trio.facts.callables import Handler
from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response

__all__ = [
    "NEVER_GIVEN",
    "NOTHING",
    "CallNext",
    "ExceptionHandler",
    "Layer",
    "Middleware",
    "Provider",
]

# What a decorator is given that was written with parentheses, to be refused in words.
NOTHING: Any = None
# What no provider gives, but by mistake: it would pass where any object will do.
NEVER_GIVEN = (HttpException, Response, CoroutineType)

# What is left of the onion, down to the handler.
CallNext: TypeAlias = Callable[[Request], Awaitable[Response]]
Middleware: TypeAlias = Callable[[Request, CallNext], Awaitable[Response]]
ExceptionHandler: TypeAlias = Callable[[Request, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """A function that gives handlers, and other providers, a value for each request.

    Args:
        function: The function, async or an async generator function.
        key: The annotation of the parameters that take the value, resolved.
        encloses: Whether it is a generator, whose second half is run when the handler has returned.
        raises: The descriptions of its errors for `Hump.openapi`, by their statuses.
        classes: Those of which a value has to be an instance; empty where any will do.
    """

    function: Handler
    key: Any
    encloses: bool
    raises: Mapping[int, str] = field(default_factory=dict)
    classes: tuple[type, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Middleware, exception handlers and providers of one router or app.

    Args:
        middleware: The outermost first.
        exception_handlers: By the type they take.
        providers: By their keys.
        stand_ins: What an app under test gives instead of all providers of a key.
        included: The layers of the routers that it includes, of those without routes, too.
    """

    middleware: list[Middleware] = field(default_factory=list)
    exception_handlers: dict[type[BaseException], ExceptionHandler] = field(default_factory=dict)
    providers: dict[Any, Provider] = field(default_factory=dict)
    stand_ins: dict[Any, Provider] = field(default_factory=dict)
    included: list["Layer"] = field(default_factory=list)

    def find_providers(self) -> Iterator[Provider]:
        """Yield its providers, and those of all that it includes, however deep."""
        yield from self.providers.values()
        for layer in self.included:
            yield from layer.find_providers()
