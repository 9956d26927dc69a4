"""Drives an app frame by frame over HTTP/2, and reads its frames as strangers do.

What is sent is written here byte by byte, since no library writes what nobody may send; header
blocks are made by hpack. What comes is read by hyperframe and hpack, which refuse what is wrong.
"""

import struct
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import hpack
import trio
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from trio.testing import wait_all_tasks_blocked

from hump_trio import Hump
from hump_trio.http2.failures import ErrorCode
from hump_trio.testing.memory_listener import running
from tests.support.transports import connect_http2

__all__ = [
    "ACK",
    "CONTINUATION",
    "DATA",
    "END_HEADERS",
    "END_STREAM",
    "GOAWAY",
    "HEADERS",
    "PADDED",
    "PING",
    "PREFACE",
    "PRIORITY",
    "PRIORITY_UPDATE",
    "PUSH_PROMISE",
    "RST_STREAM",
    "SETTINGS",
    "UNKNOWN",
    "WINDOW_UPDATE",
    "WITH_PRIORITY",
    "Answer",
    "Peer",
    "data",
    "frame",
    "ping",
    "priority",
    "reset",
    "settings",
    "speak",
    "window_update",
]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(5, 10)
PRIORITY_UPDATE, UNKNOWN = 0x10, 0xF3
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

# Names of settings, as RFC 9113 section 6.5.2 numbers them.
SETTING_IDS = {
    "header_table_size": 1,
    "enable_push": 2,
    "max_concurrent_streams": 3,
    "initial_window_size": 4,
    "max_frame_size": 5,
    "max_header_list_size": 6,
    "enable_connect_protocol": 8,
    "no_rfc7540_priorities": 9,
}


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """Return a frame, whatever it says."""
    return (
        struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload
    )


def data(stream_id: int, payload: bytes = b"", *, end: bool = False) -> bytes:
    """Return a part of a body."""
    return frame(DATA, END_STREAM if end else 0, stream_id, payload)


def reset(stream_id: int, code: int = ErrorCode.CANCEL) -> bytes:
    """Return the end of a stream."""
    return frame(RST_STREAM, 0, stream_id, struct.pack(">I", code))


def settings(*pairs: tuple[int, int], **values: int) -> bytes:
    """Return settings by number or name, in this order."""
    named = ((SETTING_IDS[name], value) for name, value in values.items())
    payload = b"".join(struct.pack(">HI", *pair) for pair in (*pairs, *named))
    return frame(SETTINGS, 0, 0, payload)


def window_update(stream_id: int, byte_count: int) -> bytes:
    """Return leave to send more."""
    return frame(WINDOW_UPDATE, 0, stream_id, struct.pack(">I", byte_count))


def ping(payload: bytes = b"12345678", *, ack: bool = False) -> bytes:
    """Return a PING."""
    return frame(PING, ACK if ack else 0, 0, payload)


def priority(stream_id: int, depends_on: int = 0) -> bytes:
    """Return a priority as RFC 7540 had it."""
    return frame(PRIORITY, 0, stream_id, struct.pack(">IB", depends_on, 15))


def batched(pieces: Iterable[bytes], count: int) -> Iterator[list[bytes]]:
    """Yield pieces in lists of so many."""
    rest = iter(pieces)
    while many := list(islice(rest, count)):
        yield many


