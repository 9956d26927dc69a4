"""A test of both programs, with a fake in place of the shelf.

Try: pytest examples/coming_from/test_quart_trio.py
"""

import pytest

from hump_trio.testing import client

from . import quart_trio_ours as ours
from . import quart_trio_theirs as theirs
from .fake_shelf import FakeShelf, open_fake
from .shelf import Shelf


async def test_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tea that is on the shelf is shown."""
    monkeypatch.setitem(theirs.app.extensions, "open_shelf", open_fake)
    http = theirs.app.test_client()
    assert (await (await http.get("/teas/1")).get_json())["name"] == "Assam"
    assert (await http.get("/teas/2")).status_code == 404


async def test_ours() -> None:
    """A tea that is on the shelf is shown."""
    async with client(ours.app, provide={Shelf: FakeShelf()}) as http:
        assert (await http.get("/teas/1")).json()["name"] == "Assam"
        assert (await http.get("/teas/2")).status_code == 404
