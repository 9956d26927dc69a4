"""Clients that misbehave at a real port, the app that they do it to, and a client that doesn't."""

import socket
import struct
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

import trio

from hump_trio import Hump, Request, Timeouts
from tests.support.loopback import (
    PATIENCE_SECONDS,
    address_of,
    connect_to,
    receive_answer,
    receive_more,
)

Moment: TypeAlias = Literal["head", "body", "handler", "answer"]

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST
LARGE_BYTES = 8 * 1024 * 1024  # more than a kernel takes for a client that doesn't read
# Ethernet's: for loopback's segments of 64 KiB a kernel takes megabytes for every connection.
SEGMENT_BYTES = 1460

HELLO = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nhost: test\r\n\r\n"
ANSWERS = [b"GET /%b HTTP/1.1\r\nhost: test\r\n\r\n" % path for path in (b"large", b"endless")]
# Requests up to their bodies, which are received whole or in parts.
BODY_BYTES = 0x1388
UPLOADS = [
    b"POST /%b HTTP/1.1\r\nhost: test\r\n%b" % (path, framing)
    for path in (b"echo", b"upload")
    for framing in (b"content-length: 5000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n1388\r\n")
]
# What a client that dribbles begins with: the head of a request, or all of it but the body.
DRIBBLES = [b"GET / HTTP/1.1\r\nhost: test\r\nx-dribble: ", *UPLOADS]


class Target:
    """An app with a route for each moment at which a client can fail.

    Attributes:
        app: Waits for its clients only shortly, so that a test sees the end of each.
        running: How many handlers and streamed answers have begun and not ended.
        reasons: What cancelled the handlers that wait for ever, each counted.
        gone: How many clients have come and left in the middle.
    """

    def __init__(self) -> None:
        timeouts = Timeouts(head=1.5, stall_grace=1, send_grace=1.5)
        self.app: Hump = Hump("127.0.0.1", 0, timeouts=timeouts)
        self.running: int = 0
        self.reasons: Counter[str | None] = Counter()
        self.gone: int = 0
        self._waiting: defaultdict[object, trio.Event] = defaultdict(trio.Event)
        self._large = bytes(LARGE_BYTES)
        self.app.add_route("/", self.hello, methods=["GET"])
        self.app.add_route("/echo", self.echo, methods=["POST"])
        self.app.add_route("/upload", self.upload, methods=["POST"], stream=True)
        self.app.add_route("/wait", self.wait, methods=["GET"])
        self.app.add_route("/large", self.large, methods=["GET"])
        self.app.add_route("/endless", self.endless, methods=["GET"])

    async def hello(self) -> str:
        """Answer at once."""
        return "hello"

    async def echo(self, request: Request) -> bytes:
        """Return the body, which was received whole."""
        return request.body

    async def upload(self, request: Request) -> str:
        """Receive the body in parts, and return its length."""
        with self._counted():
            return str(sum([len(part) async for part in request.stream]))

    async def wait(self, request: Request) -> None:
        """Wait for ever; see `wait_for_handler`."""
        with self._counted():
            self._waiting[request.client].set()
            try:
                await trio.sleep_forever()
            finally:
                self.reasons[request.cancel_reason] += 1

    async def large(self) -> bytes:
        """Return more than can be sent to a client that doesn't read."""
        return self._large

    async def endless(self) -> AsyncIterator[bytes]:
        """Answer without an end and without a pause."""
        with self._counted():
            while True:
                yield bytes(10_000)

    async def wait_for_handler(self, client: object) -> None:
        """Wait until `wait` runs for a client, told by its address."""
        await self._waiting[client].wait()
        del self._waiting[client]

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """A client that leaves in the middle.

    Args:
        data: What it sends.
        resets: Whether it leaves with an RST, not with a FIN.
        waits: Whether it first waits until its handler runs.
        read_bytes: How much of what it is answered it first reads.
    """

    data: bytes
    resets: bool
    waits: bool = False
    read_bytes: int = 0

    async def run(self, target: Target) -> None:
        """Connect, go as far as planned, and leave."""
        async with await connect_to(target.app) as stream:
            await stream.send_all(self.data)
            if self.waits:
                await target.wait_for_handler(stream.socket.getsockname())
            received_bytes = 0
            while received_bytes < self.read_bytes:
                received_bytes += len(await receive_more(stream))
            if self.resets:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        target.gone += 1


