"""Header blocks: how they are compressed (RFC 7541), and cut into frames (RFC 9113 section 4.3)."""

from collections.abc import Callable
from typing import TypeAlias

import pytest
from trio.testing import MockClock

from hump_trio import Limits
from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import Framed
from tests.support.frames import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Peer, frame, speak

Build: TypeAlias = Callable[[bytes], bytes]

COMPRESSION, PROTOCOL = ErrorCode.COMPRESSION_ERROR, ErrorCode.PROTOCOL_ERROR
CALM = ErrorCode.ENHANCE_YOUR_CALM


def literal(name: bytes, value: bytes, *, mode: bytes = b"\0") -> bytes:
    """Return a field whose name and value are written out, neither longer than 126 bytes."""
    return mode + bytes([len(name)]) + name + bytes([len(value)]) + value


# What is put in place of, before or behind a good block; and its section of RFC 7541.
BROKEN: list[tuple[str, Build]] = [
    ("2.3.3 an index past both tables", lambda good: good + b"\xff\x00"),
    ("2.3.3 an index far past both tables", lambda good: good + b"\xff\xff\xff\xff\x07"),
    ("2.3.3 a name past both tables", lambda good: good + b"\x7f\x40\x01x"),
    ("2.3.3 a name past both tables, not kept", lambda good: good + b"\x0f\x70\x01x"),
    ("2.3.3 the first entry of an empty table", lambda good: b"\xbe" + good),
    ("4.2 a size at the end", lambda good: good + b"\x20"),
    ("4.2 a size between fields", lambda good: good[:1] + b"\x20" + good[1:]),
    ("5.1 an integer without an end", lambda good: good + b"\xff\x80"),
    ("5.1 an integer of many bytes", lambda good: good + b"\xff" + b"\x80" * 20 + b"\x01"),
    ("5.1 an integer that is too large", lambda good: good + b"\xff" + b"\xff" * 9 + b"\x7f"),
    ("5.1 a length that is too large", lambda good: good + b"\0\x01a\x7f" + b"\xff" * 9 + b"\x7f"),
    ("5.2 a name that is cut", lambda good: good + b"\0\x05ab"),
    ("5.2 a value that is cut", lambda good: good + b"\0\x01a\x05ab"),
    ("5.2 a name without a value", lambda good: good + b"\0\x01a"),
    ("5.2 a field of its first byte", lambda good: good + b"\0"),
    ("5.2 Huffman padded by a byte", lambda good: good + b"\0\x01a\x82\x1f\xff"),
    ("5.2 Huffman padded by zeros", lambda good: good + b"\0\x01a\x81\x18"),
    ("5.2 Huffman with its end", lambda good: good + b"\0\x01a\x84\xff\xff\xff\xff"),
    ("5.2 Huffman with its end within", lambda good: good + b"\0\x01a\x85\x1f\xff\xff\xff\xff"),
    ("6.1 the index 0", lambda good: good + b"\x80"),
    ("6.3 a size past what was agreed on", lambda good: b"\x3f\xe2\x1f" + good),
    ("6.3 a size far past it", lambda good: b"\x3f\xff\xff\xff\xff\x07" + good),
]

# What means the same as the block alone.
FINE: list[tuple[str, Build]] = [
    ("4.2 a size", lambda good: b"\x20" + good),
    ("4.2 the least size, then another", lambda good: b"\x20\x3f\xe1\x1f" + good),
    ("5.1 an integer with a byte too many", lambda good: b"\x3f\xe1\x9f\x00" + good),
    ("5.2 an empty value", lambda good: good + b"\0\x01a\0"),
    ("5.2 an empty value by Huffman", lambda good: good + b"\0\x01a\x80"),
    ("5.2 Huffman padded by seven bits", lambda good: good + b"\0\x01a\x83\x00\x6e\x7f"),
    ("6.2.3 a field that is never kept", lambda good: good + literal(b"a", b"b", mode=b"\x10")),
    ("6.2.1 a field that is kept, and named", lambda good: good
     + literal(b"a", b"b", mode=b"\x40") + b"\xbe\xbe"),
]  # fmt: skip


