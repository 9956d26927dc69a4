"""Lines of requests that are written without a log record: nobody can tell."""

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hump_trio.command.log_format import TextFormatter
from hump_trio.command.log_writer import LogWriter
from hump_trio.command.logs import logging_to
from hump_trio.command.options import Options
from hump_trio.facts.loggers import access_logger
from hump_trio.facts.loggers import logger as outer_logger
from hump_trio.messages.request import build_request
from hump_trio.messages.target import RequestLine
from hump_trio.server.access_log import RequestHandler, access_of, log_access

Records = list[logging.LogRecord]
Change = Callable[[pytest.MonkeyPatch, Records], None]


@pytest.fixture
def pipe() -> Iterator[int]:
    """The reader's end of a pipe, to which a handler of the root writes."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with logging_to(writer, Options(app="a"), {}):
        yield reader
    os.close(reader)
    os.close(writer)


def leave_alone(patch: pytest.MonkeyPatch) -> None:
    """Leave that handler alone at the root, without those by which pytest catches records."""
    patch.setattr(logging.root, "handlers", [own_handler()])


class Noting(logging.Handler):
    """A handler that keeps what it gets, and may stand for a filter."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self._records.append(record)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep it, and let it pass."""
        self._records.append(record)
        return True


def log(target: str = "/") -> None:
    """Log a request."""
    line = RequestLine("GET", target, target, target, "", None, "1.1")
    request = build_request(line, "", [], ("::1", 7))
    request.route = ""
    log_access(access_of(request, 200, outcome="ok", byte_count=9, seconds=0.5))


def lines_of(reader: int) -> list[str]:
    """Return what was written meanwhile."""
    try:
        return os.read(reader, 100_000).decode().splitlines()
    except BlockingIOError:
        return []


def own_handler() -> Any:
    """Return the root's handler that writes lines."""
    [handler] = [each for each in logging.root.handlers if isinstance(each, LogWriter)]
    return handler


def test_a_line_is_written(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the root's only handler, without a record."""
    leave_alone(monkeypatch)
    monkeypatch.delattr(logging.LogRecord, "__init__")
    log("/tea")
    [line] = lines_of(pipe)
    assert line.startswith("::1 - - [")
    assert line.endswith('] "GET /tea HTTP/1.1" 200 9 "-" "-" 0.5000 ok "-" "-"')


def handler_of(logger: logging.Logger) -> Change:
    """Return a change that gives a logger a handler."""
    return lambda patch, records: patch.setattr(
        logger, "handlers", [*logger.handlers, Noting(records)]
    )


def filter_of(filterer: Callable[[], Any]) -> Change:
    """Return a change that gives a logger or a handler a filter."""
    return lambda patch, records: patch.setattr(
        filterer(), "filters", [*filterer().filters, Noting(records)]
    )


def make_records(patch: pytest.MonkeyPatch, records: Records) -> None:
    """Have records made by a factory."""

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        records.append(logging.LogRecord(*args, **kwargs))
        return records[-1]

    patch.setattr(logging, "_logRecordFactory", make)


def patch_logger(name: str) -> Change:
    """Return a change that looks into the class of loggers, as monitors do."""

    def change(patch: pytest.MonkeyPatch, records: Records) -> None:
        plain = getattr(logging.Logger, name)

        def note(*args: Any, **kwargs: Any) -> Any:
            result = plain(*args, **kwargs)
            records.append(result if name == "makeRecord" else args[1])
            return result

        patch.setattr(logging.Logger, name, note)

    return change


def format_apart(patch: pytest.MonkeyPatch, records: Records) -> None:
    """Set a formatter that changes the usual one."""

    class Formatter(TextFormatter):
        def format(self, record: logging.LogRecord) -> str:
            records.append(record)
            return super().format(record)

    own_handler().setFormatter(Formatter())


def subclass(patch: pytest.MonkeyPatch, records: Records) -> None:
    """Let the handler be of a class that changes the usual one."""

    class Handler(type(own_handler())):  # type: ignore[misc]
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)
            super().emit(record)

    own_handler().__class__ = Handler


def put_another_between(patch: pytest.MonkeyPatch, records: Records) -> None:
    """Give the logger another parent, which has a handler and hands on to the root."""
    parent = logging.Logger("between")
    parent.parent = logging.root
    parent.addHandler(Noting(records))
    patch.setattr(access_logger, "parent", parent)


def put_another_above(patch: pytest.MonkeyPatch, records: Records) -> None:
    """Give the logger's parent another parent."""
    put_another_between(patch, records)
    patch.setattr(outer_logger, "parent", access_logger.parent)
    patch.setattr(access_logger, "parent", outer_logger)


@pytest.mark.parametrize(
    "change",
    [
        handler_of(access_logger), handler_of(outer_logger), handler_of(logging.root),
        filter_of(lambda: access_logger), filter_of(own_handler), make_records,
        patch_logger("makeRecord"), patch_logger("handle"), patch_logger("filter"),
        patch_logger("callHandlers"), format_apart, subclass, put_another_between,
        put_another_above,
    ],
)  # fmt: skip
def test_who_wants_to_see_a_record_sees_it(
    change: Change, pipe: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the next request on; the line is the same, and written once."""
    leave_alone(monkeypatch)
    records: Records = []
    log("/tea")
    change(monkeypatch, records)
    log("/tea")
    first, second = [line.partition("]")[2] for line in lines_of(pipe)]
    assert first == second
    assert {record.name for record in records} == {"hump_trio.access"}
    assert {vars(record)["access"].target for record in records} == {"/tea"}


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda patch: patch.setattr(access_logger, "disabled", True), False),
        (lambda patch: patch.setattr(access_logger, "propagate", False), False),
        (lambda patch: patch.setattr(outer_logger, "propagate", False), False),
        (lambda patch: patch.setattr(outer_logger, "disabled", True), True),
        (lambda patch: patch.setattr(own_handler(), "level", logging.INFO), True),
        (lambda patch: patch.setattr(own_handler(), "level", logging.WARNING), False),
        (lambda patch: own_handler().filters.clear(), True),
        (lambda patch: own_handler().addFilter(lambda record: False), False),
        (lambda patch: access_logger.setLevel(logging.ERROR), True),  # asked when a server starts
    ],
)
def test_what_silences_a_logger_silences_lines(
    change: Callable[[pytest.MonkeyPatch], None],
    seen: bool,
    pipe: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the next request on, as far as it silences records."""
    leave_alone(monkeypatch)
    change(monkeypatch)
    log()
    assert len(lines_of(pipe)) == seen
    assert capsys.readouterr().err == ""


def test_what_a_handler_does_not_write_is_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so of each line."""
    records: Records = []

    class Handler(RequestHandler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    monkeypatch.setattr(logging.root, "handlers", [Handler()])
    log("/tea")
    assert [record.getMessage() for record in records] == ['::1:7 "GET /tea" 200 9 0.5000 ok']
