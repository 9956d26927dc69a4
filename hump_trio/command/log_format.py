"""Log records as lines of text for people, or as lines of JSON for programs.

No client can forge a line: text that it has sent is escaped, and further lines of a record are
indented. Where lines are written to is not known here; their greatest length is.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json import JSONEncoder
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from hump_trio.facts.loggers import access_logger
from hump_trio.messages.access_record import AccessRecord
from hump_trio.messages.http_date import MONTHS

__all__ = ["LINE_BYTES", "JsonFormatter", "TextFormatter"]

# Characters that are escaped in a quoted field: all but printable ASCII, and quote and backslash.
UNSAFE = re.compile(r"[^ !#-\[\]-~]")
# Makes a zero of the ASCII character in each such place, and something else of any other.
MARKS = bytes(0 if UNSAFE.match(chr(code)) else 1 for code in range(256))
# Characters that are escaped in other text: those that move a cursor, end a line for any program
# (as `str.splitlines` does), turn the direction of text, or can't be encoded.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# The longest line. If a line were longer than a pipe takes whole (`LineWriter`), lines of several
# workers would mix, and text that a client has sent could begin one.
LINE_BYTES = 4000
# Bytes of a line that are kept for the mark of a record that goes on.
PART_BYTES = 40
# Characters of a text that a shortened line keeps: few enough, though each may take six bytes.
SHORT_CHARACTERS = 100
INDENT = "\n    "
RESET, RED, GREEN, YELLOW, CYAN = (f"\x1b[{code}m" for code in (0, 31, 32, 33, 36))
STATUS_COLOURS: Mapping[int, str] = {2: GREEN, 3: CYAN, 4: YELLOW, 5: RED}
LEVEL_COLOURS: Mapping[str, str] = {"WARNING": YELLOW, "ERROR": RED, "CRITICAL": RED}

# Attributes that `logging` itself gives a record, and those that are written under other names.
KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "access", "asctime", "message", "request_id", "taskName",
}  # fmt: skip

encode_json: Callable[[object], str] = JSONEncoder(default=str, allow_nan=False).encode


class TextFormatter(logging.Formatter):
    """Formats requests as other servers do, in Apache's combined form with four more fields.

    These are the seconds, the outcome, the route and the name of the request. Any other record is
    a time, a process, a level, a logger, a request's name if there is one, and the message.

    Args:
        coloured: Whether to colour statuses and levels, for a terminal.
        line_bytes: The greatest length of a line. A longer line is cut if it is a request's, and
            else continued in a line of its own.
    """

    def __init__(self, *, coloured: bool = False, line_bytes: float = LINE_BYTES) -> None:
        super().__init__()
        self._coloured = coloured
        self._line_bytes = line_bytes

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's text."""
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

    def format_request(self, created: float, access: AccessRecord) -> str | None:
        """Return the text of the record of a request; None if it is too long for a line.

        Args:
            created: When the record was made, in seconds of `time.time`.
            access: What it says.
        """
        line = self._format_access(int(created), access)
        return line if len(line) <= self._line_bytes else None

    def _format_access(self, second: int, access: AccessRecord) -> str:
        # Taken apart at once, which takes half of what twelve looks at its fields would.
        (
            client, method, target, version, route, status, byte_count, seconds, outcome,
            name, agent, referrer, _, _, _,
        ) = access  # fmt: skip
        # What has no minor number (RFC 9113) has one for programs that read such lines.
        minor = "2.0" if version == "2" else version
        line = f"{method} {target} HTTP/{minor}" if method else "-"
        route, name, agent, referrer = route or "-", name or "-", agent or "-", referrer or "-"
        if not is_safe(f"{line}{referrer}{agent}{route}{name}"):
            line, referrer, agent, route, name = (
                UNSAFE.sub(escape, each) for each in (line, referrer, agent, route, name)
            )
        shown = str(status or "-")
        if self._coloured:
            shown = self._paint(shown, STATUS_COLOURS.get(status // 100, ""))
        return (
            f'{client[0] if client else "-"} - - [{common_time(second)}] "{line}" {shown}'
            f' {byte_count} "{referrer}" "{agent}" {seconds:.4f} {outcome} "{route}" "{name}"'
        )

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{RESET}" if self._coloured and colour else text


class JsonFormatter(logging.Formatter):
    """Formats each record as one JSON object, with the values of ``extra=`` and of a request.

    Args:
        line_bytes: The greatest length of a line. A longer line is cut if it is a request's, and
            else continued in further objects, which have the same time and process and say which
            ``part`` of how many ``parts`` they are.
    """

    def __init__(self, *, line_bytes: float = LINE_BYTES) -> None:
        super().__init__()
        self._line_bytes = line_bytes

    def format_request(self, created: float, access: AccessRecord) -> str | None:
        """Return what `format` does for the record of a request, in a third of the instructions.

        Args:
            created: When the record was made, in seconds of `time.time`.
            access: What it says. The record has nothing else of its own.

        Returns:
            The line; None if it is too long for one.
        """
        line = json_request(created, access)
        return line if len(line) <= self._line_bytes else None

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON, in ASCII."""
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
        """Return the values that tell a record from others, and the values that it reports."""
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
            if access.close_code:
                values["close_code"] = access.close_code
                values["received_count"] = access.received_count
                values["sent_count"] = access.sent_count
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
        """Yield the values of a record in parts, each short enough for a line with the head."""
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


def is_safe(text: str) -> bool:
    """Tell whether nothing of a text has to be escaped in a quoted field.

    This is ``not UNSAFE.search(text)``, in a third of the instructions.
    """
    return text.isascii() and 0 not in text.encode().translate(MARKS)


def json_request(created: float, access: AccessRecord) -> str:
    """Return the line of a request as JSON, of whatever length."""
    (
        client, method, target, version, route, status, byte_count, seconds, outcome,
        name, agent, referrer, close_code, received_count, sent_count,
    ) = access  # fmt: skip
    second = int(created)
    process = os.getpid() if logging.logProcesses else None
    begin, end = json_head(second, logging.getLevelName(logging.INFO), process)
    counts = f'"received_count": {received_count}, "sent_count": {sent_count}'
    ended = f', "close_code": {close_code}, {counts}' if close_code else ""
    return (
        f"{begin}{int((created - second) * 1000):03}{end}{quote(str(access))},"
        f' "client": {quote(client[0] if client else "")}, "method": {quote(method)},'
        f' "target": {quote(target)}, "http_version": {quote(version)}, "route": {quote(route)},'
        f' "status": {int.__repr__(status)}, "byte_count": {byte_count},'
        f' "seconds": {round(seconds, 6)!r}, "outcome": {quote(outcome)},'
        f' "request_id": {quote(name)}, "user_agent": {quote(agent)},'
        f' "referrer": {quote(referrer)}{ended}}}'
    )


@lru_cache(maxsize=4)
def json_head(second: int, level: str, process: int | None) -> tuple[str, str]:
    """Return what stands before the milliseconds in the lines of a second, and behind them."""
    values = {"level": level, "logger": access_logger.name, "process": process}
    return f'{{"time": "{iso_time(second)}.', f'Z", {encode_json(values)[1:-1]}, "message": '


def json_value(value: Any) -> Any:
    """Return a value, or its ``repr`` if JSON can't express it."""
    try:
        encode_json(value)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, NaN, a circle
        return repr(value)
    return value


def split_text(text: str, room: float) -> Iterator[str]:
    """Yield parts of a text of at most so many bytes, cut between lines where that is possible."""
    while len(text) > room or len(text.encode()) > room:
        part = text[: int(room)].encode()[: int(room)].decode(errors="ignore")
        end = part.rfind("\n")
        yield part[:end] if end > 0 else part
        text = text[end + 1 :] if end > 0 else text[len(part) :]
    yield text


def split_json(text: str, room: int) -> Iterator[str]:
    """Yield parts of a text that take at most so many bytes as JSON."""
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
    """Return the facts of the request that a record is about; None for any other record."""
    access = getattr(record, "access", None)
    return access if isinstance(access, AccessRecord) else None


def shorten(access: AccessRecord) -> AccessRecord:
    """Return the facts of a request with each text of the client's shortened."""
    return access._replace(
        method=cut(access.method),
        target=cut(access.target),
        route=cut(access.route),
        request_id=cut(access.request_id),
        user_agent=cut(access.user_agent),
        referrer=cut(access.referrer),
    )


def cut(text: str) -> str:
    """Return a text, or its beginning and three dots if it is long."""
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
    """Return a time in UTC in the form of RFC 3339, without fraction and zone."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4)
def common_time(second: int) -> str:
    """Return a time in UTC in the form of other servers' logs, with English months."""
    moment = datetime.fromtimestamp(second, UTC)
    return f"{moment.day:02}/{MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"
