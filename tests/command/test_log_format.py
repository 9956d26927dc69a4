"""Lines of logs: what they say, and that nobody forges one."""

import json
import logging
import math
import os
import re
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.command.log_format import UNSAFE, JsonFormatter, TextFormatter, is_safe
from hump_trio.messages.access_record import AccessRecord
from hump_trio.tasks.line_writer import PIPE_BYTES

WHEN = 1795341600.25  # 2026-11-22T10:00:00.25Z
ACCESS = AccessRecord(
    ("127.0.0.1", 50000), "GET", "/tea?x=1", "1.1", "/tea", 200, 151, 0.0004, "ok", "id-1",
    "curl/8", "http://here/",
)  # fmt: skip
NOBODY = AccessRecord(None, "", "", "", "", 0, 0, 1.5, "stalled", "", "", "")
LINE = re.compile(
    r'(?P<client>\S+) - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(?P<line>[^"]*)"'
    r' (?P<status>\d{3}|-) \d+ "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)" \d+\.\d{4} [a-z-]+'
    r' "(?P<route>[^"]*)" "(?P<name>[^"]*)"',
    re.ASCII,
)


def record_of(message: str, *args: Any, **more: Any) -> logging.LogRecord:
    """Return a record of a fixed moment."""
    values = {
        "name": "tea",
        "msg": message,
        "args": args,
        "levelname": "INFO",
        "levelno": 20,
        "process": 7,
    }
    return logging.makeLogRecord({**values, "created": WHEN, "msecs": 250.0, "process": 7, **more})


def raised() -> Any:
    """Return what `logging` takes of an exception."""
    try:
        raise LookupError("no tea\nleft")
    except LookupError:
        return sys.exc_info()


@pytest.mark.parametrize(
    ("access", "line"),
    [
        (
            ACCESS,
            '127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /tea?x=1 HTTP/1.1" 200 151'
            ' "http://here/" "curl/8" 0.0004 ok "/tea" "id-1"',
        ),
        (
            ACCESS._replace(http_version="2"),
            '127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /tea?x=1 HTTP/2.0" 200 151'
            ' "http://here/" "curl/8" 0.0004 ok "/tea" "id-1"',
        ),
        (
            NOBODY,
            '- - - [22/Nov/2026:10:00:00 +0000] "-" - 0 "-" "-" 1.5000 stalled "-" "-"',
        ),
        (
            ACCESS._replace(user_agent='a"b\\c\té', route="/tée", request_id="\u2028\U0001f375"),
            '127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /tea?x=1 HTTP/1.1" 200 151'
            ' "http://here/" "a\\x22b\\x5cc\\x09\\xe9" 0.0004 ok "/t\\xe9e" "\\u2028\\U0001f375"',
        ),
    ],
)
def test_a_request_as_text(access: AccessRecord, line: str) -> None:
    """In the combined form with four fields more; a dash stands for what there isn't."""
    assert TextFormatter().format(record_of("not shown", access=access)) == line


def test_other_records_as_text() -> None:
    """Time, level, logger and message; further lines and tracebacks are indented."""
    format_text = TextFormatter().format
    assert format_text(record_of("%d teas", 2)) == "2026-11-22T10:00:00Z 7 INFO tea: 2 teas"
    lines = format_text(record_of("a\nb", exc_info=raised(), stack_info="the stack")).splitlines()
    assert lines[:3] == [
        "2026-11-22T10:00:00Z 7 INFO tea: a",
        "    b",
        "    Traceback (most recent call last):",
    ]
    assert lines[-3:] == ["    LookupError: no tea", "    left", "    the stack"]


@pytest.mark.parametrize(
    ("status", "shown"),
    [(204, "\x1b[32m204\x1b[0m"), (301, "\x1b[36m301\x1b[0m"), (404, "\x1b[33m404\x1b[0m"),
     (500, "\x1b[31m500\x1b[0m"), (0, "-")],
)  # fmt: skip
def test_colours_of_a_status(status: int, shown: str) -> None:
    """On a terminal one sees at a glance what went wrong."""
    line = TextFormatter(coloured=True).format(record_of("", access=ACCESS._replace(status=status)))
    assert f'HTTP/1.1" {shown} 151' in line


def test_colours_of_a_level() -> None:
    """Warnings and errors stand out, what is as it should be doesn't."""
    for level, shown in [("INFO", "INFO"), ("ERROR", "\x1b[31mERROR\x1b[0m")]:
        line = TextFormatter(coloured=True).format(record_of("x", levelname=level))
        assert line == f"2026-11-22T10:00:00Z 7 {shown} tea: x"


def test_a_request_as_json() -> None:
    """Its facts stand flat beside the message."""
    assert json.loads(JsonFormatter().format(record_of("the line", access=ACCESS))) == {
        "time": "2026-11-22T10:00:00.250Z",
        "level": "INFO",
        "logger": "tea",
        "process": 7,
        "message": "the line",
        "client": "127.0.0.1",
        "method": "GET",
        "target": "/tea?x=1",
        "http_version": "1.1",
        "route": "/tea",
        "status": 200,
        "byte_count": 151,
        "seconds": 0.0004,
        "outcome": "ok",
        "request_id": "id-1",
        "user_agent": "curl/8",
        "referrer": "http://here/",
    }
    assert json.loads(JsonFormatter().format(record_of("", access=NOBODY)))["client"] == ""


