"""The parts of annotations, members of unions and items of collections, and what they are.

Only types are looked at here, and no library is needed for that.
"""

import sys
from collections.abc import AsyncIterable, Collection, Iterator, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from enum import KEEP
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

__all__ = [
    "BODY_TYPES",
    "Scope",
    "bare",
    "check_flag",
    "class_of",
    "constructor_of",
    "extras_of",
    "is_attrs",
    "is_body",
    "is_model",
    "is_named_tuple",
    "is_of_pydantic",
    "is_record",
    "is_typed_dict",
    "item_types",
    "kinds_of",
    "members",
    "substitute",
]

# What a type has to be to become a body.
BODY_TYPES = (
    "a body is a dataclass, a msgspec.Struct, a TypedDict, a pydantic model, an attrs class or a"
    " dict"
)
# The libraries whose extras in `Annotated` pydantic alone looks at.
LIBRARIES = ("pydantic", "annotated_types")
# The types that type variables stand for.
Scope: TypeAlias = MutableMapping[Any, Any]

COLLECTIONS = (list, tuple, set, frozenset, Sequence, Collection, AbstractSet)


def bare(annotation: Any) -> Any:
    """Return the type that an annotation means, without `Annotated`, `typing.NewType` and aliases.

    A type variable without a type stands for its bound, or else for anything, as in msgspec.
    """
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, TypeVar):
            annotation = annotation.__bound__ or Any
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):  # `type Name[T] = ...`, from Python 3.12 on
            scope = dict(zip(annotation.__type_params__, get_args(annotation), strict=False))
            annotation = substitute(annotation.__value__, scope)
        else:
            return annotation


def extras_of(annotation: Any) -> Iterator[Any]:
    """Yield the extras of `Annotated` in an annotation and in all its parts."""
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from extras_of(part)


def members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, each bare; any other annotation has itself as one member."""
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from members(member)
    else:
        yield NoneType if annotation is None else annotation


def kinds_of(annotation: Any) -> list[Any]:
    """Return the members of an annotation, without None."""
    return [kind for kind in members(annotation) if kind is not NoneType]


def class_of(annotation: Any) -> Any:
    """Return the class of a bare annotation; that of ``Page[int]`` is ``Page``."""
    return get_origin(annotation) or annotation


def item_types(annotation: Any) -> tuple[Any, ...] | None:
    """Return the types of the items of a bare annotation; None if it isn't a collection.

    ``(..., T)`` means any number of items of type T; any other result is that of a tuple of fixed
    length.
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
    """Tell whether a bare annotation is a class with fields.

    That is a dataclass, a TypedDict, a msgspec.Struct, an attrs class or a model of pydantic's.
    """
    kind = class_of(annotation)
    return isinstance(kind, type) and (
        is_dataclass(kind)
        or is_typed_dict(kind)
        or hasattr(kind, "__struct_fields__")
        or is_attrs(kind)
        or is_model(kind)
    )


def is_typed_dict(kind: Any) -> bool:
    """Tell whether a class is a TypedDict: of `typing`, or of typing_extensions.

    Before Python 3.13 these are two, and `typing.is_typeddict` knows its own alone.
    """
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def is_attrs(annotation: Any) -> bool:
    """Tell whether a bare annotation is a class of attrs' that holds values.

    An async iterable is none, such as a channel of Trio, which is made by attrs in some versions.
    """
    kind = class_of(annotation)
    made = isinstance(kind, type) and hasattr(kind, "__attrs_attrs__")
    return made and not issubclass(kind, AsyncIterable)


def is_model(kind: Any) -> bool:
    """Tell whether a class is a model, or a dataclass, of pydantic's."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_fields__")


def check_flag(kind: Any) -> None:
    """Refuse a class that keeps every number it was ever made of: clients would fill the memory.

    Raises:
        TypeError: The class is an `enum.IntFlag` that takes unknown numbers, as by default.
    """
    if getattr(kind, "_boundary_", None) is KEEP:
        raise TypeError(
            f"{kind.__name__} would keep each number that clients send: write"
            f" `class {kind.__name__}(IntFlag, boundary=STRICT)`"
        )


def is_named_tuple(annotation: Any) -> bool:
    """Tell whether a bare annotation is a named tuple, which is an array in JSON."""
    kind = class_of(annotation)
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def is_body(annotation: Any) -> bool:
    """Tell whether an annotation fits only a body: it is, or contains, a mapping or a record."""
    for member in members(annotation):
        kind = class_of(member)
        if is_record(member) or (isinstance(kind, type) and issubclass(kind, Mapping)):
            return True
        if any(item is not ... and is_body(item) for item in item_types(member) or ()):
            return True
    return False


def substitute(annotation: Any, scope: Scope) -> Any:
    """Replace the type variables of an annotation by the types that are known for them."""
    if isinstance(annotation, TypeVar):
        return scope.get(annotation, annotation)
    variables = getattr(annotation, "__parameters__", ())
    if not variables:
        return annotation
    return annotation[tuple(scope.get(each, each) for each in variables)]


def is_of_pydantic(annotation: Any) -> bool:
    """Tell whether pydantic makes the values of an annotation.

    It does if the annotation is, or has as parts of its collections and unions, what pydantic
    alone knows. Around such a part there must be no other class with fields: msgspec makes those,
    and leaves the models in them to pydantic.
    """
    if "pydantic" not in sys.modules:
        return False
    found = any(type(each).__module__.startswith(LIBRARIES) for each in extras_of(annotation))
    for each in outer_types(annotation):
        if is_foreign(each):
            found = True
        elif is_record(each) or is_named_tuple(each):
            return False
    return found


def is_foreign(kind: Any) -> bool:
    """Tell whether a bare annotation is a class that pydantic alone makes objects of."""
    return is_model(kind) or hasattr(class_of(kind), "__get_pydantic_core_schema__")


def outer_types(annotation: Any) -> Iterator[Any]:
    """Yield the types in an annotation, each bare; those of fields are left out."""
    for member in members(annotation):
        yield member
        for part in get_args(member):
            if part is not ...:
                yield from outer_types(part)


def constructor_of(kind: Any) -> Any:
    """Return the `Constructor` that a stand-in stands for; None for any other class."""
    return getattr(kind, "__constructor__", None)
