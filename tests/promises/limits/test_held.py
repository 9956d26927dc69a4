"""What a client can make a connection hold at most: the table of the reference, measured."""

import gc
import re
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio import FileResponse, Hump, Request, WebSocket
from hump_trio.testing import connect
from hump_trio.websocket.frames import FINAL, TEXT
from tests.support.forms import TYPE, encode_part
from tests.support.handled import HANDSHAKE
from tests.support.loopback import wait_until
from tests.support.reference import text_of
from tests.support.wire import request
from tests.websocket.client_frames import masked

PAGE = text_of("limits_and_hostile_input")
WIDE = "\U0001f600"  # makes each character of a text four bytes
SHORT = masked(FINAL | TEXT, b"ab")  # a message that takes many times its bytes
# What coverage holds of frames that are running and of lines that it has seen.
TRACER_BYTES = 4096


def held_at_most(name: str) -> int:
    """Return what a row of the table says, in bytes."""
    [amount, unit] = re.findall(rf"^\| {re.escape(name)} \| ([\d.]+) ([KM]iB) ", PAGE, re.M)[0]
    return int(float(amount) * {"KiB": 1024, "MiB": 1024 * 1024}[unit])


def wide_texts(byte_count: int, part: Callable[[str], bytes]) -> bytes:
    """Return so many bytes of texts that take much more when they are decoded."""
    texts = part(WIDE + "a" * 60_000)
    return texts * (byte_count // len(texts))


def posted(path: str, kind: str, body: bytes) -> bytes:
    """Return a request with a body."""
    return request("POST", path, f"Content-Type: {kind}", body=body)


# What a hostile client sends, for each row.
SENT: dict[str, list[bytes]] = {
    "sends a WebSocket more than its handler takes": [
        HANDSHAKE.replace(b" / ", b" /open ", 1) + frames
        for frames in (
            masked(FINAL | TEXT, (WIDE + "a" * (2**20 - 4)).encode()) + SHORT * 8000,
            SHORT * 8000,
            masked(TEXT, bytes(2**20 - 1), size=2**20),
        )
    ],
    "sends a head, or more than its turn": [
        b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 32_000,
        request("GET", "/wait") + request() * 2000,
    ],
    "has sent a body": [posted("/wait", "a/b", bytes(1024 * 1024))],
    "has sent JSON, of which a value was made": [
        posted("/json", "application/json", b"[" + b",".join([each] * count) + b"]")
        for each, count in ((b"[]", 349_000), (b"{}", 349_000), (b'{"":0}', 149_000))
    ],
    "has sent a form without files": [
        posted(
            "/form",
            "application/x-www-form-urlencoded",
            wide_texts(1024 * 1024, lambda text: f"a={text}&".encode()),
        ),
        posted("/form", "application/x-www-form-urlencoded", b"a=1&" * 999),
    ],
    "has sent a form with files": [
        posted("/upload", TYPE, body + b"--b--")
        for body in (
            wide_texts(1024 * 1024, lambda text: encode_part("a", text.encode())),
            b"".join(encode_part(WIDE + "a" * 950, b"", "b", "c") for _ in range(960)),
            encode_part("a", bytes(2**24), "b"),
            encode_part("a", bytes(2**16), "b"),
        )
    ],
    "reads a file slowly": [request("GET", "/file")],
}


class Keeper:
    """An app whose handlers keep what they were given.

    Args:
        folder: Has a file.

    Attributes:
        kept: How many handlers do so.
    """

    def __init__(self, folder: Path) -> None:
        self.app = app = Hump()
        self.kept: int = 0
        with (folder / "file").open("wb") as file:
            file.truncate(16 * 1024 * 1024)

        @app.get("/")
        async def index() -> str:
            return "hello"

        @app.get("/file")
        async def send() -> FileResponse:
            return FileResponse(folder / "file")

        @app.route("/wait", methods=["GET", "POST"], timeout=None)
        async def wait() -> None:
            await self.keep(None)

        @app.websocket("/open")
        async def keep_open(ws: WebSocket) -> None:
            await ws.accept()
            await self.keep(ws)

        @app.post("/json", timeout=None)
        async def keep_json(request: Request) -> None:
            await self.keep(request.json())

        @app.post("/form", timeout=None)
        async def keep_form(request: Request) -> None:
            await self.keep(request.form())

        @app.post("/upload", stream=True, body_limit=None, timeout=None)
        async def keep_upload(request: Request) -> None:
            async with request.multipart() as form:
                await self.keep(form)

    async def keep(self, value: object) -> None:
        """Keep something."""
        self.kept += 1
        await trio.sleep_forever()
        del value

    async def hold(self, data: bytes) -> int:
        """Have a connection send something, and return what is held for it."""
        handled = not any(path in data[:20] for path in (b" / ", b"/file"))
        self.kept = 0
        async with connect(self.app) as raw:
            raw.pause_reading()
            await wait_all_tasks_blocked()
            gc.collect()
            tracemalloc.start()
            await raw.send(data)
            await wait_until(lambda: self.kept == handled)
            await wait_all_tasks_blocked()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return held


@pytest.mark.memory_only("what a client's end holds is known there")
@pytest.mark.parametrize("name", SENT)
async def test_a_connection_holds_no_more(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row tells the truth, and isn't far from it: some input holds a third of what it says."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    keeper = Keeper(tmp_path)
    most = held_at_most(name)
    # What is made once and kept isn't counted. Coverage notes lines that only a second time runs.
    for _ in range(2):
        await keeper.hold(SENT[name][0])
    held = [await keeper.hold(data) for data in SENT[name]]
    assert max(held) <= most + (TRACER_BYTES if "coverage" in sys.modules else 0), held
    assert max(held) > most / 3, held


def test_the_table_has_no_further_rows() -> None:
    """None that isn't measured here, or with the figures."""
    table = PAGE.partition("| a connection that ")[2].partition("\n\n")[0]
    names = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    kept = ["waits for the next request", "is an open WebSocket"]
    assert names == [*kept, *SENT, "reads a compressed stream"]


PROGRAM = """
import sys, trio
from hump_trio.middleware.coding import gzip_coder, load_zstd, zstd_coder
make = {"gzip": lambda: gzip_coder(9, streamed=True),
        "zstd": lambda: zstd_coder(load_zstd(), streamed=True)}[sys.argv[1]]

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

async def main():
    parts = [b"".join(b"%d," % (each * 7919 % 10007) for each in range(start, start + 9000))
             for start in range(0, 90_000, 9000)]
    coders = [make() for _ in range(60)]
    for coder in coders[:10]:
        for part in parts:
            await coder.compress_part(part)
    before = resident()
    for coder in coders[10:]:
        for part in parts:
            await coder.compress_part(part)
    print((resident() - before) // 50)

trio.run(main)
"""


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_compressed_stream_holds_no_more(coding: str) -> None:
    """Whatever was sent, of either coding; measured in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, coding]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(ran.stdout) <= held_at_most("reads a compressed stream")
