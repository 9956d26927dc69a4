"""What an app speaks through that begins its answer while it runs: the third seam of the towers.

The server sends a handler's response when the handler has returned. A `Spoken` body turns that
round: the server calls the body when all middleware has returned, still in the handler's task and
within the handler's time, and the body gives the answer part by part through a `Reply`. That is the
same whatever protocol the request came by.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from hump_trio.messages.headers import FieldLines

__all__ = ["Reply", "Speak", "Spoken"]


class Reply(Protocol):
    """The answer to one request, and the request's body, as a server offers them to an app.

    The server makes it, and closes it when the app has returned. One task gives the answer at a
    time; any task may look or wait.

    The request is over as soon as the answer was given to its end. What the app does then is work
    behind the answer: neither the client nor the time of the request ends it, it holds up no other
    request, and a shutdown waits for it as it does for the work that `Hump.start_soon` starts.

    Attributes:
        begun: Whether the status is decided.
        ended: Whether the answer was given to its end.
        gone: Whether the client has gone. The server says so here, and wakes `wait_over`, one look
            for clients before it cancels the app, so that the app can end by itself.
    """

    begun: bool
    ended: bool
    gone: bool

    def begin(self, status: int, fields: FieldLines, *, trailers: bool = False) -> None:
        """Decide the status and the header fields, which go out with the first part.

        The time of the handler ends here, unless the route has a time of its own. An error before
        this is answered as any handler's error is.

        Args:
            status: A final status.
            fields: The header fields. Those that middleware has set on the response stay, unless
                one of that name is given here; those that add up (`ADDED_FIELDS`) stay in any case.
                A ``Content-Length`` is enforced, and framing is the server's.
            trailers: Whether fields are to follow a body that is given in parts.

        Raises:
            RuntimeError: It was begun already.
            trio.ClosedResourceError: The app has returned.
            TypeError: The name or value of a field isn't text.
            ValueError: A field can't be sent, or the status isn't a final one.
        """

    async def send(self, data: bytes) -> None:
        """Send a part of the body; an empty one sends the head alone, as any part does for HEAD.

        Raises:
            RuntimeError: It isn't begun.
            trio.BrokenResourceError: The client has gone, or an earlier part was cut.
            trio.BusyResourceError: Another task is sending.
            trio.ClosedResourceError: The answer has ended, or the app has returned.
            ValueError: The body is longer than its Content-Length.

        Cancellation: a checkpoint. If it is cancelled when bytes were written, nothing may follow.
        """

    async def finish(self, data: bytes = b"", trailers: Sequence[tuple[str, str]] = ()) -> None:
        """Send the last part of the body, and the end of the answer.

        An answer that is given by this alone goes out whole, with its length.

        Args:
            data: The last part.
            trailers: Fields that follow the body; dropped if the client takes none.

        Raises:
            TypeError: A trailer isn't text.
            ValueError: The body is longer or shorter than its Content-Length, or a trailer can't be
                sent behind a body.
            Exception: What `send` raises.

        Cancellation: not a checkpoint if the client takes it at once.
        """

    def receive_nowait(self) -> bytes | None:
        """Return the next part of the request's body if that is here for sure.

        It is empty at the end of the body. None: `receive` gets it, perhaps at once.
        """

    async def receive(self) -> bytes:
        """Wait for the next part of the request's body, which is empty at its end.

        Raises:
            HttpException: 413, the body is longer than the route allows.
            HttpParserError: The body is malformed or broke off.
            trio.BusyResourceError: Another task is receiving.
            trio.ClosedResourceError: The answer has ended, or the app has returned.

        Cancellation: not a checkpoint if something is here; no bytes are lost.
        """

    async def wait_over(self) -> None:
        """Wait until the client has gone, or the answer has ended, or the app has returned.

        Cancellation: a checkpoint only if it waits.
        """


# Gives an answer through a reply, in the task and the time of a handler.
Speak: TypeAlias = Callable[[Reply], Awaitable[None]]


@dataclass(slots=True, eq=False)  # frozen, each would take 1 µs more
class Spoken:
    """A body of a `Response` that gives the answer by itself, the status and the fields included.

    The response has the status 200 until then. Middleware can set fields that the answer will
    have, or replace the response: then nothing is called.

    Args:
        speak: The function, ``async def speak(reply)``, called at most once. It has to finish the
            answer. One that returns before it has sent anything is answered with a 500; one that
            returns in the middle of the body breaks the answer off.
        name: What logs call it.
    """

    speak: Speak
    name: str = ""
