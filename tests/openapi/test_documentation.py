"""An app serves its document, and a page that shows it."""

from pathlib import Path
from typing import Any

import pytest

from hump_trio import Hump, RouteError, Router
from hump_trio.content.standard_json import StandardJson
from hump_trio.openapi.page import PAGE_POLICY
from hump_trio.testing import client
from tests.openapi.documented import index


async def test_hidden_routes_are_left_out() -> None:
    """Alone, or with their router, unless they say otherwise; they are served all the same."""
    app, pages = Hump(), Router("/pages", hidden=True)
    app.openapi(title="A", version="1", tags={"teas": "What is sold."})
    app.get("/hidden", hidden=True)(index)
    app.get("/shown", name="shown", tags=["teas"])(index)
    pages.get("/hidden", name="hidden")(index)
    pages.get("/shown", hidden=False, name="also")(index)
    app.include(pages)
    async with client(app) as http:
        document = (await http.get("/openapi.json")).json()
        assert (await http.get("/hidden")).text == "-"
    assert list(document["paths"]) == ["/shown", "/pages/shown"]
    assert document["paths"]["/shown"]["get"]["tags"] == ["teas"]
    assert "tags" not in document["paths"]["/pages/shown"]["get"]
    assert document["tags"] == [{"name": "teas", "description": "What is sold."}]


async def test_app_publishes_its_document_and_a_page() -> None:
    """At paths that aren't in it, with what is registered later, and without the server's own."""
    app = Hump()
    app.openapi(title="Items", version="2", description="All of them.")
    app.get("/{name}")(other_text_by_name)
    app.static("/files", Path(__file__).parent, index=True)
    async with client(app) as http:
        answer = await http.get("/openapi.json")
        page = await http.get("/docs")
        again = await http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Items", "version": "2", "description": "All of them."}
    assert {path: list(item) for path, item in document["paths"].items()} == {"/{name}": ["get"]}
    assert "components" not in document
    assert again.content == answer.content
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == PAGE_POLICY
    assert "other_text_by_name" in page.text


async def other_text_by_name(name: str) -> str:
    """Take a name."""
    return name


async def test_document_is_that_of_the_routes() -> None:
    """It is made anew for an app that got more of them before it was served again."""
    app = Hump()
    app.openapi(title="A", version="1", path="/api", docs=None)
    async with client(app) as http:
        before = (await http.get("/api")).json()
        docs = await http.get("/docs")
    app.get("/")(index)
    async with client(app) as http:
        after = (await http.get("/api")).json()
    assert (before["paths"], list(after["paths"]), docs.status_code) == ({}, ["/"], 404)


def test_publishing_is_checked_at_once() -> None:
    """Texts are texts, and a path that is taken is refused."""
    app = Hump()
    number: Any = 1
    with pytest.raises(TypeError, match="the version of an API is text, not 1"):
        app.openapi(title="A", version=number)
    with pytest.raises(TypeError, match="tags are descriptions by name, not 1"):
        app.openapi(title="A", version="1", tags=number)
    with pytest.raises(TypeError, match="a tag and its description are text, not 'a': 1"):
        app.openapi(title="A", version="1", tags={"a": number})
    app.get("/docs")(index)
    with pytest.raises(RouteError, match="GET /docs is taken by index"):
        app.openapi(title="A", version="1")


def test_publishing_takes_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the call says what to install."""
    monkeypatch.setattr("hump_trio.content.json_text.json_codec", StandardJson())
    with pytest.raises(TypeError, match=r"pip install 'hump-trio\[json\]'"):
        Hump().openapi(title="A", version="1")
