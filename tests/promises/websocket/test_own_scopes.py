"""Handlers that cut themselves short, that don't notice being cut, or whose tasks outlive them."""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException, Hump, Request, Response, WebSocket, WebSocketClosed
from hump_trio.testing import websocket
from tests.support.handled import HANDSHAKE, Handled, outcomes
from tests.support.wire import connect_transport

# More than any connection holds.
LARGE = 300_000


async def test_a_writer_that_is_given_up_before_its_turn(autojump_clock: MockClock) -> None:
    """It has sent nothing, and the message that it waited for goes on."""

    async def handler(ws: WebSocket) -> None:
        began = trio.Event()

        async def write() -> None:
            async with ws.writer() as send:
                await send("a")
                began.set()
                await trio.sleep(2)
                await send("b")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            await began.wait()
            with trio.move_on_after(1):
                async with ws.writer() as send:
                    await send("never")
        await ws.send("end")

    async with websocket(Handled(handler).app, "/") as ws:
        assert [message async for message in ws] == ["ab", "end"]
    assert ws.close_code == 1000


async def test_a_writer_that_breaks_off_behind_its_last_part(autojump_clock: MockClock) -> None:
    """Its message is whole, so nothing is wrong."""

    async def handler(ws: WebSocket) -> None:
        with trio.CancelScope() as scope:
            async with ws.writer() as send:
                await send("whole")
                scope.cancel()
        await ws.send("end")

    async with websocket(Handled(handler).app, "/") as ws:
        assert [message async for message in ws] == ["whole", "end"]
    assert ws.close_code == 1000


@pytest.mark.parametrize("cut", ["raised", "cancelled"])
async def test_a_writer_that_breaks_off_within_its_message(
    cut: str, autojump_clock: MockClock
) -> None:
    """Its client reads that, and no half of a message."""

    async def handler(ws: WebSocket) -> None:
        with suppress(ZeroDivisionError), trio.move_on_after(1):
            async with ws.writer() as send:
                await send("half")
                if cut == "raised":
                    raise ZeroDivisionError
                await trio.sleep(2)
        with pytest.raises(WebSocketClosed):
            await ws.send("more")

    async with websocket(Handled(handler).app, "/") as ws:
        assert [message async for message in ws] == []
    assert (ws.close_code, ws.close_reason) == (1011, "a message broke off")


