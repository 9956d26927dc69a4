"""What single shapes do with a value that doesn't fit, and with one that hides nothing."""

from typing import Any

import pytest

from hump_trio.handlers.shape_maker import ShapeMaker
from hump_trio.handlers.shapes import Misfit, Shape, dict_of, items_of, mapping_of, tuple_of
from tests.support.annotated import Item

NUMBER = ShapeMaker().make(int, strict=True)
assert NUMBER is not None
MISFITS: list[tuple[Shape, Any, str, str]] = [
    (items_of(NUMBER), [1, "a"], "[1]", "a str"),
    (items_of(items_of(NUMBER)), [[1], [1, None]], "[1][1]", "None"),
    (tuple_of([None, NUMBER]), ("a", "b"), "[1]", "a str"),
    (tuple_of([None, NUMBER]), ("a",), "", "a tuple of 1 items"),
    (mapping_of(NUMBER), {"a": Item("tea")}, "['a']", "an Item"),
    (dict_of(frozenset({"a"}), frozenset({"a"}), {"a": NUMBER}), {"a": "b"}, ".a", "a str"),
    (dict_of(frozenset({"a", "b"}), frozenset({"b"}), {}), {"a": 1}, "", "a dict without b"),
]


@pytest.mark.parametrize(("shape", "value", "place", "why"), MISFITS)
def test_a_misfit_says_where_it_stands(shape: Shape, value: Any, place: str, why: str) -> None:
    """With the type that stands there."""
    with pytest.raises(Misfit) as caught:
        shape.fit(value)
    assert (caught.value.place, str(caught.value)) == (place, why)


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (items_of(NUMBER), [1, 2]),
        (items_of(items_of(NUMBER)), [[1], []]),
        (mapping_of(NUMBER), {"a": 1}),
        (dict_of(frozenset({"a"}), frozenset(), {}), {"a": 1}),
    ],
)
def test_a_value_that_hides_nothing_goes_out_itself(shape: Shape, value: Any) -> None:
    """No copy is made of it."""
    assert shape.fit(value) is value
