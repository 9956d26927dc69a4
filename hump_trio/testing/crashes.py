"""What handlers have raised, for clients that raise it in place of the 500."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import hump_trio.testing.http_library as httpx
from hump_trio.messages.request import Request

__all__ = ["Crashes", "RaisingTransport"]


@dataclass(slots=True, eq=False)
class Asked:
    """A request whose answer isn't over yet.

    Args:
        method: Its method.
        target: Its target.
        crash: What it has failed of; None if it hasn't.
    """

    method: str
    target: str
    crash: BaseException | None = None


class Crashes:
    """What the log of one app calls a crash, until a client raises it.

    Attributes:
        asked: The requests of clients that raise, the oldest first.
        behind: The errors that no answer tells of: of work in the background, and of WebSockets.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.behind: list[BaseException] = []

    def hear(self, error: BaseException, request: object) -> None:
        """Note an error of a request, or of work in the background.

        It is that of the oldest request that is the same on its first line and has none yet: of
        two at a time that are the same, it doesn't matter which one raises it.
        """
        if not isinstance(request, Request) or request.channel is not None:
            self.behind.append(error)
            return
        for each in self.asked:
            if each.crash is None and (each.method, each.target) == (
                request.method,
                request.target,
            ):
                each.crash = error
                return

    def raise_behind(self, begin: int) -> None:
        """Raise what no answer has told of, from an index on; several errors in a group.

        Raises:
            BaseException: There is such an error.
        """
        errors = self.behind[begin:]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("the app has failed, and no answer tells of it", errors)


class RaisingTransport(httpx.AsyncBaseTransport):
    """A transport for httpx that raises what a handler has raised.

    Args:
        transport: Sends the requests.
        crashes: Those of the app.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, crashes: Crashes) -> None:
        self._transport = transport
        self._crashes = crashes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, whose body is still to be read.

        Raises:
            BaseException: What the handler has raised.
        """
        asked = Asked(request.method, request.url.raw_path.decode("ascii"))
        self._crashes.asked.append(asked)
        try:
            response = await self._transport.handle_async_request(request)
        except BaseException as error:
            self._crashes.asked.remove(asked)
            if asked.crash is None or not isinstance(error, httpx.TransportError):
                raise
        else:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = RaisingStream(response.stream, asked, self._crashes)
            if asked.crash is None or response.status_code < 500:
                return response
            await response.aclose()
        raise asked.crash

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


class RaisingStream(httpx.AsyncByteStream):
    """The body of an answer, in whose place the error is raised that it broke off for.

    Args:
        stream: The body.
        asked: The request.
        crashes: Where it is forgotten when the body is closed.
    """

    def __init__(self, stream: httpx.AsyncByteStream, asked: Asked, crashes: Crashes) -> None:
        self._stream = stream
        self._asked = asked
        self._crashes = crashes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts: Any = aiter(self._stream)
        try:
            async with aclosing(parts):
                async for part in parts:
                    yield part
        except httpx.TransportError:
            if self._asked.crash is None:
                raise
        if self._asked.crash is not None:
            raise self._asked.crash

    async def aclose(self) -> None:
        """Close the body."""
        self._crashes.asked.remove(self._asked)
        await self._stream.aclose()
