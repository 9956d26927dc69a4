"""Log records as lines of text for people, or as lines of JSON for programs.

No request can forge a line: what it has sent is escaped, and what follows the first line of a
record is indented. Where lines are written to is not known here.
"""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json import JSONEncoder
from typing import Any

from hump_trio.access_log import AccessRecord
from hump_trio.http_date import MONTHS

__all__ = ["JsonFormatter", "TextFormatter"]

# In a quoted field: all but printable ASCII without quote and backslash.
UNSAFE = re.compile(r"[^ !#-\[\]-~]")
# In other text: what moves a cursor, ends a line for anyone (as `str.splitlines` does), turns the
# direction of what follows, or can't be encoded.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Longer than what a pipe takes whole (`LogWriter`), lines of several workers would mix: what a
# client has written could begin one.
LINE_CHARACTERS = 4000
# What is left of a text in such a line: little enough, though each character may take six.
SHORT_CHARACTERS = 100
RESET, RED, GREEN, YELLOW, CYAN = (f"\x1b[{code}m" for code in (0, 31, 32, 33, 36))
STATUS_COLOURS: Mapping[int, str] = {2: GREEN, 3: CYAN, 4: YELLOW, 5: RED}
LEVEL_COLOURS: Mapping[str, str] = {"WARNING": YELLOW, "ERROR": RED, "CRITICAL": RED}

encode_json: Callable[[object], str] = JSONEncoder(default=str).encode


class TextFormatter(logging.Formatter):
    """Requests as other servers write them (Apache's combined form) with four fields more.

    Those are the seconds, the outcome, the route and the name of the request. All other records
    are a time, a level, a logger and the message.

    Args:
        coloured: Whether for a terminal.
    """

    def __init__(self, *, coloured: bool = False) -> None:
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        access = access_of(record)
        if access is not None:
            line = self._format_access(int(record.created), access)
            if len(line) > LINE_CHARACTERS:
                line = self._format_access(int(record.created), shorten(access))
            return line
        level = self._paint(record.levelname, LEVEL_COLOURS.get(record.levelname, ""))
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            text = f"{text}\n{record.stack_info}"
        text = CONTROLS.sub(escape, text).replace("\n", "\n    ")
        return f"{iso_time(int(record.created))}Z {level} {record.name}: {text}"

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
    """Each record as one object; the facts of a request stand in it beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, in ASCII."""
        access = access_of(record)
        line = self._format(record, access, record.getMessage())
        if access is not None and len(line) > LINE_CHARACTERS:
            access = shorten(access)
            line = self._format(record, access, str(access))
        return line

    def _format(self, record: logging.LogRecord, access: AccessRecord | None, message: str) -> str:
        values: dict[str, Any] = {
            "time": f"{iso_time(int(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
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
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            values["stack"] = record.stack_info
        return encode_json(values)


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
