"""One call of an app of ASGI for a request of HTTP: what it receives and sends.

Source: the ASGI specification 3.0, its HTTP format 2.5, and its extensions.
"""

import os
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import trio

from hump_trio.answers.opened_file import OpenedFile, open_file
from hump_trio.asgi.mistakes import (
    MISTAKES,
    ClientGone,
    Message,
    decode_fields,
    mistake_in,
    tells_of_leaving,
)
from hump_trio.asgi.scope import AsgiApp, Scope
from hump_trio.facts.exceptions import HttpParserError, StatusError
from hump_trio.facts.loggers import logger
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.reply import Reply
from hump_trio.messages.request import Request
from hump_trio.tasks.failures import is_failure

__all__ = ["speak_app"]

# How much of a file is read at a time; a part of an answer as any other.
PART_BYTES = 64 * 1024
START_FIRST = "http.response.start comes before it"


def speak_app(
    app: AsgiApp, scope: Scope, request: Request, name: str, reply: Reply
) -> Awaitable[None]:
    """Return what calls an app (see `HttpCall.speak`).

    The call is made only now, when there is a reply. The reply holds the response, and the call
    holds the reply; so if the response held the call, each request would be a reference cycle,
    which the garbage collector alone could free.
    """
    return HttpCall(app, scope, request, name, reply).speak()