def plain_block() -> bytes:
    """Return the block of a request that leaves the table as it is: GET /head at a."""
    return b"\x82\x86" + literal(b":path", b"/head") + literal(b":authority", b"a")


@pytest.mark.parametrize("build", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_a_block_that_cannot_be_read_ends_the_connection(
    build: Build, autojump_clock: MockClock
) -> None:
    """Nothing after it could be read either (RFC 9113 section 4.3); no handler hears of it."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(peer.heads(1, build(plain_block())))
        await peer.expect_goaway(COMPRESSION)
    assert not framed.seen


@pytest.mark.parametrize("build", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_so_does_one_that_is_not_wanted(build: Build, autojump_clock: MockClock) -> None:
    """Trailers, and the head of a stream that is refused."""
    for stream_id in (1, 3):
        async with speak(Framed(Limits(streams=1)).app) as peer:
            first = b"\x83\x86" + literal(b":path", b"/unread") + literal(b":authority", b"a")
            await peer.send(peer.heads(1, first, end=False))
            await peer.expect_open()
            await peer.send(peer.heads(stream_id, build(b"\x82\x82")))
            await peer.expect_goaway(COMPRESSION)


@pytest.mark.parametrize("build", [row[1] for row in FINE], ids=[row[0] for row in FINE])
async def test_the_same_may_be_said_in_many_ways(build: Build, autojump_clock: MockClock) -> None:
    """All of which RFC 7541 has."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.heads(1, build(plain_block())))
        assert '"host":"a"' in (await peer.answer(1)).text.replace(" ", "")
        assert (await peer.ask(3)).text == "hello"


@pytest.mark.parametrize("count", range(40))
async def test_a_block_is_cut_anywhere(count: int, autojump_clock: MockClock) -> None:
    """Between any two bytes, by a CONTINUATION (RFC 9113 section 6.10)."""
    async with speak(Framed().app) as peer:
        block = peer.block(("x-one", "one"), ("x-two", "two"), path="/head")
        await peer.send(frame(HEADERS, END_STREAM, 1, block[:count]))
        await peer.frames()
        await peer.send(frame(CONTINUATION, END_HEADERS, 1, block[count:]))
        assert '["x-two","two"]' in (await peer.answer(1)).text.replace(" ", "")


async def test_the_tables_of_both_directions_are_apart(autojump_clock: MockClock) -> None:
    """And each connection has its own (RFC 7541 section 2.2)."""
    framed = Framed()
    async with speak(framed.app) as peer, speak(framed.app) as other:
        await peer.ask(1, ("x-secret", "one"))
        await other.send(other.heads(1, b"\x82\x86\x84\x01\x01a\xbe"))
        await other.expect_goaway(COMPRESSION)
        answer = await peer.ask(3, ("x-secret", "one"), path="/head")
        assert '["x-secret","one"]' in answer.text.replace(" ", "")


async def test_old_entries_make_room(autojump_clock: MockClock) -> None:
    """Many fields that are kept, over a table of 4,096 bytes and over smaller ones."""
    async with speak(Framed().app) as peer:
        for n, size in enumerate((4096, 1000, 0, 4096, 64, 200)):
            peer.encoder.header_table_size = size
            for count in range(30):
                stream_id = 60 * n + 2 * count + 1
                field = (f"x-{count % 7}", f"{count % 5}" * (count * 7 % 90))
                answer = await peer.ask(stream_id, field, ("x-last", "z"), path="/head")
                assert f'["{field[0]}","{field[1]}"]' in answer.text.replace(" ", "")
                assert '["x-last","z"]' in answer.text.replace(" ", "")


async def test_a_field_larger_than_the_table_empties_it(autojump_clock: MockClock) -> None:
    """That is no error (RFC 7541 section 4.4)."""
    async with speak(Framed().app) as peer:
        await peer.ask(1, ("x-first", "one"))
        big = peer.encoder.encode([]) + b"\x40\x01b\x7f\x81\x3f" + b"y" * 8192
        await peer.send(peer.heads(3, b"\x82\x86\x84\x01\x01a" + big))
        assert (await peer.answer(3)).text == "hello"
        await peer.send(peer.heads(5, b"\x82\x86\x84\x01\x01a\xbe"))
        await peer.expect_goaway(COMPRESSION)


@pytest.mark.parametrize("length", [0, 1, 100])
async def test_eight_continuations_are_taken_and_no_more(
    length: int, autojump_clock: MockClock
) -> None:
    """Empty ones count as well (CVE-2024-27316 and its kin)."""
    parts = [frame(CONTINUATION, 0, 1, literal(b"a", b"b" * 95) * (length == 100))] * 20
    async with speak(Framed().app) as peer:
        await peer.send(frame(HEADERS, END_STREAM, 1, plain_block()), *parts[:7])
        await peer.send(frame(CONTINUATION, END_HEADERS, 1))
        assert (await peer.answer(1)).status == 200
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(frame(HEADERS, END_STREAM, 1, plain_block()), *parts[:9])
        await peer.expect_goaway(CALM)
    assert not framed.seen


async def test_a_block_of_twice_a_head_is_too_long(autojump_clock: MockClock) -> None:
    """As it is compressed; up to that a head that is too large gets its 431."""
    limits = Limits()
    fields = [("x-fat", "y" * 120)] * (limits.head_bytes * 3 // 2 // 123)
    fat = b"".join(literal(name.encode(), value.encode()) for name, value in fields)
    assert limits.head_bytes < len(fat) < 2 * limits.head_bytes
    async with speak(Framed().app) as peer:
        await peer.send(peer.heads(1, plain_block() + fat))
        assert (await peer.answer(1)).status == 431
        assert (await peer.ask(3)).text == "hello"
        await peer.send(peer.heads(5, plain_block() + fat + fat))
        await peer.expect_goaway(CALM)


async def read_all(peer: Peer, *stream_ids: int) -> list[int]:
    """Return the statuses of some answers."""
    await peer.frames()
    return [peer.answers[stream_id].status for stream_id in stream_ids]


async def test_a_head_past_a_limit_is_answered(autojump_clock: MockClock) -> None:
    """On its stream alone, as over HTTP/1.1: what it adds to the table is there for the next."""
    async with speak(Framed().app) as peer:
        await peer.send(
            peer.head(1, *[(f"x-{n}", "y") for n in range(100)]),
            peer.head(3, ("x-fat", "y" * 33_000)),
            peer.head(5, path="/" + "a" * 8192),
            peer.head(7, ("x-99", "y"), path="/head"),
        )
        assert await read_all(peer, 1, 3, 5, 7) == [431, 431, 414, 200]
        assert '["x-99","y"]' in peer.answers[7].text.replace(" ", "")


async def test_far_too_many_fields_are_not_decoded(autojump_clock: MockClock) -> None:
    """Some too many are answered by a 431; a thousand of two bytes each would take their time."""
    async with speak(Framed(limits=Limits(header_count=10)).app) as peer:
        good = b"\x82\x86\x84\x01\x01a"
        kept = literal(b"a", b"", mode=b"\x40")
        await peer.send(peer.heads(1, good + kept + b"\x7e\x00" * 900))
        assert (await peer.answer(1)).status == 431
        await peer.send(peer.heads(3, good + b"\xbe"))
        assert (await peer.answer(3)).status == 200
        await peer.send(peer.heads(5, good + b"\x7e\x00" * 1100))
        await peer.expect_goaway(CALM)
