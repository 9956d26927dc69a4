"""Tokens, numbers and addresses: what passes for one."""

import json
import math
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.facts.grammar import (
    TOKEN,
    is_integer,
    is_number,
    is_within,
    match_float,
    match_int,
    plain_address,
    plain_path,
)

MARKS = "!#$%&'*+-.^_`|~"


def test_token() -> None:
    """RFC 9110 section 5.6.2: ASCII letters, digits and fifteen marks, one at least."""
    taken = {chr(code) for code in range(0x110000) if TOKEN.fullmatch(chr(code))}
    letters = {chr(code) for code in range(128) if chr(code).isalnum()}
    assert taken == letters | set(MARKS)
    assert TOKEN.fullmatch("x-A1" + MARKS)
    assert not TOKEN.fullmatch("")
    assert not TOKEN.fullmatch("a\n")


@pytest.mark.parametrize(
    ("value", "integer", "number"),
    [
        (0, True, True),
        (-3, True, True),
        (1.5, False, True),
        (math.inf, False, True),
        (True, False, False),
        (False, False, False),
        ("1", False, False),
        (None, False, False),
        (1j, False, False),
    ],
)
def test_numbers(value: object, integer: bool, number: bool) -> None:
    """Python counts True as 1; whoever writes it for a number has mistaken the option."""
    assert is_integer(value) is integer
    assert is_number(value) is number


@pytest.mark.parametrize(
    ("text", "integer", "number"),
    [
        ("0", 0, 0.0),
        ("-7", -7, -7.0),
        ("007", 7, 7.0),
        ("9" * 308, 10**308 - 1, 1e308),
        ("1.50", None, 1.5),
        ("1e3", None, 1000.0),
        ("-2.5E-3", None, -0.0025),
        ("1e-999", None, 0.0),
        *((text, None, None) for text in ("", "x", "-", "+1", "1_0", " 1", "1\n", "\u0661", "0x1")),
        *(
            (text, None, None)
            for text in ("nan", "inf", ".5", "5.", "1e", "1e999", "1e1000", "1,5")
        ),
        ("9" * 310, None, None),
    ],
    ids=ascii,
)
def test_numbers_as_text(text: str, integer: int | None, number: float | None) -> None:
    """A number is written as in JSON, is finite, and has no more digits than a float holds."""
    assert match_int(text) == integer
    assert match_float(text) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_a_number(number: float) -> None:
    """What Python and JSON write of a finite float is read as that float."""
    assert match_float(str(number)) == number
    assert match_float(json.dumps(number)) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("::1", "::1")],
)
def test_plain_address(text: str, expected: str) -> None:
    """An IPv4 address is one in whichever of its two forms it comes."""
    assert plain_address(ip_address(text)) == ip_address(expected)


def test_networks() -> None:
    """A peer is in a network whose address it has, also if it came through an IPv6 socket."""
    networks = [ip_network("10.0.0.0/8"), ip_network("fe80::/10")]
    for host in ("10.1.2.3", "::ffff:10.1.2.3", "fe80::1"):
        assert is_within(host, networks)
    for host in ("11.0.0.1", "::ffff:11.0.0.1", "::1"):
        assert not is_within(host, networks)
    assert not is_within("10.1.2.3", [])


@pytest.mark.parametrize("name", ["/run/app.sock", b"/run/app.sock", "\0app", b"\0app"])
def test_plain_path(name: str | bytes) -> None:
    """A Unix socket has the path of its file; one without a file is written as other tools do."""
    assert plain_path(name) in {"/run/app.sock", "@app"}
