"""Sections of field lines: where they end, which bytes they hold, and their fields."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.http1.memo import ENTRY_COUNT, KEY_LENGTH, Memo
from hump_trio.http1.section import BAD_BYTE, SectionFinder, holds_bad_byte, parse_fields


def test_takes_a_section_without_its_empty_line() -> None:
    """The section comes off the buffer; what follows stays."""
    buffer = bytearray(b"A: b\r\nC: d\r\n\r\nrest")
    assert SectionFinder(100, 431).take(buffer) == b"A: b\r\nC: d"
    assert buffer == b"rest"


def test_waits_for_the_rest() -> None:
    """An incomplete section stays in the buffer and is finished by later bytes."""
    reader, buffer = SectionFinder(100, 431), bytearray(b"A: b\r\n\r")
    assert reader.take(buffer) is None
    assert reader.scanned == 7
    buffer += b"\n"
    assert reader.take(buffer) == b"A: b"
    assert reader.scanned == 0


@pytest.mark.parametrize("status", [431, 400])
def test_a_section_may_fill_its_limit(status: int) -> None:
    """The empty line counts; one byte more is answered with the reader's status."""
    assert SectionFinder(8, status).take(bytearray(b"A: b\r\n\r\n")) == b"A: b"
    for data in (b"A: b\r\n\r\n", b"A: b\r\n\r"):
        with pytest.raises(HttpParserError) as caught:
            SectionFinder(7, status).take(bytearray(data))
        assert caught.value.status == status


@pytest.mark.parametrize(
    "data",
    [b"A\x00", b"A\x01", b"A\x0b", b"A\x1f", b"A\x7f", b"A\n", b"A\rB", b"A\r\r", b"A\r\n\n"],
    ids=ascii,
)
def test_a_hopeless_section_is_not_waited_for(data: bytes) -> None:
    """A byte that no section may hold is refused before the section is complete."""
    with pytest.raises(HttpParserError) as caught:
        SectionFinder(100, 431).take(bytearray(data))
    assert caught.value.status == 400


@settings(max_examples=300)
@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"\t", b" ", b"a", b"\x00", b"\xff"])))
def test_the_fast_check_is_the_plain_one(parts: list[bytes]) -> None:
    """`holds_bad_byte` says what `BAD_BYTE` says of a complete section, which ends in no CR."""
    data = b"a%ba" % b"".join(parts)
    assert holds_bad_byte(data) == bool(BAD_BYTE.search(data))


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_within_a_value(byte: int) -> None:
    """Tab, visible ASCII, space and obs-text pass (RFC 9110 section 5.5); all else is refused."""
    allowed = byte == 0x09 or (byte >= 0x20 and byte != 0x7F)
    assert holds_bad_byte(b"X: a%cb" % byte) != allowed


@pytest.mark.parametrize("byte", range(128))
def test_every_byte_within_a_name(byte: int) -> None:
    """Only tchar may stand in a name (RFC 9110 section 5.6.2)."""
    name = f"X{chr(byte)}Y"
    if chr(byte).isalnum() or chr(byte) in "!#$%&'*+-.^_`|~":
        assert parse_fields([f"{name}: z"], 1, 431) == [(name.lower(), "z")]
    elif chr(byte) == ":":
        assert parse_fields([f"{name}: z"], 1, 431) == [("x", "Y: z")]
    else:
        with pytest.raises(HttpParserError):
            parse_fields([f"{name}: z"], 1, 431)


@pytest.mark.parametrize("line", ["host", "X", "", " X: y", "X : y", ": y", "X\xe4: y"], ids=ascii)
def test_lines_that_are_no_fields(line: str) -> None:
    """No colon, no name, a space before the name or the colon: 400, for a known name too."""
    parse_fields(["host: a"], 1, 431)
    with pytest.raises(HttpParserError) as caught:
        parse_fields([line], 1, 431)
    assert caught.value.status == 400


def test_too_many_fields() -> None:
    """One line past the count is answered with the status asked for."""
    assert len(parse_fields(["X: y"] * 3, 3, 431)) == 3
    with pytest.raises(HttpParserError) as caught:
        parse_fields(["X: y"] * 4, 3, 431)
    assert caught.value.status == 431


def test_hostile_names_do_not_fill_memory() -> None:
    """A memo takes so many names, and none that is long; others are read all the same."""
    memo = Memo()
    long_name = "L" * (KEY_LENGTH + 1)
    assert parse_fields([f"{long_name}: y"], 1, 431, memo) == [(long_name.lower(), "y")]
    assert not memo.names
    for number in range(ENTRY_COUNT + 10):
        assert parse_fields([f"X-{number}: y"], 1, 431, memo) == [(f"x-{number}", "y")]
    assert 0 < len(memo.names) <= ENTRY_COUNT
    parse_fields(["X-Last: y"], 1, 431, memo)
    assert memo.names["X-Last"] == "x-last"


# Filled by the test below, as a server's is by its clients.
USED_MEMO = Memo()


@given(st.from_regex(r"[A-Za-z -]{0,3}(: ?)?[a-z]{0,2}", fullmatch=True))
def test_a_memo_changes_no_reading(line: str) -> None:
    """A line is read, or refused, whatever names came before it."""
    readings = []
    for memo in (Memo(), USED_MEMO, USED_MEMO):
        try:
            readings.append(parse_fields([line], 1, 431, memo))
        except HttpParserError:
            readings.append([])
    assert readings[1:] == readings[:1] * 2
