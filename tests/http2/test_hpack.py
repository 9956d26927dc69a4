"""Header blocks of requests, judged by hpack."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hpack import Decoder as Judge
from hpack import Encoder, HPACKError
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.hpack import Decoder, Field

names = st.from_regex(r"[a-z0-9!_.-]{1,20}", fullmatch=True) | st.sampled_from(
    ["cookie", "accept", "user-agent", "x-a", "content-type", "set-cookie"]
)
inner = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=60)
values = inner.map(lambda value: value.strip(" "))
fields = st.tuples(names, values) | st.sampled_from(
    [(":method", "GET"), (":path", "/"), (":path", "/a"), (":scheme", "https"), ("te", "trailers")]
)


def string(data: bytes) -> bytes:
    """Return a short string that isn't Huffman code."""
    assert len(data) < 127
    return bytes((len(data),)) + data


def literal(name: bytes, value: bytes, kind: int = 0x40) -> bytes:
    """Return a literal whose name is spelled out; it is put into the table unless told."""
    return bytes((kind,)) + string(name) + string(value)


def judge(block: bytes, decoder: Judge) -> list[Any]:
    """Return the fields that hpack finds in a block."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in decoder.decode(block, raw=True)
    ]


def latin(given_fields: list[Field]) -> list[tuple[bytes, bytes]]:
    """Return fields as hpack takes them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given_fields]


def is_valid(name: str, value: str) -> bool:
    """Tell whether a request may have a field, rule by rule of RFC 9113 sections 8.2 and 8.3."""
    if name.startswith(":"):
        if name not in {":method", ":scheme", ":authority", ":path", ":protocol"}:
            return False
    elif not name or not set(name) <= set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"):
        return False
    if name in {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}:
        return False
    if name == "te" and value != "trailers":
        return False
    if value[:1] in {" ", "\t"} or value[-1:] in {" ", "\t"}:
        return False
    return not any((each < " " and each != "\t") or each == "\x7f" for each in value)


# Representations of fields, of which many are malformed, and many refer to others.
odd_names = st.sampled_from([b"a", b"te", b":path", b":status", b"B", b"", b"upgrade", b"\xff"])
odd_values = st.sampled_from([b"", b"1", b"trailers", b" ", b"\n", b"a\tb", b"\x7f", b"2" * 60])
kinds = st.sampled_from([0x00, 0x10, 0x40, 0x40, 0x40])
pieces = (
    st.builds(literal, odd_names, odd_values, kinds)
    | st.builds(lambda index: bytes((0x80 | index,)), st.sampled_from([2, 8, 57, 62, 63, 64, 65]))
    | st.builds(
        lambda index, value: bytes((0x40 | index,)) + string(value),
        st.sampled_from([4, 8, 57, 62]),
        odd_values,
    )
    | st.builds(
        lambda index, value: bytes((0x7F, index)) + string(value), st.integers(0, 4), odd_values
    )
    | st.builds(
        lambda index, value: bytes((0x1F, index)) + string(value), st.integers(45, 51), odd_values
    )
)


@given(
    st.lists(
        st.tuples(
            st.lists(fields, max_size=12),
            st.booleans(),
            st.lists(st.sampled_from([0, 40, 100, 300, 4096]), max_size=1),
        ),
        max_size=8,
    )
)
def test_blocks_of_a_stranger(blocks: list[tuple[list[Field], bool, list[int]]]) -> None:
    """A stranger's blocks mean what it put in, and its table is ours, entry for entry."""
    encoder, decoder = Encoder(), Decoder()
    for sent, huffman, sizes in blocks:
        for size in sizes:
            encoder.header_table_size = size
        changes = decoder.insertion_count
        before = list(decoder.table)
        decoder.memo["block"] = True
        assert decoder.decode(encoder.encode(latin(sent), huffman=huffman)) == sent
        theirs = encoder.header_table
        assert latin([field for field in decoder.table[62:] if field]) == list(
            theirs.dynamic_entries
        )
        assert decoder.size_bytes == theirs._current_size
        assert decoder.limit_bytes == theirs.maxsize
        if decoder.insertion_count != changes or decoder.table != before:
            assert not decoder.memo


