"""Starlette on Hypercorn with its Trio worker."""

from tests.benchmarks.programs.on_hypercorn import serve
from tests.benchmarks.programs.starlette_routes import app

if __name__ == "__main__":
    serve(app)
