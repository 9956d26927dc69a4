"""What a router puts around the handlers of its routes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hump_trio.messages.request import Request
from hump_trio.messages.response import Response

__all__ = ["NOTHING", "CallNext", "ExceptionHandler", "Layer", "Middleware"]

# What a decorator is given that was written with parentheses, to be refused in words.
NOTHING: Any = None

# What is left of the onion, down to the handler.
CallNext: TypeAlias = Callable[[Request], Awaitable[Response]]
Middleware: TypeAlias = Callable[[Request, CallNext], Awaitable[Response]]
ExceptionHandler: TypeAlias = Callable[[Request, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Middleware and exception handlers of one router or app.

    Args:
        middleware: The outermost first.
        exception_handlers: By the type they take.
    """

    middleware: list[Middleware] = field(default_factory=list)
    exception_handlers: dict[type[BaseException], ExceptionHandler] = field(default_factory=dict)
