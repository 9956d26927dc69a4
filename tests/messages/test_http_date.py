"""HTTP dates, beside the standard library's."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.messages.http_date import encode_http_date, parse_http_date

DATE, SECONDS = "Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (DATE, SECONDS),
        ("Sunday, 06-Nov-94 08:49:37 GMT", SECONDS),
        ("Sun Nov  6 08:49:37 1994", SECONDS),
        ("Thursday, 01-Jan-26 00:00:00 GMT", 1767225600.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        (f"{DATE}, {DATE}", None),
        (f" {DATE}", None),
        ("", None),
    ],
)
def test_dates(value: str, seconds: float | None) -> None:
    """The three forms of RFC 9110 section 5.6.7 are read, and nothing else is."""
    assert parse_http_date(value) == seconds


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_dates_are_read_as_they_are_written(moment: datetime) -> None:
    """In whole seconds, and as the standard library writes them."""
    seconds = int(moment.timestamp())
    text = encode_http_date(seconds)
    assert text == formatdate(seconds, usegmt=True)
    assert parse_http_date(text) == seconds


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    """Nothing is raised."""
    assert parse_http_date(text) is None
