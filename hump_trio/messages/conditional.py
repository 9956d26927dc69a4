"""Conditional requests and ranges: whether a representation is sent, and which parts of it.

These are pure functions over header values. What the representation is, and where its entity tag
comes from, is not known here.
"""

import re
from typing import TypeAlias

from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.headers import Headers
from hump_trio.messages.http_date import parse_http_date

__all__ = [
    "CHANGED",
    "CONTENT_FIELDS",
    "READS",
    "Span",
    "check_preconditions",
    "choose_spans",
    "content_range",
    "encode_etag",
    "encode_multipart",
    "judge_preconditions",
    "parse_ranges",
]

# The methods that a 304 may answer.
READS = ("GET", "HEAD")
# What a client is told with a 412.
CHANGED = "this is not what you have"

# Fields that describe a content, and aren't sent with a 304 (RFC 9110 section 15.4.5).
CONTENT_FIELDS = frozenset(
    {"content-type", "content-encoding", "content-disposition", "content-language"}
)
# A member of a list of entity tags; what isn't one is passed over.
ETAG = re.compile(r'(?:^|(?<=,))[ \t]*((?:W/)?"[^"]*")[ \t]*(?=,|$)')
# RFC 9110 section 8.8.3, in ASCII: what a client might send back in another charset is left out.
OPAQUE = re.compile(r"[!#-~]+", re.ASCII)
# Offsets of the bytes of a part; never empty.
Span: TypeAlias = range

# A viewer of documents asks for a few ranges. A client that asks for more gets the whole, which RFC
# 9110 section 14.2 allows and which costs less than the many small parts of CVE-2011-3192.
RANGE_COUNT = 16
RANGE = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")


def encode_etag(value: str | int, *, weak: bool) -> str:
    """Return an entity tag.

    Args:
        value: What stands in its quotes.
        weak: Whether two representations of that tag may differ in bytes.

    Raises:
        TypeError: The value is neither a str nor an int.
        ValueError: It is empty, or has quotes, blanks or what isn't ASCII.
    """
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise TypeError(f"an entity tag is made of a str or an int, not of {value!r:.80}")
    text = str(value)
    if not OPAQUE.fullmatch(text):
        raise ValueError(
            f"an entity tag is ASCII without blanks, and is given without its quotes: {text!r:.80}"
        )
    return f'W/"{text}"' if weak else f'"{text}"'


def judge_preconditions(headers: Headers, etag: str, last_modified: str) -> int:
    """Return 412 or 304 if a precondition demands it, else 200.

    Args:
        headers: The header fields of a GET or HEAD request.
        etag: The entity tag of the representation; a weak one begins with ``W/``. Empty if it has
            none.
        last_modified: The HTTP date of its last change; empty if that isn't known.

    Source: RFC 9110 section 13.2.2, the order of evaluation.
    """
    if_match = headers.get("if-match")
    if if_match is not None:
        if not matches_strongly(if_match, etag):
            return 412
    elif modified_since(headers.get("if-unmodified-since"), last_modified) is True:
        return 412
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None:
        return 304 if matches_weakly(if_none_match, etag) else 200
    if modified_since(headers.get("if-modified-since"), last_modified) is False:
        return 304
    return 200


def matches_strongly(if_match: str, etag: str) -> bool:
    """Tell whether an ``If-Match`` holds (RFC 9110 section 13.1.1)."""
    return if_match.strip() == "*" or (not etag.startswith("W/") and etag in ETAG.findall(if_match))


def matches_weakly(if_none_match: str, etag: str) -> bool:
    """Tell whether an ``If-None-Match`` names the representation (RFC 9110 section 13.1.2)."""
    opaque = etag.removeprefix("W/")
    named = (tag.removeprefix("W/") for tag in ETAG.findall(if_none_match))
    return if_none_match.strip() == "*" or opaque in named


def modified_since(value: str | None, last_modified: str) -> bool | None:
    """Tell whether the last change is later than a date; None if either date can't be read.

    Source: RFC 9110 sections 13.1.3 and 13.1.4.
    """
    if value is None or not last_modified:
        return None
    if value == last_modified:  # as in nearly all requests
        return False
    since, modified = parse_http_date(value), parse_http_date(last_modified)
    return None if since is None or modified is None else modified > since