def test_a_websocket_as_json() -> None:
    """It has the code that has ended it, and how much went both ways; no other request has."""
    access = ACCESS._replace(status=101, close_code=1006, received_count=3)
    values = json.loads(JsonFormatter().format(record_of("the line", access=access)))
    plain = json.loads(JsonFormatter().format(record_of("the line", access=ACCESS)))
    added = {key: value for key, value in values.items() if key not in plain}
    assert added == {"close_code": 1006, "received_count": 3, "sent_count": 0}


@pytest.mark.parametrize("formatter", [TextFormatter(coloured=True), JsonFormatter()])
@pytest.mark.parametrize("text", ['"' * 9000, "a" * 9000, "\xff" * 9000])
def test_a_line_is_never_longer_than_a_pipe_takes_whole(
    formatter: logging.Formatter, text: str
) -> None:
    """Else those of several workers mix, and what a client has sent begins one."""
    target = text.replace("\xff", "\\")
    access = ACCESS._replace(
        method=target, target=target, user_agent=text, referrer=text, route=text, request_id=text
    )
    record = record_of("", access=access, msg=access)
    line = formatter.format(record)
    assert len(line.encode()) < PIPE_BYTES
    assert "..." in line
    whole = access._replace(user_agent="a" * 1000)
    assert "a" * 100 + "..." in formatter.format(record_of("", access=whole, msg=whole))


def test_a_long_line_is_whole_while_it_may_be() -> None:
    """The texts are shortened in no other."""
    access = ACCESS._replace(user_agent="a" * 3000)
    assert "a" * 3000 in TextFormatter().format(record_of("", access=access))
    assert "a" * 3000 in JsonFormatter().format(record_of("", access=access))


def test_other_records_as_json() -> None:
    """A traceback is a text of its own; what only looks like a request's facts isn't taken."""
    record = record_of("%s", "x", exc_info=raised(), stack_info="the stack", access="mine")
    values = json.loads(JsonFormatter().format(record))
    assert list(values) == ["time", "level", "logger", "process", "message", "exception", "stack"]
    assert values["exception"].endswith("LookupError: no tea\nleft")
    assert values["stack"] == "the stack"


def test_what_a_program_adds() -> None:
    """By ``extra=``, whatever it is; a name that is taken gets a bar at its end."""
    circle: list[Any] = []
    circle.append(circle)
    record = record_of(
        "paid", order=7, who={"name": "Ann"}, when=Path("x"), level="gold", nan=float("nan"),
        keys={(1, 2): 3}, circle=circle, request_id="id-1",
    )  # fmt: skip
    values = json.loads(JsonFormatter().format(record), parse_constant=pytest.fail)
    assert values == {
        "time": "2026-11-22T10:00:00.250Z", "level": "INFO", "logger": "tea", "process": 7,
        "request_id": "id-1", "message": "paid", "order": 7, "who": {"name": "Ann"},
        "when": "x", "level_": "gold", "nan": "nan", "keys": "{(1, 2): 3}", "circle": "[[...]]",
    }  # fmt: skip


def test_the_request_of_a_record_as_text() -> None:
    """Stands after the logger."""
    line = TextFormatter().format(record_of("paid", request_id="id-1"))
    assert line == "2026-11-22T10:00:00Z 7 INFO tea [id-1]: paid"


@given(st.text(st.sampled_from("a\n\xff\u20ac\U0001f375")), st.integers(1, 3000), st.integers(0, 2))
def test_a_long_record_as_text(text: str, count: int, spaces: int) -> None:
    """Goes on in lines of its own, each with its indented ones, whole and short enough."""
    message = f"{' ' * spaces}{text}" * count
    whole = TextFormatter(line_bytes=math.inf).format(record_of(message, name="\n" * 5000))
    parts = re.split(r"\n(?! )", TextFormatter().format(record_of(message, name="\n" * 5000)))
    head = whole.partition(": ")[0]
    assert len(head) < 500
    assert all(len(each.encode()) < PIPE_BYTES for each in parts)
    assert parts[0].startswith(f"{head}: ")
    assert all(each.startswith(f"{head} (continued)\n    ") for each in parts[1:])
    joined = "".join([parts[0], *(each.partition(" (continued)")[2] for each in parts[1:])])
    assert "".join(joined.split()) == "".join(whole.split())


