"""Flow control as numbers."""

from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.flow import InflowWindow


def test_room_is_told_by_the_half() -> None:
    """Neither for each frame, nor so late that the peer has to wait."""
    window = InflowWindow(1000)
    window.left_bytes -= 999
    assert window.free(499) == 0
    assert window.free(1) == 500
    assert window.left_bytes == 501


@given(st.integers(2, 2**20), st.lists(st.integers(1, 2**14)))
def test_no_byte_is_lost(size_bytes: int, parts: list[int]) -> None:
    """What the peer may send and what it isn't told of yet are the window; half of it is open."""
    window = InflowWindow(size_bytes)
    untold_bytes = 0
    for part in parts:
        part = min(part, window.left_bytes)
        window.left_bytes -= part
        told_bytes = window.free(part)
        untold_bytes += part - told_bytes
        assert window.left_bytes + untold_bytes == size_bytes
        assert 0 <= untold_bytes < max(size_bytes // 2, 1)
        assert told_bytes == 0 or told_bytes >= size_bytes // 2
