"""Tests of an app: an httpx client in memory, through the whole server, without a port.

It needs the extra ``testing``, pytest and pytest-trio, which runs the functions (with
``trio_mode = true``); so does `trio.run`. On an `AutojumpClock` a minute takes no time, and what
runs in a thread has all it needs. A client whose base is ``https://`` sends secure cookies.

Try: pytest examples/testing_your_app.py
     python examples/testing_your_app.py  # serves the app: curl http://localhost:8342/Ada
"""

import hashlib

import pytest
import trio

from hump_trio import Hump, Request, Response
from hump_trio.testing import AutojumpClock, client

app = Hump("", 8342)


@app.get("/{name}")
async def greet(name: str) -> str:
    if name == "sloth":
        await trio.sleep(60)
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
    async with client(app, base_url="https://testserver") as http:
        assert (await http.post("/login", content="secret")).text == "welcome"
        assert len((await http.get("/me/session")).text) == 64


if __name__ == "__main__":
    trio.run(app.serve)
