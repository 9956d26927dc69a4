"""What a signature says, and what can't be bound, told at registration."""

from dataclasses import dataclass, field
from datetime import date
from enum import Enum, IntFlag, StrEnum
from typing import Annotated, Any, Literal, NewType, TypedDict, cast
from uuid import UUID

import msgspec
import pytest

from hump_trio import (
    ApiKey,
    Basic,
    Bearer,
    Body,
    Cookie,
    Credentials,
    Header,
    Hump,
    Query,
    Request,
    RouteError,
    UploadFile,
)
from hump_trio.content import json_text
from hump_trio.content.standard_json import StandardJson
from hump_trio.facts.callables import Handler
from hump_trio.handlers.parameter import Parameter
from hump_trio.handlers.sources import BODY
from tests.support.typed_handlers import ask, parse, taking


@dataclass
class Item:
    """A body."""

    name: str


class Place(msgspec.Struct):
    """A body too."""

    name: str


class Odd(Enum):
    """Nothing that texts are told apart by."""

    HALF = 0.5


class Kept(IntFlag):
    """Of which any number is made, and kept."""

    ONE = 1


class Word(StrEnum):
    """A result that is text."""

    YES = "yes"


class Key(TypedDict):
    """A body that stays a dict."""

    a: int


class Foreign:
    """Nothing that a text or JSON could be."""


@dataclass
class HoldsForeign:
    """A body that JSON has nothing for."""

    inner: list[Foreign]


@dataclass
class Guarded:
    """A body with a field that its constructor doesn't take."""

    name: str
    admin: bool = field(default=False, init=False)


@dataclass
class HoldsGuarded:
    """A body with such a body in it."""

    inner: dict[str, list[Guarded]]


async def everything(
    number: int,
    request: Request,
    item: Item,
    page: Annotated[int, msgspec.Meta(ge=1), Query(alias="p")] = 1,
    *,
    x_token: Annotated[str, Header()],
    session: Annotated[str | None, Cookie()] = None,
    left: Any = None,
) -> list[Item]:
    """Ask for one of each."""
    return []


def test_a_signature_tells_all_that_a_handler_takes() -> None:
    """For whoever binds or documents it."""
    found = parse(everything, "/{number}")
    assert [(each.name, each.source.name, each.field, each.place) for each in found.parameters] == [
        ("number", "path", "number", "path.number"),
        ("request", "request", "", "request"),
        ("item", "body", "", "body"),
        ("page", "query", "p", "query.p"),
        ("x_token", "header", "x-token", "header.x-token"),
        ("session", "cookie", "session", "cookie.session"),
    ]
    assert [each.required for each in found.parameters] == [True, True, True, False, True, False]
    assert [each.default for each in found.parameters if not each.required] == [1, None]
    assert found.parameters[2] == Parameter("item", BODY, "", Item)
    assert found.returns == list[Item]
    assert parse(taking(None)).returns is Any


@dataclass
class HoldsItems:
    """A body that no form can be."""

    items: list[Item]


@dataclass
class HasBody:
    """A class of query values with one that is none."""

    it: Annotated[int, Body()]


async def by_position(a: int, b: int = 1, /) -> None:
    """Ask for what has no position."""


async def request_behind(a: str = "", b: Request | None = None, /) -> None:
    """Ask for the request where a value would have to go before it."""


@dataclass
class HasToken:
    """A class of query values with one that clients send elsewhere."""

    token: Annotated[str, Bearer()]


async def two_schemes(
    token: Annotated[str, Bearer()], user: Annotated[Credentials, Basic(realm="a")]
) -> None:
    """Ask for two values of one field."""


async def one_of_two_schemes(
    user: Annotated[Credentials, Basic(realm="a")],
    token: Annotated[str | None, Bearer()] = None,
) -> None:
    """Ask for what never comes beside what has to."""


