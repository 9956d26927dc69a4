"""Classes of attrs', made by their own constructor of what msgspec has checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, NamedTuple, NewType, TypedDict, TypeVar

import attrs
import msgspec
import pytest
from msgspec import Meta
from pydantic import BaseModel, ConfigDict

from hump_trio import BindingError, Body, HttpException
from hump_trio.content.constructed import stand_in_for
from hump_trio.content.json_text import typed_codec
from hump_trio.content.records import inputs_of
from tests.support.typed_handlers import JSON, ask, places_of, taking

T = TypeVar("T")


class Color(Enum):
    """A choice."""

    RED = "red"


def lower(text: str) -> str:
    """Return a text in small letters."""
    return text.lower()


def kept(value: Any) -> Any:
    """Return a value."""
    return value


@attrs.define
class Item:
    """What attrs does, all at once."""

    name: Annotated[str, Meta(min_length=1)]
    _stock: int = 1
    price: int = attrs.field(default=4, converter=int)
    label: str = attrs.field(default="A", converter=lower)
    parts: "list[Item]" = attrs.Factory(list)
    other: int = attrs.field(default=1, alias="another")
    twice: int = attrs.Factory(lambda self: self.price * 2, takes_self=True)
    made: int = attrs.field(init=False, default=9)
    color: Color = Color.RED
    numbers: frozenset[int] = frozenset()

    def __attrs_post_init__(self) -> None:
        """Refuse what no validator sees."""
        if self.price == 13:
            raise ValueError("an unlucky price")


@attrs.frozen(slots=False)
class Checked:
    """A class without slots, with validators."""

    low: int = attrs.field(default=1, validator=attrs.validators.ge(0))
    kind: str = attrs.field(default="a", validator=attrs.validators.in_(["a", "b"]))
    any_: Any = attrs.field(default="", validator=attrs.validators.instance_of(str), alias="any")
    even: int = attrs.field(default=2, converter=attrs.Converter(int))  # type: ignore[misc]
    told: Any = attrs.field(default=None, converter=kept)

    @even.validator
    def check_even(self, attribute: Any, value: int) -> None:
        """Refuse odd numbers, and one that is a bug."""
        if value == 6:
            raise TypeError("a bug, with a secret")
        if value % 2:
            raise ValueError("odd" if value > 1 else "")


@attrs.define
class Page(Generic[T]):
    """A generic class."""

    items: list[T]


@dataclass
class Holder:
    """A dataclass around one."""

    checked: Checked
    items: dict[str, Item] = field(default_factory=dict)
    count: int = 1
    listed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse a count."""
        if self.count == 13:
            raise ValueError("an unlucky count")
        if self.count == 14:
            raise TypeError("a bug")


@dataclass
class Plain:
    """A dataclass within one, whose default is on the class."""

    number: int = 5


@attrs.frozen
class Mixed:
    """A class of attrs' around others."""

    plain: Plain
    price: Decimal = Decimal(1)


class Model(BaseModel):
    """A model of pydantic's."""

    number: int


@attrs.define
class HoldsModel:
    """A class of attrs' around a model."""

    model: Model


class Arbitrary(BaseModel):
    """A model that takes an object of attrs', which no JSON is."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    item: Item | None = None


@attrs.define
class Beside:
    """Such a model beside what JSON may be."""

    arbitrary: Arbitrary
    item: Item | None = None


@attrs.define(init=False)
class Uncallable:
    """A class without the constructor that attrs would write."""

    name: str


Named = NewType("Named", Checked)


def decode(value: Any, kind: Any) -> Any:
    """Return what a value becomes as JSON."""
    return typed_codec().decode(json.dumps(value).encode(), kind)


ITEM = Item("a", stock=2, price="7", label="B", parts=[Item("b")], another=3, color=Color.RED)
GIVEN = {
    "name": "a",
    "stock": 2,
    "price": "7",
    "label": "B",
    "parts": [{"name": "b"}],
    "other": 3,
    "color": "red",
    "made": 1000,
    "_stock": 1000,
}
VALUES: list[tuple[Any, Any, Any]] = [
    ({"name": "a"}, Item, Item("a")),
    (GIVEN, Item, ITEM),
    ([GIVEN], list[Item], [ITEM]),
    ([GIVEN, 1], tuple[Item, int], (ITEM, 1)),
    ([[GIVEN]], Sequence[tuple[Item, ...]], [(ITEM,)]),
    (None, Item | None, None),
    ([{}], list[Named], [Checked()]),
    ([{}], Annotated[list[Named], Meta(min_length=1)], [Checked()]),
    ([{}], set[Checked], {Checked()}),
    ({"items": [1]}, Page[int], Page([1])),
    ({"items": [{"name": "a"}]}, Page[Item], Page([Item("a")])),
    ({"checked": {}, "items": {"a": GIVEN}}, Holder, Holder(Checked(), {"a": ITEM})),
    ({"plain": {}}, Mixed, Mixed(Plain())),
    ({"arbitrary": {}, "item": GIVEN}, Beside, Beside(Arbitrary(), ITEM)),
    ({"model": {"number": "1"}}, HoldsModel, HoldsModel(Model(number=1))),
]


@pytest.mark.parametrize(("given", "kind", "value"), VALUES)
def test_objects_are_made_by_their_constructor(given: Any, kind: Any, value: Any) -> None:
    """With its converters, factories, defaults and private parameters, wherever they are held."""
    assert decode(given, kind) == value


def test_what_no_constructor_takes_is_left_alone() -> None:
    """A client can't set it."""
    assert decode({"name": "a", "made": 3, "another": 5}, Item) == Item("a")
    assert decode({"plain": {}}, Mixed).plain.number == 5


