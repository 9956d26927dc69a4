"""Blocks that come again mean what they say now, whatever the server remembers of them."""

import json
import tracemalloc
from collections.abc import Sequence
from functools import partial
from typing import Any

import hpack
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio import Hump, Request
from hump_trio.http2.failures import ErrorCode
from tests.support.frames import speak

# The static table's ``:method: GET``, ``:scheme: http`` and ``:path: /``; and the host ``a``.
INDEXED = b"\x82\x86\x84"
HOST = b"\x01\x01a"
# What a field is said to be that is kept in the table, and the last one that was.
KEPT, LAST = b"\x40", b"\xbe"


def telling_app() -> Hump:
    """Return an app that tells what it was asked."""
    app = Hump()

    @app.get("/{rest:path}")
    async def tell(request: Request) -> dict[str, Any]:
        return {"path": request.url, "headers": request.headers.items(), "host": request.host}

    return app


async def test_the_same_bytes_after_another_entry(autojump_clock: MockClock) -> None:
    """An index that was one field is another, and then none: nobody is taken for somebody else."""
    block = INDEXED + HOST + LAST
    async with speak(telling_app()) as peer:
        await peer.send(peer.heads(1, INDEXED + HOST + KEPT + b"\x04user\x03ann"))
        await peer.send(peer.heads(3, block), peer.heads(5, block))
        await peer.send(peer.heads(7, INDEXED + HOST + KEPT + b"\x04user\x03bob"))
        await peer.send(peer.heads(9, block), peer.heads(11, block))
        await peer.frames()
        said = [json.loads(peer.answers[n].body)["headers"][-1][1] for n in (3, 5, 9, 11)]
        assert said == ["ann", "ann", "bob", "bob"]
        await peer.send(peer.heads(13, b"\x20" + INDEXED + HOST))
        await peer.send(peer.heads(15, block))
        await peer.expect_goaway(ErrorCode.COMPRESSION_ERROR)


async def test_the_same_bytes_after_a_smaller_table(autojump_clock: MockClock) -> None:
    """What was forgotten is unknown, however often it was asked for."""
    block = INDEXED + HOST + LAST
    async with speak(telling_app()) as peer:
        await peer.send(peer.heads(1, INDEXED + HOST + KEPT + b"\x04user\x03ann"))
        await peer.send(peer.heads(3, block), peer.heads(5, block))
        await peer.send(peer.heads(7, b"\x20\x3f\xe1\x1f" + INDEXED + HOST))
        await peer.send(peer.heads(9, block))
        await peer.expect_goaway(ErrorCode.COMPRESSION_ERROR)


async def test_long_blocks_are_not_remembered(autojump_clock: MockClock) -> None:
    """What a connection holds of requests is little, whatever it has sent before it went quiet."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        return "hello"

    async with speak(app) as peer:
        tracemalloc.start()
        try:
            for number in range(1, 81, 2):
                cookie = b"\x0f\x11\x7f\x93N" + b"%05d" % number * 2026
                await peer.send(peer.heads(number, INDEXED + HOST + cookie))
                assert (await peer.answer(number)).body == b"hello"
            peer.answers.clear()
            held_bytes = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert held_bytes < 2**18


PATHS = ["/", "/items/1", "/items/22", "/a%20b?c=d", "/" + "x" * 120, "/" + "~" * 130]
HOSTS = ["a", "example.com:8080"]
FIELDS = [
    ("user-agent", "tester/1.0"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate"),
    ("x-user", "ann"),
    ("x-user", "bob"),
    ("x-long", "y" * 300),
    ("x-empty", ""),
    ("priority", "u=1"),
]
requests = st.tuples(
    st.sampled_from(PATHS),
    st.sampled_from(HOSTS),
    st.lists(st.sampled_from(FIELDS), max_size=5),
    st.booleans(),  # by Huffman
    st.sampled_from([None, None, None, None, 0, 100, 400, 4096]),  # another size of the table
    st.booleans(),  # whether what is new is kept
)


async def compare(sequence: Sequence[tuple[Any, ...]], *, together: bool) -> None:
    """Ask all, and compare what was understood with what was said."""
    async with speak(telling_app()) as peer:
        encoder = peer.encoder
        said = []
        for n, (path, host, fields, huffman, size, kept) in enumerate(sequence):
            if size is not None:
                encoder.header_table_size = size
            pseudo = [
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", host),
                (":path", path),
            ]
            maker = hpack.HeaderTuple if kept else hpack.NeverIndexedHeaderTuple
            block = encoder.encode([maker(*each) for each in pseudo + fields], huffman=huffman)
            await peer.send(peer.heads(2 * n + 1, block))
            said.append(
                {"path": path, "headers": [["host", host], *map(list, fields)], "host": host}
            )
            if not together:
                await peer.frames()
        await peer.frames()
        heard = [json.loads(peer.answers[2 * n + 1].body) for n in range(len(said))]
        assert heard == said


@settings(max_examples=150)
@given(st.lists(requests, max_size=25), st.booleans())
def test_what_is_understood_is_what_was_said(
    sequence: Sequence[tuple[Any, ...]], together: bool
) -> None:
    """By an encoder that isn't ours, in any order of the same few requests."""
    play = partial(compare, sequence, together=together)
    trio.run(play, clock=MockClock(autojump_threshold=0))
