"""Strangers that download files on a real port, and what a long download costs."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import trio

from hump_trio import Hump
from tests.support.loopback import PATIENCE_SECONDS, served

MIB = 1024 * 1024
TAIL = os.urandom(3 * MIB)

# Serves the folder that is named on the command line on a free port, and prints where.
CHILD = """
import sys
from functools import partial
import trio
from hump_trio import Hump

app = Hump("127.0.0.1", 0)
app.static("/files", sys.argv[1])

async def main():
    async with trio.open_nursery() as nursery:
        print(*await nursery.start(partial(app.serve, signals=True)), flush=True)

trio.run(main)
"""


def make_long(path: Path, size_bytes: int) -> None:
    """Make a file that takes no room on the disk but for its end."""
    with path.open("wb") as file:
        file.truncate(size_bytes - len(TAIL))
        file.seek(0, os.SEEK_END)
        file.write(TAIL)
    os.utime(path, (1_000_000_000, 1_000_000_000))


CURL = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "120"]


@pytest.mark.program("curl")
@pytest.mark.parametrize("received_bytes", [0, 1, 1022 * MIB, 1024 * MIB - 1])
async def test_curl_resumes_a_download(received_bytes: int, tmp_path: Path) -> None:
    """Of a file of 1 GiB, at the byte that it has come to, and the end is the file's."""
    size_bytes = 1024 * MIB if received_bytes > 1 else 4 * MIB
    path, copy = tmp_path / "long.bin", tmp_path / "copy"
    make_long(path, size_bytes)
    copy.touch()
    os.truncate(copy, received_bytes)
    app = Hump("127.0.0.1", 0)
    app.static("/files", tmp_path)
    async with served(app) as url:
        form = "%{response_code} %{size_download}"
        command = [*CURL, "-C", "-", "-o", str(copy), "--write-out", form, f"{url}/files/long.bin"]
        done = await trio.run_process(command, capture_stdout=True)
    status = 206 if received_bytes else 200
    assert done.stdout.decode() == f"{status} {size_bytes - received_bytes}"
    with copy.open("rb") as file:
        assert file.seek(0, os.SEEK_END) == size_bytes
        start = max(received_bytes, size_bytes - len(TAIL))
        file.seek(start)
        assert file.read() == TAIL[len(TAIL) - (size_bytes - start) :]


async def test_httpx_takes_parts(tmp_path: Path) -> None:
    """Asked for one after the other, on the condition that it is still the same file."""
    make_long(tmp_path / "long.bin", 4 * MIB)
    app = Hump("127.0.0.1", 0)
    app.static("/files", tmp_path)
    data = b""
    async with (
        served(app) as url,
        httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as http,
    ):
        headers = {"if-range": (await http.head(f"{url}/files/long.bin")).headers["etag"]}
        while len(data) < 4 * MIB:
            headers["range"] = f"bytes={len(data)}-{len(data) + 999_999}"
            part = await http.get(f"{url}/files/long.bin", headers=headers)
            assert part.status_code == 206
            data += part.content
        headers["range"] = f"bytes={len(data)}-"
        assert (await http.get(f"{url}/files/long.bin", headers=headers)).status_code == 416
    assert data == bytes(MIB) + TAIL


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.program("curl")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A file of 1 GiB is sent with a few MiB more than one of 1 MiB."""
    make_long(tmp_path / "long.bin", 1024 * MIB)
    make_long(tmp_path / "short.bin", 4 * MIB)
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        peaks = []
        try:
            for name in ("short", "long"):
                command = [*CURL, "-o", "/dev/null", f"{url}/files/{name}.bin"]
                subprocess.run(command, check=True)
                peaks.append(peak_bytes(server.pid))
        finally:
            server.terminate()
    assert peaks[1] - peaks[0] < 4 * MIB
