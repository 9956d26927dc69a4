"""What a document says of requests is what binding takes."""

import json
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from msgspec import Meta

from hump_trio import Body, Cookie, Header, Query, UploadFile
from tests.openapi.documented import (
    DECIMAL,
    ERROR,
    FILE,
    ITEM,
    PROBLEM,
    Flat,
    Item,
    body,
    operation,
    silent,
)


class Colour(Enum):
    """A choice."""

    RED = "red"


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


def test_a_decimal_of_a_text_is_text() -> None:
    """In a query, and in a form."""
    assert parameter(Decimal)["schema"] == DECIMAL
    content = body(Annotated[dict[str, Decimal], Body(form=True)])["requestBody"]["content"]
    kinds = {kind: each["schema"]["additionalProperties"] for kind, each in content.items()}
    assert kinds == {
        "application/json": {"anyOf": [DECIMAL, {"type": "number"}]},
        "application/x-www-form-urlencoded": DECIMAL,
    }
