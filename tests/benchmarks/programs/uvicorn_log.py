"""uvicorn and a bare ASGI function, with a line in its access log for each request."""

from tests.benchmarks.programs.bare_asgi import app
from tests.benchmarks.programs.on_uvicorn import serve

if __name__ == "__main__":
    serve(app, access_log=True, log_level="info")
