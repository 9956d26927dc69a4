"""What goes out of a value that an annotation is of: the fields of the annotated classes alone.

A child of a class has fields that a reader of its parent isn't meant to see. Objects of the very
classes that were annotated go out as they are, after a look at their types.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args, is_typeddict

from hump_trio.content.annotations import (
    class_of,
    fields_of,
    is_named_tuple,
    is_record,
    item_types,
    members,
)
from hump_trio.content.class_defaults import fill_in_own, hides_fields
from hump_trio.messages.response import Response

__all__ = ["UNSHAPED", "Mismatch", "Shape", "ShapeMaker", "is_protocol"]

SCALARS: frozenset[type] = frozenset({str, int, float, bool, NoneType})
# They go out as they are, fields or not.
UNSHAPED = (str, bytes, Response)
BYTES = (bytes, bytearray, memoryview)
CONTAINERS = (dict, list, tuple, set, frozenset)
NOT_SIMPLE = (*CONTAINERS, NoneType)
# A generic class may hold ever larger ones of itself: `Page[Page[T]]` as a field of `Page[T]`.
VARIANT_COUNT = 64
# Of a field that was never set.
UNSET = object()


class Mismatch(Exception):
    """A value, or one in it, is of another type than was annotated.

    Args:
        value: Which is.
        why: What it is, if its type doesn't tell.

    Attributes:
        place: Where in the whole it stands, such as ``.items[2]``.
    """

    def __init__(self, value: Any, why: str = "") -> None:
        name = type(value).__name__
        article = "an" if name[0] in "aeiouAEIOU" else "a"
        super().__init__("None" if value is None else f"{article} {name} {why}".rstrip())
        self.place: str = ""

    def within(self, place: str) -> "Mismatch":
        """Return the error with a place that what it says stands in."""
        self.place = place + self.place
        return self


@dataclass(frozen=True, slots=True)
class Shape:
    """How values of an annotation go out.

    Args:
        plain: The classes of those that go out as they are.
        fit: Returns what goes out of any other, or raises `Mismatch`; the value itself, if it
            hides nothing.
    """

    plain: frozenset[type]
    fit: Callable[[Any], Any]


# The classes of a union, each with the shape of its objects; None: they go out as they are.
Choices: TypeAlias = list[tuple[type, Shape | None]]


class ShapeMaker:
    """Makes the shapes of annotations, each class's once: it may hold itself."""

    def __init__(self) -> None:
        self._records: dict[Any, Shape | None] = {}

    def make(self, annotation: Any, *, strict: bool = False) -> Shape | None:
        """Return the shape of an annotation; None: what is there goes out as it is.

        Args:
            annotation: Resolved.
            strict: Whether simple values have to be of their annotation, and None annotated.

        Raises:
            NameError: The annotation of a field names what isn't there at run time.
        """
        choices: Choices = []
        for member in members(annotation):
            kind = class_of(member)
            if kind is Literal:
                choices += [(type(each), None) for each in get_args(member)]
            elif kind is bytes:
                choices += [(each, None) for each in BYTES]
            elif not isinstance(kind, type) or kind in (Any, object) or is_protocol(kind):
                return None
            else:
                choices.append((dict if is_typeddict(kind) else kind, self._make(member, kind)))
        if not strict and all(shape is None for _, shape in choices):
            return None
        return union_of(choices, strict=strict)

    def _make(self, member: Any, kind: type) -> Shape | None:
        """Return the shape of a bare annotation that is no union."""
        if issubclass(kind, UNSHAPED):
            return None
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
        same = [each for each in self._records if class_of(each) is kind]
        if member not in self._records and len(same) >= VARIANT_COUNT:
            member = same[0]
        if member not in self._records:
            self._records[member] = None
            found = fields_of(member)
            names = [each.name for each in found]
            if not is_typeddict(kind):
                names = list(getattr(kind, "__struct_fields__", ())) or [
                    each.name for each in fields(kind)
                ]
            made = [self.make(each.annotation) for each in found]
            parts = {name: shape for name, shape in zip(names, made, strict=True) if shape}
            if is_typeddict(kind):
                required = frozenset(each.name for each in found if each.required)
                shape = dict_of(frozenset(names), required, parts)
            else:
                shape = record_of(kind, names, parts)
            self._records[member] = shape
        # One that is being made holds itself.
        return self._records[member] or Shape(frozenset(), lambda value: self._later(member, value))

    def _later(self, member: Any, value: Any) -> Any:
        shape = self._records[member]
        assert shape is not None
        return shape.fit(value)


def is_protocol(kind: type) -> bool:
    """Tell whether nobody knows which classes count as another one."""
    return bool(getattr(kind, "_is_protocol", False))


