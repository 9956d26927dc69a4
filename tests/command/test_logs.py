"""Logs of the command line, and of those who don't use it."""

import json
import logging
import os
import pty
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from hump_trio import Hump, RequestId
from hump_trio.command.logs import is_coloured, logging_to
from hump_trio.command.options import Options
from hump_trio.testing import client

ACCESS = logging.getLogger("hump_trio.access")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe, the reader's first."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def terminal() -> Iterator[int]:
    """A descriptor of a terminal."""
    ends = pty.openpty()
    yield ends[1]
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(app="a"), ["access", "info", "warning"]),
        (Options(app="a", access_log=False), ["info", "warning"]),
        (Options(app="a", log_level="warning"), ["warning"]),
        (Options(app="a", log_level="debug"), ["access", "debug", "info", "warning"]),
    ],
)
def test_what_is_written(options: Options, words: list[str], pipe: tuple[int, int]) -> None:
    """From a level on, with requests or without; as before, afterwards."""
    reader, writer = pipe
    with logging_to(writer, options, {}):
        ACCESS.info("access")
        for level in ("debug", "info", "warning"):
            logging.getLogger("mine").log(logging.getLevelName(level.upper()), level)
        wanted = ACCESS.isEnabledFor(logging.INFO)
    assert wanted == ("access" in words)
    logging.getLogger("mine").error("not any more")
    lines = os.read(reader, 10000).decode().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == words


def test_as_json(pipe: tuple[int, int]) -> None:
    """Each line is an object."""
    with logging_to(pipe[1], Options(app="a", log_format="json"), {}):
        logging.getLogger("mine").info("said")
    assert json.loads(os.read(pipe[0], 10000))["message"] == "said"


@pytest.mark.parametrize(("more", "parts"), [({}, 1), ({"workers": 2}, 3), ({"reload": True}, 3)])
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_long_record(
    log_format: str, more: dict[str, Any], parts: int, pipe: tuple[int, int]
) -> None:
    """Is whole where no other process writes, else several."""
    with logging_to(pipe[1], Options(app="a", log_format=log_format, **more), {}):
        logging.getLogger("mine").info("x" * 9000)
    assert os.read(pipe[0], 20000).count(b"\n") == parts + (log_format == "text" and parts - 1)


def test_warnings(pipe: tuple[int, int]) -> None:
    """Are records too, which JSON says as JSON; not any more afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = warnings.showwarning
        with logging_to(pipe[1], Options(app="a", log_format="json"), {}):
            warnings.warn("old tea", DeprecationWarning, stacklevel=1)
        assert warnings.showwarning is before
    record = json.loads(os.read(pipe[0], 10000))
    assert record["logger"] == "py.warnings"
    assert "DeprecationWarning: old tea" in record["message"]


async def test_the_request_of_a_record(pipe: tuple[int, int]) -> None:
    """Is named where `RequestId` has done so."""
    app = Hump()
    app.middleware(RequestId())

    @app.get("/")
    async def index() -> str:
        logging.getLogger("mine").info("said", extra={"order": 7})
        return "hello"

    with logging_to(pipe[1], Options(app="a", log_format="json"), {}):
        async with client(app) as http:
            answer = await http.get("/")
    records = [json.loads(line) for line in os.read(pipe[0], 10000).splitlines()]
    [said] = [each for each in records if each["message"] == "said"]
    assert said["request_id"] == answer.headers["x-request-id"]
    assert (said["order"], said["process"]) == (7, os.getpid())


def test_without_stderr(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written: the descriptor may be anything by now, even a client's."""
    monkeypatch.setattr(sys, "stderr", None)
    with logging_to(pipe[1], Options(app="a"), {}):
        logging.getLogger("mine").error("said")
    os.set_blocking(pipe[0], False)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)


def test_colours(terminal: int, pipe: tuple[int, int]) -> None:
    """On a terminal that has them, unless its user wants none; never in a file or a pipe."""
    assert is_coloured(terminal, {"TERM": "xterm"})
    assert not is_coloured(terminal, {"TERM": "dumb"})
    assert not is_coloured(terminal, {"NO_COLOR": "1"})
    assert is_coloured(terminal, {"NO_COLOR": ""})
    assert not is_coloured(pipe[1], {})


def test_libraries_are_quiet() -> None:
    """A program that sets up no logs sees nothing of an app that is well."""
    program = """
import trio
from hump_trio import Hump
from hump_trio.testing import client

app = Hump("127.0.0.1", 0)

@app.get("/")
async def index():
    return "hello"

async def main():
    async with trio.open_nursery() as nursery:
        await nursery.start(app.serve)
        app.shutdown()
    async with client(app) as http:
        await http.get("/")

trio.run(main)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")
