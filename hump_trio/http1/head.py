"""The head of a request: what is asked for, and how its body is framed."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import unquote, unquote_to_bytes

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.section import TOKEN, Fields, holds_bad_byte, parse_fields
from hump_trio.messages.request import Request

__all__ = [
    "FRAMING",
    "RequestHead",
    "RequestLine",
    "build_request",
    "check_authority",
    "keeps_alive",
    "parse_head",
    "parse_request_line",
    "path_segments",
]

new: Callable[[type[Request]], Request] = object.__new__

# What most requests start with; a look-up is cheaper than a match.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
VERSION = re.compile(r"HTTP/[0-9]\.[0-9]")
# RFC 3986 allows fewer, but browsers send the rest as it is; a fragment is never sent.
TARGET = re.compile(r"[!-\"$-~]+")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# uri-host [":" port] of RFC 3986 section 3.2.2; an IPv6 address is looked at separately.
AUTHORITY = re.compile(
    r"((?:[A-Za-z0-9\-._~!$&'()*+,;=]++|%[0-9A-Fa-f]{2})*+|\[[0-9A-Fa-f:.]+\]"
    r"|\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\])(?::([0-9]*))?"
)
ABSOLUTE = re.compile(r"https?://([^/?]*)([^?]*)(?:\?(.*))?", re.IGNORECASE)
# RFC 9112 section 7 and the IANA registry it refers to.
CODINGS = frozenset({"chunked", "compress", "deflate", "gzip", "x-compress", "x-gzip"})
# More digits than a 64-bit count has.
LENGTH_DIGITS = 19


@dataclass(slots=True, eq=False)
class RequestLine:
    """A request line taken apart (RFC 9112 section 3).

    Args:
        method: Any token.
        target: As received.
        path: Decoded once; ``"*"`` for the server as a whole, empty for CONNECT.
        raw_path: The path with its escapes.
        query_string: What follows the first ``?``.
        authority: Of an absolute- or authority-form target; else None.
        version: ``"1.1"``, also for a higher minor (RFC 9110 section 2.5), or ``"1.0"``.
    """

    method: str
    target: str
    path: str
    raw_path: str
    query_string: str
    authority: str | None
    version: str


@dataclass(slots=True, eq=False)
class RequestHead:
    """Everything known of a request before its body.

    Args:
        line: The request line.
        fields: The field lines, names in lower case.
        host: The authority asked for; empty if an HTTP/1.0 client named none.
        content_length: Bytes of the body; 0 also for a chunked one.
        chunked: Whether the body is chunked.
        keep_alive: Whether the client allows another request after this one.
        expect: The ``Expect`` field in lower case, empty if there is none.
    """

    line: RequestLine
    fields: Fields
    host: str
    content_length: int
    chunked: bool
    keep_alive: bool
    expect: str

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow the head."""
        return self.chunked or self.content_length > 0


def parse_head(section: bytes, limits: Limits, line: RequestLine | None = None) -> RequestHead:
    """Parse a head and work out how its body is framed.

    Args:
        section: The whole head, request line and all, without its empty line.
        limits: The caps for the target and the number of fields.
        line: The request line, if it was parsed before the rest was here.

    Raises:
        HttpParserError: 400, 413, 431 or 501.

    Source: RFC 9112 sections 3.2, 5, 6 and 9.3.
    """
    first, *lines = section.decode("latin-1").split("\r\n")
    if line is None:
        line = parse_request_line(first, limits.target_bytes)
    if holds_bad_byte(section):
        raise HttpParserError(400, "a byte that doesn't belong in a head")
    fields = parse_fields(lines, limits.header_count, 431)

    framing = dict(fields)
    if len(framing) < len(fields):
        framing = join_framing(fields)

    host = framing.get("host")
    if host is None:
        if line.version == "1.1":
            raise HttpParserError(400, "no Host")
        host = ""
    check_authority(host)
    length, chunked = parse_framing(framing, line.version)
    if line.method == "CONNECT" and (length or chunked):
        # RFC 9110 section 9.3.6: it has no content; some parsers read a body, some a tunnel.
        raise HttpParserError(400, "CONNECT has no content")
    options = framing.get("connection")
    return RequestHead(
        line=line,
        fields=fields,
        host=host if line.authority is None else line.authority,
        content_length=length,
        chunked=chunked,
        keep_alive=line.version == "1.1" if options is None else keeps_alive(options, line.version),
        expect=framing.get("expect", "").lower(),
    )


def join_framing(fields: Fields) -> dict[str, str]:
    """Return the fields that frame a message, where some names come twice.

    Raises:
        HttpParserError: 400 for a name that must not.
    """
    framing: dict[str, str] = {}
    for name, value in fields:
        if name in FRAMING:
            if name in framing:
                if name in SINGULAR:
                    raise HttpParserError(400, f"more than one {name}")
                value = f"{framing[name]},{value}"
            framing[name] = value
    return framing


FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})
SINGULAR = frozenset({"host", "content-length"})


