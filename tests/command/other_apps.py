"""Apps of other interfaces, which tell what they are asked for and when they start and end."""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def tell(text: str) -> None:
    """Write a line, whole, as several processes do so."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what it was asked, and the body."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            tell(f"app: {phase}")
            await send({"type": f"lifespan.{phase}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    known = {name: scope[name] for name in ("method", "scheme", "http_version", "path")}
    answer = json.dumps({**known, "body": body.decode()}).encode()
    fields = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": answer})


def make_app() -> Any:
    """Return it."""
    return app


async def unready(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse to start."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse it with a traceback."""
    await receive()
    lines = "Traceback (most recent call last):\n  ...\nKeyError: 'tea'\n"
    await send({"type": "lifespan.startup.failed", "message": lines})


def old(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer with the same, by WSGI."""
    answer = json.dumps(
        {
            "method": environ["REQUEST_METHOD"],
            "scheme": environ["wsgi.url_scheme"],
            "http_version": environ["SERVER_PROTOCOL"].removeprefix("HTTP/").removesuffix(".0"),
            "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
            "body": environ["wsgi.input"].read().decode(),
        }
    ).encode()
    start_response("200 OK", [("content-type", "application/json")])
    return [answer]
