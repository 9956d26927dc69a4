"""Log records as lines of text for people, or as lines of JSON for programs.

No request can forge a line: what it has sent is escaped, and what follows the first line of a
record is indented. Where lines are written to is not known here, but for how long they may be.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json import JSONEncoder
from typing import Any

from hump_trio.messages.http_date import MONTHS
from hump_trio.server.access_log import AccessRecord

__all__ = ["LINE_BYTES", "JsonFormatter", "TextFormatter"]

# In a quoted field: all but printable ASCII without quote and backslash.
UNSAFE = re.compile(r"[^ !#-\[\]-~]")
# In other text: what moves a cursor, ends a line for anyone (as `str.splitlines` does), turns the
# direction of what follows, or can't be encoded.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Longer than what a pipe takes whole (`LineWriter`), lines of several workers would mix: what a
# client has written could begin one.
LINE_BYTES = 4000
# Of that, for what says that a record goes on.
PART_BYTES = 40
# What is left of a text in such a line: little enough, though each character may take six.
SHORT_CHARACTERS = 100
INDENT = "\n    "
RESET, RED, GREEN, YELLOW, CYAN = (f"\x1b[{code}m" for code in (0, 31, 32, 33, 36))
STATUS_COLOURS: Mapping[int, str] = {2: GREEN, 3: CYAN, 4: YELLOW, 5: RED}
LEVEL_COLOURS: Mapping[str, str] = {"WARNING": YELLOW, "ERROR": RED, "CRITICAL": RED}

# What `logging` itself knows of a record, and what is written under a name of its own.
KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "access", "asctime", "message", "request_id", "taskName",
}  # fmt: skip

encode_json: Callable[[object], str] = JSONEncoder(default=str, allow_nan=False).encode


class TextFormatter(logging.Formatter):
    """Requests as other servers write them (Apache's combined form) with four fields more.

    Those are the seconds, the outcome, the route and the name of the request. All other records
    are a time, a process, a level, a logger, a request's name if there is one, and the message.

    Args:
        coloured: Whether for a terminal.
        line_bytes: What is longer is cut (a request), or goes on in a record of its own.
    """

    def __init__(self, *, coloured: bool = False, line_bytes: float = LINE_BYTES) -> None:
        super().__init__()
        self._coloured = coloured
        self._line_bytes = line_bytes

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        access = access_of(record)
        if access is not None:
            line = self._format_access(int(record.created), access)
            if len(line) > self._line_bytes:
                line = self._format_access(int(record.created), shorten(access))
            return line
        level = self._paint(record.levelname, LEVEL_COLOURS.get(record.levelname, ""))
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            text = f"{text}\n{record.stack_info}"
        text = CONTROLS.sub(escape, text).replace("\n", INDENT)
        request_id = getattr(record, "request_id", "")
        source = f"{cut(record.name)} [{cut(str(request_id))}]" if request_id else cut(record.name)
        source = UNSAFE.sub(escape, source)
        head = f"{iso_time(int(record.created))}Z {record.process} {level} {source}"
        room = self._line_bytes - len(head) - PART_BYTES
        first, *rest = split_text(text, room)
        lines = [f"{head} (continued){INDENT}{each.removeprefix(INDENT[1:])}" for each in rest]
        return "\n".join([f"{head}: {first}", *lines])

    def _format_access(self, second: int, access: AccessRecord) -> str:
        line = "-"
        if access.method:
            line = f"{access.method} {access.target} HTTP/{access.http_version}"
        route, name = access.route or "-", access.request_id or "-"
        agent, referrer = access.user_agent or "-", access.referrer or "-"
        if UNSAFE.search(f"{line}{referrer}{agent}{route}{name}"):
            line, referrer, agent, route, name = (
                UNSAFE.sub(escape, each) for each in (line, referrer, agent, route, name)
            )
        status = str(access.status or "-")
        if self._coloured:
            status = self._paint(status, STATUS_COLOURS.get(access.status // 100, ""))
        address = access.client[0] if access.client else "-"
        return (
            f'{address} - - [{common_time(second)}] "{line}" {status} {access.byte_count}'
            f' "{referrer}" "{agent}" {access.seconds:.4f} {access.outcome} "{route}" "{name}"'
        )

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{RESET}" if self._coloured and colour else text


class JsonFormatter(logging.Formatter):
    """Each record as one object, with what ``extra=`` has given it, and the facts of a request.

    Args:
        line_bytes: What is longer is cut (a request), or goes on in further objects, which have
            the same time and process and say which ``part`` of how many ``parts`` they are.
    """

    def __init__(self, *, line_bytes: float = LINE_BYTES) -> None:
        super().__init__()
        self._line_bytes = line_bytes

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, in ASCII."""
        access = access_of(record)
        head, values = self._values_of(record, access, record.getMessage())
        line = encode_json(head | values)
        if access is not None and len(line) > self._line_bytes:
            access = shorten(access)
            head, values = self._values_of(record, access, str(access))
            line = encode_json(head | values)
        if len(line) <= self._line_bytes:
            return line
        head["logger"] = cut(record.name)
        parts = list(self._split(head, values))
        count = {"parts": len(parts)}
        return "\n".join(
            encode_json({**head, "part": number, **count, **part})
            for number, part in enumerate(parts, start=1)
        )

    def _values_of(
        self, record: logging.LogRecord, access: AccessRecord | None, message: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what tells records apart, and what they say."""
        head: dict[str, Any] = {
            "time": f"{iso_time(int(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
        }
        values: dict[str, Any] = {"message": message}
        if access is not None:
            values |= {
                "client": access.client[0] if access.client else "",
                "method": access.method,
                "target": access.target,
                "http_version": access.http_version,
                "route": access.route,
                "status": access.status,
                "byte_count": access.byte_count,
                "seconds": round(access.seconds, 6),
                "outcome": access.outcome,
                "request_id": access.request_id,
                "user_agent": access.user_agent,
                "referrer": access.referrer,
            }
        elif request_id := getattr(record, "request_id", ""):
            head["request_id"] = cut(str(request_id))
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            values["stack"] = record.stack_info
        for key, value in vars(record).items():
            if key not in KNOWN:
                name = f"{key}_" if key in head or key in values else cut(key)
                values[name] = json_value(value)
        return head, values

    def _split(
        self, head: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield what a record says in parts that are short enough, each beside the head."""
        room = int(self._line_bytes) - len(encode_json(head)) - PART_BYTES
        part: dict[str, Any] = {}
        for key, value in values.items():
            if part and len(encode_json({**part, key: value})) > room:
                yield part
                part = {}
            if len(encode_json({**part, key: value})) <= room:
                part[key] = value
                continue
            text = value if isinstance(value, str) else encode_json(value)
            *whole, last = split_json(text, room - len(encode_json({key: ""})))
            yield from ({key: each} for each in whole)
            part = {key: last}
        yield part


def json_value(value: Any) -> Any:
    """Return what JSON can say of a value."""
    try:
        encode_json(value)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, NaN, a circle
        return repr(value)
    return value


def split_text(text: str, room: float) -> Iterator[str]:
    """Yield parts of a text that are no longer than so many bytes; whole lines, if those are."""
    while len(text) > room or len(text.encode()) > room:
        part = text[: int(room)].encode()[: int(room)].decode(errors="ignore")
        end = part.rfind("\n")
        yield part[:end] if end > 0 else part
        text = text[end + 1 :] if end > 0 else text[len(part) :]
    yield text


def split_json(text: str, room: int) -> Iterator[str]:
    """Yield parts of a text that as JSON are no longer than so many bytes."""
    while text:
        part = text[:room]
        while (length := len(encode_json(part)) - 2) > room:
            part = part[: len(part) * room // length]
        end = part.rfind("\n") + 1
        if end and len(part) < len(text):
            part = part[:end]
        yield part
        text = text[len(part) :]


def access_of(record: logging.LogRecord) -> AccessRecord | None:
    """Return the facts of a request that a record is about."""
    access = getattr(record, "access", None)
    return access if isinstance(access, AccessRecord) else None


def shorten(access: AccessRecord) -> AccessRecord:
    """Return the facts of a request with less of what a client may have written."""
    return access._replace(
        method=cut(access.method),
        target=cut(access.target),
        route=cut(access.route),
        request_id=cut(access.request_id),
        user_agent=cut(access.user_agent),
        referrer=cut(access.referrer),
    )


def cut(text: str) -> str:
    """Return a text, or its beginning and three dots."""
    return text if len(text) <= SHORT_CHARACTERS else f"{text[:SHORT_CHARACTERS]}..."


def escape(match: re.Match[str]) -> str:
    """Return a character as Python writes it in a string."""
    code = ord(match[0])
    return (
        f"\\x{code:02x}"
        if code <= 0xFF
        else f"\\u{code:04x}"
        if code <= 0xFFFF
        else (f"\\U{code:08x}")
    )


@lru_cache(maxsize=4)
def iso_time(second: int) -> str:
    """Return a time in UTC as RFC 3339 has it, without its end."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4)
def common_time(second: int) -> str:
    """Return a time in UTC as other servers' logs have it, in no locale's words."""
    moment = datetime.fromtimestamp(second, UTC)
    return f"{moment.day:02}/{MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"
