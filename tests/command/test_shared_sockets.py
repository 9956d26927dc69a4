"""Several workers serve the same sockets, which are opened once."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from hump_trio.command.shared_sockets import SharedSockets
from hump_trio.facts.settings import Sockets

BIND = ("127.0.0.1:0",)


@pytest.fixture
def shared() -> Iterator[SharedSockets]:
    """Return the sockets of two workers, closed at the end."""
    shared = SharedSockets(2)
    yield shared
    shared.close()


async def test_sockets_are_opened_once(
    shared: SharedSockets, caplog: pytest.LogCaptureFixture
) -> None:
    """Each worker gets those that the first one asked for; another bind is named in the log."""
    first = await shared.open(BIND, Sockets())
    assert await shared.open(BIND, Sockets()) is first
    with caplog.at_level(logging.WARNING, "hump_trio"):
        assert await shared.open(("127.0.0.1:1",), Sockets()) is first
    [record] = caplog.records
    assert record.getMessage().endswith("by a restart alone: 127.0.0.1:1")


async def test_a_socket_file_goes_when_its_workers_end(
    tmp_path: Path, autojump_clock: MockClock, shared: SharedSockets
) -> None:
    """A client that comes while the workers still accept finds the file."""
    path = tmp_path / "app.sock"
    await shared.open((f"unix:{path}",), Sockets())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shared.close_when_drained, 5)
        await trio.sleep(4)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_workers_have_an_index_each(shared: SharedSockets) -> None:
    """One for each worker, its successor and one that is slow to end; none for a worker alone."""
    taken: list[int | None] = []
    for _ in range(6):
        index = shared.find_index(taken)
        assert index is not None
        assert index not in taken
        taken.append(index)
    assert shared.find_index(taken) is None
    shared.leave(taken[0])
    alone = SharedSockets(1)
    assert (alone.turns, alone.find_index([])) == (None, None)
    alone.leave(None)
    alone.close()
