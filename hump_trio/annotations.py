"""What annotations are made of: unions, collections, and the fields of classes.

It looks at types alone, and needs no library for that.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

__all__ = [
    "Field",
    "class_of",
    "extras_of",
    "fields_of",
    "is_body",
    "is_record",
    "item_types",
    "kinds_of",
    "members",
    "records_in",
    "types_in",
]

# Of calls that make a default, those that always make the same.
FACTORIES = (list, tuple, set, frozenset, dict)
COLLECTIONS = (list, tuple, set, frozenset, Sequence, Collection, AbstractSet)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a dataclass, a msgspec.Struct or a TypedDict.

    Args:
        name: As a client writes it.
        annotation: Resolved.
        required: Whether it has no default.
        default: Its value where it is left out; `MISSING` if that isn't known before.
    """

    name: str
    annotation: Any
    required: bool
    default: Any


def bare(annotation: Any) -> Any:
    """Return what an annotation means without `Annotated`, `NewType` and names for types."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):  # `type Name = ...`, from Python 3.12 on
            annotation = annotation.__value__
        else:
            return annotation


def extras_of(annotation: Any) -> Iterator[Any]:
    """Yield what `Annotated` says beside a type, in it and in what it is made of."""
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from extras_of(part)


def members(annotation: Any) -> Iterator[Any]:
    """Yield what a union is of, each bare; another annotation is a union of itself."""
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from members(member)
    else:
        yield NoneType if annotation is None else annotation


def kinds_of(annotation: Any) -> list[Any]:
    """Return what a union is of besides None."""
    return [kind for kind in members(annotation) if kind is not NoneType]


def class_of(annotation: Any) -> Any:
    """Return the class of a bare annotation: of ``Page[int]`` it is ``Page``."""
    return get_origin(annotation) or annotation


def item_types(annotation: Any) -> tuple[Any, ...] | None:
    """Return the types of the items of a bare collection; None if it is none.

    ``(..., T)`` is any number of T, everything else a tuple of so many.
    """
    kind, arguments = class_of(annotation), get_args(annotation)
    if kind not in COLLECTIONS:
        return None
    if kind is not tuple:
        return (..., *(arguments or (Any,)))
    if not arguments or arguments[-1] is ...:
        return (..., arguments[0] if arguments else Any)
    return arguments


def is_record(annotation: Any) -> bool:
    """Tell whether a bare annotation is a class with fields."""
    kind = class_of(annotation)
    return isinstance(kind, type) and (
        is_dataclass(kind) or is_typeddict(kind) or hasattr(kind, "__struct_fields__")
    )


def is_body(annotation: Any) -> bool:
    """Tell whether an annotation is of what only a body has: something with names in it."""
    for member in members(annotation):
        kind = class_of(member)
        if is_record(member) or (isinstance(kind, type) and issubclass(kind, Mapping)):
            return True
        if any(item is not ... and is_body(item) for item in item_types(member) or ()):
            return True
    return False


def fields_of(record: Any) -> list[Field]:
    """Return the fields of a bare annotation that is a class with fields."""
    kind = class_of(record)
    if hasattr(kind, "__struct_fields__"):
        from msgspec import NODEFAULT
        from msgspec.structs import fields as struct_fields

        return [
            Field(each.encode_name, each.type, each.required, default_of(each, NODEFAULT))
            for each in struct_fields(record)
        ]
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        return [key_of(name, hint, name in kind.__required_keys__) for name, hint in hints.items()]
    return [
        Field(
            each.name,
            hints[each.name],
            each.default is MISSING and each.default_factory is MISSING,
            default_of(each, MISSING),
        )
        for each in fields(kind)
    ]


def default_of(field: Any, unknown: Any) -> Any:
    """Return the default of a field of a dataclass or a Struct; `MISSING` if a call makes it.

    Args:
        field: As the class's library describes it.
        unknown: What that library writes for no default.
    """
    if field.default_factory in FACTORIES:
        return field.default_factory()
    return MISSING if field.default is unknown else field.default


def types_in(annotation: Any) -> Iterator[Any]:
    """Yield all that an annotation is made of, each bare, however deep; some of it repeatedly."""
    seen: set[Any] = set()
    left = [annotation]
    while left:
        for member in members(left.pop()):
            yield member
            left += [part for part in get_args(member) if part is not ...]
            kind = class_of(member)
            if is_record(member) and kind not in seen:
                seen.add(kind)
                left += [field.annotation for field in fields_of(member)]


def records_in(annotation: Any) -> set[Any]:
    """Return the classes with fields that an annotation is made of, however deep."""
    return {class_of(each) for each in types_in(annotation) if is_record(each)}


def key_of(name: str, hint: Any, required: bool) -> Field:
    """Return a key of a TypedDict, whose annotation may say by itself whether it is required."""
    while get_origin(hint) in (Required, NotRequired):
        required = get_origin(hint) is Required
        hint = get_args(hint)[0]
    return Field(name, hint, required, MISSING)