NO_TEXT = "no text is read as"
# Handler, template, method, what the message has in it.
REFUSED: list[tuple[Any, str, str, str]] = [
    (by_position, "/", "GET", "'a' that is passed by name: drop the /"),
    (request_behind, "/", "GET", "'a' that is passed by name: drop the /"),
    (taking(Foreign), "/", "GET", NO_TEXT),
    (taking(Foreign), "/", "POST", "and it is no body type"),
    (taking(list[Foreign]), "/", "POST", "a TypedDict, a pydantic model, an attrs class or a dict"),
    (taking(bytes), "/", "GET", NO_TEXT),
    (taking(complex), "/", "GET", NO_TEXT),
    (taking(Odd), "/", "GET", NO_TEXT),
    (taking(Literal[True]), "/", "GET", NO_TEXT),
    (taking(type(None)), "/", "GET", NO_TEXT),
    (taking(list[list[int]]), "/", "GET", NO_TEXT),
    (taking(list[int] | int), "/", "GET", NO_TEXT),
    (taking(int | Foreign), "/", "GET", NO_TEXT),
    (taking(Annotated[list[int], Cookie()]), "/", "GET", NO_TEXT),
    (taking(list[int]), "/{value}", "GET", NO_TEXT),
    (taking(HoldsForeign), "/", "POST", "JSON has nothing for a Foreign"),
    (taking(Item | Guarded), "/", "POST", "may not contain more than one dataclass"),
    (taking(Guarded), "/", "POST", "clients could set Guarded.admin, for all its init=False"),
    (taking(HoldsGuarded), "/", "POST", "clients could set Guarded.admin"),
    (taking(Annotated[int, msgspec.Meta(min_length=1)]), "/", "GET", "min_length"),
    (taking(UUID), "/{value:int}", "GET", "{value:int}, which is no <class 'uuid.UUID'>; write"),
    (taking(str), "/{value:uuid}", "GET", "{value:uuid}, which is no"),
    (taking(bool), "/{value:int}", "GET", "write {value}, or value: int"),
    (taking(Annotated[int, Query()]), "/{value}", "GET", "is in the path: drop the Query()"),
    (taking(Annotated[str, Header]), "/", "GET", "lacks its parentheses: write Header()"),
    (taking(Annotated[str, Query]), "/", "GET", "lacks its parentheses: write Query()"),
    (taking(Annotated[str, Cookie] | None), "/", "GET", "lacks its parentheses: write Cookie()"),
    (taking(Annotated[str, Header("a b")]), "/", "GET", "alias can't be sent"),
    (taking(Annotated[str, Cookie("a;b")]), "/", "GET", "alias can't be sent"),
    (taking(Annotated[int, Query(cast("str", 5))]), "/", "GET", "alias is no name: 5"),
    (taking(int, None), "/", "GET", "doesn't take its default, None"),
    (taking(int, "1"), "/", "GET", "doesn't take its default, '1'"),
    (taking(str, Header()), "/", "GET", "as in `value: Annotated[str, Header()] = ...`"),
    (taking(str, Query("x")), "/", "GET", "whose default is Query(alias='x'): a marker stands in"),
    (taking(None, Query("x")), "/", "GET", "as in `value: Annotated[str, Query()] = ...`"),
    (taking(int | None, Cookie()), "/{value}", "GET", "Annotated[int | None, Cookie()] = ...`"),
    (taking(Literal["a"], "b"), "/", "GET", "doesn't take its default"),
    (taking(Item, None), "/", "POST", "doesn't take its default, None"),
    (taking(Annotated[int, Body]), "/", "POST", "lacks its parentheses: write Body()"),
    (taking(Annotated[int, Body()]), "/{value}", "POST", "is in the path: drop the Body()"),
    (taking(Annotated[bytes, Body()]), "/", "POST", "the body as it came is request.body"),
    (taking(Annotated[Request, Body()]), "/", "POST", "that is the request: drop the Body()"),
    (
        taking(Annotated[list[UploadFile], Body()]),
        "/",
        "POST",
        "that is a file of a form: drop the Body()",
    ),
    (taking(Kept), "/", "GET", "Kept would keep each number that clients send: write `class Kept("),
    (taking(dict[str, list[Kept]]), "/", "POST", "write `class Kept(IntFlag, boundary=STRICT)`"),
    (taking(Annotated[int, Body(form=True)]), "/", "POST", "the texts of a form can't become"),
    (taking(Annotated[HoldsItems, Body(form=True)]), "/", "POST", "no text is read as list["),
    (taking(Item, Body()), "/", "POST", "as in `value: Annotated[Item, Body()] = ...`"),
    (taking(Annotated[HasBody, Query()]), "/", "GET", "'value.it' that can't be the body"),
    (taking(Annotated[Foreign, Body()]), "/", "POST", "JSON has nothing for a Foreign"),
    (taking(Annotated[str, Bearer]), "/", "GET", "lacks its parentheses: write Bearer()"),
    (taking(str, Bearer()), "/", "GET", "as in `value: Annotated[str, Bearer()] = ...`"),
    (taking(Annotated[str, Bearer()], "x"), "/", "GET", "may be missing has the default None"),
    (taking(Annotated[str, Bearer()], None), "/", "GET", "doesn't take its default, None"),
    (taking(Annotated[int, Bearer()]), "/", "GET", "write Annotated[str, Bearer()]"),
    (taking(Annotated[list[str], ApiKey(cookie="a")]), "/", "GET", "Annotated[str, ApiKey(...)]"),
    (taking(Annotated[Credentials, Bearer()]), "/", "GET", "write Annotated[str, Bearer()]"),
    (taking(Annotated[str, Basic(realm="a")]), "/", "GET", "Annotated[Credentials, Basic(realm"),
    (taking(Annotated[Item, Basic(realm="a")]), "/", "POST", "Annotated[Credentials, Basic("),
    (taking(Credentials), "/", "GET", "`user: Annotated[Credentials, Basic(realm='shop')]`"),
    (taking(Credentials | None, None), "/", "POST", "Annotated[Credentials, Basic(realm="),
    (taking(Annotated[str, Bearer()]), "/{value}", "GET", "is in the path: drop the Bearer()"),
    (taking(Annotated[str, Bearer(), Header()]), "/", "GET", "has two markers: credentials are"),
    (taking(Annotated[str, Query(), Bearer()]), "/", "GET", "has two markers: credentials are"),
    (taking(Annotated[HasToken, Query()]), "/", "GET", "'value.token' that can't be the cred"),
    (two_schemes, "/", "GET", "'user' that never comes beside 'token', since a request has one"),
    (one_of_two_schemes, "/", "GET", "'token' that never comes beside 'user'"),
]


