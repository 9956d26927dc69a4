"""Handshakes, with wsproto's as the good ones."""

import base64

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request

from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.headers import FieldLines
from hump_trio.websocket.handshake import (
    accept_key,
    asks_websocket,
    check_handshake,
    check_version,
    parse_subprotocols,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD: FieldLines = [
    ("host", "server.example"),
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", KEY),
    ("sec-websocket-version", "13"),
]


def changed(name: str, *values: str) -> FieldLines:
    """Return good fields, but for the values of one."""
    return [field for field in GOOD if field[0] != name] + [(name, value) for value in values]


def refusal(
    fields: FieldLines, *, method: str = "GET", version: str = "1.1", has_body: bool = False
) -> HttpException:
    """Return what a handshake is refused with."""
    with pytest.raises(HttpException) as caught:
        check_handshake(fields, method=method, version=version, has_body=has_body)
    return caught.value


def test_the_example_of_the_rfc() -> None:
    """RFC 6455 section 1.3."""
    assert check_handshake(GOOD, method="GET", version="1.1", has_body=False) == KEY
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_wsproto_is_understood_and_understands() -> None:
    """The handshake of another implementation is accepted, and it accepts the answer."""
    client = WSConnection(ConnectionType.CLIENT)
    sent = client.send(Request(host="a", target="/", subprotocols=["chat.v2", "chat.v1"]))
    server = h11.Connection(h11.SERVER)
    server.receive_data(sent)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    fields = [(name.decode(), value.decode()) for name, value in request.headers]
    assert asks_websocket(fields)
    assert parse_subprotocols(fields) == ["chat.v2", "chat.v1"]
    key = check_handshake(fields, method="GET", version="1.1", has_body=False)
    client.receive_data(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: " + accept_key(key).encode() + b"\r\n\r\n"
    )
    (event,) = client.events()
    assert isinstance(event, AcceptConnection)


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        (GOOD, True),
        (changed("connection", "keep-alive, Upgrade"), True),
        (changed("connection", "keep-alive", "UPGRADE"), True),
        (changed("upgrade", "WebSocket"), True),
        (changed("upgrade", "h2c, websocket"), True),
        (changed("connection", "keep-alive"), False),
        (changed("connection"), False),
        (changed("upgrade"), False),
        (changed("upgrade", "h2c"), False),
        (changed("upgrade", "websockets"), False),
        (changed("upgrade", "web socket"), False),
    ],
)
def test_which_requests_ask(fields: FieldLines, asks: bool) -> None:
    """Two fields say so, which may say more (RFC 6455 section 4.2.1)."""
    assert asks_websocket(fields) is asks
    if not asks:
        assert refusal(fields).status == 426


@pytest.mark.parametrize(
    "fields",
    [
        changed("upgrade"),
        *(
            changed("sec-websocket-version", *v)
            for v in [(), ("8",), ("013",), ("13, 8",), ("",), ("13", "13")]
        ),
    ],
)
def test_another_version(fields: FieldLines) -> None:
    """A client learns what is spoken (RFC 6455 section 4.4)."""
    error = refusal(fields)
    assert error.status == 426
    assert dict(error.headers) == {"upgrade": "websocket", "sec-websocket-version": "13"}


def test_the_version_alone() -> None:
    """It is judged alone where a handshake has no key (RFC 8441 section 5)."""
    check_version(changed("sec-websocket-key"))
    with pytest.raises(HttpException, match="426"):
        check_version([])


@pytest.mark.parametrize(
    "keys",
    [
        (),
        (KEY, KEY),
        ("",),
        (KEY[:-1],),
        (KEY + "=",),
        (KEY + "\n",),
        (KEY.replace("==", "A="),),
        (KEY.replace("G", "-"),),
        (KEY.replace("G", "ä"),),
        (base64.b64encode(bytes(15)).decode(),),
        (base64.b64encode(bytes(17)).decode(),),
        (f"{KEY}, {KEY}",),
    ],
)
def test_a_key_that_is_none(keys: tuple[str, ...]) -> None:
    """A key is there once, and is sixteen bytes (RFC 6455 section 4.2.1)."""
    assert refusal(changed("sec-websocket-key", *keys)).status == 400


def test_requests_that_cannot_be_upgraded() -> None:
    """Another method, an older HTTP, and a body, which could be taken for frames."""
    error = refusal(GOOD, method="POST", has_body=True)
    assert error.status == 405
    assert dict(error.headers) == {"allow": "GET"}
    assert refusal(GOOD, version="1.0").status == 400
    assert refusal(GOOD, has_body=True).status == 400


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([], []),
        ([""], []),
        (["chat"], ["chat"]),
        (["b, a", "c"], ["b", "a", "c"]),
        ([" b ,,\ta,"], ["b", "a"]),
        (["chat, Chat"], ["chat", "Chat"]),
    ],
)
def test_subprotocols(values: list[str], names: list[str]) -> None:
    """They are in the client's order, whether in one field or in several."""
    assert parse_subprotocols([("sec-websocket-protocol", value) for value in values]) == names


@pytest.mark.parametrize(
    "value", ["a b", "a, b, a", "a;b", 'a, "b"', "ä", ",".join(map(str, range(101)))]
)
def test_malformed_subprotocols(value: str) -> None:
    """Tokens, each once, and not too many (RFC 6455 section 4.1)."""
    with pytest.raises(HttpException) as caught:
        parse_subprotocols([("sec-websocket-protocol", value)])
    assert caught.value.status == 400


@given(st.lists(st.tuples(st.sampled_from([name for name, _ in GOOD]), st.text(max_size=30))))
def test_any_fields_are_judged(fields: FieldLines) -> None:
    """Whatever is sent, a handshake is refused by an answer or gives its key."""
    found: object
    try:
        found = check_handshake(GOOD + fields, method="GET", version="1.1", has_body=False)
    except HttpException as error:
        found = error.status
    assert found in {KEY, 400, 426}
