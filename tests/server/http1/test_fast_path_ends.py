"""The fast path hands over what it has begun, and leaves nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request
from hump_trio.testing import RawConnection, connect
from tests.support.wire import ask, read_to_end, read_until, request


@asynccontextmanager
async def connect_again(app: Hump) -> AsyncIterator[RawConnection]:
    """Give a connection whose requests have the fields of earlier ones, which the fast path needs.

    It serves no other.
    """
    async with connect(app) as raw:
        await ask(app, request("POST", "/", "Connection: close", body=b"x"), "POST")
        yield raw


async def test_who_lingers_is_closed_without_a_word(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that said that it asks for nothing more, then sent something, and stays."""
    app = Hump()

    @app.post("/")
    async def index() -> str:
        await trio.sleep(0.1)
        return "hello"

    async with connect_again(app) as raw:
        await raw.send(request("POST", "/", "Connection: close", body=b"x"))
        await trio.sleep(0.05)
        await raw.send(b"more")
        assert (await read_to_end(raw)).endswith(b"hello")
        await trio.sleep(10)
        assert app.statistics().connection_count == 2
        assert not app.statistics().connections
    assert not caplog.records


@pytest.mark.parametrize("changed", [b"less", b"more than it was", None])
@pytest.mark.parametrize("path", ["/", "/large"])
async def test_what_was_held_of_a_body_is_given_back(
    changed: Any, path: str, autojump_clock: MockClock
) -> None:
    """Whatever the app has made of it since, whoever sends the answer."""
    app = Hump()

    @app.post("/")
    @app.post("/large")
    async def index(request: Request) -> bytes:
        request.body = changed
        return bytes(200_000 if request.path == "/large" else 10)

    async with connect_again(app) as raw:
        await raw.send(request("POST", path, "Connection: close", body=b"a body"))
        await read_to_end(raw)
        assert app.statistics().buffered_bytes == 0


async def test_an_idle_connection_holds_nothing_of_its_request(autojump_clock: MockClock) -> None:
    """Not in the variables of its task, of which there may be thousands."""
    app = Hump()
    tasks = []

    @app.get("/items/{name}")
    async def items(name: str) -> str:
        tasks.append(trio.lowlevel.current_task())
        return "here"

    @app.post("/")
    async def index() -> str:
        return "hello"

    async with connect_again(app) as raw:
        await raw.send(request("GET", "/items/marked"))
        await read_until(raw, b"here")
        names = [frame.f_code.co_name for frame, _ in tasks[0].iter_await_frames()]
        assert "serve_peers" in names
        for frame, _ in tasks[0].iter_await_frames():
            assert "marked" not in repr(frame.f_locals)
