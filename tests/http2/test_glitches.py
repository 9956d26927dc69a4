"""The bucket of glitches."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.glitches import GLITCHES_PER_SECOND, GlitchBucket


def spend(bucket: GlitchBucket, now: float, count: int) -> None:
    """Count some glitches at one time."""
    for _ in range(count):
        bucket.spend(now)


def test_so_many_at_once_and_no_more() -> None:
    """One glitch beyond the limit ends the connection, which is told to calm down."""
    bucket = GlitchBucket(100, 5.0)
    spend(bucket, 5.0, 100)
    with pytest.raises(ConnectionFailure) as raised:
        bucket.spend(5.0)
    assert raised.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_a_second_gives_some_back() -> None:
    """So many as no client ever needs, for as long as the connection lives."""
    bucket = GlitchBucket(100, 0.0)
    spend(bucket, 0.0, 100)
    for second in range(1, 100):
        spend(bucket, float(second), int(GLITCHES_PER_SECOND))
    with pytest.raises(ConnectionFailure):
        spend(bucket, 99.0, 1)


def test_silence_is_not_saved() -> None:
    """A connection that was quiet for a day may do no more at once than a new one."""
    bucket = GlitchBucket(100, 0.0)
    spend(bucket, 86_400.0, 100)
    with pytest.raises(ConnectionFailure):
        bucket.spend(86_400.0)


@given(st.integers(1, 50), st.lists(st.floats(0, 1), max_size=200))
def test_a_long_run_is_bounded(limit: int, pauses: list[float]) -> None:
    """In any time no more pass than the limit and what that time gives back."""
    bucket = GlitchBucket(limit, 0.0)
    now = 0.0
    for count, pause in enumerate(pauses, 1):
        now += pause
        if count > limit + now * GLITCHES_PER_SECOND + 1e-6:
            with pytest.raises(ConnectionFailure):
                bucket.spend(now)
            break
        with suppress(ConnectionFailure):
            bucket.spend(now)
            continue
        assert count > limit
        break
