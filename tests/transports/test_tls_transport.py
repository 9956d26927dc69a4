"""TLS over a connection in memory: Trio's contract, and what must hold whatever a peer does."""

import math
import ssl
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, check_half_closeable_stream, wait_all_tasks_blocked

from hump_trio.transports.memory import WINDOW_BYTES, memory_transport_pair
from hump_trio.transports.tls_records import OVERHEAD_BYTES, RECORD_BYTES
from hump_trio.transports.tls_transport import HELD_BYTES, TlsTransport, is_strong
from tests.support.forged import open_ends
from tests.support.secured import End, authority, client_context, secure_pair, server_context

ALERT = 21
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
each_version = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])


async def make_clogged_pair() -> tuple[End, End]:
    """Return both ends of a connection on which nothing more can be sent."""
    pair = await secure_pair()
    for transport in pair:
        while transport.send_nowait(bytes(WINDOW_BYTES)):
            pass
    return pair


async def receive_exactly(transport: End, byte_count: int) -> bytes:
    """Return so many bytes; fewer at the end."""
    data = b""
    while len(data) < byte_count and (part := await transport.receive_some()):
        data += part
    return data


async def test_trios_contract_of_streams_is_kept() -> None:
    """By the judgement of Trio's own checks: arguments, conflicts, closing, half-closing."""
    with trio.fail_after(30):
        await check_half_closeable_stream(secure_pair, make_clogged_pair)


