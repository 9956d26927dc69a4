"""The head of a request: its request line, its fields, and the framing of its body."""

import re
from dataclasses import dataclass

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.grammar import TOKEN
from hump_trio.facts.settings import Limits
from hump_trio.http1.section import holds_bad_byte, parse_fields
from hump_trio.messages.framing import LENGTH_DIGITS
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.target import (
    TARGET,
    RequestLine,
    check_authority,
    match_plain_target,
    parse_target,
)

__all__ = [
    "FRAMING",
    "LINE_SLACK_BYTES",
    "RequestHead",
    "keeps_alive",
    "options_of",
    "parse_head",
    "parse_request_line",
    "takes_informational",
    "takes_trailers",
]

# The methods of most requests: a look-up is cheaper than a match.
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
VERSION = re.compile(r"HTTP/[0-9]\.[0-9]")
# Bytes of a request line besides its target: method, version, their spaces and the line's end. A
# longer method makes the target look longer than it is.
LINE_SLACK_BYTES = 64
# RFC 9112 section 7 and the IANA registry it refers to.
CODINGS = frozenset({"chunked", "compress", "deflate", "gzip", "x-compress", "x-gzip"})


# Browsers, and what is built on Python's `http.client`: that takes a 103 for the answer.
MISLED_AGENT = re.compile(r"\AMozilla/|python|urllib|boto|\bpip/", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class RequestHead:
    """All that is known of a request before its body.

    Args:
        line: The request line.
        fields: The field lines, names in lower case.
        host: The authority that was asked for; empty if an HTTP/1.0 client named none.
        content_length: The bytes of the body; 0 for a chunked body too.
        chunked: Whether the body is chunked.
        keep_alive: Whether the client allows another request after this one.
        expect: The ``Expect`` field in lower case; empty if there is none.
        upgrade: Whether the client asks for another protocol behind this request (RFC 9110 section
            7.8). If it isn't given that, the connection ends with the answer: a proxy may take
            what follows for the other protocol, and let anything pass.
    """

    line: RequestLine
    fields: FieldLines
    host: str
    content_length: int
    chunked: bool
    keep_alive: bool
    expect: str
    upgrade: bool = False

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow the head."""
        return self.chunked or self.content_length > 0


def parse_head(section: bytes, limits: Limits, line: RequestLine | None = None) -> RequestHead:
    """Parse a head, and find the framing of its body.

    Args:
        section: The whole head with its request line, without its empty line.
        limits: The caps for the target and the number of fields.
        line: The request line, if it was parsed before the rest of the head arrived.

    Raises:
        HttpParserError: 400 for a malformed head, 413 for a length past any limit, 414 for a
            target that is too long, 431 for too many fields, 501 for an unknown transfer coding,
            505 for another version of HTTP.

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
    keep_alive, upgrade = line.version == "1.1", False
    connection = framing.get("connection")
    if connection is not None:
        options = options_of(connection)
        keep_alive = keeps_alive(options, line.version)
        upgrade = asks_upgrade(options, fields)
    return RequestHead(
        line=line,
        fields=fields,
        host=host if line.authority is None else line.authority,
        content_length=length,
        chunked=chunked,
        keep_alive=keep_alive and not upgrade,
        expect=framing.get("expect", "").lower(),
        upgrade=upgrade and line.version == "1.1",
    )


def join_framing(fields: FieldLines) -> dict[str, str]:
    """Return the fields that frame a message, joining repeated ones.

    Raises:
        HttpParserError: 400 for a repeated field that may come only once.
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
            that is too long, or a method that makes the line as long as such a target would.
    """
    try:
        method, target, protocol = text.split(" ", 3)
    except ValueError:
        raise HttpParserError(400, "a malformed request line") from None
    usual = protocol == "HTTP/1.1"
    if usual and method in METHODS and len(text) <= target_bytes:
        line = match_plain_target(method, target, "1.1")
        if line is not None:
            return line
    known = TOKEN.fullmatch(method)
    if not known or not TARGET.fullmatch(target) or not (usual or VERSION.fullmatch(protocol)):
        raise HttpParserError(400, "a malformed request line")
    version = "1.1"
    if not usual:
        if protocol[5] != "1":
            raise HttpParserError(505, "this version of HTTP isn't spoken here")
        if protocol[7] == "0":
            version = "1.0"
    if len(target) > target_bytes or len(text) + 2 > target_bytes + LINE_SLACK_BYTES:
        raise HttpParserError(414, "the request target is too long")
    return parse_target(method, target, version)


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


def options_of(value: str) -> list[str]:
    """Return the options of a ``Connection`` field in lower case (RFC 9110 section 7.6.1)."""
    return [option.strip(" \t") for option in value.lower().split(",")]


def asks_upgrade(options: list[str], fields: FieldLines) -> bool:
    """Tell whether a client asks for another protocol (RFC 9110 section 7.8).

    One of HTTP/1.0 can't, but a proxy may take what follows for that protocol all the same.

    Args:
        options: Those of the ``Connection`` field.
        fields: The fields of the request.
    """
    return "upgrade" in options and "upgrade" in [name for name, _ in fields]


def keeps_alive(options: list[str], version: str) -> bool:
    """Tell whether the ``Connection`` field leaves the connection open (RFC 9112 section 9.3)."""
    return "close" not in options and (version == "1.1" or "keep-alive" in options)


def takes_trailers(version: str, fields: FieldLines) -> bool:
    """Tell whether a client takes fields behind a chunked body: it says ``TE: trailers`` then.

    It should say ``Connection: TE`` too, so that no proxy passes the field on for it. That isn't
    asked for here: many clients leave it out, and whoever reads chunks has to read trailers, or
    to drop them (RFC 9112 section 7.1.2).

    Source: RFC 9110 sections 6.5.1 and 10.1.4.
    """
    options = [value for name, value in fields if name == "te"]
    names = [option.strip(" \t").lower() for option in ",".join(options).split(",")]
    return version == "1.1" and "trailers" in names


def takes_informational(version: str, fields: FieldLines) -> bool:
    """Tell whether a client can be trusted with informational responses besides 100.

    A client that takes one for the answer reads the answers of its next requests wrong, which
    may then be another site's (RFC 8297 section 3). That has happened to browsers, which use
    early hints over HTTP/2 alone, and it happens to all that is built on Python's `http.client`.
    So neither gets any, nor does a client that doesn't say what it is.
    """
    if version != "1.1" or any(name.startswith("sec-fetch-") for name, _ in fields):
        return False
    agents = [value for name, value in fields if name == "user-agent"]
    return bool(agents) and not any(MISLED_AGENT.search(agent) for agent in agents)
