"""The OpenAPI document says what the signatures and options of routes say."""

import functools
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from msgspec import Meta

from hump_trio import (
    Body,
    Cookie,
    EventStream,
    Header,
    HtmlResponse,
    Hump,
    JsonResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    RouteError,
    Router,
    UploadFile,
)
from hump_trio.content.standard_json import StandardJson
from hump_trio.dispatch.router import table_of
from hump_trio.openapi.document import document_of
from hump_trio.openapi.page import PAGE_POLICY
from hump_trio.routing.table import Route
from hump_trio.testing import client

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
ERROR = {"text/plain": {"schema": {"type": "string"}}, **PROBLEM}
DECIMAL = {"type": "string", "format": "decimal"}
ITEM = {"$ref": "#/components/schemas/Item"}


class Colour(Enum):
    """A choice."""

    RED = "red"


@dataclass
class Item:
    """What is sold."""

    name: str
    parts: "list[Item]" = field(default_factory=list)


@dataclass
class Flat:
    """What a form has too."""

    user: str
    age: int | None = None


class Opaque:
    """What JSON has nothing for."""


def route(template: str, handler: Any, *methods: str, **options: Any) -> Route:
    """Return a route, for GET if no method is given."""
    return Route(template=template, handler=handler, methods=methods or ("GET",), **options)


def documented(*routes: Route) -> dict[str, Any]:
    """Return the document of routes, as a client reads it."""
    document = document_of(routes, {"title": "A", "version": "1"})
    read: dict[str, Any] = json.loads(json.dumps(document))
    return read


def operation(handler: Any, path: str = "/", method: str = "GET", **options: Any) -> dict[str, Any]:
    """Return what the document says of one handler."""
    document = documented(route(path, handler, method, **options))
    [item] = document["paths"].values()
    [(name, found)] = item.items()
    assert name == method.lower()
    said: dict[str, Any] = found
    return said


def parameter(annotation: Any, *default: Any) -> dict[str, Any]:
    """Return what the document says of a handler's one parameter."""

    async def handler(value: Any) -> str:
        """Take it."""
        return "-"

    handler.__annotations__["value"] = annotation
    handler.__defaults__ = default or None
    [found] = operation(handler)["parameters"]
    said: dict[str, Any] = found
    return said


def answers(annotation: Any, **options: Any) -> dict[str, Any]:
    """Return what the document says of the answers of a handler with a return annotation."""

    async def handler() -> Any:
        """Return it."""

    handler.__annotations__["return"] = annotation
    said: dict[str, Any] = operation(handler, **options)["responses"]
    return said


