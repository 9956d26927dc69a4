"""The client's end of a WebSocket to an app in memory, with good manners and bad ones."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, overload

import trio

import hump_trio.testing.http_library as httpx
from hump_trio.content.json_text import json_codec
from hump_trio.facts.exceptions import HttpException, WebSocketClosed
from hump_trio.testing.app_frames import (
    BINARY,
    CLOSE,
    FINAL,
    TEXT,
    encode_client_frame,
    encode_close_payload,
    require,
)
from hump_trio.testing.client_session import ClientSession
from hump_trio.testing.memory_listener import single_failure
from hump_trio.testing.opening_handshake import Refused, asking_fields, check_answer

__all__ = ["WebSocketClient", "open_websocket"]

T = TypeVar("T")


class WebSocketClient:
    """A WebSocket to an app, as `websocket` opens it.

    What the app sends is read as it comes, whatever the test does: pings and the app's closing
    frame are answered, and messages wait for `receive`. A frame that a server may not send is an
    `AssertionError` and fails the test.

    Attributes:
        response: The app's answer to the handshake, an `httpx.Response` with status 101.
        subprotocol: The one that the app has chosen; None if it has chosen none.

    Args:
        response: The app's answer to the handshake, which brings the connection.
        timeout: The seconds that each method waits for the app at most; None: no limit.
    """

    def __init__(self, response: httpx.Response, timeout: float | None) -> None:
        self.response: httpx.Response = response
        self.subprotocol: str | None = response.headers.get("sec-websocket-protocol")
        self._session = ClientSession(response)
        self._timeout = math.inf if timeout is None else timeout

    @property
    def close_code(self) -> int | None:
        """The code of the app's closing frame.

        1005 if it had none, 1006 if the connection has ended without such a frame, None while the
        WebSocket is open.
        """
        return self._session.close_code

    @property
    def close_reason(self) -> str:
        """The reason of the app's closing frame; empty without one."""
        return self._session.close_reason

    @property
    def was_reset(self) -> bool:
        """Whether the app has broken the connection off, with or without a closing frame."""
        return self._session.was_reset

    async def send(self, message: Any) -> None:
        """Send a message: a `str` as text, `bytes` as binary, anything else as text of JSON.

        Raises:
            WebSocketClosed: The WebSocket has ended, or is being closed.

        Cancellation: a checkpoint; waits while the app doesn't read. A part of the message may have
        gone if cancelled here.
        """
        session = self._session
        if not session.takes_messages:
            raise session.closed_error()
        try:
            if isinstance(message, bytes):
                await self.send_frame(FINAL | BINARY, message)
            else:
                text = message.encode() if isinstance(message, str) else json_codec.encode(message)
                await self.send_frame(FINAL | TEXT, text)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await session.ended.wait()
            raise session.closed_error() from None

    @overload
    async def receive(self) -> str | bytes: ...

    @overload
    async def receive(self, expected: type[T]) -> T: ...

    @overload
    async def receive(self, expected: Any) -> Any: ...

    async def receive(self, expected: Any = None) -> Any:
        """Return the next message.

        Reading goes on if it was paused.

        Args:
            expected: `str` or `bytes` for such a message; any other type for the value that its
                JSON is converted to. None: the message as it is.

        Raises:
            AssertionError: The message doesn't fit.
            WebSocketClosed: There is none, and there will be none.
            trio.TooSlowError: None has come within the ``timeout`` of `websocket`.

        Cancellation: a checkpoint; nothing is lost if cancelled here.
        """
        message = await self._wait(self._session.messages.receive, "no message has come")
        return message if expected is None else convert(message, expected)

    def __aiter__(self) -> "WebSocketClient":
        return self

    async def __anext__(self) -> str | bytes:
        """Return the next message, until the WebSocket has ended in good order."""
        try:
            return await self.receive()
        except WebSocketClosed as closed:
            if closed.by == "lost":
                raise
            raise StopAsyncIteration from None

    async def receive_ping(self) -> bytes:
        """Return what the next ping of the app holds. A checkpoint.

        Raises:
            WebSocketClosed: None will come.
            trio.TooSlowError: None has come within the ``timeout`` of `websocket`.
        """
        return await self._wait(self._session.pings.receive, "no ping has come")

    async def receive_pong(self) -> bytes:
        """Return what the next pong of the app holds. A checkpoint.

        Raises:
            WebSocketClosed: None will come.
            trio.TooSlowError: None has come within the ``timeout`` of `websocket`.
        """
        return await self._wait(self._session.pongs.receive, "no pong has come")

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a closing frame, unless one was sent, and wait until the connection has ended.

        Messages that come meanwhile are there for `receive`. Reading goes on if it was paused.

        Args:
            code: The code of the closing frame; None for a frame without a code.
            reason: The reason of the closing frame.

        Raises:
            trio.TooSlowError: It hasn't ended within the ``timeout`` of `websocket`.

        Cancellation: a checkpoint; if cancelled here the frame was sent, or a part of it.
        """
        session = self._session
        if not (session.closing_sent or session.ended.is_set()):
            session.note_closing("client", code or 1005, reason)
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self.send_frame(FINAL | CLOSE, encode_close_payload(code, reason))
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the app has ended the connection. A checkpoint.

        Reading goes on if it was paused.

        Raises:
            trio.TooSlowError: It hasn't ended within the ``timeout`` of `websocket`.
        """
        await self._wait(self._session.ended.wait, "the app hasn't ended the connection")

    async def send_frame(
        self, first_byte: int, payload: bytes = b"", *, masked: bool = True
    ) -> None:
        """Send one frame, whatever it is. A checkpoint; waits while the app doesn't read.

        Args:
            first_byte: The opcode, with the bits before it: ``0x81`` is a whole text.
            payload: What the frame holds.
            masked: Whether it is masked; a server has to refuse one that isn't.

        Raises:
            trio.BrokenResourceError: The app has closed or reset the connection.
        """
        await self.send_raw(encode_client_frame(first_byte, payload, masked=masked))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are. A checkpoint; waits while the app doesn't read.

        Behind a part of a frame a pong would be taken for the rest of it: see `ignore_pings`.

        Args:
            data: The bytes, masked if they are frames that should be.

        Raises:
            trio.BrokenResourceError: The app has closed or reset the connection.
        """
        await self._session.write(data)

    async def trickle(self, data: bytes, *, pause: float) -> None:
        """Send bytes one by one, as a slow client does; nothing else is sent between them.

        Args:
            data: The bytes to send.
            pause: Seconds to wait after each byte.

        Raises:
            trio.BrokenResourceError: The app has closed or reset the connection.
        """
        await self._session.write(data, pause=pause)

    def pause_reading(self) -> None:
        """Acknowledge nothing more, and answer nothing, as a stalled reader does.

        Reading goes on with the next `receive`, `close`, or whatever else waits for the app.
        """
        self._session.pause()

    async def half_close(self) -> None:
        """End the connection in the client's direction, without a closing frame. A checkpoint."""
        await self._session.end()

    def reset(self) -> None:
        """Break the connection off at once, as a client that crashes does."""
        self._session.reset()

    def ignore_pings(self) -> None:
        """Answer no pings from now on."""
        self._session.answers_pings = False

    def ignore_closing(self) -> None:
        """Answer no closing frame from now on, and don't end the connection when the app does."""
        self._session.answers_closing = False

    async def _wait(self, wait: Callable[[], Awaitable[T]], late: str) -> T:
        """Return what is waited for; reading goes on. What is late is said where it is."""
        self._session.resume()
        with trio.move_on_after(self._timeout):
            try:
                return await wait()
            except trio.EndOfChannel:
                raise self._session.closed_error() from None
        raise trio.TooSlowError(f"{late} within {self._timeout:g} s")


