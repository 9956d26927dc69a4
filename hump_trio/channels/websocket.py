"""The WebSocket that a handler takes: messages both ways, over whatever protocol it came by."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

import trio

from hump_trio.channels.parts import Parts, SendPart, write_parts
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.facts.grammar import is_integer
from hump_trio.facts.hints import OF_WEBSOCKET, hint_of
from hump_trio.messages.channel import Channel, Message, MessageRules
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request
from hump_trio.messages.response import Fields, Response
from hump_trio.websocket.failures import check_close_code
from hump_trio.websocket.handshake import parse_subprotocols

__all__ = ["Refusal", "Terms", "WebSocket", "channel_of", "check_plain"]

if TYPE_CHECKING:  # defaults, which the typing module has from Python 3.13 on
    from typing_extensions import TypeVar as DefaultTypeVar

    In = DefaultTypeVar("In", default=Message)
    Out = DefaultTypeVar("Out", default=In, contravariant=True)  # what sends more also sends less
else:
    In = TypeVar("In")
    Out = TypeVar("Out")

PLAIN = (str, bytes)
# RFC 6455 section 5.5: a control frame has at most 125 bytes, two of which are the code.
REASON_BYTES = 123
# Fields of the handshake, and of framing, which are the server's (RFC 6455 section 4.2.2).
HANDSHAKE_FIELDS = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})


def check_plain(message: Any) -> Message:
    """Return what is sent as it is, str or bytes.

    Raises:
        TypeError: With what to write for messages of other types.
    """
    if isinstance(message, PLAIN):  # a union would take four times as long
        plain: Message = message
        return plain
    raise TypeError(
        f"a WebSocket sends str and bytes, not {type(message).__name__}; one of another type is"
        " annotated with it, as in `websocket: WebSocket[Question, Answer]`"
    )


class Refusal(Response):
    """A response that a mounted app returns to be sent in place of a handshake.

    A handler raises an `HttpException` instead.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a route and the annotation of its handler's parameter say of a WebSocket.

    Args:
        rules: What is taken from the client.
        encode: Makes a message of what is sent; raises TypeError for what is of another type.
        subprotocols: Those that the server speaks, the preferred one first.
    """

    rules: MessageRules = field(default_factory=MessageRules)
    encode: Callable[[Any], Message] = check_plain
    subprotocols: tuple[str, ...] = ()


class WebSocket(Generic[In, Out]):
    """A WebSocket, as the handler of an `@app.websocket` route takes it.

    ``async for message in websocket`` yields messages until the client closes, and `send` sends
    one. A plain ``WebSocket`` receives and sends str and bytes. ``WebSocket[In, Out]`` names the
    types of both directions, and ``WebSocket[T]`` one type for both: str, bytes, or what JSON can
    become, such as a union of tagged `msgspec.Struct` classes.

    The handshake is answered at the first use: until then the handler may raise an `HttpException`,
    which is an ordinary answer. When the handler returns, the WebSocket is closed with 1000.

    Every task of the handler may send; one at a time receives. Pings, and the client's close, are
    answered whether the handler receives or not.

    Args:
        request: The request that asks for the WebSocket; `request` gives it to the handler.
        terms: What the route and the annotation of the handler's parameter say.
        subprotocol: What the route has agreed on with the client.

    Source: RFC 6455, and RFC 8441 over HTTP/2.
    """

    __slots__ = ("_channel", "_encode", "_opening", "_request", "_rules", "_subprotocol")

    def __init__(self, request: Request, terms: Terms, subprotocol: str | None = None) -> None:
        assert request.channel is not None, "a route for WebSockets is asked for one"
        self._request = request
        self._channel: Channel = request.channel
        # Taken by the one attempt to answer the handshake: a second one would be read as frames.
        self._rules: MessageRules | None = terms.rules
        self._encode = terms.encode
        self._subprotocol = subprotocol
        self._opening: trio.Event | None = None  # while the handshake is being answered

    if not TYPE_CHECKING:  # a checker would take it for leave to ask for anything

        def __class_getitem__(cls, types: Any) -> Any:
            """Return the class of a WebSocket with types; one type is that of both directions."""
            return super().__class_getitem__(types if isinstance(types, tuple) else (types, types))

        def __getattr__(self, name: str) -> NoReturn:
            """Say in the error what another framework's name is called here."""
            hint = hint_of(OF_WEBSOCKET, [name])
            raise AttributeError(f"a WebSocket has no {name!r}{hint}", name=name, obj=self)

    @property
    def request(self) -> Request:
        """The request that has asked for the WebSocket: its fields, cookies, client and state."""
        return self._request

    @property
    def subprotocol(self) -> str | None:
        """The first subprotocol of the route's that the client has offered; None for none.

        After `accept` the property is the subprotocol that was given there.
        """
        return self._subprotocol

    @property
    def close_code(self) -> int | None:
        """The code of the close that has ended the WebSocket; None while it is open.

        1005 stands for a client's close without a code, and 1006 for a client that has gone without
        a close (RFC 6455 section 7.4.1).
        """
        return self._channel.close_code

    @property
    def close_reason(self) -> str:
        """The reason of the close that has ended the WebSocket; empty while it is open."""
        return self._channel.close_reason

    @property
    def latency_seconds(self) -> float | None:
        """How long the client took to answer the last ping; None before its first answer."""
        return self._channel.latency_seconds

    @property
    def draining(self) -> bool:
        """Whether the shutdown of the app has begun (see `Hump.draining`)."""
        app = self._request.app
        return app is not None and bool(app.draining)

    async def wait_draining(self) -> None:
        """Wait until a shutdown asks handlers to end (see `Hump.wait_draining`).

        Cancellation: a checkpoint.
        """
        await self._request.wait_draining()

    async def accept(self, *, subprotocol: str | None = None, headers: Fields = ()) -> None:
        """Answer the handshake, so that messages come and go. Few handlers need this.

        The first use of the WebSocket does the same. A call without arguments changes nothing if
        the WebSocket is open already.

        Args:
            subprotocol: One of those that the client has offered. By default the first one of the
                route's ``subprotocols`` among them.
            headers: Further header fields of the answer, such as ``Set-Cookie``.

        Raises:
            RuntimeError: There are arguments, and the handshake was answered already.
            ValueError: The client hasn't offered the subprotocol, or a field can't be sent, or is
                one of the handshake's own.
            WebSocketClosed: The client has gone.

        Cancellation: a checkpoint only where another task is doing so, or the client doesn't take
            the answer at once. Cancelled while it doesn't, the WebSocket is lost.

        Source: RFC 6455 section 4.2.2.
        """
        fields = Headers(headers).items()
        for name, _ in fields:
            if name in HANDSHAKE_FIELDS or name.startswith("sec-websocket-"):
                raise ValueError(f"{name} is the server's own in the answer to a handshake")
        if subprotocol is not None and subprotocol not in parse_subprotocols(
            self._request.headers.items()
        ):
            raise ValueError(f"the client has not offered the subprotocol {subprotocol!r:.80}")
        if self._channel.opened and (fields or subprotocol is not None):
            raise RuntimeError("the handshake was answered already: accept comes before all else")
        await self._open(fields, subprotocol)

    async def _open(
        self,
        fields: Iterable[tuple[str, str]] = (),
        subprotocol: str | None = None,
        *,
        streaming: bool = False,
    ) -> None:
        """Answer the handshake, unless another task has done so."""
        channel = self._channel
        if channel.opened:
            return
        if self._opening is not None:
            await self._opening.wait()
            if channel.opened:
                return
        rules, self._rules = self._rules, None
        if rules is None or channel.close_code is not None:
            raise WebSocketClosed(1006, "", "lost")
        if subprotocol is not None:
            self._subprotocol = subprotocol
        self._opening = opening = trio.Event()
        try:
            await channel.accept(rules, fields, self._subprotocol, streaming=streaming)
        finally:
            self._opening = None
            opening.set()

    def receive(self) -> Awaitable[In]:
        """Return the next message.

        One that is longer than the route's ``message_limit``, and one of the other kind (binary
        where text is taken), closes the WebSocket. With ``WebSocket[In, Out]`` a message that is no
        ``In`` raises `BindingError`. The WebSocket stays open if the handler catches that, and is
        closed with 1007 and the place of the fault otherwise.

        Raises:
            BindingError: The message is no ``In``.
            WebSocketClosed: The client has closed or gone, or the WebSocket was closed here.
                Messages that came before are returned first.
            trio.BusyResourceError: Another task receives.

        Cancellation: a checkpoint if no message is here yet, and now and then. No message is lost.
        """
        channel = self._channel
        if channel.opened:
            return channel.receive()
        return self._receive_first(iterating=False)

    async def _receive_first(self, *, iterating: bool) -> Any:
        await self._open()
        return await self._channel.receive(iterating=iterating)

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[In]:
        # A coroutine around that of the channel would cost a tenth of a message. A look at an
        # attribute costs three times what it does elsewhere, since the class has a `__getattr__`.
        channel = self._channel
        if channel.opened:
            return channel.receive(iterating=True)
        return self._receive_first(iterating=True)

    def send(self, message: Out) -> Awaitable[None]:
        """Send a message, and wait until the system has it.

        Any task may send: messages go out whole, in the order of the calls.

        Raises:
            TypeError: The message is of another type than ``Out``.
            WebSocketClosed: The client has closed or gone, or the WebSocket was closed here.

        Cancellation: a checkpoint where the system doesn't take the message at once, and now and
            then. A message that has begun its way goes out whole; another one isn't sent.
        """
        text, channel = self._encode(message), self._channel
        if channel.opened:
            return channel.send(text)
        return self._send_first(text)

    async def _send_first(self, message: Message) -> None:
        await self._open()
        await self._channel.send(message)

    def send_nowait(self, message: Out) -> bool:
        """Send a message if no other waits to be sent before it, and tell whether that was so.

        What the system doesn't take at once of a message is sent as soon as possible.

        Raises:
            RuntimeError: The handshake isn't answered yet (see `accept`).
            TypeError: The message is of another type than ``Out``.
            WebSocketClosed: The client has closed or gone, or the WebSocket was closed here.
        """
        text, channel = self._encode(message), self._channel
        if not channel.opened and channel.close_code is None:
            raise RuntimeError("nothing can be sent at once before `await websocket.accept()`")
        return channel.send_nowait(text)

    def stream(self) -> AsyncIterator[Any]:
        """Return the parts of the next message, str or bytes, to be iterated as they come.

        No limit applies to the message, and ``In`` isn't looked at. If the loop is left before the
        end of the message, the next call of `stream` goes on with it. The first step opens the
        WebSocket.

        Raises:
            WebSocketClosed: The client has closed or gone, or the WebSocket was closed here; a
                message may have begun.
            trio.BusyResourceError: Another task receives.

        Cancellation: each step is a checkpoint. No part is lost.
        """
        return Parts(self._receive_part)

    async def _receive_part(self) -> tuple[Message, bool]:
        await self._open(streaming=True)
        return await self._channel.receive_part()

    def writer(self) -> AbstractAsyncContextManager[SendPart]:
        """Return what sends one message in parts: ``async with websocket.writer() as send``.

        ``await send(part)`` takes str, or bytes; all parts of a message are of one of them. One
        task at a time sends parts. The message ends with the block. Other messages wait until
        then, so one that is sent within the block would never go out. If the block raises, or
        is cancelled, when a part is out, the message can't be ended: the WebSocket is closed with
        1011. A block without a part sends nothing. ``Out`` isn't looked at.

        Raises:
            RuntimeError: A part is sent when the block is over.
            TypeError: A part is of another type than str or bytes, or than the part before it.
            WebSocketClosed: The client has closed or gone, or the WebSocket was closed here.
            trio.BusyResourceError: Another task sends a part of the message.

        Cancellation: ``send`` is a checkpoint where the system doesn't take the part at once.

        Source: RFC 6455 section 5.4.
        """
        return write_parts(self._channel, self._open)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket behind all messages that were sent; a second close changes nothing.

        Before the handshake is answered, the handshake is answered first, since a browser shows no
        page the code otherwise; raise an `HttpException` to refuse the handshake itself.

        Args:
            code: 1000 to 1003 and 1007 to 1014 have meanings that the RFC gives them; 3000 to 4999
                are for applications.
            reason: A text for the client's program, of at most 123 bytes in UTF-8.

        Raises:
            TypeError: The code isn't a number, or the reason isn't text.
            ValueError: The code can't be sent, or the reason is too long.

        Cancellation: a checkpoint where the system doesn't take the close at once.

        Source: RFC 6455 sections 5.5.1 and 7.4.
        """
        if not is_integer(code) or not isinstance(reason, str):
            raise TypeError(f"a close has a code and a reason, not {code!r:.80} and {reason!r:.80}")
        check_close_code(code)
        if len(reason.encode()) > REASON_BYTES:
            raise ValueError(f"a reason has at most {REASON_BYTES} bytes, not {reason!r:.200}")
        try:
            await self._open()
            await self._channel.close(code, reason)
        except WebSocketClosed:
            return


def channel_of(websocket: WebSocket[Any, Any]) -> Channel:
    """Return the channel of a WebSocket."""
    return websocket._channel
