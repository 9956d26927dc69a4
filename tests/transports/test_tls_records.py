"""What comes over TLS, without a connection: records whole or in pieces, their cap, their end."""

import ssl
from contextlib import suppress

import pytest
import trio

from hump_trio.transports.tls_records import OVERHEAD_BYTES, RECORD_BYTES, IncomingRecords
from tests.support.secured import client_context, server_context

MAX_BYTES = 100_000


def shake_hands(client: IncomingRecords, server: IncomingRecords) -> None:
    """Let two ends agree."""
    with suppress(ssl.SSLWantReadError):
        client.tls.do_handshake()
    sender, receiver = client, server
    while ciphertext := sender.outgoing.read():
        receiver.take(ciphertext)
        receiver.shake_hands()
        sender, receiver = receiver, sender


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def ends(request: pytest.FixtureRequest) -> tuple[IncomingRecords, IncomingRecords]:
    """A client, and a server that has received nothing but its handshake."""
    client = IncomingRecords(client_context(maximum_version=request.param))
    server = IncomingRecords(server_context())
    shake_hands(client, server)
    assert not server.may_hold_data
    return client, server


Ends = tuple[IncomingRecords, IncomingRecords]


def encrypt(client: IncomingRecords, *parts: bytes) -> bytes:
    """Return a record for each part."""
    for part in parts:
        client.tls.write(part)
    return client.outgoing.read()


def test_what_came_together_is_returned_together(ends: Ends) -> None:
    """Several records are one result, as far as that is asked for; the rest is kept."""
    client, server = ends
    server.take(encrypt(client, b"abc", b"defg", b"h"))
    assert server.may_hold_data
    assert server.decrypt(2) == b"ab"
    assert server.decrypt(4) == b"cdef"
    assert server.may_hold_data
    assert server.decrypt(MAX_BYTES) == b"gh"
    assert not server.may_hold_data
    assert server.decrypt(MAX_BYTES) is None


def test_a_read_takes_no_more_records_than_it_needs(ends: Ends) -> None:
    """What lies behind is still ciphertext, which OpenSSL would otherwise hold."""
    client, server = ends
    data = bytes(3 * RECORD_BYTES)
    server.take(encrypt(client, *[data[:RECORD_BYTES]] * 3))
    received = b""
    while part := server.decrypt(RECORD_BYTES):
        received += part
        assert server.may_hold_data == (len(received) < len(data))
    assert received == data


def test_a_record_in_pieces_is_waited_for(ends: Ends) -> None:
    """Any part of a record is nothing yet, and the last byte completes it."""
    client, server = ends
    record = encrypt(client, b"hello")
    for byte in record[:-1]:
        server.take(bytes([byte]))
        assert server.decrypt(MAX_BYTES) is None
        assert not server.may_hold_data
    server.take(record[-1:])
    assert server.decrypt(MAX_BYTES) == b"hello"


def test_data_excuses_its_records(ends: Ends) -> None:
    """A client may send each byte in a record of its own, for ever."""
    client, server = ends
    for _ in range(OVERHEAD_BYTES // 20):
        server.take(encrypt(client, b"x"))
        assert server.decrypt(MAX_BYTES) == b"x"


@pytest.mark.parametrize("before", [0, 1_000_000])
def test_what_brings_no_data_has_a_cap(ends: Ends, before: int) -> None:
    """However much data came before, so that a long connection isn't a licence to flood."""
    client, server = ends
    for _ in range(0, before, RECORD_BYTES):
        server.take(encrypt(client, bytes(RECORD_BYTES)))
        while server.may_hold_data:
            server.decrypt(MAX_BYTES)
    with pytest.raises(trio.BrokenResourceError, match="HTTP"):
        server.take(bytes(OVERHEAD_BYTES + 1))


@pytest.mark.parametrize("goodbye", [True, False])
def test_the_end_comes_after_the_data(ends: Ends, *, goodbye: bool) -> None:
    """By ``close_notify`` or without: what came before it is returned first."""
    client, server = ends
    last = encrypt(client, b"last")
    if goodbye:
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        server.take(last + client.outgoing.read())
    else:
        server.take(last)
        assert server.decrypt(2) == b"la"
        assert not server.ended
        server.take(b"")
    assert (server.decrypt(MAX_BYTES) or b"")[-2:] == b"st"
    assert server.ended
    for _ in range(2):
        assert server.may_hold_data
        assert server.decrypt(MAX_BYTES) == b""


def test_what_openssl_was_given_is_taken_back(ends: Ends) -> None:
    """It isn't lost when the server's own half ends, which OpenSSL would clear it for."""
    client, server = ends
    server.take(encrypt(client, b"late", b"later"))
    assert server.feed()
    server.withhold()
    with pytest.raises(ssl.SSLWantReadError):
        server.tls.unwrap()
    assert server.decrypt(MAX_BYTES) == b"latelater"


def test_what_is_not_tls_is_an_error(ends: Ends) -> None:
    """A forged record breaks the connection, and OpenSSL has an alert for its peer."""
    client, server = ends
    record = bytearray(encrypt(client, b"hello"))
    record[-1] ^= 1
    server.take(bytes(record))
    with pytest.raises(trio.BrokenResourceError, match="BAD_RECORD_MAC"):
        server.decrypt(MAX_BYTES)
    client.take(server.outgoing.read())
    with pytest.raises(trio.BrokenResourceError, match="BAD_RECORD_MAC"):
        client.decrypt(MAX_BYTES)
