"""What a program may register to be called: async functions, and objects that are called so."""

import inspect
from typing import Any

from hump_trio.facts.callables import Handler, name_of, without_partial

__all__ = ["check_async", "check_layer", "is_generator"]


def check_async(function: Handler, role: str) -> None:
    """Refuse what isn't an async function.

    Raises:
        TypeError: With the async form, and the way to run blocking code, in its message.
    """
    if not callable(function):
        raise TypeError(
            f"the {role} must be an async function, or an object with an async __call__, not"
            f" {function!r:.80}"
        )
    if is_generator(function) or any(map(inspect.iscoroutinefunction, called_by(function))):
        return
    name = name_of(function)
    if isinstance(function, type) and inspect.iscoroutinefunction(
        inspect.getattr_static(function, "__call__", None)
    ):
        raise TypeError(f"the {role} {name} is a class: write an object of it, as in {name}(...)")
    raise TypeError(
        f"the {role} {name} must be async: write `async def {name}(...)`, and call blocking"
        " code in it with `await trio.to_thread.run_sync(...)`"
    )


def is_generator(handler: Handler) -> bool:
    """Tell whether calling a handler gives an async generator, which is the body itself."""
    return any(map(inspect.isasyncgenfunction, called_by(handler)))


def called_by(function: Handler) -> tuple[Any, Any]:
    """Return what a call may end up in: the function itself, or its type's ``__call__``."""
    function = without_partial(function)
    return function, type(function).__call__


def check_layer(function: Handler, role: str, *parameters: str) -> None:
    """Refuse middleware or an exception handler that can't be awaited with its parameters.

    Raises:
        TypeError: It isn't async, is a generator or takes other parameters.
    """
    check_async(function, role)
    if is_generator(function):
        raise TypeError(f"the {role} {name_of(function)} must return a response, not yield")
    try:
        inspect.signature(function).bind(*parameters)
    except TypeError:
        expected = ", ".join(parameters)
        raise TypeError(f"the {role} {name_of(function)} must take ({expected})") from None