@pytest.mark.parametrize(
    ("annotation", "default", "schema"),
    [
        (int, (), {"type": "integer"}),
        (int, (7,), {"type": "integer", "default": 7}),
        (float, (), {"type": "number"}),
        (bool, (False,), {"type": "boolean", "default": False}),
        (str | None, (None,), {"type": "string"}),
        (date, (date(2026, 1, 2),), {"type": "string", "format": "date", "default": "2026-01-02"}),
        (UUID, (), {"type": "string", "format": "uuid"}),
        (
            int | Literal["all"],
            (),
            {"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["all"]}]},
        ),
        (Literal["a"] | None, (None,), {"type": "string", "enum": ["a"]}),
        (
            Literal["a", 3, "b"],
            ("a",),
            {
                "anyOf": [
                    {"type": "integer", "enum": [3]},
                    {"type": "string", "enum": ["a", "b"]},
                ],
                "default": "a",
            },
        ),
        (
            Annotated[int, Meta(ge=1, description="How many.")],
            (),
            {"type": "integer", "minimum": 1, "description": "How many."},
        ),
        (Colour, (Colour.RED,), {"$ref": "#/components/schemas/Colour", "default": "red"}),
    ],
)
def test_parameters_have_schemas(annotation: Any, default: Any, schema: Any) -> None:
    """As msgspec gives them, with defaults; a text that is left out is never null, but empty."""
    said = parameter(annotation, *default)
    empty = {"allowEmptyValue": True} if default and annotation is not bool else {}
    assert said == {
        "name": "value",
        "in": "query",
        "required": not default,
        "schema": schema,
        **empty,
    }


def test_lists_are_repeated_names() -> None:
    """A list of the query is a name that comes again and again."""
    said = parameter(tuple[int, ...], ())
    assert (said["style"], said["explode"]) == ("form", True)
    assert said["schema"] == {"type": "array", "items": {"type": "integer"}, "default": []}


@pytest.mark.parametrize(
    ("marker", "place", "name"),
    [
        (Query("per-page"), "query", "per-page"),
        (Header(), "header", "value"),
        (Header("X-Token"), "header", "x-token"),
        (Cookie("session"), "cookie", "session"),
    ],
)
def test_parameters_have_their_outer_names(marker: Any, place: str, name: str) -> None:
    """An alias is the name that clients use."""
    said = parameter(Annotated[str, marker])
    assert (said["in"], said["name"], said["required"]) == (place, name, True)


def test_path_parameters_are_those_of_the_template() -> None:
    """Each is there, even if no handler takes it; what the handler says of its type counts."""

    async def handler(day: date, rest: str) -> str:
        """Take some of them."""
        return rest

    said = operation(handler, "/{a}/{b:int}/{c:float}/{d:uuid}/{day}/ü:1/{rest:path}")
    described = "All that is left of the path, its slashes included."
    assert said["parameters"] == [
        {"name": name, "in": "path", "required": True, **more, "schema": {"type": kind, **schema}}
        for name, kind, schema, more in (
            ("a", "string", {}, {}),
            ("b", "integer", {}, {}),
            ("c", "number", {}, {}),
            ("d", "string", {"format": "uuid"}, {}),
            ("day", "string", {"format": "date"}, {}),
            ("rest", "string", {}, {"description": described}),
        )
    ]
    assert list(said["responses"]) == ["200", "404", "422"]


def test_paths_are_written_as_urls() -> None:
    """Without the types of parameters, and escaped."""
    document = documented(route("/ü+b/{a:int}", index))
    assert list(document["paths"]) == ["/%C3%BC+b/{a}"]


async def index() -> str:
    """Show the start.

    And more
    of it.
    """
    return "-"


async def silent(request: Request) -> Any:
    """Say nothing: see below."""
    return "-"


silent.__doc__ = None


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


def body(annotation: Any, *default: Any, **options: Any) -> dict[str, Any]:
    """Return the operation of a handler that takes a body."""

    async def handler(value: Any) -> str:
        """Take it."""
        return "-"

    handler.__annotations__["value"] = annotation
    handler.__defaults__ = default or None
    return operation(handler, method="POST", **options)


def test_bodies_are_json() -> None:
    """With what binding answers to those that don't fit."""
    said = body(list[Item])
    content = {"application/json": {"schema": {"type": "array", "items": ITEM}}}
    assert said["requestBody"] == {"required": True, "content": content}
    assert list(said["responses"]) == ["200", "400", "415", "422"]
    assert said["responses"]["415"]["content"] == PROBLEM


def test_bodies_are_forms_where_the_marker_says_so() -> None:
    """In a form, a field that is left out isn't null."""
    assert list(body(Flat)["requestBody"]["content"]) == ["application/json"]
    content = body(Annotated[Flat, Body(form=True)])["requestBody"]["content"]
    assert content["application/json"] == {"schema": {"$ref": "#/components/schemas/Flat"}}
    form = content["application/x-www-form-urlencoded"]["schema"]
    assert form == {
        "title": "Flat",
        "description": "What a form has too.",
        "type": "object",
        "properties": {"user": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["user"],
    }
    entries = body(Annotated[dict[str, int], Body(form=True)])["requestBody"]["content"]
    assert len({json.dumps(each) for each in entries.values()}) == 1


def test_marked_bodies_are_json_of_any_type() -> None:
    """With their constraints."""
    said = body(Annotated[list[int] | float, Meta(description="Numbers."), Body()])["requestBody"]
    schema = said["content"]["application/json"]["schema"]
    assert schema["description"] == "Numbers."
    assert schema["anyOf"] == [{"type": "array", "items": {"type": "integer"}}, {"type": "number"}]


def test_bodies_may_be_left_out() -> None:
    """Where the handler has a default."""
    said = body(Item | None, None)["requestBody"]
    assert said["required"] is False
    assert said["content"]["application/json"]["schema"] == {"anyOf": [ITEM, {"type": "null"}]}


FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


def test_files_are_forms() -> None:
    """With the texts beside them, and errors of the form as a whole."""

    async def one(picture: UploadFile, others: list[UploadFile] | None = None) -> str:
        """Take files."""
        return "-"

    async def both(flat: Flat, picture: UploadFile | None = None) -> str:
        """Take texts and a file."""
        return "-"

    async def perhaps(others: list[UploadFile] | None = None) -> str:
        """Take files, or none."""
        return "-"

    assert operation(perhaps, method="POST")["requestBody"]["required"] is False

    async def some(others: list[UploadFile]) -> str:
        """Take at least one file."""
        return "-"

    content = operation(some, method="POST")["requestBody"]["content"]["multipart/form-data"]
    assert content["schema"]["properties"] == {
        "others": {"type": "array", "items": FILE, "minItems": 1}
    }
    said = operation(one, method="POST")
    files = {"picture": FILE, "others": {"type": "array", "items": FILE}}
    form = {"type": "object", "properties": files, "required": ["picture"]}
    content = {"multipart/form-data": {"schema": form}}
    assert said["requestBody"] == {"required": True, "content": content}
    assert list(said["responses"]) == ["200", "400", "413", "415", "422"]
    assert said["responses"]["413"]["content"] == ERROR
    content = operation(both, method="POST")["requestBody"]["content"]
    form = content["multipart/form-data"]["schema"]
    assert form["required"] == ["user"]
    assert form["properties"] == {
        "user": {"type": "string"},
        "age": {"type": "integer"},
        "picture": FILE,
    }


def test_streams_are_bytes() -> None:
    """A streamed body is bytes; a method that has none says nothing of it."""
    said = operation(silent, method="PUT", stream=True)
    assert said["requestBody"] == {"content": {"application/octet-stream": {"schema": FILE}}}
    assert "requestBody" not in operation(silent, method="GET", stream=True)
    assert "requestBody" not in operation(silent, method="PUT")


def test_classes_are_components_by_name() -> None:
    """With their docstrings, but not those that dataclasses make up; no two have one name."""

    @dataclass
    class Problem:
        """A class of the program's."""

        text: str

    @dataclass
    class Bare:
        text: str

    async def handler(bare: Bare) -> Problem:
        """Take one and give the other."""
        return Problem(bare.text)

    document = documented(route("/", handler, "POST"))
    schemas = document["components"]["schemas"]
    assert list(schemas) == ["Bare", "Problem", "Problem2"]
    assert "description" not in schemas["Bare"]
    assert schemas["Problem2"]["required"] == ["title", "status", "detail"]
    responses = document["paths"]["/"]["post"]["responses"]
    [answer] = responses["200"]["content"].values()
    assert answer["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert schemas["Problem"]["description"] == "A class of the program's."
    [answer] = responses["422"]["content"].values()
    assert answer["schema"] == {"$ref": "#/components/schemas/Problem2"}


def test_classes_that_nothing_refers_to_are_no_components() -> None:
    """Such as one whose fields stand in a form, and what only those would have named."""

    async def handler(flat: Flat, picture: UploadFile) -> str:
        """Take texts and a file."""
        return "-"

    document = documented(route("/", handler, "POST"))
    assert list(document["components"]["schemas"]) == ["Problem"]


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Decimal, {"anyOf": [DECIMAL, {"type": "number"}]}),
        (
            dict[str, Decimal | None],
            {
                "type": "object",
                "additionalProperties": {
                    "anyOf": [{"anyOf": [DECIMAL, {"type": "number"}]}, {"type": "null"}]
                },
            },
        ),
        (Literal["a", None], {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
        (set[int], {"type": "array", "items": {"type": "integer"}}),
        (
            Annotated[set[int], Meta(min_length=1)],
            {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        ),
        (
            Annotated[set[int], Meta(min_length=2)],
            {"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": True},
        ),
        (
            list[tuple[int, Decimal]],
            {
                "type": "array",
                "items": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 2,
                    "prefixItems": [
                        {"type": "integer"},
                        {"anyOf": [DECIMAL, {"type": "number"}]},
                    ],
                },
            },
        ),
    ],
)
def test_schemas_say_what_binding_takes(annotation: Any, schema: dict[str, Any]) -> None:
    """A number for a Decimal, and repeats for a set that may shrink by them."""

    @dataclass
    class Whole:
        """Some of it."""

        part: annotation
        choices: dict[str, bool] = field(default_factory=dict)

    async def handler(whole: Whole) -> str:
        """Take it."""
        return "-"

    document = documented(route("/", handler, "POST"))
    assert document["components"]["schemas"]["Whole"]["properties"]["part"] == schema


def test_a_decimal_of_a_text_is_text() -> None:
    """In a query, and in a form."""
    assert parameter(Decimal)["schema"] == DECIMAL
    content = body(Annotated[dict[str, Decimal], Body(form=True)])["requestBody"]["content"]
    kinds = {kind: each["schema"]["additionalProperties"] for kind, each in content.items()}
    assert kinds == {
        "application/json": {"anyOf": [DECIMAL, {"type": "number"}]},
        "application/x-www-form-urlencoded": DECIMAL,
    }


@pytest.mark.parametrize(
    ("annotation", "contents"),
    [
        (str, {"text/plain": {"type": "string"}}),
        (Literal["yes", "no"], {"text/plain": {"type": "string", "enum": ["no", "yes"]}}),
        (bytes, {"application/octet-stream": FILE}),
        (Item, {"application/json": ITEM}),
        (list[Item], {"application/json": {"type": "array", "items": ITEM}}),
        (
            dict[str, int],
            {"application/json": {"type": "object", "additionalProperties": {"type": "integer"}}},
        ),
        (AsyncIterator[str], {"text/plain": {"type": "string"}}),
        (AsyncIterator[bytes], {"application/octet-stream": FILE}),
        (HtmlResponse, {"text/html": {"type": "string"}}),
        (EventStream, {"text/event-stream": {}}),
        (JsonResponse, {"application/json": {}}),
        (str | Item, {"text/plain": {"type": "string"}, "application/json": ITEM}),
        (
            Item | Flat,
            {"application/json": {"anyOf": [ITEM, {"$ref": "#/components/schemas/Flat"}]}},
        ),
    ],
)
def test_return_annotations_are_answers(annotation: Any, contents: dict[str, Any]) -> None:
    """With the content type that the answer will have."""
    [(status, said)] = answers(annotation).items()
    assert status == "200"
    assert said["content"] == {kind: {"schema": schema} for kind, schema in contents.items()}


@pytest.mark.parametrize("annotation", [Any, Response, AsyncIterator])
def test_annotations_may_say_little(annotation: Any) -> None:
    """Then there is an answer, and nothing is known of it."""
    assert answers(annotation) == {"200": {"description": "OK"}}


def test_none_is_no_content() -> None:
    """None is a 204, alone or beside others."""
    assert answers(None) == {"204": {"description": "No Content"}}
    assert list(answers(Item | None)) == ["200", "204"]


def test_redirects_are_303() -> None:
    """Unless the route says otherwise."""
    assert answers(RedirectResponse) == {"303": {"description": "See Other"}}
    assert list(answers(RedirectResponse, returns={308: None})) == ["308"]


def test_returns_and_raises_say_more() -> None:
    """`returns` replaces the annotation, `raises` adds errors, as text or problem+json.

    Text stands first: a client that takes anything gets that, and generated ones look there.
    """
    said = answers(Response, returns={201: Item, 204: None}, raises={409: "It is taken."})
    assert said == {
        "201": {"description": "Created", "content": {"application/json": {"schema": ITEM}}},
        "204": {"description": "No Content"},
        "409": {"description": "It is taken.", "content": ERROR},
    }
    assert list(said["409"]["content"]) == ["text/plain", "application/problem+json"]
    assert answers(Any, returns=str)["200"]["content"].keys() == {"text/plain"}
    assert answers(Any, returns=list[Opaque])["200"]["content"] == {
        "application/json": {"schema": {}}
    }


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


def test_said_errors_come_before_bound_ones() -> None:
    """A status that a handler raises as well as binding may have either body."""
    said = body(Item, raises={422: "There are too many."})["responses"]["422"]
    assert said == {"description": "There are too many.", "content": ERROR}


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
