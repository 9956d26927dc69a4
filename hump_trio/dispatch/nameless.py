"""Middleware that tells clients apart by their addresses, where clients have none.

A middleware that counts by the address of a client says so by ``__counts_addresses__``, and one
that learns it from what is at the other end of a Unix socket by ``__names_unix_clients__``.
"""

from collections.abc import Iterable

from hump_trio.routing.layer import Layer, Middleware
from hump_trio.routing.route import Route

__all__ = ["counting_nameless"]


def counting_nameless(layer: Layer, routes: Iterable[Route]) -> str:
    """Return the name of a middleware for which all clients of a Unix socket would be one client.

    Args:
        layer: The app's layer.
        routes: All routes, with the layers that are around them.

    Returns:
        The name of its class; empty if there is no such middleware.
    """
    for layers in ((), *(route.layers for route in routes)):
        every = [each for around in (layer, *layers) for each in around.middleware]
        found = first_nameless(every)
        if found:
            return found
    return ""


def first_nameless(every: Iterable[Middleware]) -> str:
    """Return the name of the first middleware that counts addresses before they are known.

    Args:
        every: The middleware around a handler, the outermost first.
    """
    for each in every:
        if getattr(each, "__names_unix_clients__", False):
            return ""
        if getattr(each, "__counts_addresses__", False):
            return type(each).__name__
    return ""
