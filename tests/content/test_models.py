"""Values that pydantic makes of JSON, and its errors told as ours."""

import subprocess
import sys
from dataclasses import dataclass, field
from dataclasses import field as dataclass_field
from decimal import Decimal
from math import inf
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic.dataclasses
import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    Json,
    RootModel,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)

from hump_trio import BindingError, HttpException
from hump_trio.content.annotations import is_of_pydantic
from hump_trio.content.json_text import typed_codec
from hump_trio.content.models import ERROR_COUNT
from hump_trio.content.records import extras_of_model
from hump_trio.content.standard_json import StandardJson

T = TypeVar("T")


class Cat(BaseModel):
    """One kind of pet."""

    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    """Another."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["dog"]
    age: int = Field(alias="years")


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Page(BaseModel, Generic[T]):
    """A generic model."""

    items: list[T]


class Numbers(RootModel[list[int]]):
    """A model whose JSON is no object."""


class Checked(BaseModel):
    """A model with rules of its own."""

    low: int = 0
    high: int = 1
    even: int = 0

    @field_validator("even")
    @classmethod
    def check_even(cls, value: int) -> int:
        """Refuse odd numbers."""
        assert value >= 0
        if value % 2:
            raise ValueError("an odd number" if value > 1 else "")
        return value

    @model_validator(mode="after")
    def check_order(self) -> "Checked":
        """Refuse a range that ends before it starts."""
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Wide(BaseModel):
    """A model with most of what there is."""

    pet: Pet = Cat()
    both: int | bool = 1
    pair: tuple[int, str] = (1, "a")
    by_number: dict[int, int] = {}
    packed: Json[list[int]] = []
    choice: int = Field(default=1, validation_alias=AliasChoices("choice", "chosen"))
    deep: int = Field(default=1, validation_alias=AliasPath("outer", 0))
    secret: SecretStr = Field(default=SecretStr(""), max_length=5)
    more: "Wide | None" = None


def decode(text: str | bytes, kind: Any) -> Any:
    """Return what a text becomes."""
    return typed_codec().decode(text.encode() if isinstance(text, str) else text, kind)


def places(text: str | bytes, kind: Any) -> list[tuple[str, str]]:
    """Return what is wrong with a text."""
    with pytest.raises(BindingError) as caught:
        decode(text, kind)
    return list(caught.value.places)


@dataclass
class Holder:
    """A class of ours around models."""

    pet: Dog
    pets: list[Cat] = field(default_factory=list)
    anything: object = None
    maybe: Numbers | None = None


VALUES: list[tuple[str, Any, Any]] = [
    ('{"lives":"3"}', Cat, Cat(lives=3)),
    ('[{"lives":3}]', list[Cat], [Cat(lives=3)]),
    ("null", Cat | None, None),
    ('{"kind":"dog","years":1}', Pet, Dog(kind="dog", years=1)),
    ('{"kind":"dog","years":1}', Cat | Dog, Dog(kind="dog", years=1)),
    ('{"a":{}}', dict[str, Cat], {"a": Cat()}),
    ("[1]", Numbers, Numbers([1])),
    ('{"items":["1"]}', Page[int], Page[int](items=[1])),
    ('{"items":[{"lives":1}]}', Page[Cat], Page[Cat](items=[Cat(lives=1)])),
    ('["http://a"]', list[HttpUrl], [HttpUrl("http://a")]),
    ("[1]", list[Annotated[int, Field(gt=0)]], [1]),
    ("[1]", list[Annotated[int, Field(json_schema_extra={})]], [1]),
    ('{"chosen":2,"outer":[3]}', Wide, Wide.model_validate({"choice": 2, "outer": [3]})),
    ('\ufeff{"lives":3}', Cat, Cat(lives=3)),
    (
        '{"pet":{"kind":"dog","years":1},"pets":[{}],"anything":1,"maybe":[1]}',
        Holder,
        Holder(Dog(kind="dog", years=1), [Cat()], 1, Numbers([1])),
    ),
]


@pytest.mark.parametrize(("text", "kind", "value"), VALUES)
def test_models_are_made_of_json(text: str, kind: Any, value: Any) -> None:
    """By pydantic's rules, alone and in what holds them; msgspec makes the classes around them."""
    assert decode(text, kind) == value


