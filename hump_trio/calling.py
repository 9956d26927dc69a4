"""How a handler is called: what its signature asks for, settled once at registration."""

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any, TypeAlias

from hump_trio.exceptions import RouteError
from hump_trio.request import Request
from hump_trio.routing import Handler, name_of, without_partial

__all__ = ["Call", "bind_handler", "check_async", "check_layer", "is_generator"]

Call: TypeAlias = Callable[[Request], Any]


def check_async(function: Handler, role: str) -> None:
    """Refuse what isn't an async function.

    Raises:
        TypeError: With the async form, and the way to run blocking code, in its message.
    """
    if not callable(function):
        raise TypeError(f"the {role} must be an async function, not {function!r}")
    if is_generator(function) or any(map(inspect.iscoroutinefunction, called_by(function))):
        return
    name = name_of(function)
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


def bind_handler(handler: Handler, path_parameters: tuple[str, ...]) -> Call:
    """Return a function that calls a handler with what its signature asks for.

    A parameter named in the path template gets its value; the first other one without a default
    gets the request, or else ``*args`` does. What has a default keeps it.

    Raises:
        TypeError: The handler isn't async.
        RouteError: A parameter has neither a value nor a default.
    """
    check_async(handler, "handler")
    parameters = inspect.signature(handler).parameters
    first = next(iter(parameters.values()), None)
    takes_all = any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())
    names = tuple(name for name in path_parameters if takes_all or name in parameters)
    request_parameter: Parameter | None = None
    for parameter in parameters.values():
        if parameter.name in path_parameters and parameter.kind is Parameter.POSITIONAL_ONLY:
            raise RouteError(f"the parameter {parameter.name!r} is passed by name: drop the /")
        if parameter.name in path_parameters or not is_required(parameter):
            continue
        if request_parameter is not None or not takes_request(parameter):
            raise RouteError(
                f"{name_of(handler)} has a parameter {parameter.name!r} that is neither the request"
                f" nor in its path; give it a default or write {{{parameter.name}}} in the path"
            )
        request_parameter = parameter
    if request_parameter is None and first is not None and first.kind is Parameter.VAR_POSITIONAL:
        request_parameter = first
    if request_parameter is None:
        return close_over(handler, names) if names else lambda request: handler()
    if request_parameter is not first or first.kind is Parameter.KEYWORD_ONLY:
        return close_over(handler, names, request_name=request_parameter.name)
    if not names:
        return handler
    return lambda request: handler(request, **{name: request.path_params[name] for name in names})


def takes_request(parameter: Parameter) -> bool:
    """Tell whether a parameter may be meant for the request; not if it is said to be a ``str``."""
    annotation = parameter.annotation
    says_nothing = annotation in (Parameter.empty, Any) or not isinstance(annotation, type)
    return says_nothing or issubclass(Request, annotation)


def is_required(parameter: Parameter) -> bool:
    """Tell whether a call has to give a value for a parameter."""
    variadic = parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return not variadic and parameter.default is Parameter.empty


def close_over(handler: Handler, names: tuple[str, ...], *, request_name: str = "") -> Call:
    """Return a function that calls a handler by keywords alone, with the request if it has one."""

    def call(request: Request) -> Any:
        values = {name: request.path_params[name] for name in names}
        if request_name:
            values[request_name] = request
        return handler(**values)

    return call
