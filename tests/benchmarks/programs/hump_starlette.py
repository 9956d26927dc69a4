"""Starlette on hump_trio."""

from tests.benchmarks.programs import starlette_routes
from tests.benchmarks.programs.on_hump import enclose, serve

app = enclose(starlette_routes.app)

if __name__ == "__main__":
    serve(app)
