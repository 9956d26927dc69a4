"""Whatever the bytes: a known status or none, an end, little memory, and no say for the cuts."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hump_trio.facts.settings import Limits
from tests.http1.corpus import CHUNKED_HEAD, LIMITS, SAMPLES
from tests.http1.drive import Outcome, bytewise, drain
from tests.http1.strangers import h11_reading, httptools_reading, ours

STATUSES = {None, 400, 413, 414, 431, 501, 505}
PIECES = [
    *(b"GET ", b"/", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"Host: a"),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"chunked", b":", b" ", b"\t", b";"),
    *(b"0\r\n", b"3\r\nabc\r\n", b"%", b"http://b", b"*", b"[", b"]", b"@", b",", b"\x00", b"\xff"),
]

pieces = st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))
soups = st.lists(pieces, max_size=40).map(b"".join)
samples = st.sampled_from([sample.data for sample in SAMPLES])
# Small enough that every cap is reached; a head of one byte would refuse everything.
small_limits = st.builds(
    Limits,
    head_bytes=st.integers(2, 200),
    header_count=st.integers(1, 5),
    target_bytes=st.integers(1, 40),
)
any_limits = st.one_of(st.just(LIMITS), st.just(Limits()), small_limits)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """Draw a sample, or two spliced, with a few bytes deleted, inserted, doubled or replaced."""
    data = draw(samples)
    if draw(st.booleans()):
        other = draw(samples)
        data = data[: draw(places(data))] + other[draw(places(other)) :]
    for _ in range(draw(st.integers(0, 4))):
        start = draw(places(data))
        end = start + draw(st.integers(0, 6))
        middle = draw(st.one_of(st.just(b""), pieces, st.just(data[start:end] * 2)))
        data = data[:start] + middle + data[end:]
    return data


def places(data: bytes) -> st.SearchStrategy[int]:
    """Return the places at which bytes can be cut."""
    return st.integers(0, len(data))


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Draw a way of feeding bytes in parts, empty ones among them."""
    marks = [0, *sorted(draw(st.lists(places(data), max_size=8))), len(data)]
    return [data[start:end] for start, end in pairwise(marks)]


def check(data: bytes, limits: Limits, parts: list[bytes]) -> Outcome:
    """Check everything that holds for all bytes, and return what came out."""
    outcome = drain([data], limits)
    assert outcome.status in STATUSES
    assert drain(parts, limits) == outcome
    single = drain(bytewise(data), limits)
    assert single == outcome
    # What waits is a section that isn't complete, or a chunk's line of at most 256 bytes.
    assert single.held_bytes < max(limits.head_bytes, 256)
    assert outcome.held_bytes < max(limits.head_bytes, 256)
    return outcome


@settings(max_examples=400)
@given(st.data(), st.one_of(st.binary(max_size=400), soups), any_limits)
def test_arbitrary_bytes(data: st.DataObject, stream: bytes, limits: Limits) -> None:
    """Noise and near-requests end in a status of the table, however they are cut."""
    check(stream, limits, data.draw(cuts(stream)))


@settings(max_examples=1000)
@given(st.data(), mutants(), any_limits)
def test_mutated_requests(data: st.DataObject, stream: bytes, limits: Limits) -> None:
    """Requests with a few bytes wrong end in a status of the table, however they are cut."""
    check(stream, limits, data.draw(cuts(stream)))


@settings(max_examples=1500)
@given(mutants())
def test_nobody_frames_a_first_request_otherwise(stream: bytes) -> None:
    """Where a stranger takes what we take, it ends at the same byte: nothing can be smuggled."""
    mine = ours(stream).messages[:1]
    for stranger in (h11_reading(stream), httptools_reading(stream)):
        for theirs in stranger.messages[: len(mine)]:
            assert theirs[:2] == mine[0][:2]
            # A higher minor version is read as 1.1 here (RFC 9110 section 2.5).
            assert min(theirs[2], b"1.1") == mine[0][2]
            assert theirs.body == mine[0].body


@settings(max_examples=200)
@given(st.data(), soups)
def test_a_body_of_anything(data: st.DataObject, stream: bytes) -> None:
    """Behind a head that says chunked, whatever comes is chunks, a wait, or 400."""
    stream = CHUNKED_HEAD + stream
    outcome = check(stream, LIMITS, data.draw(cuts(stream)))
    assert outcome.requests
    assert outcome.requests[0].whole or outcome.status in (None, 400)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.lists(st.integers(1, 50), min_size=1), st.data())
def test_chunks_come_back_whole(body: bytes, sizes: list[int], data: st.DataObject) -> None:
    """Bytes sent in chunks of any size come out as they went in, however they are cut."""
    stream, rest, number = b"", body, 0
    while rest:
        chunk, rest = rest[: sizes[number % len(sizes)]], rest[sizes[number % len(sizes)] :]
        stream += b"%x\r\n%b\r\n" % (len(chunk), chunk)
        number += 1
    stream = CHUNKED_HEAD + stream + b"0\r\n\r\n"
    outcome = check(stream, LIMITS, data.draw(cuts(stream)))
    assert [seen.body for seen in outcome.whole] == [body]
