"""Transports in memory behave as TCP does: Trio's contract, acknowledgements, resets."""

import pytest
import trio
from trio.testing import MockClock, check_half_closeable_stream, wait_all_tasks_blocked

from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport, memory_transport_pair

Pair = tuple[MemoryTransport, MemoryTransport]


async def make_pair() -> Pair:
    """Return both ends of a connection."""
    return memory_transport_pair()


async def make_clogged_pair() -> Pair:
    """Return both ends of a connection on which nothing more can be sent."""
    pair = memory_transport_pair()
    for transport in pair:
        while transport.send_nowait(bytes(WINDOW_BYTES)):
            pass
    return pair


async def test_trios_contract_of_streams_is_kept() -> None:
    """By the judgement of Trio's own checks: arguments, conflicts, closing, half-closing."""
    with trio.fail_after(30):
        await check_half_closeable_stream(make_pair, make_clogged_pair)


async def test_a_reader_acknowledges_what_fits_its_window() -> None:
    """The rest is held by the sender, up to a cap, until the reader has read."""
    client, server = memory_transport_pair(window_bytes=10)
    assert server.fully_acked()
    assert server.send_nowait(bytes(100_000)) == WINDOW_BYTES
    assert (server.acked_bytes(), server.fully_acked()) == (10, False)
    assert server.send_nowait(bytes(20)) == 10
    assert await client.receive_some(4) == bytes(4)
    assert server.acked_bytes() == 14
    client.set_window(float("inf"))
    assert server.fully_acked()


async def test_a_window_of_nothing_stops_everything(autojump_clock: MockClock) -> None:
    """What was sent isn't seen, not even an end behind it."""
    client, server = memory_transport_pair()
    client.set_window(0)
    await server.send_all(b"abc")
    await server.send_eof()
    assert client.receive_nowait() is None
    with trio.move_on_after(1) as scope:
        await client.receive_some()
    assert scope.cancelled_caught
    client.set_window(1)
    assert [await client.receive_some() for _ in range(4)] == [b"a", b"b", b"c", b""]


async def test_send_all_waits_only_for_what_is_not_taken() -> None:
    """As a socket's does: what fits is gone when it returns."""
    client, server = memory_transport_pair(window_bytes=1)
    await server.send_all(bytes(WINDOW_BYTES + 1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.send_all, b"ab")
        await wait_all_tasks_blocked()
        client.set_window(float("inf"))
    assert len(await client.receive_some(WINDOW_BYTES + 1)) == WINDOW_BYTES + 1
    assert await client.receive_some() == b"ab"


async def test_closing_with_something_unread_resets() -> None:
    """TCP does so too, and destroys what is on its way to the peer."""
    client, server = memory_transport_pair()
    await client.send_all(b"unread")
    await server.send_all(b"answer")
    server.close()
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()


async def test_closing_with_everything_read_does_not() -> None:
    """What was sent still arrives; sending to the closed end breaks."""
    client, server = memory_transport_pair()
    await server.send_all(b"answer")
    server.close()
    server.reset()
    assert await client.receive_some() == b"answer"
    assert await client.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        client.send_nowait(b"more")


async def test_a_reset_wakes_whoever_waits() -> None:
    """A reader of the peer's breaks; one of one's own finds its transport closed."""
    client, server = memory_transport_pair()

    async def expect(kind: type[Exception], transport: MemoryTransport) -> None:
        with pytest.raises(kind):
            await transport.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect, trio.BrokenResourceError, client)
        nursery.start_soon(expect, trio.ClosedResourceError, server)
        await wait_all_tasks_blocked()
        server.reset()


async def test_readable_tells_whether_a_read_would_wait() -> None:
    """For connection pools: data, an end, a reset and a closed end are all readable."""
    client, server = memory_transport_pair()
    assert not client.readable()
    await server.send_all(b"x")
    assert client.readable()
    await client.receive_some()
    assert not client.readable()
    await server.send_eof()
    assert client.readable()
    other, peer = memory_transport_pair()
    peer.reset()
    assert other.readable()
    other.close()
    assert other.readable()


async def test_memory_has_no_address() -> None:
    """There is nothing to tell an app about where its client is."""
    client, server = memory_transport_pair()
    assert client.client is server.client is None
