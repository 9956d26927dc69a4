"""What a request is made of (RFC 9113 section 8), and that a malformed one reaches nobody."""

import pytest
from trio.testing import MockClock

from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import Framed
from tests.support.frames import Peer, data, speak

PROTOCOL = ErrorCode.PROTOCOL_ERROR

GOOD = {":method": "GET", ":scheme": "http", ":authority": "a", ":path": "/"}


def good(**changes: str | None) -> list[tuple[str, str]]:
    """Return the pseudo-fields of a request, some of them changed or left out."""
    head = GOOD | {f":{name}": value for name, value in changes.items()}
    return [(name, value) for name, value in head.items() if value is not None]


MALFORMED: list[tuple[str, list[tuple[str, str]]]] = [
    ("8.2 a name in upper case", [*good(), ("X-Upper", "y")]),
    ("8.2 a name in part in upper case", [*good(), ("x-Upper", "y")]),
    ("8.2.1 a name with a blank", [*good(), ("x y", "z")]),
    ("8.2.1 a name with a colon", [*good(), ("x:y", "z")]),
    ("8.2.1 a name with a control byte", [*good(), ("x\x01", "z")]),
    ("8.2.1 a name with a line end", [*good(), ("x\r\ny", "z")]),
    ("8.2.1 a name past ASCII", [*good(), ("x\xe9", "z")]),
    ("8.2.1 a name with DEL", [*good(), ("x\x7f", "z")]),
    ("8.2.1 no name", [*good(), ("", "z")]),
    ("8.2.1 a value with NUL", [*good(), ("x", "a\0b")]),
    ("8.2.1 a value with CR", [*good(), ("x", "a\rb")]),
    ("8.2.1 a value with LF", [*good(), ("x", "a\nb")]),
    ("8.2.1 a request in a value", [*good(), ("x", "a\r\n\r\nGET /evil HTTP/1.1\r\nhost: a")]),
    ("8.2.1 a value that begins with a blank", [*good(), ("x", " a")]),
    ("8.2.1 a value that ends with a blank", [*good(), ("x", "a ")]),
    ("8.2.1 a value that begins with a tab", [*good(), ("x", "\ta")]),
    ("8.2.1 a value that is a blank", [*good(), ("x", " ")]),
    ("8.2.2 connection", [*good(), ("connection", "close")]),
    ("8.2.2 connection that keeps", [*good(), ("connection", "keep-alive")]),
    ("8.2.2 keep-alive", [*good(), ("keep-alive", "5")]),
    ("8.2.2 proxy-connection", [*good(), ("proxy-connection", "close")]),
    ("8.2.2 transfer-encoding", [*good(method="POST"), ("transfer-encoding", "chunked")]),
    ("8.2.2 upgrade", [*good(), ("upgrade", "websocket")]),
    ("8.2.2 te of anything", [*good(), ("te", "gzip")]),
    ("8.2.2 te of trailers and more", [*good(), ("te", "trailers, gzip")]),
    ("8.3 an unknown pseudo-field", [*good(), (":unknown", "x")]),
    ("8.3 that of an answer", [*good(), (":status", "200")]),
    ("8.3 a pseudo-field behind others", [*good(path=None), ("x", "y"), (":path", "/")]),
    ("8.3 an empty pseudo-field", [*good(), (":", "x")]),
    ("8.3.1 :method left out", good(method=None)),
    ("8.3.1 :scheme left out", good(scheme=None)),
    ("8.3.1 :path left out", good(path=None)),
    ("8.3.1 :method twice", [*good(), (":method", "GET")]),
    ("8.3.1 :scheme twice", [*good(), (":scheme", "http")]),
    ("8.3.1 :path twice", [*good(), (":path", "/evil")]),
    ("8.3.1 :authority twice", [*good(), (":authority", "a")]),
    ("8.3.1 an empty :path", good(path="")),
    ("8.3.1 a :path without a slash", good(path="evil")),
    ("8.3.1 a :path that is a URL", good(path="http://b/")),
    ("8.3.1 a :path with a blank", good(path="/ evil")),
    ("8.3.1 a :path with a control byte", good(path="/\x01")),
    ("8.3.1 a :path with a line end", good(path="/ HTTP/1.1\r\nx: y")),
    ("8.3.1 a :path past ASCII", good(path="/\xe9")),
    ("8.3.1 * for another method", good(path="*")),
    ("8.3.1 an empty :method", good(method="")),
    ("8.3.1 a :method with a blank", good(method="GET /evil")),
    ("8.3.1 an empty :scheme", good(scheme="")),
    ("8.3.1 another :scheme", good(scheme="ftp")),
    ("8.3.1 a :scheme with a line end", good(scheme="http\r\n")),
    ("8.3.1 no authority at all", good(authority=None)),
    ("8.3.1 an empty :authority", good(authority="")),
    ("8.3.1 a user in the authority", good(authority="user@a")),
    ("8.3.1 a blank in the authority", good(authority="a b")),
    ("8.3.1 a path in the authority", good(authority="a/evil")),
    ("8.3.1 a port that is none", good(authority="a:80x")),
    ("8.3.1 host of another name", [*good(), ("host", "b")]),
    ("8.3.1 host twice", [*good(authority=None), ("host", "a"), ("host", "a")]),
    ("8.3.1 host twice, once another", [*good(), ("host", "a"), ("host", "b")]),
    ("8.3.1 a bad host alone", [*good(authority=None), ("host", "user@a")]),
    ("8.1.1 two lengths", [*good(), ("content-length", "0"), ("content-length", "0")]),
    ("8.1.1 two other lengths", [*good(), ("content-length", "0"), ("content-length", "1")]),
    ("8.1.1 a length that is none", [*good(), ("content-length", "+0")]),
    ("8.1.1 a list of lengths", [*good(), ("content-length", "0, 0")]),
    ("8.1.1 an empty length", [*good(), ("content-length", "")]),
    ("8.1.1 a negative length", [*good(), ("content-length", "-1")]),
    ("8.1.1 a length and no body", [*good(method="POST"), ("content-length", "5")]),
    ("8.5 CONNECT with a path", good(method="CONNECT")),
    ("8.5 CONNECT without a host", good(method="CONNECT", scheme=None, path=None, authority=None)),
    ("8441 4 a protocol without CONNECT", [*good(), (":protocol", "websocket")]),
    ("8441 4 a WebSocket without a path",
     [*good(method="CONNECT", path=None), (":protocol", "websocket")]),
    ("9110 9.3.6 a WebSocket with a length",
     [*good(method="CONNECT"), (":protocol", "websocket"), ("content-length", "0")]),
]  # fmt: skip


