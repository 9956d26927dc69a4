"""Sessions in Redis, which all processes share, and which end where they are ended.

The cookie is a signed id. A log-out drops the session, whoever has a copy of the cookie; a request
that is under way meanwhile doesn't bring it back, since it saves only what is still there (XX).

While Redis is away, who has a cookie gets a 503, and nobody is logged out by that.

Try: redis-server
     SECRET=$(openssl rand -hex 32) hump-trio --workers 2 examples.recipes.redis_sessions:app
     curl -c jar http://localhost:8342/login -d name=Ada
     curl -b jar http://localhost:8342/
     curl -b jar http://localhost:8342/logout -X POST; curl -b jar http://localhost:8342/
"""

import json
import os
import secrets
from collections.abc import AsyncIterator
from typing import Any, Literal

import trio
from coredis import PureToken, Redis
from coredis.exceptions import ConnectionError

from hump_trio import HttpException, Hump, Request, Response, SameOrigin, Sessions, statuses


class RedisSessions:
    """Sessions in Redis, as `hump_trio.SessionStore` says."""

    def __init__(self, redis: Redis[str]) -> None:
        self._redis = redis

    async def load(self, id: str, /) -> dict[str, Any] | None:
        """Return what is kept of a session."""
        text = await self._redis.get(f"session:{id}")
        return None if text is None else json.loads(text)

    async def save(self, id: str, data: dict[str, Any], seconds: int, /, *, new: bool) -> None:
        """Keep a session that is new, or still there."""
        only: Literal[PureToken.NX, PureToken.XX] = PureToken.NX if new else PureToken.XX
        await self._redis.set(f"session:{id}", json.dumps(data), ex=seconds, condition=only)

    async def drop(self, id: str, /) -> None:
        """End a session."""
        await self._redis.delete([f"session:{id}"])


SECRET = os.environ.get("SECRET") or secrets.token_urlsafe(32)
redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379"), decode_responses=True)
app = Hump("", 8342)
app.middleware(Sessions(secrets=[SECRET], store=RedisSessions(redis)))
app.middleware(SameOrigin())


@app.lifespan
async def connected(app: Hump) -> AsyncIterator[None]:
    async with redis:
        yield


@app.exception_handler(ConnectionError)
async def answer_unavailable(request: Request, error: ConnectionError) -> Response:
    raise HttpException(statuses.SERVICE_UNAVAILABLE, "nobody can be told apart now") from error


@app.post("/login")
async def log_in(request: Request) -> str:
    request.session["user"] = request.form()["name"]
    request.session.renew()
    return "welcome"


@app.get("/")
async def index(request: Request) -> str:
    return f"Hello, {request.session.get('user', 'stranger')}!"


@app.post("/logout")
async def log_out(request: Request) -> str:
    request.session.clear()
    return "bye"


if __name__ == "__main__":
    trio.run(app.serve)