@asynccontextmanager
async def open_websocket(
    http: httpx.AsyncClient, url: str, fields: dict[str, str], timeout: float | None
) -> AsyncIterator[WebSocketClient]:
    """Ask for a WebSocket, and have it read and answered while it is open.

    Args:
        http: The client whose connection it takes.
        url: What it is asked for by.
        fields: Further fields of the handshake.
        timeout: How long its methods wait for the app at most, in seconds.

    Raises:
        AssertionError: The app's handshake isn't what RFC 6455 asks for.
        Refused: The app has answered otherwise.
    """
    fields = asking_fields() | fields
    async with http.stream("GET", url, headers=fields, follow_redirects=False) as response:
        if response.status_code != 101:
            await response.aread()
            raise Refused(response)
        check_answer(response)
        ws = WebSocketClient(response, timeout)
        session = ws._session
        try:
            with single_failure():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(session.serve_reading)
                    nursery.start_soon(session.serve_answering)
                    yield ws
                    if not session.paused and session.answers_closing and not session.half_closed:
                        await ws.close()
                    nursery.cancel_scope.cancel()
        finally:
            session.cut()


def convert(message: str | bytes, expected: Any) -> Any:
    """Return a message as a type wants it.

    Raises:
        AssertionError: It doesn't fit.
    """
    if expected is str or expected is bytes:
        require(isinstance(message, expected), f"no {expected.__name__}: {message!r:.200}")
        return message
    text = message.encode() if isinstance(message, str) else message
    try:
        return json_codec.decode(text, expected)
    except HttpException as error:
        raise AssertionError(f"the app has sent {message!r:.200}: {error.detail}") from error