def head(peer: Peer, stream_id: int, fields: list[tuple[str, str]], *, end: bool = True) -> bytes:
    """Return the frames of any fields; what is past ASCII is sent as Latin-1."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return peer.heads(stream_id, peer.encoder.encode(raw), end=end)


@pytest.mark.parametrize("fields", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
async def test_a_malformed_request_ends_its_stream_alone(
    fields: list[tuple[str, str]], autojump_clock: MockClock
) -> None:
    """No handler hears of it, and the next request on the connection is answered.

    What it has added to the table is there for that one (RFC 9113 section 4.3).
    """
    framed = Framed()
    async with speak(framed.app) as peer:
        marker = ("x-marker", "kept in the table")
        await peer.send(head(peer, 1, [*fields, marker]))
        await peer.expect_reset(1, PROTOCOL)
        assert not framed.seen
        assert peer.answers[1].status == 0
        answer = await peer.ask(3, marker, path="/head")
        assert '["x-marker","keptinthetable"]' in answer.text.replace(" ", "")
    assert framed.seen == ["/head"]


@pytest.mark.parametrize(
    "fields", [row[1] for row in MALFORMED[:20]], ids=[row[0] for row in MALFORMED[:20]]
)
async def test_so_does_one_whose_body_is_on_its_way(
    fields: list[tuple[str, str]], autojump_clock: MockClock
) -> None:
    """The rest of it is passed over."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(head(peer, 1, fields, end=False), data(1, b"abc"), data(1, end=True))
        await peer.expect_reset(1, PROTOCOL)
        assert (await peer.ask(3)).text == "hello"
    assert framed.seen == ["/"]