@each_version
@pytest.mark.parametrize("byte_count", [1, 100, RECORD_BYTES, RECORD_BYTES + 1, 1_000_000])
async def test_what_is_sent_arrives(byte_count: int, version: ssl.TLSVersion) -> None:
    """Both ways at once, whatever the size, and however little is read at a time."""
    client, server = await secure_pair(maximum_version=version)
    data = (b"abcdefghijklmnopq" * (byte_count // 17 + 1))[:byte_count]

    async def receive(transport: TlsTransport, max_bytes: int) -> None:
        received = b""
        while part := await transport.receive_some(max_bytes):
            assert len(part) <= max_bytes
            received += part
        assert received == data

    async def send(transport: TlsTransport) -> None:
        await transport.send_all(data)
        await transport.send_eof()

    async with trio.open_nursery() as nursery:
        for transport, max_bytes in ((client, 5000), (server, 100_000)):
            nursery.start_soon(receive, transport, max_bytes)
            nursery.start_soon(send, transport)


async def test_several_records_are_one_read() -> None:
    """A body in records is whole at once, as in plain text: the fast path takes it."""
    client, server = await secure_pair()
    await client.send_all(bytes(40_000))
    data = server.receive_nowait()
    assert data is not None
    assert len(data) == 40_000
    assert server.receive_nowait() is None


async def test_what_is_whole_never_waits_for_more(tmp_path: Path) -> None:
    """A record that came together with a part of the next one is there at once."""
    pen, _, server, forger = await open_ends(tmp_path)
    pen.send_nowait(forger.record(b"one") + forger.record(b"two")[:10])
    assert await server.receive_some() == b"one"


async def test_a_wait_that_is_cancelled_loses_nothing(autojump_clock: MockClock) -> None:
    """What comes later is received by the next read; what was there as well."""
    client, server = await secure_pair()
    with trio.move_on_after(1):
        await server.receive_some()
    await client.send_all(b"abc")
    assert await server.receive_some(1) == b"a"
    with trio.CancelScope() as scope:
        scope.cancel()
        await server.receive_some()
    assert scope.cancelled_caught
    assert await server.receive_some() == b"bc"


@each_version
async def test_an_end_is_one_with_or_without_goodbye(version: ssl.TLSVersion) -> None:
    """A ``close_notify`` ends what is received; so does a FIN, as requests tell their length."""
    for says_goodbye in (True, False):
        client, server = await secure_pair(maximum_version=version)
        await client.send_all(b"last")
        if says_goodbye:
            await client.send_eof()
        else:
            await client.inner.send_eof()
        assert server.peer_state() == "half_closed"
        assert await receive_exactly(server, 5) == b"last"
        assert [await server.receive_some(), server.receive_nowait()] == [b"", b""]


async def test_a_goodbye_alone_is_seen_when_it_is_read(tmp_path: Path) -> None:
    """It has come with the last bytes here, and no FIN behind it."""
    pen, _, server, forger = await open_ends(tmp_path)
    pen.send_nowait(forger.record(b"last") + forger.record(b"\1\0", ALERT))
    assert server.peer_state() == "open"
    assert await server.receive_some() == b"last"
    assert server.peer_state() == "half_closed"
    assert await server.receive_some() == b""


async def test_a_half_closed_peer_is_answered() -> None:
    """What comes after our own end is received too, were it here before."""
    client, server = await secure_pair()
    await client.send_all(b"before")
    await client.send_all(bytes(50_000))
    assert await server.receive_some(6) == b"before"
    await server.send_eof()
    assert await client.receive_some() == b""
    await client.send_all(b"after")
    assert (await receive_exactly(server, 50_005)).endswith(b"\0after")
    await server.send_eof()
    with pytest.raises(trio.ClosedResourceError):
        server.send_nowait(b"x")


async def test_a_reset_is_seen_by_both() -> None:
    """Without a goodbye, so that nothing looks whole."""
    client, server = await secure_pair()
    server.reset()
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()
    assert client.peer_state() == "reset"


@pytest.mark.parametrize("end", ["close", "aclose"])
async def test_closing_says_goodbye_and_never_waits(end: str) -> None:
    """The peer learns that nothing was cut; closed twice is closed once."""
    client, server = await secure_pair()
    await server.send_all(b"all")
    if end == "close":
        server.close()
    await server.aclose()
    assert await receive_exactly(client, 4) == b"all"
    assert client.said_goodbye
    for use in (server.receive_nowait, lambda: server.send_nowait(b"x")):
        with pytest.raises(trio.ClosedResourceError):
            use()


async def test_closing_with_a_record_cut_says_no_goodbye() -> None:
    """Who doesn't read sees that something is missing."""
    client, server = await secure_pair(window_bytes=100_000)
    client.inner.set_window(0)
    while server.send_nowait(bytes(100_000)):
        pass
    server.close()
    client.inner.set_window(math.inf)
    await receive_exactly(client, 1_000_000)
    assert not client.said_goodbye


async def test_little_is_held_for_who_does_not_read() -> None:
    """One record at most beyond what the inner transport takes; the sender is told of the rest."""
    client, server = await secure_pair()
    client.inner.set_window(0)
    sent_bytes = 0
    while count := server.send_nowait(bytes(1_000_000)):
        sent_bytes += count
    assert sent_bytes <= WINDOW_BYTES + RECORD_BYTES
    assert server.sent_bytes <= sent_bytes + 1
    assert not server.fully_acked()
    client.inner.set_window(math.inf)
    assert await receive_exactly(client, sent_bytes - RECORD_BYTES)


@pytest.mark.parametrize("byte_count", [1, 2, 1000, RECORD_BYTES, 3 * RECORD_BYTES])
async def test_a_sender_comes_back_until_nothing_is_held(byte_count: int) -> None:
    """What is encrypted and not taken isn't all told as taken, so it doesn't lie for ever."""
    client, server = await secure_pair()
    client.inner.set_window(0)
    while server.inner.send_nowait(bytes(1)):  # as if records had nearly filled it
        pass
    start = server.send_nowait(bytes(byte_count))
    assert start < byte_count
    client.inner.set_window(math.inf)
    while client.inner.receive_nowait():
        pass
    rest = memoryview(bytes(byte_count))[start:]
    assert server.send_nowait(rest) == len(rest)
    assert await receive_exactly(client, byte_count) == bytes(byte_count)


async def test_a_send_that_is_cancelled_cuts_no_record(autojump_clock: MockClock) -> None:
    """What is sent next follows the whole of what was encrypted."""
    client, server = await secure_pair()
    client.inner.set_window(0)
    with trio.move_on_after(1) as scope:
        await server.send_all(bytes(1_000_000))
    assert scope.cancelled_caught

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.send_all, b"end")
        await wait_all_tasks_blocked()
        client.inner.set_window(math.inf)
        data = await receive_exactly(client, server.sent_bytes + 3)
    assert data == bytes(len(data) - 3) + b"end"


async def test_progress_is_the_plain_texts() -> None:
    """Acknowledged is never more than sent, and all of it once it has arrived."""
    client, server = await secure_pair(window_bytes=WINDOW_BYTES)
    assert (server.sent_bytes, server.acked_bytes(), server.fully_acked()) == (0, 0, True)
    await server.send_all(b"hello")
    assert (server.sent_bytes, server.acked_bytes(), server.fully_acked()) == (5, 5, True)
    client.inner.set_window(0)
    await server.send_all(bytes(10_000))
    assert 5 <= server.acked_bytes() < 10_005
    assert not server.fully_acked()
    client.inner.set_window(math.inf)
    assert (server.acked_bytes(), server.fully_acked()) == (10_005, True)


async def test_there_may_be_room_when_nothing_is_held(autojump_clock: MockClock) -> None:
    """Waiting for room sends what is held."""
    client, server = await make_clogged_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.wait_send_all_might_not_block)
        await wait_all_tasks_blocked()
        assert not server.fully_acked()
        while client.receive_nowait():
            pass
    assert server.fully_acked()


async def test_new_keys_are_answered_at_once(tmp_path: Path) -> None:
    """A request for new keys is answered while it is received, and data goes on both ways."""
    pen, client, server, forger = await open_ends(tmp_path)
    for number in range(5):
        pen.send_nowait(forger.key_update() + forger.record(b"%d" % number))
        assert await server.receive_some() == b"%d" % number
        await server.send_all(b"answer")
        assert await client.receive_some() == b"answer"


