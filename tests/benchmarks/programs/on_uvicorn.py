"""How every ASGI app here is served by uvicorn: with its fast parts, httptools and uvloop.

It is no program; those on uvicorn use it.
"""

import sys
from typing import Any

import uvicorn


def serve(app: Any) -> None:
    """Serve an ASGI app on the port that the command line names."""
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
        timeout_keep_alive=75,  # as hump_trio's, so that idle connections stay to be measured
    )
