"""A test of both programs, with a fake in place of the shelf.

Try: pytest examples/coming_from/test_flask.py
"""

from hump_trio.testing import blocking_client

from . import flask_ours as ours
from . import flask_theirs as theirs
from .fake_shelf import FakeShelf, open_fake
from .shelf import Shelf


def test_theirs() -> None:
    """A tea that is on the shelf is shown."""
    http = theirs.make_app(open_fake).test_client()
    assert http.get("/teas/1").get_json()["name"] == "Assam"
    assert http.get("/teas/2").status_code == 404


def test_ours() -> None:
    """A tea that is on the shelf is shown."""
    with blocking_client(ours.make_app(), provide={Shelf: FakeShelf()}) as http:
        assert http.get("/teas/1").json()["name"] == "Assam"
        assert http.get("/teas/2").status_code == 404