class HttpCall:
    """One call of an app, whose answer it gives through a `Reply`.

    Args:
        app: The app.
        scope: What it is told of the request.
        request: The request.
        name: What a person calls the app.
        reply: What the app gives the answer through.
    """

    __slots__ = (
        "_ahead",
        "_app",
        "_body_ended",
        "_disconnected",
        "_mistake",
        "_name",
        "_refusal",
        "_reply",
        "_request",
        "_request_ended",
        "_scope",
        "_trailers",
    )

    def __init__(
        self, app: AsgiApp, scope: Scope, request: Request, name: str, reply: Reply
    ) -> None:
        self._app = app
        self._scope = scope
        self._request = request
        self._name = name
        self._reply = reply
        self._request_ended = False  # whether the app has received the end of the body
        self._ahead: bytes | None = None  # a part of the body that is to be received next
        self._disconnected = False  # whether the app has received ``http.disconnect``
        self._body_ended = False  # whether the answer's body has ended, and trailers may follow
        self._trailers: FieldLines | None = None  # those so far; None if the app sends none
        self._refusal: StatusError | None = None  # why the body can't be received
        self._mistake: Exception | None = None  # about what the app has sent and may not send

    async def speak(self) -> None:
        """Call the app, which gives the answer (see `Spoken`).

        Raises:
            StatusError: The body can't be received, and the app has answered nothing.
            trio.BrokenResourceError: The client has gone.
            Exception: What the app has raised.

        Cancellation: up to the app.
        """
        reply = self._reply
        try:
            await self._app(self._scope, self.receive, self.send)
        except BaseException as error:
            if is_failure(error) and not reply.ended:
                if self._refusal is not None and not reply.begun:
                    if error is self._refusal:
                        raise  # not from itself
                    raise self._refusal from error
                if reply.gone and not self._disconnected and not tells_of_leaving(error):
                    what = f"failed behind its client's leaving: {self._text}"
                    logger.error("%s", what, exc_info=error)
            raise
        else:
            if self._refusal is not None and not reply.begun:
                raise self._refusal
            if self._mistake is not None:
                logger.error("%s went on after %s", self._text, self._mistake)
        finally:
            self._refusal = self._mistake = None  # their tracebacks hold this call

    @property
    def _text(self) -> str:
        """What the app works at, for logs."""
        return f"{self._request.method} {self._request.target}: {self._name}"

    async def receive(self) -> Message:
        """Return the next message for the app: a part of the body, or that nobody waits any more.

        Cancellation: a checkpoint only if it has to wait; no bytes are lost. Frameworks look for
            a client that has left in a scope that is cancelled already.
        """
        reply = self._reply
        if reply.gone or reply.ended or self._request_ended or self._refusal is not None:
            if self._disconnected:
                await trio.lowlevel.checkpoint()  # an app that goes on and on stops nobody else
            if self._refusal is None:
                await reply.wait_over()
            self._disconnected = True
            return {"type": "http.disconnect"}
        part = self._ahead
        if part is None:
            part = reply.receive_nowait()
            if part is None:
                part = await self._wait_part()
                if part is None:
                    self._disconnected = True
                    return {"type": "http.disconnect"}
        if part:
            self._ahead = ahead = reply.receive_nowait()
            if ahead != b"":
                return {"type": "http.request", "body": part, "more_body": True}
        self._request_ended = True
        return {"type": "http.request", "body": part, "more_body": False}

    async def _wait_part(self) -> bytes | None:
        """Wait for the next part of the body; None: there is none, since the client has left.

        Raises:
            StatusError: 413, the body is too long.
        """
        try:
            return await self._reply.receive()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return None
        except HttpParserError as error:  # it broke off, or is malformed
            self._refusal = error
            return None
        except StatusError as error:
            self._refusal = error
            raise

    async def send(self, message: Message) -> None:
        """Take a message of the app.

        Raises:
            ClientGone: The client has gone.
            RuntimeError: The message makes no sense at this point, or can't be sent.
            StatusError: The body of the request can't be received, and that is the answer.
            TypeError: Something in the message is of the wrong type.

        Cancellation: a checkpoint, but for the start and the last part of an answer that the client
            takes at once. The answer is cut if it is cancelled in the middle of a part.
        """
        reply = self._reply
        try:
            kind = message["type"]
            if kind == "http.response.start":
                self._begin(message)
            elif kind == "http.response.body":
                if not reply.begun:
                    raise RuntimeError(START_FIRST)
                body = message.get("body", b"")
                if type(body) is not bytes:
                    body = bytes_of(body)
                if reply.ended or self._trailers is not None or message.get("more_body", False):
                    await self._send_part(body, ends=not message.get("more_body", False))
                else:
                    await reply.finish(body)
            else:
                await self._send_other(kind, message)
        except trio.BrokenResourceError as error:
            raise ClientGone("the client has gone") from error
        except MISTAKES as error:
            self._mistake = mistake_in(message, error)
            raise self._mistake from error

    def _begin(self, message: Message) -> None:
        """Decide the status and the header fields."""
        reply = self._reply
        if reply.begun:
            raise RuntimeError("the answer has ended" if reply.ended else "it comes twice")
        if reply.gone or isinstance(self._refusal, HttpParserError):
            raise trio.BrokenResourceError
        if self._refusal is not None:
            raise self._refusal
        status = message["status"]
        if not isinstance(status, int):
            raise TypeError(f"a status is an int, not {status!r:.80}")
        fields = decode_fields(message.get("headers", ()))
        trailers = bool(message.get("trailers", False))
        reply.begin(status, fields, trailers=trailers)
        if trailers:
            self._trailers = []

    async def _send_part(self, body: bytes, *, ends: bool) -> None:
        """Send a part of the body; what comes behind the last one is dropped, as ASGI has it."""
        reply = self._reply
        if reply.ended or self._body_ended:
            await trio.lowlevel.checkpoint()
        elif ends and self._trailers is None:
            await reply.finish(body)
        else:
            await reply.send(body)
            self._body_ended = ends

    async def _send_other(self, kind: str, message: Message) -> None:
        """Take a message of an extension."""
        if kind == "http.response.early_hint":
            await self._send_hints(message)
        elif kind not in ("http.response.trailers", "http.response.pathsend"):
            raise RuntimeError("there is no such message here")
        elif not self._reply.begun:
            raise RuntimeError(START_FIRST)
        elif self._reply.ended:
            await trio.lowlevel.checkpoint()
        elif kind == "http.response.trailers":
            await self._send_trailers(message)
        else:
            await self._send_file(message)

    async def _send_trailers(self, message: Message) -> None:
        """Take fields that follow the body, and send them all when the app has no more."""
        if self._trailers is None or not self._body_ended:
            raise RuntimeError("it comes behind a body, if the start has said trailers=True")
        self._trailers += decode_fields(message.get("headers", ()))
        if not message.get("more_trailers", False):
            await self._reply.finish(b"", self._trailers)

    async def _send_hints(self, message: Message) -> None:
        """Send early hints; they are dropped where the head of the answer may be out already."""
        links = [value for _, value in decode_fields((b"link", link) for link in message["links"])]
        if links:
            with suppress(RuntimeError):
                await self._request.send_early_hints(*links)

    async def _send_file(self, message: Message) -> None:
        """Send a file as the whole body. The app has said its length, and looks after ranges."""
        path = message["path"]
        if not isinstance(path, str) or not os.path.isabs(path):
            raise RuntimeError(f"a path is absolute text, not {path!r:.80}")
        file = await open_file(path)
        if file is None or not file.is_regular:
            raise RuntimeError(f"there is no file {path!r} that can be read")
        try:
            left = range(0 if self._request.method == "HEAD" else file.status.st_size)
            while len(left) > PART_BYTES:
                await self._send_part(await read(file, left[:PART_BYTES]), ends=False)
                left = left[PART_BYTES:]
            await self._send_part(await read(file, left), ends=True)
        finally:
            file.close()


async def read(file: OpenedFile, span: range) -> bytes:
    """Return some bytes of a file (see `OpenedFile.read`).

    Raises:
        RuntimeError: They can't be read. The app would take an `OSError` for a client's leaving.
    """
    try:
        return await file.read(span)
    except (EOFError, OSError) as error:
        raise RuntimeError(f"the file can't be read: {error}") from error


def bytes_of(body: Any) -> bytes:
    """Return a body that isn't bytes as such.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"a body is bytes, not {type(body).__name__}")
