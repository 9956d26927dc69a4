"""The channel between a supervisor and a worker, cut in two or cancelled anywhere."""

import os
import socket
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from hump_trio.command.control import Channel
from tests.support.loopback import PATIENCE_SECONDS

SOCKETS = b'{"kind": "sockets", "descriptors": 1}\n'
BEAT = b'{"kind": "beat", "descriptors": 0}\n'


def open_count() -> int:
    """Return how many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def file_of(descriptor: int) -> tuple[int, int]:
    """Return what is the same for all descriptors of a file, and for no other's."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


@pytest.fixture
async def raw() -> AsyncIterator[tuple[socket.socket, Channel]]:
    """Return a bare socket and the end it speaks to; nothing else is left open by the test."""
    before = open_count()
    ours, theirs = socket.socketpair()
    with trio.fail_after(PATIENCE_SECONDS), ours, Channel(theirs) as channel:
        yield ours, channel
    assert open_count() == before


async def take(channel: Channel) -> tuple[str, list[tuple[int, int]]]:
    """Return a message's kind and the files that came with it, which are closed."""
    received = await channel.receive()
    assert received is not None
    message, descriptors = received
    files = [file_of(each) for each in descriptors]
    for each in descriptors:
        os.close(each)
    return message["kind"], files


@pytest.mark.parametrize("size", [1, 7, len(SOCKETS), len(SOCKETS) + 1, 1000])
async def test_parts_of_any_size(raw: tuple[socket.socket, Channel], size: int) -> None:
    """However messages are cut, each has its own files: those that were sent with it."""
    sock, channel = raw
    with socket.socket() as one, socket.socket() as other:
        files = [file_of(each.fileno()) for each in (one, other)]
        for data, descriptors in ((SOCKETS, [one]), (BEAT, []), (SOCKETS, [other])):
            first, rest = data[:size], data[size:]
            socket.send_fds(sock, [first], [each.fileno() for each in descriptors])
            for start in range(0, len(rest), size):
                sock.send(rest[start : start + size])
    taken = [await take(channel) for _ in range(3)]
    assert taken == [("sockets", files[:1]), ("beat", []), ("sockets", files[1:])]


async def test_receiving_is_cancelled(raw: tuple[socket.socket, Channel]) -> None:
    """Nothing is lost: neither half a message, nor its descriptors, nor a whole one."""
    sock, channel = raw
    with socket.socket() as sent:
        file = file_of(sent.fileno())
        socket.send_fds(sock, [SOCKETS[:9]], [sent.fileno()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.receive)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    sock.send(SOCKETS[9:] + BEAT)
    assert await take(channel) == ("sockets", [file])
    with trio.CancelScope() as scope:
        scope.cancel()
        await channel.receive()
    assert scope.cancelled_caught
    assert await take(channel) == ("beat", [])


async def test_descriptors_go_once() -> None:
    """With a message that the system takes in parts, so that the next has its own."""
    before = open_count()
    ours, theirs = socket.socketpair()
    with socket.socket() as one, socket.socket() as other:
        files = [file_of(each.fileno()) for each in (one, other)]

        async def send(channel: Channel) -> None:
            text = "x" * 250_000
            await channel.send("filling", text=text)
            await channel.send("one", descriptors=[one.fileno()], text=text)
            await channel.send("other", descriptors=[other.fileno()])

        with trio.fail_after(PATIENCE_SECONDS), Channel(ours) as sender, Channel(theirs) as channel:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send, sender)
                await trio.testing.wait_all_tasks_blocked()
                taken = [await take(channel) for _ in range(3)]
    assert taken == [("filling", []), ("one", files[:1]), ("other", files[1:])]
    assert open_count() == before


async def test_sending_is_cancelled(raw: tuple[socket.socket, Channel]) -> None:
    """Where the other side doesn't read, it waits until then; the caller's sockets stay open."""
    _, channel = raw
    with socket.socket() as sent:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    lambda: channel.send("long", descriptors=[sent.fileno()], text="x" * 2**20)
                )
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught
        assert sent.fileno() != -1


@pytest.mark.parametrize(
    "data", [SOCKETS[:-1], b"no\n", b'{"kind": "sockets", "descriptors": 2}\n']
)
async def test_the_descriptors_of_nonsense(raw: tuple[socket.socket, Channel], data: bytes) -> None:
    """They are closed with the channel, as those are that came with half a message."""
    sock, channel = raw
    with socket.socket() as sent:
        socket.send_fds(sock, [data], [sent.fileno()])
    sock.close()
    with pytest.raises(trio.BrokenResourceError):
        await channel.receive()


async def test_it_is_closed_by_another_task(raw: tuple[socket.socket, Channel]) -> None:
    """Who waits for a message hears of it at once."""
    _, channel = raw

    async def receive() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await channel.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        channel.close()


async def test_descriptors_without_a_message_are_too_many(
    raw: tuple[socket.socket, Channel],
) -> None:
    """More than a message can have; they are closed with the channel."""
    sock, channel = raw
    socket.send_fds(sock, [b"{"], [0] * 200)
    socket.send_fds(sock, [b"{"], [0] * 200)
    with pytest.raises(trio.BrokenResourceError, match="without a message"):
        await channel.receive()


@pytest.mark.parametrize(
    "line",
    [b"[" * 10**5, b'{"kind": "beat", "descriptors": 0.0}', b'{"kind": "x", "descriptors": true}'],
)
async def test_what_is_no_message_is_an_end(
    raw: tuple[socket.socket, Channel], line: bytes
) -> None:
    """However deep it is, and whatever stands for the number of descriptors."""
    sock, channel = raw
    assert sock.send(line + b"\n") == len(line) + 1
    with pytest.raises(trio.BrokenResourceError, match=r"^not a"):
        await channel.receive()
