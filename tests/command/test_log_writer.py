"""Writing logs to readers that are slow, stuck, or gone."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hump_trio.command import log_writer
from hump_trio.command.log_writer import LogWriter


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe that holds one page, the reader's first and not blocking."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def log(handler: logging.Handler, *messages: object) -> None:
    """Hand records to a handler."""
    for message in messages:
        handler.handle(logging.makeLogRecord({"msg": message, "levelname": "INFO"}))


def read_all(reader: int) -> str:
    """Return what a pipe holds."""
    data = b""
    while True:
        try:
            part = os.read(reader, 1 << 20)
        except BlockingIOError:
            return data.decode()
        if not part:
            return data.decode()
        data += part


def fill(writer: int) -> None:
    """Put so much into a pipe that nothing more fits."""
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)


def test_lines_are_written_whole(pipe: tuple[int, int], tmp_path: Path) -> None:
    """To a pipe, also what is longer than a page; to a file; and what no encoding has."""
    reader, writer = pipe
    handler = LogWriter(writer)
    log(handler, "tea", "long " * 2000, "\udcff")
    assert read_all(reader) == f"tea\n{'long ' * 2000}\n\\udcff\n"
    with (tmp_path / "log").open("wb") as file:
        log(LogWriter(file.fileno()), "tea")
    assert (tmp_path / "log").read_text() == "tea\n"


def test_a_reader_that_has_stopped(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for once; what is dropped is counted, and told when it reads again."""
    monkeypatch.setattr(log_writer, "PATIENCE_SECONDS", 0.001)
    reader, writer = pipe
    handler = LogWriter(writer)
    fill(writer)
    log(handler, "lost", "lost", "lost")
    assert "lost" not in read_all(reader)
    log(handler, "tea", "more tea")
    assert read_all(reader) == "3 log lines were dropped: nobody read them\ntea\nmore tea\n"


def test_a_line_that_is_cut_ends_all_the_same(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one doesn't stand in it."""
    monkeypatch.setattr(log_writer, "PATIENCE_SECONDS", 0.001)
    reader, writer = pipe
    handler = LogWriter(writer)
    log(handler, "x" * 1_000_000)
    assert set(read_all(reader)) == {"x"}
    log(handler, "tea")
    assert read_all(reader) == "\n1 log lines were dropped: nobody read them\ntea\n"


def test_a_reader_that_has_gone(pipe: tuple[int, int], capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is raised, and nothing is written elsewhere; nor for a descriptor that is closed."""
    reader, writer = pipe
    handler = LogWriter(writer)
    os.close(reader)
    log(handler, "tea", "tea")
    os.close(writer)
    log(handler, "tea")
    assert capfd.readouterr() == ("", "")


def test_a_record_that_is_wrong(pipe: tuple[int, int], capfd: pytest.CaptureFixture[str]) -> None:
    """It is reported as `logging` does, and others are written."""
    reader, writer = pipe
    handler = LogWriter(writer)
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("tea",)}))
    log(handler, "tea")
    assert read_all(reader) == "tea\n"
    assert "Logging error" in capfd.readouterr().err
