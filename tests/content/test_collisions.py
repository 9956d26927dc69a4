"""Values made up to have one hash: refused wherever they would become a set, or keys."""

import enum
import json
from collections import Counter, deque
from collections.abc import Callable, Mapping, MutableSet
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypedDict, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import pytest
import typing_extensions
from pydantic import BaseModel, Json

from hump_trio import Cookie, Header, HttpException, Request
from hump_trio.content.collisions import SET_DEPTH, check_hashes, guard_of
from hump_trio.content.json_text import typed_codec
from hump_trio.facts.exceptions import BindingError
from tests.support.typed_handlers import FORM, JSON, ask, form_of, places_of, taking

T = TypeVar("T")
# The modulus of Python's hashes of numbers: all of its multiples have the hash 0.
MODULUS = (1 << 61) - 1
REFUSED = "too many values of one hash"
NUMBERS = [number * MODULUS for number in range(1, 400)]
WIDE = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}


@dataclass(frozen=True)
class Point:
    """A value with a hash of its numbers."""

    x: int
    y: int = 0


class Frozen(msgspec.Struct, frozen=True):
    """The same of msgspec's."""

    x: int


class Named(NamedTuple):
    """A tuple with names, which JSON has as an array."""

    x: int
    sets: frozenset[int] = frozenset()


class Extended(typing_extensions.TypedDict):
    """A TypedDict that isn't one of `typing` before Python 3.13."""

    ids: set[int]
    more: typing_extensions.NotRequired[set[int]]


class Color(enum.Enum):
    """A few names."""

    RED = 1


@dataclass
class Box(Generic[T]):
    """A class whose set is of what it is given."""

    items: set[T]
    children: "list[Box[T]] | None" = None


@dataclass
class Flat(Generic[T]):
    """One that a form can have."""

    value: set[T]


@dataclass
class Account(Box[int]):
    """A child of one."""

    name: str = ""


@dataclass
class Accounts(Box[Account]):
    """A child of one of children of one."""

    items: list[Account] = field(default_factory=list)  # type: ignore[assignment]


class Keys(TypedDict, total=False):
    """Names of a mapping."""

    ids: AbstractSet[int]


class Cat(msgspec.Struct, tag=True):
    """One of two."""

    ids: set[int]


class Dog(msgspec.Struct, tag=True):
    """The other."""

    ids: list[int]


class Row(msgspec.Struct, array_like=True):
    """A class that is an array."""

    number: int
    ids: set[int]


class TaggedRow(Row, tag="row"):
    """One that says which."""


class OtherRow(Row, tag="other"):
    """Another."""


def decoder_of(kind: Any) -> Callable[[bytes], Any]:
    """Return what decodes a text."""
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
    return decode


def items(*texts: Any) -> str:
    """Return a JSON array of texts of JSON."""
    return f"[{','.join(map(str, texts))}]"


def keys(*texts: Any) -> str:
    """Return a JSON object with texts as its keys."""
    return "{" + ",".join(f'"{text}":1' for text in texts) + "}"


