"""Values of the path, the query, header fields and cookies, each where its annotation says."""

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hump_trio import (
    Cookie,
    Header,
    Hump,
    Query,
    Request,
)
from hump_trio.facts.exceptions import BindingError
from hump_trio.handlers.parameter import EMPTY, Parameter
from hump_trio.handlers.reading import reader_of
from hump_trio.handlers.sources import PATH, QUERY
from hump_trio.handlers.text_getters import find_in_query, path_getter, text_getter
from hump_trio.testing import client
from tests.support.annotated import BOOL, INT, UUID_TEXT, Above, Grade, Word
from tests.support.typed_handlers import ask, places_of, taking


class Size(IntEnum):
    """Numbers by name."""

    BIG = 3


UserId = NewType("UserId", int)
Places = dict[str, str]

# A parameter named in the path: template, path, annotation, value.
PATH_RULES: dict[str, tuple[str, str, Any, Any]] = {
    "a plain value is text": ("/{value}", "/7", str, "7"),
    "a plain value is converted": ("/{value}", "/-7", int, -7),
    "by msgspec too": ("/{value}", f"/{UUID_TEXT}", UUID, UUID(UUID_TEXT)),
    "and checked": ("/{value}", "/1", Above, 1),
    "a path is text": ("/{value:path}", "/a/b", str, "a/b"),
    "a path is converted": ("/{value:path}", "/2030-01-02", date, date(2030, 1, 2)),
    "a typed value is as it is": ("/{value:int}", "/7", int, 7),
    "for a union too": ("/{value:int}", "/7", int | None, 7),
    "for a new type too": ("/{value:int}", "/7", UserId, 7),
    "for object too": ("/{value:int}", "/7", object, 7),
    "without an annotation too": ("/{value:int}", "/7", None, 7),
    "a number is a float": ("/{value:int}", "/7", float, 7.0),
    "a number is a decimal": ("/{value:float}", "/2.5", Decimal, Decimal("2.5")),
    "a float is a float": ("/{value:float}", "/2.5", float, 2.5),
    "a UUID is a UUID": ("/{value:uuid}", f"/{UUID_TEXT}", UUID, UUID(UUID_TEXT)),
    "a typed value is checked": ("/{value:int}", "/1", Above, 1),
    "a typed value is one of some": ("/{value:int}", "/3", Size, Size.BIG),
    "one of some by the class's own rule": ("/{value}", "/YES", Word, Word.YES),
    "a number of them by the class's own rule": ("/{value:int}", "/9", Grade, Grade.WORST),
    "a float with an exponent": ("/{value:float}", "/-1e3", float, -1000.0),
    "or a literal": ("/{value:int}", "/2", Literal[1, 2], 2),
}


@pytest.mark.parametrize("rule", PATH_RULES)
async def test_path_values(rule: str) -> None:
    """A parameter named in the path is that value, of its annotation's type."""
    template, path, annotation, expected = PATH_RULES[rule]
    answer = await ask(taking(annotation), path, template=template)
    assert (answer.status_code, answer.text) == (200, repr(expected))


# Any other annotated parameter: annotation, default (... for none), query, value.
QUERY_RULES: dict[str, tuple[Any, Any, str, Any]] = {
    "str": (str, ..., "value=a%20b+c", "a b c"),
    "a default": (int, 5, "", 5),
    "a default of another number": (float, 5, "", 5),
    "a literal default": (Literal["a", "b"], "b", "", "b"),
    "list": (list[int], ..., "value=1&value=2", [1, 2]),
    "an alias": (Annotated[int, Query(alias="per-page")], ..., "per-page=1&value=2", 1),
    "an optional alias": (Annotated[int, Query("p")] | None, None, "p=1", 1),
    "a marker without alias": (Annotated[int, Query()], ..., "value=1", 1),
    "another name is ignored": (int, 5, "other=x&other=y", 5),
    "a default without an annotation is left alone": (None, 5, "value=6", 5),
    "Any with a default is left alone": (Any, 5, "value=6", 5),
}


@pytest.mark.parametrize("rule", QUERY_RULES)
async def test_query_values(rule: str) -> None:
    """Another annotated parameter is a value of the query, with its default."""
    annotation, default, query, expected = QUERY_RULES[rule]
    answer = await ask(taking(annotation, default), f"/?{query}")
    assert (answer.status_code, answer.text) == (200, repr(expected))


def outcome_of(get: Callable[[Request], Any], request: Request) -> Any:
    """Return the value that a getter gets, or what it raises."""
    try:
        return get(request)
    except BindingError as error:
        return error.places, error.status


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        *((str, ...), (str, "x"), (int, ...), (int | None, None), (bool, False), (Size, ...)),
        *((Any, ...), (Above, 9), (date, ...), (list[str], ...)),
    ],
    ids=repr,
)
@given(
    st.lists(
        st.sampled_from(["value", "other", "=", "&", "1", "7", "on", "a", "%31", "%ff", "+"]),
        max_size=6,
    )
)
@example(["value", "=", "7"])
def test_the_usual_query_is_read_as_any_other(
    annotation: Any, default: Any, pieces: list[str]
) -> None:
    """A value that comes once and fits is got at once, and is what the plain rule says it is."""
    given_default = EMPTY if default is ... else default
    parameter = Parameter("value", QUERY, "value", annotation, given_default)
    request = Request("GET", "/", "/", query_string="".join(pieces))
    read, find = reader_of(annotation, given_default), find_in_query(parameter)
    expected = outcome_of(lambda request: read(find(request), "query.value"), request)
    assert outcome_of(text_getter(parameter), request) == expected


