"""How every ASGI app here is served by Hypercorn, on Trio.

It is no program; those on Hypercorn use it.
"""

import sys
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as serve_trio


def serve(app: Any) -> None:
    """Serve an ASGI app on the port that the command line names."""
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.keep_alive_timeout = 75  # as hump_trio's, so that idle connections stay
    config.loglevel = "error"
    trio.run(serve_trio, app, config)
