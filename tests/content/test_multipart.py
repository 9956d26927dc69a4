"""The grammar of forms with files: what clients send, what is refused, in pieces of any size."""

import sys
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.content.disposition import make_safe
from hump_trio.content.multipart import PREAMBLE_BYTES, MultipartParser, PartHead, parse_boundary
from hump_trio.facts.exceptions import HttpException
from tests.support.forms import CLIENTS, TYPE, SentPart, encode_form, encode_part

GOOD = encode_part("a", b"1")
END = b"--b--\r\n"


def pieces(data: bytes, byte_count: int) -> Iterator[bytes]:
    """Yield some bytes in pieces of one size."""
    for at in range(0, len(data), byte_count):
        yield data[at : at + byte_count]


def parse(parts: Iterable[bytes], content_type: str = TYPE, limit: int = 10) -> list[SentPart]:
    """Return the parts that a body in pieces has."""
    parser = MultipartParser(content_type, limit)
    found: list[SentPart] = []
    head = PartHead("", None, "", 0)
    content = bytearray()
    for data in parts:
        for event in parser.parse(data):
            if isinstance(event, PartHead):
                head = event
                content.clear()
            elif event is None:
                found.append((head.name, head.filename, head.content_type, bytes(content)))
            else:
                content += event
    parser.close()
    return found


def outcome(parts: Iterable[bytes]) -> object:
    """Return the parts, or the status of what is raised."""
    try:
        return parse(parts)
    except HttpException as error:
        return error.status


@pytest.mark.parametrize("client", CLIENTS)
def test_what_clients_send(client: str) -> None:
    """The bytes of browsers and others, whole and byte by byte."""
    content_type, body, parts = CLIENTS[client]
    assert parse([body], content_type) == parts
    assert parse(pieces(body, 1), content_type) == parts


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--b", b"\r\n--", b"b", b"\r\n--a"])).map(
        b"".join
    ),
).filter(lambda content: b"\r\n--b" not in b"\r\n" + content)


@given(
    st.lists(st.tuples(NAMES, st.none() | NAMES, st.just("a/b"), CONTENTS), max_size=5),
    st.lists(st.integers(1, 60), min_size=1),
)
def test_any_form_in_any_pieces_is_read_as_it_was_written(
    parts: list[SentPart], sizes: list[int]
) -> None:
    """Names, types and contents come back, wherever the bytes were cut."""
    sent = [
        (name.replace("%22", ""), filename and filename.replace("%22", ""), kind, content)
        for name, filename, kind, content in parts
    ]
    body = encode_form(sent)
    cut: list[bytes] = []
    for at in range(len(body)):
        size = sizes[at % len(sizes)]
        cut.append(body[:size])
        body = body[size:]
    expected = [
        (name, filename and make_safe(filename), kind, content)
        for name, filename, kind, content in sent
    ]
    assert parse(cut) == expected


TOKENS = [b"\r\n", b"--b", b"--", b"\r", b"\n", b"b", b"A: ", b"\r\n\r\n", b" ", b":", b"-", b"\0"]


@given(
    st.integers(0, 150),
    st.lists(st.sampled_from([*TOKENS, b"Content-Disposition: form-data; name=a"]), max_size=8),
    st.integers(0, 10),
    st.integers(1, 9),
)
def test_bytes_are_read_alike_in_any_pieces(
    at: int, tokens: list[bytes], dropped: int, size: int
) -> None:
    """Whatever was changed in a form: the same parts or the same refusal, never anything else."""
    form = encode_form([("a", None, "", b"1"), ("b", "c", "d/e", b"2")])
    body = form[:at] + b"".join(tokens) + form[at + dropped :]
    whole = outcome([body])
    assert isinstance(whole, list) or whole == 400
    assert outcome(pieces(body, size)) == whole


@given(st.lists(st.binary()))
def test_random_bytes_are_no_form(parts: list[bytes]) -> None:
    """They are refused with 400."""
    assert outcome(parts) == 400


@pytest.mark.parametrize(
    ("body", "contents"),
    [
        (END, []),
        (b"--b--", []),
        (GOOD + END + b"an epilogue", [b"1"]),
        (GOOD + END + GOOD, [b"1"]),
        (encode_part("a", b"") + END, [b""]),
        (encode_part("a", b"\r\n") + END, [b"\r\n"]),
        (encode_part("a", b"--b") + END, [b"--b"]),
        (encode_part("a", b"\r\n--c") + END, [b"\r\n--c"]),
        (GOOD + GOOD.replace(b"--b\r", b"--b \t\r") + END, [b"1", b"1"]),
        (GOOD.replace(b"--b\r", b"--b \t\r") + END, 400),
        (GOOD + GOOD, 400),
        (GOOD + b"--b-", 400),
        (GOOD + b"--b\r\n", 400),
        (GOOD + b"--b\r\n--b--", 400),
        (b"", 400),
        (b"--", 400),
        (b"\r\n" + GOOD + END, [b"1"]),
        (b"\r\n\r\n" + GOOD + END, [b"1"]),
        (b"a preamble\r\n" + GOOD + END, [b"1"]),
        (b"a preamble\r\n\r\nof two lines\r\n" + END, []),
        (b"--c\r\n" + GOOD + END, [b"1"]),
        (b"a" * (PREAMBLE_BYTES - 2) + b"\r\n" + GOOD + END, [b"1"]),
        (b"a" * (PREAMBLE_BYTES - 1) + b"\r\n" + GOOD + END, 400),
        (b"a" * 5000 + GOOD + END, 400),
        (b"-" + GOOD + END, 400),
        (b"\n" + GOOD + END, 400),
        (b"a preamble with --b\r\n" + GOOD + END, 400),
        (b"a preamble", 400),
        (GOOD.replace(b"\r\n", b"\n") + b"--b--\n", 400),
        (GOOD.replace(b"--b\r\n", b"--b\n") + END, 400),
    ],
)
def test_the_frame(body: bytes, contents: list[bytes] | int) -> None:
    """It has a first boundary, which begins a line, and a last one.

    What follows is skipped, and what comes before up to a kilobyte. Blanks may follow a boundary
    between parts, line ends are CR LF.
    """
    for size in (1, 2, 7, 1000):
        found = outcome(pieces(body, size))
        if isinstance(found, list):
            found = [content for *_, content in found]
        assert found == contents


