"""The interface of an app that the command line serves: our own, ASGI or WSGI.

An app of another interface is put into an app of ours. What it looks like is told by what it can be
called with, so that whoever has forgotten an option hears of it.
"""

from importlib import import_module
from inspect import isclass, iscoroutinefunction, isfunction, isroutine, signature
from typing import Any, Literal, TypeAlias

from hump_trio.app import Hump
from hump_trio.facts.callables import without_partial

__all__ = ["INTERFACES", "Interface", "enclose", "explain_misfit", "find_interface", "fits"]

Interface: TypeAlias = Literal["hump", "asgi", "wsgi"]
INTERFACES: dict[Interface, str] = {
    "hump": "a Hump app",
    "asgi": "an ASGI app",
    "wsgi": "a WSGI app",
}

# Where an app of another interface is served, unless an option says where: it can't say so itself,
# and other servers of such apps take what comes from this machine alone.
ENCLOSED_AT = ("127.0.0.1", 8000)


def fits(value: Any, interface: Interface) -> bool:
    """Tell whether an object can be an app of an interface."""
    if interface == "hump" or isinstance(value, Hump):
        return interface == "hump" and isinstance(value, Hump)
    if isclass(value) or not callable(value):
        return False
    # scope, receive, send; environ, start_response
    return takes(value, 3) if interface == "asgi" else takes(value, 2) and not is_async(value)


def find_interface(value: Any) -> Interface | None:
    """Return the interface of an app; None for what is none, or may be of either."""
    found = [each for each in INTERFACES if fits(value, each)]
    if len(found) == 1:
        return found[0]
    return None


def takes(value: Any, count: int) -> bool:
    """Tell whether an object can be called with so many arguments, as far as can be known."""
    try:
        parameters = signature(value)
    except Exception:  # written in C, or a proxy of Flask's: it tells nothing outside of a request
        return True
    try:
        parameters.bind(*range(count))
    except TypeError:
        return False
    return True


def is_async(value: Any) -> bool:
    """Tell whether calls of an object have to be awaited."""
    function = without_partial(value)
    return iscoroutinefunction(function if isroutine(function) else type(function).__call__)


def explain_misfit(value: Any, interface: Interface, *, made: bool) -> str:
    """Return why an object isn't served as an app of an interface, and what to write instead.

    Args:
        value: The object.
        interface: The one that was asked for.
        made: Whether a factory has made the object.
    """
    found = find_interface(value)
    if found == "hump":
        return f"is a Hump app: leave out --{interface}"
    if found is not None:
        instead = "" if interface == "hump" else f" instead of --{interface}"
        return f"is {INTERFACES[found]}: write --{found}{instead}"
    if not made and (isfunction(value) or isclass(value)):
        kind = "class" if isclass(value) else "function"
        return f"is a {kind}: if it makes the app, write --factory"
    return f"is a {type(value).__name__}, not {INTERFACES[interface]}"


def enclose(value: Any, interface: Interface, *, body_limited: bool) -> Hump[Any]:
    """Return the app of ours that serves an app of an interface: itself, or one around it.

    Args:
        value: The app.
        interface: Its interface.
        body_limited: Whether `Limits.body_bytes` counts for an ASGI app, which reads bodies in
            parts, and so has no limit unless one is asked for.
    """
    if interface == "hump":
        app: Hump[Any] = value
        return app
    app = Hump(*ENCLOSED_AT)
    if interface == "asgi":
        guest = import_module("hump_trio.asgi").Asgi(
            value, body_limit=... if body_limited else None
        )
    else:
        guest = import_module("hump_trio.wsgi").Wsgi(value)
    app.mount("", guest)
    return app
