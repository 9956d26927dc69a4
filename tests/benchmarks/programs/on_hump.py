"""How every ASGI app here is served by hump_trio.

It is no program; those on hump_trio use it.
"""

import sys
from contextlib import ExitStack
from typing import Any

import trio

from hump_trio import TLS, Hump
from hump_trio.asgi import Asgi
from hump_trio.command.logs import logging_to
from hump_trio.command.options import Options

for_good = ExitStack()  # until the process ends


def enclose(asgi_app: Any) -> Hump:
    """Return the app that serves an ASGI app, as ``hump-trio --asgi`` makes it."""
    app = Hump("127.0.0.1")
    app.mount("", Asgi(asgi_app))
    return app


def log_requests(log_format: str) -> None:
    """Log from now on as ``hump-trio --log-format`` does, to stderr."""
    options = Options(app="an app that is here", log_format=log_format)
    for_good.enter_context(logging_to(sys.stderr.fileno(), options, {}))


def serve(app: Hump) -> None:
    """Serve an app as the command line says: its port, and a certificate and its key for TLS."""
    app.port = int(sys.argv[1])
    if sys.argv[2:]:
        app.tls = TLS(*sys.argv[2:])
    trio.run(app.serve)
