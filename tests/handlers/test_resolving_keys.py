"""Which annotations can be keys of providers, and which may be mistaken for one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Protocol,
    TypedDict,
    TypeVar,
)

import msgspec
import pytest

from hump_trio import Body, Header, Query, Request, Response, UploadFile, WebSocket
from hump_trio.handlers.resolving import is_key, is_near
from tests.support.annotated import Item, Point, Word

T = TypeVar("T")
UserId = NewType("UserId", int)


class Session:
    """A class of a program's."""


@dataclass
class Special(Item):
    """An item with a class of its own."""


@dataclass
class Other(Item):
    """Another such item."""


class Mapped(dict[str, int]):
    """A program's own kind of dict."""


class Store(Generic[T]):
    """A class of a program's that has another for each of its types."""


class Clock(Protocol):
    """What has a time."""

    def now(self) -> float:
        """Return the time."""
        ...


class Pair(NamedTuple):
    """Two numbers with names."""

    one: int
    other: int


class Filter(TypedDict):
    """A dict with names."""

    word: str


@pytest.mark.parametrize(
    "annotation",
    [
        *(Session, Session | None, Session | Item, Store[int], Store[Session], Clock),
        *(Item, Point, Pair, Filter),
        *(Annotated[Session, "to read"], NewType("Reader", Session)),
    ],
)
def test_classes_of_a_program_are_keys(annotation: Any) -> None:
    """And unions of them, whatever stands beside them."""
    assert is_key(annotation)


@pytest.mark.parametrize(
    "annotation",
    [
        *(str, int, bool, bytes, datetime, Word, Literal["a"], UserId, None, Any, object),
        *(dict, dict[str, Any], list[Session], tuple[Session, ...], set[int]),
        *(Mapping[str, Session], Sequence[Session], AsyncIterator[Session], T),
        *(Session | str, Item | dict[str, int]),
        *(Request, Request | None, Response, UploadFile, WebSocket, WebSocket[int, int]),
        *(Annotated[Item, Body()], Annotated[Session, Header()], Annotated[Item | None, Query()]),
        Annotated[Session, []],
    ],
    ids=str,
)
def test_what_requests_have_is_no_key(annotation: Any) -> None:
    """Nor what any program has, for many purposes; nor what can't be looked up."""
    assert not is_key(annotation)


@pytest.mark.parametrize(
    ("annotation", "key", "near"),
    [
        (Session, Session, True),
        (Session | None, Session, True),
        (Session, Session | None, True),
        (Annotated[Session, "to read"], Session, True),
        (Annotated[Item, []], Item, True),
        (Annotated[Item, msgspec.Meta(title="item")], Item, True),
        (Annotated[Item, Body()], Item, False),
        (Store[int], Store[str], False),
        (list[Item], Item, False),
        (Item, Special, True),
        (Special, Item, True),
        (Special | None, Item, True),
        (Special, Other, False),
        (dict[str, int], Mapped, False),
        (Any, Item, False),
        (Item, Session, False),
    ],
    ids=str,
)
def test_an_annotation_may_be_mistaken_for_a_key(annotation: Any, key: Any, near: bool) -> None:
    """If it has one of its classes, or a parent or child, and says nothing of its source."""
    assert is_near(annotation, key) is near
