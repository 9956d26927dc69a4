"""Ranges: tables with their answers, and plain references."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hump_trio import Headers
from hump_trio.messages.conditional import (
    choose_spans,
    content_range,
    encode_multipart,
    parse_ranges,
)

BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"

# A Range, and what it selects of ten bytes; None: it is ignored.
RANGES: list[tuple[str, list[tuple[int, int]] | None]] = [
    ("bytes=0-0", [(0, 1)]),
    ("bytes=0-9", [(0, 10)]),
    ("bytes=2-5", [(2, 6)]),
    ("bytes=2-", [(2, 10)]),
    ("bytes=9-9", [(9, 10)]),
    ("bytes=9-", [(9, 10)]),
    ("bytes=5-99", [(5, 10)]),
    ("bytes=0-9999999999999999999", [(0, 10)]),
    ("bytes=-1", [(9, 10)]),
    ("bytes=-10", [(0, 10)]),
    ("bytes=-99", [(0, 10)]),
    ("BYTES=0-1", [(0, 2)]),
    ("bytes=00-01", [(0, 2)]),
    ("bytes=0-1,4-5", [(0, 2), (4, 6)]),
    ("bytes=4-5,0-1", [(4, 6), (0, 2)]),
    ("bytes= 0-1 ,\t4-5 ", [(0, 2), (4, 6)]),
    ("bytes=0-1,,4-5,", [(0, 2), (4, 6)]),
    ("bytes=0-1,-1", [(0, 2), (9, 10)]),
    # What touches becomes one, in the place of the first.
    ("bytes=0-1,2-3", [(0, 4)]),
    ("bytes=0-3,2-5", [(0, 6)]),
    ("bytes=0-,0-,0-", [(0, 10)]),
    ("bytes=8-9,0-1,6-7", [(6, 10), (0, 2)]),
    ("bytes=0-1,8-9,4-5,2-3", [(0, 6), (8, 10)]),
    ("bytes=0-1,4-5,2-3,8-8", [(0, 6), (8, 9)]),
    # What can't be satisfied is left out, and if nothing else is there it is 416.
    ("bytes=10-", []),
    ("bytes=10-20", []),
    ("bytes=-0", []),
    ("bytes=99-,-0", []),
    ("bytes=99-,0-0", [(0, 1)]),
    # What isn't a range of bytes is ignored.
    ("", None),
    ("bytes", None),
    ("bytes=", None),
    ("bytes=,", None),
    ("bytes=-", None),
    ("bytes=5-2", None),
    ("bytes=0-1,5-2", None),
    ("bytes=a-b", None),
    ("bytes=1", None),
    ("bytes=1-2-3", None),
    ("bytes=--1", None),
    ("bytes=+1-2", None),
    ("bytes=1 - 2", None),
    ("bytes=0x0-0x1", None),
    ("bytes=\u0661-\u0662", None),
    ("bytes=0-99999999999999999999", None),
    ("bytes 0-1", None),
    ("lines=0-1", None),
    ("0-1", None),
    ("bytes=0-1;bytes=2-3", None),
    # As many as there may be, and one more: the attack of CVE-2011-3192.
    ("bytes=" + ",".join(["0-0"] * 16), [(0, 1)]),
    ("bytes=" + ",".join(["0-0"] * 17), None),
    ("bytes=" + "," * 5000 + "0-0", None),
    ("bytes=" + ",".join(f"5-{last}" for last in range(1300)), None),
]


def pairs(spans: list[range] | None) -> list[tuple[int, int]] | None:
    """Return spans as a table has them."""
    return None if spans is None else [(span.start, span.stop) for span in spans]


@pytest.mark.parametrize(("value", "expected"), RANGES, ids=lambda value: str(value)[:30])
def test_ranges(value: str, expected: list[tuple[int, int]] | None) -> None:
    """Each value selects what RFC 9110 section 14.1.2 says of it."""
    assert pairs(parse_ranges(value, 10)) == expected


def test_of_nothing_there_are_no_ranges() -> None:
    """An empty file is sent as it is to who would resume it."""
    assert parse_ranges("bytes=0-", 0) is None
    assert parse_ranges("bytes=-1", 0) is None


specs = st.one_of(
    st.tuples(st.integers(0, 30), st.integers(0, 30) | st.none()),
    st.tuples(st.none(), st.integers(0, 30)),
)


def text_of(spec: tuple[int | None, int | None]) -> str:
    """Return a range as it is sent."""
    return "-".join("" if number is None else str(number) for number in spec)


def selected(spec: tuple[int | None, int | None], size_bytes: int) -> set[int]:
    """Return the bytes that a range means, one by one."""
    first, last = spec
    if first is None:
        assert last is not None
        return {at for at in range(size_bytes) if at >= size_bytes - last}
    return {at for at in range(size_bytes) if at >= first and (last is None or at <= last)}


@given(st.lists(specs, min_size=1, max_size=16), st.integers(1, 25))
@example([(8, 9), (0, 1), (6, 7), (2, 5)], 10)
def test_ranges_are_what_they_mean_byte_by_byte(
    wanted: list[tuple[int | None, int | None]], size_bytes: int
) -> None:
    """Every byte asked for comes once, no other one does, and the first asked for stay first."""
    spans = parse_ranges("bytes=" + ",".join(map(text_of, wanted)), size_bytes)
    if any(first is not None and last is not None and last < first for first, last in wanted):
        assert spans is None
        return
    assert spans is not None
    assert all(spans)
    sent = [at for span in spans for at in span]
    assert len(sent) == len(set(sent))
    sets = [selected(spec, size_bytes) for spec in wanted]
    assert set(sent) == set().union(*sets)
    gaps = [(one.stop, other.start) for one in spans for other in spans if one.start < other.start]
    assert all(stop < start for stop, start in gaps)
    orders = [next(at for at, each in enumerate(sets) if each & set(span)) for span in spans]
    assert orders == sorted(orders)


@given(st.text(alphabet="bytes=0123456789-, \t", max_size=60), st.integers(0, 100))
def test_any_text_is_a_range_or_none(text: str, size_bytes: int) -> None:
    """Nothing is raised, and nothing outside of the bytes is selected."""
    for span in parse_ranges(text, size_bytes) or []:
        assert 0 <= span.start < span.stop <= size_bytes


@pytest.mark.parametrize(
    ("if_range", "etag", "taken"),
    [
        (None, '"a"', True),
        (None, 'W/"a"', True),
        ('"a"', '"a"', True),
        (DATE, '"a"', True),
        ('"b"', '"a"', False),
        ('W/"a"', 'W/"a"', False),
        ('"a"', 'W/"a"', False),
        (DATE, 'W/"a"', False),
        (BEFORE, '"a"', False),
        (AFTER, '"a"', False),
        ('"b", "a"', '"a"', False),
        ("", '"a"', False),
    ],
)
def test_if_range(if_range: str | None, etag: str, taken: bool) -> None:
    """A part is sent of exactly what the client has, by a strong validator; else all of it."""
    headers = Headers({"range": "bytes=1-"})
    if if_range is not None:
        headers["if-range"] = if_range
    assert choose_spans(headers, 5, etag, DATE) == ([range(1, 5)] if taken else None)


def test_without_a_range() -> None:
    """All is sent, whatever If-Range says."""
    assert choose_spans(Headers({"if-range": '"a"'}), 5, '"a"', DATE) is None


def test_several_parts() -> None:
    """They are separated as RFC 9110 section 14.6 shows it."""
    body = encode_multipart([range(2), range(3, 5)], 9, "text/plain", "B")
    assert body == [
        b"\r\n--B\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-1/9\r\n\r\n",
        range(2),
        b"\r\n--B\r\ncontent-type: text/plain\r\ncontent-range: bytes 3-4/9\r\n\r\n",
        range(3, 5),
        b"\r\n--B--\r\n",
    ]
    assert content_range(range(9), 9) == "bytes 0-8/9"
