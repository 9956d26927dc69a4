"""What a handler's signature asks a request for, settled at registration.

A `Signature` is all that binding and the OpenAPI document know of a handler.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hump_trio.facts.callables import name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.handlers.decorated import Added, parameters_taken
from hump_trio.handlers.parameter import Parameter, Provision, Signature
from hump_trio.handlers.resolving import resolve_return
from hump_trio.handlers.results import check_returns
from hump_trio.handlers.rules import Rules, Scope
from hump_trio.handlers.signature_checks import (
    check_path,
    check_requests,
    check_returns_nothing,
    check_secrets,
    check_sources,
    check_websockets,
)
from hump_trio.routing.layer import Provider
from hump_trio.routing.route import Route

__all__ = ["NO_STAND_INS", "parse_signature"]

NO_STAND_INS: Mapping[Any, Provider] = {}


def parse_signature(route: Route, stand_ins: Mapping[Any, Provider] = NO_STAND_INS) -> Signature:
    """Return what the handler of a route takes and gives.

    Args:
        route: The route.
        stand_ins: Stand in for all providers of their keys.

    Raises:
        UnresolvedError: A name in an annotation is nowhere, or not yet.
        RouteError: A parameter can't be given a value, or no answer can be made of what is
            returned; with what to write instead.
    """
    handler = route.handler
    scope = scope_of(route, stand_ins)
    rules = Rules.of(route, handler, scope)
    raws = parameters_taken(handler)
    parsed = rules.parse_all(raws)
    own = [each for raw, each in parsed if not isinstance(raw, Added)]
    check_requests(route, own)
    parameters = rules.add_collected([each for _, each in parsed], raws)
    check_websockets(route, own, parameters)
    returns = resolve_return(handler, rules.names)
    provisions: dict[Provider, Provision] = {}
    add_provisions(provisions, route, scope, parameters)
    signature = Signature(tuple(parameters), returns, tuple(provisions.values()))
    check_sources(route, signature.reads)
    check_secrets(route, signature.reads)
    check_path(route, signature.reads)
    if route.channel is None:
        check_returns(name_of(handler), returns)
    else:
        check_returns_nothing(name_of(handler), returns)
    return signature


def scope_of(route: Route, stand_ins: Mapping[Any, Provider]) -> Scope:
    """Return the providers that the handler of a route may take values of."""
    layers = [*reversed(route.layers), *([] if route.home is None else [route.home])]
    return [
        {key: stand_ins.get(key, each) for key, each in layer.providers.items()} for layer in layers
    ]


def add_provisions(
    provisions: dict[Provider, Provision],
    route: Route,
    scope: Scope,
    parameters: Iterable[Parameter],
    within: tuple[Provider, ...] = (),
) -> None:
    """Add the providers that some parameters take values of, behind those that these need.

    A provider knows what is provided where it was registered itself, and further out. So it means
    the same to all handlers.

    Args:
        provisions: Those found before; one of them isn't looked at again.
        route: The route.
        scope: As `scope_of` returns it.
        parameters: The parameters of the handler, or of a provider.
        within: The providers that have led there, from the handler on.

    Raises:
        RouteError: A provider needs itself, or a parameter of it can't be given a value.
    """
    for provider in (each.provider for each in parameters):
        if provider is None or provider in provisions:
            continue
        path = (*within, provider)
        if provider in within:
            names = " -> ".join(name_of(each.function) for each in path[path.index(provider) :])
            raise RouteError(f"a provider for {name_of(route.handler)} needs itself: {names}")
        depth = next(depth for depth, each in enumerate(scope) if provider in each.values())
        rules = Rules.of(route, provider.function, scope[depth:], is_provider=True)
        parsed = rules.parse_all(parameters_taken(provider.function))
        check_requests(route, [each for raw, each in parsed if not isinstance(raw, Added)])
        taken = [each for _, each in parsed]
        add_provisions(provisions, route, scope, taken, path)
        provisions[provider] = Provision(provider, tuple(taken))