PLACES: list[tuple[str, Any, list[tuple[str, str]]]] = [
    ("{}", Dog, [("body.kind", "missing"), ("body.years", "missing")]),
    (
        '{"kind":"dog","years":"x","z":1}',
        Dog,
        [
            (
                "body.years",
                "input should be a valid integer, unable to parse string as an integer",
            ),
            ("body.z", "extra inputs are not permitted"),
        ],
    ),
    (
        '[{},{"lives":[]}]',
        list[Cat],
        [("body[1].lives", "input should be a valid integer")],
    ),
    ('{"kind":"dog"}', Pet, [("body.years", "missing")]),
    (
        '{"kind":"cow"}',
        Pet,
        [
            (
                "body",
                "input tag 'cow' found using 'kind' does not match any of the expected tags:"
                " 'cat', 'dog'",
            )
        ],
    ),
    (
        '{"pet":{"kind":"dog"},"both":"x","pair":[1],"by_number":{"x":"y"}}',
        Wide,
        [
            ("body.pet.years", "missing"),
            (
                "body.both",
                "input should be a valid integer, unable to parse string as an integer",
            ),
            ("body.both", "input should be a valid boolean, unable to interpret input"),
            ("body.pair[1]", "missing"),
            (
                "body.by_number.x",
                "input should be a valid integer, unable to parse string as an integer in a key",
            ),
            (
                "body.by_number.x",
                "input should be a valid integer, unable to parse string as an integer",
            ),
        ],
    ),
    (
        '{"packed":"[[]]","chosen":"x","outer":["x"]}',
        Wide,
        [
            ("body.packed", "input should be a valid integer"),
            (
                "body.chosen",
                "input should be a valid integer, unable to parse string as an integer",
            ),
            (
                "body.outer[0]",
                "input should be a valid integer, unable to parse string as an integer",
            ),
        ],
    ),
    ('{"low":2}', Checked, [("body", "low is above high")]),
    ('{"even":3}', Checked, [("body.even", "an odd number")]),
    ('{"even":1}', Checked, [("body.even", "not valid")]),
    ('{"items":{"items":[1]}}', Page[Page[int]], [("body.items", "input should be a valid array")]),
    (
        '["x"]',
        Numbers,
        [("body[0]", "input should be a valid integer, unable to parse string as an integer")],
    ),
]


@pytest.mark.parametrize(("text", "kind", "expected"), PLACES)
def test_errors_have_our_places(text: str, kind: Any, expected: list[tuple[str, str]]) -> None:
    """Those of the value that came, by the names in it, whatever pydantic calls its steps."""
    assert places(text, kind) == expected


def test_a_secret_is_in_no_error() -> None:
    """Neither in what the client is told, nor in what a log may have of the error."""
    with pytest.raises(BindingError) as caught:
        decode('{"secret":"hunter2"}', Wide)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[1,]", 400),
        ("[NaN]", 400),
        ("[1e400]", 400),
        ('["\\ud800"]', 400),
        (b"[\xff]", 400),
        ("[" + "1" * 5000 + "]", 400),
        ("[" * 100_000, 400),
        ("[" * 300 + "]" * 300, 400),
        ('["nan"]', 422),
        ('["-Infinity"]', 422),
        ("[{}]", 422),
    ],
)
def test_json_is_as_strict_as_without_pydantic(text: str | bytes, status: int) -> None:
    """What is no JSON for a dataclass is none for a model, and no float is endless."""

    class Floats(RootModel[list[float]]):
        """A list."""

    with pytest.raises(HttpException) as caught:
        decode(text, Floats)
    assert caught.value.status == status


class Costly(BaseModel):
    """What may hold numbers that are costly."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]
    limit: float = inf
    price: Decimal = Field(default=Decimal(0), alias="Price")
    by_price: dict[float, int] = {}
    many: list[float] = []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"limit":"inf"}', ["body.limit"]),
        ('{"Price":"1e999999999"}', ["body.Price"]),
        ('{"by_price":{"nan":1}}', ["body.by_price.nan"]),
        ('{"many":[1,"nan"],"further":"nan"}', ["body.further", "body.many[1]"]),
    ],
)
def test_endless_numbers_are_refused(text: str, where: list[str]) -> None:
    """By the names that clients use, wherever pydantic would make one of a text."""
    assert [place for place, _ in places(text, Costly)] == where
    assert [place for place, _ in places(f"[{text}]", list[Costly])] == [
        each.replace("body", "body[0]") for each in where
    ]


def test_a_default_may_be_endless() -> None:
    """It is the program's own, and no client has sent it."""
    assert decode("{}", Costly).limit == inf


