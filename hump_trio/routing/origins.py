"""Which sites may open a WebSocket: the check of the ``Origin`` that browsers send.

A browser opens a WebSocket to any host for any page, with the cookies of that host. So the server
has to ask where the page is from (RFC 6455 section 10.2). What is no browser needn't say it.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from hump_trio.facts.exceptions import RouteError

__all__ = ["Origin", "is_let_in", "parse_origins"]

# RFC 6454 section 6.2: a scheme, a host and perhaps a port, and nothing behind them.
ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
HOST = re.compile(r"([^:\[\]]+|\[[^\[\]]+\])(?::([0-9]{1,5}))?")
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Origin(NamedTuple):
    """Where a page is from.

    Args:
        scheme: In lower case.
        host: In lower case; an IPv6 address with its brackets.
        port: That of the scheme if none was named; 0 for a scheme without one.
    """

    scheme: str
    host: str
    port: int


def match_origin(text: str) -> Origin | None:
    """Return the origin that a text is, or None: ``null`` is none, nor is anything with a path."""
    found = ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme, host, text = found.groups()
    port = int(text) if text else DEFAULT_PORTS.get(scheme, 0)
    return Origin(scheme, host, port) if port <= 65535 else None


def parse_origins(origins: Collection[str] | None) -> frozenset[Origin] | None:
    """Return the origins that a route lets in; nothing at all for ``["*"]``, which lets all in.

    Args:
        origins: Texts such as ``https://shop.example``, or ``["*"]``.

    Raises:
        RouteError: They are something else.
    """
    if origins is None or isinstance(origins, str) or not isinstance(origins, Collection):
        raise RouteError(f"origins is a list such as ['https://shop.example'], not {origins!r:.80}")
    if list(origins) == ["*"]:
        return None
    found = set()
    for each in origins:
        origin = match_origin(each) if isinstance(each, str) else None
        if origin is None:
            raise RouteError(
                "an origin is a scheme, a host and perhaps a port, as in"
                f" 'https://shop.example:8443', not {each!r:.80}; ['*'] lets all in"
            )
        found.add(origin)
    return frozenset(found)


def is_let_in(values: Collection[str], host: str, origins: frozenset[Origin] | None) -> bool:
    """Tell whether a request may open a WebSocket, by its ``Origin``.

    Args:
        values: The values of that field. A request without it is let in: it is no browser's.
        host: The host and port that were asked for.
        origins: Those that are let in; None: the page has to be from the host and port that
            were asked for. The scheme isn't compared then, since TLS may end at a proxy.
    """
    if not values:
        return True
    origin = match_origin(next(iter(values))) if len(values) == 1 else None
    if origin is None:
        return False
    if origins is not None:
        return origin in origins
    asked = HOST.fullmatch(host.lower())
    if asked is None or asked[1] != origin.host:
        return False
    return origin.port == (int(asked[2]) if asked[2] else DEFAULT_PORTS.get(origin.scheme))
