"""The JSON schemas of types, which msgspec writes; a type that JSON can't become has none."""

from collections.abc import Callable
from typing import Any

import msgspec

from hump_trio.content.annotations import BODY_TYPES, constructor_of, is_model

__all__ = ["SCHEMAS", "check_model", "schemas_of"]

SCHEMAS = "#/components/schemas/"


def schemas_of(
    types: list[Any], reference: Callable[[Any], dict[str, Any]]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the JSON schemas of types, and by name the schemas that they refer to.

    Args:
        types: The types, with stand-ins for classes that their own constructor makes.
        reference: Returns the schema of a model of pydantic's that a type holds.

    Raises:
        TypeError: JSON can't become one of the types.
    """
    stand_ins: list[Any] = []

    def schema_of(kind: type) -> dict[str, Any]:
        if constructor_of(kind) is None:
            return reference(kind) if is_model(kind) else refuse_class(kind)
        if kind not in stand_ins:
            stand_ins.append(kind)
        return {"$ref": f"{SCHEMAS}stand-in {stand_ins.index(kind)}"}

    count = -1
    found: Any = ()
    named: dict[str, Any] = {}
    while len(stand_ins) != count:  # a stand-in's Struct may have other stand-ins in it
        count = len(stand_ins)
        structs = [each.__constructor__.struct for each in stand_ins]
        found, named = msgspec.json.schema_components(
            [*types, *structs], schema_hook=schema_of, ref_template=SCHEMAS + "{name}"
        )
    if not stand_ins:
        return list(found), named
    from hump_trio.content.constructed import replaced

    moved = {f"{SCHEMAS}stand-in {index}": each for index, each in enumerate(found[len(types) :])}
    return replaced(list(found[: len(types)]), moved), replaced(named, moved)


def check_model(annotation: Any) -> dict[str, Any]:
    """Return a schema in place of that of a type that pydantic can make.

    Raises:
        TypeError: It can't.
    """
    from hump_trio.content.models import adapter_of

    adapter_of(annotation)
    return {"description": "a model"}


def refuse_class(kind: type) -> dict[str, Any]:
    """Refuse a class that msgspec doesn't know, except `object`: its schema allows anything."""
    if kind is object:
        return {"description": "anything"}
    raise TypeError(f"JSON has nothing for a {kind.__name__}, which is no body type: {BODY_TYPES}")
