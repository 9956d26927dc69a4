"""How a handler is called within its providers, settled at registration.

All that both take stands in one list of values: first what is read of the request, then what the
providers give, in the order in which they are called. So each function is called with what stands
at known places of that list.
"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import aclosing
from inspect import isasyncgen
from itertools import count
from typing import Any, TypeAlias

from hump_trio.content.form import Form
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import BindingError
from hump_trio.handlers.async_functions import is_generator
from hump_trio.handlers.calling import (
    Call,
    check_no_generator,
    getter_of,
    path_value,
    refused_for,
    takes_in_order,
    whole_request,
)
from hump_trio.handlers.object_getters import get_all, join_errors
from hump_trio.handlers.parameter import Parameter, Signature
from hump_trio.handlers.provider_steps import Run, enclosing, giving
from hump_trio.handlers.sources import CHANNEL, REQUEST
from hump_trio.handlers.steps import Get
from hump_trio.messages.request import Request
from hump_trio.messages.response import Fields, Producer, Response, Send, StreamResponse, settle
from hump_trio.routing.route import Route

__all__ = ["bind_provided", "getter_at", "run_of"]

Caller: TypeAlias = Callable[[list[Any]], Any]
Render: TypeAlias = Callable[[Any], Response]


def bind_provided(route: Route, signature: Signature, render: Render) -> Call:
    """Return a function that calls the handler of a route within its providers.

    It raises `BindingError` for a request that doesn't fit, before any of them is called.

    Args:
        route: The route.
        signature: The handler's.
        render: Makes a response of what the handler returns, and raises if there can't be one.

    Raises:
        RouteError: A parameter can't be given a value.
    """
    if signature.takes_files:
        return bind_form(route, signature, render)
    getters = [getter_at(route, each) for each in signature.reads]
    if outlasts(route, signature):
        run = streaming(route, signature)
    else:
        run = run_of(route, signature, render)

    def call(request: Request) -> Any:
        try:
            values = [get(request) for get in getters]
        except BindingError:
            raise join_errors(getters, request) from None
        return run(values)

    return call


def run_of(route: Route, signature: Signature, render: Render | None = None) -> Run:
    """Return a function that calls the handler of a route within its providers.

    It takes the list of what is read, to which the providers' values are added.

    Args:
        route: The route.
        signature: The handler's.
        render: As for `bind_provided`. It is called within providers that enclose the handler, so
            that they keep nothing if there can't be an answer.
    """
    places = places_of(signature, len(signature.reads))
    handle = caller_of(route.handler, signature.parameters, places)
    if render is not None and is_enclosed(signature):
        handle = rendering(handle, render)
    return within(signature, places, handle)


def rendering(handle: Run, render: Render) -> Run:
    """Return a function that calls a handler, and makes a response of what that returns."""

    async def answer(values: list[Any]) -> Response:
        response = render(await handle(values))
        if not response.__depends_on_request__:
            settle(response)
        return response

    return answer


def is_enclosed(signature: Signature) -> bool:
    """Tell whether a provider has a part that runs when the handler has returned."""
    return any(each.provider.encloses for each in signature.provisions)


def outlasts(route: Route, signature: Signature) -> bool:
    """Tell whether a handler works on within its providers when its call has returned.

    It is a generator, or one in a decorator such as `hump_trio.timeout`, which only starts it.
    """
    return is_generator(inspect.unwrap(route.handler) if is_enclosed(signature) else route.handler)


def streaming(route: Route, signature: Signature) -> Run:
    """Return what `run_of` does for a generator: what it returns is sent within the providers."""
    send_place = len(signature.reads)
    places = places_of(signature, send_place + 1)
    generate = caller_of(route.handler, signature.parameters, places)
    decorated = not is_generator(route.handler)

    async def send_parts(values: list[Any]) -> Fields | None:
        send: Send = values[send_place]
        body = generate(values)
        if decorated:
            body = started_body(route, await body)
        if isinstance(body, Producer):
            return await body.produce(send)
        async with aclosing(body) as parts:
            async for part in parts:
                await send(part)
        return None

    run = within(signature, places, send_parts)

    async def stream(values: list[Any]) -> StreamResponse:
        async def produce(send: Send) -> Fields | None:
            trailers: Fields | None = await run([*values, send])
            return trailers

        return StreamResponse(produce)

    return stream


def started_body(route: Route, answer: Any) -> Any:
    """Return the body that a decorator around a generator has started: a generator, or a producer.

    Raises:
        TypeError: It is another answer, which can't be given any more.
    """
    body = answer
    if isinstance(answer, StreamResponse) and (answer.status, len(answer.headers)) == (200, 0):
        body = answer.body
    if isasyncgen(body) or (isinstance(body, Producer) and not body.begins):
        return body
    raise TypeError(
        f"{name_of(route.handler)} has a yield within a decorator, and providers with one: the"
        f" decorator returns the generator's call or raises an HttpException, not {answer!r:.80}"
    )


def within(signature: Signature, places: dict[Any, int], run: Run) -> Run:
    """Return a function that runs another within the providers of a handler."""
    for each in reversed(signature.provisions):
        provide = caller_of(each.provider.function, each.parameters, places)
        step = enclosing if each.provider.encloses else giving
        run = step(each.provider, provide, run)
    return run


def places_of(signature: Signature, given_place: int) -> dict[Any, int]:
    """Return where values stand: by who takes it under which name, or by the provider.

    Args:
        signature: The handler's.
        given_place: Where the values of providers begin.
    """
    read = {(each.taker, each.name): place for place, each in enumerate(signature.reads)}
    given = zip((each.provider for each in signature.provisions), count(given_place), strict=False)
    return {**read, **dict(given)}


def caller_of(function: Handler, parameters: Sequence[Parameter], places: dict[Any, int]) -> Caller:
    """Return what calls a function with those of the values that it takes."""
    found = [(each, places[each.provider or (each.taker, each.name)]) for each in parameters]
    if takes_in_order(function, parameters):
        return call_in_order(function, [place for _, place in found])
    first, named = [], []
    for each, place in found:
        if each.by_position and (each.source is REQUEST or each.source is CHANNEL):
            first.append(place)
        else:
            named.append((each.name, place))

    def call(values: list[Any]) -> Any:
        given = {name: values[place] for name, place in named}
        return function(*[values[place] for place in first], **given)

    return call


def call_in_order(function: Handler, places: Sequence[int]) -> Caller:
    """Return what calls a function with values by position."""
    if not places:
        return lambda values: function()
    if len(places) == 1:
        [place] = places
        return lambda values: function(values[place])
    return lambda values: function(*[values[place] for place in places])


def getter_at(route: Route, parameter: Parameter) -> Get[Request]:
    """Return what gets the value of a parameter, of whatever source."""
    if parameter.source is REQUEST or parameter.source is CHANNEL:
        return whole_request
    return getter_of(route, parameter) or path_value(parameter.name)


def bind_form(route: Route, signature: Signature, render: Render) -> Call:
    """Return what `bind_provided` does for a handler that takes files of a form.

    The providers enclose the handler alone: they aren't kept while the form is received.
    """
    check_no_generator(route.handler)
    of_form: dict[int, Get[Form]] = {}
    of_head: dict[int, Get[Request]] = {}
    for place, each in enumerate(signature.reads):
        if each.source.form_getter is None:
            of_head[place] = getter_at(route, each)
        else:
            with refused_for(route, each):
                of_form[place] = each.source.form_getter(each)
    run = run_of(route, signature, render)

    async def call(request: Request) -> Any:
        values = get_all(of_head, request)
        async with request.typed_form() as form:
            values |= get_all(of_form, form)
            return await run([values[place] for place in sorted(values)])

    return call