@pydantic.dataclasses.dataclass
class Point:
    """A dataclass of pydantic's."""

    x: float
    y: float = inf
    made: int = dataclass_field(default=1, init=False)


def test_dataclasses_of_pydantic_are_made_by_it() -> None:
    """By its rules, not by msgspec's: a text is a number there."""
    assert decode('{"x":"1"}', Point).x == 1
    assert places('{"x":"nan","y":1}', Point) == [("body.x", "expected `float`")]
    assert places("{}", Point) == [("body.x", "missing")]


class Sets(BaseModel):
    """What has hashes that clients can choose."""

    numbers: set[int] = Field(
        default=set(), validation_alias=AliasChoices("numbers", "n", AliasPath("deep", 1, "n"))
    )
    by_number: dict[int, None] = {}
    words: set[str] = set()
    nested: "list[Sets]" = []
    root: "SetOfNumbers | None" = None


class SetOfNumbers(RootModel[frozenset[int]]):
    """A set that stands for itself."""


# So many numbers of one hash.
SAME = ",".join(f'"{index * (2**61 - 1)}"' for index in range(1, 500))
KEYS = ",".join(f'"{index * (2**61 - 1)}":null' for index in range(1, 500))


@pytest.mark.parametrize(
    "text",
    [
        f'{{"numbers":[{SAME}]}}',
        f'{{"n":[{SAME}]}}',
        f'{{"numbers":[{SAME},"x"]}}',
        f'{{"deep":[1,{{"n":[{SAME}]}}]}}',
        f'{{"by_number":{{{KEYS}}}}}',
        f'{{"nested":[{{"nested":[{{"n":[{SAME}]}}]}}]}}',
        f'{{"root":[{SAME}]}}',
    ],
)
@pytest.mark.parametrize("kind", [Sets, list[Sets]])
def test_values_of_one_hash_are_refused(kind: Any, text: str) -> None:
    """As pydantic would convert them, by any name of theirs, and beside wrong ones."""
    sent = text if kind is Sets else f"[{text}]"
    assert places(sent, kind) == [("body", "too many values of one hash")]


class Others(BaseModel):
    """What takes sets by any name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, set[int]]
    n: int = 0


def test_values_of_one_hash_are_refused_by_names_that_no_field_has() -> None:
    """Where a model takes such ones, and says of which type they are."""
    assert places(f'{{"n":1,"a":[1],"b":[{SAME}]}}', Others) == [
        ("body", "too many values of one hash")
    ]
    assert places(f'[{{"b":[{SAME}]}}]', list[Others]) == [("body", "too many values of one hash")]
    made = decode('{"n":1,"a":[1]}', Others)
    assert made.model_extra == {"a": {1}}
    assert extras_of_model(Cat) == []
    assert extras_of_model(Later) == [set[int]]
    assert extras_of_model(Plain) == []


class Later(Others):
    """Whose annotations are texts, as they are behind ``from __future__ import annotations``."""

    __pydantic_extra__: "dict[str, set[int]]"


class Plain(BaseModel):
    """What takes any names, and doesn't say of which type."""

    model_config = ConfigDict(extra="allow")


def test_a_name_that_is_repeated_is_read_once() -> None:
    """The last of them counts, and the others are never converted."""
    assert decode(f'{{"numbers":[{SAME}],"numbers":[1]}}', Sets).numbers == {1}


@pytest.mark.parametrize(
    "text", ['{"n":[1,{}]}', '{"numbers":1,"n":"x","deep":[1]}', '{"by_number":{"x":null}}']
)
def test_what_is_no_set_is_refused_by_its_place(text: str) -> None:
    """The guard leaves it to pydantic."""
    padding = f'"words":[{SAME}]'
    assert all(place.startswith("body.") for place, _ in places(f"{text[:-1]},{padding}}}", Sets))


def test_a_body_that_is_wrong_in_very_many_places_is_answered_quickly() -> None:
    """They are counted, not told: to write half a million errors takes a second."""
    count = ERROR_COUNT + 1
    assert places(f"[{'[],' * ERROR_COUNT}[]]", Numbers) == [
        ("body", f"{count} values in it are wrong")
    ]
    assert places(f'{{"numbers":[{"[]," * ERROR_COUNT}[]]}}', Sets) == [("body", "not valid")]
    deep = "[" * 300 + "]" * 300
    assert places(f'{{"numbers":[{deep},{SAME}]}}', Sets) == [("body", "not valid")]


