"""The examples of everyday web work do what their docstrings say."""

from hashlib import sha256
from pathlib import Path

import pytest

from examples import forms, routers
from hump_trio.testing import client
from tests.loopback import served
from tests.test_clients import curl


async def test_routers__are_one_app() -> None:
    """The shop's routes, middleware and errors are there below its prefix, and only there."""
    async with client(routers.app) as http:
        index = await http.get("/")
        tea = await http.get(index.json()["tea"])
        coffee = await http.get("/shop/items/coffee")
    assert "x-shop" not in index.headers
    assert (tea.json(), tea.headers["x-shop"]) == ({"tea": 3}, "open")
    assert (coffee.status_code, coffee.text) == (404, "we are out of that")


async def test_forms__a_picture_and_a_name() -> None:
    """The page greets whom the cookie names; a form's file is summed up, however it is called."""
    async with client(forms.app) as http:
        stranger = await http.get("/")
        files = {"picture": ("<i>.png", b"picture" * 20_000, "image/png")}
        sent = await http.post("/", data={"name": "<Ada> & co; ü"}, files=files)
        known = await http.get("/")
        sizes = await http.post("/sizes", files=[("files", ("a", b"1")), ("files", ("b", b""))])
        empty = await http.post("/", data={"name": "Ada"}, files={"picture": ("", b"")})
    digest = sha256(b"picture" * 20_000).hexdigest()
    assert "Hello, stranger!" in stranger.text
    assert f"&lt;i&gt;.png: 140000 bytes, {digest}" in sent.text
    assert "Hello, &lt;Ada&gt; &amp; co; ü!" in known.text
    assert sizes.json() == {"a": 1, "b": 0}
    assert (empty.status_code, empty.text) == (400, "the field 'picture' is missing")


@pytest.mark.program("curl")
async def test_forms__with_curl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the docstring, on a free port."""
    monkeypatch.setattr(forms.app, "host", "127.0.0.1")
    monkeypatch.setattr(forms.app, "port", 0)
    jar = str(tmp_path / "jar")
    async with served(forms.app) as url:
        readme = f"picture=@{Path(__file__).parent.parent / 'README.md'}"
        sent = await curl("-c", jar, "-F", "name=Ada", "-F", readme, f"{url}/")
        known = await curl("-b", jar, f"{url}/")
    assert "README.md: " in sent
    assert "Hello, Ada!" in known
