"""Fields of answers, judged by hpack."""

from collections.abc import Callable

import pytest
from hpack import Decoder as Judge
from hpack import NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.hpack import Decoder, Field
from hump_trio.http2.huffman import encode_huffman
from hump_trio.http2.literals import BEGINNINGS, encode_literal, encode_plain_literal, encode_status
from tests.http2.test_hpack import judge, names, values


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


def test_long_values() -> None:
    """A length that doesn't fit into its first byte goes on in further ones."""
    for length in (126, 127, 128, 254, 255, 16_383, 100_000):
        for value in ("a" * length, "\xff" * length):
            block = encode_literal("etag", value) + encode_plain_literal("etag", value)
            expected = [("etag", value)] * 2
            assert Decoder().decode(block) == expected
            assert judge(block, Judge(max_header_list_size=2**30)) == expected


def test_answers_are_short() -> None:
    """A static name is an index, a common status a byte; a value is Huffman code if shorter."""
    assert [encode_status(status) for status in (200, 204, 206, 304, 400, 404, 500)] == [
        bytes((byte,)) for byte in range(0x88, 0x8F)
    ]
    assert encode_status(503) == b"\x08\x03503"
    assert encode_status(201) == b"\x08\x82" + encode_huffman(b"201")
    assert encode_literal("age", "1") == b"\x0f\x06\x011"
    assert encode_literal("accept", "000") == b"\x0f\x04\x82" + encode_huffman(b"000")
    assert encode_plain_literal("accept", "000") == b"\x0f\x04\x03000"
    assert encode_literal(":path", "") == b"\x04\x00"
    assert encode_literal("x-b", "\xff") == b"\x00\x03x-b\x01\xff"


@pytest.mark.parametrize("encode", [encode_literal, encode_plain_literal])
def test_cookies_are_in_no_table(encode: Callable[[str, str], bytes]) -> None:
    """A proxy may not put them into a table either; it may with any other field."""
    (cookie,) = Judge().decode(encode("set-cookie", "a=b"))
    (other,) = Judge().decode(encode("content-type", "text/plain"))
    assert isinstance(cookie, NeverIndexedHeaderTuple)
    assert not isinstance(other, NeverIndexedHeaderTuple)


def test_the_memory_of_names_is_bounded() -> None:
    """Names beyond the first hundreds, and long ones, are encoded anew each time."""
    for number in range(600):
        name = f"x-{number}"
        assert Decoder().decode(encode_literal(name, "1")) == [(name, "1")]
    long = "x" * 65
    assert Decoder().decode(encode_literal(long, "1")) == [(long, "1")]
    assert len(BEGINNINGS) <= 512
    assert long not in BEGINNINGS