TRAILERS: list[tuple[str, list[tuple[str, str]]]] = [
    ("8.1 a pseudo-field", [(":method", "GET")]),
    ("8.1 a pseudo-field behind others", [("x", "y"), (":path", "/")]),
    ("8.2 a name in upper case", [("X", "y")]),
    ("8.2.1 a value with a line end", [("x", "a\r\nb")]),
    ("8.2.2 connection", [("connection", "close")]),
    ("8.2.2 transfer-encoding", [("transfer-encoding", "chunked")]),
    ("9110 6.5.1 content-length", [("content-length", "3")]),
    ("9110 6.5.1 host", [("host", "a")]),
]


@pytest.mark.parametrize("fields", [row[1] for row in TRAILERS], ids=[row[0] for row in TRAILERS])
async def test_malformed_trailers_end_the_stream(
    fields: list[tuple[str, str]], autojump_clock: MockClock
) -> None:
    """A handler that waits for the body isn't begun, or is told that no more comes."""
    framed = Framed()
    for path in ("/", "/stream"):
        async with speak(framed.app) as peer:
            await peer.send(peer.head(1, method="POST", path=path, end=False), data(1, b"abc"))
            await peer.frames()
            await peer.send(head(peer, 1, fields))
            await peer.expect_reset(1, PROTOCOL)
            assert peer.answers[1].status == 0
            assert (await peer.ask(3)).text == "hello"
            assert framed.running == 0
    assert framed.seen == ["/", "/stream", "/"]


# A length, and the parts that come; the last one ends the body.
LENGTHS = [("5", [b""]), ("5", [b"abcd"]), ("5", [b"abcdef"]), ("5", [b"abc", b"def"])]
LENGTHS += [("5", [b"abc", b"d", b""]), ("0", [b"a"]), ("0", [b"", b"a"])]


@pytest.mark.parametrize(("length", "parts"), LENGTHS)
@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_body_of_another_length_ends_its_stream(
    path: str, length: str, parts: list[bytes], autojump_clock: MockClock
) -> None:
    """More or less than was said (RFC 9113 section 8.1.1); it is never answered as if whole."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(
            peer.head(1, ("content-length", length), method="POST", path=path, end=False)
        )
        await peer.frames()
        await peer.send(*(data(1, part) for part in parts[:-1]), data(1, parts[-1], end=True))
        await peer.expect_reset(1, PROTOCOL)
        assert peer.answers[1].status == 0
        assert (await peer.ask(3)).text == "hello"
        assert framed.running == 0


WHOLE = [[b"abcde"], [b"ab", b"", b"cde"], [b"abcde", b""], [b""], [b"", b""]]


@pytest.mark.parametrize("parts", WHOLE)
@pytest.mark.parametrize("with_length", [True, False])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_body_of_the_length_that_was_said(
    path: str, together: bool, with_length: bool, parts: list[bytes], autojump_clock: MockClock
) -> None:
    """Or of one that wasn't: in one part or many, with the head or later, and none is awaited."""
    body = b"".join(parts)
    length = [("content-length", str(len(body)))] if with_length else []
    async with speak(Framed().app) as peer:
        frames = [
            peer.head(1, *length, method="POST", path=path, end=False),
            *(data(1, part) for part in parts[:-1]),
            data(1, parts[-1], end=True),
            peer.head(3),
        ]
        for some in [frames] if together else [[each] for each in frames]:
            await peer.send(*some)
            await peer.frames()
        text = (await peer.answer(1)).text.replace(" ", "")
        assert (
            f'"bytes":{len(body)}' if path == "/stream" else f'"body":"{body.decode()}"'
        ) in text
        assert (await peer.answer(3)).text == "hello"