@pytest.mark.parametrize(("handler", "template", "method", "message"), REFUSED)
def test_what_can_not_be_bound_is_refused(
    handler: Handler, template: str, method: str, message: str
) -> None:
    """At registration, by handler and parameter, with what to write instead."""
    with pytest.raises(RouteError) as caught:
        Hump().add_route(template, handler, methods=[method])
    assert str(caught.value).startswith(f"{handler.__name__} has a parameter '")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int | None, None),
        (float, 1),
        (date, date(2030, 1, 2)),
        (Literal["a", "b"], "a"),
        (tuple[str, ...], ()),
        (list[int] | None, None),
        (NewType("UserId", int), 1),
    ],
)
def test_a_default_of_the_right_kind_is_taken(annotation: Any, default: Any) -> None:
    """None only where the annotation says so."""
    Hump().get("/")(taking(annotation, default))


def test_a_default_of_a_dict_with_keys_is_taken() -> None:
    """Of a TypedDict there are no instances to look at."""
    Hump().post("/")(taking(Key, {"a": 1}))


async def test_plain_values_need_no_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, numbers, truth values and choices; what else there is says what to install."""
    monkeypatch.setattr(json_text, "json_codec", StandardJson())
    taken: list[tuple[Any, str]] = [(str, "1"), (int, "1"), (bool, "1"), (Word, "yes")]
    for annotation, text in taken:
        assert (await ask(taking(annotation), f"/?value={text}")).status_code == 200
        assert (await ask(taking(annotation), "/?value=%ff")).status_code == 400
    assert (await ask(taking(UUID), f"/{UUID(int=1)}", template="/{value:uuid}")).status_code == 200
    refused: list[Any] = [date, UUID, Item, dict]
    for annotation in refused:
        with pytest.raises(RouteError, match=r"msgspec: pip install 'hump-trio\[json\]'"):
            Hump().post("/")(taking(annotation))
