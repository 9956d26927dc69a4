"""The schemas of a document's types, as msgspec writes them: JSON Schema 2020-12."""

from collections.abc import Mapping
from typing import Any

from hump_trio.json_text import MsgspecJson

__all__ = ["Schemas"]


class Schemas:
    """The schemas of a document: msgspec names those of classes when it has seen all of them.

    Args:
        codec: Of msgspec.
    """

    def __init__(self, codec: MsgspecJson) -> None:
        self.codec: MsgspecJson = codec
        self._wanted: list[tuple[Any, dict[str, Any], bool, Mapping[str, Any]]] = []

    def of(
        self, annotation: Any, *, text: bool = False, files: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return a dict that holds the schema of a type once `settle` was called.

        Args:
            annotation: The type; one that JSON has nothing for is anything.
            text: Whether the value, or each of its fields, is a text of its own, never null.
            files: What stands beside such fields in a form, as the schema of an object.
        """
        try:
            self.codec.schemas([annotation])
        except TypeError:
            annotation = Any
        schema: dict[str, Any] = {}
        self._wanted.append((annotation, schema, text, files or {}))
        return schema

    def any_of(self, annotations: list[Any]) -> dict[str, Any]:
        """Return the same for a value of one of several types."""
        if len(annotations) == 1:
            return self.of(annotations[0])
        return {"anyOf": [self.of(each) for each in annotations]}

    def settle(self) -> dict[str, Any]:
        """Fill in every schema, and return those that have names."""
        found, named = self.codec.schemas([annotation for annotation, *_ in self._wanted])
        for (_, schema, text, files), filled in zip(self._wanted, found, strict=True):
            schema.update(as_text(filled, named) if text else filled)
            if files:
                schema["properties"] = {**schema.get("properties", {}), **files["properties"]}
                schema["required"] = [*schema.get("required", ()), *files["required"]]
        return named


def as_text(schema: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of a value that is left out instead of null, and so are its fields.

    Args:
        schema: As for JSON.
        named: Those that it may refer to.
    """
    kept = without_null(schema)
    fields = named.get(kept.get("$ref", "").rpartition("/")[2], kept)
    if "properties" not in fields:
        return kept
    properties = {name: without_null(each) for name, each in fields["properties"].items()}
    return {**fields, "properties": properties}


def without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of a value that is left out instead of null."""
    kept = dict(schema)
    if kept.get("default", ...) is None:
        del kept["default"]
    if "enum" in kept:
        kept["enum"] = [each for each in kept["enum"] if each is not None]
    choices = [each for each in kept.pop("anyOf", ()) if each.get("type") != "null"]
    if len(choices) == 1:
        return {**kept, **without_null(choices[0])}
    return {**kept, "anyOf": choices} if choices else kept
