"""What a program says that has configured no logging."""

import logging
import os
import subprocess
import sys
import threading
from io import StringIO
from types import SimpleNamespace

import pytest

from hump_trio.facts.loggers import logger
from hump_trio.tasks.console import Console, reachable_url

HELLO = """
import logging, signal, sys, trio
from examples.hello import app

class Stop:
    def started(self, urls):
        print(urls[0])
        signal.raise_signal(signal.SIGTERM)

async def main():
    async with trio.open_nursery() as nursery:
        await nursery.start(app.serve)
        app.shutdown()

async def serve():
    await app.serve(task_status=Stop())

app.host, app.port = "127.0.0.1", 0
"""


@pytest.fixture
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No handler takes what the package logs: pytest has some of its own."""
    monkeypatch.setattr(logger, "hasHandlers", lambda: False)


@pytest.mark.parametrize(
    ("urls", "url"),
    [
        (("http://127.0.0.1:8342",), "http://127.0.0.1:8342"),
        (("http://0.0.0.0:8342", "http://[::]:8342"), "http://127.0.0.1:8342"),
        (("https://[::]:443",), "https://[::1]:443"),
        (("unix:/run/app.sock", "http://[::1]:80"), "http://[::1]:80"),
        (("unix:/run/app.sock",), ""),
        ((), ""),
    ],
)
def test_an_address_that_can_be_opened(urls: tuple[str, ...], url: str) -> None:
    """On this machine; of several the first that a browser takes."""
    assert reachable_url(urls) == url


def run(script: str) -> subprocess.CompletedProcess[str]:
    """Run a program that serves an example until it is told to stop."""
    return subprocess.run(
        [sys.executable, "-c", HELLO + script], capture_output=True, check=True, text=True
    )


def test_a_server_alone_says_where_it_serves() -> None:
    """On stderr, in one line; to a terminal or not."""
    done = run("trio.run(serve)")
    assert done.stderr == f"hump_trio: serving at {done.stdout.strip()} (Ctrl-C stops it)\n"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("trio.run(main)", ""),
        ("logging.basicConfig(level='WARNING')\ntrio.run(serve)", ""),
        ("sys.stderr = None\ntrio.run(serve)", ""),
    ],
    ids=["in a larger program", "where logging is configured", "without a stderr"],
)
def test_nobody_else_does(script: str, text: str) -> None:
    """A program that serves an app beside other things has words of its own."""
    assert run(script).stderr == text


@pytest.mark.usefixtures("unconfigured")
@pytest.mark.parametrize(
    ("urls", "text"),
    [
        (["http://0.0.0.0:80", "http://[::]:80"], "serving at http://127.0.0.1:80 (Ctrl-C"),
        (["unix:/run/app.sock"], "serving at unix:/run/app.sock (Ctrl-C"),
    ],
)
def test_what_is_said(urls: list[str], text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What can be opened; of several the first."""
    Console().greet(urls)
    assert capfd.readouterr().err == f"hump_trio: {text} stops it)\n"


@pytest.mark.usefixtures("unconfigured")
def test_nothing_to_say(capfd: pytest.CaptureFixture[str]) -> None:
    """Of listeners that somebody else has made."""
    Console().greet([])
    assert capfd.readouterr().err == ""


def test_a_report_goes_to_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its level is: somebody has asked for it."""
    monkeypatch.setattr(logger, "level", logging.CRITICAL)
    Console().report("a % b")
    assert caplog.messages == ["a % b"]


@pytest.mark.usefixtures("unconfigured")
def test_a_reader_that_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds nobody up, however much is said; and some of it is there when it reads again.

    Afterwards nothing is written to a descriptor that may be another file's by then.
    """
    others = {*threading.enumerate()}
    reader, writer = os.pipe()
    with open(writer, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        console = Console()
        for _ in range(1000):
            console.report("x" * 1000)
        assert os.read(reader, 2002) == b"x" * 1000 + b"\n" + b"x" * 1000 + b"\n"
        threads = {*threading.enumerate()} - others
        assert [each.name for each in threads] == ["log"]
        console.close()
        assert not any(each.is_alive() for each in threads)
        Console().close()
    os.close(reader)


def refuse(text: str) -> int:
    """Take no text, as a pipe that nobody reads any more."""
    raise BrokenPipeError


def closed_file() -> StringIO:
    """Return a file that is closed."""
    file = StringIO()
    file.close()
    return file


@pytest.mark.usefixtures("unconfigured")
@pytest.mark.parametrize("stderr", [None, SimpleNamespace(write=refuse), closed_file()])
def test_a_stderr_that_nobody_can_write_to(
    stderr: object, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Is left alone."""
    monkeypatch.setattr(sys, "stderr", stderr)
    Console().report("tea")
    monkeypatch.undo()
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("unconfigured")
def test_a_stderr_that_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the text as it is."""
    stderr = StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    Console().report("tea")
    assert stderr.getvalue() == "tea\n"


@pytest.mark.usefixtures("unconfigured")
def test_how_many_lines_were_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told when somebody reads again."""
    reader, writer = os.pipe()
    with open(writer, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        console = Console()
        for _ in range(1000):
            console.report("x" * 1000)
        data = b""
        while b"dropped" not in data:
            data += os.read(reader, 1 << 20)
        console.close()
    os.close(reader)
    last = data.decode().splitlines()[-1]
    count = data.count(b"x" * 1000)
    assert last == f"hump_trio: {1000 - count} lines were dropped: nobody read them"
