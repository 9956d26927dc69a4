"""Messages both ways: whole, in order, typed, and no more of them held than there may be."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import BindingError, Hump, Limits, WebSocket, WebSocketClosed
from hump_trio.testing import websocket
from tests.support.handled import Handled


class Say(msgspec.Struct, tag="say"):
    """A message of a client."""

    text: str


class Move(msgspec.Struct, tag="move"):
    """Another one."""

    x: int
    y: int = 0


class Said(msgspec.Struct, tag="said"):
    """An answer."""

    text: str
    count: int


class Moved(msgspec.Struct, tag="moved"):
    """Another one."""

    place: tuple[int, int]


def typed_app() -> tuple[Hump, list[Any]]:
    """Return an app whose WebSockets are typed, and what is raised in them."""
    app = Hump()
    caught: list[Any] = []

    @app.websocket("/strict")
    async def strict(ws: WebSocket[Say | Move, Said | Moved]) -> None:
        async for message in ws:
            if isinstance(message, Say):
                await ws.send(Said(message.text, len(message.text)))
            else:
                await ws.send(Moved((message.x, message.y)))

    @app.websocket("/lenient")
    async def lenient(ws: WebSocket[Say | Move, Said | Moved]) -> None:
        while True:
            try:
                await ws.receive()
            except BindingError as error:
                caught.append(str(error.detail))
                await ws.send(Said("what?", len(caught)))

    @app.websocket("/bytes")
    async def echo_bytes(ws: WebSocket[bytes]) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/text")
    async def echo_text(ws: WebSocket[str]) -> None:
        async for message in ws:
            await ws.send(message)

    return app, caught


async def test_types_both_ways(autojump_clock: MockClock) -> None:
    """Unions that are told apart by a tag, as text of JSON."""
    app, _ = typed_app()
    async with websocket(app, "/strict") as ws:
        await ws.send(Say("hello"))
        assert await ws.receive(Said) == Said("hello", 5)
        await ws.send(Move(1, 2))
        assert await ws.receive(str) == '{"type":"moved","place":[1,2]}'
        await ws.send({"type": "move", "x": 3})
        assert await ws.receive(Said | Moved) == Moved((3, 0))


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        ('{"type":"move","x":"1"}', 1007, "x"),
        ('{"type":"jump"}', 1007, "jump"),
        ("{", 1007, ""),
        ("", 1007, ""),
        (b"{}", 1003, ""),
    ],
)
async def test_another_shape_has_a_code(
    sent: str | bytes, code: int, reason: str, autojump_clock: MockClock
) -> None:
    """With the place, where there is one; a message of another kind is none at all."""
    app, _ = typed_app()
    async with websocket(app, "/strict") as ws:
        await ws.send(Say("a"))
        await ws.send(sent)
        with suppress(WebSocketClosed):
            await ws.send(Say("b"))
        assert [message async for message in ws] == ['{"type":"said","text":"a","count":1}']
        await ws.wait_closed()
        assert (ws.close_code, trio.current_time()) == (code, 0)
        assert reason in ws.close_reason
        assert len(ws.close_reason.encode()) <= 123


async def test_another_shape_can_be_caught(autojump_clock: MockClock) -> None:
    """The WebSocket goes on then."""
    app, caught = typed_app()
    async with websocket(app, "/lenient") as ws:
        for number in range(1, 4):
            await ws.send({"type": "move", "x": "far"})
            assert await ws.receive(Said) == Said("what?", number)
    assert len(caught) == 3
    assert all("x" in each for each in caught)


@pytest.mark.parametrize(("path", "good", "bad"), [("/text", "a", b"b"), ("/bytes", b"a", "b")])
async def test_kinds_of_messages(
    path: str, good: str | bytes, bad: str | bytes, autojump_clock: MockClock
) -> None:
    """A route that takes one of them refuses the other."""
    app, _ = typed_app()
    async with websocket(app, path) as ws:
        await ws.send(good)
        assert await ws.receive() == good
        await ws.send(bad)
        await ws.wait_closed()
        assert ws.close_code == 1003


# Sending.


@pytest.mark.parametrize("kind", [str, bytes])
async def test_a_message_that_is_given_up_is_whole_all_the_same(
    kind: type, autojump_clock: MockClock
) -> None:
    """What was begun is sent to its end, and the next one behind it."""
    big: Any = "x" * 1_000_000 if kind is str else b"x" * 1_000_000
    times = []

    async def give_up(ws: WebSocket) -> None:
        with trio.move_on_after(1) as scope:
            await ws.send(big)
        assert scope.cancelled_caught
        times.append(trio.current_time())
        await ws.send("x")
        times.append(trio.current_time())

    handled = Handled(give_up)
    async with websocket(handled.app, "/") as ws:
        ws.pause_reading()
        await trio.sleep(10)
        assert times == [1]
        assert await ws.receive() == big
        assert await ws.receive() == "x"
    assert times == [1, 10]
    assert ws.close_code == 1000


async def test_a_message_that_has_not_begun_may_be_given_up(autojump_clock: MockClock) -> None:
    """It isn't sent then, or whole."""

    async def give_up(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, b"a" * 1_000_000)
            await wait_all_tasks_blocked()
            for letter in (b"b", b"c", b"d"):
                with trio.move_on_after(1):
                    await ws.send(letter * 100_000)
        await ws.send("end")

    handled = Handled(give_up)
    async with websocket(handled.app, "/") as ws:
        ws.pause_reading()
        await trio.sleep(10)
        received: list[Any] = [message async for message in ws]
    assert (received[0], received[-1]) == (b"a" * 1_000_000, "end")
    assert {len(message) for message in received[1:-1]} <= {100_000}
    assert handled.ends == [(10, "returned", None)]


