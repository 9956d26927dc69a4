"""Hostile input is answered as the reference says, row by row of its tables."""

import re
from collections.abc import Iterator
from typing import TypeAlias

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Limits, WebSocket
from hump_trio.testing import connect, websocket
from tests.support.reference import page_run, table_after

GOOD = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST /order HTTP/1.1\r\nhost: a\r\n"
# For each row of the table of hostile input, what a hostile client sends.
HOSTILE = {
    "a malformed request line or header, a bare CR or LF, a folded header, a control byte": [
        b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n" + GOOD,
        b"GET / HTTP/1.1\r\nhost: a\r\nb : c\r\n\r\n" + GOOD,
        b"GET / HTTP/1.1\nhost: a\n\n" + GOOD,
        b"GET / HTTP/1.1\r\nhost: a\r\nb: c\rd\r\n\r\n" + GOOD,
        b"GET / HTTP/1.1\r\nhost: a\r\nb: c\r\n d\r\n\r\n" + GOOD,
        b"GET / HTTP/1.1\r\nhost: a\r\nb: \x00\r\n\r\n" + GOOD,
    ],
    "`Host` malformed, repeated, or missing in HTTP/1.1": [
        b"GET / HTTP/1.1\r\nhost: user@a\r\n\r\n" + GOOD,
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n" + GOOD,
        b"GET / HTTP/1.1\r\n\r\n" + GOOD,
    ],
    "`Content-Length` malformed, repeated, or beside `Transfer-Encoding`; "
    "malformed chunks or trailers": [
        POST + b"content-length: +1\r\n\r\na" + GOOD,
        POST + b"content-length: 1\r\ncontent-length: 1\r\n\r\na" + GOOD,
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + GOOD,
        POST + b"transfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + GOOD,
        POST + b"transfer-encoding: chunked\r\n\r\n0\r\nhost: b\r\n\r\n" + GOOD,
    ],
    "a transfer coding besides `chunked`": [
        POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + GOOD,
        POST + b"transfer-encoding: tea\r\n\r\n" + GOOD,
    ],
    "HTTP/2 where it is turned off, an unknown major version": [
        b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + GOOD,
        b"GET / HTTP/2.0\r\nhost: a\r\n\r\n" + GOOD,
        b"GET / HTTP/0.9\r\nhost: a\r\n\r\n" + GOOD,
    ],
    "a head or a body that dribbles": [
        b"GET / HTTP/1.1\r\nhos",
        POST + b"content-length: 10\r\n\r\na",
    ],
    "an unknown method, CONNECT": [
        b"BREW / HTTP/1.1\r\nhost: a\r\n\r\n" + GOOD,
        b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n" + GOOD,
    ],
    "another method than the path's": [b"DELETE / HTTP/1.1\r\nhost: a\r\n\r\n" + GOOD],
    "an unknown `Expect`": [POST + b"expect: tea\r\n\r\n" + GOOD],
    "an `Upgrade`, but to a WebSocket where there is one": [
        b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: tea\r\nconnection: upgrade\r\n\r\n" + GOOD
    ],
    "a bad request behind good ones": [GOOD + b"GET\r\n\r\n" + GOOD],
}

ASKING = (
    b"GET /echo HTTP/1.1\r\nhost: shop.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
)
KEY = b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
VERSION = b"sec-websocket-version: 13\r\n"
# For each row of the table of WebSockets that names a status, what a hostile client asks by.
HOSTILE_HANDSHAKES = {
    "a handshake without its key, with two or a malformed one, or with a body": [
        VERSION,
        VERSION + KEY + KEY,
        VERSION + KEY.replace(b"A==", b"=="),
        VERSION + KEY + b"content-length: 40\r\n",
        VERSION + KEY + b"transfer-encoding: chunked\r\n",
    ],
    "another version than 13": [KEY, KEY + b"sec-websocket-version: 14\r\n", KEY + VERSION * 2],
    "an `Origin` of another host or port, `null`, malformed or repeated": [
        VERSION + KEY + b"origin: " + origin + b"\r\n"
        for origin in (
            b"https://evil.example",
            b"https://shop.example.evil.example",
            b"https://evil.example/https://shop.example",
            b"https://shop.example:444",
            b"null",
            b"tea",
            b"https://shop.example\r\norigin: https://shop.example",
        )
    ],
}
# For each row that names a code, the path, and each frame that ends the WebSocket: its first byte,
# what it holds, and whether it is masked.
Frame: TypeAlias = tuple[int, bytes] | tuple[int, bytes, bool]
HOSTILE_FRAMES: dict[str, tuple[str, list[Frame | bytes]]] = {
    "a frame that is unmasked, of an unknown kind or with a reserved bit; a length with more bytes "
    "than it needs; a ping or a close in fragments, or of more than 125 bytes": (
        "/echo",
        [
            (0x81, b"tea", False),
            (0x83, b""),
            (0x8B, b""),
            *((0x81 | bit, b"tea") for bit in (0x40, 0x20, 0x10)),
            b"\x81\xfe\0\x05....",
            b"\x81\xff\0\0\0\0\0\0\0\x7e....",
            (0x09, b""),
            (0x08, b"\x03\xe8"),
            (0x89, bytes(126)),
            (0x88, b"\x03\xe8" + bytes(124)),
        ],
    ),
    "a fragment of no message, a message within another": (
        "/echo",
        [(0x00, b""), (0x80, b""), b"\x01\x80....\x81\x80...."],
    ),
    "a close of one byte, or with a code that nobody may send": (
        "/echo",
        [(0x88, b"\x03"), *((0x88, code.to_bytes(2, "big")) for code in (999, 1005, 1006, 5000))],
    ),
    "text or a reason that isn't UTF-8, at its first wrong byte": (
        "/echo",
        [
            (0x81, b"\xff"),
            (0x81, b"\xed\xa0\x80"),
            (0x01, b"\xc0"),
            b"\x81\xfd\0\0\0\0\xff",
            (0x88, b"\x03\xe8\xff"),
        ],
    ),
    "JSON that isn't of the handler's type": (
        "/rooms/tea",
        [(0x81, text) for text in (b"", b"{", b"1", b'{"type":"Shout"}')],
    ),
    "a binary message where the handler takes text, or the reverse": (
        "/rooms/tea",
        [(0x82, b'{"type":"Say","text":"hi"}')],
    ),
    "a message that is too long, by its header alone, or once it is inflated": (
        "/echo",
        [b"\x81\xff\0\0\0\0\0\x10\0\x01...."],
    ),
    "a frame that dribbles, a message that is never ended": (
        "/echo",
        [b"\x81", b"\x81\xfd....a", (0x01, b"a")],
    ),
}


