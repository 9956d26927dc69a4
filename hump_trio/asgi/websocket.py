"""One call of an app of ASGI for a WebSocket: what it receives and sends.

Source: the ASGI specification 3.0, its WebSocket format 2.5, and its extension for denials.
"""

from enum import Enum, auto

import trio

from hump_trio.asgi.mistakes import MISTAKES, ClientGone, Message, decode_fields, mistake_in
from hump_trio.asgi.scope import AsgiApp, Scope
from hump_trio.channels.websocket import Refusal, WebSocket, channel_of
from hump_trio.facts.exceptions import HttpException, WebSocketClosed
from hump_trio.facts.loggers import logger
from hump_trio.messages import channel
from hump_trio.tasks.failures import comes_of, is_failure

__all__ = ["WebSocketCall"]

# A refusal is a page at most: it is held until the app has returned.
REFUSAL_BYTES = 1024 * 1024
# The exception for a client that has left, in Starlette and Litestar. Most apps let it pass.
LEAVING = "WebSocketDisconnect"


class State(Enum):
    """What an app has made of a WebSocket."""

    CONNECTING = auto()
    OPEN = auto()
    CLOSED = auto()
    REFUSING = auto()  # by an answer that isn't whole
    REFUSED = auto()


UNDECIDED = (State.CONNECTING, State.REFUSING)


class WebSocketCall:
    """One call of an app, which speaks through a WebSocket.

    A refusal is sent when the app has returned.

    Args:
        name: What a person calls the app.
        websocket: The WebSocket, whose handshake isn't answered.
    """

    __slots__ = (
        "_body",
        "_channel",
        "_connected",
        "_decided",
        "_disconnect",
        "_mistake",
        "_name",
        "_refusal",
        "_state",
        "_websocket",
    )

    def __init__(self, name: str, websocket: WebSocket) -> None:
        self._name = name
        self._websocket = websocket
        self._channel = channel_of(websocket)
        self._state = State.CONNECTING
        self._connected = False  # whether the app has received `websocket.connect`
        self._decided: trio.Event | None = None  # while a task waits for the app to decide
        self._disconnect: WebSocketClosed | None = None  # the end that the app was told of
        self._mistake: Exception | None = None  # what the app may not have sent
        self._refusal: Refusal | None = None  # of the app's own making
        self._body = bytearray()  # of that

    async def run(self, app: AsgiApp, scope: Scope) -> Refusal | None:
        """Call the app.

        Args:
            app: The app.
            scope: What it is told of the request.

        Returns:
            What the app answers in place of the handshake; None if it has opened the WebSocket.

        Raises:
            HttpException: 403, the app has closed what it hadn't accepted.
            RuntimeError: The app has returned without a decision.
            WebSocketClosed: The client has left, and the app has let that pass.
            Exception: What the app has raised.

        Cancellation: up to the app. The channel is left as it is.
        """
        try:
            await app(scope, self.receive, self.send)
        except BaseException as error:
            left, refused = self._disconnect, self._state is State.REFUSED
            rest = error if left is None else without_leaving(error)
            try:
                if rest is None and left is not None and not refused:
                    raise unraised(left) from error
                if rest is not None and not (refused and is_failure(rest)):
                    raise rest
                if rest is not None:
                    logger.error("failed behind its refusal: %s", self._text, exc_info=rest)
            finally:
                del rest  # or the error would hold this frame, and the frame the error
        finally:
            mistake, self._mistake = self._mistake, None  # its traceback holds this call
        try:
            if self._state in UNDECIDED:
                raise RuntimeError(
                    f"{self._name} has returned without accepting the WebSocket or refusing it"
                ) from mistake
            if mistake is not None:
                logger.error("%s went on after %s", self._text, mistake)
        finally:
            del mistake  # and this frame, which its traceback holds if it is raised on
        if self._state is not State.REFUSED:
            return None
        if self._refusal is None:
            raise HttpException(403)
        return self._refusal

    @property
    def _text(self) -> str:
        """What the app works at, for logs."""
        return f"WebSocket {self._websocket.request.target}: {self._name}"

    async def receive(self) -> Message:
        """Return the next message for the app.

        Cancellation: a checkpoint only if it has to wait, now and then, and where the app was told
            before that the client has left. No message is lost.
        """
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while self._state in UNDECIDED:
            decided = self._decided = self._decided or trio.Event()
            await decided.wait()
        if self._disconnect is not None:
            await trio.lowlevel.checkpoint()
            return disconnect_for(self._disconnect)
        if self._state is State.REFUSED:
            self._disconnect = WebSocketClosed(1006, "", "server")
            return disconnect_for(self._disconnect)
        try:
            message = await self._channel.receive()
        except WebSocketClosed as closed:
            if self._state is State.CLOSED:
                await self._channel.wait_over()
            self._disconnect = unraised(closed)
            return disconnect_for(closed)
        if type(message) is str:
            return {"type": "websocket.receive", "text": message}
        if message:
            return {"type": "websocket.receive", "bytes": message}
        # Quart looks for a text where the bytes are empty.
        return {"type": "websocket.receive", "bytes": b"", "text": None}

    async def send(self, message: Message) -> None:
        """Take a message of the app.

        Raises:
            ClientGone: The client has left, or the server has closed the WebSocket.
            RuntimeError: The message makes no sense at this point, or can't be sent.
            TypeError: Something in the message is of the wrong type.

        Cancellation: as the methods of a `WebSocket`; a refusal is no checkpoint.
        """
        try:
            kind = message["type"]
            if kind == "websocket.send":
                self._check(State.OPEN)
                await self._channel.send(data_of(message))
            elif kind == "websocket.accept":
                await self._accept(message)
            elif kind == "websocket.close":
                await self._close(message)
            elif kind == "websocket.http.response.start":
                self._begin_refusal(message)
            elif kind == "websocket.http.response.body":
                self._go_on_refusing(message)
            else:
                raise RuntimeError("no message for a WebSocket")
        except WebSocketClosed as closed:
            self._disconnect = unraised(closed)
            if self._state is State.CONNECTING:
                self._decide(State.CLOSED)
            raise ClientGone(f"the WebSocket is closed: {closed}") from None
        except MISTAKES as error:
            self._mistake = mistake_in(message, error)
            raise self._mistake from None

    def _check(self, *states: State) -> None:
        """Refuse a message that comes at the wrong time.

        Raises:
            RuntimeError: The WebSocket is in none of the states.
        """
        if self._state not in states:
            raise RuntimeError(f"the WebSocket is {self._state.name.lower()}")

    def _decide(self, state: State) -> None:
        """Change the state, and wake the task that waits for that."""
        self._state = state
        if self._decided is not None:
            self._decided.set()

    async def _accept(self, message: Message) -> None:
        self._check(State.CONNECTING)
        fields = decode_fields(message.get("headers") or ())
        await self._websocket.accept(subprotocol=message.get("subprotocol"), headers=fields)
        self._decide(State.OPEN)

    async def _close(self, message: Message) -> None:
        if self._state is State.CONNECTING:
            self._decide(State.REFUSED)
            return
        self._check(State.OPEN)
        code, reason = message.get("code"), message.get("reason")
        self._state = State.CLOSED
        try:
            await self._websocket.close(1000 if code is None else code, reason or "")
        except (TypeError, ValueError):
            self._state = State.OPEN
            raise

    def _begin_refusal(self, message: Message) -> None:
        self._check(State.CONNECTING)
        fields = decode_fields(message.get("headers") or ())
        self._refusal = Refusal(None, message["status"], fields)
        self._state = State.REFUSING

    def _go_on_refusing(self, message: Message) -> None:
        self._check(State.REFUSING)
        self._body += message.get("body", b"")
        if len(self._body) > REFUSAL_BYTES:
            raise RuntimeError(f"a refusal has at most {REFUSAL_BYTES} bytes")
        if not message.get("more_body", False):
            assert self._refusal is not None, "it has begun"
            self._refusal.body = bytes(self._body)
            self._decide(State.REFUSED)


