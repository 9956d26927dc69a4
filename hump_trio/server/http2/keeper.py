"""The keeper of an HTTP/2 connection: what is done on it in the task of the connection itself."""

from contextlib import suppress

import trio

from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.frames import encode_goaway, encode_settings
from hump_trio.server.connection import Connection

__all__ = ["serve_http2"]


async def serve_http2(connection: Connection, received: bytes = b"") -> None:
    """Serve a connection by HTTP/2 until it ends; its transport is closed then.

    So far its client is told to speak HTTP/1.1.

    Args:
        connection: Its handshake is over, if it has one, and nothing was answered on it.
        received: What was read of it already.
    """
    strong = connection.transport.strong_cipher
    code = ErrorCode.HTTP_1_1_REQUIRED if strong else ErrorCode.INADEQUATE_SECURITY
    try:
        with connection.clock.scope, suppress(trio.BrokenResourceError):
            await connection.write(encode_settings([]) + encode_goaway(0, code))
            await connection.linger()
    finally:
        connection.close()
