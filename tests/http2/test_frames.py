"""Frames as bytes, judged by hyperframe."""

from typing import Any

import pytest
from hyperframe.frame import Frame
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.frames import (
    FRAME_BYTES,
    encode_data,
    encode_goaway,
    encode_headers,
    encode_reset,
    encode_settings,
    encode_window_update,
    read_body,
    read_number,
    unpack_header,
    unpad,
)
from tests.support.frames import data as data_frame
from tests.support.frames import frame as any_frame


def read_frames(data: bytes) -> list[Any]:
    """Read some bytes as frames, by hyperframe."""
    frames: list[Any] = []
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        frames.append(frame)
        data = data[9 + length :]
    return frames


def test_control_frames() -> None:
    """A stranger reads in each frame what was written."""
    reset, settings, goaway, update = read_frames(
        encode_reset(3, ErrorCode.CANCEL)
        + encode_settings([(3, 100), (9, 1)])
        + encode_goaway(2**31 - 1, ErrorCode.NO_ERROR)
        + encode_window_update(0, 2**20)
    )
    assert (reset.stream_id, reset.error_code) == (3, 8)
    assert settings.settings == {3: 100, 9: 1}
    assert (goaway.last_stream_id, goaway.error_code) == (2**31 - 1, 0)
    assert (update.stream_id, update.window_increment) == (0, 2**20)


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 40_000])
@pytest.mark.parametrize("ends", [True, False])
def test_header_blocks(size: int, ends: bool) -> None:
    """A long block goes on in CONTINUATIONs, of which the last one ends it."""
    block = bytes(each % 251 for each in range(size))
    first, *rest = frames = read_frames(encode_headers(5, block, ends=ends))
    assert b"".join(each.data for each in frames) == block
    assert ("END_STREAM" in first.flags) == ends
    assert ["END_HEADERS" in each.flags for each in frames] == [False] * len(rest) + [True]
    assert all(len(each.data) <= FRAME_BYTES and each.stream_id == 5 for each in frames)


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 40_000])
def test_bodies(size: int) -> None:
    """A long body goes on in further frames, of which the last one ends it; all of it is found."""
    body = bytes(each % 251 for each in range(size))
    written = b"".join(encode_data(5, body))
    frames = read_frames(written)
    assert b"".join(each.data for each in frames) == body
    assert ["END_STREAM" in each.flags for each in frames] == [False] * (len(frames) - 1) + [True]
    assert all(len(each.data) <= FRAME_BYTES and each.stream_id == 5 for each in frames)
    assert read_body(5, b"head" + written + b"more", 4) == (body, 4 + len(written))
    for end in range(len(written)):
        assert read_body(5, written[:end], 0) is None


@pytest.mark.parametrize(
    "frames",
    [
        data_frame(7, b"abc", end=True),
        any_frame(0, 0x9, 5, b"\x01a\x00"),
        data_frame(5) + data_frame(5, b"abc", end=True),
        data_frame(5, b"abc") + any_frame(6, 0, 0, bytes(8)) + data_frame(5, end=True),
        data_frame(5, b"abc") + any_frame(1, 0x5, 5, b"\x82"),
        data_frame(5, bytes(FRAME_BYTES + 1), end=True),
    ],
    ids=["of another stream", "padded", "empty", "interrupted", "with trailers", "too long"],
)
def test_no_body_is_found_where_more_is_to_be_known(frames: bytes) -> None:
    """Each frame is looked at by itself then."""
    assert read_body(5, frames, 0) is None


def test_a_header_is_three_numbers() -> None:
    """The length and the type, the flags, the stream."""
    first, flags, stream_id = unpack_header(encode_headers(7, b"abc", ends=True), 0)
    assert (first >> 8, first & 0xFF, flags, stream_id) == (3, 1, 5, 7)


@given(st.binary(max_size=20), st.integers(0, 255))
def test_padding(data: bytes, pad_bytes: int) -> None:
    """It is as long as it says of itself, and without it the payload is the data (section 6.1)."""
    payload = bytes([pad_bytes]) + data + bytes(pad_bytes)
    assert unpad(0x8, payload) == data
    assert unpad(0, payload) == payload


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", ErrorCode.FRAME_SIZE_ERROR),
        (b"\x01", ErrorCode.PROTOCOL_ERROR),
        (b"\x03ab", ErrorCode.PROTOCOL_ERROR),
        (b"\xff" + bytes(254), ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_padding_that_is_too_long(payload: bytes, code: ErrorCode) -> None:
    """It has no room in its frame, whose length nobody can believe then (section 6.1)."""
    with pytest.raises(ConnectionFailure) as raised:
        unpad(0x8, payload)
    assert raised.value.code is code


def test_a_number_has_31_bits() -> None:
    """The bit before them is reserved, and ignored (section 4.1)."""
    assert read_number(b"\xff\xff\xff\xff\x01") == 2**31 - 1
    assert read_number(b"\x80\0\0\x05") == 5
