"""A bare WSGI function that does as little as it can.

It is no program; the servers of bare WSGI run it.
"""

from collections.abc import Callable, Iterable
from typing import Any

HEADERS = [("content-type", "text/plain; charset=utf-8"), ("content-length", "13")]


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with text, whatever is asked for."""
    start_response("200 OK", HEADERS)
    return [b"Hello, world!"]
