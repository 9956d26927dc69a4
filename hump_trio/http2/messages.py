"""Decoded fields as the head of a request, or as its trailers (RFC 9113 section 8).

A malformed request ends its stream with an RST_STREAM, and nothing of it reaches a handler. A
well-formed request that is past a limit is answered with a status. Where a request is both, it is
malformed.

Single fields are judged where they are decoded: their names and values, fields of a connection,
and pseudo-fields that don't exist. None stands for a field that was refused there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import cast

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.grammar import TOKEN
from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode, StreamFailure
from hump_trio.messages.framing import FORBIDDEN_TRAILERS, LENGTH_DIGITS
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.target import (
    TARGET,
    RequestLine,
    is_authority,
    match_plain_target,
    parse_target,
)

__all__ = ["RequestHead", "parse_request", "parse_trailers", "with_target"]

WEBSOCKET = "websocket"  # the one protocol that a stream can be used for (RFC 8441 section 5)
SCHEMES = frozenset({"http", "https"})
# A name has 255 characters at most (RFC 3986 section 3.2.2), each with an escape of three, and a
# port. `is_authority` remembers what it has seen, and a field may be longer than a head may be.
HOST_LENGTH = 1024
# What HTTP/1.1 writes around a method and a target, with the empty line at the end of a head, and
# around a name and a value; and what stands between two cookies.
LINE_BYTES = len("  HTTP/2.0\r\n\r\n")
FIELD_BYTES = len(": \r\n")
COOKIE_JOINT = "; "
# What a piece of a cookie has less of once it is joined to another.
CRUMB_BYTES = len("cookie") + FIELD_BYTES - len(COOKIE_JOINT)


@dataclass(slots=True, eq=False)
class RequestHead:
    """All that is known of a request before its body.

    Args:
        line: The method and the target.
        fields: The fields, names in lower case, as HTTP/1.1 would have brought them: without
            pseudo-fields, with ``host`` as the first one, and with one ``cookie`` at the most.
        host: The authority that was asked for.
        content_length: The bytes of the body; None if they aren't announced.
        expect: The ``Expect`` field in lower case; empty if there is none.
        head_bytes: The bytes that the head would have in HTTP/1.1, which `Limits` counts.
        protocol: What the stream is to be used for, of a CONNECT that names a protocol, in lower
            case; empty for any other request.
    """

    line: RequestLine
    fields: FieldLines
    host: str
    content_length: int | None
    expect: str
    head_bytes: int
    protocol: str = ""


allocate: Callable[[type[RequestHead]], RequestHead] = object.__new__


def parse_request(fields: list[tuple[str, str] | None], limits: Limits) -> RequestHead:
    """Parse the fields that begin a stream.

    Args:
        fields: The decoded fields; None stands for a malformed one.
        limits: The caps for heads, counted as HTTP/1.1 would write them. The pieces of a cookie
            count as one field, since clients cut it up for the sake of compression alone.

    Raises:
        StreamFailure: The request is malformed (RFC 9113 section 8.1.1).
        HttpParserError: 400 for a path that can't be decoded, 413 for a length past any limit, 414
            for a target that is too long, 431 for a head that is, 501 for a CONNECT to elsewhere,
            or for a protocol other than ``websocket``.

    Source: RFC 9113 sections 8.1 to 8.3, RFC 8441 section 4.
    """
    if None in fields:
        raise malformed("a field that isn't valid")
    lines = cast("FieldLines", fields)
    count = 0
    for name, _ in lines:
        if name[:1] != ":":
            break
        count += 1
    pseudo, others = dict(lines[:count]), lines[count:]
    named = dict(others)
    names = "".join(named)
    if len(pseudo) < count or ":" in names:  # no other name has a colon
        raise malformed("a pseudo-field twice, or behind other fields")
    spare = 0  # pieces of a cookie beyond its first one
    repeated = len(named) < len(others)
    if repeated:
        # A few bytes may refer very often to one field. Nothing is joined before it is counted.
        spare = check_repeats(others)
        text_bytes = count_text(others)
    else:
        text_bytes = len(names) + len("".join(named.values()))  # a third of what a sum takes
    host = find_host(pseudo.get(":authority"), named.get("host"))
    length = named.get("content-length")
    if length is not None and not (length.isascii() and length.isdigit()):
        raise malformed("a Content-Length that is none")
    if length is not None and ":protocol" in pseudo:  # RFC 9110 section 9.3.6: it has no content
        raise malformed("a Content-Length of what has no body")
    method = check_pseudo(pseudo)
    path = pseudo[":path"]

    line = parse_path(method, path, limits)
    if "host" in named:
        others = [field for field in others if field[0] != "host"]
    else:
        text_bytes += len("host") + len(host)
    regular = [("host", host), *others]
    if len(regular) - spare > limits.header_count:
        raise HttpParserError(431, "too many header fields")
    text_bytes += len(method) + len(path) - spare * CRUMB_BYTES
    head_bytes = LINE_BYTES + FIELD_BYTES * len(regular) + text_bytes
    if head_bytes > limits.head_bytes:
        raise HttpParserError(431, "the header section is too large")
    expect = named.get("expect", "")
    if repeated:
        expect = ",".join([value for name, value in others if name == "expect"])
        regular = join_cookies(regular) if spare else regular
    if length is not None and len(length) > LENGTH_DIGITS:
        raise HttpParserError(413, "the body is too large")
    return RequestHead(
        line=line,
        fields=regular,
        host=host,
        content_length=None if length is None else int(length),
        expect=expect.lower(),
        head_bytes=head_bytes,
        protocol=WEBSOCKET if method == "CONNECT" else "",
    )


def with_target(head: RequestHead, path: str, limits: Limits) -> RequestHead:
    """Return what `parse_request` returns for the same fields with another ``:path``.

    Args:
        head: A head without a protocol that `parse_request` has returned under the same limits.
        path: The other path.
        limits: The caps for heads.

    Returns:
        A new head, with the same list of fields.

    Raises:
        StreamFailure: The path is malformed.
        HttpParserError: As `parse_request` raises it for a path.
    """
    method = head.line.method
    head_bytes = head.head_bytes - len(head.line.target) + len(path)
    fits = len(path) <= limits.target_bytes
    line = match_plain_target(method, path, "2") if fits else None
    if line is None:
        check_path(method, path)
        line = parse_path(method, path, limits)
    if head_bytes > limits.head_bytes:
        raise HttpParserError(431, "the header section is too large")
    new = allocate(RequestHead)  # two thirds of what the constructor takes
    new.line = line
    new.fields = head.fields
    new.host = head.host
    new.content_length = head.content_length
    new.expect = head.expect
    new.head_bytes = head_bytes
    new.protocol = ""
    return new


def parse_trailers(fields: list[tuple[str, str] | None], limits: Limits) -> FieldLines:
    """Parse the fields that end a stream.

    An answer may have begun by then, so whatever is wrong with them ends the stream.

    Args:
        fields: The decoded fields; None stands for a malformed one.
        limits: The caps for heads, which apply to trailers too.

    Raises:
        StreamFailure: The trailers are malformed, too many or too large, or one of them is a field
            that must not be a trailer.

    Source: RFC 9113 section 8.1, RFC 9110 section 6.5.1.
    """
    if None in fields:
        raise malformed("a trailer that isn't valid")
    trailers = cast("FieldLines", fields)
    if any(name in FORBIDDEN_TRAILERS or name[:1] == ":" for name, _ in trailers):
        raise malformed("a field that must not be a trailer")
    head_bytes = count_text(trailers) + FIELD_BYTES * len(trailers) + len("\r\n")
    if len(trailers) > limits.header_count or head_bytes > limits.head_bytes:
        raise StreamFailure(ErrorCode.ENHANCE_YOUR_CALM, "the trailers are too large")
    return trailers


def check_pseudo(pseudo: dict[str, str]) -> str:
    """Check the pseudo-fields of a request but for its host, and return the method.

    Raises:
        StreamFailure: One is missing, malformed, or has no place in such a request.
        HttpParserError: 501 for CONNECT, unless its ``:protocol`` is `WEBSOCKET`.

    Source: RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4.
    """
    method, scheme = pseudo.get(":method", ""), pseudo.get(":scheme", "")
    if not TOKEN.fullmatch(method):
        raise malformed("a method that isn't a token")
    expected = 3
    if method == "CONNECT":
        if ":protocol" not in pseudo:
            check_connect(pseudo)
            raise HttpParserError(501, "no tunnel is offered here")
        expected += 1
    if ":authority" in pseudo:
        expected += 1
    # RFC 3986 section 3.1: upper case is taken for the same scheme.
    if scheme not in SCHEMES and scheme.lower() not in SCHEMES:
        raise malformed("a scheme other than http and https")
    check_path(method, pseudo.get(":path", ""))
    if len(pseudo) != expected:
        raise malformed("a pseudo-field that has no place in such a request")
    # RFC 9110 section 7.8: names of protocols are compared without regard to case.
    if method == "CONNECT" and pseudo[":protocol"].lower() != WEBSOCKET:
        raise HttpParserError(501, "no such protocol is offered over a stream here")
    return method


def check_connect(pseudo: dict[str, str]) -> None:
    """Refuse a CONNECT that isn't a method and a host with its port (RFC 9113 section 8.5)."""
    authority = pseudo.get(":authority")
    if len(pseudo) != 2 or not authority:
        raise malformed("CONNECT has a host and a port, and no scheme and no path")
    try:
        parse_target("CONNECT", authority, "2")
    except HttpParserError as error:
        raise malformed(error.detail) from None


