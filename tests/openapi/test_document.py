"""A document has an operation for each route and method."""

import functools
import logging

import pytest

from hump_trio import Hump, Router, WebSocket
from hump_trio.dispatch.router import table_of
from hump_trio.openapi.document import document_of
from tests.openapi.documented import Item, documented, index, operation, route, silent


def test_paths_are_written_as_urls() -> None:
    """Without the types of parameters, and escaped."""
    document = documented(route("/ü+b/{a:int}", index))
    assert list(document["paths"]) == ["/%C3%BC+b/{a}"]


def test_docstrings_are_descriptions() -> None:
    """The first line is the summary; without a docstring there is neither."""
    said = operation(functools.partial(index))
    assert (said["summary"], said["description"]) == ("Show the start.", "And more\nof it.")
    assert operation(silent).keys() == {"operationId", "responses"}


def test_operations_have_names_of_their_own() -> None:
    """The route's or else the handler's; who comes later is told by method or number."""
    document = documented(
        route("/a", index, "GET", "POST"),
        route("/b", index, "POST"),
        route("/c", index, "POST"),
        route("/d", index, "GET", name="d"),
    )
    names = [each["operationId"] for item in document["paths"].values() for each in item.values()]
    assert names == ["index", "index_post", "index_2", "index_3", "d"]


def test_methods_that_openapi_lacks_are_left_out() -> None:
    """So is a path that has no others."""
    document = documented(
        route("/a", index, "GET", "BREW"),
        route("/b", index, "BREW"),
    )
    assert {path: list(item) for path, item in document["paths"].items()} == {"/a": ["get"]}


async def chat(ws: WebSocket) -> None:
    """Do nothing."""


def test_websockets_are_left_out() -> None:
    """A path has its other methods, if it has some."""
    app = Hump()
    app.get("/a")(index)
    app.websocket("/a")(chat)
    app.websocket("/b")(chat)
    document = document_of(table_of(app).routes, {})
    assert {path: list(item) for path, item in document["paths"].items()} == {"/a": ["get"]}


def test_paths_that_differ_by_type_alone_are_one(caplog: pytest.LogCaptureFixture) -> None:
    """They share the first's names; of two for one method the second is left out, and logged."""

    async def one(number: int) -> str:
        """Show one by number."""
        return "-"

    async def other(name: str) -> Item:
        """Show one by name."""
        return Item(name)

    with caplog.at_level(logging.WARNING, "hump_trio"):
        document = documented(
            route("/{number:int}", one, "GET"),
            route("/{name}", other, "GET", "PUT"),
            route("/{text:path}", other_text, "GET"),
        )
    [(path, item)] = document["paths"].items()
    assert path == "/{number}"
    assert {method: each["operationId"] for method, each in item.items()} == {
        "get": "one",
        "put": "other",
    }
    assert item["put"]["parameters"][0]["name"] == "number"
    assert [record.getMessage() for record in caplog.records] == [
        "the OpenAPI document can't tell /{name} from /{number:int} and leaves it out",
        "the OpenAPI document can't tell /{text:path} from /{number:int} and leaves it out",
    ]


async def other_text(text: str) -> str:
    """Take a path."""
    return text


def test_errors_and_tags_of_routers_add_up() -> None:
    """What the route says of a status goes before the router's words; each tag stands once."""
    app = Hump()
    outer = Router("/outer", raises={401: "Who are you?"}, tags=["all"])
    inner = Router("/inner", raises={401: "Who?", 404: "There is none."}, tags=["some", "all"])

    async def take() -> str:
        """Take it."""
        return "-"

    inner.get("/a", raises=[404, 409], tags=["one"])(take)
    inner.get("/b", raises={404: "Gone."}, name="b")(take)
    inner.get("/c", name="c")(take)
    outer.include(inner)
    app.include(outer)
    found = documented(*table_of(app).routes)["paths"]
    said = {
        path: {status: each["description"] for status, each in item["get"]["responses"].items()}
        for path, item in found.items()
    }
    assert said == {
        "/outer/inner/a": {"200": "OK", "401": "Who?", "404": "There is none.", "409": "Conflict"},
        "/outer/inner/b": {"200": "OK", "401": "Who?", "404": "Gone."},
        "/outer/inner/c": {"200": "OK", "401": "Who?", "404": "There is none."},
    }
    assert [item["get"]["tags"] for item in found.values()] == [
        ["all", "some", "one"],
        ["all", "some"],
        ["all", "some"],
    ]
