"""hump_trio and a bare ASGI function."""

from tests.benchmarks.programs import bare_asgi
from tests.benchmarks.programs.on_hump import enclose, serve

app = enclose(bare_asgi.app)

if __name__ == "__main__":
    serve(app)
