"""A real PostgreSQL and a real Redis for tests, by the programs of the machine.

Each listens at a Unix socket in a folder of its own, which is removed afterwards: no port is taken.
"""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.loopback import PATIENCE_SECONDS

LOOK_SECONDS = 0.01  # between two looks at a log
# Nothing of a test has to outlive the machine.
POSTGRES = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=")
REDIS = ("--port", "0", "--save", "", "--daemonize", "no")


class Program:
    """A program that runs until it is stopped, and writes its log into a folder.

    Args:
        folder: Where it works, and where its socket is.
        command: What starts it.
        ready: What is in its log as soon as it can be connected to.
        options: More for `subprocess.Popen`.
    """

    def __init__(self, folder: Path, command: list[str], ready: str, **options: Any) -> None:
        self.folder = folder
        self._command = command
        self._ready = ready
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the process, which runs."""
        assert self._process is not None
        return self._process.pid

    def read_log(self) -> str:
        """Return what it has written since its latest start."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it, and wait until it can be connected to."""
        log = self.folder / "log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self._options,
            )
        for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
            if self._ready in self.read_log():
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_SECONDS)
                break
        self.stop()
        raise AssertionError(f"{self._command[0]} can't be connected to: {self.read_log()}")

    def stop(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End it by a signal, if it runs; returns the exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


@contextmanager
def postgres() -> Iterator[Program]:
    """Run PostgreSQL, which no password guards. It refuses root, for whom it is nobody's.

    Its folder is what psycopg knows as `host`, and its user is called postgres. SIGQUIT ends it and
    all processes of its own at once, as a crash does.
    """
    owner: dict[str, Any] = {}
    with TemporaryDirectory(prefix="postgres-") as name:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(name, nobody.pw_uid, nobody.pw_gid)
            owner = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data = f"{name}/data"
        initdb = ["initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]
        made = subprocess.run(
            [*initdb, "--locale=C", f"--pgdata={data}"],
            cwd=name,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            **owner,
        )
        assert made.returncode == 0, made.stderr
        command = ["postgres", "-D", data, "-k", name]
        for setting in POSTGRES:
            command += ["-c", setting]
        server = Program(Path(name), command, "ready to accept connections", **owner)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def create_database(folder: Path, name: str) -> str:
    """Make an empty database, and return what psycopg connects to it by.

    Args:
        folder: Of the server's socket.
        name: Of the database.
    """
    command = ["createdb", f"--host={folder}", "--username=postgres", name]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS)
    return f"host={folder} user=postgres dbname={name}"


class Redis(Program):
    """A Redis with nothing in it, which can be stopped, and started at the same address.

    Args:
        folder: Where it works.
        lasting: Whether it knows then what it has known before.
    """

    def __init__(self, folder: Path, *, lasting: bool = False) -> None:
        socket = str(folder / "redis.sock")
        command = ["redis-server", *REDIS, "--unixsocket", socket]
        command += ["--appendonly", "yes" if lasting else "no"]
        super().__init__(folder, command, "eady to accept connections")
        self.url = f"unix://{socket}"


@contextmanager
def redis(*, lasting: bool = False) -> Iterator[Redis]:
    """Run a `Redis`."""
    with TemporaryDirectory(prefix="redis-") as name:
        server = Redis(Path(name), lasting=lasting)
        server.start()
        try:
            yield server
        finally:
            server.stop()
