"""How a handler is called with the values that its signature asks for, settled at registration."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from hump_trio.content.form import Form
from hump_trio.content.multimap import MultiMap
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.handlers.async_functions import is_generator
from hump_trio.handlers.object_getters import get_all
from hump_trio.handlers.parameter import Parameter, Signature
from hump_trio.handlers.resolving import refusal
from hump_trio.handlers.sources import REQUEST
from hump_trio.handlers.steps import Get
from hump_trio.messages.request import Request
from hump_trio.routing.route import Route

__all__ = ["Call", "bind_handler", "getter_of", "path_value", "refused_for"]

# Calls a handler with what it asks for; raises BindingError if the request doesn't fit.
Call: TypeAlias = Callable[[Request], Any]


def bind_handler(route: Route, signature: Signature) -> Call:
    """Return a function that calls the async handler of a route with what its signature asks for.

    It raises `BindingError` for a request that doesn't fit.

    Raises:
        RouteError: A parameter can't be given a value.
    """
    handler = route.handler
    parameters = signature.parameters
    asking = Asking.of(parameters)
    others = [each for each in parameters if each.source is not REQUEST]
    if signature.takes_files:
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
    if len(names) == 1:
        name = names[0]
        return lambda request: handler(request, **{name: request.path_params[name]})
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
        asking = [each for each in parameters if each.source is REQUEST]
        names = tuple(each.name for each in asking if not each.by_position)
        return cls(len(asking) - len(names), names, len(asking) == 1 and not names)


def getter_of(route: Route, parameter: Parameter) -> Get[Request] | None:
    """Return what gets the value of a parameter; None if that is ``path_params[name]`` as it is.

    Raises:
        RouteError: There can be no value of its type there; with what to write instead.
    """
    assert parameter.source.getter is not None
    with refused_for(route, parameter):
        return parameter.source.getter(parameter)


@contextmanager
def refused_for(route: Route, parameter: Parameter) -> Iterator[None]:
    """Raise a RouteError that names a parameter where there can be no value of its type."""
    try:
        yield
    except TypeError as error:
        cause = error.__cause__ if isinstance(error.__cause__, NameError) else None
        why = f"that can't be taken from the {parameter.source.name}: {error}"
        raise refusal(route.handler, parameter.name, why, cause) from error


def bind_values(
    handler: Handler, getters: Mapping[str, Get[Request] | None], asking: Asking
) -> Call:
    """Return a function that calls a handler with values that may not fit.

    Args:
        handler: It takes them by name.
        getters: What gets the values; None for one of the path as it is.
        asking: How the request is passed.
    """
    all_getters = {name: get or path_value(name) for name, get in getters.items()}
    count, request_names, once = asking.count, asking.names, asking.once

    def call(request: Request) -> Any:
        values = get_all(all_getters, request)
        if once:
            return handler(request, **values)
        for name in request_names:
            values[name] = request
        return handler(*[request] * count, **values) if count else handler(**values)

    return call


def bind_form(route: Route, parameters: list[Parameter], asking: Asking) -> Call:
    """Return a function that calls a handler with files of a form, and with its texts as the body.

    The head's values are got first: a client that gets one wrong uploads nothing. The files last
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
    of_form: dict[str, Get[Form]] = {}
    of_head: dict[str, Get[Request]] = {}
    for each in parameters:
        if each.source.form_getter is None:
            of_head[each.name] = getter_of(route, each) or path_value(each.name)
        else:
            with refused_for(route, each):
                of_form[each.name] = each.source.form_getter(each)

    async def call(request: Request) -> Any:
        values = get_all(of_head, request)
        async with form_of(request) as form:
            values |= get_all(of_form, form)
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


def path_value(name: str) -> Get[Request]:
    """Return what gets a value of the path as it is."""
    return lambda request: request.path_params[name]


def close_over(handler: Handler, names: tuple[str, ...], asking: Asking) -> Call:
    """Return a function that calls a handler with values of the path, and perhaps the request."""
    count, request_names = asking.count, asking.names
    if len(names) == 1 and not count and not request_names:
        name = names[0]
        return lambda request: handler(**{name: request.path_params[name]})

    def call(request: Request) -> Any:
        values = {name: request.path_params[name] for name in names}
        for name in request_names:
            values[name] = request
        return handler(*[request] * count, **values) if count else handler(**values)

    return call if names or count or request_names else lambda request: handler()
