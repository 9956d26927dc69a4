"""What an app of ASGI is told of a request: its connection scope.

Source: the ASGI specification 3.0, its HTTP and WebSocket format 2.5.
"""

from typing import Any, TypeAlias

from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request, field_lines
from hump_trio.messages.target import origin_form
from hump_trio.websocket.handshake import parse_subprotocols

__all__ = ["Scope", "http_scope", "websocket_scope"]

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
    fields = field_lines(request)
    extensions: dict[str, dict[str, Any]] = {
        "http.response.early_hint": {},
        "http.response.pathsend": {},
    }
    if request.http_version == "2" or takes_trailers(fields):
        extensions["http.response.trailers"] = {}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": request.http_version,
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "raw_path": raw_path_of(request),
        "query_string": request.query_string.encode("latin-1"),
        "root_path": root_path,
        "headers": header_pairs(request, fields),
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
    fields = field_lines(request)
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": SPEC_VERSION},
        "http_version": request.http_version,
        "scheme": "wss" if request.scheme == "https" else "ws",
        "path": request.path,
        "raw_path": raw_path_of(request),
        "query_string": request.query_string.encode("latin-1"),
        "root_path": root_path,
        "headers": header_pairs(request, fields),
        "client": request.client,
        "server": request.server,
        "subprotocols": parse_subprotocols(fields),
        "state": state.copy(),
        "extensions": {"websocket.http.response": {}},
    }


def raw_path_of(request: Request) -> bytes:
    """Return the path of a target as it was sent, with its escapes and without its query."""
    target = request.target
    if target[0] != "/":
        target = origin_form(target)
    return target.partition("?")[0].encode("latin-1")


def header_pairs(request: Request, fields: FieldLines) -> list[tuple[bytes, bytes]]:
    """Return header fields as bytes, names in lower case; the host is the one that is asked for.

    An absolute target has the host of the request, and `Forwarded` tells another one, too.

    Args:
        request: The request.
        fields: Those of the request.
    """
    host = request.host
    if host and ("host", host) not in fields:
        fields = [("host", host), *[field for field in fields if field[0] != "host"]]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def takes_trailers(fields: FieldLines) -> bool:
    """Tell whether a client of HTTP/1.1 has said that it takes trailers (RFC 9110 section 10.1.4).

    Args:
        fields: The fields of its request.
    """
    return any(
        option.strip(" \t").lower() == "trailers"
        for name, value in fields
        if name == "te"
        for option in value.split(",")
    )
