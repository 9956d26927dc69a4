"""uvicorn with zttp, which speaks HTTP/2, and a bare ASGI function."""

from tests.benchmarks.programs.bare_asgi import app
from tests.benchmarks.programs.on_uvicorn import serve

if __name__ == "__main__":
    serve(app, http="zttp", http2=True)
