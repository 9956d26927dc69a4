"""The Huffman code of strings, judged by hpack."""

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.huffman import decode_huffman, encode_huffman

judge = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def bits_of(*symbols: int) -> str:
    """Return the codes of some octets, by hpack's table."""
    return "".join(format(REQUEST_CODES[s], f"0{REQUEST_CODES_LENGTH[s]}b") for s in symbols)


def packed(bits: str) -> bytes:
    """Return whole bytes of bits."""
    assert len(bits) % 8 == 0
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    """What we encode is what a stranger encodes, and is decoded again."""
    code = encode_huffman(data)
    assert code == judge.encode(data)
    assert decode_huffman(code) == data


def test_each_octet_after_each_other() -> None:
    """The code of each octet is known at each place within a byte."""
    for before in range(8):
        data = b"0" * before + b"".join(bytes((octet, 48)) for octet in range(256))
        assert decode_huffman(judge.encode(data)) == data == decode_huffman(encode_huffman(data))


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """Bytes are refused, or are the one encoding of what they decode to."""
    try:
        octets = decode_huffman(data)
    except ConnectionFailure as exc:
        assert exc.code is ErrorCode.COMPRESSION_ERROR  # noqa: PT017  either outcome is right
    else:
        assert encode_huffman(octets) == data


@pytest.mark.parametrize("count", range(1, 9))
def test_padding(count: int) -> None:
    """Up to seven ones are padding; eight are too many, though they fill a byte."""
    # "0" has a code of five bits, and "&" one of eight.
    data = next(b"0" * n + b"&" * (n == 0) for n in range(8) if (5 * n + count) % 8 == 0)
    bits = bits_of(*data) + "1" * count
    if count < 8:
        assert decode_huffman(packed(bits)) == data
    else:
        with pytest.raises(ConnectionFailure):
            decode_huffman(packed(bits))


@pytest.mark.parametrize(
    "bits",
    [
        "0" * 3 + bits_of(48),  # the code of "0" is five zeros: three zeros are left over
        bits_of(48) + "110",
        bits_of(48) + "000",
        "1" * 8,
        "1" * 16,
        "1" * 24,
        bits_of(256) + "11",
        bits_of(48, 256) + "1" * 5,
        bits_of(256, 48) + "1" * 5,
        bits_of(48, 48, 256, 48, 48) + "1" * 6,
        bits_of(1)[:16],
    ],
)
def test_what_is_no_code(bits: str) -> None:
    """EOS, padding that isn't ones and padding of a byte or more end the connection."""
    with pytest.raises(ConnectionFailure) as caught:
        decode_huffman(packed(bits))
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR
