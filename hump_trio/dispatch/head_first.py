"""Which middleware of a route runs before the body of a request has come.

A middleware that refuses requests by their heads says so by ``__needs_head_alone__ = True``: the
body isn't read before it. Middleware of two steps never looks at bodies. Nobody knows what any
other middleware looks at, so it finds the body received.
"""

from collections.abc import Iterable

from hump_trio.dispatch.stepped import is_stepped
from hump_trio.routing.layer import Layer, Middleware

__all__ = ["begins_at_head", "first_to_look"]


def begins_at_head(layers: Iterable[Layer], *, checked: bool) -> bool:
    """Tell whether a call begins before the body has come: something may refuse it by its head.

    Args:
        layers: Those around the handler, the outermost first.
        checked: Whether a check of the handler's own may refuse it.
    """
    for layer in layers:
        for each in layer.middleware:
            if needs_head_alone(each):
                return True
            if not is_stepped(each):
                return False
    return checked


def first_to_look(layers: Iterable[Layer]) -> Middleware | None:
    """Return the outermost middleware that may look at the body; None if none does."""
    every = (each for layer in layers for each in layer.middleware)
    return next((each for each in every if not (needs_head_alone(each) or is_stepped(each))), None)


def needs_head_alone(middleware: Middleware) -> bool:
    """Tell whether a middleware says that it needs the head alone."""
    return bool(getattr(middleware, "__needs_head_alone__", False))
