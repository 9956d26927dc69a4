"""What goes out of values of a few kinds: of classes, collections and unions of them.

A value that hides nothing goes out itself, after a look at the types in it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeAlias

from hump_trio.content.annotations import is_record
from hump_trio.content.class_defaults import fill_in_own, hides_fields
from hump_trio.content.json_text import json_codec

__all__ = [
    "Alternatives",
    "Misfit",
    "Shape",
    "dict_of",
    "items_of",
    "mapping_of",
    "model_of",
    "record_of",
    "tuple_of",
    "union_of",
]

SCALARS: frozenset[type] = frozenset({str, int, float, bool, NoneType})
CONTAINERS = (dict, list, tuple, set, frozenset)
NOT_SIMPLE = (*CONTAINERS, NoneType)
# The value of a field that was never set.
UNSET = object()


class Misfit(Exception):
    """A value is of another type than was annotated.

    Args:
        value: The value, which may be a part of what was returned.
        why: What is wrong with it, if its type doesn't tell.

    Attributes:
        place: Where in the whole the value stands, such as ``.items[2]``.
    """

    def __init__(self, value: Any, why: str = "") -> None:
        name = type(value).__name__
        article = "an" if name[0] in "aeiouAEIOU" else "a"
        super().__init__("None" if value is None else f"{article} {name} {why}".rstrip())
        self.place: str = ""

    def within(self, place: str) -> "Misfit":
        """Return the error of a whole that has the value, or its whole, at a place."""
        self.place = place + self.place
        return self


@dataclass(frozen=True, slots=True)
class Shape:
    """How values of an annotation go out.

    Args:
        plain: The classes of values that go out as they are.
        fit: Returns what goes out of any other value, or raises `Misfit`. It returns the value
            itself, if that hides nothing.
    """

    plain: frozenset[type]
    fit: Callable[[Any], Any]


# The classes of a union, each with the shape of its objects; None: they go out as they are.
Alternatives: TypeAlias = list[tuple[type, Shape | None]]


def union_of(alternatives: Alternatives, *, strict: bool) -> Shape:
    """Return the shape of a value of one of several classes: the nearest to its own counts.

    Args:
        alternatives: The classes.
        strict: Whether simple values have to be of one of them, and None too.
    """
    known: dict[type, list[Shape | None]] = {}
    simple = any(not shape and not issubclass(kind, NOT_SIMPLE) for kind, shape in alternatives)

    def fit(value: Any) -> Any:
        kind = type(value)
        shapes = known.get(kind)
        if shapes is None:
            shapes = known[kind] = shapes_for(kind, alternatives)
        misfit = None
        for shape in shapes:
            if shape is None or kind in shape.plain:
                return value
            try:
                return shape.fit(value)
            except Misfit as error:
                misfit = misfit or error
        if misfit is not None:
            raise misfit
        if strict or not simple or holds_more(kind):
            raise Misfit(value)
        return value

    plain = set(plain_kinds(alternatives))
    if not strict:
        plain |= SCALARS if simple else {NoneType}
    return Shape(frozenset(plain), fit)


def shapes_for(kind: type, alternatives: Alternatives) -> list[Shape | None]:
    """Return the shapes of a union that fit a class, the nearest one first."""
    order = {each: index for index, each in enumerate(kind.__mro__)}
    fitting = [(each, shape) for each, shape in alternatives if issubclass(kind, each)]
    fitting.sort(key=lambda pair: (order.get(pair[0], len(order)), pair[1] is None))
    return [shape for _, shape in fitting]


def plain_kinds(alternatives: Alternatives) -> Iterator[type]:
    """Yield the classes of a union whose objects go out as they are."""
    shaped = tuple(kind for kind, shape in alternatives if shape)
    for kind, shape in alternatives:
        if shape:
            yield from shape.plain
        else:
            same = (each for each in (kind, *CONTAINERS) if issubclass(each, kind))
            yield from (each for each in same if not issubclass(each, shaped))


def holds_more(kind: Any) -> bool:
    """Tell whether objects of a class have fields or items."""
    return is_record(kind) or issubclass(kind, CONTAINERS)


def fit_part(shape: Shape, part: Any, place: str) -> Any:
    """Return what goes out of a part of a value."""
    if type(part) in shape.plain:
        return part
    try:
        return shape.fit(part)
    except Misfit as error:
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
            raise Misfit(value, f"of {len(value)} items")
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
        names: The names of its keys.
        required: The names of keys that it has to have.
        parts: The shapes of its values, by name; none for values that go out as they are.
    """

    def fit(value: Any) -> Any:
        if not required <= value.keys():
            raise Misfit(value, f"without {', '.join(sorted(required - value.keys()))}")
        if value.keys() <= names and not parts:
            return value
        return {
            name: fit_part(parts[name], each, f".{name}") if name in parts else each
            for name, each in value.items()
            if name in names
        }

    return Shape(frozenset(), fit)


def model_of(kind: Any) -> Shape:
    """Return the shape of a model of pydantic's, which writes it itself.

    Args:
        kind: The class of the model.
    """
    from hump_trio.content.models import dump_model

    return Shape(frozenset(), lambda value: json_codec.embed(dump_model(value, kind)))


def record_of(kind: Any, names: list[str], parts: Mapping[str, Shape]) -> Shape:
    """Return the shape of a dataclass or a Struct.

    Args:
        kind: The class.
        names: The names of its fields.
        parts: The shapes of its values, by name; none for values that go out as they are.
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
    """Return an object of a class with some values; no code of a dataclass is run for it.

    Args:
        kind: A dataclass or a Struct.
        values: The values by the names of their fields; `UNSET` for none.
    """
    if hasattr(kind, "__struct_fields__"):
        return kind(**values)
    built = object.__new__(kind)
    for name, value in values.items():
        if value is not UNSET:
            object.__setattr__(built, name, value)
    return built


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two objects are one."""
    return one is other
