"""How far a search for bad places goes."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

from tests.support.typed_handlers import JSON, ask, places_of, taking


@dataclass
class Node:
    """A body in a body."""

    name: str
    below: "Node | None" = None


async def test_an_answer_is_short_whatever_was_sent() -> None:
    """A hundred places, each of 200 characters at most: a client's own long names are cut."""
    names = {f"{number}{'n' * 500}": {"m" * 500: "x"} for number in range(1000)}
    answer = await ask(
        taking(dict[str, dict[str, int]]), content=json.dumps(names), content_type=JSON
    )
    places = places_of(answer)
    assert len(places) == 100
    assert list(places)[7] == f"body.7{'n' * 79}.{'m' * 80}"
    assert len(answer.content) < 100 * 300


async def test_far_places_are_found_by_msgspec_alone() -> None:
    """What lies past the first 2,000 values, or 32 deep, is not searched for: one is told."""
    far = {"a": [1] * 100_000 + ["x", "y"]}
    answer = await ask(taking(dict[str, list[int]]), content=json.dumps(far), content_type=JSON)
    assert places_of(answer) == {"body[...][100000]": "expected `int`, got `str`"}
    deep: dict[str, Any] = {"name": 1}
    for _ in range(40):
        deep = {"name": "a", "below": deep}
    answer = await ask(taking(Node), content=json.dumps(deep), content_type=JSON)
    place = f"body{'.below' * 40}.name"
    assert places_of(answer) == {f"{place[:197]}...": "expected `str`, got `int`"}


@dataclass
class Leaf:
    """What counts how often it was made."""

    made: ClassVar[int] = 0

    def __post_init__(self) -> None:
        Leaf.made += 1


@dataclass
class Tree:
    """What holds others, and much that isn't searched: a union."""

    below: "list[Tree]"
    leaves: list[Leaf] | int = 0
    height: int = 0


async def test_much_that_is_right_is_looked_at_once() -> None:
    """However many values hold it: a failure costs no more than a success."""
    deep: dict[str, Any] = {"below": [], "leaves": [{}] * 3000}
    for _ in range(10):
        deep = {"below": [deep]}
    Leaf.made = 0
    answer = await ask(taking(Tree), content=json.dumps(deep | {"height": "x"}), content_type=JSON)
    assert places_of(answer) == {"body.height": "expected `int`, got `str`"}
    assert Leaf.made == 3000


@dataclass
class Choice:
    """A body with two words to choose from."""

    word: Literal["red", "blue"]


@pytest.mark.parametrize("value", [{"a": 1}, {}, [1, 2], ["red", "blue"]])
async def test_a_choice_of_two_is_no_mapping(value: Any) -> None:
    """The values of a Literal aren't taken for the types of keys and values."""
    answer = await ask(taking(Choice), content=json.dumps({"word": value}), content_type=JSON)
    assert answer.status_code == 422
    assert list(places_of(answer)) == ["body.word"]
