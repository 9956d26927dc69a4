"""The parts of annotations: members of unions, items of collections, fields of classes.

Only types are looked at here, and no library is needed for that.
"""

import inspect
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import KEEP
from functools import partial
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

__all__ = [
    "Field",
    "check_flag",
    "class_of",
    "extras_of",
    "fields_of",
    "is_body",
    "is_model",
    "is_named_tuple",
    "is_record",
    "item_types",
    "kinds_of",
    "members",
    "records_in",
    "types_in",
]

# Default factories whose result is always the same.
FACTORIES = (list, tuple, set, frozenset, dict)
# Variants of one generic class that are visited: a class may hold ever larger variants of itself,
# such as `Page[Page[T]]` in a field of `Page[T]`.
VARIANT_COUNT = 64
# The types that type variables stand for.
Scope: TypeAlias = MutableMapping[Any, Any]

COLLECTIONS = (list, tuple, set, frozenset, Sequence, Collection, AbstractSet)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a dataclass, a msgspec.Struct, a TypedDict or a model of pydantic's.

    Args:
        name: The field's name as a client writes it.
        annotation: The field's annotation, resolved.
        required: Whether the field has no default.
        default: The value of a field that is left out; `MISSING` if there is none, or a call
            makes it.
        attribute: The name of the attribute of the class.
    """

    name: str
    annotation: Any
    required: bool
    default: Any
    attribute: str


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

    That is a dataclass, a TypedDict, a msgspec.Struct or a model of pydantic's.
    """
    kind = class_of(annotation)
    return isinstance(kind, type) and (
        is_dataclass(kind)
        or is_typeddict(kind)
        or hasattr(kind, "__struct_fields__")
        or is_model(kind)
    )


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


def fields_of(record: Any) -> list[Field]:
    """Return the fields of a bare annotation that is a record (see `is_record`) or named tuple."""
    kind = class_of(record)
    if is_model(kind):
        return fields_of_model(kind)
    if hasattr(kind, "__struct_fields__"):
        from msgspec import NODEFAULT
        from msgspec.structs import fields as struct_fields

        return [
            Field(
                each.encode_name,
                each.type,
                each.required,
                default_of(each, NODEFAULT),
                each.name,
            )
            for each in struct_fields(record)
        ]
    hints = hints_of(record)
    if is_typeddict(kind):
        return [key_of(name, hint, name in kind.__required_keys__) for name, hint in hints.items()]
    if is_named_tuple(kind):
        defaults = kind._field_defaults
        return [
            Field(
                name, hints.get(name, Any), name not in defaults, defaults.get(name, MISSING), name
            )
            for name in kind._fields
        ]
    return [
        Field(
            each.name,
            hints[each.name],
            each.default is MISSING and each.default_factory is MISSING,
            default_of(each, MISSING),
            each.name,
        )
        for each in fields(kind)
    ]


def fields_of_model(kind: Any) -> list[Field]:
    """Return the fields of a model of pydantic's, each by the first of the names that it goes by.

    Raises:
        NameError: The annotation of a field names what isn't there, or not yet.
    """
    from pydantic.dataclasses import rebuild_dataclass

    rebuild = getattr(kind, "model_rebuild", partial(rebuild_dataclass, kind))
    rebuild()  # does nothing where all names of a model are known
    found: list[Field] = []
    for name, info in kind.__pydantic_fields__.items():
        if info.init is False:  # of a dataclass
            continue
        alias = info.validation_alias
        choices = [each for each in getattr(alias, "choices", [alias]) if isinstance(each, str)]
        outer = choices[0] if choices else name
        made = info.is_required() or info.default_factory is not None
        annotation = (
            Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
        )
        default = MISSING if made else info.default
        found.append(Field(outer, annotation, info.is_required(), default, name))
    return found


def default_of(field: Any, unknown: Any) -> Any:
    """Return the default of a field of a dataclass or a Struct; `MISSING` if a call makes it.

    Args:
        field: The description of the field by the class's library.
        unknown: The value by which that library says that there is no default.
    """
    if field.default_factory in FACTORIES:
        return field.default_factory()
    return MISSING if field.default is unknown else field.default


def hints_of(record: Any) -> dict[str, Any]:
    """Return the annotations of a class's fields by name, in which type variables are replaced.

    Args:
        record: A dataclass, a TypedDict or a NamedTuple. A generic class may come with the types
            of its variables, as in ``Page[int]``.
    """
    kind = class_of(record)
    scopes: dict[Any, Scope] = {}
    add_scopes(scopes, record, {})
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):  # has the annotations of its bases, but no bases at run time
        scope = ChainMap(*scopes.values())
        return {name: substitute(hint, scope) for name, hint in hints.items()}
    owned = {name: each for each in kind.__mro__[::-1] for name in inspect.get_annotations(each)}
    return {name: substitute(hint, scopes.get(owned[name], {})) for name, hint in hints.items()}


def add_scopes(scopes: dict[Any, Scope], record: Any, outer: Scope) -> None:
    """Add the types that the type variables of a class and of all its bases stand for.

    Args:
        scopes: The scope of each class; this function adds to it.
        record: The class, or a base in the form that a class names it, such as ``Page[T]``.
        outer: The scope of the class that names the base.
    """
    kind = class_of(record)
    given = [substitute(each, outer) for each in get_args(record)]
    scopes[kind] = dict(zip(getattr(kind, "__parameters__", ()), given, strict=False))
    for base in getattr(kind, "__orig_bases__", kind.__bases__):
        if isinstance(class_of(base), type) and class_of(base) not in scopes:
            add_scopes(scopes, base, scopes[kind])


def substitute(annotation: Any, scope: Scope) -> Any:
    """Replace the type variables of an annotation by the types that are known for them."""
    if isinstance(annotation, TypeVar):
        return scope.get(annotation, annotation)
    variables = getattr(annotation, "__parameters__", ())
    if not variables:
        return annotation
    return annotation[tuple(scope.get(each, each) for each in variables)]


def types_in(annotation: Any) -> Iterator[Any]:
    """Yield all types in an annotation, each bare, however deep; some of them repeatedly."""
    seen: dict[Any, list[Any]] = {}  # lists, since an extra of `Annotated` may have no hash
    left = [annotation]
    while left:
        for member in members(left.pop()):
            yield member
            left += [part for part in get_args(member) if part is not ...]
            kind = class_of(member)
            if not is_record(kind) and not is_named_tuple(kind):
                continue
            same = seen.setdefault(kind, [])
            if member not in same and len(same) < VARIANT_COUNT:
                same.append(member)
                left += [field.annotation for field in fields_of(member)]


def records_in(annotation: Any) -> set[Any]:
    """Return the classes of all records in an annotation, however deep."""
    return {class_of(each) for each in types_in(annotation) if is_record(each)}


def key_of(name: str, hint: Any, required: bool) -> Field:
    """Return a key of a TypedDict; its annotation may decide whether the key is required."""
    while get_origin(hint) in (Required, NotRequired):
        required = get_origin(hint) is Required
        hint = get_args(hint)[0]
    return Field(name, hint, required, MISSING, name)
