"""Requests that come whole, with nothing unusual: read by what was read before.

Nothing is refused here. What isn't plainly good is left to `parse_head`, whose reading this one
repeats (a test holds the two together), so that no rule of RFC 9112 stands twice.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.head import FRAMING, check_authority
from hump_trio.http1.section import NAMES, Fields

__all__ = ["WholeRequest", "read_whole"]

# Request line, host, fields, body, and whether the connection may stay open.
WholeRequest: TypeAlias = tuple[bytes, str, Fields, bytes, bool]

# Fields that a client repeats in every request, and that hold no secret.
STEADY = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control"}
    | {"content-type", "dnt", "origin", "pragma", "priority", "sec-ch-ua", "sec-ch-ua-mobile"}
    | {"sec-ch-ua-platform", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site"}
    | {"sec-fetch-user", "sec-gpc", "upgrade-insecure-requests", "user-agent"}
)
# What is looked at here, beside its being kept.
SPECIAL = STEADY | FRAMING
KEEP_ALIVE = ("connection", "keep-alive")  # which says nothing in HTTP/1.1
CLOSE = ("connection", "close")
# Lines of such fields, and of Host, by what they were read as: a look-up is a tenth of the work.
LINES: dict[bytes, tuple[str, str]] = {}
HOSTS: dict[bytes, tuple[str, str]] = {}
known: Callable[[bytes], tuple[str, str] | None] = LINES.get
# Emptied when there are more, so that nobody can fill memory with them, nor keep others out.
LINE_COUNT = 1024
LINE_CHARS = 256
LF = 0x0A
NO_LINES: list[bytes] = []
# A longer body doesn't come with its head; and none is what nobody announces.
LENGTH = re.compile("[1-9][0-9]{0,8}")


def read_whole(data: bytes, limits: Limits) -> WholeRequest | None:
    """Return what the one request is that some bytes are.

    Its line isn't judged, and the rest holds for HTTP/1.1 alone. None: they aren't one request,
    or something about it is unusual.
    """
    if not data:
        return None
    body, lines = b"", NO_LINES
    if data[-1] == LF and len(data) <= limits.head_bytes:  # no body, most likely
        lines = data.split(b"\r\n")
        if lines.pop() or lines.pop():
            lines = NO_LINES
    if not lines:
        head, _, body = data.partition(b"\r\n\r\n")
        if not body or len(head) > limits.head_bytes - 4:
            return None  # the head isn't whole, or too long
        lines = head.split(b"\r\n")
    if not 1 < len(lines) <= limits.header_count:
        return None
    host = HOSTS.get(lines[1])  # where nearly all clients have it
    fields, rest = ([], lines[1:]) if host is None else ([host], lines[2:])
    length, keep_alive = 0, True
    for line in rest:
        field = known(line)
        if field is None:
            name, colon, value = line.decode("latin-1").partition(": ")
            lowered = NAMES.get(name)
            # In ISO 8859-1 what is printable is no control, and no white space but spaces.
            if lowered is None or not colon or not value.isprintable():
                return None
            field = (lowered, value.strip())
            if lowered in SPECIAL:
                if lowered in STEADY or field == KEEP_ALIVE:
                    remember(LINES, line, field)
                elif lowered == "host" and host is None and is_host(field[1]):
                    host = field
                    remember(HOSTS, line, field)
                elif lowered == "content-length" and not length and LENGTH.fullmatch(field[1]):
                    length = int(field[1])
                elif field == CLOSE:
                    keep_alive = False
                else:
                    return None
        fields.append(field)
    if host is None or len(body) != length:
        return None
    return lines[0], host[1], fields, body, keep_alive


def is_host(value: str) -> bool:
    """Tell whether a value is one that ``Host`` may have."""
    try:
        check_authority(value)
    except HttpParserError:
        return False
    return True


def remember(memory: dict[bytes, tuple[str, str]], line: bytes, field: tuple[str, str]) -> None:
    """Keep what a line was read as, if it isn't too long."""
    if len(memory) >= LINE_COUNT:
        memory.clear()
    if len(line) <= LINE_CHARS:
        memory[line] = field
