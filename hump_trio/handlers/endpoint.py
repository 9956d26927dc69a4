"""What registration makes of a route's handler, once: the rest of the package asks for it here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hump_trio.handlers.async_functions import check_async, is_generator
from hump_trio.handlers.calling import Call, bind_handler, getter_of
from hump_trio.handlers.gate import Gate, checks_of
from hump_trio.handlers.markers import Secret
from hump_trio.handlers.parameter import Signature
from hump_trio.handlers.results import RESULTS, Results, results_of
from hump_trio.handlers.signature import NO_STAND_INS, parse_signature
from hump_trio.handlers.steps import Get
from hump_trio.handlers.websocket_calling import bind_guest, bind_websocket
from hump_trio.messages.request import Request
from hump_trio.routing.layer import Provider
from hump_trio.routing.route import Route

__all__ = ["endpoint_of"]

OPEN = Gate(())


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """A handler, ready to be called.

    Args:
        signature: What it takes and gives.
        call: ``await call(request)`` is what it returns; for an async generator function, the
            generator. It raises `BindingError` for a request that doesn't fit.
        results: What becomes of that.
        gate: What a request passes before the call, and before its body is received.
    """

    signature: Signature
    call: Call
    results: Results
    gate: Gate = OPEN


def endpoint_of(route: Route, stand_ins: Mapping[Any, Provider] = NO_STAND_INS) -> Endpoint:
    """Return what a route's handler is called by. It is made at the first call, and kept.

    Args:
        route: The route.
        stand_ins: Stand in for all providers of their keys. What is made with some isn't kept.

    Raises:
        TypeError: The handler isn't async.
        UnresolvedError: A name in an annotation is nowhere, or not yet.
        RouteError: A parameter can't be given a value, or no answer can be made of what is
            returned.
    """
    if stand_ins:
        return make_endpoint(route, stand_ins)
    if route.endpoint is None:
        object.__setattr__(route, "endpoint", make_endpoint(route, stand_ins))
    endpoint: Endpoint = route.endpoint
    return endpoint


def make_endpoint(route: Route, stand_ins: Mapping[Any, Provider]) -> Endpoint:
    """Return what a route's handler is called by."""
    if route.guest is not None:
        return guest_endpoint(route)
    check_async(route.handler, "handler")
    signature = parse_signature(route, stand_ins)
    gate = gate_of(route, signature)
    if route.channel is not None:
        return Endpoint(signature, bind_websocket(route, route.channel, signature), RESULTS, gate)
    streams = is_generator(route.handler)
    results = RESULTS if streams else results_of(route, signature.returns)
    if signature.provisions:
        from hump_trio.handlers.providing import bind_provided

        call = bind_provided(route, signature, results.render)
    else:
        call = bind_handler(route, signature)
    if not streams:
        return Endpoint(signature, call, results, gate)
    if not signature.provisions:
        call = partial(call_generator, call)
    return Endpoint(signature, call, RESULTS, gate)


def gate_of(route: Route, signature: Signature) -> Gate:
    """Return what a request passes at its head: all that handler and providers ask for there."""
    takers = (route.handler, *(each.provider.function for each in signature.provisions))
    secrets, challenges = list[Get[Request]](), dict[str, None]()
    for each in signature.reads:
        if isinstance(each.marker, Secret) and (get := getter_of(route, each)) is not None:
            secrets.append(get)
            challenges[each.marker.challenge] = None
    return Gate([check for each in takers for check in checks_of(each)], secrets, [*challenges])


def guest_endpoint(route: Route) -> Endpoint:
    """Return what a mounted app is called by: it takes the whole request, or the WebSocket."""
    signature = Signature((), Any)
    if route.channel is None:
        return Endpoint(signature, route.handler, RESULTS)
    return Endpoint(signature, bind_guest(route.handler, route.channel), RESULTS)


async def call_generator(call: Call, request: Request) -> Any:
    """Call a handler that is an async generator function: its generator is the body."""
    return call(request)
