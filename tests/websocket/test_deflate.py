"""Compressed messages, as zlib makes them and as attackers do."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage
from wsproto.extensions import PerMessageDeflate

from hump_trio.websocket.deflate import Deflate, Deflater, Inflater, negotiate
from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.frames import BINARY, CONTINUATION, FINAL, PING, RSV1, TEXT, encode_frame
from hump_trio.websocket.reader import Part, Reader
from tests.websocket.client_frames import GOOD, masked, squeezed

COMPRESSED_TEXT = FINAL | RSV1 | TEXT
# The two forms of ``Hello`` with and without a last block, of RFC 7692 sections 7.2.3.1 to 7.2.3.5.
HELLO = {
    "one block": "f248cdc9c907 00",
    "one block that isn't compressed": "000500faff48656c6c6f00",
    "a last block": "f348cdc9c9070000",
    "two blocks": "f24805000000ffffcac9c90700",
}


def read(stream: bytes, *, limit_bytes: float = 1000, cut: int = 0) -> Reader:
    """Return a reader that was fed a stream, in two reads, and whatever it held back."""
    reader = Reader(limit_bytes, inflate=Inflater(15))
    for piece in (stream[:cut], stream[cut:]):
        reader.feed(piece)
        while reader.behind:
            reader.feed(b"")
    return reader


def failure_of(stream: bytes, *, limit_bytes: float = 1000, cut: int = 0) -> int:
    """Return the code of the failure that a stream ends with."""
    with pytest.raises(WebSocketFailure) as caught:
        read(stream, limit_bytes=limit_bytes, cut=cut)
    return caught.value.code


@pytest.mark.parametrize("data", HELLO.values(), ids=list(HELLO))
def test_the_examples_of_the_rfc(data: str) -> None:
    """Each way to compress a message is read, wherever it is cut."""
    stream = masked(COMPRESSED_TEXT, bytes.fromhex(data)) + GOOD
    for cut in range(len(stream)):
        assert [*read(stream, cut=cut).messages] == ["Hello", "good"]


@given(st.binary(max_size=300), st.integers(1, 300), st.integers(1, 40))
def test_bytes_in_fragments(data: bytes, times: int, step: int) -> None:
    """A message is inflated as it was, whole or in fragments, beside others that aren't."""
    data = (data * times)[:3000]
    payload = squeezed(data)
    fragments = [payload[at : at + step] for at in range(0, len(payload), step)]
    stream = masked(RSV1 | BINARY, fragments[0])
    stream += b"".join(masked(CONTINUATION, each) for each in fragments[1:])
    stream += masked(FINAL) + GOOD + masked(FINAL | RSV1 | BINARY, payload)
    assert [*read(stream, limit_bytes=3000).messages] == [data, "good", data]


def test_an_empty_message() -> None:
    """It is an empty block, or nothing (RFC 7692 section 7.2.3.6)."""
    stream = (
        masked(COMPRESSED_TEXT, b"\0") + masked(COMPRESSED_TEXT) + masked(FINAL | RSV1 | BINARY)
    )
    assert [*read(stream).messages] == ["", "", b""]


@pytest.mark.parametrize("limit_bytes", [0, 1, 10, 1000, 70_000])
def test_a_limit_is_that_of_what_was_inflated(limit_bytes: int) -> None:
    """It is exact, also for a message that compression makes longer."""
    hard = bytes(range(256)) * 300
    for data in (bytes(limit_bytes), hard[:limit_bytes]):
        for level in (0, 6):
            state = zlib.compressobj(level, wbits=-15)
            payload = (state.compress(data) + state.flush(zlib.Z_SYNC_FLUSH))[:-4]
            stream = masked(FINAL | RSV1 | BINARY, payload)
            assert [*read(stream, limit_bytes=limit_bytes).messages] == [data]
            if data:
                assert failure_of(stream, limit_bytes=limit_bytes - 1) == 1009


def test_no_limit() -> None:
    """A reader without one inflates what comes."""
    stream = masked(FINAL | RSV1 | BINARY, squeezed(bytes(1 << 22)))
    assert [*read(stream, limit_bytes=float("inf")).messages] == [bytes(1 << 22)]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\xff\xff\xff", 1007),
        (squeezed(b"message")[:-3], 1007),
        (squeezed(b"message") + b"\0\0\xff\xff", 1007),
        (bytes.fromhex("001400ebff") + b"Hello", 1007),
        (zlib.compress(b"with a header"), 1007),
        (squeezed(b"\xff"), 1007),
        (squeezed("€".encode()[:2]), 1007),
        (b"\x03\0" * 101, 1002),
        (squeezed(bytes(1001)), 1009),
        (bytes.fromhex("000000ffff") * 400, 1009),
    ],
)
def test_hostile_payloads(payload: bytes, code: int) -> None:
    """Behind a good message, wherever the stream is cut, one has the code that fits."""
    stream = GOOD + masked(COMPRESSED_TEXT, payload)
    for cut in range(0, len(stream), 7):
        assert failure_of(stream, cut=cut) == code


