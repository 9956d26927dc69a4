"""What the command line does, in this process: its effects, its words, its exit statuses."""

import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from hump_trio import TLS, BindError, Hump
from hump_trio.command import main as main_module
from hump_trio.command.main import main, override
from hump_trio.command.options import parse_options
from tests.command.test_option_table import GROUPS, SAMPLES
from tests.support.loopback import PATIENCE_SECONDS

HELLO = "examples.hello:app"
Make = Callable[[str], str]


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository is the current directory, and no variable of the caller's counts."""
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    for name in [*os.environ]:
        if name.startswith("HUMP_TRIO_"):
            monkeypatch.delenv(name)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a program of an app's lines in a folder of its own, and says how it is called."""
    monkeypatch.chdir(tmp_path)

    def make(lines: str) -> str:
        (tmp_path / "made_app.py").write_text(
            "import pathlib, sys, trio\nfrom hump_trio import HttpException, Hump\n"
            f"app = Hump('127.0.0.1', 0)\n{lines}\n"
        )
        return "made_app"

    return make


def app_with(*arguments: str, **environment: str) -> Hump[Any]:
    """Return an app with some options applied."""
    app = Hump("127.0.0.1", 8342)
    override(app, parse_options([HELLO, *arguments], environment), environment)
    return app


@pytest.mark.parametrize("group", GROUPS)
def test_settings_are_overridden(group: str) -> None:
    """Each by its option, and no other."""
    settings, texts = GROUPS[group]
    prefix = {"timeouts": "timeout-", "limits": "limit-", "sockets": ""}[group]
    for name in texts:
        option = prefix + name.replace("_", "-")
        text, value = SAMPLES[option]
        given = [f"--{option}"] if name == "reuse_port" else [f"--{option}", text]
        assert getattr(app_with(*given), group) == settings(**{name: value})


def test_binds_are_overridden() -> None:
    """By the options; else by the sockets that a service manager has for this process."""
    own = str(os.getpid())
    assert app_with().binds == ("127.0.0.1:8342",)
    assert app_with("--bind", ":1", "--bind", ":2").binds == (":1", ":2")
    assert app_with(LISTEN_PID=own, LISTEN_FDS="1").binds == ("systemd",)
    assert app_with("--bind", ":1", LISTEN_PID=own, LISTEN_FDS="1").binds == (":1",)
    assert app_with(LISTEN_PID="1", LISTEN_FDS="1").binds == ("127.0.0.1:8342",)


def test_tls_is_overridden() -> None:
    """By a certificate, with its key and with those of clients, if they are given."""
    assert app_with("--tls-cert", "a").tls == TLS("a")
    arguments = ("--tls-cert", "a", "--tls-key", "b", "--tls-client-ca", "c")
    expected = TLS("a", "b", client_ca="c", client_certificate="required")
    assert app_with(*arguments).tls == expected


def test_http2_is_overridden() -> None:
    """By its option, either way; without it what the app says holds."""
    assert not app_with("--no-http2").http2
    assert app_with("--http2").http2
    assert app_with().http2 == Hump().http2
    assert not app_with(HUMP_TRIO_NO_HTTP2="1").http2