DISPOSITION = b'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Content-Type: text/plain",
        b"Content-Disposition",
        b": form-data; name=a",
        b"Content-Disposition : form-data; name=a",
        b" Content-Disposition: form-data; name=a",
        b"Content-Disposition: form-data",
        b"Content-Disposition: form-data; filename=a",
        b"Content-Disposition: attachment; name=a",
        b"Content-Disposition: form-data; name=a; name=b",
        b'Content-Disposition: form-data; name="a',
        b'Content-Disposition: form-data; name="a"b',
        b'Content-Disposition: form-data; name=a b; c"',
        b"Content-Disposition: form-data, name=a",
        b"Content-Disposition: form-data; name=",
        b"Content-Disposition: form-data; name=a; filename*=utf-8''%ff",
        b"Content-Disposition: form-data; name=a; filename*=utf-7''b",
        b"Content-Disposition: form-data; name=a; filename*=b",
        b'Content-Disposition: form-data; name="a\\"; filename="b',
        b'Content-Disposition: form-data; name="a"; filename="b" c"',
        b'Content-Disposition: form-data; name="a"\r\nContent-Type: \xff',
        b'Content-Disposition: form-data; name="\xff"',
        b'Content-Disposition: form-data; name="a\0"',
        b'Content-Disposition: form-data; name="a\rb"',
        b'Content-Disposition: form-data; name="a\nContent-Type: b"',
        b'Content-Disposition: form-data; name="a";\r\n filename="b"',
        DISPOSITION + b"\r\n" + DISPOSITION,
        DISPOSITION + b"\r\nContent-Type: a/b\r\ncontent-type: c/d",
        DISPOSITION + b"\r\nContent-Type: multipart/mixed; boundary=c",
        DISPOSITION + b"\r\nContent-Transfer-Encoding: base64",
        DISPOSITION + b"\r\nContent-Transfer-Encoding: quoted-printable",
        DISPOSITION + b"\r\nA: " + b"a" * 5000,
        DISPOSITION + b"\r\n" + b"a" * 5000 + b": a",
        DISPOSITION + b"\r\nA: " + b"a" * 2500 + b"\r\nB: " + b"b" * 2500,
        DISPOSITION + b"".join(b"\r\nA%d: a" % number for number in range(8)),
    ],
)
def test_the_head_of_a_part(head: bytes) -> None:
    """400 for what is malformed, repeated, folded, too much, encoded, or not a field of a form."""
    body = b"--b\r\n" + head + b"\r\n\r\n1\r\n" + END
    for size in (1, 7, 10_000):
        assert outcome(pieces(body, size)) == 400


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=b", "b"),
        ('Multipart/Form-Data ;charset=utf-8; Boundary="a b"', "a b"),
        ("multipart/form-data; boundary=a/b:c=?", "a/b:c=?"),
        (f"multipart/form-data; boundary={'-' * 70};", "-" * 70),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary=""', 400),
        ('multipart/form-data; boundary="a "', 400),
        (f"multipart/form-data; boundary={'-' * 71}", 400),
        ("multipart/form-data; boundary=a; boundary=b", 400),
        ("multipart/form-data; boundary=a b", 400),
        ("multipart/form-data; boundary=a\xe4", 400),
        ('multipart/form-data; boundary="a\t"', 400),
        ("", 415),
        ("multipart/mixed; boundary=b", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data, text/plain", 415),
    ],
)
def test_boundaries(content_type: str, boundary: str | int) -> None:
    """One of at most 70 characters (RFC 2046), quoted or not; 415 for another type."""
    found: str | int
    try:
        found = parse_boundary(content_type)
    except HttpException as error:
        found = error.status
    assert found == boundary


def test_too_many_parts() -> None:
    """413 with the first one too many, before anything is made of it."""
    assert len(parse([GOOD * 10 + END])) == 10
    with pytest.raises(HttpException, match="413 the form has more than 10 parts"):
        parse([GOOD * 11])


def test_bad_bytes_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever can send them can't fill a disk with lines about them."""
    assert outcome([b"--c"]) == 400
    assert not caplog.records


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TypeError that names what to install."""
    monkeypatch.setitem(sys.modules, "python_multipart.multipart", None)
    with pytest.raises(TypeError, match=r"pip install 'hump-trio\[multipart\]'"):
        MultipartParser(TYPE, 1)
