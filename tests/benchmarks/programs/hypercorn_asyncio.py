"""Hypercorn with its asyncio worker and a bare ASGI function."""

from tests.benchmarks.programs.bare_asgi import app
from tests.benchmarks.programs.on_hypercorn import serve

if __name__ == "__main__":
    serve(app, on_trio=False)