def test_check_reads_the_certificate(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One that can't be used is one line; one that can is fine."""
    path = tmp_path / "server.pem"
    arguments = [HELLO, "--check", "--tls-cert", str(path)]
    assert main(arguments) == 1
    assert capfd.readouterr().err.startswith(f"hump-trio: cannot use {path} for TLS: ")
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    assert main(arguments) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "out", "error"),
    [
        (["--help"], 0, "usage: hump-trio [options] MODULE[:APP]\n", ""),
        (["-h"], 0, "usage: hump-trio [options] MODULE[:APP]\n", ""),
        (["--version"], 0, f"hump-trio {version('hump-trio')}, Trio ", ""),
        ([HELLO, "--check"], 0, "examples.hello:app is fine: 2 routes\n", ""),
        (["examples.streaming", "--check"], 0, "examples.streaming is fine: ", ""),
        ([HELLO, "--routes"], 0, "GET  /        examples.hello.index\n", ""),
        ([HELLO, "--routes", "--check"], 0, "GET  /        examples.hello.index\n", ""),
        ([], 2, "", "hump-trio: which app?"),
        ([HELLO, "--workers", "x"], 2, "", "hump-trio: --workers: a number of processes, or auto"),
        (["nothing_here", "--check"], 1, "", "hump-trio: there is no module named 'nothing_here'"),
        (["examples/hello.py"], 1, "", "hump-trio: give a module, not a file: examples.hello:app"),
        ([HELLO, "--bind", "unix:/nowhere/a.sock"], 1, "", "hump-trio: cannot listen on unix:/no"),
        ([HELLO, "--pid-file", "/nowhere/a.pid"], 1, "", "hump-trio: cannot write /nowhere/a.pid"),
    ],
)
def test_words_and_statuses(
    arguments: list[str], status: int, out: str, error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What was asked for goes to stdout; what is wrong, in one line, to stderr."""
    assert main(arguments) == status
    said = capfd.readouterr()
    assert said.out.startswith(out)
    assert said.err.startswith(error)
    assert said.err.count("\n") == bool(error)


def test_the_module_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """``python -m hump_trio`` ends with its exit status."""
    monkeypatch.setattr(sys, "argv", ["hump_trio", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("hump_trio", run_name="__main__")
    assert caught.value.code == 0
    assert capfd.readouterr().out.startswith("hump-trio ")


def test_check_sees_one_route(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    """And says so in English."""
    assert main([make("@app.get('/')\nasync def index(): ..."), "--check"]) == 0
    assert capfd.readouterr().out == "made_app is fine: 1 route\n"


@pytest.mark.parametrize("options", [["--check"], []])
def test_a_name_that_is_nowhere(
    options: list[str], make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line with handler, parameter and name, whether it is to be checked or served."""
    assert main([make("@app.get('/')\nasync def index(q: 'Tea'): ..."), *options]) == 1
    said = capfd.readouterr().err
    assert said.startswith("hump-trio: index has a parameter 'q' whose annotation 'Tea' can't be")
    assert "(name 'Tea' is not defined)" in said
    assert said.count("\n") == 1


def test_a_program_that_is_wrong(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    """Its own traceback, then one line; as JSON it is one line altogether."""
    program = make("1 / 0")
    assert main([program]) == 1
    error = capfd.readouterr().err
    assert error.startswith("Traceback (most recent call last):\n  File")
    assert error.endswith("\nhump-trio: made_app can't be imported\n")
    assert main([program, "--log-format", "json"]) == 1
    message = json.loads(capfd.readouterr().err)["message"]
    assert message.startswith("Traceback")
    assert message.endswith("made_app can't be imported")


def test_a_port_in_use(capfd: pytest.CaptureFixture[str]) -> None:
    """One line names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([HELLO, "--bind", f"127.0.0.1:{port}"]) == 1
    error = capfd.readouterr().err
    assert error.startswith(f"hump-trio: cannot listen on 127.0.0.1:{port}: ")
    assert error.count("\n") == 1


SERVING = """
@app.lifespan
async def live(app):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
        yield
        nursery.cancel_scope.cancel()
"""


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("trio.lowlevel.spawn_system_task(stop)", 0, "shutting down"),
        ("raise ValueError('broke')", 1, "the server has crashed"),
        ("raise HttpException(503)", 1, "the server has crashed"),
    ],
)
def test_ends_of_a_server(
    end: str, status: int, said: str, make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    """A graceful one is a success; a crash is logged with its traceback."""
    stop = "async def stop():\n    while not app.addresses: await trio.sleep(0)\n    app.shutdown()"
    program = make(f"{stop}\nasync def end():\n    {end}\n{SERVING}")
    assert main([program]) == status
    error = capfd.readouterr().err
    assert said in error
    assert ("Traceback" in error) == (status == 1)


def test_an_exit_within_the_server(make: Make) -> None:
    """Is the process's, from whatever nursery it comes."""
    program = make(f"async def end():\n    sys.exit(5)\n{SERVING}")
    with pytest.raises(SystemExit) as caught:
        main([program])
    assert caught.value.code == 5


def test_two_addresses_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a group, too, an error that is clear by itself is one line."""

    def fail(serve: Any, options: Any) -> None:
        raise ExceptionGroup("", [BindError("here", "taken"), BindError("there", "taken")])

    monkeypatch.setattr(main_module, "run_watched", fail)
    assert main([HELLO]) == 1
    assert capfd.readouterr().err == "hump-trio: cannot listen on here: taken\n"


def test_ctrl_c_while_it_is_imported(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    """Ends it quietly."""
    assert main([make("raise KeyboardInterrupt")]) == 130
    assert capfd.readouterr().err == ""


def test_what_is_served(
    make: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with our number, a watch for code that blocks, and the arguments of the process."""
    program = make(f"""\
import logging, os, signal, threading
async def end():
    print(pathlib.Path("a.pid").read_text())
    logger, seen = logging.getLogger("hump_trio"), threading.Event()
    logger.addFilter(see := lambda record: seen.set() or True)
    seen.wait({PATIENCE_SECONDS})
    logger.removeFilter(see)
    os.kill(os.getpid(), signal.SIGTERM)
{SERVING}""")
    arguments = [program, "--pid-file", "a.pid", "--warn-blocking", "0.05"]
    monkeypatch.setattr(sys, "argv", ["hump-trio", *arguments])
    assert main() == 0
    said = capfd.readouterr()
    assert said.out == f"{os.getpid()}\n\n"
    assert "keeps all others waiting" in said.err
    assert not (tmp_path / "a.pid").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_factory(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    """Is called, also for what is only asked."""
    program = make("def make():\n    return app")
    assert main(["--factory", f"{program.partition(':')[0]}:make", "--check"]) == 0
    assert "is fine: 0 routes" in capfd.readouterr().out


def test_a_variable_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Is told with the one that may be meant, once: workers don't repeat it."""
    monkeypatch.setenv("HUMP_TRIO_LOGLEVEL", "debug")
    assert main([HELLO, "--check"]) == 0
    text = "WARNING hump_trio: no options of hump-trio: HUMP_TRIO_LOGLEVEL (is HUMP_TRIO_LOG_LEVEL"
    assert text in capfd.readouterr().err


class FakeSupervisor:
    """Stands in for `supervise`; it starts nothing.

    Attributes:
        calls: What it was asked for.
        status: What it returns.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], dict[str, Any]]] = []
        self.status: int = 0

    async def supervise(
        self, command: list[str], *, task_status: trio.TaskStatus[tuple[str, ...]], **options: Any
    ) -> int:
        """Note what was asked for."""
        task_status.started(())
        self.calls.append((command, options))
        return self.status


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> FakeSupervisor:
    """What workers would be started by."""
    fake = FakeSupervisor()
    monkeypatch.setattr(main_module, "supervise", fake.supervise)
    return fake


@pytest.mark.parametrize(
    ("arguments", "workers", "seconds", "folders"),
    [
        (["--workers", "2"], 2, 30, []),
        (["--workers", "3", "--worker-timeout", "5"], 3, 5, []),
        (["--reload"], 1, 30, [Path()]),
        (["--reload", "--reload-dir", "a", "--reload-dir", "b"], 1, 30, [Path("a"), Path("b")]),
    ],
)
def test_processes_of_their_own(
    arguments: list[str], workers: int, seconds: int, folders: list[Path],
    supervisor: FakeSupervisor,
) -> None:  # fmt: skip
    """They are given the same arguments; the app, which isn't there, isn't looked at before."""
    assert main(["nothing_here", *arguments]) == 0
    [(command, options)] = supervisor.calls
    assert command == [sys.executable, "-m", "hump_trio", "nothing_here", *arguments]
    expected = {"workers": workers, "worker_timeout": seconds, "reload": folders, "observers": []}
    assert options == expected


def test_workers_are_told_of_activated_sockets(
    supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which are this process's own, so they can't find out by themselves."""
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    for more in ([], ["--bind", ":80"]):
        assert main([HELLO, "--workers", "2", *more]) == 0
    assert [command[-2:] for command, _ in supervisor.calls] == [
        ["--bind", "systemd"],
        ["--bind", ":80"],
    ]


def test_a_second_signal_ends_the_supervisor(
    supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it ends any process: who waits for it is told so."""
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    before = signal.getsignal(signal.SIGTERM)
    supervisor.status = -signal.SIGTERM
    try:
        main([HELLO, "--workers", "2"])
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
    assert raised == [signal.SIGTERM]


def test_reload_needs_a_library(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without it, one line says how to get it."""
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert main([HELLO, "--reload"]) == 1
    assert capfd.readouterr().err.startswith("hump-trio: --reload needs watchfiles: ")


def test_figures_are_served_beside(
    supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the workers, or of this process; a worker answers its supervisor instead."""
    served: list[tuple[str, ...]] = []
    names: list[str] = []

    async def serve_beside(besides: Any, serve: Any) -> int:
        served.append(tuple(f"{each.app.binds[0]}{each.path}" for each in besides))
        return int(await serve()) if serve.func == supervisor.supervise else 0

    async def serve_as_worker(app: Hump[Any], control: Any, respondent: Any) -> None:
        names.extend(respondent.names)

    monkeypatch.setattr(main_module, "serve_beside", serve_beside)
    monkeypatch.setattr(main_module, "serve_as_worker", serve_as_worker)
    arguments = [HELLO, "--metrics-bind", "127.0.0.1:9100", "--inspect", "localhost:9101"]
    assert main(arguments) == 0
    assert main([*arguments, "--workers", "2"]) == 0
    assert served == [("127.0.0.1:9100/metrics", "localhost:9101/inspect")] * 2
    [(_, options)] = supervisor.calls
    assert len(options["observers"]) == 2
    monkeypatch.setattr(main_module, "take_control", lambda environment: "control")
    assert main([*arguments, "--workers", "2"]) == 0
    assert names == ["metrics", "inspect"]
    names.clear()
    assert main([HELLO, "--workers", "2", "--inspect", "unix:/a", "--inspect-actions"]) == 0
    assert names == ["inspect", "cancel a request", "set the log's level"]


@pytest.mark.parametrize("more", [[], ["--workers", "2"]])
def test_figures_need_a_library(
    more: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without it, one line says how to get it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert main([HELLO, "--metrics-bind", "127.0.0.1:0", *more]) == 1
    assert capfd.readouterr().err.startswith("hump-trio: --metrics-bind needs prometheus_client: ")


def test_a_worker(supervisor: FakeSupervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serves the app, with the options applied, for the supervisor that has started it."""
    served: list[tuple[int, Any]] = []

    async def serve_as_worker(app: Hump[Any], control: Any, respondent: Any) -> None:
        assert respondent.names == []
        served.append((app.limits.head_bytes, control))

    monkeypatch.setattr(main_module, "take_control", lambda environment: "control")
    monkeypatch.setattr(main_module, "serve_as_worker", serve_as_worker)
    assert main([HELLO, "--workers", "2", "--limit-head-bytes", "99"]) == 0
    assert served == [(99, "control")]
    assert supervisor.calls == []
