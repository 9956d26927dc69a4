"""What a program gives to be called, and what a person calls it."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

__all__ = ["Handler", "name_of", "without_partial"]

# A route's or an exception handler; what it takes is checked where it is registered.
Handler: TypeAlias = Callable[..., Any]


def name_of(function: Handler) -> str:
    """Return a name of a callable that a person recognises."""
    function = without_partial(function)
    return getattr(function, "__name__", None) or type(function).__name__


def without_partial(function: Handler) -> Handler:
    """Return what a `functools.partial` calls, or the function itself."""
    while isinstance(function, partial):
        function = function.func
    return function
