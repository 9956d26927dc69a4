"""How a handler is called: what its signature asks for, settled once at registration."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from hump_trio.content.form import Form
from hump_trio.content.multimap import MultiMap
from hump_trio.facts.callables import Handler, name_of, without_partial
from hump_trio.facts.exceptions import BindingError, RouteError
from hump_trio.handlers.binding import FormGetter, Getter, form_getter_of, getter_of, join_errors
from hump_trio.handlers.parameter import Parameter
from hump_trio.handlers.signature import parse_signature
from hump_trio.messages.request import Request
from hump_trio.routing.table import Route

__all__ = ["Call", "bind_handler", "check_async", "check_layer", "is_generator"]

Call: TypeAlias = Callable[[Request], Any]
T = TypeVar("T")


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
    if isinstance(function, type) and inspect.iscoroutinefunction(vars(function).get("__call__")):
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


def bind_handler(route: Route) -> Call:
    """Return a function that calls the handler of a route with what its signature asks for.

    It raises `BindingError` for a request that doesn't fit.

    Raises:
        TypeError: The handler isn't async.
        RouteError: A parameter can't be given a value (see `parse_signature`).
    """
    handler = route.handler
    check_async(handler, "handler")
    parameters = parse_signature(route).parameters
    asking = Asking.of(parameters)
    others = [each for each in parameters if each.source != "request"]
    if any(each.source == "upload" for each in others):
        return bind_form(route, others, asking)
    getters = {each.name: getter_of(route, each) for each in others}
    alone = others[0] if len(parameters) == 1 and others else None
    if alone is not None and alone.by_position and (get := getters[alone.name]):
        return lambda request: handler(get(request))
    if any(getters.values()):
        return bind_values(handler, getters, asking)
    names = tuple(getters)
    if not asking.once:
        return close_over(handler, names, asking)
    if not names:
        return handler
    return lambda request: handler(request, **{name: request.path_params[name] for name in names})


@dataclass(frozen=True, slots=True)
class Asking:
    """How a handler, and decorators around it, are passed the request.

    Args:
        count: How often by position, before all else.
        names: By which names, too.
        once: Whether it is passed by position once, and that is all.
    """

    count: int
    names: tuple[str, ...]
    once: bool

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> "Asking":
        """Return how the request is passed, among parameters of all kinds."""
        asking = [each for each in parameters if each.source == "request"]
        names = tuple(each.name for each in asking if not each.by_position)
        return cls(len(asking) - len(names), names, len(asking) == 1 and not names)


def bind_values(handler: Handler, getters: Mapping[str, Getter | None], asking: Asking) -> Call:
    """Return a function that calls a handler with values that may not fit.

    Args:
        handler: It takes them by name.
        getters: Of the values; None for one of the path as it is.
        asking: For the request.
    """
    pairs = [(name, get or path_value(name)) for name, get in getters.items()]
    count, request_names, once = asking.count, asking.names, asking.once

    def call(request: Request) -> Any:
        try:
            values = {name: get(request) for name, get in pairs}
        except BindingError:
            raise join_errors([get for _, get in pairs], request) from None
        if once:
            return handler(request, **values)
        for name in request_names:
            values[name] = request
        return handler(*[request] * count, **values) if count else handler(**values)

    return call


def bind_form(route: Route, parameters: list[Parameter], asking: Asking) -> Call:
    """Return a function that calls a handler with files of a form, and with its texts as the body.

    What the head says is read first: whoever gets that wrong has nothing uploaded. The files last
    until the handler returns.

    Raises:
        RouteError: The handler is a generator, whose body would outlast the files.
    """
    handler = route.handler
    if is_generator(inspect.unwrap(handler)):  # a bound around it only starts it
        raise RouteError(
            f"{name_of(handler)} takes a file and has a yield: take the Request, and read the file"
            " within `async with request.multipart() as form`"
        )
    of_form: dict[str, FormGetter] = {}
    of_head: dict[str, Getter] = {}
    for each in parameters:
        if each.source in ("upload", "body"):
            of_form[each.name] = form_getter_of(route, each)
        else:
            of_head[each.name] = getter_of(route, each) or path_value(each.name)

    async def call(request: Request) -> Any:
        values = read_values(of_head, request)
        async with form_of(request) as form:
            values |= read_values(of_form, form)
            values |= dict.fromkeys(asking.names, request)
            return await handler(*[request] * asking.count, **values)

    return call


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[Form]:
    """Give the form of a request, as `Request.multipart` does; one without a body is empty."""
    if not request.content_type and await anext(request.stream, b"") == b"":
        yield Form(MultiMap(), MultiMap())
        return
    async with request.multipart() as form:
        yield form


def read_values(getters: Mapping[str, Callable[[T], Any]], source: T) -> dict[str, Any]:
    """Return the values that getters find, by name, or raise all that is wrong with them."""
    try:
        return {name: get(source) for name, get in getters.items()}
    except BindingError:
        raise join_errors(getters.values(), source) from None


def path_value(name: str) -> Getter:
    """Return what gets a value of the path as it is."""
    return lambda request: request.path_params[name]


def close_over(handler: Handler, names: tuple[str, ...], asking: Asking) -> Call:
    """Return a function that calls a handler with values of the path, and perhaps the request."""
    count, request_names = asking.count, asking.names

    def call(request: Request) -> Any:
        values = {name: request.path_params[name] for name in names}
        for name in request_names:
            values[name] = request
        return handler(*[request] * count, **values)

    return call if names or count or request_names else lambda request: handler()
