"""What encloses the life of a server: which functions can be one, and how one is entered."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from inspect import (
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
    signature,
    unwrap,
)
from typing import Any, cast

from hump_trio.facts.callables import name_of

__all__ = ["check_lifespan", "open_lifespan"]

FORM = "`async def lifespan(app)` with one `yield`"


def check_lifespan(function: Any) -> None:
    """Refuse what can't be a lifespan.

    Raises:
        TypeError: It has no ``yield``, isn't async, or takes other parameters than the app.
    """
    if function is None:
        raise TypeError(f"write @app.lifespan without parentheses, above an {FORM}")
    if not callable(function) or iscoroutinefunction(function):
        raise TypeError(f"a lifespan is an {FORM}, not {function!r:.80}")
    if isgeneratorfunction(unwrap(function)):
        raise TypeError(f"the lifespan {name_of(function)} must be async: write an {FORM}")
    try:
        signature(function).bind("app")
    except TypeError:
        raise TypeError(f"the lifespan {name_of(function)} must take (app): {FORM}") from None


def open_lifespan(function: Callable[[Any], Any], app: Any) -> AbstractAsyncContextManager[Any]:
    """Return what is entered, and left at the end.

    Raises:
        TypeError: The function has returned something else.
    """
    manager = asynccontextmanager(function) if isasyncgenfunction(function) else function
    opened = manager(app)
    if not isinstance(opened, AbstractAsyncContextManager):
        raise TypeError(
            f"the lifespan {name_of(function)} returned {opened!r:.80}, which `async with` doesn't"
            f" take: write an {FORM}"
        )
    return cast("AbstractAsyncContextManager[Any]", opened)
