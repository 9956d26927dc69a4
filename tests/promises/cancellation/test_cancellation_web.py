"""Streams, files and forms of the box, cut at every wait, in each way there is.

As in `test_cancellation`: whatever is cut where, the transport is closed once, no cut answer looks
whole, what was begun is left in its own order, nothing stays open, and no room stays taken.
"""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    EventStream,
    FileResponse,
    JsonLines,
    Limits,
    Request,
    Response,
    Send,
    StreamResponse,
    Timeouts,
    UploadFile,
)
from hump_trio.content.open_files import OPEN_FILES
from hump_trio.middleware.compression import Compression
from hump_trio.routing.layer import CallNext
from hump_trio.routing.route import Route
from hump_trio.server.connection import Connection
from hump_trio.transports.memory import MemoryTransport
from tests.support.forms import TYPE, encode_form, open_files
from tests.support.loopback import wait_until
from tests.support.served import served
from tests.support.struck import STRIKES, Countdown, Strike, check, serve_struck
from tests.support.wire import parse_answers, request

FORM = encode_form([("text", None, "", b"words"), ("file", "name", "", b"x" * 150_000)])
CLOSE = "Connection: close"
ZIP = "Accept-Encoding: gzip"
SCENARIOS: dict[str, tuple[bytes, str]] = {
    "events": (request("GET", "/events", CLOSE), "GET"),
    "events-zip": (request("GET", "/events", CLOSE, ZIP), "GET"),
    "events-head": (request("HEAD", "/events", CLOSE), "HEAD"),
    "lines": (request("GET", "/lines", CLOSE), "GET"),
    "lines-zip": (request("GET", "/lines", CLOSE, ZIP), "GET"),
    "text-zip": (request("GET", "/text", CLOSE, ZIP), "GET"),
    "produced-zip": (request("GET", "/produced", CLOSE, ZIP), "GET"),
    "file": (request("GET", "/file", CLOSE), "GET"),
    "file-zip": (request("GET", "/file", CLOSE, ZIP), "GET"),
    "file-ranges": (request("GET", "/file", CLOSE, "Range: bytes=0-99999,200000-300000"), "GET"),
    "form": (request("POST", "/form", CLOSE, f"Content-Type: {TYPE}", body=FORM), "POST"),
}


class Web:
    """Handlers of each kind.

    Args:
        folder: Has a file.
    """

    def __init__(self, folder: Path) -> None:
        self.held = 0
        self.drain = trio.Event()
        self.path = folder / "file.txt"
        self.timeouts = Timeouts(handler=3000, stall_grace=1, send_grace=3)
        self.limits = Limits()
        self.state = served(
            Route(template="/events", methods=("GET",), handler=self.events),
            Route(template="/lines", methods=("GET",), handler=self.lines),
            Route(template="/text", methods=("GET",), handler=self.text),
            Route(template="/produced", methods=("GET",), handler=self.produced, timeout=2000),
            Route(template="/file", methods=("GET",), handler=self.file),
            Route(template="/form", methods=("POST",), handler=self.form),
            app=self,
            middleware=[self.wait, Compression(minimum_bytes=0)],
            limits=self.limits,
            timeouts=self.timeouts,
            server="test",
        )

    async def wait_draining(self) -> None:
        """Be the app that the requests carry."""
        await self.drain.wait()

    def has_let_go(self) -> bool:
        """Tell whether no file is counted, and no room on the disk."""
        return (OPEN_FILES.count, self.state.disk.taken_bytes) == (0, 0)

    async def wait(self, request: Request, call_next: CallNext) -> Response:
        """Be middleware that can be cut when it has an answer, which is thrown away then."""
        response = await call_next(request)
        await trio.lowlevel.checkpoint()
        return response

    async def values(self) -> AsyncGenerator[Any]:
        """Yield out of a nursery."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            self.held += 1
            try:
                for each in range(3):
                    yield str(each) * 100_000
                    await trio.sleep(0.01)
                    yield each
            finally:
                nursery.cancel_scope.cancel()
                self.held -= 1

    async def events(self) -> EventStream:
        """Answer with comments between."""
        return EventStream(self.values(), keep_alive=0.005)

    async def lines(self) -> JsonLines:
        """Answer with converted parts."""
        return JsonLines(self.values())

    async def text(self) -> AsyncIterator[str]:
        """Answer with text, as its first part tells, which a thread compresses."""
        async with aclosing(self.values()) as values:
            async for value in values:
                yield str(value)

    async def produced(self) -> StreamResponse:
        """Answer by two tasks."""

        async def produce(send: Send) -> None:
            self.held += 1
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(send, "a" * 100_000)
                    nursery.start_soon(send, "b" * 100_000)
            finally:
                self.held -= 1

        return StreamResponse(produce)

    async def file(self) -> FileResponse:
        """Answer with a file that worker threads open and read."""
        return FileResponse(self.path)

    async def form(self, file: UploadFile) -> str:
        """Read it twice."""
        size = 0
        async for part in file:
            size += len(part)
        return f"{size} {len(await file.read())}"


def drain(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """Begin a shutdown, as an event stream hears of it."""
    connection.state.application.app.drain.set()


@pytest.mark.parametrize("strike", [*STRIKES, drain])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_cut_anywhere(
    name: str,
    strike: Strike,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    """See this module."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("hump_trio.answers.opened_file.read_cached", None)
    monkeypatch.setattr("hump_trio.answers.opened_file.open_cached", None)
    (tmp_path / "file.txt").write_bytes(b"some text\n" * 40_000)
    autojump_clock.autojump_threshold = 0.003  # threads have so long
    data, method = SCENARIOS[name]
    for nth in count(1):
        web = Web(tmp_path)
        countdown = Countdown(nth)
        tapped = await serve_struck(web.state, [data], "step", countdown, strike, None)
        check(tapped, (method,))
        # What was abandoned to a thread is closed by it.
        await wait_until(lambda: not open_files(tmp_path))
        await wait_until(web.has_let_go)
        assert web.held == 0
        assert (web.state.request_count, web.state.buffered_bytes) == (0, 0)
        if countdown.left > 0:
            [answer] = parse_answers(bytes(tapped.sent), method)
            assert answer.status in (200, 206)
            assert answer.whole
            assert nth > 2
            break
    assert "ERROR" not in caplog.text
