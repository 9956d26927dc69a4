"""What is to be listened on, as texts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.listening.bind import (
    Bind,
    check_binds,
    check_host,
    check_port,
    join_bind,
    parse_bind,
)

GOOD: dict[str, dict[str, Any]] = {
    "127.0.0.1:8000": {"host": "127.0.0.1", "port": 8000},
    "localhost:0": {"host": "localhost", "port": 0},
    "[::1]:80": {"host": "::1", "port": 80},
    "[fe80::1%eth0]:65535": {"host": "fe80::1%eth0", "port": 65535},
    ":80": {"host": "", "port": 80},
    "*:80": {"host": "", "port": 80},
    "http://*:80": {"scheme": "http", "host": "", "port": 80},
    "http://[::]:80": {"scheme": "http", "host": "::", "port": 80},
    "https://example.org:443": {"scheme": "https", "host": "example.org", "port": 443},
    "systemd:80": {"host": "systemd", "port": 80},
    "unix:/run/app.sock": {"path": "/run/app.sock"},
    "unix:app:1.sock": {"path": "app:1.sock"},
    "fd://3": {"descriptor": 3},
    "systemd": {"activated": True},
}

BAD = {
    "": "ends in a port",
    "80": "ends in a port",
    "localhost": "ends in a port",
    "localhost:": "ends in a port",
    "localhost:http": "ends in a port",
    "localhost:65536": "ends in a port",
    "localhost:-1": "ends in a port",
    "localhost: 80": "ends in a port",
    "localhost:٣": "ends in a port",
    "http://localhost:80/": "ends in a port",
    "::1:80": "IPv6 in brackets",
    "tcp://localhost:80": "IPv6 in brackets",
    "unix:": "followed by a path",
    "unix:a\0b": "followed by a path",
    "unix:@app": "an abstract socket has no mode",
    "fd://": "a descriptor's number",
    "fd://x": "a descriptor's number",
    "fd://-1": "a descriptor's number",
    "fd://1234567890": "a descriptor's number",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_written(text: str) -> None:
    """Each form says one thing, and the text stays to be shown in errors."""
    assert parse_bind(text) == Bind(text=text, **GOOD[text])


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_bind(text: str) -> None:
    """An error says what is wrong with it, and shows it."""
    with pytest.raises(ValueError, match=BAD[text]) as caught:
        parse_bind(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("host", ["", "localhost", "::1", "unix", "http", "unix:/a", "[::1]"])
def test_a_host_and_a_port_are_one_bind(host: str) -> None:
    """Whatever the host is called, it comes out of the text as it went in."""
    bind = parse_bind(join_bind(host, 80))
    assert (bind.host, bind.port, bind.scheme) == (host, 80, "")


@given(st.text())
def test_any_text_is_a_bind_or_an_error(text: str) -> None:
    """And what is a bind asks for exactly one thing."""
    try:
        bind = parse_bind(text)
    except ValueError:
        return
    asked = [bind.host, bind.path, bind.descriptor, bind.activated or None]
    assert sum(each is not None for each in asked) == 1


@pytest.mark.parametrize(
    ("binds", "error"),
    [
        ("localhost:80", TypeError),
        (None, TypeError),
        (8000, TypeError),
        ([8000], TypeError),
        ({":80"}, TypeError),
        ([], ValueError),
        ([":80", "x"], ValueError),
    ],
)
def test_binds_are_a_list_of_texts(binds: Any, error: type[Exception]) -> None:
    """Each of which is a bind."""
    with pytest.raises(error):
        check_binds(binds)
    assert check_binds([":80", "unix:a"]) == (":80", "unix:a")


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1", "fe80::1%eth0"])
def test_what_is_a_host(host: str) -> None:
    """A name or an address alone."""
    check_host(host)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (8342, "a host is a str and comes first"),
        ("__main__", "an app needs no name"),
        ("localhost:80", "its port comes second"),
        ("[::1]", "its port comes second"),
        ("http://localhost", "its port comes second"),
        ("unix:/run/app.sock", "takes other forms"),
    ],
)
def test_what_is_no_host(host: Any, message: str) -> None:
    """The error says where what was written belongs."""
    with pytest.raises(ValueError, match=message):
        check_host(host)


@pytest.mark.parametrize("port", [-1, 65536, True, "80", 80.0, None])
def test_what_is_no_port(port: Any) -> None:
    """Whole numbers from 0 to 65535 are."""
    check_port(0)
    check_port(65535)
    with pytest.raises(ValueError, match="a port is a number from 0 to 65535"):
        check_port(port)
