"""The ``Cookie`` and ``Set-Cookie`` fields, judged by the standard library and httpx's jar."""

from datetime import UTC, datetime, timedelta, timezone
from http.cookiejar import Cookie
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, unquote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio import Hump, Request, Response
from hump_trio.messages.cookies import CookieAttributes, encode_cookie, parse_cookies
from hump_trio.testing import client

NAMES = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1)
# RFC 6265 section 4.1.1: cookie-octet.
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='",;\\'))


@given(st.lists(st.tuples(NAMES, VALUES), unique_by=lambda pair: pair[0]))
def test_what_a_user_agent_sends_comes_back(pairs: list[tuple[str, str]]) -> None:
    """The form of RFC 6265 section 4.2.1, in one field or in several."""
    assert parse_cookies(["; ".join(f"{name}={value}" for name, value in pairs)]) == dict(pairs)
    assert parse_cookies([f"{name}={value}" for name, value in pairs]) == dict(pairs)


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        ("a", {}),
        ("=a", {}),
        (" =a", {}),
        (";;", {}),
        ("a=", {"a": ""}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        (" \ta \t=\t 1 ", {"a": "1"}),
        ("a=b=c", {"a": "b=c"}),
        ('a="1"', {"a": "1"}),
        ('a=""', {"a": ""}),
        ('a="', {"a": '"'}),
        ('a="1', {"a": '"1'}),
        ("a=%20", {"a": "%20"}),
        ("bad; a=1", {"a": "1"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ("ü=größer €; b=1".encode().decode("latin-1"), {"ü": "größer €", "b": "1"}),
        ("a=gr\xf6\xdfer; b=\xc3\xbc", {"a": "gr\xf6\xdfer", "b": "ü"}),
        ('a="€"', {"a": "€"}),
    ],
)
def test_corners(field: str, cookies: dict[str, str]) -> None:
    """What isn't a pair is skipped, blanks and one pair of quotes go, escapes stay.

    What a script has set in UTF-8 is read so, where it can be.
    """
    assert parse_cookies([field]) == cookies


def test_the_first_of_a_name_counts() -> None:
    """User agents put the more specific path first (RFC 6265 section 5.4)."""
    assert parse_cookies(["a=1; a=2", "a=3"]) == {"a": "1"}


def jar_after(cookie: str, host: str = "https://shop.example/") -> list[Cookie]:
    """Return what the client's cookie jar keeps of a field."""
    jar = httpx2.Cookies()
    request = httpx2.Request("GET", host)
    response = httpx2.Response(200, headers={"set-cookie": cookie}, request=request)
    jar.extract_cookies(response)
    return list(jar.jar)


@given(NAMES, VALUES)
def test_what_is_set_comes_back(name: str, value: str) -> None:
    """Two strangers, and our own reading, understand every name and value that is taken."""
    bare = f"a{name}"  # the standard library takes a name that begins with $ for an attribute
    cookie = encode_cookie(bare, value)
    assert cookie == f"{bare}={value}; Path=/; SameSite=Lax; HttpOnly"
    [kept] = jar_after(cookie)
    assert (kept.name, kept.value or "") == (bare, value)
    assert parse_cookies([f"{kept.name}={kept.value or ''}"]) == {bare: value}
    read = SimpleCookie(cookie)[bare]
    assert (read.value, read["path"], read["samesite"], read["httponly"]) == (
        value,
        "/",
        "Lax",
        True,
    )


DAWN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("name", "attributes", "written"),
    [
        ("a", {"max_age": 60}, "Max-Age=60; Path=/; SameSite=Lax; HttpOnly"),
        ("a", {"max_age": timedelta(days=2)}, "Max-Age=172800; Path=/; SameSite=Lax; HttpOnly"),
        ("a", {"max_age": timedelta(seconds=1.9)}, "Max-Age=1; Path=/; SameSite=Lax; HttpOnly"),
        (
            "a",
            {"expires": DAWN},
            "Expires=Wed, 02 Jan 2030 02:04:05 GMT; Path=/; SameSite=Lax; HttpOnly",
        ),
        (
            "a",
            {"path": "/shop", "domain": "example.com", "secure": True},
            "Path=/shop; Domain=example.com; SameSite=Lax; Secure; HttpOnly",
        ),
        ("a", {"http_only": False, "same_site": "strict"}, "Path=/; SameSite=Strict"),
        ("a", {"http_only": False, "same_site": None}, "Path=/"),
        (
            "a",
            {"same_site": "none", "secure": True, "partitioned": True},
            "Path=/; SameSite=None; Secure; HttpOnly; Partitioned",
        ),
        ("__Host-a", {"secure": True}, "Path=/; SameSite=Lax; Secure; HttpOnly"),
        ("__Secure-a", {"secure": True}, "Path=/; SameSite=Lax; Secure; HttpOnly"),
    ],
)
def test_attributes_are_written(name: str, attributes: CookieAttributes, written: str) -> None:
    """Each as RFC 6265bis has it, so that a client's jar keeps the cookie."""
    cookie = encode_cookie(name, "1", **attributes)
    assert cookie == f"{name}=1; {written}"
    [kept] = jar_after(cookie, "https://example.com/shop")
    assert kept.secure == attributes.get("secure", False)
    assert kept.path == attributes.get("path", "/")


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;", "ä", "a\n", '"a"', "(a)", "\x7f", 1])
def test_a_name_that_is_none(name: Any) -> None:
    """Anything but a token is refused where it is set."""
    with pytest.raises(ValueError, match="a cookie's name has letters"):
        encode_cookie(name, "1")


