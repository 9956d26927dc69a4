"""The protocols that connections are served by, and how one of them is chosen.

A protocol is a row of `PROTOCOLS`, and a folder of what speaks it. What is needed to add one is its
row above that of HTTP/1.1: the server prefers what stands higher, and offers all names in ALPN (RFC
7301) where TLS is spoken. HTTP/1.1 takes every connection that no other protocol does.

Without ALPN a client of HTTP/2 begins with bytes that HTTP/1.1 reserves for it (RFC 9113 section
3.4). HTTP/1.1, which reads them, ends without an answer then, and leaves the connection, with what
was read, to HTTP/2. So no connection of HTTP/1.1 pays for a look at its first bytes.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import trio

from hump_trio.facts.loggers import logger
from hump_trio.server.connection import Connection
from hump_trio.server.http1.leaders import Leaders
from hump_trio.server.http1.wire import make_lane, open_turns, serve_http1
from hump_trio.server.http2.keeper import serve_http2
from hump_trio.transports.transport import HTTP_1_1, Transport

__all__ = [
    "Leaders",
    "make_lane",
    "may_wait",
    "open_turns",
    "protocol_names",
    "serve_connection",
    "serve_handed_over",
]

HTTP_2 = "h2"


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """A protocol that connections are served by.

    Args:
        name: In ALPN (RFC 7301).
        serve: Serves a connection whose handshake is over until it ends, and closes its
            transport. Nothing that goes wrong on a connection is raised: it is logged. Cancelled,
            it leaves no message that looks whole and isn't.
    """

    name: str
    serve: Callable[[Connection], Coroutine[Any, Any, None]]


PROTOCOLS = (WireProtocol(HTTP_2, serve_http2), WireProtocol(HTTP_1_1, serve_http1))

# A name that an `ssl.SSLContext` of the program's has agreed on may be none of these.
FALLBACK = PROTOCOLS[-1]
BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}


def protocol_names(*, http2: bool) -> tuple[str, ...]:
    """Return what a server offers in ALPN, the preferred name first.

    Args:
        http2: Whether HTTP/2 is spoken.
    """
    return tuple(each.name for each in PROTOCOLS if http2 or each.name != HTTP_2)


def may_wait(transport: Transport) -> bool:
    """Tell whether a connection that was just accepted needs no task to wait for a request."""
    return not transport.needs_handshake and transport.watchable


def serve_connection(connection: Connection) -> Coroutine[Any, Any, None]:
    """Serve a connection until it ends, by the protocol that its handshake agrees on.

    Its transport is closed then, unless the connection was handed over: `serve_handed_over` has to
    follow. Only a connection with a handshake pays for a coroutine that waits for it.

    Cancellation: a running handler is cancelled; a message under way is reset, never made to
    look whole.
    """
    if connection.transport.needs_handshake:
        return serve_after_handshake(connection)
    return protocol_of(connection).serve(connection)


def serve_handed_over(connection: Connection) -> Coroutine[Any, Any, None]:
    """Serve a connection that HTTP/1.1 has handed over until it ends; its transport is closed then.

    The wait for the first request goes on, with the deadline that it had.

    Cancellation: the same as that of `serve_connection`.
    """
    connection.clock.scope = trio.CancelScope()
    received, connection.handed_over = connection.handed_over, b""
    return serve_http2(connection, received)


async def serve_after_handshake(connection: Connection) -> None:
    """Serve a connection that begins with a handshake; one that comes to no end is closed."""
    established = False
    try:
        with connection.clock.scope as scope:
            await connection.shake_hands()
        established = not scope.cancel_called
    except trio.BrokenResourceError as error:
        logger.debug("the peer has gone: %s", error)
    finally:
        if not established:
            connection.transport.close()
    if established:
        protocol = protocol_of(connection)
        if protocol is FALLBACK and connection.state.shared(Leaders).keep(connection):
            return  # as one that was just accepted, where there is no handshake
        connection.clock.scope = trio.CancelScope()
        await protocol.serve(connection)


def protocol_of(connection: Connection) -> WireProtocol:
    """Return the protocol that a connection is served by."""
    return BY_NAME.get(connection.transport.protocol, FALLBACK)
