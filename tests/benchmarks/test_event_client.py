"""The client of event streams counts events, whatever they are framed in and come in."""

from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.event_client import EVENT, EventCounter

CHUNKED = b"2c\r\n" + EVENT + b"\n\n\r\n"
COMMENT = b": ping\r\n\r\n"


@given(st.data(), st.lists(st.sampled_from([CHUNKED, EVENT + b"\r\n\r\n", COMMENT]), max_size=5))
def test_events_are_counted_wherever_they_are_cut(data: st.DataObject, sent: list[bytes]) -> None:
    """Each counts once, when its last byte has come; a comment doesn't."""
    counter = EventCounter()
    rest, count = b"".join(sent), 0
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        count += counter.count(rest[:size])
        rest = rest[size:]
    assert count == sum(EVENT in part for part in sent)
    assert counter.owed == b""
