"""One stream as a server sees it: what has come of a request, and what is to go out.

Source: RFC 9113 sections 5.1, 5.2 and 8.1.
"""

from hump_trio.http2.failures import ErrorCode, StreamFailure
from hump_trio.http2.flow import InflowWindow
from hump_trio.messages.headers import FieldLines

__all__ = ["STREAM_WINDOW_BYTES", "Stream"]

# At 100 ms of round trip 2.6 MB/s for one upload; a hundred that nobody reads hold 25 MiB.
STREAM_WINDOW_BYTES = 256 * 1024


class Stream:
    """A request that is open: its head has come, and its answer isn't out or its body not here.

    A subclass is told of whatever may wake a task, by the methods that do nothing here. What has
    come is written by the methods of this class; of what is to go out, and of the stream's end, the
    attributes tell by whom.

    Args:
        stream_id: Its number.
        send_bytes: What may be sent on it before the peer gives it more room.
        content_length: The announced length of the body; None for none.
        input_ended: Whether the request has no body.

    Attributes:
        urgency: From 0 to 7; a lower one goes out first (RFC 9218 section 4.1). The session writes
            it.
        incremental: Whether parts of the answer are of use by themselves (RFC 9218 section 4.2).
            The session writes it.
        held: What has come of the body, and wasn't taken yet.
        trailers: The fields behind the body, checked.
        input_ended: Whether all of the request has come.
        declined: Whether what comes of the body is thrown away.
        tunnel: Whether it is asked to be a tunnel, on which the peer sends nothing but DATA behind
            the head (RFC 9113 section 8.5).
        broken: Whether the peer has ended the connection before its request was whole; written by
            whoever reads the connection.
        reset: Whether either side has reset the stream, or the connection is lost; written by the
            session, and by whoever finds the connection lost.
        window: What may be sent; below zero if the peer has taken room back. Frames and settings of
            the peer change it, and what is sent.
        source: What is being sent, as far as it isn't framed. `Sources` writes this, and all that
            follows here.
        source_ends: Whether the answer ends with the source.
        trailer_block: The encoded trailers that go out behind the source; empty for none.
        framed_bytes: The length of all frames that were made of sources.
    """

    __slots__ = (
        "_inflow",
        "_missing_bytes",
        "broken",
        "declined",
        "framed_bytes",
        "held",
        "incremental",
        "input_ended",
        "reset",
        "source",
        "source_ends",
        "stream_id",
        "trailer_block",
        "trailers",
        "tunnel",
        "urgency",
        "window",
    )

    def __init__(
        self, stream_id: int, send_bytes: int, *, content_length: int | None, input_ended: bool
    ) -> None:
        self.stream_id: int = stream_id
        self.window: int = send_bytes
        self.tunnel: bool = False
        self.broken: bool = False
        self.input_ended: bool = input_ended
        self.held: bytes | bytearray = b""
        self.trailers: FieldLines = []
        self.declined: bool = False
        self.reset: bool = False
        self.source: memoryview | None = None
        self.source_ends: bool = False
        self.trailer_block: bytes = b""
        self.framed_bytes: int = 0
        self.urgency: int = 3
        self.incremental: bool = False
        self._missing_bytes = content_length
        self._inflow = InflowWindow(STREAM_WINDOW_BYTES)

    def begin_tunnel(self, *, urgency: int) -> None:
        """Take the stream for a tunnel, each part of which is of use by itself.

        Args:
            urgency: The one that it has unless its client asks for another.
        """
        self.tunnel = True
        self.urgency, self.incremental = urgency, True

    def receive_data(self, data: bytes, flow_bytes: int, *, ends: bool) -> None:
        """Take in a part of the body.

        Args:
            data: The part, without its padding.
            flow_bytes: What it counts for flow control, with its padding.
            ends: Whether it is the last one.

        Raises:
            StreamFailure: STREAM_CLOSED behind the end, FLOW_CONTROL_ERROR past the window,
                PROTOCOL_ERROR for a length other than the announced one.
        """
        if self.input_ended:
            raise StreamFailure(ErrorCode.STREAM_CLOSED, "DATA behind the end of a request")
        self._inflow.left_bytes -= flow_bytes
        if self._inflow.left_bytes < 0:
            raise StreamFailure(ErrorCode.FLOW_CONTROL_ERROR, "DATA past the window of a stream")
        if self._missing_bytes is not None:
            self._missing_bytes -= len(data)
            if self._missing_bytes < 0:
                raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "a body past its content-length")
        if not self.declined:
            if not self.held:
                self.held = data
            elif data:  # not a list of parts: one of a single byte would hold sixty
                if isinstance(self.held, bytes):
                    self.held = bytearray(self.held)
                self.held += data
        if ends:
            self.end_input([])
        else:
            self.notice_input()

    def end_input(self, trailers: FieldLines) -> None:
        """Take in the end of the request.

        Raises:
            StreamFailure: PROTOCOL_ERROR, the body is shorter than announced.
        """
        if self._missing_bytes:
            raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "a body short of its content-length")
        self.trailers = trailers
        self.input_ended = True
        self.notice_input()

    def take(self) -> bytes:
        """Return what has come of the body; none if nothing has."""
        held, self.held = self.held, b""
        return bytes(held)

    def free(self, byte_count: int) -> int:
        """Count bytes of the body that are taken; return what the peer is to be told of, or 0."""
        return 0 if self.input_ended or self.reset else self._inflow.free(byte_count)

    def decline(self) -> int:
        """Throw away what has come of the body and what comes, and return how much has come."""
        self.declined = True
        held_bytes, self.held = len(self.held), b""
        return held_bytes

    def notice_input(self) -> None:
        """Hear that something of the request has come."""

    def notice_reset(self) -> None:
        """Hear that the stream is over, since either side has reset it."""

    def notice_framed(self) -> None:
        """Hear that all of the source was framed."""