# What is unusual and yet well-formed, and the status that it gets.
UNUSUAL: list[tuple[str, list[tuple[str, str]], int]] = [
    ("8.2.2 te of trailers", [*good(), ("te", "trailers")], 200),
    ("8.2.1 a value past ASCII", [*good(), ("x", "\xe9")], 200),
    ("8.2.1 a value with a tab within", [*good(), ("x", "a\tb")], 200),
    ("8.2.1 an empty value", [*good(), ("x", "")], 200),
    ("8.3.1 host instead of :authority", [*good(authority=None), ("host", "a")], 200),
    ("8.3.1 host that is the same", [*good(), ("host", "a")], 200),
    ("8.3.1 host that differs in case", [*good(authority="EXAMPLE.com"), ("host", "example.COM")],
     200),
    ("8.3.1 pseudo-fields in another order", good()[::-1], 200),
    ("8.3.1 * for OPTIONS", good(method="OPTIONS", path="*"), 204),
    ("8.3.1 https over this connection", good(scheme="https"), 200),
    ("8.3.1 an authority with a port", good(authority="[::1]:8080"), 200),
    ("8.3.1 a query", good(path="/?a=b&c=%20"), 200),
    ("8.1.1 a length of nothing", [*good(method="POST"), ("content-length", "0")], 200),
    ("8.5 CONNECT", good(method="CONNECT", scheme=None, path=None, authority="a:80"), 501),
    ("8441 4 CONNECT of a protocol that nobody speaks",
     [*good(method="CONNECT"), (":protocol", "unknown")], 501),
    ("8441 5 a WebSocket whose client has ended its half",
     [*good(method="CONNECT"), (":protocol", "websocket")], 400),
    ("9110 9 an unknown method", good(method="BREW"), 501),
    ("9110 15.5.6 a method that the path hasn't", good(method="DELETE"), 405),
    ("9110 15.5.5 a path that leads nowhere", good(path="/nowhere"), 404),
    ("9110 10.1.1 another expectation", [*good(), ("expect", "tea")], 417),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status"), [row[1:] for row in UNUSUAL], ids=[row[0] for row in UNUSUAL]
)
async def test_what_is_unusual_is_answered(
    fields: list[tuple[str, str]], status: int, autojump_clock: MockClock
) -> None:
    """As HTTP/1.1 answers it; and the connection goes on."""
    async with speak(Framed().app) as peer:
        await peer.send(head(peer, 1, fields))
        answer = await peer.answer(1)
        assert (answer.status, answer.ended, answer.reset) == (status, True, None)
        assert (await peer.ask(3)).text == "hello"


async def test_crumbs_are_one_cookie(autojump_clock: MockClock) -> None:
    """In their order (RFC 9113 section 8.2.3), at the place of the first one."""
    async with speak(Framed().app) as peer:
        fields = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")]
        text = (await peer.ask(1, *fields, path="/head")).text
    assert text.count("cookie") == 1
    assert "a=1; b=2; c=3" in text


async def test_an_answer_has_no_field_of_a_connection(autojump_clock: MockClock) -> None:
    """Whatever way it goes out (RFC 9113 section 8.2.2)."""
    async with speak(Framed().app) as peer:
        await peer.ask(1)
        await peer.ask(3, path="/nowhere")
        await peer.ask(5, path="/large", method="HEAD")
        await peer.send(peer.head(7, ("A", "b")), peer.head(9, ("x", "y" * 40_000)))
        await peer.frames()
        for answer in peer.answers.values():
            names = set(answer.headers)
            assert not names & {"connection", "transfer-encoding", "keep-alive", "upgrade"}
        assert peer.answers[5].headers["content-length"] == "200000"
        assert not peer.answers[5].body


async def test_an_early_answer_wants_no_more_of_the_body(autojump_clock: MockClock) -> None:
    """The answer is whole, and then the stream is reset without an error (section 8.1)."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, method="POST", path="/nowhere", end=False), data(1, b"abc"))
        answer = await peer.answer(1)
        assert (answer.status, answer.ended, answer.reset) == (404, True, ErrorCode.NO_ERROR)
        length = ("content-length", str(2**40))
        await peer.send(peer.head(3, length, method="POST", end=False))
        answer = await peer.answer(3)
        assert (answer.status, answer.ended, answer.reset) == (413, True, ErrorCode.NO_ERROR)
        assert (await peer.ask(5)).text == "hello"


async def test_a_client_that_waits_for_a_100_gets_it(autojump_clock: MockClock) -> None:
    """As soon as its body is wanted, and not if it isn't."""
    expect = ("expect", "100-continue")
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, expect, method="POST", end=False))
        assert (await peer.answer(1)).informational == [100]
        await peer.send(data(1, b"abc", end=True))
        assert (await peer.answer(1)).status == 200
        await peer.send(peer.head(3, expect, method="POST", path="/nowhere", end=False))
        answer = await peer.answer(3)
        assert (answer.informational, answer.status) == ([], 404)