def check_preconditions(method: str, headers: Headers, etag: str | None, *, required: bool) -> None:
    """Let a request pass whose preconditions hold (see `Request.check_etag`).

    A date of the last change isn't known, so the conditions of dates are ignored.

    Args:
        method: The request's method.
        headers: Its header fields.
        etag: The entity tag of what is there; None: nothing is there.
        required: Whether a request that changes something needs a condition.

    Raises:
        HttpException: 304, 412 or 428.
    """
    reads = method in READS
    if required and not reads and not has_condition(headers):
        made = "nothing is there: say by If-None-Match: * that you make it"
        changed = "say by If-Match which version you change"
        raise HttpException(428, made if etag is None else changed)
    if etag is None:
        judged = 412 if "if-match" in headers else 200
    else:
        judged = judge_preconditions(headers, etag, "")
    if judged == 304 and reads:
        raise HttpException(304, headers={"etag": etag or ""})
    if judged != 200:  # RFC 9110 section 13.1.2: a 304 is for GET and HEAD alone
        raise HttpException(412, CHANGED)


def has_condition(headers: Headers) -> bool:
    """Tell whether a client says which version it knows, or that there is none."""
    if_none_match = headers.get("if-none-match", "")
    named = if_none_match.strip() == "*" or ETAG.search(if_none_match) is not None
    return named or "if-match" in headers


def choose_spans(
    headers: Headers, size_bytes: int, etag: str, last_modified: str
) -> list[Span] | None:
    """Return the spans that a GET asks for; None for the whole, empty if no span can be satisfied.

    Args:
        headers: The header fields of the request.
        size_bytes: The size of the whole representation.
        etag: Its entity tag; a weak one begins with ``W/``. If it has none or a weak one, its date
            counts as weak too, and ``If-Range`` never holds.
        last_modified: The HTTP date of its last change; empty if that isn't known.

    Source: RFC 9110 sections 14.2 and 13.1.5.
    """
    value = headers.get("range")
    if value is None:
        return None
    if_range = headers.get("if-range")
    if if_range is not None:
        strong = etag and not etag.startswith("W/")
        if not strong or if_range not in (etag, last_modified):
            return None
    return parse_ranges(value, size_bytes)


def parse_ranges(value: str, size_bytes: int) -> list[Span] | None:
    """Return the spans that a ``Range`` field selects, in its order; empty: it can't be satisfied.

    Ranges that touch become one span. None means that the field is to be ignored: it has another
    unit, a malformed range or more than 16 ranges, or there are no bytes.

    Source: RFC 9110 sections 14.1.2 and 15.3.7.2.
    """
    unit, _, ranges = value.partition("=")
    specs = [spec.strip(" \t") for spec in ranges.split(",", RANGE_COUNT)]
    specs = [spec for spec in specs if spec]
    if unit.strip().lower() != "bytes" or not size_bytes or not specs:
        return None
    if ranges.count(",") >= RANGE_COUNT:
        return None
    spans: list[Span] = []
    for spec in specs:
        found = RANGE.fullmatch(spec)
        if found is None or spec == "-":
            return None
        first, last = found[1], found[2]
        if not first:
            span = range(max(0, size_bytes - int(last)), size_bytes)
        elif last and int(last) < int(first):
            return None
        else:
            span = range(int(first), min(int(last) + 1 if last else size_bytes, size_bytes))
        if span:
            spans = add_span(spans, span)
    return spans


def add_span(spans: list[Span], span: Span) -> list[Span]:
    """Return spans with one more, merged with those that it touches, in place of the first one."""
    touched = [each for each in spans if each.start <= span.stop and span.start <= each.stop]
    if not touched:
        return [*spans, span]
    start = min(span.start, *(each.start for each in touched))
    stop = max(span.stop, *(each.stop for each in touched))
    place = spans.index(touched[0])
    apart = [each for each in spans if each not in touched]
    return [*apart[:place], range(start, stop), *apart[place:]]


def content_range(span: Span, size_bytes: int) -> str:
    """Return the ``Content-Range`` of a part (RFC 9110 section 14.4)."""
    return f"bytes {span.start}-{span.stop - 1}/{size_bytes}"


def encode_multipart(
    spans: list[Span], size_bytes: int, content_type: str, boundary: str
) -> list[bytes | Span]:
    """Return a body of several parts: the parts as spans, and the bytes that stand between them.

    Args:
        spans: The parts.
        size_bytes: The size of the whole.
        content_type: The content type of the whole.
        boundary: A text that no part contains.

    Source: RFC 9110 section 14.6.
    """
    body: list[bytes | Span] = []
    for span in spans:
        head = f"\r\n--{boundary}\r\ncontent-type: {content_type}\r\ncontent-range: "
        body += (f"{head}{content_range(span, size_bytes)}\r\n\r\n".encode("latin-1"), span)
    return [*body, f"\r\n--{boundary}--\r\n".encode("latin-1")]
