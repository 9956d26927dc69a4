"""What goes out of a value that an annotation is of: the fields of the annotated classes alone.

A child of a class has fields that a reader of its parent isn't meant to see. Objects of the very
classes that were annotated go out as they are, after a look at their types.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from hump_trio.content.annotations import (
    class_of,
    is_model,
    is_named_tuple,
    is_record,
    is_typed_dict,
    item_types,
    members,
)
from hump_trio.content.records import fields_of
from hump_trio.handlers.shapes import (
    Alternatives,
    Shape,
    dict_of,
    items_of,
    mapping_of,
    model_of,
    record_of,
    tuple_of,
    union_of,
)
from hump_trio.messages.response import Response

__all__ = ["UNSHAPED", "ShapeMaker", "is_protocol"]

# Objects of these go out as they are, fields or not.
UNSHAPED = (str, bytes, Response)
BYTES = (bytes, bytearray, memoryview)
# A generic class may hold ever larger ones of itself: `Page[Page[T]]` as a field of `Page[T]`.
VARIANT_COUNT = 64


class ShapeMaker:
    """Makes the shapes of annotations. A class's shape is made once, since it may hold itself."""

    def __init__(self) -> None:
        self._records: dict[Any, Shape | None] = {}

    def make(self, annotation: Any, *, strict: bool = False) -> Shape | None:
        """Return the shape of an annotation; None: its values go out as they are.

        Args:
            annotation: The annotation, resolved.
            strict: Whether simple values have to be of the annotation, and None too.

        Raises:
            NameError: The annotation of a field names what isn't there at run time.
        """
        alternatives: Alternatives = []
        for member in members(annotation):
            kind = class_of(member)
            if kind is Literal:
                alternatives += [(type(each), None) for each in get_args(member)]
            elif kind is bytes:
                alternatives += [(each, None) for each in BYTES]
            elif not isinstance(kind, type) or kind in (Any, object) or is_protocol(kind):
                return None
            else:
                alternatives.append(
                    (dict if is_typed_dict(kind) else kind, self._make(member, kind))
                )
        if not strict and all(shape is None for _, shape in alternatives):
            return None
        return union_of(alternatives, strict=strict)

    def _make(self, member: Any, kind: type) -> Shape | None:
        """Return the shape of a bare annotation that is no union."""
        if issubclass(kind, UNSHAPED):
            return None
        if is_model(kind):
            return model_of(kind)
        if is_record(member):
            return self._record(member, kind)
        arguments = get_args(member)
        if issubclass(kind, Mapping) and arguments:
            values = self.make(arguments[-1])
            return values and mapping_of(values)
        types = item_types(member)
        if is_named_tuple(member):
            types = tuple(each.annotation for each in fields_of(member))
        if types is None and issubclass(kind, Iterable) and len(arguments) == 1:
            types = (..., *arguments)
        if types is None:
            return None
        if types[0] is ...:
            items = self.make(types[1])
            return items and items_of(items)
        parts = [self.make(each) for each in types]
        return tuple_of(parts) if any(parts) else None

    def _record(self, member: Any, kind: type) -> Shape:
        """Return the shape of a class with fields."""
        same = [each for each in self._records if class_of(each) is kind]
        if member not in self._records and len(same) >= VARIANT_COUNT:
            member = same[0]
        if member not in self._records:
            self._records[member] = None
            self._records[member] = self._make_record(member, kind)
        # A shape that is being made holds itself.
        return self._records[member] or Shape(frozenset(), lambda value: self._later(member, value))

    def _make_record(self, member: Any, kind: type) -> Shape:
        """Return the shape of a class with fields, made anew."""
        found = fields_of(member)
        made = {each.attribute: self.make(each.annotation) for each in found}
        parts = {name: shape for name, shape in made.items() if shape}
        if is_typed_dict(kind):
            required = frozenset(each.name for each in found if each.required)
            return dict_of(frozenset(made), required, parts)
        return record_of(kind, list(made), parts)

    def _later(self, member: Any, value: Any) -> Any:
        """Return what goes out of an object of a class whose shape was being made."""
        shape = self._records[member]
        assert shape is not None
        return shape.fit(value)


def is_protocol(kind: type) -> bool:
    """Tell whether a class is a protocol, of which any object may turn out to be."""
    return bool(getattr(kind, "_is_protocol", False))
