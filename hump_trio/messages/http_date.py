"""HTTP dates, to the second (RFC 9110 section 5.6.7)."""

import re
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["MONTHS", "encode_http_date", "parse_http_date"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
MONTH = f"(?P<month>{'|'.join(MONTHS)})"
# IMF-fixdate, and the obsolete forms of RFC 850 and asctime().
DATE_FORMS = [
    re.compile(rf"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) {MONTH} (?P<year>[0-9]{{4}}) {TIME} GMT"),
    re.compile(rf"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-{MONTH}-(?P<year>[0-9]{{2}}) {TIME} GMT"),
    re.compile(rf"[A-Z][a-z]{{2}} {MONTH} (?P<day>[0-9 ][0-9]) {TIME} (?P<year>[0-9]{{4}})"),
]


@lru_cache(maxsize=1024)  # files are asked for again and again: 2 µs less for each
def encode_http_date(seconds: int) -> str:
    """Return the HTTP date of a time in seconds since the epoch."""
    moment = datetime.fromtimestamp(seconds, UTC)
    day = f"{DAYS[moment.weekday()]}, {moment.day:02} {MONTHS[moment.month - 1]} {moment.year:04}"
    return f"{day} {moment:%H:%M:%S} GMT"


def parse_http_date(value: str) -> float | None:
    """Return the seconds since the epoch of an HTTP date in any of its three forms; None: no date.

    Source: RFC 9110 section 5.6.7.
    """
    for form in DATE_FORMS:
        found = form.fullmatch(value)
        if found is not None:
            year = int(found["year"])
            if len(found["year"]) == 2:  # POSIX's rule for the century, which needs no clock
                year += 1900 if year >= 69 else 2000
            month = MONTHS.index(found["month"]) + 1
            day, hour, minute, second = map(int, found.group("day", "hour", "minute", "second"))
            try:
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
            except ValueError:
                return None
    return None
