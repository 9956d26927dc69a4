"""What an app of ASGI is told of a request: its connection scope.

Source: the ASGI specification 3.0, its HTTP and WebSocket format 2.5.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from hump_trio.messages.request import Request, field_lines
from hump_trio.messages.target import origin_form
from hump_trio.websocket.handshake import parse_subprotocols

__all__ = ["AsgiApp", "Scope", "http_scope", "websocket_scope"]

# An app: ``async def app(scope, receive, send)``, called once for each scope.
AsgiApp: TypeAlias = Callable[..., Awaitable[None]]
# A dict that belongs to the app: each call of it gets one of its own.
Scope: TypeAlias = dict[str, Any]

# Of the format for HTTP and WebSockets.
SPEC_VERSION = "2.5"


def http_scope(request: Request, root_path: str, state: dict[str, Any]) -> Scope:
    """Return the scope for a request of HTTP.

    The method is as the client has sent it, although the specification has it in upper case:
    another spelling is another method. Where it would be a known one in upper case, no mounted app
    is asked.

    Args:
        request: The request, as middleware has left it.
        root_path: Where the app is mounted. The scope's ``path`` includes it.
        state: What the lifespan of the app has left; copied.
    """
    query_string, version = request.query_string, request.http_version
    pairs = header_pairs(request)
    extensions: dict[str, dict[str, Any]] = {
        "http.response.early_hint": {},
        "http.response.pathsend": {},
    }
    if version == "2":
        extensions["http.response.trailers"] = {}
    else:
        for name, value in pairs:
            if name == b"te" and takes_trailers(value):
                extensions["http.response.trailers"] = {}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": version,
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": raw_path_of(request),
        "query_string": query_string.encode() if query_string else b"",
        "root_path": root_path,
        "headers": pairs,
        "client": request.client,
        "server": request.server,
        "state": state.copy(),
        "extensions": extensions,
    }


def websocket_scope(request: Request, root_path: str, state: dict[str, Any]) -> Scope:
    """Return the scope for a request that asks for a WebSocket.

    Args:
        request: The request, as middleware has left it.
        root_path: Where the app is mounted. The scope's ``path`` includes it.
        state: What the lifespan of the app has left; copied.

    Raises:
        HttpException: 400, the client offers what can't be subprotocols.
    """
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": request.http_version,
        "scheme": "wss" if request.scheme == "https" else "ws",
        "path": request.path,
        "raw_path": raw_path_of(request),
        "query_string": request.query_string.encode("latin-1"),
        "root_path": root_path,
        "headers": header_pairs(request),
        "client": request.client,
        "server": request.server,
        "subprotocols": parse_subprotocols(field_lines(request)),
        "state": state.copy(),
        "extensions": {"websocket.http.response": {}},
    }


def raw_path_of(request: Request) -> bytes:
    """Return the path of a target as it was sent, with its escapes and without its query."""
    target = request.target
    if target[0] != "/":
        target = origin_form(target)
    return (target.partition("?")[0] if "?" in target else target).encode()  # it is ASCII


def header_pairs(request: Request) -> list[tuple[bytes, bytes]]:
    """Return header fields as bytes, names in lower case; the host is the one that is asked for.

    An absolute target has the host of the request, and `Forwarded` tells another one, too.
    """
    fields, host = field_lines(request), request.host
    if host and ("host", host) not in fields:
        fields = [("host", host), *[field for field in fields if field[0] != "host"]]
    # Plain ASCII is encoded as UTF-8, which takes a fifth of the instructions.
    return [
        (name.encode(), value.encode() if value.isascii() else value.encode("latin-1"))
        for name, value in fields
    ]


def takes_trailers(codings: bytes) -> bool:
    """Tell whether trailers are among the codings of a ``TE`` field (RFC 9110 section 10.1.4)."""
    return b"trailers" in [each.strip(b" \t").lower() for each in codings.split(b",")]
