"""What goes out of values, nested ones too: the fields of the annotated classes alone."""

from collections import OrderedDict, UserList
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from typing import Any, Generic, NamedTuple, NotRequired, Protocol, TypedDict, TypeVar

import msgspec
import pytest

from hump_trio.content.msgspec_json import MsgspecJson
from hump_trio.content.standard_json import StandardJson
from hump_trio.handlers.shape_maker import ShapeMaker
from hump_trio.handlers.shapes import Misfit

T = TypeVar("T")


@dataclass
class Public:
    """What everybody may see."""

    name: str


@dataclass
class Private(Public):
    """What only its owner may."""

    password: str = "secret"


@dataclass(slots=True, frozen=True)
class Team:
    """Some of them, in all the ways that there are."""

    lead: Public
    deputy: Public | None = None
    members: list[Public] = field(default_factory=list)
    by_name: dict[str, Public] = field(default_factory=dict)
    pair: tuple[Public, int] | None = None
    either: Public | str = ""


@dataclass
class Secretive:
    """A class whose construction does more than keep its values."""

    name: str
    key: InitVar[str]
    made: int = field(init=False, default=1)

    def __post_init__(self, key: str) -> None:
        """Refuse to be made anew."""
        if key != "right":
            raise ValueError("the wrong key")


@dataclass
class MoreSecretive(Secretive):
    """A child of it."""

    password: str = "secret"


class PublicStruct(msgspec.Struct, rename="camel", frozen=True):
    """The same as a Struct."""

    user_name: str
    friend: Public | None = None


class PrivateStruct(PublicStruct, frozen=True):
    """The same as a Struct."""

    password: str = "secret"


class EmptyStruct(msgspec.Struct):
    """A class without a field."""


class FullStruct(EmptyStruct):
    """A child of it."""

    password: str = "secret"


class Keys(TypedDict):
    """A dict with a key that may be left out."""

    owner: Public
    note: NotRequired[str]


@dataclass
class Tree:
    """It holds itself."""

    value: Public
    branches: list["Tree"] = field(default_factory=list)


@dataclass
class Page(Generic[T]):
    """What it holds is said where it is used."""

    items: list[T]
    next: str = ""


class Ranked(NamedTuple):
    """JSON has it as a list."""

    rank: int
    who: Public


class Note(TypedDict):
    """A dict that holds nothing else."""

    text: str


@dataclass
class Growing(Generic[T]):
    """It holds ever larger ones of itself."""

    value: T
    more: "Growing[list[T]] | None" = None


@dataclass
class Unset:
    """A field that may never be set."""

    name: str
    late: int = field(init=False)


class MoreUnset(Unset):
    """A child of it."""


class Named(Protocol):
    """Whatever has a name."""

    name: str


@dataclass
class Loose:
    """Fields of which nobody knows what they hold."""

    named: Named
    anything: Any
    data: dict[str, Any]
    rows: list[Any]
    number: float = 0


SECRET = Private("ann")
NAMED = {"name": "ann"}
CODECS = [MsgspecJson(), StandardJson()]


def answered(annotation: Any, value: Any, codec: Any = CODECS[0]) -> Any:
    """Return what a client reads of a value."""
    shape = ShapeMaker().make(annotation)
    if shape is not None and type(value) not in shape.plain:
        value = shape.fit(value)
    return codec.decode(codec.encode_filled(value))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Public, SECRET, NAMED),
        (Public | None, None, None),
        (list[Public], [SECRET, Public("ann")], [NAMED, NAMED]),
        (list[Public | None], [SECRET, None], [NAMED, None]),
        (list[list[Public]], [[SECRET], []], [[NAMED], []]),
        (tuple[Public, ...], (SECRET,), [NAMED]),
        (tuple[Public, int], (SECRET, 5), [NAMED, 5]),
        (Sequence[Public], (SECRET,), [NAMED]),
        (Iterable[Public], [SECRET], [NAMED]),
        (dict[str, Public], {"a": SECRET}, {"a": NAMED}),
        (dict[str, Public], OrderedDict(a=SECRET), {"a": NAMED}),
        (Mapping[str, list[Public]], {"a": [SECRET]}, {"a": [NAMED]}),
        (list[Public] | dict[str, Public], {"a": SECRET}, {"a": NAMED}),
        (list[int] | list[Public], [SECRET], [NAMED]),
        (list[int] | list[Public], [5], [5]),
        (Public | Private, SECRET, {"name": "ann", "password": "secret"}),
        (Public | str, "ann", "ann"),
        (Keys, {"owner": SECRET, "password": "secret"}, {"owner": NAMED}),
        (Keys, {"note": "n", "owner": Public("ann")}, {"note": "n", "owner": NAMED}),
        (Ranked, Ranked(1, SECRET), [1, NAMED]),
        (list[Note], [{"text": "a"}, {"text": "b", "more": "c"}], [{"text": "a"}, {"text": "b"}]),
        (Growing[Public], Growing(SECRET, Growing([SECRET])), None),
        (Tree, Tree(SECRET, [Tree(SECRET)]), None),
        (Secretive, Secretive("a", "right"), {"name": "a", "made": 1}),
        (Secretive, MoreSecretive("a", "right"), {"name": "a", "made": 1}),
        (list[Secretive], [Secretive("a", "right")], [{"name": "a", "made": 1}]),
    ],
)
def test_the_fields_of_the_annotated_classes_go_out(
    annotation: Any, value: Any, expected: Any, codec: Any
) -> None:
    """Of children too, wherever they stand, by either library, and nobody's code is run."""
    if annotation is Tree:
        leaf = {"value": NAMED, "branches": []}
        expected = {"value": NAMED, "branches": [leaf]}
    elif expected is None and value is not None:
        expected = {"value": NAMED, "more": {"value": [NAMED], "more": None}}
    assert answered(annotation, value, codec) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"lead": SECRET}, {}),
        ({"deputy": SECRET}, {"deputy": NAMED}),
        ({"members": [Public("ann"), SECRET]}, {"members": [NAMED, NAMED]}),
        ({"by_name": {"a": SECRET}}, {"by_name": {"a": NAMED}}),
        ({"pair": (SECRET, 1)}, {"pair": [NAMED, 1]}),
        ({"either": SECRET}, {"either": NAMED}),
        ({"either": "ann"}, {"either": "ann"}),
    ],
)
def test_nested_fields_are_those_of_their_annotations(
    change: dict[str, Any], expected: dict[str, Any]
) -> None:
    """In each way that a field can hold an object."""
    whole: dict[str, Any] = {
        "lead": NAMED,
        "deputy": None,
        "members": [],
        "by_name": {},
        "pair": None,
    }
    team = Team(**{"lead": Public("ann"), **change})
    assert answered(Team, team) == {**whole, "either": "", **expected}


