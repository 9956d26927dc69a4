"""How a handler is called with the values that its signature asks for, settled at registration."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType, MethodType
from typing import Any, TypeAlias

from hump_trio.content.form import Form
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import BindingError, RouteError
from hump_trio.handlers.async_functions import is_generator
from hump_trio.handlers.object_getters import get_all, join_errors
from hump_trio.handlers.parameter import Parameter, Signature
from hump_trio.handlers.resolving import refusal_of
from hump_trio.handlers.sources import REQUEST
from hump_trio.handlers.steps import Get
from hump_trio.messages.request import Request
from hump_trio.routing.route import Route

__all__ = [
    "Call",
    "bind_handler",
    "check_no_generator",
    "getter_of",
    "path_value",
    "refused_for",
    "takes_in_order",
    "whole_request",
]

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
    if asking.once and not others:
        return handler
    getters = {each.name: getter_of(route, each) or path_value(each.name) for each in others}
    if takes_in_order(handler, parameters):
        return bind_in_order(
            handler, [getters.get(each.name, whole_request) for each in parameters]
        )
    return bind_values(handler, getters, asking)


def takes_in_order(handler: Handler, parameters: Sequence[Parameter]) -> bool:
    """Tell whether a handler may be passed its values by position, too.

    It is a function or method whose own code names those alone, in this order, and so can't tell
    the difference. A decorator that passes on what it is given, as by ``**kwargs``, could.
    """
    function: Any = handler.__func__ if isinstance(handler, MethodType) else handler
    if not isinstance(function, FunctionType):
        return False
    code = function.__code__
    names = code.co_varnames[function is not handler : code.co_argcount]
    others = code.co_kwonlyargcount or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS)
    return not others and names == tuple(each.name for each in parameters)


def bind_in_order(handler: Handler, getters: Sequence[Get[Request]]) -> Call:
    """Return a function that calls a handler with values in the order of its parameters.

    A call by position takes two thirds of the instructions of one by name.
    """
    if not getters:
        return lambda request: handler()
    if len(getters) == 1:
        [get] = getters
        return lambda request: handler(get(request))
    if len(getters) == 2:
        get_first, get_second = getters

        def call_with_two(request: Request) -> Any:
            try:
                first, second = get_first(request), get_second(request)
            except BindingError:
                raise join_errors(getters, request) from None
            return handler(first, second)

        return call_with_two
    if len(getters) == 3:
        get_first, get_second, get_third = getters

        def call_with_three(request: Request) -> Any:
            try:
                first, second = get_first(request), get_second(request)
                third = get_third(request)
            except BindingError:
                raise join_errors(getters, request) from None
            return handler(first, second, third)

        return call_with_three

    def call(request: Request) -> Any:
        try:
            values = [get(request) for get in getters]
        except BindingError:
            raise join_errors(getters, request) from None
        return handler(*values)

    return call


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
        raise refusal_of(route, parameter, why, cause) from error


def bind_values(handler: Handler, getters: Mapping[str, Get[Request]], asking: Asking) -> Call:
    """Return a function that calls a handler with values by name.

    Args:
        handler: It takes them so.
        getters: What gets the values.
        asking: How the request is passed.
    """
    count, request_names, once = asking.count, asking.names, asking.once

    def call(request: Request) -> Any:
        values = get_all(getters, request)
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
    check_no_generator(handler)
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
        async with request.typed_form() as form:
            values |= get_all(of_form, form)
            values |= dict.fromkeys(asking.names, request)
            return await handler(*[request] * asking.count, **values)

    return call


def check_no_generator(handler: Handler) -> None:
    """Refuse a generator that takes files, which its body would outlast.

    Raises:
        RouteError: It is one.
    """
    if is_generator(inspect.unwrap(handler)):  # a bound around it only starts it
        raise RouteError(
            f"{name_of(handler)} takes a file and has a yield: take the Request, and read the file"
            " within `async with request.multipart() as form`"
        )


def path_value(name: str) -> Get[Request]:
    """Return what gets a value of the path as it is."""
    return lambda request: request.path_params[name]


def whole_request(request: Request) -> Request:
    """Return a request, for a parameter that takes it whole."""
    return request