def parse_request_line(text: str, target_bytes: int) -> RequestLine:
    """Parse ``method SP request-target SP HTTP-version`` (RFC 9112 section 3).

    Raises:
        HttpParserError: 400 for a malformed line, 505 for another version, 414 for a target
            that is too long.
    """
    method, _, rest = text.partition(" ")
    target, _, protocol = rest.partition(" ")
    known = method in METHODS or TOKEN.fullmatch(method)
    usual = protocol == "HTTP/1.1"
    if not known or not TARGET.fullmatch(target) or not (usual or VERSION.fullmatch(protocol)):
        raise HttpParserError(400, "a malformed request line")
    version = "1.1"
    if not usual:
        if protocol[5] != "1":
            raise HttpParserError(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        if protocol[7] == "0":
            version = "1.0"
    if len(target) > target_bytes:
        raise HttpParserError(414, "the request target is too long")

    authority = None
    if target[0] == "/":
        raw_path, _, query_string = target.partition("?")
    elif method == "CONNECT":
        raw_path, query_string, authority = "", "", target
        check_connect_authority(target)
    elif target == "*" and method == "OPTIONS":
        raw_path, query_string = "*", ""
    else:
        raw_path, query_string, authority = parse_absolute_form(target, method)
    if method == "CONNECT" and raw_path:
        raise HttpParserError(400, "CONNECT needs a host and a port")
    path = decode_path(raw_path) if "%" in raw_path else raw_path
    return RequestLine(method, target, path, raw_path, query_string, authority, version)


def parse_absolute_form(target: str, method: str) -> tuple[str, str, str]:
    """Return path, query and authority of an absolute-form target (RFC 9112 section 3.2.2).

    Without a path it is ``/``, or ``*`` for OPTIONS (section 3.2.4).
    """
    found = ABSOLUTE.fullmatch(target)
    if found is None:
        raise HttpParserError(400, "a malformed request target")
    authority, path, query = found[1], found[2], found[3]
    if not authority:
        raise HttpParserError(400, "a request target without a host")
    check_authority(authority)
    if not path:
        path = "*" if method == "OPTIONS" and query is None else "/"
    return path, query or "", authority


def check_connect_authority(authority: str) -> None:
    """Refuse a CONNECT target that isn't a host and a port (RFC 9112 section 3.2.3)."""
    check_authority(authority)
    host, _, port = authority.rpartition(":")
    if not host or not port.isdigit():
        raise HttpParserError(400, "CONNECT needs a host and a port")


@lru_cache(maxsize=256)  # a server has few names; the longest possible ones take 8 MiB
def check_authority(authority: str) -> None:
    """Refuse what isn't ``uri-host [":" port]`` (RFC 9110 section 7.2); empty is valid."""
    found = AUTHORITY.fullmatch(authority)
    if found is None:
        raise HttpParserError(400, "a malformed host")
    host, port = found[1], found[2]
    if port and (len(port) > LENGTH_DIGITS or int(port) > 0xFFFF):
        raise HttpParserError(400, "a port that doesn't exist")
    if port is not None and not host:
        raise HttpParserError(400, "a port without a host")
    if host.startswith("[") and host[1] not in "vV":
        try:
            IPv6Address(host[1:-1])
        except ValueError:
            raise HttpParserError(400, "a malformed IPv6 address") from None


def decode_path(raw_path: str) -> str:
    """Decode the escapes of a path once.

    Raises:
        HttpParserError: 400 for an escape that isn't one, or isn't UTF-8.
    """
    if BAD_ESCAPE.search(raw_path):
        raise HttpParserError(400, "a malformed escape in the path")
    try:
        return unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        raise HttpParserError(400, "an escape in the path that isn't UTF-8") from None


def path_segments(line: RequestLine) -> list[str]:
    """Return the decoded segments of a path; an escaped slash stays inside its segment."""
    if "%" not in line.raw_path:
        return line.path.split("/")
    return [unquote(segment) for segment in line.raw_path.split("/")]


def parse_framing(framing: dict[str, str], version: str) -> tuple[int, bool]:
    """Return the length of the body and whether it is chunked (RFC 9112 section 6.3).

    Raises:
        HttpParserError: 400 for framing that two parsers could read differently, 501 for a
            coding not spoken here, 413 for a length past any limit.
    """
    length, codings = framing.get("content-length"), framing.get("transfer-encoding")
    if codings is not None:
        if version == "1.0" or length is not None:
            raise HttpParserError(400, "Transfer-Encoding has no place here")
        check_codings([coding.strip(" \t").lower() for coding in codings.split(",")])
        return 0, True
    if length is None:
        return 0, False
    if not (length.isascii() and length.isdigit()):
        raise HttpParserError(400, "a malformed Content-Length")
    if len(length) > LENGTH_DIGITS:
        raise HttpParserError(413, "the body is too large")
    return int(length), False


def check_codings(codings: list[str]) -> None:
    """Refuse transfer codings other than a single ``chunked`` (RFC 9112 section 6.1)."""
    if codings == ["chunked"]:
        return
    names = [coding.partition(";")[0].strip(" \t") for coding in codings]
    if not all(TOKEN.fullmatch(name) for name in names):
        raise HttpParserError(400, "a malformed Transfer-Encoding")
    if not CODINGS.issuperset(names):
        raise HttpParserError(501, "a transfer coding that isn't spoken here")
    if codings[-1] != "chunked" or names.count("chunked") > 1:
        raise HttpParserError(400, "chunked must be the last transfer coding, and once")
    raise HttpParserError(501, "no transfer coding but chunked is spoken here")


def keeps_alive(options: str, version: str) -> bool:
    """Tell whether the ``Connection`` field leaves the connection open (RFC 9112 section 9.3)."""
    names = [option.strip(" \t").lower() for option in options.split(",")]
    return "close" not in names and (version == "1.1" or "keep-alive" in names)


def build_request(
    line: RequestLine, host: str, fields: Fields, client: tuple[str, int] | None
) -> Request:
    """Return the request of a head; its body, its route and its app are still to come.

    A third of the instructions that the constructor takes.
    """
    request = new(Request)
    request.method = line.method
    request.target = line.target
    request.path = line.path
    request.query_string = line.query_string
    request.http_version = line.version
    request.host = host
    request.received_fields = fields
    request.client = client
    request.body = b""
    request.outcome = "ok"
    request.server_deadline = math.inf
    return request
