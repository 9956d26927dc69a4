"""The seam between exchanges and protocols: one request and its answer on the wire.

Receiving, handling and answering know this contract alone; `Wire` in `lane` is the contract of what
brings the requests. A protocol is a folder within this one that implements both, as `http1` and
`http2` do.

A request for a WebSocket has no answer like the others: its channel sends that, while the handler
runs, and goes on with the bytes of the stream (see `Line`).

An app that speaks (see `Spoken`) gives its answer by the same calls while it runs, through a
`ServerReply`. When the app begins the answer the status is set, and the handler's time ends.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request
from hump_trio.messages.target import RequestLine
from hump_trio.server.channel import ServerChannel
from hump_trio.server.line import Line

__all__ = ["HttpStream"]


class HttpStream(Protocol):
    """One request and its answer on the wire.

    A wire makes it, and one lane uses it; a body may be read by another task than the one that
    sends the answer. It moves its clock's deadline for bytes that have come, within `receive_part`
    alone, and says on its clock when bytes of an answer may be out; nothing else of time is its
    concern. The peer of its clock is the connection, or in HTTP/2 the client as its lane sees it.
    Where the stream raises that the client has gone, or has reset this request, that peer is
    ``gone`` by then, or the lane would take the error for a crash.

    Sending waits for whatever bounds it: the socket, and in HTTP/2 the windows of flow control and
    streams that are more urgent.

    Nobody closes it. `Wire.settle` deals with what is left of it once its answer is out; in every
    other case `Wire.close` cuts it.

    One task reads at a time, and one task writes; those may be two. The exchange and the sender
    see to that. Every method that waits may be cancelled. Nothing is lost where a read is
    cancelled. Where a write is cancelled, the peer of the clock says so (``write_cut``) if nothing
    may follow it, and no later write succeeds.
    """

    @property
    def target(self) -> RequestLine:
        """What is asked for."""

    @property
    def content_length(self) -> int:
        """The length of the body in bytes, as far as the head tells; else 0."""

    @property
    def expect(self) -> str:
        """The expectation of the head in lower case; empty if there is none."""

    @property
    def body_ended(self) -> bool:
        """Whether the body has been received to its end."""

    @property
    def body_failed(self) -> bool:
        """Whether no more of the body can be received, or is wanted."""

    @property
    def trailers(self) -> FieldLines:
        """The fields behind the body; known when it has ended."""

    @property
    def takes_trailers(self) -> bool:
        """Whether the client takes fields behind the body of its answer."""

    @property
    def asks_websocket(self) -> bool:
        """Whether the client asks for a WebSocket."""

    def check_websocket(self) -> None:
        """Judge the handshake of a client that asks for a WebSocket, where there is one.

        Raises:
            HttpException: 400, it is malformed; 426, another version is asked for.
        """

    def make_channel(self, opened: Callable[[int], None]) -> ServerChannel:
        """Return the channel of a request for a WebSocket. Called once, after `check_websocket`.

        Args:
            opened: Called with the status when the answer to the handshake is out.
        """

    async def switch(self, fields: FieldLines) -> Line:
        """Answer a handshake, and return the stream as a line. Nothing else was sent before.

        The stream is used no more then, but to count what was sent; `Wire.close` closes the line.

        Args:
            fields: Those of the answer, checked; the protocol adds its own.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint only where the peer doesn't take the answer at once; nothing may
            follow if cancelled here.
        """

    def build_request(self) -> Request:
        """Return the request of the head; its body, route and app are still to come."""

    async def receive_part(self) -> bytes:
        """Return the next bytes of the body, none at its end.

        A client that waits for a 100 gets it before the first wait, unless bytes of an answer may
        be out already. That is a write: cancelled in its middle, nothing may follow it.

        Raises:
            HttpParserError: 400, the body is malformed or broke off; it has failed then.
            trio.BrokenResourceError: The peer has gone.
        """

    def abandon_body(self) -> None:
        """Receive no more of the body, unless it has ended: it failed, or is too much."""

    def decline_body(self, *, drained: bool) -> None:
        """Hear that no handler reads the body; what has come of it is dropped.

        Args:
            drained: Whether the rest may be read away so that the connection can be kept.
        """

    async def send_informational(self, status: int, fields: FieldLines) -> None:
        """Send an informational response, before bytes of the answer may be out.

        Nothing is sent where the protocol can't be sure that the client understands it. It is a
        write as that of a 100 is: cancelled in its middle, nothing may follow it. Where the peer
        takes none of it, the wait has a deadline of its own, by the clock's rules for answers.

        Args:
            status: 100 to 199, but for 100, which goes out by itself, and 101.
            fields: Checked.

        Raises:
            trio.BrokenResourceError: The peer has gone, or an earlier write was cut or goes on.
        """

    def start_answer(self) -> None:
        """Begin an answer, or begin anew: nothing was sent of the one before."""

    def set_head(
        self, status: int, fields: FieldLines, body_bytes: int | None, *, trailers: bool = False
    ) -> bool:
        """Set the head, which goes out with the first part or at the end, whichever is first.

        It may be set again until then.

        Args:
            status: The status of the answer.
            fields: Checked.
            body_bytes: The length of the body; None for one that is streamed.
            trailers: Whether fields are to follow the body; only where the client takes them, and
                the answer has a body.

        Returns:
            Whether the body goes out at all; `send` is called only then.

        Raises:
            ValueError: The fields give a length that isn't one.
        """

    async def send(self, data: bytes) -> None:
        """Send a part of the body; of none, the head alone. Not a checkpoint if it is taken.

        Raises:
            trio.BrokenResourceError: The peer has gone, or an earlier write was cut.
            ValueError: The body is longer than its Content-Length.
        """

    def send_nowait(self, data: bytes) -> bool:
        """Send a part of the body without waiting, and return whether all of it is out.

        If it isn't, the next `send` or `finish` sends the rest first. One of them has to be called
        then, and nothing is sent so before that has returned.

        Raises:
            trio.BrokenResourceError: The peer has gone, or an earlier write was cut.
            ValueError: The body is longer than its Content-Length.
        """

    async def finish(self, data: bytes = b"", trailers: Sequence[tuple[str, str]] = ()) -> None:
        """Send the last part, what else is left of the answer, and its end.

        Args:
            data: The last part of the body; of a body that goes out.
            trailers: The fields behind the body, checked; of a body that goes out. They are dropped
                where the client takes none, or the framing that the head has announced has no
                place for them.

        Raises:
            trio.BrokenResourceError: The peer has gone, or an earlier write was cut.
            ValueError: The body is shorter than its Content-Length.
        """

    def count_sent(self) -> int:
        """Return how many bytes were sent since this was last asked, heads and framing included."""
