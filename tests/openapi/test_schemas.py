"""The schemas of a document are those that msgspec writes, by the names of their classes."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from hump_trio import UploadFile
from tests.openapi.documented import DECIMAL, Flat, documented, route


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
