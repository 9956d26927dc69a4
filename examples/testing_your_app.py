"""Tests of an app: an httpx client in memory, through the whole server, without a port.

It needs the extra ``testing``. pytest-trio runs the functions (with ``trio_mode = true``), but
so does `trio.run`; on a `MockClock` a minute takes no time.

Try: pytest examples/testing_your_app.py
     python examples/testing_your_app.py  # serves the app: curl http://localhost:8342/Ada
"""

import trio
from trio.testing import MockClock

from hump_trio import Hump
from hump_trio.testing import client

app = Hump("", 8342)


@app.get("/{name}")
async def greet(name: str) -> str:
    if name == "sloth":
        await trio.sleep(60)
    return f"Hello, {name}!"


async def test_greets_by_name() -> None:
    """The name in the path is greeted."""
    async with client(app) as http:
        response = await http.get("/Ada")
    assert response.status_code == 200
    assert response.text == "Hello, Ada!"


async def test_gives_a_sloth_up(autojump_clock: MockClock) -> None:
    """A greeting that takes longer than the app's 30 seconds becomes a 503."""
    async with client(app) as http:
        response = await http.get("/sloth")
    assert response.status_code == 503


if __name__ == "__main__":
    trio.run(app.serve)