def test_structs_are_written_as_they_say() -> None:
    """With the names of the annotated one; those of its child are kept back."""
    expected = {"userName": "ann", "friend": NAMED}
    for kind in (PublicStruct, PrivateStruct):
        for friend in (SECRET, Public("ann")):
            assert answered(PublicStruct, kind("ann", friend)) == expected


def test_a_struct_may_have_no_field() -> None:
    """Then nothing of its children goes out."""
    assert answered(list[EmptyStruct], [EmptyStruct(), FullStruct()]) == [{}, {}]


def test_generic_classes_hold_what_is_said() -> None:
    """``Page[Public]`` has items that are Public."""
    assert answered(Page[Public], Page([SECRET])) == {"items": [NAMED], "next": ""}
    expected = {"items": [NAMED | {"password": "secret"}], "next": ""}
    assert answered(Page[Private], Page([SECRET])) == expected


def test_what_is_right_is_not_copied() -> None:
    """It goes out as it is."""
    team = Team(Public("a"), None, [Public("b")], either="c")
    values: list[tuple[Any, Any]] = [
        (Team, team),
        (list[Team], [team]),
        (dict[str, Public], {"a": Public("a")}),
        (Tree, Tree(Public("a"), [Tree(Public("b"))])),
        (Public | Private, SECRET),
        (Note, {"text": "a"}),
        (Page[Public], Page([Public("a")])),
    ]
    for annotation, value in values:
        shape = ShapeMaker().make(annotation)
        assert shape is not None
        assert shape.fit(value) is value


def test_fields_that_were_never_set_are_left_out() -> None:
    """As msgspec leaves them out of the class itself."""
    for kind in (Unset, MoreUnset):
        assert answered(Unset, kind("a")) == {"name": "a"}


def test_what_nobody_has_annotated_goes_out_as_it_is() -> None:
    """What may be anything, and values of simple types: those aren't compared."""
    secret = {"name": "ann", "password": "secret"}
    value = Loose(SECRET, SECRET, {"a": SECRET}, [SECRET], 5)
    expected = [secret, secret, {"a": secret}, [secret], 5]
    assert list(answered(Loose, value).values()) == expected
    for annotation in (Any, int, str | None, list[int], dict[str, str], tuple[int, ...], Named):
        assert ShapeMaker().make(annotation) is None
    for simple in (7, 1.5, True, None, "text", Decimal(5)):
        found = answered(Team, Team(SECRET, either=simple))["either"]  # type: ignore[arg-type]
        assert found == (simple if simple != 5 else "5")


@pytest.mark.parametrize(
    ("annotation", "value", "what", "place"),
    [
        (Public, {"name": "ann"}, "a dict", ""),
        (Public, Public, "a type", ""),
        (Public, [], "a list", ""),
        (list[Public], [Public("a"), ["b"]], "a list", "[1]"),
        (list[Public], UserList(), "an UserList", ""),
        (dict[str, Public], {"a": Keys}, "a _TypedDictMeta", "['a']"),
        (tuple[Public, int], (Public("a"),), "a tuple of 1 items", ""),
        (tuple[Public, int], ({}, 1), "a dict", "[0]"),
        (Team, Team({}), "a dict", ".lead"),  # type: ignore[arg-type]
        (Team, Team(Public("a"), either={}), "a dict", ".either"),  # type: ignore[arg-type]
        (Team, Team(Public("a"), deputy="b"), "a str", ".deputy"),  # type: ignore[arg-type]
        (Tree, Tree(Public("a"), [Tree([])]), "a list", ".branches[0].value"),  # type: ignore[arg-type]
        (Keys, {"note": "a"}, "a dict without owner", ""),
        (list[int] | list[Public], 5, "an int", ""),
        (list[Public] | list[Tree], [{}], "a dict", "[0]"),
    ],
)
def test_other_types_are_refused(annotation: Any, value: Any, what: str, place: str) -> None:
    """With what was found, and where."""
    shape = ShapeMaker().make(annotation)
    assert shape is not None
    with pytest.raises(Misfit) as caught:
        shape.fit(value)
    assert (str(caught.value), caught.value.place) == (what, place)
