"""Robyn, a server in Rust with handlers in Python: one process, one thread for Rust."""

import sys

from robyn import Response, Robyn

app = Robyn(__file__)


@app.get("/")
async def hello() -> Response:
    """Answer with text."""
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Response(status_code=200, headers=headers, description="Hello, world!")


if __name__ == "__main__":
    port = int(sys.argv.pop())  # Robyn reads the rest, which is to be its own
    app.start(host="127.0.0.1", port=port)
