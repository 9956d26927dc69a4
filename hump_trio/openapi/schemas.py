"""The schemas of a document's types as JSON Schema 2020-12.

msgspec writes them, and pydantic those of its models.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from typing import Any

from hump_trio.content.annotations import is_attrs, is_model, is_of_pydantic
from hump_trio.content.constructed import replaced
from hump_trio.content.models import has_schema
from hump_trio.content.msgspec_json import MsgspecJson
from hump_trio.content.records import types_in
from hump_trio.content.type_schemas import SCHEMAS
from hump_trio.messages.response import BYTES_TYPE
from hump_trio.openapi.model_schemas import Mode, ModelSchemas

__all__ = ["BINARY", "Schemas"]

# The schema of plain bytes. OpenAPI 3.1 has the media type for them; generators of clients know the
# format, which OpenAPI 3.0 had.
BINARY: dict[str, Any] = {
    "type": "string",
    "format": "binary",
    "contentMediaType": BYTES_TYPE,
}


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """A schema that the document asks for.

    Args:
        annotation: The type.
        schema: The dict that is filled in.
        text: Whether the value, or each of its fields, is sent as a text.
        files: The schema of an object with the files beside it.
        mode: Whether its values come or go.
    """

    annotation: Any
    schema: dict[str, Any]
    text: bool
    files: Mapping[str, Any]
    mode: Mode


class Schemas:
    """The schemas of a document. Those of classes are named when all of them are known.

    Args:
        codec: The codec of msgspec.
    """

    def __init__(self, codec: MsgspecJson) -> None:
        self.codec: MsgspecJson = codec
        self._wanted: list[Wanted] = []
        self._models = ModelSchemas()
        self._ours: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {}

    def of(
        self,
        annotation: Any,
        *,
        text: bool = False,
        files: Mapping[str, Any] | None = None,
        mode: Mode = "validation",
    ) -> dict[str, Any]:
        """Return a dict that holds the schema of a type once `settle` was called.

        Args:
            annotation: The type; a type that JSON can't express gets the schema of any value.
            text: Whether the value, or each of its fields, is sent as a text and never null.
            files: The schema of an object with the files that stand beside these fields in a form.
            mode: Whether values of the type come or go.
        """
        if is_of_pydantic(annotation):
            annotation = annotation if has_schema(annotation, mode) else Any
        else:
            try:
                self.codec.schemas([annotation], lambda kind: {"description": "a model"})
            except TypeError:
                annotation = Any
        schema: dict[str, Any] = {}
        self._wanted.append(Wanted(annotation, schema, text, files or {}, mode))
        return schema

    def any_of(self, annotations: list[Any]) -> dict[str, Any]:
        """Return a dict that holds, as `of` does, the schema of a value of one of several types.

        The value goes.
        """
        found = [self.of(each, mode="serialization") for each in annotations]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def ours(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a dict that refers to a schema of the framework's own once `settle` was called.

        Args:
            name: The schema's name; if a class of the program has it, a number is added.
            schema: The schema.
        """
        return self._ours.setdefault(name, (schema, {}))[1]

    def settle(self) -> dict[str, Any]:
        """Fill in every schema, and return the named ones that others refer to."""
        found, named = self._found()
        components = {name: as_bound(each) for name, each in named.items()}
        filled: list[dict[str, Any]] = []
        for wanted, each in zip(self._wanted, found, strict=True):
            schema, files = wanted.schema, wanted.files
            text = wanted.text
            schema.update(as_bound(as_text(each, named), text=True) if text else as_bound(each))
            if files:
                schema["properties"] = {**schema.get("properties", {}), **files["properties"]}
                schema["required"] = [*schema.get("required", ()), *files["required"]]
            filled.append(schema)
        for name, (own, reference) in self._ours.items():
            numbered = (f"{name}{number}" for number in count(2))
            free = next(each for each in chain([name], numbered) if each not in components)
            components[free] = dict(own)
            reference["$ref"] = f"{SCHEMAS}{free}"
            filled.append(reference)
        used = names_in(filled, components)
        return {name: each for name, each in components.items() if name in used}

    def _found(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the schemas that are wanted, and by name the schemas that they refer to."""
        models = {
            each: self._models.reference(each.annotation, each.mode)
            for each in self._wanted
            if is_of_pydantic(each.annotation)
        }
        ours = [each for each in self._wanted if each not in models]
        going = [each for each in ours if each.mode == "serialization" and differs(each)]
        coming = [each for each in ours if each not in going]
        found, named = self._made(coming, "validation")
        found_going, named_going = self._made(going, "serialization")
        components = self._models.settle({*named, *named_going})
        there = self._models.found
        named, named_going = replaced(named, there), replaced(named_going, there)
        other = {name for name, each in named_going.items() if named.get(name, each) != each}
        other |= {
            name for name, each in named_going.items() if names_in([each], named_going) & other
        }
        moved = {f"{SCHEMAS}{name}": f"{SCHEMAS}{name}-Output" for name in other}
        for name, each in named_going.items():
            named[f"{name}-Output" if name in other else name] = replaced(each, moved)
        found_going = {each: replaced(schema, moved) for each, schema in found_going.items()}
        every = models | found | found_going
        return [replaced(every[each], there) for each in self._wanted], named | components

    def _made(
        self, wanted: list[Wanted], mode: Mode
    ) -> tuple[dict[Wanted, dict[str, Any]], dict[str, Any]]:
        """Return the schemas of msgspec for what is wanted, and those that they refer to.

        Args:
            wanted: What is wanted.
            mode: Whether the models within come or go.
        """
        reference = partial(self._models.reference, mode=mode)
        made, named = self.codec.schemas(
            [each.annotation for each in wanted], reference, going=mode == "serialization"
        )
        return dict(zip(wanted, made, strict=True)), named


def differs(wanted: Wanted) -> bool:
    """Tell whether what is wanted may be written otherwise than it is read."""
    return any(is_model(each) or is_attrs(each) for each in types_in(wanted.annotation))


def names_in(schemas: Iterable[Any], components: Mapping[str, Any]) -> set[str]:
    """Return the names that schemas refer to, directly or through other schemas."""
    names: set[str] = set()
    left = list(schemas)
    while left:
        each = left.pop()
        if isinstance(each, list):
            left += each
        elif isinstance(each, dict):
            left += each.values()
            name = str(each.get("$ref", "")).removeprefix(SCHEMAS)
            if name in components and name not in names:
                names.add(name)
                left.append(components[name])
    return names


def as_bound(schema: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
    """Return a schema of msgspec's changed to say what binding accepts.

    A set accepts repeated items and drops them. A body accepts a Decimal as a number, too. A
    tuple's ``maxItems`` already says that there are no further items, so ``"items": false``, which
    some generators of clients don't understand, is dropped.

    Args:
        schema: The schema.
        text: Whether the value is sent as a text, as which a Decimal is written.
    """
    kept = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = as_bound(kept[key], text=text)
    for key in ("anyOf", "prefixItems"):
        if key in kept:
            kept[key] = [as_bound(each, text=text) for each in kept[key]]
    if "properties" in kept:
        fields = kept["properties"].items()
        kept["properties"] = {name: as_bound(each, text=text) for name, each in fields}
    if kept.get("items") is False:
        del kept["items"]
    if kept.get("uniqueItems") and kept.get("minItems", 0) < 2:
        del kept["uniqueItems"]
    if kept.get("format") == "decimal" and not text:
        choices = [{name: kept.pop(name) for name in ("type", "format")}, {"type": "number"}]
        return {**kept, "anyOf": choices}
    if "enum" in kept and "type" not in kept:
        choices = choices_of(kept.pop("enum"))
        return {**kept, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}
    return kept


def choices_of(values: Iterable[Any]) -> list[dict[str, Any]]:
    """Return a schema for the values of each type, since generators of clients need the type."""
    kinds: dict[str, list[Any]] = {}
    for each in sorted(values, key=lambda value: value is None):
        kind = "null" if each is None else "integer" if isinstance(each, int) else "string"
        kinds.setdefault(kind, []).append(each)
    return [
        {"type": kind} if kind == "null" else {"type": kind, "enum": found}
        for kind, found in kinds.items()
    ]


def as_text(schema: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a value which, like each of its fields, is left out instead of null.

    Args:
        schema: The schema of the value as JSON.
        named: The named schemas, to which it may refer.
    """
    kept = without_null(schema)
    fields = named.get(kept.get("$ref", "").rpartition("/")[2], kept)
    if "properties" not in fields:
        return kept
    properties = {name: without_null(each) for name, each in fields["properties"].items()}
    return {**fields, "properties": properties}


def without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that is left out instead of null."""
    kept = dict(schema)
    if kept.get("default", ...) is None:
        del kept["default"]
    if "enum" in kept and "type" not in kept:
        kept["enum"] = [each for each in kept["enum"] if each is not None]
    choices = [each for each in kept.pop("anyOf", ()) if each.get("type") != "null"]
    if len(choices) == 1:
        return {**kept, **without_null(choices[0])}
    return {**kept, "anyOf": choices} if choices else kept