QUOTED = [f'"{UUID(int=number)}"' for number in NUMBERS]
SET = items(*NUMBERS)
HOSTILE: list[tuple[Any, str]] = [
    (set[int], SET),
    (set[int], items(*(number * 10**15 for number in NUMBERS))),
    (set, SET),
    (frozenset[Any], SET),
    (AbstractSet[int], SET),
    (set[float | str], items(*(2.0 ** (61 * each) for each in range(-16, 16)), *["1.0"] * 2000)),
    (set[UUID], items(*QUOTED)),
    (set[UUID], items(*(text.replace("-", "") for text in QUOTED))),
    (set[UUID], items(*(text.replace('"0', '"\\u0030', 1) for text in QUOTED))),
    (set[Decimal], items(*(f"{pow(10, -place, MODULUS)}e{place}" for place in range(290)))),
    (set[Decimal], items(*(f'"{number // 10:_}{number % 10}"' for number in NUMBERS))),
    (set[Decimal], items(*(f'"{number}"'.translate(WIDE) for number in NUMBERS))),
    (set[tuple[int, int]], items(*(f"[{number},7]" for number in NUMBERS))),
    (set[tuple[str, ...] | int], SET),
    (set[Point], items(*(f'{{"x":{number}}}' for number in NUMBERS))),
    (set[Frozen], items(*(f'{{"x":{number}}}' for number in NUMBERS))),
    (set[Named], items(*(f"[{number}]" for number in NUMBERS))),
    (set[frozenset[int]], items(*(f"[{number}]" for number in NUMBERS))),
    (set[frozenset[int]], f"[{SET}]"),
    (dict[int, int], keys(*NUMBERS)),
    (Mapping[Decimal, Any], keys(*NUMBERS)),
    (dict[str, dict[UUID, int]], f'{{"a":{keys(*map(UUID, [t[1:-1] for t in QUOTED]))}}}'),
    (list[set[int] | None] | None, f"[null,{SET}]"),
    (tuple[str, set[int]], f'["",{SET}]'),
    (Named, f"[1,{SET}]"),
    (Box[int], f'{{"items":{SET}}}'),
    (Box[int], f'{{"items":[],"children":[{{"items":[],"children":[{{"items":{SET}}}]}}]}}'),
    (Box, f'{{"items":{SET}}}'),
    (Account, f'{{"items":{SET}}}'),
    (Accounts, f'{{"items":[{{"items":{SET}}}]}}'),
    (Keys, f'{{"ids":{SET}}}'),
    (Extended, f'{{"ids":{SET}}}'),
    (Extended, f'{{"ids":[],"more":{SET}}}'),
    (Cat, f'{{"ids":{SET}}}'),
    (Cat | Dog, f'{{"type":"Cat","ids":{SET}}}'),
    (Row, f"[1,{SET}]"),
    (TaggedRow | OtherRow, f'["other",1,{SET}]'),
    # msgspec makes the first value too where a name comes twice; but what is looked at counts.
    (Account, f'{{"items":[1],"items":{SET}}}'),
    # All of the set would be made before its last item is found to be wrong elsewhere.
    (tuple[set[int], int], f'[{SET},"no number"]'),
    (dict[str, Annotated[set[int], msgspec.Meta(extra_json_schema={})]], f'{{"a":{SET}}}'),
]


@pytest.mark.parametrize(("annotation", "content"), HOSTILE)
async def test_values_of_one_hash_are_refused(annotation: Any, content: str) -> None:
    """422, before a set or a mapping is made: 1 MiB of them would take up to a minute."""
    if not is_class(annotation):
        annotation, content = dict[str, annotation], f'{{"value":{content}}}'
    answer = await ask(taking(annotation), content=content, content_type=JSON)
    assert answer.status_code == 422
    assert places_of(answer) == {"body": REFUSED}


@pytest.mark.parametrize(("annotation", "content"), HOSTILE)
async def test_an_expected_type_refuses_them_too(annotation: Any, content: str) -> None:
    """`Request.json` is a parameter written otherwise."""

    async def show(request: Request) -> str:
        return str(request.json(annotation))

    answer = await ask(show, content=content, content_type=JSON)
    assert answer.status_code == 422
    assert places_of(answer) == {"body": REFUSED}


@dataclass
class Tree:
    """A class that holds itself in a list."""

    numbers: set[int] = field(default_factory=set)
    trees: "list[Tree]" = field(default_factory=list)


@pytest.mark.parametrize("kind", [Tree, list[Tree], dict[str, list[Tree]]])
def test_a_class_that_holds_itself_is_guarded_at_any_depth(kind: Any) -> None:
    """From whichever part of the circle one starts."""
    numbers = [index * (2**61 - 1) for index in range(500)]
    value: Any = {"trees": [{"trees": [{"numbers": numbers}]}]}
    if kind is not Tree:
        value = [value] if kind == list[Tree] else {"a": [value]}
    with pytest.raises(BindingError, match="too many values of one hash"):
        typed_codec().decode(json.dumps(value).encode(), kind)


class Kept(BaseModel):
    """What pydantic alone makes of collections and of texts, and what it makes otherwise."""

    names: Extended | None = None
    queue: deque[set[int]] = deque()
    mutable: MutableSet[int] = set()
    counts: Counter[int] = Counter()
    named: Named = Named(1)
    text: Json[set[int]] = set()
    texts: list[int | Json[dict[str, set[int]]]] = []


# Commas may be escaped within a text that is JSON by itself.
TEXT = json.dumps(SET).replace(",", "\\u002c")


@pytest.mark.parametrize(
    "content",
    [
        f'{{"names":{{"ids":{SET}}}}}',
        f'{{"queue":[{SET}]}}',
        f'{{"mutable":{SET}}}',
        f'{{"counts":{keys(*NUMBERS)}}}',
        f'{{"named":[1,{SET}]}}',
        f'{{"named":{{"x":1,"sets":{SET}}}}}',
        f'{{"text":{TEXT}}}',
        json.dumps({"texts": [1, f'{{"a":{SET}}}']}),
        f'{{"text":{TEXT.replace("[", "[NaN,")}}}',
    ],
)
async def test_models_refuse_them_in_all_that_pydantic_makes(content: str) -> None:
    """As other types do: in a deque, in an object for a named tuple, in a text that is JSON."""
    answer = await ask(taking(Kept), content=content, content_type=JSON)
    assert answer.status_code == 422
    assert places_of(answer) == {"body": REFUSED}


