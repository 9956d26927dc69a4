"""h2corn and a bare ASGI function: one worker, one thread for Rust."""

import sys
from pathlib import Path

from h2corn import Config, serve

from tests.benchmarks.programs.bare_asgi import app

if __name__ == "__main__":
    serve(
        app,
        Config(
            bind=(f"127.0.0.1:{sys.argv[1]}",),
            access_log=False,
            certfile=Path(sys.argv[2]) if sys.argv[2:] else None,
            keyfile=Path(sys.argv[3]) if sys.argv[2:] else None,
        ),
    )
