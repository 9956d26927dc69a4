"""The README tells the truth: its programs run, and its tables hold."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import hump_trio
from hump_trio import Hump, Limits, Sockets, Timeouts, WebSocket
from hump_trio.dispatch.registration import LAST_SECONDS
from hump_trio.testing import client, connect, websocket
from tests.support.channels import FakeChannel, open_websocket
from tests.support.pages import blocks_of, run_blocks

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = blocks_of(ROOT / "README.md", "python")

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


@pytest.fixture
def program() -> Iterator[dict[str, Any]]:
    """The names that all of the README's blocks define, run one after the other."""
    with run_blocks(PYTHON_BLOCKS) as (names, runs):
        assert runs == [names["app"].serve]
        yield names


def table_after(heading: str, *, index: int = 0) -> list[list[str]]:
    """Return the rows of a table in the section of a heading, each as its cells."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[index]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]


def readable(name: str, value: float | str | tuple[str, ...] | None) -> str:
    """Return a setting's value as the README writes it."""
    if isinstance(value, bool):
        return f"`{value}`"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if name.endswith("_mode"):
        return f"`0o{value:o}`"
    if value is None:
        return "none" if name == "deadline_header" else "no limit"
    if not name.endswith("_bytes"):
        return f"{value:,g}"
    kibibytes = int(value) // 1024
    return f"{kibibytes} KiB" if kibibytes < 1024 else f"{kibibytes // 1024} MiB"


@pytest.mark.parametrize(
    ("heading", "settings"),
    [("Timeouts", Timeouts()), ("Limits", Limits()), ("Sockets", Sockets())],
)
def test_tables_of_settings_are_complete(
    heading: str, settings: Timeouts | Limits | Sockets
) -> None:
    """Every field has a row with its default, in the order in which the class has them."""
    written = [row[:2] for row in table_after(heading)]
    names = [field.name for field in fields(settings)]
    assert written == [[f"`{name}`", readable(name, getattr(settings, name))] for name in names]


def test_every_example_is_linked() -> None:
    """No example is left out, and no link to one leads nowhere; pages are linked by pages."""
    linked = re.findall(r"\]\((examples/[^)]+(?<!\.md))\)", README)
    folders = [ROOT / "examples" / name for name in ("", "deploy", "recipes")]
    files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    files += (ROOT / "examples").glob("*/app.py")
    present = [str(path.relative_to(ROOT)) for path in files if path.suffix != ".md"]
    assert sorted(linked) == sorted(present)


@pytest.mark.parametrize("name", hump_trio.__all__)
def test_every_public_name_is_mentioned(name: str) -> None:
    """What can be imported from hump_trio is somewhere in the README."""
    assert re.search(rf"\b{name}s?\b", README)


@pytest.mark.parametrize(
    "extra", ["json", "multipart", "sessions", "testing", "websocket", "zstd", "all", "dev"]
)
def test_extras_are_those_of_the_package(extra: str) -> None:
    """The table of extras names what pyproject.toml has."""
    assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert extra in [row[0].strip("`") for row in table_after("Extras")]


async def test_first_program_serves() -> None:
    """The first block alone is a whole program, with both its answers."""
    with run_blocks(PYTHON_BLOCKS[:1]) as (names, runs):
        app = names["app"]
    assert isinstance(app, Hump)
    assert runs == [app.serve]
    async with client(app) as http:
        index, teapot = await http.get("/"), await http.get("/teapot")
    assert (index.status_code, index.text) == (200, "Hello, world!")
    assert (teapot.status_code, teapot.text) == (418, "Howdy!")


async def test_snippets_do_what_is_said(program: dict[str, Any], autojump_clock: MockClock) -> None:
    """The other blocks go on from the first one, and each of their routes works."""
    # Read first, so that the system has cached it: this clock doesn't wait for a worker thread.
    hello = (ROOT / "examples/hello.py").read_text(encoding="utf-8")
    async with client(program["app"]) as http:
        stranger = await http.get("/tea")
        member = await http.get("/tea", headers={"authorization": "Bearer tea"})
        uploaded = await http.put("/upload", content=bytes(2_000_000))
        too_large = await http.put("/upload", content=bytes(10_000_001))
        countdown = await http.get("/countdown")
        race = await http.get("/race")
        summed = await http.get("/summed")
        slow_page = await http.get("/slow-page")
        order = await http.post("/order")
        total = await http.get("/sum")
        letter = await http.post("/letters")
        autojump_clock.autojump_threshold = math.inf  # disks and threads have their own
        asset = await http.get("/assets/hello.py")
        legacy = await http.get("/legacy/report")
        report = await http.get("/old", follow_redirects=True, headers={"range": "bytes=2-10"})
        autojump_clock.autojump_threshold = 0
        unknown = await http.get("/unknown")
        teas = await http.get("/api/teas")
    assert (stranger.status_code, stranger.text) == (401, "who are you?")
    assert (member.status_code, member.text) == (409, "no tea left")
    assert uploaded.json() == {"bytes": 2_000_000}
    assert too_large.status_code == 413
    assert countdown.text == "3\n2\n1\n"
    assert sorted(race.text.split()) == ["hare", "tortoise"]
    assert summed.text == "1\n2\n"
    assert "style.css" in slow_page.text
    assert (order.status_code, total.text, letter.text) == (503, "4", "after 0 orders")
    assert (teas.json(), teas.headers["x-greeting"]) == (["Assam", "Sencha"], "hello")
    assert (unknown.status_code, unknown.headers["x-greeting"]) == (404, "hello")
    assert asset.text == hello
    assert legacy.text == "as it always was"
    assert (report.text, report.url.path) == ("hump_trio", "/report")


