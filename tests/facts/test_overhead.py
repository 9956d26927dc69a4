"""Overhead that data excuses."""

import pytest

from hump_trio.facts.overhead import excuse_overhead


@pytest.mark.parametrize(
    ("overhead_bytes", "excused_bytes", "left_bytes"),
    [(0, 0, 0), (10, 0, 10), (10, 4, 6), (10, 10, 0), (10, 11, 0), (0, 1_000_000, 0)],
)
def test_data_excuses_what_was_before_it(
    overhead_bytes: int, excused_bytes: int, left_bytes: int
) -> None:
    """Byte for byte, down to nothing: much data now is no credit for overhead to come."""
    assert excuse_overhead(overhead_bytes, excused_bytes) == left_bytes
