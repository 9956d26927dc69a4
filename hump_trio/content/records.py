"""The fields of classes that hold data, and all the types that an annotation is made of.

These are dataclasses, Structs, TypedDicts, named tuples, classes of attrs', pydantic's models.
"""

import inspect
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from functools import partial
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    get_args,
    get_origin,
    get_type_hints,
)

from hump_trio.content.annotations import (
    Scope,
    class_of,
    extras_of,
    is_attrs,
    is_model,
    is_named_tuple,
    is_record,
    is_typed_dict,
    members,
    substitute,
)

__all__ = [
    "Field",
    "check_extras",
    "extras_of_model",
    "fields_of",
    "inputs_of",
    "records_in",
    "types_in",
]

# Default factories whose result is always the same.
FACTORIES = (list, tuple, set, frozenset, dict)
# Variants of one generic class that are visited: a class may hold ever larger variants of itself,
# such as `Page[Page[T]]` in a field of `Page[T]`.
VARIANT_COUNT = 64


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a class: a dataclass, a Struct, a TypedDict, an attrs class or a model.

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
    if is_typed_dict(kind):
        return [key_of(name, hint, name in kind.__required_keys__) for name, hint in hints.items()]
    if is_named_tuple(kind):
        defaults = kind._field_defaults
        return [
            Field(
                name, hints.get(name, Any), name not in defaults, defaults.get(name, MISSING), name
            )
            for name in kind._fields
        ]
    if is_attrs(kind):
        return fields_of_attrs(kind, hints)
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


def extras_of_model(kind: Any) -> list[Any]:
    """Return the type of what a model of pydantic's takes beside its fields, if it has one.

    It is that of the values of ``__pydantic_extra__``.
    """
    if kind.__dict__.get("model_config", {}).get("extra") != "allow":
        return []
    hint: Any = None
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith("pydantic."):
            hint = inspect.get_annotations(base).get("__pydantic_extra__", hint)
            if isinstance(hint, str):  # not by the hints of all that the model has: it is rare
                hint = get_type_hints(base, include_extras=True)["__pydantic_extra__"]
    return [part for member in members(hint) for part in get_args(member)[1:]]


def fields_of_attrs(kind: Any, hints: dict[str, Any]) -> list[Field]:
    """Return the fields of a class of attrs', private ones without their underscores.

    Args:
        kind: The class.
        hints: The annotations of its attributes; one may have its type elsewhere.
    """
    from attrs import NOTHING

    found: list[Field] = []
    for each in kind.__attrs_attrs__:
        required = each.default is NOTHING
        # By an `attrs.Factory`, or a converter.
        made = required or hasattr(each.default, "takes_self") or each.converter is not None
        annotation = hints.get(each.name, each.type or Any)
        default = MISSING if made else each.default
        found.append(Field(each.name.lstrip("_"), annotation, required, default, each.name))
    return found


def inputs_of(record: Any) -> list[Field]:
    """Return the fields of a class as clients send them.

    They are those of the class itself, but of an attrs class the parameters of its constructor. A
    private attribute has no underscore there, and the type of what goes into a converter counts.
    The `attribute` of a field of an attrs class is the name of the parameter.
    """
    kind = class_of(record)
    if not is_attrs(kind):
        return fields_of(record)
    known = {each.attribute: each for each in fields_of(record)}
    found: list[Field] = []
    for attribute in kind.__attrs_attrs__:
        if attribute.init:
            field = known[attribute.name]
            annotation = field.annotation
            if attribute.converter is not None:
                annotation = input_type(attribute.converter)
            alias = attribute.alias or field.name
            found.append(Field(field.name, annotation, field.required, field.default, alias))
    return found


def input_type(converter: Any) -> Any:
    """Return the type of what a converter takes; Any if its annotations don't tell."""
    function = getattr(converter, "converter", converter)  # that of an `attrs.Converter`
    try:
        names = list(inspect.signature(function).parameters)
        return get_type_hints(function, include_extras=True).get(names[0], Any)
    except (TypeError, ValueError, NameError, IndexError):  # of a class, or written in C
        return Any


def default_of(field: Any, unknown: Any) -> Any:
    """Return the default of a field of a dataclass or a Struct; `MISSING` if a call makes it.

    Args:
        field: The description of the field by the class's library.
        unknown: The value by which that library says that there is no default.
    """
    if field.default_factory in FACTORIES:
        return field.default_factory()
    return MISSING if field.default is unknown else field.default


def key_of(name: str, hint: Any, required: bool) -> Field:
    """Return a key of a TypedDict; its annotation may decide whether the key is required."""
    while (marker := get_origin(hint)) in (Required, NotRequired) or is_read_only(marker):
        required = required if is_read_only(marker) else marker is Required
        hint = get_args(hint)[0]
    return Field(name, hint, required, MISSING, name)


def is_read_only(marker: Any) -> bool:
    """Tell whether a marker is ``ReadOnly``, which typing has from Python 3.13 on."""
    return getattr(marker, "_name", "") == "ReadOnly"


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
    if is_typed_dict(kind):  # has the annotations of its bases, but no bases at run time
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


def types_in(annotation: Any, *, in_models: bool = True) -> Iterator[Any]:
    """Yield all types in an annotation, each bare, however deep; some of them repeatedly.

    Args:
        annotation: The annotation.
        in_models: Whether those in the fields of pydantic's models are among them.
    """
    seen: dict[Any, list[Any]] = {}  # lists, since an extra of `Annotated` may have no hash
    left = [annotation]
    while left:
        for member in members(left.pop()):
            yield member
            left += [part for part in get_args(member) if part is not ...]
            kind = class_of(member)
            if not (is_record(kind) or is_named_tuple(kind)):
                continue
            if is_model(kind) and not in_models:
                continue
            same = seen.setdefault(kind, [])
            if member not in same and len(same) < VARIANT_COUNT:
                same.append(member)
                left += [field.annotation for field in fields_of(member)]
                left += extras_of_model(kind) if is_model(kind) else []


def records_in(annotation: Any) -> set[Any]:
    """Return the classes of all records in an annotation, however deep."""
    return {class_of(each) for each in types_in(annotation) if is_record(each)}


def check_extras(annotation: Any) -> None:
    """Refuse what pydantic would check of a field, in a class that it doesn't make.

    Raises:
        TypeError: With the field: nobody would look at such a constraint.
    """
    for each in types_in(annotation, in_models=False):
        if is_model(each) or not (is_record(each) or is_named_tuple(each)):
            continue
        for field in fields_of(each):
            for extra in extras_of(field.annotation):
                if type(extra).__module__.startswith("pydantic"):
                    raise TypeError(
                        f"{class_of(each).__name__}.{field.attribute} has a {type(extra).__name__}"
                        " of pydantic's, which counts in its models alone: write a msgspec.Meta"
                    )
