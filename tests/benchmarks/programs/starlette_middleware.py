"""Starlette on uvicorn with what it, and uvicorn, have in place of our six middlewares.

Two of them have no part in either. They are written here as plainly as ASGI allows, without the
class of Starlette's that costs the most.
"""

from secrets import token_hex
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.benchmarks.programs.bare_asgi import Receive, Send
from tests.benchmarks.programs.on_uvicorn import serve
from tests.benchmarks.programs.starlette_routes import hello

SECURITY_FIELDS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
]


class RequestIdMiddleware:
    """Names each request."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Let the answer have the name that the request's state has."""
        name = token_hex(16)
        scope.setdefault("state", {})["request_id"] = name

        async def send_named(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-request-id", name.encode()))
            await send(message)

        await self.app(scope, receive, send_named)


class SecurityHeadersMiddleware:
    """Adds fields that browsers heed."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Let the answer have the fields."""

        async def send_secured(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"].extend(SECURITY_FIELDS)
            await send(message)

        await self.app(scope, receive, send_secured)


app = Starlette(
    routes=[Route("/", hello)],
    middleware=[
        Middleware(RequestIdMiddleware),
        Middleware(ProxyHeadersMiddleware, trusted_hosts=["127.0.0.0/8"]),
        Middleware(SecurityHeadersMiddleware),
        Middleware(
            CORSMiddleware, allow_origins=["https://shop.example"], allow_headers=["content-type"]
        ),
        Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "*.shop.example"]),
        Middleware(GZipMiddleware, minimum_size=1024),
    ],
)

if __name__ == "__main__":
    serve(app, proxy_headers=False)
