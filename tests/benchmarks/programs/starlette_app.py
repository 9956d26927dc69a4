"""Starlette on uvicorn."""

from tests.benchmarks.programs.on_uvicorn import serve
from tests.benchmarks.programs.starlette_routes import app

if __name__ == "__main__":
    serve(app)
