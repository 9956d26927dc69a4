"""Tests of an app: an httpx client in memory, through the whole server, without a port.

They need the extra ``testing`` and pytest. What runs async functions is one of pytest-trio (with
``trio_mode = true``), anyio's plugin (with ``anyio_mode = auto``, and the fixture `anyio_backend`)
and `trio.run`. Plain functions need none of these, with a `blocking_client`. On an `AutojumpClock`
a minute takes no time, and what runs in a thread has all it needs. A client with ``tls=True`` sends
secure cookies. One with ``raise_errors=True`` raises what the log calls a crash.

Try: pytest examples/testing_your_app.py
     python examples/testing_your_app.py  # serves the app: curl http://localhost:8342/Ada
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import trio

from hump_trio import Hump, Request, Response
from hump_trio.testing import AutojumpClock, blocking_client, client

app = Hump("", 8342)


@app.get("/{name}")
async def greet(name: str) -> str:
    if name == "sloth":
        await trio.sleep(60)
    if name == "nobody":
        raise LookupError(name)
    return f"Hello, {name}!"


@app.post("/login")
async def log_in(request: Request) -> Response:
    digest = await trio.to_thread.run_sync(
        hashlib.pbkdf2_hmac, "sha256", request.body, b"salt", 100_000
    )
    response = Response("welcome")
    response.set_cookie("session", digest.hex(), secure=True)
    return response


@app.get("/me/session")
async def show_session(request: Request) -> str:
    return request.cookies.get("session", "none")


@pytest.fixture
def clock() -> AutojumpClock:
    return AutojumpClock()


@pytest.fixture
def anyio_backend(clock: AutojumpClock) -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": clock}  # for anyio's plugin alone


async def test_greets_by_name() -> None:
    """The name in the path is greeted."""
    async with client(app) as http:
        response = await http.get("/Ada")
    assert response.status_code == 200
    assert response.text == "Hello, Ada!"


async def test_gives_a_sloth_up(clock: AutojumpClock) -> None:
    """A greeting that takes longer than the app's 30 seconds becomes a 503."""
    async with client(app) as http:
        response = await http.get("/sloth")
    assert response.status_code == 503


async def test_remembers_who_logs_in(clock: AutojumpClock) -> None:
    """The password is hashed in a thread, and its cookie goes over HTTPS alone."""
    async with client(app, tls=True) as http:
        assert (await http.post("/login", content="secret")).text == "welcome"
        assert len((await http.get("/me/session")).text) == 64


async def test_knows_nobody() -> None:
    """What a handler raises is raised where it was asked."""
    async with client(app, raise_errors=True) as http:
        with pytest.raises(LookupError, match="nobody"):
            await http.get("/nobody")


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with blocking_client(app) as http:
        yield http


def test_greets_a_plain_function(http: httpx2.Client) -> None:
    """The app runs in a thread meanwhile, on a clock that doesn't jump."""
    assert http.get("/Ada").text == "Hello, Ada!"


if __name__ == "__main__":
    trio.run(app.serve)
