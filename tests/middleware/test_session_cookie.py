"""`SessionCookie`: what a signed cookie says, and what browsers keep of it."""

import re
import sys
from base64 import b85encode
from hashlib import sha512
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hump_trio import Response
from hump_trio.middleware.session_cookie import COOKIE_BYTES, SessionCookie, Ticket
from tests.middleware.onion import a_request
from tests.middleware.visitor import NEW, OLD, Wall, wall

__all__ = ["wall"]  # a fixture

NOISE = b85encode(b"".join(sha512(bytes([each])).digest() for each in range(60))).decode()


def a_cookie(*secrets: str, **options: Any) -> SessionCookie:
    """Return what reads and sets a cookie."""
    given: dict[str, Any] = {"max_age": 100, "idle": 50, "kind": "data", "name": "session"}
    given |= {"domain": None, "same_site": "lax", **options}
    return SessionCookie(secrets or [NEW], **given)


def set_by(cookie: SessionCookie, ticket: Ticket) -> str:
    """Return the ``Set-Cookie`` of an answer with a ticket."""
    response = Response("text")
    cookie.set(a_request(), response, ticket)
    [value] = response.headers.get_all("set-cookie")
    return value


def read_back(cookie: SessionCookie, value: str) -> Ticket | None:
    """Return what the next request says."""
    return cookie.read(a_request(headers={"cookie": value.partition(";")[0]}))


@pytest.mark.parametrize("held", ["id", {}, {"a": [1, None, "\U0001f375", "\ud800"]}])
def test_a_ticket_comes_back(held: Any, wall: Wall) -> None:
    """As it was, until the first of its times is over."""
    cookie, begun = a_cookie(), int(wall.now)
    for seen, seconds in ((begun, 50), (begun + 30, 50), (begun + 80, 20)):
        ticket = Ticket(begun, seen, held)
        value = set_by(cookie, ticket)
        assert f"; Max-Age={seconds};" in value
        wall.now = seen + seconds - 0.5
        assert read_back(cookie, value) == ticket
        wall.now = seen + seconds
        assert read_back(cookie, value) is None


@pytest.mark.parametrize(
    "other", [{"secrets": OLD}, {"name": "other"}, {"kind": "id"}, {"secrets": NEW[1:] + NEW[:1]}]
)
def test_another_reads_nothing(other: dict[str, Any], wall: Wall) -> None:
    """Of another secret, name or kind."""
    ticket = Ticket(int(wall.now), int(wall.now), "held")
    _, _, value = set_by(a_cookie(), ticket).partition("=")
    secret = other.pop("secrets", NEW)
    cookie = a_cookie(secret, **other)
    assert read_back(cookie, f"{other.get('name', 'session')}={value}") is None


@given(
    st.text(
        st.characters(min_codepoint=32, max_codepoint=255, exclude_characters=";\x7f"), max_size=50
    )
)
@example(".")
@example("..")
@example("." * 5000)
@example(".eJwDAAAAAAE.x")
@example("W10.")
@example("\xff.\xfe")
def test_what_nobody_has_signed_is_nothing(text: str) -> None:
    """Whatever the bytes, without an error."""
    for value in (text, f".{text}", f"{text}.{text}", f"{text}.Ln1XiaXH-TG8jSQr20S8j0Mu3Vc7"):
        assert read_back(a_cookie(), f"session={value}") is None


def test_the_longest_cookie(wall: Wall) -> None:
    """What browsers keep is set, to the last byte; one more is refused, with the size."""
    cookie, refused, sizes = a_cookie(), "", list[int]()
    for length in count(2900):
        ticket = Ticket(int(wall.now), int(wall.now), NOISE[:length])
        try:
            pair = set_by(cookie, ticket).partition(";")[0]
        except ValueError as error:
            refused = str(error)
            break
        sizes.append(len(pair))
        assert read_back(cookie, pair) == ticket
    assert COOKIE_BYTES - 4 < max(sizes) <= COOKIE_BYTES
    assert re.match(r"the session takes a cookie of 4,09[4-7] bytes", refused)
    assert refused.endswith("or give Sessions a store=")


def test_a_request_without_cookies_costs_nothing() -> None:
    """Its headers aren't even made."""
    assert a_cookie().read(a_request()) is None


def test_an_ended_cookie_has_the_attributes_of_a_set_one() -> None:
    """Or browsers wouldn't take it where they have taken that: in a frame of another site."""
    response = Response("text")
    a_cookie(same_site="none", domain="shop.example").end(a_request(), response)
    [value] = response.headers.get_all("set-cookie")
    expected = "session=; Max-Age=0; Path=/; Domain=shop.example; SameSite=None; Secure; HttpOnly"
    assert value == expected


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said where the middleware is made."""
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    with pytest.raises(TypeError, match=r"pip install 'hump-trio\[sessions\]'"):
        a_cookie()
