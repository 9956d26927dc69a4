"""A class whose fields are values of the query, the header or the cookies."""

from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar

import httpx2
import msgspec
import pytest
from msgspec import Meta

from hump_trio import Cookie, Header, Hump, Query, RouteError
from hump_trio.content import json_text
from hump_trio.content.standard_json import StandardJson
from hump_trio.openapi.document import document_of
from hump_trio.testing import client
from tests.support.typed_handlers import ask, bind, places_of, route_of, taking

T = TypeVar("T")


class Order(Enum):
    """A choice."""

    NEW = "new"
    OLD = "old"


@dataclass
class Filter:
    """What a list is narrowed by."""

    limit: Annotated[int, Meta(ge=1, le=100, description="How many.")] = 10
    kinds: list[Literal["green", "black"]] = field(default_factory=list)
    per_page: Annotated[int | None, Query("per-page")] = None
    order: Order = Order.NEW
    since: date | None = None
    name: str = "any"

    def __post_init__(self) -> None:
        """Refuse what doesn't go together."""
        if self.limit == 13 and self.order is Order.OLD:
            raise ValueError("Nothing is as old as that")


class Span(msgspec.Struct, rename="camel"):
    """A Struct with other names outside, and without defaults."""

    first_day: date
    last_day: date


class Window(TypedDict):
    """A dict with keys."""

    start: int
    end: NotRequired[int]


@dataclass
class Client:
    """What a client says of itself."""

    x_client: str
    accept_languages: Annotated[tuple[str, ...], Header("accept-language")] = ()
    session: Annotated[str, Cookie()] = ""


@dataclass
class Session:
    """Cookies."""

    token: str = ""
    visits: Annotated[int, Cookie("the-visits")] = 0


@dataclass
class Page(Generic[T]):
    """What a list is cut to, by a key of some type."""

    after: T
    others: list[T] = field(default_factory=list)
    note: Any = None


FILTER = Annotated[Filter, Query()]
# Annotation, default, query, value.
RULES: dict[str, tuple[Any, Any, str, Any]] = {
    "nothing": (FILTER, ..., "", Filter()),
    "every field": (
        FILTER,
        ...,
        "limit=3&kinds=green&kinds=black&per-page=2&order=old&since=2030-01-02&name=a+b&x=y",
        Filter(3, ["green", "black"], 2, Order.OLD, date(2030, 1, 2), "a b"),
    ),
    "fields that aren't filled in": (FILTER, ..., "limit=&kinds=&since=&name=", Filter()),
    "the name in the class is none outside": (FILTER, ..., "per_page=2", Filter()),
    "a Struct": (
        Annotated[Span, Query()],
        ...,
        "firstDay=2030-01-02&lastDay=2030-01-03",
        Span(date(2030, 1, 2), date(2030, 1, 3)),
    ),
    "a TypedDict": (Annotated[Window, Query()], ..., "start=1&end=2", {"start": 1, "end": 2}),
    "a TypedDict in part": (Annotated[Window, Query()], ..., "start=1", {"start": 1}),
    "a generic class": (
        Annotated[Page[date], Query()],
        ...,
        "after=2030-01-02&others=2030-01-03&note=7",
        Page(date(2030, 1, 2), [date(2030, 1, 3)], "7"),
    ),
    "an optional one": (FILTER | None, None, "limit=3", Filter(3)),
    "an optional one, left out": (Annotated[Span | None, Query()], None, "x=y", None),
    "an optional one, not filled in": (Annotated[Span | None, Query()], None, "firstDay=", None),
    "a default": (FILTER, Filter(7), "", Filter(7)),
    "a default overruled": (FILTER, Filter(7), "name=a", Filter(name="a")),
}


@pytest.mark.parametrize("rule", RULES)
async def test_fields_are_values_of_the_query(rule: str) -> None:
    """With the defaults, aliases and types that parameters may have too."""
    annotation, default, query, expected = RULES[rule]
    answer = await ask(taking(annotation, default), f"/?{query}")
    assert (answer.status_code, answer.text) == (200, repr(expected))


# Annotation, default, query, status, places.
WRONG: dict[str, tuple[Any, Any, str, int, dict[str, str]]] = {
    "every place": (
        FILTER,
        ...,
        "limit=0&kinds=red&per-page=x&order=odd&since=x",
        422,
        {
            "query.limit": "expected `int` >= 1",
            "query.kinds[0]": "expected one of green, black",
            "query.per-page": "expected `int`",
            "query.order": "expected one of new, old",
            "query.since": "invalid RFC3339 encoded date",
        },
    ),
    "twice": (FILTER, ..., "limit=1&limit=2", 422, {"query.limit": "comes twice"}),
    "missing": (
        Annotated[Span, Query()],
        ...,
        "",
        422,
        {"query.firstDay": "missing", "query.lastDay": "missing"},
    ),
    "an optional one in part": (
        Annotated[Span, Query()] | None,
        None,
        "lastDay=2030-01-02",
        422,
        {"query.firstDay": "missing"},
    ),
    "a rule of the class": (
        FILTER,
        ...,
        "limit=13&order=old",
        422,
        {"query": "Nothing is as old as that"},
    ),
    "a generic class": (
        Annotated[Page[int], Query()],
        ...,
        "after=x&others=y",
        422,
        {"query.after": "expected `int`", "query.others[0]": "expected `int`"},
    ),
    "no UTF-8": (FILTER, None, "limit=%ff", 400, {"query": "can't be decoded"}),
}