def test_no_hash_at_all_is_refused() -> None:
    """A list within a set of anything."""

    class Any_(BaseModel):
        """What takes anything."""

        all_of_it: set[Any]

    ones = ",".join("[1]" for _ in range(200))
    assert places(f'{{"all_of_it":[{ones}]}}', Any_)[0][0].startswith("body")


def test_a_class_of_ours_tells_the_places_in_its_models() -> None:
    """All of them, and those of its own fields, in one go."""
    text = '{"pet":{"kind":"dog","years":"x"},"pets":[{},{"lives":[]},1],"maybe":["x"]}'
    with pytest.raises(HttpException) as caught:
        decode(text, Holder)
    assert caught.value.status == 422
    assert "integer" in caught.value.detail


class Out(BaseModel):
    """What is written otherwise than read."""

    name: str = Field(alias="Name")
    secret: SecretStr = SecretStr("x")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        """The name's."""
        return len(self.name)


class Broken(BaseModel):
    """What can't be written."""

    name: str = ""

    @field_serializer("name")
    def write(self, value: str) -> str:
        """Fail."""
        raise LookupError(value)


def test_models_are_written_by_pydantic() -> None:
    """With aliases and what is computed, and without secrets, within any value and by any codec."""
    value = [{"out": Out(Name="abc")}]
    written = b'[{"out":{"Name":"abc","secret":"**********","length":3}}]'
    assert typed_codec().encode(value) == written
    assert StandardJson().encode(value) == written
    assert StandardJson().embed(b"[1]") == [1]
    assert typed_codec().encode(SecretStr("x")) == b'"**********"'


def test_what_can_not_be_written_is_an_error() -> None:
    """A value of another type than annotated, told without the value; and what a program raises."""
    with pytest.raises(
        TypeError, match="a Out has a value of another type than annotated in"
    ) as caught:
        typed_codec().encode(Out.model_construct(name=["hunter2"]))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="LookupError"):
        typed_codec().encode(Broken())
    with pytest.raises(TypeError, match="JSON has nothing for a complex"):
        typed_codec().encode([1j])


class Unknown(BaseModel):
    """A model with a field whose type is nowhere."""

    field: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


class Foreign:
    """A class that nobody knows."""


@dataclass
class HoldsUrl:
    """A class of ours around a type of pydantic's that is no model."""

    url: HttpUrl


@dataclass
class HoldsField:
    """A class of ours with a constraint that pydantic alone would look at."""

    number: Annotated[int, Field(gt=0)]


@dataclass
class HoldsUnion:
    """A class of ours around one of several models."""

    pet: Cat | Dog


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Unknown, "Nowhere"),
        (list[Unknown], "Nowhere"),
        (list[Cat | Foreign], "pydantic makes no"),
        (HoldsUrl, "JSON has nothing for a HttpUrl, which is no body type"),
        (HoldsUnion, "may not contain more than one custom type"),
        (HoldsField, "HoldsField.number has a FieldInfo of pydantic's, which counts in its models"),
    ],
)
def test_types_that_nobody_can_make_are_refused(kind: Any, message: str) -> None:
    """With a reason, before a request comes."""
    with pytest.raises(TypeError, match=message):
        typed_codec().decoder(kind)


def test_what_pydantic_makes_is_known_without_it() -> None:
    """A model, what pydantic alone knows, and what holds either; no class with fields around it."""
    assert all(
        map(is_of_pydantic, (Cat, tuple[Cat, ...], Pet, HttpUrl, Annotated[int, Field(gt=1)]))
    )
    assert not any(map(is_of_pydantic, (int, Holder, list[Holder], dict, Any, list[int])))


def test_before_pydantic_is_imported_nothing_is_of_its_making(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No type can be."""
    monkeypatch.delitem(sys.modules, "pydantic")
    assert not is_of_pydantic(list[int])


def test_pydantic_is_never_imported_by_us() -> None:
    """Without it no line of ours for it runs."""
    program = (
        "import sys, msgspec, dataclasses\n"
        "from hump_trio.content.json_text import typed_codec\n"
        "@dataclasses.dataclass\n"
        "class Item:\n    name: str\n"
        "codec = typed_codec()\n"
        'assert codec.encode(codec.decode(b\'[{"name":"a"}]\', list[Item]))\n'
        "assert not {'pydantic', 'pydantic_core', 'annotated_types'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
