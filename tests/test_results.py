"""What return annotations promise."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest

from hump_trio import JsonResponse, Response, RouteError
from hump_trio.results import result_kinds
from hump_trio.routing import Route
from hump_trio.signature import parse_signature
from tests.typed_handlers import ask


@dataclass
class Item:
    """A result with a field."""

    name: str


class Place(msgspec.Struct):
    """Another."""

    name: str


class Odd(Enum):
    """No result."""

    HALF = 0.5


class Word(StrEnum):
    """A result that is text."""

    YES = "yes"


def parse(annotation: Any) -> Any:
    """Return what a signature makes of a return annotation."""

    async def handler() -> Any: ...

    handler.__annotations__["return"] = annotation
    return parse_signature(Route(template="/", methods=("GET",), handler=handler)).returns


@pytest.mark.parametrize(
    "annotation", [int, bool, float | None, set[str], date, UUID, Odd, str | frozenset[int]]
)
def test_results_that_are_no_answers_are_refused(annotation: Any) -> None:
    """Rather than each request answered with 500."""
    with pytest.raises(RouteError, match=r"handler returns [A-Za-z]+, of which no answer"):
        parse(annotation)


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        (Item, {Item}),
        (Item | Place | None, {Item, Place}),
        (Annotated[Item, "a note"], {Item}),
        (list[Item], set()),
        (dict[str, Item], set()),
        (str | bytes | None, set()),
        (Word, set()),
        (Response | JsonResponse, set()),
        (AsyncIterator[str], set()),
        (Mapping[str, int], set()),
        (object, set()),
        (None, set()),
    ],
)
def test_results_that_are_written_as_they_are(annotation: Any, kinds: set[type]) -> None:
    """Classes with fields; everything else has ways of its own, or is found out later."""
    assert result_kinds(parse(annotation)) == kinds


@pytest.mark.parametrize("annotation", [Item, None, Any])
@pytest.mark.parametrize("kind", [Item, Place])
async def test_results_with_fields_are_json(annotation: Any, kind: type) -> None:
    """Whether their annotation was right or not."""

    async def handler() -> Any:
        return kind("a")

    handler.__annotations__["return"] = annotation
    answer = await ask(handler)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"name": "a"}