def check_path(method: str, path: str) -> None:
    """Refuse what isn't a path, with or without a query (RFC 9113 section 8.3.1).

    ``*`` stands for the server as a whole, for OPTIONS alone.
    """
    if not TARGET.fullmatch(path) or (path[0] != "/" and (path != "*" or method != "OPTIONS")):
        raise malformed("a path that is none")


def parse_path(method: str, path: str, limits: Limits) -> RequestLine:
    """Take a path apart that `check_path` lets pass.

    A CONNECT that has a path names a protocol, and its path is what a GET's is.

    Raises:
        HttpParserError: 414 for a path that is too long, 400 for one that can't be decoded.
    """
    if len(path) > limits.target_bytes:
        raise HttpParserError(414, "the request target is too long")
    if method == "CONNECT":
        line = parse_target("GET", path, "2")
        line.method = method
        return line
    return parse_target(method, path, "2")


def find_host(authority: str | None, host: str | None) -> str:
    """Return what a request is for: its ``:authority``, or the ``host`` of one without it.

    The two must name the same. They are compared without regard to case, in which hosts don't
    differ (RFC 3986 section 6.2.2.1). A port is compared as it is written: an origin server
    chooses how it normalizes, and no client writes the same port in two ways.

    Raises:
        StreamFailure: There is none of them, they differ, or the one isn't a host with its port.

    Source: RFC 9113 section 8.3.1, which forbids an empty one and user information too.
    """
    if authority is None:
        authority = host
    elif host is not None and host.lower() != authority.lower():
        raise malformed("a Host other than the authority")
    if not authority or len(authority) > HOST_LENGTH or not is_authority(authority):
        raise malformed("no authority, or one that isn't a host")
    return authority