FAULTS: list[tuple[Any, Any, dict[str, str]]] = [
    ({}, Item, {"body.name": "missing"}),
    ({"name": ""}, Item, {"body.name": "expected `str` of length >= 1"}),
    (
        {"name": "a", "price": "x", "parts": [{"name": "b"}, {"name": "c", "color": "blue"}]},
        Item,
        {"body.parts[1].color": "invalid enum value 'blue'"},
    ),
    (
        {"name": "a", "price": "x"},
        Item,
        {"body.price": "invalid literal for int() with base 10: 'x'"},
    ),
    ({"name": "a", "price": []}, Item, {"body.price": "not valid"}),
    ({"name": "a", "label": 1}, Item, {"body.label": "expected `str`, got `int`"}),
    ({"name": "a", "price": 13}, Item, {"body": "an unlucky price"}),
    (
        {"low": -1, "kind": "c", "any_": 1, "even": 3},
        Checked,
        {
            "body.low": "'low' must be >= 0: -1",
            "body.kind": "'kind' must be in ['a', 'b'] (got 'c')",
            "body.any_": "'any_' must be <class 'str'> (got 1 that is a <class 'int'>).",
            "body.even": "odd",
        },
    ),
    ({"even": 1}, Checked, {"body.even": "not valid"}),
    ({"even": 6}, Checked, {"body.even": "not valid"}),
    (
        {"checked": {"low": -1}, "items": {"a": {"name": 1}}},
        Holder,
        {
            "body.checked.low": "'low' must be >= 0: -1",
            "body.items.a.name": "expected `str`, got `int`",
        },
    ),
    ({"checked": {}, "count": 13}, Holder, {"body": "an unlucky count"}),
    ({"checked": {}, "count": 14}, Holder, {"body": "not valid"}),
    (
        {"model": {"number": "x"}},
        HoldsModel,
        {
            "body.model.number": "input should be a valid integer, unable to parse string as an"
            " integer"
        },
    ),
    ({"plain": {}, "price": "nan"}, Mixed, {"body.price": "expected `decimal`"}),
    ({"name": "a"}, Uncallable, {"body": "not valid"}),
    ([1], list[Item], {"body[0]": "expected `object`, got `int`"}),
]


@pytest.mark.parametrize(("given", "kind", "faults"), FAULTS)
async def test_faults_have_their_places(given: Any, kind: Any, faults: dict[str, str]) -> None:
    """All that converters refuse, or else all that validators do, or what the class says."""
    answer = await ask(
        taking(Annotated[kind, Body()]), content=json.dumps(given).encode(), content_type=JSON
    )
    assert places_of(answer) == faults


def test_numbers_of_one_hash_are_refused() -> None:
    """In a class of attrs' as anywhere, and in a set of such classes."""
    numbers = [index * (2**61 - 1) for index in range(500)]
    for kind, value in [
        (Item, {"name": "a", "numbers": numbers}),
        (list[Item], [{"name": "a", "parts": [{"name": "a", "numbers": numbers}]}]),
        (Holder, {"checked": {}, "items": {"a": {"name": "a", "numbers": numbers}}}),
    ]:
        with pytest.raises(HttpException) as caught:
            decode(value, kind)
        assert caught.value.status == 422
        assert "too many values of one hash" in caught.value.detail
    with pytest.raises(BindingError, match="too many values of one hash"):
        decode([{"told": number} for number in numbers], set[Checked])


class InTypedDict(TypedDict):
    """A class that has no constructor to call."""

    item: Item


class InTuple(NamedTuple):
    """Another."""

    item: Item


class InStruct(msgspec.Struct):
    """And one that msgspec alone makes."""

    item: Item


@attrs.define
class Foreign:
    """A class around what JSON has nothing for."""

    it: complex


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (InTypedDict, "InTypedDict holds the attrs class Item: make it a dataclass or an attrs"),
        (list[InTuple], "InTuple holds the attrs class Item"),
        (InStruct, "InStruct holds the attrs class Item"),
        (Foreign, "JSON has nothing for a complex"),
        (Item | Checked, "may not contain more than one custom type"),
    ],
)
def test_what_can_not_be_made_is_refused(kind: Any, message: str) -> None:
    """With a reason, before a request comes."""
    with pytest.raises(TypeError, match=message):
        typed_codec().decoder(kind)


def test_what_holds_no_attrs_class_stays_as_it_is() -> None:
    """Of the types that msgspec makes by itself, none is looked at twice."""
    for kind in (int, list[Plain], Plain, Model, Annotated[int, Meta(gt=1)]):
        assert stand_in_for(kind) is kind
    assert [each.name for each in inputs_of(Plain)] == ["number"]


def test_private_attributes_do_not_go_out() -> None:
    """All others do, whether a constructor takes them or not."""
    written = json.loads(typed_codec().encode(Item("a", stock=2)))
    assert written == {
        "name": "a",
        "price": 4,
        "label": "a",
        "parts": [],
        "other": 1,
        "twice": 8,
        "made": 9,
        "color": "red",
        "numbers": [],
    }