async def test_snippet_of_a_websocket_works(program: dict[str, Any]) -> None:
    """Who isn't signed in has an answer, and who is has one to each message."""
    app, path = program["app"], "/rooms/tea"
    response, _, _ = await open_websocket(app, path)
    assert response.status == 422
    response, _, _ = await open_websocket(app, path, ("cookie", "session=coffee"))
    assert (response.status, response.body) == (401, b"sign in")
    fields = [("cookie", "session=tea"), ("origin", "https://shop.example")]

    def client(channel: FakeChannel) -> None:
        channel.give('{"type":"Say","text":"hi"}')
        channel.give('{"type":"Shout"}')

    _, channel, _ = await open_websocket(app, path, *fields, client=client)
    assert channel.sent == ['{"type":"Said","text":"hi","room":"tea"}']
    assert channel.closed_with is not None
    assert channel.closed_with[0] == 1007


async def test_snippet_of_a_form_works(
    program: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture is written as a file, and the cookie is set; an album has both texts and files."""
    monkeypatch.chdir(tmp_path)
    files = {"picture": ("a.png", bytes(100_000))}
    async with client(program["app"]) as http:
        answer = await http.post("/pictures", data={"title": "tea"}, files=files)
        data = {"name": "tea", "price": "1.5"}
        album = await http.post("/albums", data=data, files={"pictures": ("a.png", b"12")})
    assert (answer.text, answer.cookies["last"]) == ("tea: 100000 bytes", "picture")
    assert album.json() == {"name": "tea", "bytes": 2}
    assert await trio.Path(tmp_path / "picture.png").read_bytes() == bytes(100_000)


async def test_snippet_of_a_topic_works(program: dict[str, Any]) -> None:
    """A price that a client changes is read by who follows the prices, in both ways."""
    app = program["app"]
    async with connect(app) as connection, websocket(app, "/prices") as ws:
        await connection.send(b"GET /prices HTTP/1.1\r\nhost: a\r\n\r\n")
        received = await connection.receive()
        while len(program["prices"]) < 2:
            await trio.lowlevel.checkpoint()
        await ws.send({"tea": 1.5})
        assert await ws.receive() == '{"tea":1.5}'
        while b"data: " not in received:
            received += await connection.receive()
    assert b'data: {"tea":1.5}\n\n' in received


async def test_snippet_of_a_test_passes(program: dict[str, Any]) -> None:
    """The test that is shown for an app passes."""
    for name in ("test_index", "test_bytes"):
        await program[name]()
    await program["test_room"](None)


def test_snippet_of_a_plain_test_passes(program: dict[str, Any]) -> None:
    """The test that is shown for a blocking client passes."""
    with contextmanager(program["http"].__wrapped__)() as http:
        program["test_plainly"](http)


def test_hostile_samples_are_those_of_the_table() -> None:
    """The table of hostile input and the samples here name the same cases."""
    assert [row[0] for row in table_after("Hostile input")] == list(HOSTILE)


@pytest.mark.parametrize("row", table_after("Hostile input"), ids=lambda row: row[0][:30])
async def test_hostile_input_is_answered_as_said(
    row: list[str], program: dict[str, Any], autojump_clock: MockClock
) -> None:
    """Each row's input gets the answer beside it, and the connection ends or stays."""
    said, answer = row
    for sample in HOSTILE[said]:
        async with connect(program["app"]) as connection:
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


def test_times_of_websockets_are_those_of_the_settings() -> None:
    """Each row's fields have the defaults beside them, as has ``on_disconnect`` of a route."""
    for _, setting, default, _ in table_after("WebSockets", index=1):
        names = re.findall(r"`(\w+)`", setting)
        if names:
            written = ", ".join(f"{getattr(Timeouts(), name):g}" for name in names)
            assert default == written, setting
        elif "on_disconnect" in setting:
            assert default == f"{LAST_SECONDS:g}"
        else:
            assert (setting, default) == ("`timeout=` of the route", "no limit")


def websocket_rows(*, answered: bool) -> list[list[str]]:
    """Return the rows of the table of hostile WebSockets that name a status, or a code."""
    pattern = r"\d{3}, \w+" if answered else r"(?!1013)\d{4}"
    return [row for row in table_after("Hostile input", index=2) if re.match(rf"{pattern}", row[1])]


@pytest.mark.parametrize("row", websocket_rows(answered=True), ids=lambda row: row[0][:30])
async def test_hostile_handshakes_are_answered_as_said(
    row: list[str], program: dict[str, Any], autojump_clock: MockClock
) -> None:
    """Each row's handshakes get the answer beside them, and the connection ends or stays."""
    said, answer = row
    samples = [ASKING + fields + b"\r\n" for fields in HOSTILE_HANDSHAKES.get(said, [])]
    assert samples or "plain GET" in said
    for sample in samples or [b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n"]:
        async with connect(program["app"]) as connection:
            await connection.send(sample + GOOD)
            received = b""
            while part := await connection.receive():
                received += part
        statuses = re.findall(r"HTTP/1\.1 (\d+) ", received.decode())
        assert statuses == [answer[:3]] + ["200"] * answer.endswith("stays open"), sample


@pytest.mark.parametrize("row", websocket_rows(answered=False), ids=lambda row: row[0][:30])
async def test_hostile_frames_are_answered_as_said(
    row: list[str], program: dict[str, Any], autojump_clock: MockClock
) -> None:
    """Each row's frames get the code beside them, behind the answer to a good message."""
    said, code = row
    path, samples = HOSTILE_FRAMES[said]
    good = "hi" if path == "/echo" else {"type": "Say", "text": "hi"}
    for sample in samples:
        cookies = {"session": "tea"}
        async with websocket(program["app"], path, cookies=cookies, timeout=None) as ws:
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
    said = dict(table_after("Hostile input", index=2))
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