async def test_models_take_honest_values_of_the_same_kinds() -> None:
    """A text that is no JSON is for pydantic to refuse."""

    async def show(kept: Kept) -> str:
        return repr((kept.queue, kept.mutable, kept.counts, kept.named, kept.text, kept.texts))

    content = (
        '{"queue":[[1,2]],"mutable":[3],"counts":{"4":5},"named":{"x":6,"sets":[7]},'
        '"text":"[8]","texts":[9,"{\\"a\\":[10]}"]}'
    )
    answer = await ask(show, content=content, content_type=JSON)
    expected = (
        *(deque([{1, 2}]), {3}, Counter({4: 5}), Named(6, frozenset({7}))),
        *({8}, [9, {"a": {10}}]),
    )
    assert answer.text == repr(expected)
    answer = await ask(show, content='{"text":"[1"}', content_type=JSON)
    assert places_of(answer).keys() == {"body.text"}


def is_class(annotation: Any) -> bool:
    """Tell whether an annotation is a body's by itself."""
    return annotation in (Box, Box[int], Account, Accounts, Keys, Cat, Cat | Dog, Extended)


async def test_they_are_refused_in_queries_headers_cookies_and_forms() -> None:
    """Everywhere that texts become a set, or the names of a form become keys."""
    few = NUMBERS[:150]
    query = urlencode([("value", number) for number in few])
    answer = await ask(taking(set[int]), f"/?{query}")
    assert places_of(answer) == {"query.value": REFUSED}
    fields = {"value": ",".join(map(str, few))}
    answer = await ask(taking(Annotated[frozenset[Decimal], Header()]), headers=fields)
    assert places_of(answer) == {"header.value": REFUSED}
    answer = await ask(taking(form_of(Flat[int])), content=query, content_type=FORM)
    assert places_of(answer) == {"form.value": REFUSED}
    names = urlencode(dict.fromkeys(map(str, few), "a"))
    answer = await ask(taking(form_of(dict[int, str])), content=names, content_type=FORM)
    assert places_of(answer) == {"form": REFUSED}
    answer = await ask(
        taking(Annotated[int, Cookie()]), headers={"cookie": "value=1; value=2"}
    )  # one text, so no set
    assert answer.text == "1"


HONEST: list[tuple[Any, str, Any]] = [
    (set[int], items(*range(5000)), set(range(5000))),
    (set[int], items(*[1, 2] * 5000), {1, 2}),
    (set[int], items(*[-1, -2] * 5000), {-1, -2}),
    (set[float], items(*[1, "1.0", "10e-1"] * 500), {1.0}),
    (set[float], items(*range(1000), *(f"{each}.0" for each in range(1000))), set(range(1000))),
    (set[Decimal], items(*[*[1, "1.0", '"1.00"', '"1_0"'] * 300, "1e40"]), {1, 10, 10**40}),
    (
        set[tuple[int, ...]],
        items(*(f"[{x},{y},{z},{x}]" for x in range(-5, 5) for y in range(-3, 3) for z in (1, -2))),
        {(x, y, z, x) for x in range(-5, 5) for y in range(-3, 3) for z in (1, -2)},
    ),
    (dict[int, int], keys(*range(300)), dict.fromkeys(range(300), 1)),
    (dict[float, int], keys(*range(300)), dict.fromkeys(range(300), 1)),
    (list[set[int]], items(*[[1, 2]] * 300), [{1, 2}] * 300),
    (Cat | Dog, f'{{"type":"Dog","ids":{SET}}}', Dog(NUMBERS)),
    (dict[str, Any] | list[int], SET, NUMBERS),
    (set[timedelta], items(*(f'"PT{each}S"' for each in range(300))), None),
    (list[int | Account], SET, NUMBERS),
    (Account, f'{{"items":{SET},"items":[1]}}', Account({1})),
]