def test_rsv1_belongs_to_the_first_frame() -> None:
    """On a continuation or a control frame it means nothing (RFC 7692 section 6.1)."""
    begun = masked(RSV1 | TEXT, squeezed(b"text"))
    assert failure_of(begun + masked(FINAL | RSV1 | CONTINUATION)) == 1002
    assert failure_of(masked(FINAL | RSV1 | PING)) == 1002
    assert failure_of(masked(FINAL | RSV1 | 0x20 | TEXT)) == 1002


def test_many_last_blocks() -> None:
    """A sender that can't flush otherwise ends each block so."""
    payload = b"".join(squeezed(b"text", zlib.Z_FINISH) for _ in range(100))
    assert [*read(masked(COMPRESSED_TEXT, payload)).messages] == ["text" * 100]
    assert [*read(masked(COMPRESSED_TEXT, payload + b"\0")).messages] == ["text" * 100]


@pytest.mark.parametrize("kind", ["one frame", "fragments"])
def test_a_bomb(kind: str) -> None:
    """512 MiB in half a megabyte fail at the limit's next byte, and no memory is taken for them."""
    state = zlib.compressobj(9, wbits=-15)
    payload = (state.compress(bytes(1 << 20)) + state.flush(zlib.Z_FULL_FLUSH)) * 512
    payload = payload[:-4]
    stream = masked(FINAL | RSV1 | BINARY, payload)
    if kind == "fragments":
        stream = masked(RSV1 | BINARY, payload[:1])
        for at in range(1, len(payload), 1000):
            stream += masked(CONTINUATION, payload[at : at + 1000])
    tracemalloc.start()
    assert failure_of(stream, limit_bytes=1 << 19) == 1009
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 << 20


def test_a_bomb_in_many_messages() -> None:
    """One call inflates little more than one of them; the rest is held back until it is asked for.

    Nothing is lost, and a client whose frames are held back doesn't seem to owe one.
    """
    one = masked(FINAL | RSV1 | BINARY, squeezed(bytes(1 << 18)))
    stream = (one * 300)[: 1 << 16]
    reader = Reader(1 << 20, inflate=Inflater(15))
    reader.feed(stream)
    calls = 0
    while reader.behind:
        assert [*reader.messages] == [bytes(1 << 18)]
        assert not reader.frame_begun
        assert reader.held_bytes < 1 << 16
        reader.messages.clear()
        reader.feed(b"")
        calls += 1
    assert calls == len(stream) // len(one)
    assert reader.frame_begun
    reader.feed(one[len(stream) % len(one) :])
    assert [*reader.messages] == [bytes(1 << 18)]


def test_small_messages_are_taken_in_turns() -> None:
    """A call ends after some hundred of them, since each takes a microsecond or two.

    Those of many last blocks, each of which takes as long as a message, are fewer.
    """
    for payload, least, most in ((squeezed(b"a"), 300, 1000), (b"\3\0" * 100, 10, 30)):
        reader = Reader(1000, inflate=Inflater(15))
        reader.feed(masked(COMPRESSED_TEXT, payload) * 2000)
        assert reader.behind
        assert least < len(reader.messages) < most


def test_a_bomb_in_parts() -> None:
    """While streaming, a message of any length comes in parts that are inflated in turns."""
    reader = Reader(1000, inflate=Inflater(15))
    reader.streaming = True
    reader.feed(masked(FINAL | RSV1 | BINARY, squeezed(bytes(1 << 24))))
    total, last = 0, False
    while reader.messages:
        (part,) = reader.messages
        assert isinstance(part, Part)
        assert len(part.data) < 1 << 21
        assert not last
        total, last = total + len(part.data), part.last
        reader.messages.clear()
        assert reader.behind or last
        reader.feed(b"")
    assert (total, last) == (1 << 24, True)


def agreed(*offers: str) -> Deflate:
    """Return what is made of fields with offers."""
    deflate = negotiate([("sec-websocket-extensions", offer) for offer in offers])
    assert deflate is not None
    return deflate


@pytest.mark.parametrize(
    ("offer", "more"),
    [
        ("permessage-deflate", ""),
        (" permessage-deflate ; client_no_context_takeover\t", ""),
        ("permessage-deflate; client_max_window_bits", "client_max_window_bits=12"),
        ("permessage-deflate; client_max_window_bits=15", "client_max_window_bits=12"),
        ("permessage-deflate; client_max_window_bits=10", "client_max_window_bits=10"),
        ('permessage-deflate; client_max_window_bits = "8"', "client_max_window_bits=8"),
        ("permessage-deflate;server_no_context_takeover", "server_no_context_takeover"),
        ("x-webkit-deflate-frame, permessage-deflate", ""),
        ('x; a="1"; b, permessage-deflate; server_max_window_bits=8, permessage-deflate', ""),
        ("permessage-deflate; server_max_window_bits=15", ""),
    ],
)
def test_offers_that_are_taken(offer: str, more: str) -> None:
    """The first one that can be, with the server's window and without a context of the client."""
    answer = "permessage-deflate; client_no_context_takeover; server_max_window_bits=12"
    assert agreed(offer).answer == (f"{answer}; {more}" if more else answer)
    assert agreed("other", offer) == agreed(offer)


