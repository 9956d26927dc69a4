"""Readiness over real TCP connections: no wake-up is missed, whatever comes when.

An edge comes once. Each promise holds for a transport that Trio alone waits for too.
"""

import socket
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
import trio
import trio.testing

from hump_trio.transports.readiness import Readiness
from hump_trio.transports.sockets import SocketTransport
from hump_trio.transports.transport import RECEIVE_BYTES
from tests.support.loopback import socket_pair
from tests.support.watched import Wire, end, open_wire, receive_after, reset


@pytest.fixture(params=[True, False], ids=["watched", "unwatched"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """Connections that a readiness watches, and such as do without."""
    async with open_wire(watched=request.param) as wire:
        yield wire


async def receive_exactly(transport: SocketTransport, count: int) -> bytes:
    """Return so many bytes."""
    data = b""
    while len(data) < count:
        part = await transport.receive_some(count - len(data))
        assert part
        data += part
    return data


async def test_keeps_trios_contract_of_streams(wire: Wire) -> None:
    """Watched or not, it is a half-closeable stream by the judgement of Trio's own checks."""

    async def pair() -> tuple[SocketTransport, SocketTransport]:
        client, server = socket_pair()
        return wire.adopt(server, client), wire.adopt(client, server)

    await trio.testing.check_half_closeable_stream(pair, None)


async def test_what_came_before_the_first_read(wire: Wire) -> None:
    """Bytes, and an end, that were there before anybody looked are found."""
    client, transport = wire.connect()
    client.send(b"early")
    end(client)
    assert await transport.receive_some() == b"early"
    assert await transport.receive_some() == b""


async def test_what_comes_while_nobody_waits(wire: Wire) -> None:
    """Many small arrivals, some waited for and some not, come in order and whole."""
    client, transport = wire.connect()
    received, sent = b"", b""
    for number in range(300):
        client.send(bytes([number % 256]))
        sent += bytes([number % 256])
        if number % 3 == 0:
            await trio.testing.wait_all_tasks_blocked()
        if number % 5 == 0:
            received += await transport.receive_some()
            with trio.move_on_after(0):
                received += await transport.receive_some()
    received += await receive_exactly(transport, len(sent) - len(received))
    assert received == sent


@pytest.mark.parametrize("looked_before", [False, True])
async def test_a_read_without_a_wait_hides_nothing(wire: Wire, *, looked_before: bool) -> None:
    """What `receive_nowait` leaves is there for the next read, and what it took is not."""
    client, transport = wire.connect()
    sent = b"x" * (RECEIVE_BYTES + 1)
    if looked_before:
        with trio.move_on_after(0):
            await transport.receive_some()
    sending = trio.socket.from_stdlib_socket(client.dup())
    with sending:
        for part in (sent[:1000], sent[1000:]):
            await trio.SocketStream(sending).send_all(part)
            await trio.testing.wait_all_tasks_blocked()
    received = transport.receive_nowait() or b""
    received += await receive_exactly(transport, len(sent) - len(received))
    assert received == sent
    client.send(b"new")
    assert await transport.receive_some() == b"new"


async def test_a_short_read_goes_on_at_once(wire: Wire) -> None:
    """What a read with `max_bytes` leaves comes with the next one, each a checkpoint."""
    client, transport = wire.connect()
    client.send(b"abcdef")
    for expected in (b"ab", b"cd", b"ef"):
        with trio.testing.assert_checkpoints():
            assert await transport.receive_some(2) == expected
    # All is read, which the last read can't know; a cancelled one changes nothing.
    with trio.move_on_after(0) as scope:
        await transport.receive_some(2)
    assert scope.cancelled_caught
    client.send(b"g")
    assert await transport.receive_some(2) == b"g"


async def test_what_comes_between_report_and_read(wire: Wire) -> None:
    """It comes with that read; its own report is then one for nothing, which is waited out."""
    client, transport = wire.connect()
    client.send(b"a")
    assert await receive_after(lambda: client.send(b"b"), transport) == b"ab"
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            assert await transport.receive_some() == b"c"

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        client.send(b"c")


@pytest.mark.parametrize("waiting", [False, True])
async def test_an_end_with_the_last_bytes(wire: Wire, *, waiting: bool) -> None:
    """An end that is reported together with bytes is seen behind them, again and again."""
    client, transport = wire.connect()

    async def receive() -> None:
        assert await transport.receive_some() == b"last"
        for _ in range(3):
            with trio.testing.assert_checkpoints():
                assert await transport.receive_some() == b""

    async with trio.open_nursery() as nursery:
        if waiting:
            nursery.start_soon(receive)
            await trio.testing.wait_all_tasks_blocked()
        client.send(b"last")
        end(client)
        if not waiting:
            await receive()


async def test_an_end_between_report_and_read(wire: Wire) -> None:
    """An end that comes after the bytes were reported and before they are read is seen."""
    client, transport = wire.connect()
    client.send(b"last")
    assert await receive_after(partial(end, client), transport) == b"last"
    assert await transport.receive_some() == b""


@pytest.mark.parametrize("when", ["before", "waiting", "between", "behind"])
async def test_a_reset_is_an_error(wire: Wire, when: str) -> None:
    """A reset before, during or after a wait, or behind bytes, is `BrokenResourceError`."""
    client, transport = wire.connect()
    if when == "before":
        reset(client)
    if when in ("between", "behind"):
        client.send(b"last")
    if when == "between":
        assert await receive_after(partial(reset, client), transport) == b"last"
    if when == "behind":
        reset(client)
        assert await transport.receive_some() == b"last"
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(trio.BrokenResourceError) as caught:
                await transport.receive_some()
            assert isinstance(caught.value.__cause__, ConnectionResetError)

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        if when == "waiting":
            reset(client)


async def test_urgent_bytes_hide_nothing(wire: Wire) -> None:
    """A read stops where urgent data is (tcp(7)); what is behind comes without a new arrival."""
    client, transport = wire.connect()
    for _ in range(2):
        client.send(b"before")
        client.send(b"!", socket.MSG_OOB)
        client.send(b"behind")
        assert await receive_exactly(transport, 12) == b"beforebehind"


async def test_a_cancelled_wait_loses_nothing(wire: Wire) -> None:
    """What comes after a cancelled wait, or in the moment of it, is there for the next one."""
    client, transport = wire.connect()
    for _ in range(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.receive_some)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            client.send(b"late")
        assert await transport.receive_some() == b"late"
    client.send(b"there")
    with trio.CancelScope() as scope:
        assert await receive_after(scope.cancel, transport) == b"there"
    assert not scope.cancelled_caught


@pytest.mark.parametrize("there", [b"", b"ab"])
async def test_two_readers_at_once(wire: Wire, there: bytes) -> None:
    """Only one task may receive at a time, whether there is something or not."""
    client, transport = wire.connect()
    outcomes: list[bytes | Exception] = []

    async def receive() -> None:
        try:
            outcomes.append(await transport.receive_some(1))
        except trio.BusyResourceError as error:
            outcomes.append(error)

    client.send(b"x" + there)
    assert await transport.receive_some(1) == b"x"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        if not there:
            client.send(b"a")
    assert isinstance(outcomes[0], trio.BusyResourceError)
    assert outcomes[1:] == [b"a"]


WAYS = [SocketTransport.close, SocketTransport.reset]


@pytest.mark.parametrize("way", WAYS)
async def test_closing_ends_a_wait(wire: Wire, way: Callable[[SocketTransport], None]) -> None:
    """Who waits while another task closes is told so, and so is who tries again."""
    client, transport = wire.connect()
    client.send(b"x")
    assert await transport.receive_some() == b"x"
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            for _ in range(2):
                with pytest.raises(trio.ClosedResourceError):
                    await transport.receive_some()

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        way(transport)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("max_bytes", [1, 2])
async def test_closing_between_report_and_read(
    wire: Wire, way: Callable[[SocketTransport], None], max_bytes: int
) -> None:
    """Who is about to read what is there is told that another task has closed."""
    client, transport = wire.connect()
    client.send(b"x")
    assert await transport.receive_some(max_bytes) == b"x"
    client.send(b"lost")
    for _ in range(2):
        with pytest.raises(trio.ClosedResourceError):
            await receive_after(partial(way, transport), transport)


def test_what_was_never_watched_is_forgotten_all_the_same() -> None:
    """As a connection that ended before anybody had to wait for it."""
    client, server = socket_pair()
    Readiness().discard(server)
    client.close()
    server.close()