# RFC 7541 appendix C: blocks of one connection, their fields, and the sizes of the table.
EXAMPLES: dict[str, tuple[list[str], Sequence[Sequence[Field | None]], list[int]]] = {
    "C.2.1": (
        ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"],
        [[("custom-key", "custom-header")]],
        [55],
    ),
    "C.2.2": (["040c 2f73 616d 706c 652f 7061 7468"], [[(":path", "/sample/path")]], [0]),
    "C.2.3": (
        ["1008 7061 7373 776f 7264 0673 6563 7265 74"],
        [[("password", "secret")]],
        [0],
    ),
    "C.2.4": (["82"], [[(":method", "GET")]], [0]),
}
REQUESTS: list[list[Field]] = [
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
    ],
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
]
EXAMPLES["C.3"] = (
    [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    REQUESTS,
    [57, 110, 164],
)
EXAMPLES["C.4"] = (
    [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
    REQUESTS,
    [57, 110, 164],
)
# Sections C.5 and C.6 are answers. Their ``:status`` is malformed in a request, and takes its place
# in the table.
ANSWERS: list[list[Field | None]] = [
    [
        None,
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    [
        None,
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    [
        None,
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
]
EXAMPLES["C.5"] = (
    [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133"
        "2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70"
        "6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d"
        "54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049"
        "5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e"
        "3d31",
    ],
    ANSWERS,
    [222, 222, 215],
)
EXAMPLES["C.6"] = (
    [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6"
        "2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab"
        "77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f"
        "9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ],
    ANSWERS,
    [222, 222, 215],
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_rfc(example: str) -> None:
    """Each block of RFC 7541 appendix C is decoded to what stands there."""
    decoder = Decoder(256)
    for block, expected, size in zip(*EXAMPLES[example], strict=True):
        assert decoder.decode(bytes.fromhex(block)) == expected
        assert decoder.size_bytes == size


@pytest.mark.parametrize("value", [b"", b"\n"], ids=["valid", "malformed"])
def test_every_index_of_a_full_table(value: bytes) -> None:
    """An index of several bytes is what it is for a stranger, in a field and in a name."""
    decoder, stranger = Decoder(), Judge(max_header_list_size=2**30)
    filling = b"".join(literal(b"%c" % (97 + number % 26), value) for number in range(130))
    decoder.decode(filling)
    stranger.decode(filling)
    assert decoder.size_bytes == stranger.header_table._current_size > 4000
    for index in range(62, len(decoder.table)):
        coded = bytes((0x80 | index,)) if index < 127 else bytes((0xFF, index - 127))
        named = bytes((0x0F, *((index - 15,) if index < 143 else (index - 15, 1)))) + b"\x011"
        field, other = judge(coded + named, stranger)
        assert decoder.decode(coded) == [None if value else field]
        assert decoder.decode(coded + named) == [None if value else field, other]


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([b"\x80"], "index 0"),
        ([b"\x82\x80"], "index 0"),
        ([b"\xbe"], "past the table"),
        ([b"\x82\xbe\x0f"], "past the table"),
        ([literal(b"a", b"b"), b"\xbf"], "past the table"),
        ([literal(b"a", b"b"), b"\x20", b"\xbe"], "past the table"),
        ([b"\xff\x00"], "past the table"),
        ([b"\xff\xff\xff\xff\x7f"], "past the table"),
        ([b"\x7e\x01a"], "past the table"),
        ([b"\x7f\x40\x01a"], "past the table"),
        ([b"\x0f\x70\x01a"], "past the table"),
        ([b"\xff\x80\x80\x80\x80\x00"], "too many bytes"),
        ([b"\xff" + b"\xff" * 20 + b"\x00"], "too many bytes"),
        ([b"\x7f\xff\xff\xff\xff\x00"], "too many bytes"),
        ([b"\x3f\x80\x80\x80\x80\x00"], "too many bytes"),
        ([b"\x40\x7f\x80\x80\x80\x80\x00"], "too many bytes"),
        ([b"\xff"], "isn't whole"),
        ([b"\xff\x80"], "isn't whole"),
        ([b"\x3f"], "isn't whole"),
        ([b"\x40"], "isn't whole"),
        ([b"\x00"], "isn't whole"),
        ([b"\x10"], "isn't whole"),
        ([b"\x0f"], "isn't whole"),
        ([b"\x44"], "isn't whole"),
        ([b"\x44\x7f"], "isn't whole"),
        ([b"\x40\x01"], "isn't whole"),
        ([b"\x40\x01a"], "isn't whole"),
        ([b"\x40\x01a\x02b"], "isn't whole"),
        ([b"\x04\x7f\xff\xff\xff\x7f"], "isn't whole"),
        ([b"\x40\x81\x00\x00"], "Huffman"),
        ([b"\x44\x81\xff"], "Huffman"),
        ([b"\x44\x84\xff\xff\xff\xff"], "Huffman"),
        ([b"\x3f\xe2\x1f"], "larger than allowed"),
        ([b"\x3f\xff\xff\xff\x7f"], "larger than allowed"),
        ([b"\x20\x3f\xe2\x1f"], "larger than allowed"),
        ([b"\x82\x20"], "after the beginning"),
        ([b"\x20\x82\x20"], "after the beginning"),
        ([literal(b"A", b"b") + b"\x20"], "after the beginning"),
        ([b"\x20\x21\x22"], "after the beginning"),
    ],
    ids=str,
)
def test_a_block_that_cannot_be_decoded(blocks: list[bytes], reason: str) -> None:
    """The connection ends, as nobody knows what is in the table any more."""
    decoder = Decoder()
    for block in blocks[:-1]:
        decoder.decode(block)
    with pytest.raises(ConnectionFailure, match=reason) as caught:
        decoder.decode(blocks[-1])
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR


@given(st.lists(st.binary(max_size=40) | st.lists(pieces, max_size=8).map(b"".join), max_size=4))
def test_any_bytes(blocks: list[bytes]) -> None:
    """Whatever comes, blocks are decoded or end the connection, and the table keeps its size."""
    decoder = Decoder(200)
    try:
        for block in blocks:
            decoder.decode(block)
            dynamic = decoder.table[62:]
            assert decoder.size_bytes <= 200
            assert len(decoder.malformed) == dynamic.count(None)
            assert decoder.size_bytes == sum(
                len(field[0]) + len(field[1]) + 32 for field in dynamic if field
            ) + sum(size for *_, size in decoder.malformed.values())
    except ConnectionFailure as exc:
        assert exc.code is ErrorCode.COMPRESSION_ERROR  # noqa: PT017  either outcome is right


@given(st.lists(st.lists(pieces, max_size=12).map(b"".join), max_size=4))
def test_malformed_fields_of_a_stranger(blocks: list[bytes]) -> None:
    """Blocks of any fields, valid or not, are what a stranger reads, but for the malformed ones.

    A stranger that doesn't judge fields tells what each index and each name stand for.
    """
    decoder, stranger = Decoder(), Judge(max_header_list_size=2**30)
    for block in blocks:
        try:
            expected = judge(block, stranger)
        except (HPACKError, UnicodeDecodeError):
            with pytest.raises(ConnectionFailure):
                decoder.decode(block)
            return
        assert decoder.decode(block) == [field if is_valid(*field) else None for field in expected]
        assert decoder.size_bytes == stranger.header_table._current_size


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"", b""),
        (b"", b"a"),
        (b"Accept", b"a"),
        (b"x-A", b"a"),
        (b"a b", b"a"),
        (b" a", b"a"),
        (b"a:", b"a"),
        (b"a\x00", b"a"),
        (b"a\n", b"a"),
        (b"a\x7f", b"a"),
        (b"a\xe4", b"a"),
        (b":", b"a"),
        (b":status", b"200"),
        (b":Path", b"/"),
        (b":unknown", b"a"),
        (b"connection", b"close"),
        (b"keep-alive", b""),
        (b"proxy-connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"h2c"),
        (b"te", b"gzip"),
        (b"te", b""),
        (b"te", b"trailers, gzip"),
        (b"te", b"Trailers"),
        (b"a", b" b"),
        (b"a", b"b "),
        (b"a", b"\tb"),
        (b"a", b"b\t"),
        (b"a", b" "),
        (b":path", b"/ "),
        *((b"a", b"b%cc" % octet) for octet in range(32) if octet != 9),
        *((b"a", b"%c" % octet) for octet in (0, 9, 10, 13, 127)),
        (b":path", b"/\n"),
        (b"a", b"b\n"),
    ],
)
@pytest.mark.parametrize("kind", [0x00, 0x10, 0x40])
def test_a_malformed_field(name: bytes, value: bytes, kind: int) -> None:
    """It is None in its place, the others are as they were, and so is each index to it."""
    decoder = Decoder()
    block = literal(b"x-before", b"1") + literal(name, value, kind) + literal(b"x-after", b"2")
    assert decoder.decode(block) == [("x-before", "1"), None, ("x-after", "2")]
    if kind == 0x40:
        assert decoder.decode(b"\xbe\xbf\xc0") == [("x-after", "2"), None, ("x-before", "1")]
        assert decoder.size_bytes == len(block) - 9 + 3 * 32
    else:
        assert decoder.decode(b"\xbe\xbf") == [("x-after", "2"), ("x-before", "1")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"a", b""),
        (b"a", b"\x80\xe4\xff"),
        (b"a", b"b\t c"),
        (b"a", bytes(range(33, 127))),
        (b"!#$%&'*+-.^_`|~09az", b"1"),
        (b"te", b"trailers"),
        (b":protocol", b"websocket"),
        (b":authority", b""),
    ],
)
def test_a_valid_field(name: bytes, value: bytes) -> None:
    """Any token in lower case is a name; a value may have what it may have in HTTP/1.1."""
    expected = (name.decode("latin-1"), value.decode("latin-1"))
    assert Decoder().decode(literal(name, value) + b"\xbe") == [expected, expected]


@pytest.mark.parametrize("index", [8, 9, 10, 11, 12, 13, 14, 57])
def test_static_entries_that_no_request_has(index: int) -> None:
    """``:status`` and ``transfer-encoding`` are malformed by their index and by their name."""
    decoder = Decoder()
    assert decoder.decode(bytes((0x80 | index, 0x40 | index, 1, 65, 0xBE))) == [None] * 3
    assert decoder.size_bytes == (7 if index < 57 else 17) + 1 + 32


def test_the_name_of_a_malformed_entry() -> None:
    """An entry whose value was malformed lends its name; one whose name was makes more of them."""
    decoder = Decoder()
    assert decoder.decode(literal(b"a", b"\n") + literal(b"B", b"1")) == [None, None]
    # By their indices: both; the name "B", a second time; the name "a", which now has index 64.
    assert decoder.decode(b"\xbe\xbf\x7e\x011\x7f\x01\x012") == [None, None, None, ("a", "2")]
    # The malformed "a" has index 65 now, with "B" twice before it.
    assert decoder.decode(b"\x0f\x32\x013\x0f\x30\x014\x0f\x31\x015\x7f\x02\x016\xbe") == [
        ("a", "3"),
        None,
        None,
        ("a", "6"),
        ("a", "6"),
    ]
    assert decoder.decode(literal(b"te", b"trailers") + b"\x7e\x03abc" + b"\x7e\x08trailers") == [
        ("te", "trailers"),
        None,
        ("te", "trailers"),
    ]


def test_malformed_entries_leave_in_their_turn() -> None:
    """Valid and malformed entries count alike, and the oldest one goes first."""
    decoder = Decoder(100)
    decoder.decode(literal(b"A", b"") + literal(b"b", b"") + literal(b"c", b"\n"))
    assert (decoder.table[62:], decoder.size_bytes) == ([None, ("b", ""), None], 100)
    assert decoder.decode(literal(b"d", b"") + b"\xbe\xbf\xc0") == [
        ("d", ""),
        ("d", ""),
        None,
        ("b", ""),
    ]
    assert decoder.decode(b"\x7f\x00\x011" + b"\xbe") == [("c", "1"), ("c", "1")]
    assert decoder.decode(b"\x20") == []
    assert (decoder.table[62:], decoder.size_bytes, decoder.malformed) == ([], 0, {})


@pytest.mark.parametrize("value", [b"1" * 68, b"\n" * 68], ids=["valid", "malformed"])
def test_an_entry_that_is_larger_than_the_table(value: bytes) -> None:
    """It empties the table and isn't kept, which is no error (RFC 7541 section 4.4)."""
    decoder = Decoder(100)
    decoder.decode(literal(b"a", b"1"))
    decoder.decode(literal(b"b", value))
    assert (decoder.table[62:], decoder.size_bytes, decoder.malformed) == ([], 0, {})
    decoder.decode(literal(b"b", value[1:]))
    assert (len(decoder.table[62:]), decoder.size_bytes) == (1, 100)


def test_size_updates() -> None:
    """A block may begin with two; a smaller table keeps its newest entries."""
    decoder = Decoder()
    decoder.decode(literal(b"a", b"1") + literal(b"b", b"2"))
    assert decoder.decode(b"\x3f\x03\x3f\xe1\x1f\xbe") == [("b", "2")]
    assert (decoder.limit_bytes, decoder.size_bytes) == (4096, 34)
    assert decoder.decode(b"\x20\x3f\xe1\x1f") == []
    assert (decoder.limit_bytes, decoder.size_bytes) == (4096, 0)
    assert decoder.decode(b"\x20" + literal(b"a", b"1")) == [("a", "1")]
    assert (decoder.limit_bytes, decoder.table[62:]) == (0, [])


@pytest.mark.parametrize(
    ("block", "is_kept"),
    [
        (b"", True),
        (b"\x82\xbe", True),
        (b"\x04\x01/", True),
        (b"\x14\x01/", True),
        (b"\x44\x01/", False),
        (b"\x41\x01\n", False),
        (b"\x3f\xe1\x1f\x82", True),
        (b"\x3f\xe0\x1f\x82", False),
        (b"\x20\x3f\xe1\x1f", False),
    ],
)
def test_what_is_known_of_blocks(block: bytes, is_kept: bool) -> None:
    """It is forgotten when the table or its size changes, and else kept."""
    decoder = Decoder()
    decoder.decode(literal(b"a", b"b"))
    decoder.memo["known"] = True
    insertion_count = decoder.insertion_count
    decoder.decode(block)
    assert bool(decoder.memo) == is_kept
    assert (decoder.insertion_count > insertion_count) == (block[:1] in (b"D", b"A"))


def test_a_bomb_makes_references() -> None:
    """64 KiB of indices to an entry of 4 KB are as many references, and no copies."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x7f\xc0\x1e" + b"b" * 4031)
    tracemalloc.start()
    try:
        found = decoder.decode(b"\xbe" * 65_536)
        mixed = decoder.decode(b"\x82\x04\x01/" + b"\xbe" * 65_535)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 65_536
    assert len({id(field) for field in found}) == 1
    assert len({id(field) for field in mixed}) == 3
    assert taken < 3 * 2**20


def test_a_block_has_so_many_fields_that_are_spelled() -> None:
    """One literal more ends the connection; it would cost a microsecond for two bytes."""
    decoder = Decoder(field_limit=100)
    assert len(decoder.decode(b"\x40\x01a\x00" + b"\x7e\x00" * 99)) == 100
    assert len(decoder.decode(b"\x7e\x00" + b"\xbe" * 1000)) == 1001
    for block in (b"\x7e\x00" * 101, b"\xbe" * 100 + b"\x7e\x00"):
        with pytest.raises(ConnectionFailure) as raised:
            decoder.decode(block)
        assert raised.value.code is ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(("name", "valid"), [(b"a", True), (b"te", False), (b"A", False)])
@pytest.mark.parametrize("kind", [0x00, 0x10, 0x40])
def test_empty_values(name: bytes, valid: bool, kind: int) -> None:
    """They are values, but for a field that must have another one, as code of Huffman too."""
    for value in (b"\x00", b"\x80"):
        block = bytes((kind, len(name))) + name + value
        assert Decoder().decode(block) == [(name.decode(), "") if valid else None]