@pytest.mark.parametrize(("annotation", "content", "expected"), HONEST)
def test_other_values_are_taken(annotation: Any, content: str, expected: Any) -> None:
    """Repeats of equal values too, however many, and as exactly as they are written."""
    value = typed_codec().decode(content.encode(), annotation)
    if expected is None:
        assert len(value) == 300
    else:
        assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("annotation", "content", "place"),
    [
        (dict[str, set[Decimal]], '{"a": ["1", "sNaN"]}', "body.a"),
        (dict[str, dict[Decimal, int]], '{"a": {"sNaN": 1}}', "body.a"),
        (dict[str, list[Decimal]], '{"a": ["sNaN"]}', "body.a[0]"),
        (dict[str, set[Any]], f'{{"a": [[]{",1" * 200}]}}', "body.a"),
    ],
)
async def test_what_has_no_hash_is_the_clients_fault(
    annotation: Any, content: str, place: str
) -> None:
    """422: a signaling NaN is an error of Python's wherever it is hashed, and so is a list."""
    answer = await ask(taking(annotation), content=content, content_type=JSON)
    assert answer.status_code == 422
    assert [each.partition("[1")[0] for each in places_of(answer)] == [place]


async def test_a_wrong_item_is_told_with_its_place() -> None:
    """As in a body with few values, though the set isn't made."""
    content = json.dumps({"items": [*NUMBERS, "no"]})
    answer = await ask(taking(Account), content=content, content_type=JSON)
    assert places_of(answer) == {"body.items[399]": "expected `int`, got `str`"}
    for content in (" ," * 2000, '"\\u0030' + "," * 2000):
        answer = await ask(taking(dict[str, set[int]]), content=content, content_type=JSON)
        assert answer.status_code == 400
        assert places_of(answer) == {"body": "not valid JSON"}


class Nest(msgspec.Struct, frozen=True):
    """A set that holds sets, as deep as a client wants."""

    inner: "frozenset[Nest]" = frozenset()
    number: int = 0


@pytest.mark.parametrize(("depth", "status"), [(SET_DEPTH - 1, 200), (SET_DEPTH + 1, 422)])
async def test_sets_in_sets_have_a_depth(depth: int, status: int) -> None:
    """Each would be looked at once for every set around it."""
    leaves = ",".join(f'{{"number":{each}}}' for each in range(200))
    content = '{"inner":[' * (depth + 1) + leaves + "]}" * (depth + 1)
    answer = await ask(taking(Nest), content=content, content_type=JSON)
    assert answer.status_code == status
    if status != 200:
        assert places_of(answer) == {"body": "nested too deeply"}


def test_few_comparisons_are_made() -> None:
    """However values of one hash are mixed, no more are compared than a thousand and four each."""
    compared = 0

    class Number:
        """A number that is counted when it is compared."""

        def __init__(self, number: int) -> None:
            self.number = number

        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return isinstance(other, Number) and self.number == other.number

    check_hashes([Number(each % 2) for each in range(2000)], "query.a")
    assert compared < 1000 + 4 * 2000
    for different in (30, 1000):
        compared = 0
        with pytest.raises(BindingError) as caught:
            check_hashes([Number(each % different) for each in range(2000)], "query.a")
        assert caught.value.places == (("query.a", REFUSED),)
        assert compared <= 1000 + 4 * 2000


@pytest.mark.parametrize(
    "annotation",
    [
        list[UUID],
        set[str],
        dict[str, int],
        dict[str, list[int]],
        dict[Any, Any],
        dict,
        set[Color | Literal[1, 2] | bool | None],
        set[tuple[str, ...]],
        list[Decimal],
    ],
)
def test_other_types_pay_nothing(annotation: Any) -> None:
    """Where nobody can choose a hash, the decoder is the plain one."""
    assert guard_of(annotation, decoder_of) is None
    assert guard_of(annotation, decoder_of) is None


def test_a_type_is_looked_at_once() -> None:
    """A guard is kept, unless what stands beside a type has no hash."""
    assert guard_of(set[int], decoder_of) is guard_of(set[int], decoder_of)
    odd = Annotated[set[int], []]
    assert guard_of(odd, decoder_of) is not guard_of(odd, decoder_of)
    with pytest.raises(HttpException):
        typed_codec().decode(SET.encode(), odd)


class Counted:
    """Equal to any other; it counts how often that was asked."""

    asked: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        Counted.asked += 1
        return True

    def __hash__(self) -> int:
        return 0


def test_long_tuples_of_one_hash_are_compared_as_often_as_single_values() -> None:
    """Those that differ at their ends alone take as long as all of their items."""
    ends = [*product((-1, -2), repeat=6)][:40]
    values = [(*(Counted() for _ in range(1000)), *end) for end in ends]
    Counted.asked = 0
    with pytest.raises(BindingError, match="too many values of one hash"):
        check_hashes(values, "body")
    assert Counted.asked < 5 * sum(map(len, values))
    assert len({*values[:8]}) == 8
    check_hashes(values[:8], "body")
