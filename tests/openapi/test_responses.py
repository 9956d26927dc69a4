"""What a document says of answers is what the annotation and the options of a route say."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from hump_trio import EventStream, HtmlResponse, JsonResponse, RedirectResponse, Response
from tests.openapi.documented import ERROR, FILE, ITEM, Flat, Item, body, operation


class Opaque:
    """What JSON has nothing for."""


def answers(annotation: Any, **options: Any) -> dict[str, Any]:
    """Return what the document says of the answers of a handler with a return annotation."""

    async def handler() -> Any:
        """Return it."""

    handler.__annotations__["return"] = annotation
    said: dict[str, Any] = operation(handler, **options)["responses"]
    return said


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


def test_said_errors_come_before_bound_ones() -> None:
    """A status that a handler raises as well as binding may have either body."""
    said = body(Item, raises={422: "There are too many."})["responses"]["422"]
    assert said == {"description": "There are too many.", "content": ERROR}