def test_a_smaller_window_of_the_server() -> None:
    """A client may ask for one, and for no context."""
    deflate = agreed("permessage-deflate; server_no_context_takeover; server_max_window_bits=9")
    assert "server_max_window_bits=9" in deflate.answer
    assert not deflate.keeps_context
    assert agreed("permessage-deflate").keeps_context


@pytest.mark.parametrize(
    "offer",
    [
        "",
        ",",
        "permessage-bzip2",
        "permessage-deflate=1",
        "permessage-deflate;",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\u0662",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=",
        'permessage-deflate; client_max_window_bits=""',
        "permessage-deflate; client_max_window_bits=1 2",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=12",
        "permessage-deflate; mux",
        "permessage-deflate" + "; server_no_context_takeover" * 300,
        "x, " * 100 + "permessage-deflate",
        "permessage-deflate; a, " * 400 + "permessage-deflate",
        "permessage-deflate" + ";" * 8000,
    ],
)
def test_offers_that_are_declined(offer: str) -> None:
    """What is malformed or unknown is as if it weren't offered (RFC 7692 section 7)."""
    assert negotiate([("sec-websocket-extensions", offer)]) is None


def test_no_offer() -> None:
    """Most programs offer nothing."""
    assert negotiate([("host", "a")]) is None


@given(
    st.lists(st.binary(max_size=600), max_size=6),
    st.sampled_from([8, 9, 12, 15, None]),
    st.sampled_from([9, 12, 15]),
    st.booleans(),
)
def test_wsproto_reads_and_writes_it(
    payloads: list[bytes], client_bits: int | None, server_bits: int, keeps_context: bool
) -> None:
    """What is agreed on with it, it keeps to and reads: several messages, of any bytes."""
    extension = PerMessageDeflate(server_max_window_bits=server_bits)
    offer = f"permessage-deflate; server_max_window_bits={server_bits}"
    if not keeps_context:
        offer += "; server_no_context_takeover"
    if client_bits is not None:
        offer += f"; client_max_window_bits={client_bits}"
    deflate = agreed(offer)
    # It takes a client's window of 512 bytes at least, as zlib does.
    extension.finalize(
        deflate.answer.replace("client_max_window_bits=8", "client_max_window_bits=9")
    )
    judge = Connection(ConnectionType.CLIENT, [extension])
    deflater = deflate.deflater()
    reader = Reader(10_000, inflate=Inflater(15) if client_bits == 8 else deflate.inflater())
    for payload in payloads:
        judge.receive_data(encode_frame(FINAL | RSV1 | BINARY, deflater.deflate(payload)))
        assert list(judge.events()) == [BytesMessage(data=payload)]
        reader.feed(judge.send(BytesMessage(data=payload)))
    assert [*reader.messages] == payloads


def test_websockets_reads_and_writes_it() -> None:
    """Its client takes the answer to its own offer, and keeps to it."""
    factory = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    params = factory.get_request_params()
    offer = "; ".join(key if value is None else f"{key}={value}" for key, value in params)
    deflate = agreed(f"permessage-deflate; {offer}")
    answer = [each.partition("=") for each in deflate.answer.split("; ")[1:]]
    judge = factory.process_response_params([(key, value or None) for key, _, value in answer], [])
    deflater, reader = deflate.deflater(), Reader(10_000, inflate=deflate.inflater())
    for payload in (b"", b"text" * 300, b"text" * 300, b""):
        sent = Frame(Opcode.BINARY, deflater.deflate(payload), rsv1=True)
        assert judge.decode(sent).data == payload
        frame = judge.encode(Frame(Opcode.BINARY, payload))
        reader.feed(masked(FINAL | RSV1 | BINARY, bytes(frame.data)))
    assert [*reader.messages] == [b"", b"text" * 300, b"text" * 300, b""]


def test_a_window_of_256_bytes() -> None:
    """A client may have one, which is inflated."""
    reader = Reader(1000, inflate=agreed("permessage-deflate; client_max_window_bits=8").inflater())
    reader.feed(masked(COMPRESSED_TEXT, bytes.fromhex(HELLO["one block"])))
    assert [*reader.messages] == ["Hello"]


def test_context_is_kept_or_not() -> None:
    """A message that was sent before is short the next time, unless nothing is kept of it."""
    text = bytes(range(200))
    keeping, forgetting = Deflater(12, keeps_context=True), Deflater(12, keeps_context=False)
    first = keeping.deflate(text)
    assert len(keeping.deflate(text)) < len(first) / 10
    assert forgetting.deflate(text) == forgetting.deflate(text) == first


def test_a_context_that_was_let_go() -> None:
    """A client that has kept its own reads on."""
    deflater, client = Deflater(12, keeps_context=True), zlib.decompressobj(-12)
    for text in (b"text" * 100, b"text" * 200, b"", b""):
        assert client.decompress(deflater.deflate(text) + b"\0\0\xff\xff") == text
        deflater.release()
    assert deflater.deflate(b"") == b"\0"
