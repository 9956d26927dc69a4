"""Long files on their way: slow, leaving and cancelled clients, and files that change meanwhile."""

import os
from collections.abc import AsyncIterable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import CallNext, FileResponse, Hump, Request, Response, Timeouts
from hump_trio.answers import file_response as file_response_module
from hump_trio.answers import opened_file as opened_file_module
from hump_trio.answers.file_response import PART_BYTES
from hump_trio.testing import RawConnection, client, connect
from tests.support import wire
from tests.support.descriptors import open_below
from tests.support.loopback import PATIENCE_SECONDS, wait_until
from tests.support.scenarios import check_following, each_arrival
from tests.support.served import served
from tests.support.struck import (
    Countdown,
    Moment,
    Strike,
    break_off,
    cancel,
    check,
    expire,
    serve_struck,
)
from tests.support.wire import parse_answers, read_to_end, read_to_reset, request

SIZE_BYTES = 5 * PART_BYTES + 11
CONTENT = bytes(range(256)) * (SIZE_BYTES // 256) + bytes(range(11))


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A long file, which nobody has open at the end."""
    path = tmp_path / "long"
    path.write_bytes(CONTENT)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    yield path
    assert open_below(tmp_path) == []


def app_of(path: Path, **timeouts: Any) -> Hump:
    """Return an app that answers with a file, or with a word."""
    app = Hump(timeouts=Timeouts(**timeouts))

    @app.get("/")
    async def index() -> Response:
        return FileResponse(path)

    @app.get("/word")
    async def word() -> str:
        return "word"

    return app


async def begin(app: Hump, raw: RawConnection, path: Path) -> None:
    """Ask for a file and read nothing of it, until the server can send nothing more."""
    raw.pause_reading()
    await raw.send(request())
    await wait_all_tasks_blocked()
    assert open_below(path.parent) == ["long"]


@pytest.mark.parametrize("seconds", [0, 30])
async def test_who_reads_slowly_gets_all(
    seconds: float, path: Path, autojump_clock: MockClock
) -> None:
    """At whatever speed, as long as it isn't a stop; the next request follows."""
    app = app_of(path)
    data = b""
    async with wire.connect_transport(app, 100_000) as transport:
        await transport.send_all(request() + request("GET", "/word", "Connection: close"))
        while part := await transport.receive_some(100_000):
            data += part
            await trio.sleep(seconds)
    long, word = parse_answers(data, "GET", "GET")
    assert (long.body, word.text) == (CONTENT, "word")


async def test_who_stops_reading_is_cut(path: Path, autojump_clock: MockClock) -> None:
    """After `send_grace`, as in any stream, and the file is closed then."""
    app = app_of(path)
    async with connect(app) as raw:
        await begin(app, raw, path)
        await trio.sleep(Timeouts().send_grace - 1)
        assert open_below(path.parent) == ["long"]
        await trio.sleep(2)
        assert open_below(path.parent) == []


@pytest.mark.parametrize("leave", [RawConnection.reset, RawConnection.half_close])
async def test_who_leaves_is_noticed(
    leave: Callable[[RawConnection], Any], path: Path, autojump_clock: MockClock
) -> None:
    """In the midst of a file, which is closed soon."""
    app = app_of(path)
    async with connect(app) as raw:
        await begin(app, raw, path)
        left = leave(raw)
        if left is not None:
            await left
        await trio.sleep(3 * Timeouts().disconnect_poll)
        assert (open_below(path.parent) == []) == (left is None)
    assert open_below(path.parent) == []


async def test_a_shutdown_waits_no_longer_than_it_says(
    path: Path, autojump_clock: MockClock
) -> None:
    """A download that doesn't go on is reset, and its file closed."""
    app = app_of(path, shutdown=5)
    async with connect(app) as raw:
        await begin(app, raw, path)
        app.shutdown()
        await trio.sleep(4)
        assert open_below(path.parent) == ["long"]
        await trio.sleep(2)
        assert open_below(path.parent) == []


@pytest.mark.parametrize("size_bytes", [0, PART_BYTES, SIZE_BYTES - 1])
async def test_a_file_that_becomes_shorter(
    size_bytes: int, path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is reset: what has come never looks whole."""
    app = app_of(path)
    async with connect(app) as raw:
        await begin(app, raw, path)
        os.truncate(path, size_bytes)
        [answer] = parse_answers(await read_to_reset(raw), ended=False)
    assert (answer.status, answer.whole) == (200, False)
    assert CONTENT.startswith(answer.body)
    assert "a file has become shorter" in caplog.text


async def test_a_file_that_grows(path: Path, autojump_clock: MockClock) -> None:
    """What was promised is sent, and nothing more; the next answer is where it should be."""
    app = app_of(path)
    async with connect(app) as raw:
        await begin(app, raw, path)
        with path.open("ab") as file:
            file.write(b"more" * 100_000)
        await raw.send(request("GET", "/word", "Connection: close"))
        long, word = parse_answers(await read_to_end(raw), "GET", "GET")
    assert (long.body, word.text) == (CONTENT, "word")


def replace(path: Path) -> None:
    """Put another file in the place of one."""
    path.unlink()
    path.write_bytes(b"another one")


async def test_a_file_that_is_replaced(path: Path, autojump_clock: MockClock) -> None:
    """The one that was opened is sent to its end."""
    app = app_of(path)
    async with connect(app) as raw:
        await begin(app, raw, path)
        replace(path)
        await raw.send(request("GET", "/word", "Connection: close"))
        long, _ = parse_answers(await read_to_end(raw), "GET", "GET")
    assert long.body == CONTENT


async def test_a_cold_disk_keeps_nobody_waiting(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a thread waits for it, others are served; its client may leave meanwhile."""
    begun, let_go = trio.Event(), trio.Event()
    pread, token = os.pread, trio.lowlevel.current_trio_token()

    def read_slowly(descriptor: int, byte_count: int, offset: int) -> bytes:
        trio.from_thread.run_sync(begun.set, trio_token=token)
        trio.from_thread.run(let_go.wait, trio_token=token)
        return pread(descriptor, byte_count, offset)

    monkeypatch.setattr(opened_file_module, "read_cached", None)
    monkeypatch.setattr(os, "pread", read_slowly)
    app = app_of(path)
    with trio.fail_after(PATIENCE_SECONDS):
        async with client(app) as http, connect(app) as raw, connect(app) as leaving:
            await raw.send(request("GET", "/", "Connection: close"))
            await leaving.send(request())
            await begun.wait()
            assert (await http.get("/word")).text == "word"
            leaving.reset()
            await wait_until(lambda: not app.statistics().requests[1:])
            let_go.set()
            [answer] = parse_answers(await read_to_end(raw))
    assert answer.body == CONTENT
    await wait_until(lambda: not open_below(path.parent))


async def test_a_middleware_may_read_a_little_of_it(path: Path, autojump_clock: MockClock) -> None:
    """And answer with something else: the file is closed when nobody holds it."""
    app = app_of(path)

    @app.middleware
    async def peek(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert isinstance(response.body, AsyncIterable)
        return Response((await anext(aiter(response.body)))[:4])

    async with client(app) as http:
        assert (await http.get("/")).content == CONTENT[:4]
        assert open_below(path.parent) == []


class ThreadInVirtualTime:
    """Runs what a thread would be asked for, after a while."""

    @staticmethod
    async def run_sync(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Wait, then call."""
        await trio.sleep(0.1)
        return function(*args)


@each_arrival
@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", [cancel, expire, break_off])
@pytest.mark.parametrize("cached", [True, False])
async def test_a_file_cut_anywhere_is_closed(
    cached: bool,
    strike: Strike,
    moment: Moment,
    receive_bytes: int | None,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    """At its n-th call or wait, for every n: closed, and never a part that looks whole."""
    if not cached:
        monkeypatch.setattr(opened_file_module, "open_cached", None)
        monkeypatch.setattr(opened_file_module, "read_cached", None)
        monkeypatch.setattr(trio, "to_thread", ThreadInVirtualTime)

    monkeypatch.setattr(file_response_module, "PART_BYTES", 50_000)
    os.truncate(path, 150_000)
    app = app_of(path)
    state = served(app=app, server="test")
    parts = [request(), request("GET", "/", "Range: bytes=1-100,200-99999")]
    last = request("GET", "/word", "Connection: close")
    for nth in count(1):
        countdown = Countdown(nth)
        tapped = await serve_struck(state, parts, moment, countdown, strike, receive_bytes)
        check(tapped, ("GET", "GET"))
        assert open_below(path.parent) == []
        if nth % 10 == 1:
            assert [answer.status for answer in await check_following(state, last)] == [200]
        if countdown.left > 0:
            assert nth > 1
            break