@pytest.mark.parametrize(
    "value", ["a b", '"a"', "a,b", "a;b", "a\\b", "ä", "a\r\n", "\0", "\t", "\x7f", 1, None]
)
def test_a_value_that_is_none(value: Any) -> None:
    """Anything but cookie-octets is refused, with what to write, and never quoted silently."""
    with pytest.raises(ValueError, match=r"write urllib\.parse\.quote"):
        encode_cookie("a", value)
    if isinstance(value, str):
        assert unquote(parse_cookies([encode_cookie("a", quote(value))])["a"]) == value


@pytest.mark.parametrize(
    ("name", "attributes", "said"),
    [
        ("a", {"max_age": -1}, "0 ends the cookie"),
        ("a", {"max_age": timedelta(seconds=-1)}, "0 ends the cookie"),
        ("a", {"max_age": 1.5}, "a number of seconds or a timedelta"),
        ("a", {"max_age": True}, "a number of seconds or a timedelta"),
        ("a", {"expires": datetime(2030, 1, 1)}, "a datetime with a time zone"),
        ("a", {"expires": 60}, "a datetime with a time zone"),
        ("a", {"path": ""}, "begins with /"),
        ("a", {"path": "shop"}, "begins with /"),
        ("a", {"path": "/; Domain=b"}, "has no ;"),
        ("a", {"path": "/\n"}, "has no ;"),
        ("a", {"path": "/ä"}, "is ASCII"),
        ("a", {"path": "/" + "a" * 1024}, "is ASCII"),
        ("a", {"path": None}, "begins with /"),
        ("a", {"domain": ""}, "a host's name"),
        ("a", {"domain": "a; Path=/b"}, "a host's name"),
        ("a", {"domain": "a..b"}, "a host's name"),
        ("a", {"domain": "ä.example"}, "in ASCII"),
        ("a", {"domain": "a." * 512 + "aa"}, "in ASCII"),
        ("a", {"domain": 1}, "a host's name"),
        ("a", {"same_site": "Lax"}, "'lax', 'strict', 'none' or None"),
        ("a", {"same_site": "none"}, "same_site='none' needs secure=True"),
        ("a", {"partitioned": True}, "partitioned=True needs secure=True"),
        ("__Secure-a", {}, "a name with __Secure- needs secure=True"),
        ("__host-a", {}, "a name with __Host- needs secure=True"),
        ("__Host-a", {"secure": True, "path": "/shop"}, "no domain"),
        ("__Host-a", {"secure": True, "domain": "a.example"}, "no domain"),
        ("a" * 4096, {}, "more than 4096 bytes"),
    ],
)
def test_attributes_that_user_agents_drop(name: str, attributes: Any, said: str) -> None:
    """Raised where they are set, with what to write instead."""
    with pytest.raises(ValueError, match=said):
        encode_cookie(name, "1", **attributes)


async def test_a_session_with_a_client(autojump_clock: MockClock) -> None:
    """Set, sent back and deleted, beside another of the same answer; a deadline ends one."""
    app = Hump()

    @app.post("/")
    async def sign_in() -> Response:
        response = Response("welcome")
        response.set_cookie("user", "alice", max_age=60)
        response.set_cookie("theme", "dark", expires=datetime.now(UTC) + timedelta(days=1))
        response.set_cookie("old", "1", expires=datetime.now(UTC) - timedelta(days=1))
        return response

    @app.delete("/")
    async def sign_out() -> Response:
        response = Response()
        response.delete_cookie("user")
        return response

    @app.get("/")
    async def show(request: Request) -> dict[str, str]:
        return request.cookies

    async with client(app) as http:
        await http.post("/")
        assert (await http.get("/")).json() == {"user": "alice", "theme": "dark"}
        deleted = await http.delete("/")
        assert (await http.get("/")).json() == {"theme": "dark"}
    written = "user=; Max-Age=0; Path=/; SameSite=Lax; HttpOnly"
    assert deleted.headers.get_list("set-cookie") == [written]


def test_a_cookie_with_a_prefix_is_deleted() -> None:
    """User agents ignore what would end it without Secure."""
    response = Response()
    response.delete_cookie("__Host-user")
    response.delete_cookie("user", path="/shop", domain="example.com")
    assert response.headers.get_all("set-cookie") == [
        "__Host-user=; Max-Age=0; Path=/; SameSite=Lax; Secure; HttpOnly",
        "user=; Max-Age=0; Path=/shop; Domain=example.com; SameSite=Lax; HttpOnly",
    ]