def union_of(choices: Choices, *, strict: bool) -> Shape:
    """Return the shape of a value of one of several classes: the nearest to its own counts.

    Args:
        choices: The classes.
        strict: As of `ShapeMaker.make`.
    """
    chosen: dict[type, list[Shape | None]] = {}
    simple = any(not shape and not issubclass(kind, NOT_SIMPLE) for kind, shape in choices)

    def choose(kind: type) -> list[Shape | None]:
        order = {each: index for index, each in enumerate(kind.__mro__)}
        fitting = [(each, shape) for each, shape in choices if issubclass(kind, each)]
        fitting.sort(key=lambda pair: (order.get(pair[0], len(order)), pair[1] is None))
        return [shape for _, shape in fitting]

    def fit(value: Any) -> Any:
        kind = type(value)
        shapes = chosen.get(kind)
        if shapes is None:
            shapes = chosen[kind] = choose(kind)
        mismatch = None
        for shape in shapes:
            if shape is None or kind in shape.plain:
                return value
            try:
                return shape.fit(value)
            except Mismatch as error:
                mismatch = mismatch or error
        if mismatch is not None:
            raise mismatch
        if strict or not simple or holds_more(kind):
            raise Mismatch(value)
        return value

    plain: set[type] = set()
    if not strict:
        plain |= SCALARS if simple else {NoneType}
    shaped = tuple(kind for kind, shape in choices if shape)
    for kind, shape in choices:
        if shape:
            plain |= shape.plain
        else:
            same = (each for each in (kind, *CONTAINERS) if issubclass(each, kind))
            plain |= {each for each in same if not issubclass(each, shaped)}
    return Shape(frozenset(plain), fit)


def holds_more(kind: Any) -> bool:
    """Tell whether objects of a class have fields or items."""
    return is_record(kind) or issubclass(kind, CONTAINERS)


def fit_part(shape: Shape, part: Any, place: str) -> Any:
    """Return what goes out of a part of a value."""
    if type(part) in shape.plain:
        return part
    try:
        return shape.fit(part)
    except Mismatch as error:
        raise error.within(place) from None


def items_of(shape: Shape) -> Shape:
    """Return the shape of a collection of values of one shape."""

    def fit(value: Any) -> Any:
        if shape.plain.issuperset(map(type, value)):
            return value
        parts = [fit_part(shape, each, f"[{index}]") for index, each in enumerate(value)]
        return value if all(map(is_same, parts, value)) else parts

    return Shape(frozenset(), fit)


def tuple_of(shapes: list[Shape | None]) -> Shape:
    """Return the shape of a tuple of values of several shapes."""

    def fit(value: Any) -> Any:
        if len(value) != len(shapes):
            raise Mismatch(value, f"of {len(value)} items")
        return tuple(
            fit_part(shape, each, f"[{index}]") if shape else each
            for index, (shape, each) in enumerate(zip(shapes, value, strict=True))
        )

    return Shape(frozenset(), fit)


def mapping_of(shape: Shape) -> Shape:
    """Return the shape of a mapping whose values are of one shape."""

    def fit(value: Any) -> Any:
        if shape.plain.issuperset(map(type, value.values())):
            return value
        return {key: fit_part(shape, each, f"[{key!r:.80}]") for key, each in value.items()}

    return Shape(frozenset(), fit)


def dict_of(names: frozenset[str], required: frozenset[str], parts: Mapping[str, Shape]) -> Shape:
    """Return the shape of a TypedDict.

    Args:
        names: Of its keys.
        required: Those that it has to have.
        parts: The shapes of values that have one.
    """

    def fit(value: Any) -> Any:
        if not required <= value.keys():
            raise Mismatch(value, f"without {', '.join(sorted(required - value.keys()))}")
        if value.keys() <= names and not parts:
            return value
        return {
            name: fit_part(parts[name], each, f".{name}") if name in parts else each
            for name, each in value.items()
            if name in names
        }

    return Shape(frozenset(), fit)


def record_of(kind: Any, names: list[str], parts: Mapping[str, Shape]) -> Shape:
    """Return the shape of a dataclass or a Struct.

    Args:
        kind: The class.
        names: Of its fields.
        parts: The shapes of those that have one.
    """
    pairs = list(parts.items())
    hides = hides_fields(kind)

    def fit(value: Any) -> Any:
        changed: dict[str, Any] = {}
        for name, shape in pairs:
            part = getattr(value, name, None)
            if type(part) not in shape.plain:
                fitted = fit_part(shape, part, f".{name}")
                if fitted is not part:
                    changed[name] = fitted
        if type(value) is not kind or changed:
            return rebuild(kind, {name: getattr(value, name, UNSET) for name in names} | changed)
        if hides:
            fill_in_own(value)
        return value

    return Shape(frozenset() if pairs or hides else frozenset({kind}), fit)


def rebuild(kind: Any, values: Mapping[str, Any]) -> Any:
    """Return an object of a class with some values; a dataclass isn't asked what it makes of them.

    Args:
        kind: A dataclass or a Struct.
        values: By the names of the fields; `UNSET` for none.
    """
    if hasattr(kind, "__struct_fields__"):
        return kind(**values)
    built = object.__new__(kind)
    for name, value in values.items():
        if value is not UNSET:
            object.__setattr__(built, name, value)
    return built


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two are one."""
    return one is other
