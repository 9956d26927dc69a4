"""A WebSocket as its handler knows it, over a channel whose client is the test."""

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio.channels.websocket import Terms, WebSocket, channel_of
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.channel import MessageRules
from tests.support.channels import FakeChannel, websocket_request


def made(*fields: tuple[str, str], terms: Terms | None = None) -> tuple[WebSocket, FakeChannel]:
    """Return a WebSocket and its channel."""
    request, channel = websocket_request(*fields)
    return WebSocket(request, terms or Terms()), channel


async def test_the_first_use_accepts() -> None:
    """Whatever it is: a receive, a send, an iteration, parts, a close."""

    async def iterate(ws: WebSocket) -> None:
        async for message in ws:
            assert message == "hi"
            return

    async def stream(ws: WebSocket) -> None:
        assert [part async for part in ws.stream()] == ["hi"]

    async def write(ws: WebSocket) -> None:
        async with ws.writer() as send:
            await send("hi")

    async def accept(ws: WebSocket) -> None:
        await ws.accept()

    for use in (
        WebSocket.receive,
        lambda ws: ws.send("x"),
        WebSocket.close,
        iterate,
        stream,
        write,
        accept,
    ):
        ws, channel = made()
        channel.give("hi")
        assert not channel.opened
        await use(ws)
        assert channel.opened
        await ws.accept()
        assert channel.accept_count == 1


async def test_two_first_uses_accept_once() -> None:
    """A task that sends and one that receives may both be the first."""
    ws, channel = made()
    got: list[Any] = []

    async def receive() -> None:
        got.append(await ws.receive())

    channel.give("hi")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(ws.send, "x")
    assert (got, channel.sent, channel.accept_count) == (["hi"], ["x"], 1)


async def test_who_waits_for_a_first_use_hears_that_it_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cancelled, it has lost the WebSocket: another task that sends meanwhile is told so."""

    async def wait_for_client(*arguments: object, **options: object) -> None:
        await trio.sleep_forever()

    async def accept() -> None:
        with scope:
            await ws.accept()

    async def send() -> None:
        with pytest.raises(WebSocketClosed) as closed:
            await ws.send("x")
        codes.append(closed.value.code)

    ws, channel = made()
    monkeypatch.setattr(channel, "accept", wait_for_client)
    scope = trio.CancelScope()
    codes: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        await wait_all_tasks_blocked()
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        assert not codes
        scope.cancel()
    assert codes == [1006]
    assert not channel.sent


async def test_messages_both_ways() -> None:
    """Text and bytes are received and sent as they are, and iterating ends with the client."""
    ws, channel = made()
    channel.give("a")
    channel.give(b"b")
    channel.end(1001, "bye")
    channel.close_code = None  # it comes behind the messages
    await ws.send("x")
    await ws.send(b"y")
    assert ws.send_nowait("z")
    channel.close_code = 1001
    assert [message async for message in ws] == ["a", b"b"]
    assert channel.sent == ["x", b"y", "z"]
    assert (ws.close_code, ws.close_reason) == (1001, "bye")
    with pytest.raises(WebSocketClosed):
        await ws.receive()
    with pytest.raises(WebSocketClosed):
        await ws.send("late")
    with pytest.raises(WebSocketClosed):
        ws.send_nowait("late")
    await ws.close()


async def test_a_handshake_whose_answer_was_cut() -> None:
    """It isn't answered again, in the midst of the first answer; the client is lost."""
    ws, channel = made()
    with trio.CancelScope() as scope:
        scope.cancel()
        await ws.send("x")
    assert not channel.opened
    scope = trio.CancelScope()
    ws, channel = made()

    async def accept(*args: Any, **options: Any) -> None:
        scope.cancel()
        await trio.lowlevel.checkpoint()

    channel.accept = accept  # type: ignore[method-assign]
    with scope:
        await ws.send("x")
    for _ in range(2):
        with pytest.raises(WebSocketClosed) as caught:
            await ws.send("x")
        assert (caught.value.code, caught.value.by) == (1006, "lost")


async def test_what_cannot_be_sent() -> None:
    """Another type is refused with what to write, before anything is accepted."""
    ws, channel = made()
    for message in ({"a": 1}, None, 7, bytearray(b"x")):
        with pytest.raises(TypeError, match=r"sends str and bytes.*WebSocket\[Question, Answer\]"):
            await ws.send(message)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="sends str and bytes"):
            ws.send_nowait(message)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"await websocket.accept\(\)"):
        ws.send_nowait("x")
    assert not channel.opened
    assert channel.sent == []


