"""`hump-trio top`: what an operator sees, and how the terminal is left."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from hump_trio import Hump
from hump_trio.command import top
from hump_trio.command.main import main
from hump_trio.inspection import inspector
from tests.command.programs import COMMAND, ROOT
from tests.support.loopback import PATIENCE_SECONDS, address_of
from tests.support.terminals import Operator, Step, operating
from tests.support.threaded import served_in_thread

# A new picture comes when the state is there, and each second at the latest.
PICTURE = r"\x1b\[H"
ENTERED, LEFT = r"\x1b\[\?1049h", "\x1b[?7h\x1b[?25h\x1b[?1049l"


def app_of(*binds: str) -> Hump:
    """Return an app with a live page, and nothing else."""
    app = Hump(binds=binds or ["127.0.0.1:0"])
    app.include(inspector(app))
    return app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a server with a live page."""
    with served_in_thread(app_of()) as url:
        yield url


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks are quick, and the terminal is one with colours."""
    monkeypatch.setattr(top, "EACH_SECONDS", 0.02)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield
    for each in threading.enumerate():
        if isinstance(each, top.Looker):
            each.join(PATIENCE_SECONDS)


@contextmanager
def at(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a terminal this process's own while the block runs."""
    with (
        open(operator.slave, closefd=False) as keys,
        open(operator.slave, "w", closefd=False) as screen,
    ):
        monkeypatch.setattr(sys, "stdin", keys)
        monkeypatch.setattr(sys, "stdout", screen)
        yield


@contextmanager
def sat_before(monkeypatch: pytest.MonkeyPatch, *steps: Step) -> Iterator[Operator]:
    """Make a terminal this process's own, with somebody before it; its modes have to stay."""
    with operating(*steps) as operator, at(operator, monkeypatch):
        before = operator.modes()
        yield operator
        assert operator.modes() == before
    assert operator.said.endswith(LEFT)


def send(number: int) -> Callable[[], None]:
    """Return what sends a signal to the main thread."""
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    return lambda: signal.pthread_kill(main_thread, number)


@pytest.mark.parametrize("key", ["q", "Q", "xyz\x1b[Aq"])
def test_a_key_ends_it(key: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other is ignored; the terminal is as it was."""
    shown = r"GET /inspect/state"
    with sat_before(monkeypatch, (ENTERED, "x"), (shown, "y"), (shown, key)) as operator:
        assert main(["top", url]) == 0
    address = url.removeprefix("http://")
    assert f"\x1b[1m{address}/inspect (q ends this)\x1b[0m" in operator.said


def test_ctrl_c_ends_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like ``q``: it is how a program of this kind ends."""
    with sat_before(monkeypatch, (PICTURE, send(signal.SIGINT))):
        assert main(["top", url]) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_the_terminal_as_it_was(
    number: int, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is that of the signal, and what handled the signal before does so again."""
    before = signal.getsignal(number)
    with sat_before(monkeypatch, (PICTURE, send(number))), pytest.raises(SystemExit) as caught:
        main(["top", url])
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) == before


def test_a_mistake_leaves_the_terminal_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be it one of this program: nobody has to type blindly."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(top, "watch", fail)
    with sat_before(monkeypatch), pytest.raises(ZeroDivisionError):
        main(["top", url])


def test_a_pause(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Z gives the terminal back meanwhile, and ``fg`` takes it again."""
    seen = []

    def stop(number: int) -> None:
        seen.append((number, operator.modes()))

    monkeypatch.setattr(signal, "raise_signal", stop)
    steps = (PICTURE, send(signal.SIGTSTP)), (f"1049l{ENTERED}[^$]*{PICTURE}", "q")
    with sat_before(monkeypatch, *steps) as operator:
        before = operator.modes()
        assert main(["top", url]) == 0
    assert seen == [(signal.SIGSTOP, before)]


def picture(height: int) -> str:
    """Return a pattern for a whole picture, before the next one begins."""
    line = r"(?:(?!\x1b\[H)[^\n])*"
    return rf"\x1b\[H{line}(?:\n{line}){{{height - 1}}}\x1b\[H"


def test_a_size_counts_from_the_next_picture_on(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller or larger; a terminal that doesn't know its own has 80 columns and 24 lines."""
    steps: list[Step] = [
        (picture(24), lambda: operator.resize(30, 3)),
        (picture(3), lambda: operator.resize(0, 0)),
        (picture(24), "q"),
    ]
    with sat_before(monkeypatch, *steps) as operator:
        assert main(["top", url]) == 0
    small = re.search(picture(3), operator.said)
    assert small is not None
    rows = re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", small[0]).split("\n")
    assert [len(row) for row in rows[:2]] == [30, 30]
    assert rows[2].startswith("… left out: 1 request")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "vt100")])