def random_abort(random: Random, moment: Moment) -> Abort:
    """Return a client that leaves during its first, its second or its third request.

    Args:
        random: Decides at which point.
        moment: What it leaves in the middle of.
    """
    before = HELLO * random.randrange(3)
    resets = random.random() < 0.5
    match moment:
        case "head":
            head = random.choice([HELLO, *UPLOADS]).partition(b"\r\n\r\n")[0]
            return Abort(data=before + head[: random.randint(0, len(head))], resets=resets)
        case "body":
            body = bytes(random.randrange(BODY_BYTES))
            return Abort(data=before + random.choice(UPLOADS) + body, resets=resets)
        case "handler":
            return Abort(data=before + WAIT, resets=resets, waits=True)
        case "answer":
            data = before + random.choice(ANSWERS)
            return Abort(data=data, resets=resets, read_bytes=random.randrange(300_000))


async def dribble(target: Target, data: bytes, pause_seconds: float) -> None:
    """Begin a request and send a byte of it after each pause, until it is refused.

    Args:
        target: Whose app is asked.
        data: The beginning.
        pause_seconds: How long an answer is waited for before the next byte.
    """
    async with await connect_to(target.app) as stream:
        await stream.send_all(data)
        answer = b""
        with trio.fail_after(PATIENCE_SECONDS):
            while not answer:
                await stream.send_all(b"x")
                with trio.move_on_after(pause_seconds):
                    answer = await receive_more(stream)
    assert answer.startswith(b"HTTP/1.1 408 ")


async def read_nothing(target: Target, data: bytes) -> None:
    """Ask, and read nothing of the answer until the server gives up.

    Who doesn't read learns of a reset by writing: there is a byte now and then, and between two
    of them a pause that nothing but time ends.

    Args:
        target: Whose app is asked.
        data: The request.
    """
    sock = trio.socket.socket()
    with suppress(OSError):  # not every system lets it be chosen
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
    await sock.connect(address_of(target.app.addresses[0]))
    async with trio.SocketStream(sock) as stream:
        await stream.send_all(data)
        with trio.fail_after(PATIENCE_SECONDS), suppress(trio.BrokenResourceError):
            while True:
                await trio.sleep(0.1)
                await stream.send_all(b"x")


class GoodClient:
    """A client that sends one request after the other on one connection.

    Args:
        target: What it asks.
        stream: The connection to it.
        random: Decides what is sent.

    Attributes:
        passed: How many others came and left during each answer: what a busy machine, which is
            slow to all of them, doesn't change as it does the seconds.
    """

    def __init__(self, target: Target, stream: trio.abc.Stream, random: Random) -> None:
        self.passed: list[int] = []
        self._target = target
        self._stream = stream
        self._random = random
        self._ended = False

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask without a pause for as long as the context lasts."""
        self._ended = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ask_on)
            yield
            self._ended = True

    async def ask(self) -> None:
        """Send a GET and a POST; any answer but the right one is an error."""
        await self._send(HELLO, b"hello")
        body = self._random.randbytes(self._random.randrange(20_000))
        head = f"POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: {len(body)}\r\n\r\n"
        await self._send(head.encode() + body, body)

    async def _ask_on(self) -> None:
        while not self._ended:
            await self.ask()

    async def _send(self, data: bytes, expected: bytes) -> None:
        before = self._target.gone
        await self._stream.send_all(data)
        answer = await receive_answer(self._stream)
        self.passed.append(self._target.gone - before)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body == expected
