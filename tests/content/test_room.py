"""The room for uploads has an end, and a disk that fails says so once."""

import errno
import logging

import pytest

from hump_trio.content.room import DiskRoom, Room
from hump_trio.facts.exceptions import OverloadError
from hump_trio.facts.settings import Limits


def test_room_is_taken_up_to_its_limit() -> None:
    """What doesn't fit is a 503 and takes nothing; what was given back is there again."""
    room = DiskRoom(10)
    room.take(6)
    with pytest.raises(OverloadError) as caught:
        room.take(5)
    assert (caught.value.status, room.taken_bytes) == (503, 6)
    room.give_back(6)
    room.take(10)
    assert room.taken_bytes == 10


def test_a_failing_disk_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Until a write succeeds again; each request is answered by what was wrong."""
    room = DiskRoom(10)
    with caplog.at_level(logging.ERROR, "hump_trio"):
        full = room.refuse(OSError(errno.ENOSPC, "no space"))
        busy = room.refuse(OSError(errno.EMFILE, "too many"))
        assert len(caplog.records) == 1
        room.failing = False
        room.refuse(OSError(errno.ENOSPC, "no space"))
    assert (full.status, busy.status, len(caplog.records)) == (507, 503, 2)


def test_a_request_alone_may_hold_anything_in_memory() -> None:
    """Nobody else is served; the disk has its default limit all the same."""
    room = Room()
    room.hold(2**40)
    room.disk.take(Limits().spooled_bytes)
    with pytest.raises(OverloadError):
        room.disk.take(1)
    assert room.disk is not Room().disk