def test_colours(name: str, value: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who doesn't want them gets a picture without, and no style either."""
    monkeypatch.setenv(name, value)
    with sat_before(monkeypatch, (PICTURE, "q")) as operator:
        assert main(["top", url]) == 0
    assert ("\x1b[1m" in operator.said) == (name == "TERM")


def test_a_dumb_terminal(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can't be drawn on: it is told once, in plain lines."""
    monkeypatch.setenv("TERM", "dumb")
    with operating() as operator, at(operator, monkeypatch):
        assert main(["top", url]) == 0
    assert "1 request in flight" in operator.said
    assert "\x1b" not in operator.said


@pytest.mark.parametrize("pressed", [True, False])
def test_a_terminal_that_goes(pressed: bool, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody any more who could press a key, or see a picture."""
    with operating((PICTURE, lambda: operator.leave())) as operator, at(operator, monkeypatch):
        if not pressed:
            monkeypatch.setattr(sys, "stdin", None)
        assert main(["top", url]) == 0


@pytest.mark.parametrize("keys", [None, os.devnull])
def test_keys_that_are_no_terminal(
    keys: str | None, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None are read, and Ctrl-C is left."""
    steps = (PICTURE, lambda: None), (PICTURE, send(signal.SIGINT))
    with sat_before(monkeypatch, *steps), open(keys or os.devnull) as source:
        monkeypatch.setattr(sys, "stdin", source if keys else None)
        assert main(["top", url]) == 0


def test_what_is_no_terminal_gets_all_of_it_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Plain lines of any length and number, in which no name is obeyed."""
    app = app_of()

    @app.get("/stuck")
    async def stuck() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(wait_long, name=f"\x1b[2J{number}")

    async def wait_long() -> None:
        await trio.sleep_forever()

    with served_in_thread(app) as url, asked(url, "/stuck"):
        assert main(["top", url]) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"{url.removeprefix('http://')}/inspect\n2 requests in flight")
    assert "GET /stuck  HTTP/1.1 127.0.0.1:" in out
    assert (
        len(re.findall(rf"> \\x1b\[2J\d+ at {re.escape(__file__)}:\d+ in .*wait_long", out)) == 30
    )
    assert out.replace("\n", "").isprintable()


@contextmanager
def asked(url: str, path: str) -> Iterator[None]:
    """Ask for a path of a server, and leave the connection open while the block runs."""
    with socket.create_connection(address_of(url)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n".encode())
        yield


@pytest.mark.parametrize(
    ("arguments", "status", "out", "error"),
    [
        (["--help"], 0, "usage: hump-trio top ADDRESS\n", ""),
        ([":9000", "-h"], 0, "usage: hump-trio top ADDRESS\n", ""),
        ([], 2, "", "which server? As in hump-trio top 127.0.0.1:9000 (--help"),
        ([":9000", ":9001"], 2, "", "which server? As in hump-trio top 127.0.0.1:9000 (--help"),
        (["shop"], 2, "", "'shop' is no address of a live page, as are 127.0.0.1:9000, unix:/"),
        (["unix:/no.sock"], 1, "", "unix:/no.sock: No such file or directory"),
    ],
)
def test_words_and_statuses(
    arguments: list[str], status: int, out: str, error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Help goes to stdout; what is wrong, in one line, to stderr."""
    assert main(["top", *arguments]) == status
    said = capfd.readouterr()
    assert said.out.startswith(out)
    assert bool(said.out) == bool(out)
    assert said.err.startswith(f"hump-trio: {error}" if error else "")
    assert said.err.count("\n") == bool(error)


def test_an_output_that_knows_few_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are escaped: whatever there is to show is no mistake of this program."""
    bind = f"unix:{tmp_path / 'café.sock'}"
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", written)
    with served_in_thread(app_of(bind)):
        assert main(["top", bind]) == 0
    written.seek(0)
    assert written.readline().endswith("caf\\xe9.sock\n")


def test_the_help_fits_a_terminal() -> None:
    """Of 80 columns."""
    assert max(map(len, top.USAGE.splitlines())) <= 80


def test_nobody_else_loads_it() -> None:
    """Neither its modules nor the library's client are loaded by the command that serves."""
    program = "import sys, hump_trio.command.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "hump_trio.command.main" in loaded
    assert not [name for name in loaded if "command.top" in name or name == "http.client"]


def test_a_server_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last picture stays, with a line about that; keys are heard all the same."""
    monkeypatch.setattr(top, "LATE_SECONDS", 0.1)
    released = threading.Event()
    app = app_of()

    @app.get("/block")
    async def block() -> None:
        released.wait(PATIENCE_SECONDS)

    stack = ExitStack()
    with served_in_thread(app) as url, stack:
        steps: list[Step] = [
            (r"\d GET|GET /inspect/state", lambda: stack.enter_context(asked(url, "/block"))),
            (r"\[1;31mno answer; what follows is \d[^\n]* old: ", released.set),
            (r"\x1b\[H\x1b\[K\x1b\[1m", released.clear),
            (PICTURE, lambda: stack.enter_context(asked(url, "/block"))),
            (r"no answer; what follows is [^$]*GET /inspect/state", "q"),
        ]
        with sat_before(monkeypatch, *steps):
            assert main(["top", url]) == 0
        assert [each for each in threading.enumerate() if isinstance(each, top.Looker)]
        released.set()


def test_a_server_that_is_killed_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile the last picture is shown, with what happened and since when."""
    bind = f"unix:{tmp_path / 'shop.sock'}"

    def start() -> None:
        command = [*COMMAND, "tests.command.inspected_app:app", "--bind", bind]
        server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        servers.append(server)
        assert server.stderr is not None
        while "serving at" not in server.stderr.readline():
            assert server.poll() is None

    servers: list[subprocess.Popen[str]] = []
    start()
    steps: list[Step] = [
        (r"GET /inspect/state", lambda: servers[0].kill()),
        (r"\[1;31mConnection refused; what follows is \d[^$]*GET /inspect/state", start),
        (r"\x1b\[H\x1b\[K\x1b\[1m[^$]*GET /inspect/state", "q"),
    ]
    try:
        with sat_before(monkeypatch, *steps):
            assert main(["top", bind]) == 0
    finally:
        for server in servers:
            server.kill()
            server.communicate()


# It makes the terminal the one that its session's keys are signals of, and becomes a program.
SITTER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@contextmanager
def started_before(operator: Operator, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command on a terminal of its own."""
    command = [sys.executable, "-c", SITTER, *COMMAND[1:], "top", url]
    slave = operator.slave
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("action", "status"), [("q", 0), ("\x03", 0), ("\x03\x03", 0), (signal.SIGTERM, 143)]
)
def test_a_process_on_a_real_terminal(action: str | int, status: int, url: str) -> None:
    """It ends by a key, by Ctrl-C or SIGTERM, writes nothing else, and all is as before."""

    def act() -> None:
        process.send_signal(int(action))

    step = action if isinstance(action, str) else act
    with operating(("GET /inspect/state", step)) as operator:
        before = operator.modes()
        with started_before(operator, url) as process:
            assert process.wait(PATIENCE_SECONDS) == status
        assert operator.modes() == before
    assert operator.said.endswith(LEFT)


def test_a_process_pauses_on_a_real_terminal(url: str) -> None:
    """By Ctrl-Z, and goes on when it is told to."""
    stopped: list[tuple[bool, list[Any]]] = []

    def look() -> None:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        stopped.append((os.WIFSTOPPED(status), operator.modes()))
        process.send_signal(signal.SIGCONT)

    steps: list[Step] = [
        ("GET /inspect/state", "\x1a"),
        (re.escape(LEFT), look),
        (f"{ENTERED}[^$]*GET /inspect/state", "q"),
    ]
    with operating(*steps) as operator:
        before = operator.modes()
        with started_before(operator, url) as process:
            assert process.wait(PATIENCE_SECONDS) == 0
        assert operator.modes() == before
    assert stopped == [(True, before)]