@pytest.mark.parametrize("size", [1, 3000])
@pytest.mark.parametrize("paused", [False, True])
async def test_many_tasks_may_send(size: int, paused: bool, autojump_clock: MockClock) -> None:
    """No message is torn, and each task's are in order, whether the client reads or not."""
    count = 1000 if size == 1 else 200

    async def send_all(ws: WebSocket, letter: str) -> None:
        for number in range(count):
            await ws.send(f"{letter}{number} {letter * size}")

    async def serve(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            for letter in "abc":
                nursery.start_soon(send_all, ws, letter)

    handled = Handled(serve)
    async with websocket(handled.app, "/") as ws:
        if paused:
            ws.pause_reading()
            await trio.sleep(5)
        received = [str(message) async for message in ws]
    for letter in "abc":
        own = [message for message in received if message[0] == letter]
        assert own == [f"{letter}{number} {letter * size}" for number in range(count)]
    assert len(received) == 3 * count


async def test_one_task_receives_at_a_time(autojump_clock: MockClock) -> None:
    """A second one is told so, and the first one goes on."""
    seen = []

    async def serve(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:

            async def first() -> None:
                seen.append(await ws.receive())

            nursery.start_soon(first)
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await ws.receive()
            await ws.send("told")

    handled = Handled(serve)
    async with websocket(handled.app, "/") as ws:
        assert await ws.receive() == "told"
        await ws.send("only")
        await ws.wait_closed()
    assert (seen, ws.close_code) == (["only"], 1000)


async def test_receiving_can_be_given_up(autojump_clock: MockClock) -> None:
    """Nothing is lost by that, at whatever moment."""
    received: list[Any] = []

    async def serve(ws: WebSocket) -> None:
        while len(received) < 50:
            with trio.move_on_after(0.7):
                received.append(await ws.receive())

    handled = Handled(serve)
    async with websocket(handled.app, "/") as ws:
        for number in range(50):
            await ws.send(str(number))
            await trio.sleep(0.35)
        await ws.wait_closed()
    assert received == [str(number) for number in range(50)]


async def test_messages_that_nobody_receives_are_held_up(autojump_clock: MockClock) -> None:
    """The app holds 64 KiB of them, and what one read or a window brings; nothing is lost."""
    message_bytes, count = 10_000, 1000
    go_on = trio.Event()
    held: list[int] = []
    received: list[Any] = []

    async def serve(ws: WebSocket) -> None:
        await ws.accept()
        await go_on.wait()
        held.append(ws.request.app.statistics().buffered_bytes)
        async for message in ws:
            received.append(message)  # noqa: PERF401

    handled = Handled(serve, limits=Limits(message_bytes=message_bytes))
    sent: list[int] = []

    async def send_all() -> None:
        for number in range(count):
            await ws.send(b"%4d" % number + bytes(message_bytes - 4))
            sent.append(number)
        await ws.close()

    async with websocket(handled.app, "/") as ws, trio.open_nursery() as nursery:
        nursery.start_soon(send_all)
        await trio.sleep(120)
        assert len(sent) < count / 2  # over TCP, its buffers hold more than the app does
        go_on.set()
    window_bytes = 256 * 1024 if ws.response.http_version == "HTTP/2" else 80 * 1024
    assert held[0] <= 64 * 1024 + window_bytes
    assert [int(message[:4]) for message in received] == list(range(count))
    assert ws.close_code == 1000


async def test_a_flood_leaves_others_their_turn(autojump_clock: MockClock) -> None:
    """Whoever receives without waiting lets other tasks run now and then."""
    count = 2000
    turns = []

    async def serve(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                while True:
                    await trio.lowlevel.checkpoint()
                    turns.append(0)

            nursery.start_soon(watch)
            async for _ in ws:
                pass
            nursery.cancel_scope.cancel()

    handled = Handled(serve)
    async with websocket(handled.app, "/") as ws:
        await ws.send_raw(b"\x81\x81\0\0\0\0a" * count)
        await ws.close()
    assert len(turns) >= count / 64


async def test_sending_after_the_end_is_an_end(autojump_clock: MockClock) -> None:
    """Of every kind, for handler and tasks alike; caught, it harms nothing."""
    raised = []

    async def serve(ws: WebSocket) -> None:
        await ws.close(4000, "enough")
        for use in (ws.receive, lambda: ws.send("x"), lambda: ws.send(b"y")):
            try:
                await use()
            except WebSocketClosed as closed:
                raised.append((closed.code, closed.reason, closed.by))
        with pytest.raises(WebSocketClosed):
            ws.send_nowait("z")
        assert [message async for message in ws] == []

    handled = Handled(serve)
    async with websocket(handled.app, "/") as ws:
        await ws.wait_closed()
    assert raised == [(4000, "enough", "server")] * 3
    assert (ws.close_code, handled.ends) == (4000, [(0, "returned", None)])
