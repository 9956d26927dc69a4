"""How every ASGI app here is served by Hypercorn.

It is no program; those on Hypercorn use it.
"""

import asyncio
import sys
from typing import Any

import trio
from hypercorn.asyncio import serve as serve_asyncio
from hypercorn.config import Config
from hypercorn.trio import serve as serve_trio


def serve(app: Any, *, on_trio: bool = True) -> None:
    """Serve an ASGI app as the command line says: its port, and a certificate and its key for TLS.

    Args:
        app: The app.
        on_trio: Whether on Trio, and not on asyncio.
    """
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.keep_alive_timeout = 75  # as hump_trio's, so that idle connections stay
    config.keep_alive_max_requests = sys.maxsize  # it ends a connection after 1,000 else
    config.loglevel = "error"
    if sys.argv[2:]:
        config.certfile, config.keyfile = sys.argv[2:]
    if on_trio:
        trio.run(serve_trio, app, config)
    else:
        asyncio.run(serve_asyncio(app, config))
