"""How a WebSocket of an app of ASGI ends, and what the app is told of that."""

import gc
import logging
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Limits, Timeouts
from hump_trio.testing import Refused, connect, websocket
from hump_trio.testing.websocket_client import WebSocketClient
from tests.support.asgi_apps import App, Message, Receive, Scope, Send, hump_of
from tests.support.handled import HANDSHAKE, SWEEP_SECONDS, outcomes

ACCEPT = {"type": "websocket.accept"}
TEXT = {"type": "websocket.send", "text": "tea"}


def disconnect(code: int, reason: str = "") -> Message:
    """Return what an app is told at last."""
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


def errors_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was logged as an error."""
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


class Told:
    """An app that opens a WebSocket and receives until it is told of the end.

    Attributes:
        last: What it was told at last, twice.
    """

    def __init__(self) -> None:
        self.last: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Receive until the end, and once more."""
        await receive()
        await send(ACCEPT)
        while (message := await receive())["type"] == "websocket.receive":
            pass
        self.last += [message, await receive()]


async def close_with_a_reason(ws: WebSocketClient) -> None:
    """Close as a program does."""
    await ws.close(4001, "tired")


async def close_without_a_code(ws: WebSocketClient) -> None:
    """Close as a page does that is left."""
    await ws.close(None)


async def reset(ws: WebSocketClient) -> None:
    """Crash."""
    ws.reset()


async def end(ws: WebSocketClient) -> None:
    """Go without a word."""
    await ws.half_close()


async def send_too_much(ws: WebSocketClient) -> None:
    """Send more than a message may have."""
    await ws.send("x" * 1001)


async def send_what_is_none(ws: WebSocketClient) -> None:
    """Break the protocol."""
    await ws.send_frame(0x83)


