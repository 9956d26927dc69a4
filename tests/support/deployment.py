"""A service in two processes with a proxy in front."""

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
import trio

from tests.support.loopback import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples/deploy"
APP = "tests.support.deployed_app:app"
# What stands around a site's configuration, with all files in one folder.
NGINX = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


PROXIES = [
    pytest.param("nginx", marks=pytest.mark.program("nginx")),
    pytest.param("haproxy", marks=pytest.mark.program("haproxy")),
    pytest.param("haproxy h2", marks=pytest.mark.program("haproxy")),
    pytest.param("passed_on", marks=pytest.mark.program("haproxy")),
]


class Instance:
    """A process that serves the service, and can be started again at the same address.

    Args:
        bind: Where. A port 0 is replaced by the one that was had; with a host of its own in
            127.0.0.0/8, nobody else takes that port between two starts.
        delay: Its `shutdown_delay`.
        proxies: Whose connections begin with a PROXY header.
        listening: A socket that it is started with, as systemd does it.
        app: What it serves.
        options: More of its command line.
        environment: What it is told by variables, beside ours.
    """

    def __init__(
        self,
        bind: str,
        *,
        delay: float = 0,
        proxies: Sequence[str] = (),
        listening: socket.socket | None = None,
        app: str = APP,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.bind = bind
        self._listening = listening
        self._app = app
        self._environment = {**os.environ, **(environment or {})}
        self._options = [f"--timeout-shutdown-delay={delay}", "--no-access-log", *options]
        self._options += [f"--proxy-protocol={network}" for network in proxies]
        self._process: trio.Process | None = None

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        command = [
            sys.executable,
            "-m",
            "hump_trio",
            self._app,
            f"--bind={self.bind}",
            *self._options,
        ]
        descriptors = []
        if self._listening is not None:
            descriptors.append(number := self._listening.fileno())
            activate = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{number}'
            command = ["bash", "-c", activate, "bash", *command]
        self._process = await trio.lowlevel.open_process(
            command, cwd=ROOT, stderr=PIPE, pass_fds=descriptors, env=self._environment
        )
        line = await self.read_line("serving at")
        if self.bind.endswith(":0"):
            self.bind = line.rsplit(" ", 1)[1].removeprefix("http://")

    async def read_line(self, text: str) -> str:
        """Return the next line of its log that has a text."""
        assert self._process is not None
        assert self._process.stderr is not None
        line = b""
        with trio.fail_after(PATIENCE_SECONDS):
            while not (line.endswith(b"\n") and text.encode() in line):
                line = b"" if line.endswith(b"\n") else line
                part = await self._process.stderr.receive_some(1)
                assert part, "the instance has ended"
                line += part
        return line.decode().strip()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; returns the exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return await process.wait()
        finally:
            process.kill()
            assert process.stderr is not None
            await process.stderr.aclose()


@asynccontextmanager
async def started(*instances: Instance) -> AsyncIterator[None]:
    """Run instances; they have ended afterwards."""
    try:
        async with trio.open_nursery() as nursery:
            for instance in instances:
                nursery.start_soon(instance.start)
        yield
    finally:
        with trio.CancelScope(shield=True):
            for instance in instances:
                await instance.stop(signal.SIGKILL)


def adapted(name: str, changes: Mapping[str, str]) -> str:
    """Return a configuration of examples/deploy with some texts replaced, each of which it has."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def running(
    command: list[str], log: Path, listening: socket.socket, environment: Mapping[str, str]
) -> AsyncIterator[tuple[str, int]]:
    """Run a proxy that inherits the socket it listens at, and has ended afterwards.

    Yields:
        The socket's address: who connects before the proxy is ready waits in the backlog.
    """
    descriptors = [listening.fileno()]
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(
            command,
            stdout=output,
            stderr=output,
            pass_fds=descriptors,
            env={**os.environ, **environment},
        )
    address: tuple[str, int] = listening.getsockname()
    try:
        yield address
    finally:
        process.terminate()
        with trio.move_on_after(PATIENCE_SECONDS, shield=True):
            await process.wait()
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@asynccontextmanager
async def nginx(folder: Path, one: Instance, two: Instance) -> AsyncIterator[tuple[str, int]]:
    """Run nginx with the example's configuration, all files of it in a folder."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        changes = {
            "unix:/run/hump-trio/service.sock": one.bind,
            "10.0.0.12:8342": two.bind,
            "listen 80;": f"listen {host}:{port};",
            "fail_timeout=2s": "fail_timeout=1s",
        }
        # Its worker processes stay who they are, since the folder is nobody else's.
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "site.conf").write_text(adapted("nginx.conf", changes))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
        command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        # So nginx hands its sockets to a new version of itself.
        inherited = {"NGINX": f"{listening.fileno()};"}
        async with running(command, folder / "nginx.log", listening, inherited) as address:
            yield address


@asynccontextmanager
async def haproxy(
    folder: Path, one: Instance, two: Instance, *, passed_on: bool = False, http2: bool = False
) -> AsyncIterator[tuple[str, int]]:
    """Run HAProxy with the example's configuration, all files of it in a folder.

    Args:
        folder: Where.
        one: The instance on this machine, or with ``passed_on`` the first one.
        two: The other one.
        passed_on: Whether to use the frontend that reads no requests, and without TLS.
        http2: Whether HAProxy speaks HTTP/2 to the instances.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        binds = ["bind :80\n", "bind :8443\n"]
        servers = ["unix@/run/hump-trio/service.sock", "10.0.0.12:8342"]
        if passed_on:
            binds.reverse()
            servers = ["10.0.0.11:8443", "10.0.0.12:8443"]
        protocol = " proto h2" if http2 else ""
        changes = {
            binds[0]: f"bind fd@{listening.fileno()}\n",
            binds[1]: f"bind unix@{folder}/unused.sock\n",
            f"{servers[0]}\n": f"{one.bind.replace('unix:', 'unix@')}{protocol}\n",
            f"{servers[1]}\n": f"{two.bind}{protocol}\n",
            "/dev/log": "stdout format raw",
            "inter 1s": "inter 100ms",
            "timeout check 1s": "timeout check 500ms",
            " check-ssl verify none": "",
        }
        if http2:
            check = "    http-check expect"
            changes[check] = f"    http-check send hdr Host service\n{check}"
        (folder / "haproxy.cfg").write_text(adapted("haproxy.cfg", changes))
        command = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
        async with running(command, folder / "haproxy.log", listening, {}) as address:
            yield address


@asynccontextmanager
async def deployed(
    proxy: str, folder: Path
) -> AsyncIterator[tuple[tuple[Instance, Instance], tuple[str, int]]]:
    """Run two instances and a proxy in front of them.

    Yields:
        The instances, one of them on a Unix socket where the proxy speaks HTTP; its address.
    """
    passed_on = proxy == "passed_on"
    headers = ["127.0.0.1"] if passed_on else []
    # Of nginx the delay is unseen; HAProxy needs 2 checks here, which take 0.1 s each.
    delay = 0.0 if proxy == "nginx" else 0.5
    bind = "127.0.0.11:0" if passed_on else f"unix:{folder}/service.sock"
    one = Instance(bind, delay=delay, proxies=headers)
    two = Instance("127.0.0.12:0", delay=delay, proxies=headers)
    async with started(one, two):
        front: AbstractAsyncContextManager[tuple[str, int]]
        if proxy == "nginx":
            front = nginx(folder, one, two)
        else:
            http2 = proxy == "haproxy h2"
            front = haproxy(folder, one, two, passed_on=passed_on, http2=http2)
        async with front as address:
            yield (one, two), address
