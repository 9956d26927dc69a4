"""Header blocks, judged by hpack."""

from collections.abc import Callable
from typing import Any

import pytest
from hpack import Decoder as Judge
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.hpack import (
    Decoder,
    Field,
    encode_literal,
    encode_plain_literal,
    encode_status,
)

names = st.from_regex(r"[a-z0-9!_.-]{1,20}", fullmatch=True) | st.sampled_from(
    ["cookie", "accept", "user-agent", "x-a", "content-type", "set-cookie"]
)
inner = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=60)
values = inner.map(lambda value: value.strip(" "))
fields = st.tuples(names, values) | st.sampled_from(
    [(":method", "GET"), (":path", "/"), (":path", "/a"), (":scheme", "https"), ("te", "trailers")]
)


def failure_of(*blocks: bytes, limit_bytes: int = 4096) -> str:
    """Return why the last of some blocks can't be decoded."""
    decoder = Decoder(limit_bytes)
    for block in blocks[:-1]:
        decoder.decode(block)
    with pytest.raises(ConnectionFailure) as caught:
        decoder.decode(blocks[-1])
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR
    return str(caught.value)


def string(data: bytes) -> bytes:
    """Return a short string that isn't Huffman code."""
    assert len(data) < 127
    return bytes((len(data),)) + data


def literal(name: bytes, value: bytes, kind: int = 0x40) -> bytes:
    """Return a literal whose name is spelled out; it is put into the table unless told."""
    return bytes((kind,)) + string(name) + string(value)


def judge(block: bytes, decoder: Judge) -> list[Any]:
    """Return the fields that hpack finds in a block."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in decoder.decode(block, raw=True)
    ]


def latin(given_fields: list[Field]) -> list[tuple[bytes, bytes]]:
    """Return fields as hpack takes them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given_fields]


@given(
    st.lists(
        st.tuples(
            st.lists(fields, max_size=12),
            st.booleans(),
            st.lists(st.sampled_from([0, 40, 100, 300, 4096]), max_size=1),
        ),
        max_size=8,
    )
)
def test_blocks_of_a_stranger(blocks: list[tuple[list[Field], bool, list[int]]]) -> None:
    """A stranger's blocks mean what it put in, and its table is ours, entry for entry."""
    encoder, decoder = Encoder(), Decoder()
    for sent, huffman, sizes in blocks:
        for size in sizes:
            encoder.header_table_size = size
        changes = decoder.insertion_count
        before = list(decoder.table)
        decoder.memo["block"] = True
        assert decoder.decode(encoder.encode(latin(sent), huffman=huffman)) == sent
        theirs = encoder.header_table
        assert latin([field for field in decoder.table[62:] if field]) == list(
            theirs.dynamic_entries
        )
        assert decoder.size_bytes == theirs._current_size
        assert decoder.limit_bytes == theirs.maxsize
        if decoder.insertion_count != changes or decoder.table != before:
            assert not decoder.memo


# RFC 7541 appendix C: blocks of one connection, their fields, and the sizes of the table.
EXAMPLES = {
    "C.2.1": (
        ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"],
        [[("custom-key", "custom-header")]],
        [55],
    ),
    "C.2.2": (["040c 2f73 616d 706c 652f 7061 7468"], [[(":path", "/sample/path")]], [0]),
    "C.2.3": (
        ["1008 7061 7373 776f 7264 0673 6563 7265 74"],
        [[("password", "secret")]],
        [0],
    ),
    "C.2.4": (["82"], [[(":method", "GET")]], [0]),
}
REQUESTS: list[list[Field]] = [
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
    ],
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
]
EXAMPLES["C.3"] = (
    [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    REQUESTS,
    [57, 110, 164],
)
EXAMPLES["C.4"] = (
    [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
    REQUESTS,
    [57, 110, 164],
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_rfc(example: str) -> None:
    """Each block of RFC 7541 appendix C is decoded to what stands there."""
    decoder = Decoder()
    for block, expected, size in zip(*EXAMPLES[example], strict=True):
        assert decoder.decode(bytes.fromhex(block)) == expected
        assert decoder.size_bytes == size


@pytest.mark.parametrize("encode", [encode_literal, encode_plain_literal])
@given(given_fields=st.lists(st.tuples(names, values), max_size=12), status=st.integers(100, 999))
def test_a_stranger_reads_answers(
    encode: Callable[[str, str], bytes], given_fields: list[Field], status: int
) -> None:
    """Answers are what they were made of, and leave the table of the client empty."""
    stranger = Judge()
    block = encode_status(status) + b"".join(encode(*field) for field in given_fields)
    assert judge(block, stranger) == [(":status", str(status)), *given_fields]
    assert not stranger.header_table.dynamic_entries
