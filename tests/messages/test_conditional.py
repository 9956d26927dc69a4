"""Preconditions: a table with the outcome of each, and a plain reference of what a tag matches."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import Headers, HttpException, Request
from hump_trio.messages.conditional import (
    check_preconditions,
    encode_etag,
    judge_preconditions,
)

BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"

# The order of RFC 9110 section 13.2.2, with its outcome for something with the tag "a" of DATE.
PRECONDITIONS: list[tuple[dict[str, str], int]] = [
    ({}, 200),
    ({"if-match": '"a"'}, 200),
    ({"if-match": '"b", "a"'}, 200),
    ({"if-match": "*"}, 200),
    ({"if-match": '"b"'}, 412),
    ({"if-match": 'W/"a"'}, 412),
    ({"if-match": "a"}, 412),
    ({"if-match": ""}, 412),
    ({"if-unmodified-since": DATE}, 200),
    ({"if-unmodified-since": AFTER}, 200),
    ({"if-unmodified-since": BEFORE}, 412),
    ({"if-unmodified-since": "yesterday"}, 200),
    ({"if-match": '"a"', "if-unmodified-since": BEFORE}, 200),
    ({"if-match": '"b"', "if-none-match": '"a"'}, 412),
    ({"if-none-match": '"a"'}, 304),
    ({"if-none-match": 'W/"a"'}, 304),
    ({"if-none-match": '"b", W/"a"'}, 304),
    ({"if-none-match": '"b","c,","a"'}, 304),
    ({"if-none-match": "*"}, 304),
    ({"if-none-match": '"b"'}, 200),
    ({"if-none-match": '"A"'}, 200),
    ({"if-none-match": "a"}, 200),
    ({"if-none-match": '"a'}, 200),
    ({"if-none-match": '"b"', "if-modified-since": DATE}, 200),
    ({"if-modified-since": DATE}, 304),
    ({"if-modified-since": AFTER}, 304),
    ({"if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT"}, 304),
    ({"if-modified-since": BEFORE}, 200),
    ({"if-modified-since": "0"}, 200),
    ({"if-match": '"a"', "if-none-match": '"a"'}, 304),
    ({"if-unmodified-since": AFTER, "if-modified-since": AFTER}, 304),
]


@pytest.mark.parametrize(("fields", "status"), PRECONDITIONS)
def test_preconditions(fields: dict[str, str], status: int) -> None:
    """Each combination has the outcome that RFC 9110 section 13.2.2 gives it."""
    assert judge_preconditions(Headers(fields), '"a"', DATE) == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"if-match": 'W/"a"'}, 412), ({"if-match": "*"}, 200), ({"if-none-match": '"a"'}, 304)],
)
def test_a_weak_tag(fields: dict[str, str], status: int) -> None:
    """It never matches strongly (RFC 9110 section 8.8.3.2)."""
    assert judge_preconditions(Headers(fields), 'W/"a"', DATE) == status


def outcome(method: str, fields: Any, etag: str | None, *, required: bool = False) -> int:
    """Return how a request with some preconditions ends."""
    try:
        headers = fields if isinstance(fields, Headers) else Headers(fields)
        check_preconditions(method, headers, etag, required=required)
    except HttpException as error:
        told = (("etag", etag),) if error.status == 304 else ()
        return error.status if error.headers == told else 0
    return 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "LOCK", "get"])
@pytest.mark.parametrize(("fields", "status"), PRECONDITIONS)
def test_before_a_change(fields: dict[str, str], status: int, method: str) -> None:
    """The outcome is the same, with 412 for 304; dates are ignored, since none is known."""
    of_dates = {"if-unmodified-since", "if-modified-since"}
    if of_dates.isdisjoint(fields):
        expected = 412 if status == 304 and method not in ("GET", "HEAD") else status
        assert outcome(method, fields, '"a"') == expected
    else:
        tags = {name: value for name, value in fields.items() if name not in of_dates}
        assert outcome(method, fields, '"a"') == outcome(method, tags, '"a"')


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"if-match": "*"}, 412),
        ({"if-match": '"a"'}, 412),
        ({"if-none-match": "*"}, 200),
        ({"if-none-match": '"a"'}, 200),
        ({"if-match": '"a"', "if-none-match": "*"}, 412),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_where_nothing_is(fields: dict[str, str], status: int, method: str) -> None:
    """It can be made, and can't be changed (RFC 9110 sections 13.1.1 and 13.1.2)."""
    assert outcome(method, fields, None) == status


