"""Writing log records to a descriptor."""

import logging
import os
from typing import Any

import pytest

from hump_trio.command.log_format import TextFormatter
from hump_trio.command.log_writer import LogWriter
from hump_trio.messages.access_record import AccessRecord
from hump_trio.middleware.request_id import RequestIdFilter


@pytest.fixture
def pipe() -> tuple[int, int]:
    """The two ends of a pipe, the reader's first."""
    return os.pipe2(os.O_CLOEXEC)


def log(handler: logging.Handler, *messages: object) -> None:
    """Hand records to a handler."""
    for message in messages:
        handler.handle(logging.makeLogRecord({"msg": message, "levelname": "INFO"}))


def test_records_are_lines(pipe: tuple[int, int]) -> None:
    """One after the other."""
    reader, writer = pipe
    with open(reader) as lines, open(writer):
        log(LogWriter(writer), "tea", "more tea")
        assert [lines.readline(), lines.readline()] == ["tea\n", "more tea\n"]


def test_a_reader_that_has_stopped(pipe: tuple[int, int]) -> None:
    """Is told how many lines were dropped meanwhile."""
    reader, writer = pipe
    with open(reader) as lines, open(writer):
        handler = LogWriter(writer)
        log(handler, *["x" * 1000] * 1000)
        for line in lines:
            if line != "x" * 1000 + "\n":
                break
        handler.close()
        assert line.endswith(" log lines were dropped: nobody read them\n")


def test_a_record_that_is_wrong(pipe: tuple[int, int], capfd: pytest.CaptureFixture[str]) -> None:
    """Is told of where the others are: where it was made, and what is wrong."""
    reader, writer = pipe
    with open(reader) as lines, open(writer):
        handler = LogWriter(writer)
        wrong = {"msg": "%d", "args": ("tea",), "pathname": "shop.py", "lineno": 7}
        handler.handle(logging.makeLogRecord(wrong))
        log(handler, "tea")
        said = [lines.readline()]
        while said[-1] != "tea\n":
            said.append(lines.readline())
    assert said[:2] == [
        "no text can be made of a record of shop.py:7\n",
        "Traceback (most recent call last):\n",
    ]
    assert "TypeError: %d format" in said[-2]
    assert capfd.readouterr().err == ""


def test_a_request_that_needs_a_record(pipe: tuple[int, int]) -> None:
    """Nothing is written of it yet: its line would be too long, or can't be made."""
    reader, writer = pipe
    access = AccessRecord(None, "GET", "/", "1.1", "", 200, 9, 0.5, "ok", "", "", "")
    with open(reader, "rb") as lines, open(writer):
        handler = LogWriter(writer)
        handler.addFilter(RequestIdFilter())
        handler.setFormatter(TextFormatter(line_bytes=200))
        wrong: Any = access._replace(seconds="soon")  # type: ignore[arg-type]
        assert [
            handler.write_request(each)
            for each in (access, access._replace(target="/" * 200), wrong, access)
        ] == [True, False, False, True]
        written = [lines.readline() for _ in range(2)]
    assert [line.partition(b"] ")[2] for line in written] == [
        b'"GET / HTTP/1.1" 200 9 "-" "-" 0.5000 ok "-" "-"\n'
    ] * 2
