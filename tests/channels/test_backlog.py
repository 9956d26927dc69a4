"""What waits for a subscriber is bounded in bytes, whatever is published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.channels.backlog import Backlog, Publication, SlowPolicy

SIZES = st.lists(st.integers(2, 50), max_size=50)


def publications(sizes: list[int]) -> list[Publication]:
    """Return publications of these sizes in bytes, numbered from 0."""
    return [Publication(number, bytes(size)) for number, size in enumerate(sizes)]


@given(SIZES, st.integers(0, 200))
def test_the_oldest_are_dropped(sizes: list[int], limit: int) -> None:
    """As few as make room; the newest waits whatever its size, and all others are counted."""
    backlog = Backlog(limit, "drop-oldest")
    for publication in publications(sizes):
        assert backlog.add(publication)
    values = [backlog.take().value for _ in range(len(backlog))]
    kept = len(values)
    assert values == list(range(len(sizes)))[len(sizes) - kept :]
    assert backlog.dropped == len(sizes) - kept
    assert kept <= 1 or sum(sizes[-kept:]) <= limit
    assert not sizes or kept >= 1


@given(SIZES)
def test_the_newest_alone_is_kept(sizes: list[int]) -> None:
    """Whatever its size and the limit; all others are counted."""
    backlog = Backlog(65536, "latest")
    for publication in publications(sizes):
        assert backlog.add(publication)
    assert backlog.dropped == max(len(sizes) - 1, 0)
    assert len(backlog) == min(len(sizes), 1)
    if sizes:
        assert backlog.take().value == len(sizes) - 1


@given(SIZES, st.integers(0, 200))
def test_too_much_is_told(sizes: list[int], limit: int) -> None:
    """At the first one past the limit; none is dropped."""
    backlog = Backlog(limit, "close")
    total = 0
    for publication in publications(sizes):
        total += len(publication.frame)
        assert backlog.add(publication) is (total <= limit)
        if total > limit:
            break
    assert backlog.dropped == 0


@pytest.mark.parametrize("slow", ["close", "drop-oldest"])
def test_what_was_taken_counts_no_more(slow: SlowPolicy) -> None:
    """One by one, all at once, or forgotten."""
    backlog = Backlog(30, slow)
    for _ in range(5):
        for publication in publications([10, 10, 10]):
            assert backlog.add(publication)
        assert backlog.take().value == 0
        assert backlog.add(Publication(3, b"d" * 10))
        assert backlog.take_frames() == bytes(20) + b"d" * 10
        assert not backlog
        for publication in publications([10, 20]):
            assert backlog.add(publication)
        backlog.clear()
        assert backlog.take_frames() == b""
    assert backlog.dropped == 0
