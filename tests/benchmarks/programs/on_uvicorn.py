"""How every ASGI app here is served by uvicorn: with its fast parts, httptools and uvloop.

It is no program; those on uvicorn use it.
"""

import sys
from typing import Any

import uvicorn


def serve(app: Any, *, http: str = "httptools", http2: bool = False, **options: Any) -> None:
    """Serve an ASGI app as the command line says: its port, and a certificate and its key for TLS.

    Args:
        app: The app.
        http: What reads requests.
        http2: Whether it is to read those of HTTP/2, too.
        options: What else uvicorn is told.
    """
    more: dict[str, Any] = {"access_log": False, "log_level": "error", **options}
    if http2:
        more["http2"] = True
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http=http,
        **more,
        ssl_certfile=sys.argv[2] if sys.argv[2:] else None,
        ssl_keyfile=sys.argv[3] if sys.argv[2:] else None,
        timeout_keep_alive=75,  # as hump_trio's, so that idle connections stay to be measured
    )