@given(
    st.text(st.sampled_from('a\n"\xff\U0001f375'), min_size=1),
    st.integers(1, 3000),
    st.lists(st.integers(0, 3900), max_size=4),
)
def test_a_long_record_as_json(text: str, count: int, lengths: list[int]) -> None:
    """Goes on in objects of its own, which together say all."""
    extra: dict[str, Any] = {f"x{number}": "x" * length for number, length in enumerate(lengths)}
    extra |= {"numbers": [1] * count, "empty": "", "\xff" * 5000: 1}
    record = record_of(text * count, exc_info=raised(), name="\xff" * 5000, **extra)
    lines = JsonFormatter().format(record).split("\n")
    assert all(len(each) < PIPE_BYTES for each in lines)
    [whole] = JsonFormatter(line_bytes=math.inf).format(record).split("\n")
    wanted, joined = json.loads(whole), dict[str, Any]()
    head = ["time", "level", "logger", "process"]
    for number, line in enumerate(lines, start=1):
        values = json.loads(line)
        if "parts" in values:
            assert (values.pop("part"), values.pop("parts")) == (number, len(lines))
        for key in values:
            again = key in joined and key not in head
            joined[key] = joined[key] + values[key] if again else values[key]
    if isinstance(joined["numbers"], str):
        joined["numbers"] = json.loads(joined["numbers"])
    assert joined.pop("logger") in (wanted["logger"], "\xff" * 100 + "...")
    assert joined == {key: value for key, value in wanted.items() if key != "logger"}


@given(st.tuples(*[st.text()] * 7))
def test_no_request_forges_a_line(texts: tuple[str, ...]) -> None:
    """Whatever it is made of: one line, plain characters, the fields where they belong."""
    method, target, version, route, name, agent, referrer = texts
    access = ACCESS._replace(
        method=f"G{method}", target=target, http_version=version, route=route, request_id=name,
        user_agent=agent, referrer=referrer,
    )  # fmt: skip
    for coloured in (False, True):
        line = TextFormatter(coloured=coloured).format(record_of("", access=access))
        plain = re.sub(r"\x1b\[(32|0)m", "", line) if coloured else line
        assert LINE.fullmatch(plain), line
    line = JsonFormatter().format(record_of("", access=access))
    assert re.fullmatch(r"[ -~\x7f]+", line)
    assert json.loads(line)["user_agent"] == agent.encode("utf-16", "surrogatepass").decode(
        "utf-16", "surrogatepass"
    )


@given(st.text())
def test_no_message_forges_a_line(text: str) -> None:
    """A program may log what it was sent: further lines are indented, all else escaped."""
    line = TextFormatter().format(record_of("said: %s", text))
    first, *others = line.splitlines()
    assert first.startswith("2026-11-22T10:00:00Z 7 INFO tea: said: ")
    assert all(other.startswith("    ") for other in others)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", line)
    line.encode()
    assert re.fullmatch(r"[ -~\x7f]+", JsonFormatter().format(record_of("said: %s", text)))


@given(
    st.builds(
        AccessRecord,
        client=st.none() | st.tuples(st.sampled_from(["::1", "127.0.0.1", ""]), st.integers(0)),
        outcome=st.sampled_from(["ok", "client-gone"]),
        status=st.sampled_from([0, 200, HTTPStatus.NOT_FOUND]),
        http_version=st.sampled_from(["", "1.1", "2"]),
        seconds=st.floats(0, 1e9) | st.sampled_from([0.0001, 0.00005, 0.123456789]),
        close_code=st.integers(0, 2),
    ),
    st.integers(0, 2000),
    st.sampled_from([math.inf, 4000, 200]),
)
def test_the_line_of_a_request_without_a_record(
    access: AccessRecord, milliseconds: int, line_bytes: float
) -> None:
    """It is that of its record, in every form; none where that would be too long."""
    created = 1795341600 + milliseconds / 1000 + 1e-6
    record = record_of(
        "%s", access, access=access, name="hump_trio.access", process=os.getpid(),
        created=created, msecs=float(milliseconds % 1000), request_id=access.request_id,
    )  # fmt: skip
    for formatter in (
        TextFormatter(line_bytes=line_bytes),
        TextFormatter(coloured=True, line_bytes=line_bytes),
        JsonFormatter(line_bytes=line_bytes),
    ):
        line = formatter.format_request(created, access)
        assert line == formatter.format(record) or line is None
        whole = type(formatter)(line_bytes=math.inf).format(record)
        coloured = isinstance(formatter, TextFormatter) and "\x1b" in formatter.format(record)
        assert coloured or (line is None) == (len(whole) > line_bytes)


@given(st.text())
def test_what_is_escaped_is_found(text: str) -> None:
    """By a look that takes less time than the one that escapes."""
    assert is_safe(text) == (UNSAFE.search(text) is None)
    assert [code for code in range(256) if is_safe(chr(code))] == [
        code for code in range(256) if not UNSAFE.search(chr(code))
    ]


def test_json_says_what_logging_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A level's other name, and no process where that isn't wanted, with a record or without."""
    monkeypatch.setattr(logging, "logProcesses", False)
    monkeypatch.setitem(logging._levelToName, logging.INFO, "said")
    line = JsonFormatter().format_request(WHEN, ACCESS)
    record = logging.LogRecord("hump_trio.access", logging.INFO, "", 0, ACCESS, (), None)
    vars(record).update(created=WHEN, msecs=250.0, access=ACCESS)
    assert line == JsonFormatter().format(record)
    assert '"level": "said", "logger": "hump_trio.access", "process": null' in line