async def test_middleware_gives_a_handler_up(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """Its answer comes too late for anybody, and the client is told that at once."""
    app = Hump()

    @app.middleware
    async def bound(request: Request, call_next: Any) -> Response:
        with trio.move_on_after(2):
            answer: Response = await call_next(request)
            return answer
        return Response("late", 503)

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.send("hello")
        await trio.sleep_forever()

    async with websocket(app, "/") as ws:
        assert [message async for message in ws] == ["hello"]
        await ws.wait_closed()
    assert (ws.close_code, ws.was_reset, trio.current_time()) == (1011, False, 2)
    assert not caplog.records or caplog.records[-1].levelname == "INFO"


@pytest.mark.parametrize("way", ["shielded", "swallowed"])
async def test_a_deadline_that_a_handler_does_not_notice(
    way: str, autojump_clock: MockClock
) -> None:
    """When it returns at last, its client has the time to answer that any client has."""

    async def handler(ws: WebSocket) -> None:
        await ws.send("hello")
        with suppress(trio.Cancelled), trio.CancelScope(shield=way == "shielded"):
            await trio.sleep(4)

    app = Handled(handler, timeout=2).app
    async with websocket(app, "/") as ws:
        assert await ws.receive() == "hello"
        ws.ignore_closing()
        with pytest.raises(WebSocketClosed):
            await ws.receive()
        over = 4 if way == "shielded" else 2
        assert (ws.close_code, trio.current_time()) == (1000, over)
        await ws.wait_closed()
        assert trio.current_time() == over + 5


@pytest.mark.http1_only("speaks it by hand")
async def test_a_handler_gives_up_to_open(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """A part of the answer may be out, so the WebSocket is lost; that is no crash."""
    caught: list[WebSocketClosed] = []

    async def handler(ws: WebSocket) -> None:
        with trio.move_on_after(1):
            await ws.accept(headers=[("x-large", "y" * LARGE)])
        with pytest.raises(WebSocketClosed) as raised:
            await ws.send("never")
        caught.append(raised.value)

    handled = Handled(handler)
    with caplog.at_level("INFO"):
        async with connect_transport(handled.app, 50) as transport:
            await transport.send_all(HANDSHAKE)
            await trio.sleep(2)
            transport.set_window(math.inf)
            with suppress(trio.BrokenResourceError):
                while await transport.receive_some():
                    pass
    assert [(each.code, each.by) for each in caught] == [(1006, "lost")]
    assert handled.ends == [(1, "returned", None)]
    assert outcomes(caplog) == ["client-gone"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.http1_only("speaks it by hand")
@pytest.mark.parametrize("size", [0, LARGE])
@pytest.mark.parametrize("delay", [0, 1, 2, 3])
async def test_a_task_opens_what_its_handler_has_refused(
    delay: float, size: int, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It comes first, or hears that there is no WebSocket; never are there two answers."""
    app = Hump()
    seen: list[str] = []

    async def open_late(ws: WebSocket) -> None:
        await trio.sleep(delay)
        try:
            await ws.accept(headers=[("x-large", "y" * size)])
            await trio.sleep(2)
            await ws.send("never")
        except WebSocketClosed as closed:
            seen.append(closed.by)

    @app.exception_handler(HttpException)
    async def refuse(request: Request, error: HttpException) -> Response:
        await trio.sleep(1)
        return Response("z" * size, 401)

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        app.start_soon(open_late, ws)
        await trio.sleep(0.5)
        raise HttpException(401)

    data = b""
    async with connect_transport(app, 50) as transport:
        await transport.send_all(HANDSHAKE)
        await trio.sleep(2.5)
        transport.set_window(math.inf)
        with suppress(trio.BrokenResourceError):
            while part := await transport.receive_some():
                data += part
        await trio.sleep(5)
    assert data.count(b"HTTP/1.1 ") <= 1
    assert b"never" not in data
    opened = b" 101 " in data and b"\r\n\r\n" in data
    assert seen == ["server" if opened else "lost"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def acts() -> dict[str, Callable[[WebSocket], Any]]:
    """Return what a task may do with a WebSocket again and again."""

    async def send_nowait(ws: WebSocket) -> None:
        ws.send_nowait("x")

    async def write(ws: WebSocket) -> None:
        async with ws.writer() as send:
            await send("x")

    return {
        "receive": lambda ws: ws.receive(),
        "stream": lambda ws: anext(ws.stream()),
        "send": lambda ws: ws.send("x"),
        "send_nowait": send_nowait,
        "writer": write,
    }


@pytest.mark.parametrize("end", ["returned", "raised", "left", "timed out", "closed"])
@pytest.mark.parametrize("act", acts())
async def test_a_task_goes_on_when_its_handler_is_over(
    act: str, end: str, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It hears of the end of the WebSocket, within what it does and at each further try."""
    app = Hump()
    seen: list[int] = []

    async def go_on(ws: WebSocket) -> None:
        while len(seen) < 3:
            try:
                await acts()[act](ws)
            except WebSocketClosed as closed:
                seen.append(closed.code)
            await trio.sleep(0.1)

    @app.websocket("/", timeout=2)
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        app.start_soon(go_on, ws)
        await trio.sleep(1)
        if end == "raised":
            raise ValueError
        if end in ("left", "timed out"):
            await trio.sleep_forever()

    async with websocket(app, "/") as ws:
        await trio.sleep(0.5)
        if end == "left":
            ws.reset()
        if end == "closed":
            await ws.close(4000)
        await trio.sleep(8)
    code = {"raised": 1011, "timed out": 1001, "left": 1006, "closed": 4000}.get(end, 1000)
    assert seen == [code] * 3
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == (end == "raised")