async def test_terms() -> None:
    """What a route says goes to the channel, and what encodes is asked for each message."""
    rules = MessageRules(limit_bytes=7, kind="text", decode=lambda text: int(text))
    request, channel = websocket_request()
    ws = WebSocket[int, int](request, Terms(rules=rules, encode=str))
    channel.give("5")
    assert await ws.receive() == 5
    await ws.send(6)
    assert ws.send_nowait(7)
    assert (channel.rules, channel.sent) == (rules, ["6", "7"])
    assert channel_of(ws) is channel


async def test_acceptance() -> None:
    """With fields and a subprotocol of the client's; once, and before all else."""
    ws, channel = made(("sec-websocket-protocol", "v1, v2"))
    for name in ("Upgrade", "Sec-WebSocket-Accept", "connection", "content-length"):
        with pytest.raises(ValueError, match="is the server's own"):
            await ws.accept(headers={name: "x"})
    with pytest.raises(ValueError, match="has not offered the subprotocol 'v3'"):
        await ws.accept(subprotocol="v3")
    with pytest.raises(ValueError, match="can't be sent"):
        await ws.accept(headers={"x": "a\r\nb"})
    before = ws.subprotocol
    await ws.accept(subprotocol="v2", headers=[("Set-Cookie", "a=b")])
    assert (before, ws.subprotocol, channel.subprotocol) == (None, "v2", "v2")
    assert channel.fields == [("set-cookie", "a=b")]
    await ws.accept()
    with pytest.raises(RuntimeError, match="answered already"):
        await ws.accept(subprotocol="v1")


async def test_a_client_that_has_gone_before() -> None:
    """Each use tells so, and the handshake isn't answered again."""
    ws, channel = made()
    channel.lose()
    with pytest.raises(WebSocketClosed):
        await ws.accept()
    with pytest.raises(WebSocketClosed):
        await ws.send("x")
    await ws.close()
    assert (ws.close_code, channel.accept_count) == (1006, 0)


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1014, 3000, 4401, 4999])
async def test_a_close(code: int) -> None:
    """A code that may be sent goes out with its reason, and a second close changes nothing."""
    ws, channel = made()
    await ws.close(code, "ü" * 61)
    await ws.close(4000)
    assert (channel.closed_with, channel.opened) == ((code, "ü" * 61), True)
    assert (ws.close_code, ws.close_reason) == (code, "ü" * 61)


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        *[(code, "", ValueError) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, -1)],
        (1000, "ü" * 62, ValueError),
        (1000.0, "", TypeError),
        (True, "", TypeError),
        (1000, b"", TypeError),
    ],
)
async def test_a_close_that_cannot_be_sent(code: Any, reason: Any, error: type[Exception]) -> None:
    """It is refused before anything goes out."""
    ws, channel = made()
    with pytest.raises(error):
        await ws.close(code, reason)
    assert (channel.closed_with, channel.opened) == (None, False)


def test_names_of_other_frameworks() -> None:
    """The error says what they are called here."""
    ws, _ = made()
    for name, hint in [("receive_text", "await ws.receive"), ("headers", "ws.request")]:
        with pytest.raises(AttributeError, match=hint):
            getattr(ws, name)
    with pytest.raises(AttributeError, match=r"a WebSocket has no 'nothing'$"):
        ws.nothing  # type: ignore[attr-defined] # noqa: B018


def test_types_of_both_directions() -> None:
    """One type is that of both."""
    assert WebSocket[str] == WebSocket[str, str]
    assert WebSocket[str, bytes].__args__ == (str, bytes)  # type: ignore[attr-defined]


async def test_what_a_handler_may_ask() -> None:
    """Its request, how far the client is, and whether the app is to end."""
    ws, channel = made()
    assert ws.request.channel is channel
    assert (ws.close_code, ws.close_reason, ws.draining) == (None, "", False)
    channel.latency_seconds = 0.5
    assert ws.latency_seconds == 0.5

    class App:
        draining = True

        async def wait_draining(self) -> None:
            await trio.lowlevel.checkpoint()

    ws.request.app = App()
    assert ws.draining
    await ws.wait_draining()
