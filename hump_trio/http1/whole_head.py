"""Requests that arrive whole and with nothing unusual, read by means of a memo.

Nothing is refused here: whatever isn't plainly good is left to `parse_head`, whose reading this
one repeats (a test compares the two), so that no rule of RFC 9112 stands twice. Which requests
are read here depends on their bytes alone, and never on what was read before.
"""

from itertools import takewhile
from typing import TypeAlias

from hump_trio.facts.settings import Limits
from hump_trio.http1.head import FRAMING
from hump_trio.http1.memo import MEMO, Memo, remember
from hump_trio.http1.section import learn_name
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.target import is_authority

__all__ = ["WholeRequest", "read_whole"]

# Request line, host, fields, body, and whether the connection may stay open.
WholeRequest: TypeAlias = tuple[bytes, str, FieldLines, bytes, bool]

# Fields that a client repeats in every request, and that hold no secret.
STEADY = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control"}
    | {"content-type", "dnt", "origin", "pragma", "priority", "sec-ch-ua", "sec-ch-ua-mobile"}
    | {"sec-ch-ua-platform", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site"}
    | {"sec-fetch-user", "sec-gpc", "upgrade-insecure-requests", "user-agent"}
)
# Fields for which `read_whole` does more than keep them.
SPECIAL = STEADY | FRAMING
KEEP_ALIVE = ("connection", "keep-alive")  # the default of HTTP/1.1
CLOSE = ("connection", "close")
LF = 0x0A
NO_LINES: list[bytes] = []
# Runs of known lines that heads begin with: how many lines at least and at most, how many runs with
# the same second line, and how many such lines. All of them take 1.5 MiB at the most.
RUN_LINE_COUNT, RUN_LINE_LIMIT, RUN_COUNT, RUN_KEY_COUNT = 6, 16, 4, 64


def read_whole(data: bytes, limits: Limits, memo: Memo = MEMO) -> WholeRequest | None:
    """Return the parts of the one request that some bytes are.

    The request line isn't checked, and the result holds only if it says HTTP/1.1. None: not
    exactly one request, or something about it is unusual.

    Args:
        data: All that was received at once.
        limits: The caps for heads and the number of fields.
        memo: Names and lines that were read before.
    """
    if not data:
        return None
    body, lines = b"", NO_LINES
    if data[-1] == LF and len(data) <= limits.head_bytes:  # probably a head without a body
        lines = data.split(b"\r\n")
        if lines.pop() or lines.pop():
            lines = NO_LINES
    if not lines:
        head, _, body = data.partition(b"\r\n\r\n")
        if not body or len(head) > limits.head_bytes - 4:
            return None  # the head isn't whole, or too long
        lines = head.split(b"\r\n")
    line_count = len(lines)
    if not 1 < line_count <= limits.header_count:
        return None
    known_lines = memo.lines
    host = memo.hosts.get(lines[1])  # where nearly all clients have it
    if host is None:
        fields, rest = [], lines[1:]
    else:
        fields, rest = [host], lines[2:]
    if line_count > RUN_LINE_COUNT + 2:
        # What all requests of a browser begin with is read in a seventh of the instructions.
        for run, run_fields in memo.runs.get(rest[1], ()):
            if rest[: len(run)] == run:
                fields += run_fields
                rest = rest[len(run) :]
                break
        else:
            learn_run(rest, memo)
    is_announced, keep_alive = False, True
    for line in rest:
        field = known_lines.get(line)
        if field is None:
            name, colon, value = line.decode("latin-1").partition(": ")
            # In ISO 8859-1 what is printable is no control, and no white space but spaces.
            if not colon or not value.isprintable():
                return None
            lowered = memo.names.get(name) or learn_name(name, memo)
            if lowered is None:
                return None
            field = (lowered, value.strip())
            if lowered in SPECIAL:
                if lowered == "content-length" and not is_announced:
                    # As most clients write it, without leading zeros.
                    if field[1] != str(len(body)):
                        return None
                    is_announced = True
                elif lowered in STEADY or field == KEEP_ALIVE:
                    remember(known_lines, line, field)
                elif lowered == "host" and host is None and is_authority(field[1]):
                    host = field
                    remember(memo.hosts, line, field)
                elif field == CLOSE:
                    keep_alive = False
                else:
                    return None
        fields.append(field)
    if host is None or (body and not is_announced):
        return None
    return lines[0], host[1], fields, body, keep_alive


def learn_run(lines: list[bytes], memo: Memo) -> None:
    """Keep the lines that a head begins with, if they are known ones and many.

    They are kept by the second of them, which tells most browsers apart. Requests of one browser
    for a page, its images and its data differ in others, so several runs are kept.

    Args:
        lines: Those of the head, without its request line.
        memo: Knows the lines that a client repeats in every request.
    """
    known = memo.lines
    if lines[0] in known and lines[RUN_LINE_COUNT - 1] in known:
        run = [*takewhile(known.__contains__, lines[:RUN_LINE_LIMIT])]
        if len(run) >= RUN_LINE_COUNT:
            entry = run, [known[line] for line in run]
            others = memo.runs.get(lines[1], ())
            remember(memo.runs, lines[1], (entry, *others[: RUN_COUNT - 1]), RUN_KEY_COUNT)