def check_repeats(fields: FieldLines) -> int:
    """Return how many ``cookie`` fields there are beyond the first one.

    Raises:
        StreamFailure: A field is repeated that may come only once.
    """
    names = [name for name, _ in fields]
    if names.count("host") > 1 or names.count("content-length") > 1:
        raise malformed("more than one Host or Content-Length")
    return max(names.count("cookie") - 1, 0)


def join_cookies(fields: FieldLines) -> FieldLines:
    """Return fields with one cookie, in the place of the first of its pieces.

    An empty piece at the end leaves a blank behind, which doesn't belong to a value.

    Source: RFC 9113 section 8.2.3.
    """
    pieces = [value for name, value in fields if name == "cookie"]
    place = [name for name, _ in fields].index("cookie")
    joined = [field for field in fields if field[0] != "cookie"]
    joined.insert(place, ("cookie", COOKIE_JOINT.join(pieces).rstrip(" ")))
    return joined


def count_text(fields: FieldLines) -> int:
    """Return how many bytes the names and values of some fields have, without copying them."""
    return sum(map(len, chain.from_iterable(fields)))


def malformed(text: str) -> StreamFailure:
    """Return the failure of a malformed request (RFC 9113 section 8.1.1)."""
    return StreamFailure(ErrorCode.PROTOCOL_ERROR, text)
