"""Request targets, in each of their forms (RFC 9110 section 7.1).

How a target comes over the wire is not known here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import unquote, unquote_to_bytes

from hump_trio.facts.exceptions import HttpParserError

__all__ = [
    "TARGET",
    "RequestLine",
    "check_authority",
    "is_authority",
    "match_plain_target",
    "origin_form",
    "parse_target",
    "path_segments",
]

# RFC 3986 allows fewer characters, but browsers send the others as they are. No client sends a
# fragment.
TARGET = re.compile(r"[!-\"$-~]+")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# uri-host [":" port] of RFC 3986 section 3.2.2; an IPv6 address is checked separately.
AUTHORITY = re.compile(
    r"((?:[A-Za-z0-9\-._~!$&'()*+,;=]++|%[0-9A-Fa-f]{2})*+|\[[0-9A-Fa-f:.]+\]"
    r"|\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\])(?::([0-9]*))?"
)
ABSOLUTE = re.compile(r"https?://([^/?]*)([^?]*)(?:\?(.*))?", re.IGNORECASE)
# A port of more digits is refused before it is converted, which takes long for very many digits.
PORT_DIGITS = 19
SCHEME_AND_HOST = re.compile(r"https?://[^/?]*", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class RequestLine:
    """The method and the target of a request, taken apart; some protocols have no such line.

    Args:
        method: The method, any token.
        target: The request target as it was received.
        path: The path of the target, its escapes decoded once; ``"*"`` for the server as a whole,
            empty for CONNECT.
        raw_path: The path with its escapes.
        query_string: The part of the target behind the first ``?``.
        authority: The host and port in a target of absolute or authority form; else None.
        version: The version of HTTP, as in `Request.http_version`.

    Source: RFC 9110 section 6.2 (control data).
    """

    method: str
    target: str
    path: str
    raw_path: str
    query_string: str
    authority: str | None
    version: str


allocate: Callable[[type[RequestLine]], RequestLine] = object.__new__


def match_plain_target(method: str, target: str, version: str) -> RequestLine | None:
    """Return what `parse_target` returns for a path without escapes; None for any other target.

    It checks what `TARGET` does, too, and takes a third of the instructions of both: most targets
    are of this kind.

    Args:
        method: Any but CONNECT.
        target: Any text.
        version: The version of HTTP.
    """
    # The printable ones of ASCII are those of `TARGET`, a space and a number sign.
    if not target or target[0] != "/" or not target.isascii() or not target.isprintable():
        return None
    raw_path, _, query_string = target.partition("?")
    if "%" in raw_path or " " in target or "#" in target:
        return None
    line = allocate(RequestLine)  # two thirds of what the constructor takes
    line.method = method
    line.target = target
    line.path = line.raw_path = raw_path
    line.query_string = query_string
    line.authority = None
    line.version = version
    return line


def parse_target(method: str, target: str, version: str) -> RequestLine:
    """Take a request target apart, whichever of the four forms it has (RFC 9112 section 3.2).

    Args:
        method: The method, which decides the forms that the target may have.
        target: A target that `TARGET` matches, and that isn't too long.
        version: The version of HTTP.

    Raises:
        HttpParserError: 400, the target has none of the forms, or can't be decoded.
    """
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
    if port and (len(port) > PORT_DIGITS or int(port) > 0xFFFF):
        raise HttpParserError(400, "a port that doesn't exist")
    if port is not None and not host:
        raise HttpParserError(400, "a port without a host")
    if host.startswith("[") and host[1] not in "vV":
        try:
            IPv6Address(host[1:-1])
        except ValueError:
            raise HttpParserError(400, "a malformed IPv6 address") from None


def is_authority(text: str) -> bool:
    """Tell whether a text may stand where a host and its port do (see `check_authority`)."""
    try:
        check_authority(text)
    except HttpParserError:
        return False
    return True


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


def path_segments(raw_path: str) -> list[str]:
    """Return the decoded segments of a path; an escaped slash stays inside its segment."""
    segments = raw_path.split("/")
    return [unquote(segment) for segment in segments] if "%" in raw_path else segments


def origin_form(target: str) -> str:
    """Return the path and the query of a target (RFC 9112 section 3.2); it begins with a slash.

    It is ``/`` for an absolute form without a path, for ``*``, and for CONNECT.
    """
    if target.startswith("/"):
        return target
    found = SCHEME_AND_HOST.match(target)
    rest = target[found.end() :] if found else ""
    return rest if rest.startswith("/") else f"/{rest}"
