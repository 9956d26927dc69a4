"""A test of both programs, with a fake in place of the shelf.

Try: pytest examples/coming_from/test_starlette.py
"""

import pytest
from starlette.testclient import TestClient

from hump_trio.testing import client

from . import starlette_ours as ours
from . import starlette_theirs as theirs
from .fake_shelf import FakeShelf, open_fake
from .shelf import Shelf


def test_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tea that is on the shelf is shown."""
    monkeypatch.setattr(theirs.app.state, "open_shelf", open_fake, raising=False)
    http = TestClient(theirs.app)
    assert http.get("/teas/1").json()["name"] == "Assam"
    assert http.get("/teas/2").status_code == 404


async def test_ours() -> None:
    """A tea that is on the shelf is shown."""
    async with client(ours.app, provide={Shelf: FakeShelf()}) as http:
        assert (await http.get("/teas/1")).json()["name"] == "Assam"
        assert (await http.get("/teas/2")).status_code == 404
