"""A test of both programs, with a fake in place of the shelf.

Try: pytest examples/coming_from/test_fastapi.py
"""

from fastapi.testclient import TestClient

from hump_trio.testing import client

from . import fastapi_ours as ours
from . import fastapi_theirs as theirs
from .fake_shelf import FakeShelf
from .shelf import Shelf


def test_theirs() -> None:
    """A tea that is on the shelf is shown."""
    theirs.app.dependency_overrides[theirs.get_shelf] = FakeShelf
    try:
        http = TestClient(theirs.app)
        assert http.get("/teas/1").json()["name"] == "Assam"
        assert http.get("/teas/2").status_code == 404
    finally:
        theirs.app.dependency_overrides.clear()


async def test_ours() -> None:
    """A tea that is on the shelf is shown."""
    async with client(ours.app, provide={Shelf: FakeShelf()}) as http:
        assert (await http.get("/teas/1")).json()["name"] == "Assam"
        assert (await http.get("/teas/2")).status_code == 404