@dataclass(slots=True)
class Answer:
    """What has come on one stream.

    Args:
        status: Of the final response, 0 before it.
        headers: Of the final response.
        body: As far as it came.
        informational: Statuses of the responses before it, such as 100.
        trailers: Behind the body.
        data_bytes: Lengths of its DATA frames.
        ended: Whether its end was reached.
        reset: The code of its reset; None while it is none.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    informational: list[int] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)
    data_bytes: list[int] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Peer:
    """A client that knows frames alone.

    Args:
        transport: Its end of a connection.

    Attributes:
        answers: What has come on each stream.
        decoder: Reads header blocks.
        credits: How much more may be sent on each stream, and on the connection (0), in bytes.
        encoder: Makes header blocks.
        ends_with_goaway: Whether no frame has come after a GOAWAY.
        goaways: The last stream and the code of each GOAWAY that has come.
        settings: What the server has set.
        state: Whether the connection is open, was ended or was reset by the server.
    """

    def __init__(self, transport: Any) -> None:
        self.transport: Any = transport
        self.encoder: hpack.Encoder = hpack.Encoder()
        self.answers: defaultdict[int, Answer] = defaultdict(Answer)
        self.credits: Counter[int] = Counter()
        self.ends_with_goaway: bool = False
        self.goaways: list[tuple[int, int]] = []
        self.settings: dict[int, int] = {}
        self.state: str = "open"
        self.decoder: hpack.Decoder = hpack.Decoder(max_header_list_size=2**20)
        self._buffer = b""
        self._block = b""  # of a head that isn't whole yet
        self._frames: list[Frame] = []

    def fields(self, *fields: tuple[str, str], **pseudo: str | None) -> list[tuple[str, str]]:
        """Return the fields of a request; ``method`` and the like replace a default, or omit it."""
        default = {"method": "GET", "scheme": "http", "authority": "a", "path": "/"}
        head = [
            (f":{name}", value) for name, value in (default | pseudo).items() if value is not None
        ]
        return head + list(fields)

    def block(self, *fields: tuple[str, str], **pseudo: str | None) -> bytes:
        """Return the header block of a request (see `fields`)."""
        return self.encoder.encode(self.fields(*fields, **pseudo))

    def head(
        self, stream_id: int, *fields: tuple[str, str], end: bool = True, **pseudo: str | None
    ) -> bytes:
        """Return the head of a request (see `fields`).

        Args:
            stream_id: Of its stream.
            fields: After the pseudo-fields.
            end: Whether no body follows.
            pseudo: Without the colon.
        """
        return self.heads(stream_id, self.block(*fields, **pseudo), end=end)

    def heads(self, stream_id: int, block: bytes, *, end: bool = True) -> bytes:
        """Return a header block as HEADERS, and CONTINUATIONs as far as it is long."""
        parts = [block[at : at + 16_384] for at in range(0, len(block), 16_384)] or [b""]
        first, last = END_STREAM if end else 0, len(parts) - 1
        return b"".join(
            frame(
                CONTINUATION if n else HEADERS,
                (0 if n else first) | END_HEADERS * (n == last),
                stream_id,
                part,
            )
            for n, part in enumerate(parts)
        )

    async def send(self, *frames: bytes) -> None:
        """Send frames in one go; whatever the server has done meanwhile. A checkpoint."""
        with suppress(trio.BrokenResourceError):
            await self.transport.send_all(b"".join(frames))

    async def greet(self, **values: int) -> None:
        """Send the preface with some settings, and read what the server begins with."""
        await self.send(PREFACE, settings(**values))
        first, *_ = await self.frames()
        assert isinstance(first, SettingsFrame), "the server's preface is its SETTINGS"
        assert "ACK" not in first.flags
        await self.send(frame(SETTINGS, ACK))

    async def frames(self) -> list[Frame]:
        """Return the frames that have come since the last call, when the server is at rest."""
        more = True
        while more:
            await wait_all_tasks_blocked()
            more = False
            with suppress(trio.BrokenResourceError):
                while self.state == "open":
                    part = self.transport.receive_nowait()
                    if part is None:
                        break
                    self._take(part)
                    more = True  # what was read makes room for more
        if self.state == "open" and self.transport.peer_state() == "reset":
            self.state = "reset"
        frames, self._frames = self._frames, []
        return frames

    def _take(self, part: bytes) -> None:
        """Take bytes, or the end."""
        if not part:
            assert not self._buffer, "no frame is cut"
            self.state = "ended"
        self._buffer += part
        while len(self._buffer) >= 9:
            each, length = Frame.parse_frame_header(memoryview(self._buffer[:9]), strict=True)
            if len(self._buffer) < 9 + length:
                break
            assert length <= 16_384, "no frame is longer than was agreed on"
            each.parse_body(memoryview(self._buffer[9 : 9 + length]))
            self._buffer = self._buffer[9 + length :]
            self._note(each)
            self._frames.append(each)

    def _note(self, each: Frame) -> None:
        """Note what a frame says."""
        assert not self._block or isinstance(each, ContinuationFrame), "a header block is in one"
        if isinstance(each, SettingsFrame):
            self.settings.update(each.settings)
        self.ends_with_goaway = isinstance(each, GoAwayFrame)
        if isinstance(each, GoAwayFrame):
            self.goaways.append((each.last_stream_id, each.error_code))
        elif isinstance(each, WindowUpdateFrame):
            self.credits[each.stream_id] += each.window_increment
        if not each.stream_id or isinstance(each, WindowUpdateFrame):
            return
        answer = self.answers[each.stream_id]
        if isinstance(each, HeadersFrame | ContinuationFrame):
            self._block += each.data
            if "END_HEADERS" in each.flags:
                block, self._block = self._block, b""
                self._note_head(answer, [(str(n), str(v)) for n, v in self.decoder.decode(block)])
        elif isinstance(each, RstStreamFrame):
            assert answer.reset is None, "a stream is reset once"
            answer.reset = each.error_code
            return
        assert not answer.ended, f"nothing but a reset follows the end of a stream, but {each}"
        assert answer.reset is None, f"nothing follows a reset, but {each}"
        if isinstance(each, DataFrame):
            assert answer.status, "a body follows a head"
            answer.body += each.data
            answer.data_bytes.append(each.body_len)
        answer.ended = "END_STREAM" in each.flags

    @staticmethod
    def _note_head(answer: Answer, fields: list[tuple[str, str]]) -> None:
        """Note a head, or trailers."""
        if answer.status:
            answer.trailers = dict(fields)
            return
        (name, status), *rest = fields
        assert name == ":status"
        assert not any(name.startswith(":") or name != name.lower() for name, _ in rest)
        if status.startswith("1"):
            answer.informational.append(int(status))
        else:
            answer.status, answer.headers = int(status), dict(rest)

    async def answer(self, stream_id: int) -> Answer:
        """Return what has come on a stream, when the server is at rest."""
        await self.frames()
        return self.answers[stream_id]

    async def ask(self, stream_id: int, *fields: tuple[str, str], **pseudo: str | None) -> Answer:
        """Send a request without a body, and return its answer (see `fields`)."""
        await self.send(self.heads(stream_id, self.block(*fields, **pseudo)))
        return await self.answer(stream_id)

    async def flood(self, pieces: Iterable[bytes]) -> int:
        """Send one piece after the other until the connection ends; return how many were sent."""
        count = 0
        for many in batched(pieces, 20):
            await self.send(*many)
            count += len(many)
            await self.frames()
            if self.goaways or self.state != "open":
                break
        return count

    async def expect_goaway(self, *codes: ErrorCode) -> None:
        """Expect the end of the connection, with one of these codes and nothing after it."""
        frames = await self.frames()
        assert self.goaways, f"no GOAWAY, but {frames}"
        assert ErrorCode(self.goaways[-1][1]) in codes
        assert self.ends_with_goaway, "nothing follows a GOAWAY"
        await self.send(ping())
        assert self.state != "open" or not await self.frames(), "nothing more is answered"
        assert self.state == "ended", "a client that reads learns of it, and then of the end"

    async def expect_reset(self, stream_id: int, *codes: ErrorCode) -> None:
        """Expect the end of a stream, with one of these codes, and that nothing else has ended."""
        await self.frames()
        code = self.answers[stream_id].reset
        assert (self.goaways, self.state) == ([], "open")
        assert code is not None, f"no reset, but {self.answers[stream_id]}"
        assert ErrorCode(code) in codes
        await self.expect_open()

    async def expect_error(self, stream_id: int, *codes: ErrorCode) -> None:
        """Expect the end of a stream, or of the connection, where a server may choose."""
        await self.frames()
        if self.goaways:
            await self.expect_goaway(*codes)
        else:
            await self.expect_reset(stream_id, *codes)

    async def expect_open(self) -> None:
        """Expect that the connection goes on, which answers a PING."""
        await self.send(ping(b"are you "))
        frames = await self.frames()
        acks = [each for each in frames if isinstance(each, PingFrame) and "ACK" in each.flags]
        assert b"are you " in [ack.opaque_data for ack in acks]
        assert (self.goaways, self.state) == ([], "open")


@asynccontextmanager
async def speak(
    app: Hump, *, greeted: bool = True, window_bytes: float = float("inf"), **values: int
) -> AsyncIterator[Peer]:
    """Serve an app and give a connection to it, frame by frame.

    Args:
        app: The app; it may be served already, with clients of its own.
        greeted: Whether both sides have said what they begin with.
        window_bytes: How much the client acknowledges before it reads.
        values: Settings of the client, by name.
    """
    async with running(app) as listener:
        transport = connect_http2(listener, window_bytes)
        try:
            peer = Peer(transport)
            if greeted:
                await peer.greet(**values)
            yield peer
        finally:
            transport.close()
