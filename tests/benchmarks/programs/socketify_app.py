"""socketify, which is uWebSockets under Python, and a bare handler."""

import sys
from typing import Any

from socketify import App, AppListenOptions


def hello(response: Any, request: Any) -> None:
    """Answer with text."""
    response.write_header("content-type", "text/plain; charset=utf-8")
    response.end("Hello, world!")


if __name__ == "__main__":
    app = App()
    app.get("/", hello)
    app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"), lambda _: None)
    app.run()