@pytest.mark.parametrize("annotation", [int, float, bool, int | str, Above, date, Word], ids=repr)
@pytest.mark.parametrize("text", ["", "7", "1", "on", "2030-01-02", "YES", "no such"])
def test_a_value_of_the_path_is_read_as_any_other(annotation: Any, text: str) -> None:
    """What fits is got at once, and is what the plain rule says it is."""
    parameter = Parameter("value", PATH, "value", annotation, converter="path")
    request = Request("GET", f"/{text}", f"/{text}", path_params={"value": text})
    read, get = reader_of(annotation, EMPTY, many=False), path_getter(parameter)
    assert get is not None
    expected = outcome_of(lambda _: read([text], "path.value"), request)
    assert outcome_of(get, request) == expected


# Markers: annotation, default, header field, its value, value.
FIELD_RULES: dict[str, tuple[Any, Any, str, str, Any]] = {
    "a header of the parameter's name": (Annotated[str, Header()], "", "X-Token", "t", "t"),
    "a header by a class's own rule": (Annotated[Word, Header()], ..., "x-token", "YES", Word.YES),
    "a cookie without seconds": (
        Annotated[time, Cookie()],
        ...,
        "cookie",
        "x_token=03:04",
        time(3, 4),
    ),
    "a converted header": (Annotated[int, Header()], 0, "x-token", "7", 7),
    "a header left out": (Annotated[int, Header()], 5, "x-other", "7", 5),
    "a header of another name": (Annotated[str, Header(alias="ETag")], "", "etag", "t", "t"),
    "a header as a whole": (Annotated[str, Header()], "", "x-token", "a, b", "a, b"),
    "an empty header": (Annotated[str, Header()], "x", "x-token", "", "x"),
    "an empty cookie": (Annotated[int, Cookie()], 5, "cookie", "x_token=", 5),
    "a header's items": (Annotated[list[int], Header()], ..., "x-token", "1,, 2 ,3", [1, 2, 3]),
    "a cookie of the parameter's name": (Annotated[str, Cookie()], ..., "cookie", "x_token=t", "t"),
    "a converted cookie": (Annotated[int, Cookie()], ..., "cookie", "x_token=7", 7),
    "a cookie of another name": (Annotated[str, Cookie("a-b")], ..., "cookie", "a-b=t", "t"),
    "a cookie left out": (Annotated[str | None, Cookie()], None, "cookie", "a=t", None),
}


@pytest.mark.parametrize("rule", FIELD_RULES)
async def test_headers_and_cookies(rule: str) -> None:
    """A marker says where a value comes from."""
    annotation, default, field, value, expected = FIELD_RULES[rule]
    name = "x_token"
    handler = (
        taking(annotation, name=name) if default is ... else taking(annotation, default, name=name)
    )
    answer = await ask(handler, headers={field: value})
    assert (answer.status_code, answer.text) == (200, repr(expected))


async def test_a_header_that_comes_in_lines_is_one_list() -> None:
    """RFC 9110 section 5.3: whoever forwards them may join them."""
    app = Hump()
    app.get("/")(taking(Annotated[list[str], Header()], name="x_token"))
    async with client(app) as http:
        answer = await http.get("/", headers=[("x-token", "a"), ("x-token", "b, c")])
    assert answer.text == "['a', 'b', 'c']"


@pytest.mark.parametrize("query", ["value=%ff", "value=1&%80=2", "a&" * 2000 + "value=1"])
async def test_queries_that_can_not_be_decoded(query: str) -> None:
    """400, wherever the fault is."""
    answer = await ask(taking(int), f"/?{query}")
    assert (answer.status_code, places_of(answer)) == (400, {"query": "can't be decoded"})


# Annotation, template, path, reason.
BAD_PATHS: list[tuple[Any, str, str, str]] = [
    (int, "/{value}", "/x", INT),
    (int, "/{value}", "/7%20", INT),
    (bool, "/{value}", "/maybe", BOOL),
    (UUID, "/{value}", "/1", "invalid UUID"),
    (Above, "/{value:int}", "/0", "expected `int` >= 1"),
    (Literal[1, 2], "/{value:int}", "/3", "expected one of 1, 2"),
    (date, "/{value:path}", "/2030/01/02", "invalid RFC3339 encoded date"),
]


@pytest.mark.parametrize(("annotation", "template", "path", "reason"), BAD_PATHS)
async def test_bad_paths(annotation: Any, template: str, path: str, reason: str) -> None:
    """422: the path is there, its value isn't."""
    answer = await ask(taking(annotation), path, template=template)
    assert (answer.status_code, places_of(answer)) == (422, {"path.value": reason})


# Annotation, header field, value, place, reason.
BAD_FIELDS: list[tuple[Any, dict[str, str], Places]] = [
    (Annotated[str, Header()], {}, {"header.x-token": "missing"}),
    (Annotated[int, Header()], {"x-token": "1, 2"}, {"header.x-token": INT}),
    (Annotated[list[int], Header()], {"x-token": "1, b"}, {"header.x-token[1]": INT}),
    (Annotated[list[int], Header()], {"x-token": ","}, {"header.x-token": "missing"}),
    (Annotated[str, Header(alias="If-Match")], {}, {"header.if-match": "missing"}),
    (Annotated[str, Cookie()], {"cookie": "other=1"}, {"cookie.x_token": "missing"}),
    (Annotated[int, Cookie("a")], {"cookie": "a=x"}, {"cookie.a": INT}),
]


@pytest.mark.parametrize(("annotation", "headers", "wrong"), BAD_FIELDS)
async def test_bad_headers_and_cookies(
    annotation: Any, headers: dict[str, str], wrong: Places
) -> None:
    """422, under the name that was sent."""
    answer = await ask(taking(annotation, name="x_token"), headers=headers)
    assert (answer.status_code, places_of(answer)) == (422, wrong)