@pytest.mark.parametrize("rule", WRONG)
async def test_every_place_is_told(rule: str) -> None:
    """By the names that clients use; what the class itself refuses stands at the query."""
    annotation, default, query, status, places = WRONG[rule]
    default = ... if default is None and annotation is FILTER else default
    answer = await ask(taking(annotation, default), f"/?{query}")
    assert (answer.status_code, places_of(answer)) == (status, places)


async def test_headers_and_cookies_have_classes_too() -> None:
    """A field with a marker of its own is taken from where that says."""
    app = Hump()

    @app.get("/{number}")
    async def index(
        number: int,
        caller: Annotated[Client, Header()],
        visit: Annotated[Session, Cookie()],
        page: Annotated[Filter, Query()],
        more: bool = False,
    ) -> str:
        return repr((number, caller, visit, page.limit, more))

    async def get(path: str, **headers: str) -> httpx2.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await http.get(path, headers=fields)

    async with client(app) as http:
        answer = await get(
            "/1?limit=2&more=1",
            x_client="a",
            accept_language="de, en",
            cookie="session=s; token=t; the-visits=5",
        )
        wrong = await get("/x?limit=x&more=x", cookie="the-visits=x")
    assert answer.text == repr(
        (1, Client("a", ("de", "en"), "s"), Session("t", 5), 2, True)  # in the order of the handler
    )
    assert list(places_of(wrong)) == [
        "path.number",
        "header.x-client",
        "cookie.the-visits",
        "query.limit",
        "query.more",
    ]


@dataclass
class Nested:
    """A field that no text is."""

    inner: Filter


@dataclass
class Guarded:
    """A field that no call sets."""

    name: str = ""
    admin: bool = field(default=False, init=False)


@dataclass
class Careless:
    """A default of another type."""

    limit: int = None  # type: ignore[assignment]


@dataclass
class Unknown:
    """A name that isn't there."""

    limit: "Nothing"  # type: ignore[name-defined]  # noqa: F821


@dataclass
class Unmarked:
    """A marker without parentheses."""

    limit: Annotated[int, Query]


@dataclass
class Unsendable:
    """A field whose name is none outside."""

    limit: Annotated[int, Header("a b")]


REFUSED: list[tuple[Any, str]] = [
    (Annotated[Nested, Query()], "no text is read as <class"),
    (Annotated[Guarded, Query()], "clients could set Guarded.admin"),
    (Annotated[Careless, Query()], "'value.limit' whose annotation doesn't take its default, None"),
    (Annotated[Unknown, Query()], "whose fields can't be resolved: name 'Nothing'"),
    (Annotated[Unmarked, Query()], "'value.limit' whose marker lacks its parentheses"),
    (Annotated[Unsendable, Query()], "'value.limit' whose alias can't be sent"),
    (Annotated[Filter, Query("a")], "whose alias names nothing: its fields may have aliases"),
    (Annotated[Filter | Span, Query()], "no text is read as"),
    (Filter, "as in `value: Annotated[..., Query()]` for all fields of a class"),
]


@pytest.mark.parametrize(("annotation", "message"), REFUSED)
def test_classes_that_can_not_be_bound_are_refused(annotation: Any, message: str) -> None:
    """At registration, with the field."""
    with pytest.raises(RouteError) as caught:
        bind(taking(annotation))
    assert str(caught.value).startswith("handler has a parameter 'value")
    assert message in str(caught.value)


def test_classes_take_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which makes them of their fields."""
    monkeypatch.setattr(json_text, "json_codec", StandardJson())
    with pytest.raises(RouteError, match=r"msgspec: pip install 'hump-trio\[json\]'"):
        Hump().get("/")(taking(Annotated[Session, Cookie()]))


def test_the_document_lists_the_fields() -> None:
    """As parameters, with their schemas and defaults; no two of one place have one name."""

    async def handler(
        page: Annotated[Filter, Query()],
        caller: Annotated[Client, Header()],
        days: Annotated[Span | None, Query()] = None,
        limit: int = 5,
    ) -> str:
        """Take them."""
        return repr((page, caller, days, limit))

    document = document_of([route_of(handler)], {"title": "A", "version": "1"})
    operation = document["paths"]["/"]["get"]
    listed = {(each["in"], each["name"]): each for each in operation["parameters"]}
    assert [(*key, each["required"]) for key, each in listed.items()] == [
        ("query", "limit", False),
        ("query", "kinds", False),
        ("query", "per-page", False),
        ("query", "order", False),
        ("query", "since", False),
        ("query", "name", False),
        ("header", "x-client", True),
        ("header", "accept-language", False),
        ("cookie", "session", False),
        ("query", "firstDay", False),
        ("query", "lastDay", False),
    ]
    assert listed["query", "limit"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "description": "How many.",
        "default": 10,
    }
    assert listed["query", "kinds"]["schema"]["default"] == []
    assert listed["query", "order"]["schema"]["default"] == "new"
    assert "default" not in listed["query", "since"]["schema"]
    assert listed["query", "kinds"]["explode"]
    assert "Filter" not in document["components"]["schemas"]
    assert list(operation["responses"]) == ["200", "400", "422"]
