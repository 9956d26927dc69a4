"""Servers as processes: started on a core of their own, looked at through /proc, and ended."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, in a process group of its own.

    Attributes:
        secured: Whether its port is for TLS.
        first_answer_seconds: What it took to start it.
    """

    name: str
    port: int
    pid: int
    first_answer_seconds: float
    secured: bool = False

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self.secured else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it writes to stderr."""
        return log_of(self.pid)

    def cpu_seconds(self) -> float:
        """Return the CPU time that all its processes have used."""
        return sum(int(fields[11]) + int(fields[12]) for _, fields in self._processes()) / TICKS

    def resident_bytes(self) -> int:
        """Return the memory that all its processes hold."""
        return sum(int(fields[21]) for _, fields in self._processes()) * PAGE_BYTES

    def peak_bytes(self) -> int:
        """Return the most memory that each of its processes has ever held, in all."""
        paths = [Path(f"/proc/{pid}/status") for pid, _ in self._processes()]
        peaks = [path.read_text().partition("VmHWM:")[2].split()[0] for path in paths]
        return sum(int(peak) for peak in peaks) * 1024

    def descriptor_count(self) -> int:
        """Return how many files and sockets its processes have open."""
        folders = [Path(f"/proc/{pid}/fd") for pid, _ in self._processes()]
        return sum(len(list(folder.iterdir())) for folder in folders)

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        """Yield its processes with what /proc/PID/stat says after their name; Granian has two."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # others end meanwhile
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.pid:
                    yield int(path.parent.name), fields


def log_of(pid: int) -> Path:
    """Return the file that a process has as its stderr."""
    return Path(f"/proc/{pid}/fd/2")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def started(name: str, core: int, *, secured: bool = False) -> Iterator[Server]:
    """Start a server's program on a core; it has ended afterwards.

    Raises:
        RuntimeError: It doesn't answer in time; the message has what it wrote.
    """
    port = free_port()
    module = f"tests.benchmarks.programs.{name}"
    command = ["taskset", "-c", str(core), sys.executable, "-m", module, str(port)]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        if secured:
            command += write_certificate(Path(folder))
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdout=output, stderr=output
        )
        try:
            if not is_answering(process, port, secured=secured):
                output.seek(0)
                raise RuntimeError(f"{name} does not serve: {output.read()[-2000:]}")
            yield Server(name, port, process.pid, time.perf_counter() - begun, secured)
        finally:
            with suppress(ProcessLookupError):  # it has ended of itself
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def write_certificate(folder: Path) -> list[str]:
    """Write a certificate and its key, and return where they are."""
    import trustme  # who measures no TLS needn't have it

    certificate = trustme.CA().issue_cert("127.0.0.1")
    paths = [folder / "certificate.pem", folder / "key.pem"]
    certificate.cert_chain_pems[0].write_to_path(paths[0])
    certificate.private_key_pem.write_to_path(paths[1])
    return [str(path) for path in paths]


def is_answering(process: subprocess.Popen[bytes], port: int, *, secured: bool) -> bool:
    """Wait until a server answers a request, and return whether it does."""
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        connection = connection_to(port, secured=secured)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            return True
        except (OSError, HTTPException):
            time.sleep(0.001)
        finally:
            connection.close()
    return False


def connection_to(port: int, *, secured: bool = False, timeout: float = 5) -> HTTPConnection:
    """Return a connection to a server that is to be believed, whoever it says it is."""
    if not secured:
        return HTTPConnection("127.0.0.1", port, timeout=timeout)
    return HTTPSConnection("127.0.0.1", port, timeout=timeout, context=trusting_context())


@cache
def trusting_context() -> ssl.SSLContext:
    """Return a client's context that believes any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
