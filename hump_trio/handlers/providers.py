"""Which functions can be providers, and what of: their return annotations say it."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Collection,
    Iterable,
    Mapping,
)
from contextlib import suppress
from inspect import formatannotation
from typing import Any, get_args

from hump_trio.content.annotations import class_of, is_typed_dict, members
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.handlers.async_functions import check_async, is_generator
from hump_trio.handlers.decorated import layers_of, middleware_of, names_known, parameters_taken
from hump_trio.handlers.resolving import is_key, is_near, resolve_parameter, resolve_return
from hump_trio.handlers.shape_maker import is_protocol
from hump_trio.messages.request import Request
from hump_trio.routing.layer import Provider
from hump_trio.routing.route import Route
from hump_trio.routing.route_hints import parse_raises

__all__ = ["check_above", "parse_provider"]

# What a generator function is annotated with, for the type that it yields.
YIELDING = (AsyncIterator, AsyncGenerator, AsyncIterable)


def parse_provider(function: Handler, raises: Collection[int] = ()) -> Provider:
    """Return the provider that a function is.

    Args:
        function: The function.
        raises: The statuses of its errors, or descriptions by status.

    Raises:
        RouteError: Its return annotation is no key, or a status is none; with what to write
            instead.
        TypeError: It isn't async, a decorator hides that it is a generator, or another one is for
            handlers alone.
    """
    encloses = callable(function) and is_generator(function)
    if not encloses and any(map(is_generator, layers_of(function))):
        raise TypeError(
            f"the provider {name_of(function)} is a generator within a decorator: drop that, such"
            " as @asynccontextmanager"
        )
    check_async(function, "provider")
    name = name_of(function)
    if middleware_of(function):
        raise TypeError(
            f"a @rate_limit is for handlers, not for {name}: write it below their verbs"
        )
    _, names = names_known(function)
    key = returns = resolve_return(function, {"Request": Request, **names})
    if encloses:
        if class_of(returns) not in YIELDING or not get_args(returns):
            raise RouteError(
                f"the provider {name} yields its value: annotate that, as in"
                f" `async def {name}(...) -> AsyncIterator[Session]`"
            )
        key = get_args(returns)[0]
    if not is_key(key):
        raise RouteError(
            f"the provider {name} gives {key!r:.80}, which other parameters are annotated with,"
            " too: annotate a class of your own, whose parameters are to get the value"
        )
    return Provider(function, key, encloses, parse_raises(raises), classes_of(key))


def classes_of(key: Any) -> tuple[type, ...]:
    """Return the classes of which a value of a key is an instance; nothing where any will do."""
    found = [dict if is_typed_dict(kind) else class_of(kind) for kind in members(key)]
    return () if any(map(is_protocol, found)) else tuple(found)


def check_above(
    provider: Provider, providers: Mapping[Any, Provider], routes: Iterable[Route]
) -> None:
    """Refuse a provider that something registered before it is at odds with.

    Args:
        provider: The provider.
        providers: Those that were registered with the same router, by key.
        routes: The routes that were registered with the same router.

    Raises:
        RouteError: Another one has its key, or a handler above it has a parameter of that.
    """
    name, shown = name_of(provider.function), formatannotation(provider.key)
    other = providers.get(provider.key)
    if other is not None:
        raise RouteError(f"{shown} is provided by {name_of(other.function)}, and by {name}")
    for route in routes:
        if any(is_near(each, provider.key) for each in annotations_taken(route)):
            raise RouteError(
                f"the provider {name} gives {shown}, which {name_of(route.handler)} takes"
                " already: write the provider above it"
            )


def annotations_taken(route: Route) -> list[Any]:
    """Return the annotations of all that a route's handler takes, and no provider gives it."""
    if route.endpoint is not None:
        return [each.annotation for each in route.endpoint.signature.reads]
    handler, found = route.handler, []  # a name is missing, or a provider of a router around
    _, names = names_known(handler)
    for raw in parameters_taken(handler):
        with suppress(RouteError):
            found.append(resolve_parameter(handler, raw, {"Request": Request, **names}))
    return found
