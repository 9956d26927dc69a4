"""Visits of one browser to an app with sessions, under a wall clock of the test's own."""

import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import pytest
import trio

from hump_trio import Hump, MemorySessions, Request, Sessions
from hump_trio.testing import client

NEW, OLD = "new-" * 8, "old-" * 8
# What browsers send cookies to that are secure.
SITE = "https://testserver"


@dataclass
class Wall:
    """A clock on the wall, which a test moves.

    Args:
        now: Seconds of `time.time`.
    """

    now: float = 1_900_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """Give a clock in the place of the system's."""
    wall = Wall()
    monkeypatch.setattr(time, "time", wall)
    return wall


class WaitingStore:
    """A store that waits before and behind what it does, and notes each call.

    Attributes:
        noted: What was called, and with which id.
    """

    def __init__(self) -> None:
        self.inner = MemorySessions()
        self.noted: list[tuple[str, str]] = []

    async def load(self, id: str, /) -> dict[str, Any] | None:
        """Load between two waits."""
        await trio.lowlevel.checkpoint()
        self.noted.append(("load", id))
        data = await self.inner.load(id)
        await trio.lowlevel.checkpoint()
        return data

    async def save(self, id: str, data: dict[str, Any], seconds: int, /, *, new: bool) -> None:
        """Save between two waits."""
        await trio.lowlevel.checkpoint()
        self.noted.append(("save new" if new else "save", id))
        await self.inner.save(id, data, seconds, new=new)
        await trio.lowlevel.checkpoint()

    async def drop(self, id: str, /) -> None:
        """Drop between two waits."""
        await trio.lowlevel.checkpoint()
        self.noted.append(("drop", id))
        await self.inner.drop(id)
        await trio.lowlevel.checkpoint()


def an_app(**options: Any) -> Hump:
    """Return an app with sessions, whose handlers do by JSON what they are asked."""
    app = Hump()
    app.middleware(Sessions(**{"secrets": [NEW], **options}))

    @app.get("/")
    async def show(request: Request) -> dict[str, Any]:
        return request.session

    @app.get("/blind")
    async def look_elsewhere() -> str:
        return "blind"

    @app.post("/set")
    async def change(request: Request) -> dict[str, Any]:
        request.session.update(request.json())
        return request.session

    @app.post("/login")
    async def log_in(request: Request) -> str:
        request.session["user"] = request.body.decode()
        request.session.renew()
        return "in"

    @app.post("/logout")
    async def log_out(request: Request) -> str:
        request.session.clear()
        return "out"

    return app


def set_cookies(answer: Any) -> list[str]:
    """Return the values of all ``Set-Cookie`` fields of an answer."""
    return [value for name, value in answer.headers.multi_items() if name == "set-cookie"]


def cookie_of(answer: Any) -> str:
    """Return the one cookie that an answer sets, as a browser sends it back."""
    [value] = set_cookies(answer)
    return value.partition(";")[0]


def attributes_of(answer: Any, name: str = "session") -> dict[str, Any]:
    """Return the attributes of a cookie that an answer sets."""
    parsed = SimpleCookie(set_cookies(answer)[0])
    return {key: value for key, value in parsed[name].items() if value != ""}


async def shown(app: Hump, cookie: str) -> Any:
    """Return what the session of a cookie holds."""
    async with client(app, base_url=SITE) as http:
        answer = await http.get("/", headers={"cookie": cookie})
    assert answer.status_code == 200, answer.text
    return answer.json()