@pytest.mark.parametrize(
    ("leave", "told", "outcome"),
    [
        (close_with_a_reason, disconnect(4001, "tired"), "ok"),
        (close_without_a_code, disconnect(1005), "ok"),
        (reset, disconnect(1006), "client-gone"),
        (end, disconnect(1006), "client-gone"),
        (send_too_much, disconnect(1009, "a message that is too long"), "refused"),
        (send_what_is_none, disconnect(1002, "an unknown opcode"), "refused"),
    ],
)
async def test_the_app_is_told_how_a_client_leaves(
    leave: Callable[[WebSocketClient], Any],
    told: Message,
    outcome: str,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    """By a code, and the reason if there is one; whoever asks again is told again."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    app = Told()
    outer = hump_of(app, limits=Limits(message_bytes=1000))
    async with websocket(outer, "/") as ws:
        await ws.send("tea")
        await leave(ws)
        with trio.move_on_after(1):
            await ws.wait_closed()
    assert app.last == [told, told]
    assert outcomes(caplog) == [outcome]
    assert not errors_in(caplog)


async def test_send_to_a_client_that_has_left(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It raises an `OSError`, again and again. To close then is no mistake.

    What wasn't delivered is in the access log.
    """
    caplog.set_level(logging.INFO, "hump_trio.access")
    raised: list[str] = []

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        for _ in range(2):
            try:
                while True:
                    await send(TEXT)
                    await trio.sleep(1)
            except OSError as error:
                raised.append(str(error))
        await send({"type": "websocket.close"})

    async with websocket(hump_of(talk), "/") as ws:
        await ws.receive()
        await ws.close(4001, "tired")
    assert raised == ["the WebSocket is closed: 4001 tired (client)"] * 2
    assert not errors_in(caplog)
    assert outcomes(caplog) == ["client-gone"]


class WebSocketDisconnect(Exception):
    """As Starlette's and Litestar's."""


async def let_it_pass(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive as Starlette does."""
    await receive()
    await send(ACCEPT)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    raise WebSocketDisconnect


async def send_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    """Let the error of `send` pass."""
    await send(ACCEPT)
    while True:
        await send(TEXT)
        await trio.sleep(0.01)


async def convert_the_error(scope: Scope, receive: Receive, send: Send) -> None:
    """Make another error of that of `send`."""
    try:
        await send_for_ever(scope, receive, send)
    except OSError as error:
        raise ValueError("gone") from error


async def talk_both_ways(scope: Scope, receive: Receive, send: Send) -> None:
    """Have both errors in a group."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(let_it_pass, scope, receive, send)
        await trio.sleep(0.001)

        async def talk() -> None:
            with trio.CancelScope(shield=True):
                while True:
                    await send(TEXT)
                    await trio.sleep(0.01)

        nursery.start_soon(talk)


@pytest.mark.parametrize("app", [let_it_pass, send_for_ever, convert_the_error, talk_both_ways])
@pytest.mark.parametrize("leave", [close_with_a_reason, reset])
async def test_an_app_that_lets_a_leaving_pass(
    app: Any,
    leave: Callable[[WebSocketClient], Any],
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    """What only says that the client has left is no error, whatever the framework makes of it."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    async with websocket(hump_of(app), "/") as ws:
        await trio.sleep(0.1)
        await leave(ws)
    assert not errors_in(caplog)
    assert outcomes(caplog) == ["client-gone"]


class Held:
    """Something that an app holds while it runs."""


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse the WebSocket."""
    await send({"type": "websocket.close"})


async def refuse_as_a_page(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse the WebSocket by an answer of its own."""
    await send({"type": "websocket.http.response.start", "status": 401})
    await send({"type": "websocket.http.response.body"})


ENDS = [Told(), let_it_pass, send_for_ever, talk_both_ways, refuse, refuse_as_a_page]


@pytest.mark.parametrize("app", ENDS)
async def test_an_app_that_is_over_is_forgotten(app: App, autojump_clock: MockClock) -> None:
    """Without the garbage collector, however the app has ended."""
    held: list[weakref.ref[Held]] = []

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        local = Held()
        held.append(weakref.ref(local))
        await app(scope, receive, send)

    gc.collect()
    gc.disable()
    try:
        with suppress(Refused):
            async with websocket(hump_of(hold), "/") as ws:
                await trio.sleep(0.1)
                await close_with_a_reason(ws)
        assert held[0]() is None
    finally:
        gc.enable()


async def test_an_error_beside_a_leaving_is_one(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It is what is left of a group."""

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(let_it_pass, scope, receive, send)
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("tea")

    async with websocket(hump_of(fail), "/") as ws:
        await trio.sleep(0.1)
        await ws.close()
    (record,) = errors_in(caplog)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ExceptionGroup)
    assert [type(each) for each in record.exc_info[1].exceptions] == [KeyError]


async def test_an_error_of_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """The WebSocket is closed with 1011, and the error is logged once."""

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        raise ValueError("secret")

    async with websocket(hump_of(fail), "/") as ws:
        assert await anext(ws, None) is None
    assert (ws.close_code, ws.close_reason) == (1011, "")
    assert len(errors_in(caplog)) == 1


async def test_the_app_closes() -> None:
    """The client reads code and reason; without them 1000, and the same if the app returns."""

    async def close(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        if scope["path"] == "/said":
            await send({"type": "websocket.close", "code": 4401, "reason": "sign in"})
        elif scope["path"] == "/unsaid":
            await send({"type": "websocket.close", "code": None, "reason": None})

    outer = hump_of(close)
    for path, expected in [
        ("/said", (4401, "sign in")),
        ("/unsaid", (1000, "")),
        ("/", (1000, "")),
    ]:
        async with websocket(outer, path) as ws:
            assert await anext(ws, None) is None
        assert (ws.close_code, ws.close_reason) == expected


async def test_the_app_is_told_when_the_client_has_answered_its_close(
    autojump_clock: MockClock,
) -> None:
    """What it does behind its close isn't cut off by a task that waits for the end."""
    told: list[tuple[float, Message]] = []
    began = trio.current_time()

    async def close(scope: Scope, receive: Receive, send: Send) -> None:
        async def gather() -> None:
            while True:
                message = await receive()
                told.append((trio.current_time() - began, message))
                if message["type"] == "websocket.disconnect":
                    return

        async with trio.open_nursery() as nursery:
            nursery.start_soon(gather)
            await send(ACCEPT)
            await wait_all_tasks_blocked()
            await send({"type": "websocket.close", "code": 4000, "reason": "done"})

    async with websocket(hump_of(close), "/") as ws:
        ws.ignore_closing()
        assert await anext(ws, None) is None
        await trio.sleep(2)
        await ws.send_frame(0x88, b"\x0f\xa0")
    assert told[1:] == [(2, disconnect(4000, "done"))]


async def test_an_app_that_does_not_look_has_a_while(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It is cancelled when it could have known for some seconds that its client has left."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    times: list[float] = []

    async def sleep(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        try:
            await trio.sleep_forever()
        finally:
            times.append(trio.current_time())

    async with websocket(hump_of(sleep), "/") as ws:
        left = trio.current_time()
        ws.reset()
        await trio.sleep(10)
    assert 5 <= times[0] - left <= 5 + 2 * SWEEP_SECONDS
    assert outcomes(caplog) == ["client-gone"]


async def receive_on(receive: Receive, send: Send) -> str:
    """Receive, and tell of what."""
    message = await receive()
    return f"{message['type']} {message.get('code')}"


async def send_much(receive: Receive, send: Send) -> str:
    """Send more than anybody takes, and tell the error."""
    try:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(100_000)})
    except OSError as error:
        return str(error)


@pytest.mark.parametrize(
    ("act", "told", "outcome"),
    [
        (receive_on, "websocket.disconnect 1006", "client-gone"),
        (send_much, "the WebSocket is closed: 1006 (lost)", "stalled"),
    ],
)
async def test_a_client_that_is_found_to_be_gone(
    act: Callable[[Receive, Send], Awaitable[str]],
    told: str,
    outcome: str,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    """The app hears it before it is cancelled: of one that answers no ping, or reads nothing."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    heard: list[str] = []

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        heard.append(await act(receive, send))
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            heard.append("cancelled")
            raise

    async with websocket(hump_of(listen), "/") as ws:
        ws.ignore_pings()
        ws.pause_reading()
        await trio.sleep(200)
    assert heard == [told, "cancelled"]
    assert outcomes(caplog) == [outcome]


@pytest.mark.http1_only("the handshake is written by hand")
async def test_a_client_that_left_before_the_handshake(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """To accept it raises the `OSError`, and the app is told that it has gone."""
    told: list[Any] = []

    async def accept(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await left.wait()
        try:
            await send(ACCEPT)
        except OSError as error:
            told.append(str(error))
        told.append(await receive())
        over.set()

    left, over = trio.Event(), trio.Event()
    async with connect(hump_of(accept)) as raw:
        await raw.send(HANDSHAKE)
        await wait_all_tasks_blocked()
        raw.reset()
        left.set()
        await over.wait()
    assert told == ["the WebSocket is closed: 1006 (lost)", disconnect(1006)]
    assert not errors_in(caplog)


async def test_a_shutdown(autojump_clock: MockClock) -> None:
    """An app that receives is told: 1001. One that doesn't is cancelled, and its client told."""
    app = Told()

    async def sleep(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await trio.sleep_forever()

    outer = hump_of(app, timeouts=Timeouts(shutdown=1))
    async with websocket(outer, "/") as ws:
        await wait_all_tasks_blocked()
        outer.shutdown()
        assert await anext(ws, None) is None
    assert (ws.close_code, app.last[0]) == (1001, disconnect(1001, "going away"))
    outer = hump_of(sleep, timeouts=Timeouts(shutdown=1))
    async with websocket(outer, "/") as ws:
        outer.shutdown()
        assert await anext(ws, None) is None
    assert ws.close_code == 1001


async def test_an_end_of_the_program_is_no_leaving(autojump_clock: MockClock) -> None:
    """Although the app asks for it where it hears that its client has left."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await receive()
        try:
            await send(TEXT)
        except OSError:
            raise SystemExit from None

    async def visit() -> None:
        async with websocket(hump_of(app), "/") as ws:
            await ws.close()
            await trio.sleep(1)

    with pytest.raises(BaseExceptionGroup) as caught:
        await visit()
    assert caught.value.split(SystemExit)[1] is None
