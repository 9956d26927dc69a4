"""Which pages may open a WebSocket, by what browsers say of them."""

from typing import Any

import pytest

from hump_trio.facts.exceptions import RouteError
from hump_trio.routing.origins import Origin, is_let_in, parse_origins


def test_origins_are_parsed() -> None:
    """With the port of their scheme, in lower case; ``*`` is all."""
    given = ["https://Shop.example", "http://a:8000", "http://[::1]:80", "moz-extension://abc"]
    expected = [
        Origin("https", "shop.example", 443),
        Origin("http", "a", 8000),
        Origin("http", "[::1]", 80),
        Origin("moz-extension", "abc", 0),
    ]
    assert parse_origins(given) == frozenset(expected)
    assert parse_origins(("*",)) is None
    assert parse_origins([]) == frozenset()


@pytest.mark.parametrize(
    "origins",
    [
        None,
        "https://shop.example",
        "*",
        7,
        [7],
        ["shop.example"],
        ["https://shop.example/"],
        ["https://shop.example/chat"],
        ["https://*.shop.example"],
        ["https://shop.example", "*"],
        ["null"],
        ["https://a:b@shop.example"],
        ["https://shop.example:99999"],
        ["https://shop.example:"],
        ["https://"],
        ["//shop.example"],
    ],
)
def test_what_is_no_origin_is_refused(origins: Any) -> None:
    """At registration: it would let nobody in."""
    with pytest.raises(RouteError, match=r"origins is a list|an origin is a scheme"):
        parse_origins(origins)


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("https://shop.example", "shop.example", True),
        ("http://shop.example", "shop.example", True),
        ("https://SHOP.example", "Shop.Example", True),
        ("https://shop.example", "shop.example:443", True),
        ("https://shop.example", "shop.example:80", False),
        ("http://shop.example:8000", "shop.example:8000", True),
        ("http://shop.example:8000", "shop.example", False),
        ("http://shop.example:8000", "shop.example:8001", False),
        ("http://shop.example", "shop.example:8000", False),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://[::1]", "[::1]", True),
        ("https://shop.example.evil.example", "shop.example", False),
        ("https://evil.example/https://shop.example", "shop.example", False),
        ("https://evil.example#https://shop.example", "shop.example", False),
        ("https://shop.example@evil.example", "shop.example", False),
        ("https://shop.example.", "shop.example", False),
        ("https://shop.example:0443", "shop.example", True),
        ("https://shop.example:4430000", "shop.example", False),
        ("https://shop.example ", "shop.example", False),
        ("https://shop.example, https://shop.example", "shop.example", False),
        ("null", "shop.example", False),
        ("", "shop.example", False),
        ("file://", "", False),
        ("app://shop.example", "shop.example", False),
        ("https://shop.example", "", False),
        ("https://shop.example", "a:b:c", False),
    ],
)
def test_pages_of_the_same_host(origin: str, host: str, *, expected: bool) -> None:
    """Host and port have to be those that are asked for, whatever the scheme is."""
    assert is_let_in([origin], host, None) == expected


def test_pages_of_listed_hosts() -> None:
    """They have to be just what is listed; the host that is asked for doesn't count then."""
    listed = parse_origins(["https://shop.example"])
    assert is_let_in(["https://shop.example"], "api.example", listed)
    assert is_let_in(["https://shop.example:443"], "api.example", listed)
    assert not is_let_in(["http://shop.example"], "api.example", listed)
    assert not is_let_in(["https://api.example"], "api.example", listed)
    assert not is_let_in(["https://shop.example"] * 2, "api.example", listed)
    assert is_let_in([], "api.example", listed)
