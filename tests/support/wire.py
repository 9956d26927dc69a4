"""Drives an app byte by byte, and reads its answers as a stranger does: h11 as the client."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11
import trio

from hump_trio import Hump
from hump_trio.testing import RawConnection, connect
from hump_trio.testing.memory_listener import running
from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport

# What a connection may hold before anyone reads: once that in memory, more in TCP's two buffers.
HELD_BYTES = 3 * WINDOW_BYTES


@dataclass(slots=True)
class Answer:
    """One response as h11 understands it.

    Args:
        status: Of the final response.
        headers: Names in lower case.
        body: As far as it came.
        informational: Statuses of the responses before it, such as 100.
        whole: Whether its end was reached.
        trailers: The fields behind the body, names in lower case.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""
    informational: list[int] = field(default_factory=list)
    whole: bool = False
    trailers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends."""
        return self.headers.get("connection") == "close"


def request(
    method: str = "GET",
    path: str = "/",
    *lines: str,
    body: bytes = b"",
    version: str = "1.1",
) -> bytes:
    """Return the bytes of a request; a body brings its Content-Length."""
    fields = ["Host: a", *lines]
    if body:
        fields.append(f"Content-Length: {len(body)}")
    head = f"{method} {path} HTTP/{version}\r\n" + "".join(f"{line}\r\n" for line in fields)
    return head.encode("latin-1") + b"\r\n" + body


def chunked(*parts: bytes, path: str = "/", trailers: str = "", end: bool = True) -> bytes:
    """Return the bytes of a POST in chunks."""
    data = request("POST", path, "Transfer-Encoding: chunked")
    data += b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return data + (f"0\r\n{trailers}\r\n".encode("latin-1") if end else b"")


def parse_answers(data: bytes, *methods: str, ended: bool = True) -> list[Answer]:
    """Return the answers that some bytes are to requests of these methods.

    Nothing may follow them. The last one may be cut off, if the connection was.

    Args:
        data: All that came.
        methods: Of the requests, in order; one GET if left out.
        ended: Whether the connection came to its orderly end then.
    """
    judge = h11.Connection(h11.CLIENT)
    if data:
        judge.receive_data(data)
    if ended:
        judge.receive_data(b"")
    answers: list[Answer] = []
    for method in methods or ("GET",):
        if not judge.trailing_data[0]:
            break
        target = "a:1" if method == "CONNECT" else "/"
        judge.send(h11.Request(method=method, target=target, headers=[("host", "a")]))
        judge.send(h11.EndOfMessage())
        answer = next_answer(judge)
        if answer is not None:
            answers.append(answer)
        if answer is None or not answer.whole:
            return answers
        if judge.their_state is not h11.DONE:
            break
        judge.start_next_cycle()
    left, _ = judge.trailing_data
    assert left == b"", "nothing follows the last answer"
    return answers


def decoded(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return fields as text."""
    return [(name.decode(), value.decode("latin-1")) for name, value in fields]


def next_answer(judge: h11.Connection) -> Answer | None:
    """Return the next answer, whole or not; None if there is none."""
    answer: Answer | None = None
    informational: list[int] = []
    while True:
        event = judge.next_event()
        if isinstance(event, h11.InformationalResponse):
            informational.append(event.status_code)
        elif isinstance(event, h11.Response):
            headers = dict(decoded(event.headers))
            answer = Answer(event.status_code, headers, informational=informational)
        elif isinstance(event, h11.Data):
            assert answer is not None
            answer.body += bytes(event.data)
        else:
            if isinstance(event, h11.EndOfMessage):
                assert answer is not None
                answer.whole = True
                answer.trailers = decoded(event.headers)
            return answer


async def read_to_end(raw: RawConnection) -> bytes:
    """Return all that comes until the app ends the connection in good order."""
    data = b""
    while part := await raw.receive():
        data += part
    return data


async def read_to_reset(raw: RawConnection) -> bytes:
    """Return all that comes until the app resets the connection; it must not end otherwise."""
    data = b""
    try:
        while part := await raw.receive():
            data += part
    except trio.BrokenResourceError:
        return data
    raise AssertionError(f"an orderly end after {data[-100:]!r}")


async def read_until(raw: RawConnection, end: bytes) -> bytes:
    """Return what comes, up to the first bytes that end so."""
    data = b""
    while not data.endswith(end):
        part = await raw.receive()
        assert part, f"the connection ended after {data[-100:]!r}"
        data += part
    return data


@asynccontextmanager
async def connect_transport(app: Hump, window_bytes: float) -> AsyncIterator[MemoryTransport]:
    """Serve an app and give a connection that acknowledges so much before it is read."""
    async with running(app) as listener:
        transport = listener.connect(window_bytes)
        transport.set_window(window_bytes)  # over TCP, all that there is of it
        try:
            yield transport
        finally:
            transport.close()


async def ask(app: Hump, data: bytes, *methods: str) -> list[Answer]:
    """Return the answers to some bytes on a connection of their own."""
    async with connect(app) as raw:
        await raw.send(data)
        await raw.half_close()
        return parse_answers(await read_to_end(raw), *methods)