def hostile_rows(heading: str) -> list[list[str]]:
    """Return the rows of the table below one of the section's headings."""
    return table_after("limits_and_hostile_input", heading)


@pytest.fixture
def app() -> Iterator[Hump]:
    """The app of the page about WebSockets, with two plain routes."""
    with page_run("websockets") as names:
        app = names["app"]
        assert isinstance(app, Hump)

        @app.get("/")
        async def index() -> str:
            return "Hello, world!"

        @app.post("/order")
        async def order() -> None: ...

        yield app


def test_hostile_samples_are_those_of_the_table() -> None:
    """The table of hostile input and the samples here name the same cases."""
    assert [row[0] for row in hostile_rows("Over HTTP/1.1")] == list(HOSTILE)


@pytest.mark.parametrize("row", hostile_rows("Over HTTP/1.1"), ids=lambda row: row[0][:30])
async def test_hostile_input_is_answered_as_said(
    row: list[str], app: Hump, autojump_clock: MockClock
) -> None:
    """Each row's input gets the answer beside it, and the connection ends or stays."""
    said, answer = row
    for sample in HOSTILE[said]:
        async with connect(app) as connection:
            await connection.send(sample)
            received = b""
            while part := await connection.receive():
                received += part
        statuses = re.findall(r"HTTP/1\.1 (\d+) ", received.decode())
        expected = re.findall(r"\d{3}", answer) or ["200"]
        if "their answers" in answer:
            expected.insert(0, "200")
        if answer.endswith("stays open"):
            expected.append("200")
        assert statuses == expected, sample


def websocket_rows(*, answered: bool) -> list[list[str]]:
    """Return the rows of the table of hostile WebSockets that name a status, or a code."""
    pattern = r"\d{3}, \w+" if answered else r"(?!1013)\d{4}"
    return [row for row in hostile_rows("From WebSockets") if re.match(rf"{pattern}", row[1])]


@pytest.mark.parametrize("row", websocket_rows(answered=True), ids=lambda row: row[0][:30])
async def test_hostile_handshakes_are_answered_as_said(
    row: list[str], app: Hump, autojump_clock: MockClock
) -> None:
    """Each row's handshakes get the answer beside them, and the connection ends or stays."""
    said, answer = row
    samples = [ASKING + fields + b"\r\n" for fields in HOSTILE_HANDSHAKES.get(said, [])]
    assert samples or "plain GET" in said
    for sample in samples or [b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n"]:
        async with connect(app) as connection:
            await connection.send(sample + GOOD)
            received = b""
            while part := await connection.receive():
                received += part
        statuses = re.findall(r"HTTP/1\.1 (\d+) ", received.decode())
        assert statuses == [answer[:3]] + ["200"] * answer.endswith("stays open"), sample


@pytest.mark.parametrize("row", websocket_rows(answered=False), ids=lambda row: row[0][:30])
async def test_hostile_frames_are_answered_as_said(
    row: list[str], app: Hump, autojump_clock: MockClock
) -> None:
    """Each row's frames get the code beside them, behind the answer to a good message."""
    said, code = row
    path, samples = HOSTILE_FRAMES[said]
    good = "hi" if path == "/echo" else {"type": "Say", "text": "hi"}
    for sample in samples:
        cookies = {"session": "tea"}
        async with websocket(app, path, cookies=cookies, timeout=None) as ws:
            await ws.send(good)
            if isinstance(sample, bytes):
                await ws.send_raw(sample)
            else:
                first_byte, payload, *rest = sample
                await ws.send_frame(first_byte, payload, masked=all(rest))
            assert "hi" in await ws.receive(str)
            await ws.wait_closed()
        assert ws.close_code == int(code), sample


async def test_websockets_hold_no_more_than_is_said(autojump_clock: MockClock) -> None:
    """What isn't whole of all clients together is bounded; who sends more is closed with 1013."""
    said = dict(hostile_rows("From WebSockets"))
    assert said["more than `buffered_bytes` of all clients together"].startswith("1013, or")
    app = Hump(limits=Limits(buffered_bytes=200_000))

    @app.websocket("/")
    async def receive(ws: WebSocket) -> None:
        await ws.receive()

    async with websocket(app, "/") as first, websocket(app, "/") as second:
        for ws, count in ((first, 150_000), (second, 60_000)):
            await ws.send_raw(b"\x81\xff\0\0\0\0\0\x0f\0\0...." + b"a" * count)
            await wait_all_tasks_blocked()
        await second.wait_closed()
        assert (first.close_code, second.close_code) == (None, 1013)
