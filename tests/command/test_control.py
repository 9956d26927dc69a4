"""The channel between a supervisor and a worker."""

import os
import socket
from collections.abc import AsyncIterator

import pytest
import trio

from hump_trio.command.control import DESCRIPTOR_COUNT, LINE_BYTES, Channel


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Channel, Channel]]:
    """Return both ends, which are closed at the end."""
    ours, theirs = socket.socketpair()
    with Channel(ours) as one, Channel(theirs) as other:
        yield one, other


@pytest.fixture
async def raw() -> AsyncIterator[tuple[socket.socket, Channel]]:
    """Return a bare socket and the end it speaks to."""
    ours, theirs = socket.socketpair()
    with ours, Channel(theirs) as channel:
        yield ours, channel


async def test_messages_come_whole_and_in_order(pair: tuple[Channel, Channel]) -> None:
    """What is sent is received, also if it comes at once."""
    one, other = pair
    await one.send("hello", binds=["é\n"], seconds=float("inf"))
    await one.send("beat")
    assert await other.receive() == (
        {"kind": "hello", "descriptors": 0, "binds": ["é\n"], "seconds": float("inf")},
        [],
    )
    received = await other.receive()
    assert received is not None
    assert received[0]["kind"] == "beat"
    one.close()
    assert await other.receive() is None


async def test_descriptors_go_with_their_message(pair: tuple[Channel, Channel]) -> None:
    """As many as one message can have; none is inherited, and one without comes before."""
    one, other = pair
    with socket.socket() as sock:
        await one.send("beat")
        await one.send("sockets", descriptors=[sock.fileno()] * DESCRIPTOR_COUNT)
        await one.send("sockets", descriptors=[sock.fileno()])
    counts = []
    for _ in range(3):
        received = await other.receive()
        assert received is not None
        counts.append(len(received[1]))
        for each in received[1]:
            assert not os.get_inheritable(each)
            os.close(each)
    assert counts == [0, DESCRIPTOR_COUNT, 1]


async def test_what_nobody_takes_is_closed(pair: tuple[Channel, Channel]) -> None:
    """Descriptors of a message that was not asked for are closed with the channel."""
    one, other = pair
    reading, writing = os.pipe()
    await one.send("beat")
    await one.send("sockets", descriptors=[writing])
    os.close(writing)
    await other.receive()
    for each in (one, other):
        each.close()
        each.close()
    assert os.read(reading, 1) == b""
    os.close(reading)


async def test_a_long_message_waits_for_its_reader(pair: tuple[Channel, Channel]) -> None:
    """One that the system doesn't hold goes on as it is read."""
    one, other = pair
    await one.send("filling", text="x" * 100_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: one.send("long", text="y" * 240_000))
        await trio.testing.wait_all_tasks_blocked()
        kinds = [received[0]["kind"] for _ in range(2) if (received := await other.receive())]
    assert kinds == ["filling", "long"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"kind": "he', "in mid-message"),
        (b"no\n", "not a message"),
        (b"[]\n", "not a message"),
        (b'{"kind": "hello"}\n', "not a message"),
        (b'{"kind": 1, "descriptors": 0}\n', "not all"),
        (b'{"kind": "sockets", "descriptors": 1}\n', "not all"),
        (b'{"kind": "sockets", "descriptors": "x"}\n', "not all"),
        (b"x" * (LINE_BYTES + 1), "without an end"),
    ],
)
async def test_nonsense_is_refused(
    raw: tuple[socket.socket, Channel], data: bytes, reason: str
) -> None:
    """What isn't a message, or only half of one, is an error."""
    sock, channel = raw
    sock.setblocking(False)

    async def send() -> None:
        rest = data
        while rest:
            await trio.lowlevel.wait_writable(sock)
            rest = rest[sock.send(rest) :]
        sock.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        with pytest.raises(trio.BrokenResourceError, match=reason):
            await channel.receive()
        nursery.cancel_scope.cancel()


async def test_the_other_side_may_be_gone(raw: tuple[socket.socket, Channel]) -> None:
    """Sending is an error then; receiving is the end, even if it left without reading."""
    sock, channel = raw
    await channel.send("unread")
    sock.close()
    with pytest.raises(trio.BrokenResourceError):
        await channel.send("beat")
    assert await channel.receive() is None


async def test_a_wake_up_for_nothing(
    raw: tuple[socket.socket, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is woken with nothing there waits on."""
    sock, channel = raw
    wakes = 0

    async def wake(sock: object) -> None:
        nonlocal wakes
        wakes += 1
        await trio.lowlevel.checkpoint()

    async def receive() -> None:
        received = await channel.receive()
        assert received is not None
        assert received[0]["kind"] == "beat"

    monkeypatch.setattr(trio.lowlevel, "wait_readable", wake)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        while wakes < 3:
            await trio.lowlevel.checkpoint()
        sock.send(b'{"kind": "beat", "descriptors": 0}\n')


async def test_tasks_that_send_at_once_wait_for_each_other(pair: tuple[Channel, Channel]) -> None:
    """Each message comes whole."""
    one, other = pair
    texts = {letter * (LINE_BYTES // 2) for letter in "abc"}

    async def send(text: str) -> None:
        await one.send("long", text=text)

    async with trio.open_nursery() as nursery:
        for text in texts:
            nursery.start_soon(send, text)
        received = [await other.receive() for _ in texts]
    assert {each[0]["text"] for each in received if each is not None} == texts