def data_of(message: Message) -> channel.Message:
    """Return the text or the bytes that an app sends.

    Raises:
        RuntimeError: There are both, or neither.
        TypeError: The text is no str, or the bytes are none.
    """
    text, data = message.get("text"), message.get("bytes")
    if (text is None) == (data is None):
        raise RuntimeError("it has either a text or bytes")
    if type(text) is str:
        return text
    if type(data) is bytes:
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    given = text if data is None else data
    raise TypeError(f"a text is str and bytes are bytes, not {given!r:.80}")


def disconnect_for(closed: WebSocketClosed) -> Message:
    """Return the message that tells an app of an end."""
    return {"type": "websocket.disconnect", "code": closed.code, "reason": closed.reason}


def unraised(closed: WebSocketClosed) -> WebSocketClosed:
    """Return an equal error, which holds none of the frames that the other has gone through."""
    return WebSocketClosed(closed.code, closed.reason, closed.by)


def without_leaving(error: BaseException) -> BaseException | None:
    """Return an error of an app without what only says that the client has left.

    Args:
        error: The error, or a group.
    """
    if isinstance(error, BaseExceptionGroup):
        leaving, rest = error.split(says_left)
        return error if leaving is None else rest
    return None if says_left(error) else error


def says_left(error: BaseException) -> bool:
    """Tell whether an error of an app that knows of it only says that the client has left."""
    if isinstance(error, BaseExceptionGroup) or not is_failure(error):
        return False  # what ends the program or was cancelled goes on, whatever it came behind
    return comes_of(error, ClientGone) or type(error).__name__ == LEAVING
