"""What clients of TLS begin with: who agrees on X25519 at once, and what is no beginning at all."""

import ssl
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.transports.certificates import set_x25519
from hump_trio.transports.tls_hello import FRAGMENT_BYTES, begins_with_x25519
from tests.support.secured import hello_of, plain_client_context

V1_2 = ssl.TLSVersion.TLSv1_2
KNOWS_X25519 = set_x25519(plain_client_context())
X25519, P_256, P_384 = 29, 23, 24
X25519_MLKEM768 = 0x11EC


@cache
def hello(curve: str | None = None, **attributes: Any) -> bytes:
    """Return what OpenSSL begins with.

    Args:
        curve: The one group that it knows; None: its own choice.
        attributes: Of its context.
    """
    context = plain_client_context()
    if curve is not None:
        context.set_ecdh_curve(curve)
    for name, value in attributes.items():
        setattr(context, name, value)
    return hello_of(context)


def vector(length_bytes: int, *parts: bytes) -> bytes:
    """Return bytes behind their length."""
    content = b"".join(parts)
    return len(content).to_bytes(length_bytes, "big") + content


def extension(kind: int, *entries: bytes) -> bytes:
    """Return an extension that lists something."""
    return kind.to_bytes(2, "big") + vector(2, vector(2, *entries))


def supported(*groups: int) -> bytes:
    """Return the extension that tells which groups are supported."""
    return extension(10, *[group.to_bytes(2, "big") for group in groups])


def shared(*groups: int) -> bytes:
    """Return the extension with keys of groups."""
    return extension(51, *[group.to_bytes(2, "big") + vector(2, bytes(32)) for group in groups])


def record(*extensions: bytes) -> bytes:
    """Return a first message with these extensions."""
    lists = vector(1, bytes(32)) + vector(2, b"\x13\1") + vector(1, b"\0")
    message = b"\3\3" + bytes(32) + lists + vector(2, *extensions)
    return b"\x16\3\1" + vector(2, b"\1" + vector(3, message))


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        ({}, True),
        ({"maximum_version": V1_2}, False),
        *[({"curve": "X25519"}, True)][: int(KNOWS_X25519)],
        ({"curve": "prime256v1"}, False),
        ({"curve": "prime256v1", "maximum_version": V1_2}, False),
        ({"curve": "secp384r1"}, False),
    ],
)
def test_openssl_is_understood(options: dict[str, Any], begins: bool) -> None:
    """Whatever it is told, and whatever part of its beginning is here yet."""
    data = hello(**options)
    assert begins_with_x25519(data) is begins
    assert begins_with_x25519(data + b"\x14\3\3") is begins
    for size in range(1, len(data)):
        assert begins_with_x25519(data[:size]) is None


@pytest.mark.parametrize(
    ("extensions", "begins"),
    [
        ([], False),
        ([b"\0\0" + vector(2)], False),
        ([supported(X25519)], False),
        ([shared(), supported(X25519)], False),  # who asks for the server's choice
        ([supported(X25519, P_256), shared(P_256)], False),
        ([supported(X25519, P_384), shared(P_384, X25519)], True),
        ([shared(X25519_MLKEM768, X25519), supported(P_256)], True),
    ],
)
def test_keys_count_alone(extensions: list[bytes], begins: bool) -> None:
    """Not what is supported besides: that takes another round trip, and P-256 does as well."""
    assert begins_with_x25519(record(*extensions)) is begins


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x80",
        b"\x16\2",
        b"\x15\3\1\0\2\2\0",  # an alert
        b"\x16\3\1\xff\xff",
        b"\x16\3\1" + (FRAGMENT_BYTES + 1).to_bytes(2, "big"),
        b"\x16\3\1\0\0",
        b"\x16\3\1\0\5hello",
        b"\x16\3\1\0\1\1",
        b"\x16\3\1\0\4\1\0\0\0",
        record()[:-2] + b"\0\1",  # extensions that aren't there
        record(b"\0"),
        record(b"\0\0\0"),
        record(b"\0\0\0\1"),
        record(b"\0\x33\0\1\0"),
        record(b"\0\x33" + vector(2, b"\0\2\0")),
        record(b"\0\x33" + vector(2, vector(2, b"\0\x1d\0"))),
        record(b"\0\x33" + vector(2, vector(2, b"\0\x1d\0\x20"))),
        b"\x16\3\1\0\2" + hello()[5:7] + b"\x16\3\1\0\xff" + hello()[7:],
    ],
)
def test_what_is_no_beginning_is_not_waited_for(data: bytes) -> None:
    """Nor is one that several records bring: OpenSSL may judge that by itself."""
    assert begins_with_x25519(data) is False


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a beginning of which some bytes are others, or aren't there."""
    data = bytearray(draw(st.sampled_from([hello(), hello("prime256v1"), record(shared(X25519))])))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(1, len(data)))])


@given(st.binary(min_size=1, max_size=600) | damaged(), st.binary(max_size=50))
def test_nothing_is_raised_and_nothing_behind_is_read(data: bytes, behind: bytes) -> None:
    """Whatever comes; and the answer stays, whatever comes after it."""
    answer = begins_with_x25519(data)
    if answer is not None:
        assert begins_with_x25519(data + behind) is answer
    assert begins_with_x25519(data + bytes(5 + FRAGMENT_BYTES)) is not None
