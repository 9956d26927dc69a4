"""The schemas that msgspec writes of types, and the types that have none."""

from dataclasses import dataclass
from typing import Any

import attrs
import pytest
from pydantic import BaseModel

from hump_trio.content.constructed import stand_in_for
from hump_trio.content.type_schemas import SCHEMAS, check_model, schemas_of


@attrs.define
class Inner:
    """A class of attrs'."""

    number: int


@attrs.define
class Outer:
    """One around it."""

    inner: Inner
    others: "list[Outer]" = attrs.Factory(list)


class Model(BaseModel):
    """A model of pydantic's."""

    number: int


@dataclass
class Holder:
    """A dataclass around a model."""

    model: Model
    anything: object


def given(kind: Any) -> dict[str, Any]:
    """Return a schema for a model."""
    return {"title": kind.__name__}


def test_a_stand_in_has_the_schema_of_its_fields() -> None:
    """By the name of the class, however deep, and where it holds itself."""
    found, named = schemas_of([stand_in_for(Outer), int], given)
    assert found == [{"$ref": f"{SCHEMAS}Outer"}, {"type": "integer"}]
    assert set(named) == {"Outer", "Inner"}
    assert named["Outer"]["properties"]["inner"] == {"$ref": f"{SCHEMAS}Inner"}
    assert named["Outer"]["properties"]["others"]["items"] == {"$ref": f"{SCHEMAS}Outer"}


def test_a_model_has_the_schema_that_is_given_for_it() -> None:
    """And an object may be anything."""
    _, named = schemas_of([Holder], given)
    assert named["Holder"]["properties"]["model"] == {"title": "Model"}
    assert named["Holder"]["properties"]["anything"] == {"description": "anything"}


def test_a_class_that_json_can_not_become_has_none() -> None:
    """The error says which classes are bodies."""
    with pytest.raises(TypeError, match="complex, which is no body type: a body is a dataclass"):
        schemas_of([list[complex]], check_model)