async def test_a_flood_of_requests_for_keys_ends(tmp_path: Path) -> None:
    """Who sends nothing else is cut before that costs anything."""
    pen, client, server, forger = await open_ends(tmp_path)
    client.inner.set_window(math.inf)

    def flood() -> None:
        for _ in range(OVERHEAD_BYTES // 20):
            pen.send_nowait(forger.key_update())
            assert server.receive_nowait() is None

    with pytest.raises(trio.BrokenResourceError, match="HTTP"):
        flood()
    assert server.peer_state() == "reset"
    with pytest.raises(trio.BrokenResourceError):
        server.receive_nowait()


async def test_who_does_not_read_the_answers_is_cut(tmp_path: Path) -> None:
    """However much else is sent, what is held for a peer is bounded."""
    pen, client, server, forger = await open_ends(tmp_path)
    client.inner.set_window(0)

    def flood() -> None:
        for _ in range(2 * (HELD_BYTES + WINDOW_BYTES) // 20):
            pen.send_nowait(forger.key_update() + forger.record(b"some"))
            assert server.receive_nowait() == b"some"

    with pytest.raises(trio.BrokenResourceError, match="read"):
        flood()


@pytest.mark.parametrize("damage", ["forged", "alert", "plain"])
async def test_what_is_not_tls_breaks_the_connection(damage: str, tmp_path: Path) -> None:
    """A forged record is answered with an alert; whatever is done then raises."""
    pen, client, server, forger = await open_ends(tmp_path)
    record = bytearray(forger.record(b"\2\50", ALERT) if damage == "alert" else bytes(60))
    if damage == "forged":
        record = bytearray(forger.record(b"hello"))
        record[-1] ^= 1
    pen.send_nowait(bytes(record))
    with pytest.raises(trio.BrokenResourceError):
        await server.receive_some()
    assert server.peer_state() == "reset"
    with pytest.raises(trio.BrokenResourceError):
        await server.send_all(b"x")
    if damage == "forged":
        with pytest.raises(trio.BrokenResourceError, match="BAD_RECORD_MAC"):
            await client.receive_some()
    server.close()


async def test_an_answer_nobody_takes_is_no_error_of_reading(tmp_path: Path) -> None:
    """A peer that has gone may have left something to be received."""
    pen, _, server, forger = await open_ends(tmp_path)
    pen.send_nowait(forger.key_update() + forger.record(b"last"))
    await server.send_eof()
    assert await server.receive_some() == b"last"


async def test_a_fatal_alert_ends_sending_too(tmp_path: Path) -> None:
    """OpenSSL refuses to encrypt for who has said that it understands nothing."""
    pen, _, server, forger = await open_ends(tmp_path)
    pen.send_nowait(forger.record(b"\2\50", ALERT))
    with pytest.raises(trio.BrokenResourceError):
        server.receive_nowait()
    with pytest.raises(trio.BrokenResourceError):
        server.send_nowait(b"x")


async def test_what_openssl_refuses_to_encrypt_breaks_the_connection() -> None:
    """As it does once it has ended its half, of which the transport knows nothing here."""
    _, server = await secure_pair()
    server.end_openssl()
    with pytest.raises(trio.BrokenResourceError, match="nothing can be sent"):
        server.send_nowait(b"x")
    assert server.peer_state() == "reset"


async def test_nothing_is_sent_before_the_handshake() -> None:
    """Least of all in plain text."""
    client, server = memory_transport_pair()
    transport = TlsTransport(server, server_context())
    with pytest.raises(trio.BrokenResourceError):
        transport.send_nowait(b"secret")
    assert client.receive_nowait() is None
    transport.close()
    assert await client.receive_some() == b""


async def test_arguments_are_checked() -> None:
    """As of every transport."""
    _, server = await secure_pair()
    with pytest.raises(ValueError, match="at least 1"):
        await server.receive_some(0)
    assert server.client is None
    assert (server.send_nowait(b""), server.tells_acked) == (0, True)


def test_ciphers_are_strong_as_openssl_describes_them() -> None:
    """Those with keys for one connection, of a peer that is known by them, and with an AEAD."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    described = context.get_ciphers()
    for cipher in described:
        ephemeral = cipher["kea"] in ("kx-any", "kx-ecdhe", "kx-dhe", "kx-ecdhe-psk", "kx-dhe-psk")
        expected = ephemeral and cipher["aead"] and cipher["auth"] != "auth-null"
        assert is_strong(cipher["name"]) == expected, cipher["description"]
    assert {is_strong(cipher["name"]) for cipher in described} == {True, False}


@pytest.mark.parametrize(
    ("name", "strong"), [("ECDHE-ECDSA-AES128-SHA256", False), ("DEFAULT", True)]
)
async def test_a_transport_knows_what_was_agreed_on(name: str, strong: bool) -> None:
    """A program's own context may agree on a cipher that has no AEAD."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(own)
    own.set_ciphers(name)
    ours, theirs = memory_transport_pair()
    client = End(ours, client_context(maximum_version=ssl.TLSVersion.TLSv1_2))
    server = TlsTransport(theirs, own)
    assert server.strong_cipher
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.handshake)
        nursery.start_soon(server.handshake)
    assert server.strong_cipher == strong
