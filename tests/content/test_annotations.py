"""What annotations are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    NewType,
    Union,
)

import pytest
from typing_extensions import TypeAliasType

from hump_trio.content.annotations import (
    is_body,
    item_types,
    kinds_of,
)


@dataclass
class Leaf:
    """A class with fields."""

    name: str


# As it was written before Python 3.10.
union: Any = Union
Number = NewType("Number", int)
Name = TypeAliasType("Name", Annotated[str, "a note"])


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        (int, [int]),
        (int | None, [int]),
        (union[int, None], [int]),
        (Annotated[Annotated[int, 1] | None, 2], [int]),
        (union[Number, Name, None], [int, str]),
        (None, []),
        (list[int] | str, [list[int], str]),
    ],
)
def test_a_union_is_taken_apart(annotation: Any, kinds: list[Any]) -> None:
    """However it is written, and whatever its members are called."""
    assert kinds_of(annotation) == kinds


@pytest.mark.parametrize(
    ("annotation", "types"),
    [
        (list[int], (..., int)),
        (list, (..., Any)),
        (Sequence[str], (..., str)),
        (tuple, (..., Any)),
        (tuple[int, ...], (..., int)),
        (tuple[int, str], (int, str)),
        (dict[str, int], None),
        (str, None),
    ],
)
def test_the_items_of_a_collection(annotation: Any, types: tuple[Any, ...] | None) -> None:
    """Any number of one type, or one of each."""
    assert item_types(annotation) == types


@pytest.mark.parametrize(
    "annotation", [Leaf, list[Leaf | None], Mapping[str, int], tuple[int, Leaf]]
)
def test_what_only_a_body_has(annotation: Any) -> None:
    """Names of its own."""
    assert is_body(annotation)
    assert not is_body(list[int] | str)
