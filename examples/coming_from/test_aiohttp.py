"""A test of both programs, with a fake in place of the shelf.

Try: pytest examples/coming_from/test_aiohttp.py
"""

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hump_trio.testing import client

from . import aiohttp_ours as ours
from . import aiohttp_theirs as theirs
from .fake_shelf import FakeShelf, open_fake
from .shelf import Shelf


async def ask_theirs(app: web.Application) -> None:
    async with TestClient(TestServer(app)) as http:
        async with http.get("/teas/1") as answer:
            assert (await answer.json())["name"] == "Assam"
        async with http.get("/teas/2") as answer:
            assert answer.status == 404


def test_theirs() -> None:
    """A tea that is on the shelf is shown."""
    asyncio.run(ask_theirs(theirs.make_app(open_fake)))


async def test_ours() -> None:
    """A tea that is on the shelf is shown."""
    async with client(ours.make_app(), provide={Shelf: FakeShelf()}) as http:
        assert (await http.get("/teas/1")).json()["name"] == "Assam"
        assert (await http.get("/teas/2")).status_code == 404