def test_a_condition_that_is_required() -> None:
    """What changes something has to say what; that it comes without a date's help is no matter."""
    for method in ("PUT", "DELETE"):
        assert outcome(method, {}, '"a"', required=True) == 428
        assert outcome(method, {}, None, required=True) == 428
        assert outcome(method, {"if-unmodified-since": AFTER}, '"a"', required=True) == 428
        assert outcome(method, {"if-match": '"a"'}, '"a"', required=True) == 200
        assert outcome(method, {"if-none-match": "*"}, None, required=True) == 200
        assert outcome(method, {"if-none-match": "a"}, '"a"', required=True) == 428
        assert outcome(method, {"if-match": 'w/"a"'}, '"a"', required=True) == 412
    assert outcome("GET", {}, '"a"', required=True) == 200


def test_a_weak_tag_before_a_change() -> None:
    """It fits no If-Match: two contents of that tag may differ."""
    assert outcome("PUT", {"if-match": 'W/"a"'}, 'W/"a"') == 412
    assert outcome("PUT", {"if-match": '"a"'}, 'W/"a"') == 412
    assert outcome("PUT", {"if-match": "*"}, 'W/"a"') == 200
    assert outcome("PUT", {"if-none-match": '"a"'}, 'W/"a"') == 412


tags = st.builds(
    lambda weak, text: f'{"W/" * weak}"{text}"', st.booleans(), st.text("ab,*W/ ", max_size=3)
)


@given(st.lists(tags, min_size=1, max_size=4), st.sampled_from([", ", ",", " , ", ",,"]), tags)
def test_a_list_matches_as_its_tags(given: list[str], comma: str, current: str) -> None:
    """However it is written, and whatever commas stand in tags (RFC 9110 section 8.8.3.2)."""
    value = comma.join(given)
    weakly = any(each.removeprefix("W/") == current.removeprefix("W/") for each in given)
    strongly = not current.startswith("W/") and current in given
    assert judge_preconditions(Headers({"if-none-match": value}), current, "") == (
        304 if weakly else 200
    )
    assert judge_preconditions(Headers({"if-match": value}), current, "") == (
        200 if strongly else 412
    )


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_has_an_outcome(if_match: str, if_none_match: str) -> None:
    """Nothing is raised but what is answered, whatever a client sends."""
    lines = [("if-match", if_match), ("if-none-match", if_none_match)]
    headers = Headers.received(lines)
    for method in ("GET", "PUT"):
        for etag in ('"a"', None):
            assert outcome(method, headers, etag, required=True) in (200, 304, 412)


def test_many_fields_are_one() -> None:
    """A list may be split over several lines (RFC 9110 section 5.3)."""
    headers = Headers([("if-match", '"b"'), ("if-match", '"a"')])
    assert judge_preconditions(headers, '"a"', "") == 200


@pytest.mark.parametrize(
    ("value", "weak", "tag"),
    [
        ("v1", False, '"v1"'),
        (7, False, '"7"'),
        (-1, True, 'W/"-1"'),
        ("!#~'<>", False, '"!#~\'<>"'),
    ],
)
def test_a_tag(value: Any, weak: bool, tag: str) -> None:
    """It stands in quotes."""
    assert encode_etag(value, weak=weak) == tag


@pytest.mark.parametrize("value", ["", '"v1"', "a b", "a\n", "\u00e4", "\u2603", "\x7f", 'a"'])
def test_what_no_tag_can_be_made_of(value: str) -> None:
    """Quotes, blanks, and what a client would send back in another charset."""
    with pytest.raises(ValueError, match="without its quotes"):
        encode_etag(value, weak=False)


@pytest.mark.parametrize("value", [None, True, 1.5, b"a"])
def test_what_is_no_value_of_a_tag(value: Any) -> None:
    """Only text and whole numbers have one form."""
    with pytest.raises(TypeError, match="a str or an int"):
        encode_etag(value, weak=False)


def test_a_request_by_itself() -> None:
    """It compares in tests as anywhere."""
    request = Request("PUT", "/", "/", headers=Headers({"if-match": '"7"'}))
    request.check_etag(7)
    with pytest.raises(HttpException, match="412"):
        request.check_etag(8)
    with pytest.raises(HttpException, match="412"):
        request.check_etag(7, weak=True)
    with pytest.raises(HttpException, match="412"):
        request.check_etag(None)
    bare = Request("PUT", "/", "/")
    bare.check_etag(7)
    with pytest.raises(HttpException, match="428 say by If-Match which version"):
        bare.check_etag(7, required=True)
    with pytest.raises(HttpException, match=r"428 nothing is there: say by If-None-Match: \* that"):
        bare.check_etag(None, required=True)
