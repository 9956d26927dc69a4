"""The fields of classes that hold data, generic ones too, and the types in an annotation."""

import sys
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Generic,
    NamedTuple,
    NotRequired,
    TypedDict,
    TypeVar,
)

import msgspec
import pytest
import typing_extensions
from typing_extensions import TypeAliasType

from hump_trio.content.annotations import item_types, kinds_of
from hump_trio.content.json_text import typed_codec
from hump_trio.content.records import (
    fields_of,
    records_in,
    types_in,
)


@dataclass
class Leaf:
    """A class with fields."""

    name: str


@dataclass
class Tree:
    """One that holds itself and another."""

    leaves: dict[str, tuple[Leaf, ...]]
    below: "list[Tree] | None" = None


def test_the_classes_in_a_type() -> None:
    """However deep, and each once."""
    assert records_in(Annotated[list[Tree], 1] | int) == {Tree, Leaf}


T = TypeVar("T")
U = TypeVar("U")
N = TypeVar("N", bound=int)


@dataclass
class Page(Generic[T]):
    """A class that doesn't know what it holds."""

    items: list[T]
    below: "Page[T] | None" = None


@dataclass
class Pair(Page[U], Generic[T, U]):
    """A child, whose own variable is called as another one of its parent."""

    other: T | None = None


@dataclass
class Known(Pair[str, int]):
    """A child that knows."""


@dataclass
class Counted(Known, Generic[N]):
    """A child of that, with a variable again."""

    count: N | None = None


class Struct(msgspec.Struct, Generic[T]):
    """The same of msgspec's."""

    items: dict[str, T]


class Child(Struct[list[U]], Generic[U]):
    """A child of it."""

    item: U


class Entry(TypedDict, Generic[T]):
    """The same of names."""

    item: T
    items: NotRequired[list[T]]


class Named(NamedTuple, Generic[T]):
    """The same as an array."""

    item: T


@dataclass
class Growing(Generic[T]):
    """A class that holds ever larger ones of itself."""

    item: "Growing[list[T]] | None" = None


Pairs: Any = TypeAliasType("Pairs", list[tuple[T, U]], type_params=(T, U))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "annotations"),
    [
        (Page[int], {"items": list[int], "below": Page[int] | None}),
        (Pair[str, int], {"items": list[int], "below": Page[int] | None, "other": str | None}),
        (Known, {"items": list[int], "below": Page[int] | None, "other": str | None}),
        (
            Counted[bool],
            {
                "items": list[int],
                "below": Page[int] | None,
                "other": str | None,
                "count": bool | None,
            },
        ),
        (Struct[int], {"items": dict[str, int]}),
        (Child[str], {"items": dict[str, list[str]], "item": str}),
        (Entry[str], {"item": str, "items": list[str]}),
    ],
)
def test_the_fields_of_a_generic_class(record: Any, annotations: dict[str, Any]) -> None:
    """Type variables are what was given for them, by the class or by one of its children."""
    assert {field.name: field.annotation for field in fields_of(record)} == annotations


def test_what_nothing_was_given_for() -> None:
    """A variable is its bound then, or anything."""
    items, _ = fields_of(Page)
    assert [kinds_of(each) for each in item_types(items.annotation) or ()] == [[...], [Any]]
    assert kinds_of(fields_of(Counted)[-1].annotation) == [int]


def test_a_typed_dict_of_typing_extensions() -> None:
    """Before Python 3.13 it isn't one of `typing`, and its markers are its own."""

    class Extended(typing_extensions.TypedDict):
        name: typing_extensions.ReadOnly[str]
        given: typing_extensions.NotRequired[typing_extensions.ReadOnly[int]]

    found = [(each.name, each.annotation, each.required) for each in fields_of(Extended)]
    assert found == [("name", str, True), ("given", int, False)]


def test_types_in_a_generic_class() -> None:
    """Of a class that is given two types, the fields of both are looked at."""
    found = list(types_in(tuple[Page[int], Page[str], Named[float], Pairs[bytes, bool]]))
    assert {int, str, float, bytes, bool, list[int], list[str]} <= {*found}
    assert records_in(Named[Leaf]) == {Leaf}
    assert [field.annotation for field in fields_of(Named[str])] == [str]
    assert len(list(types_in(Growing[int]))) < 10_000
    with pytest.raises(TypeError, match="holds ever larger types"):
        typed_codec().check_type(Growing[int])


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the syntax, and defaults, are newer")
def test_the_newer_syntax_of_generic_classes() -> None:
    """Classes with brackets, defaults of type variables and names for types are the same."""
    names: dict[str, Any] = {}
    exec(
        "from dataclasses import dataclass\n"
        "from typing import TypedDict\n"
        "@dataclass\nclass Page[T]:\n  items: list[T]\n"
        "@dataclass\nclass Pair[T, U = str](Page[T]):\n  other: U\n"
        "class Entry[T](TypedDict):\n  item: T\n"
        "class Other(Entry[int]):\n  other: str\n"
        "type Some[T] = list[T] | T\n",
        names,
    )
    pair, other, some = names["Pair"], names["Other"], names["Some"]
    assert [field.annotation for field in fields_of(pair[int])] == [list[int], str]
    assert [field.annotation for field in fields_of(other)] == [int, str]
    assert kinds_of(some[int]) == [list[int], int]
