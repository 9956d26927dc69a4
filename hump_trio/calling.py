"""How a handler is called: what its signature asks for, settled once at registration."""

import inspect
from collections.abc import Callable
from functools import partial
from inspect import Parameter
from typing import Any, TypeAlias

from hump_trio.exceptions import RouteError
from hump_trio.request import Request
from hump_trio.routing import Handler

__all__ = ["Call", "bind_handler", "check_async"]

Call: TypeAlias = Callable[[Request], Any]


def check_async(function: Handler, role: str) -> None:
    """Refuse what isn't an async function.

    Raises:
        TypeError: With the async form, and the way to run blocking code, in its message.
    """
    for candidate in (function, type(function).__call__):
        if inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate):
            return
    name = name_of(function)
    raise TypeError(
        f"the {role} {name} must be async: write `async def {name}(...)`, and call blocking"
        " code in it with `await trio.to_thread.run_sync(...)`"
    )


def name_of(function: Handler) -> str:
    """Return a name of a callable that a person recognises."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def bind_handler(handler: Handler, path_parameters: tuple[str, ...]) -> Call:
    """Return a function that calls a handler with what its signature asks for.

    A parameter named in the path template gets its value; the first other one gets the request.

    Raises:
        TypeError: The handler isn't async.
        RouteError: A parameter has neither a value nor a default.
    """
    check_async(handler, "handler")
    parameters = inspect.signature(handler).parameters
    takes_all = any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())
    names = tuple(name for name in path_parameters if takes_all or name in parameters)
    request_parameter: Parameter | None = None
    for parameter in parameters.values():
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue
        if parameter.name in path_parameters:
            if parameter.kind is Parameter.POSITIONAL_ONLY:
                raise RouteError(f"the parameter {parameter.name!r} is passed by name: drop the /")
            continue
        if request_parameter is None and parameter.default is Parameter.empty:
            request_parameter = parameter
        elif parameter.default is Parameter.empty:
            raise RouteError(
                f"{name_of(handler)} has a parameter {parameter.name!r} that is neither the request"
                f" nor in its path; give it a default or write {{{parameter.name}}} in the path"
            )
    return close_over(handler, request_parameter, names)


def close_over(
    handler: Handler, request_parameter: Parameter | None, names: tuple[str, ...]
) -> Call:
    """Return the smallest function that calls a handler with the request and the values."""
    if request_parameter is None:
        if not names:
            return lambda request: handler()
        return lambda request: handler(**{name: request.path_params[name] for name in names})
    if request_parameter.kind is Parameter.KEYWORD_ONLY:
        key = request_parameter.name
        return lambda request: handler(
            **{key: request}, **{name: request.path_params[name] for name in names}
        )
    if not names:
        return handler
    return lambda request: handler(request, **{name: request.path_params[name] for name in names})
