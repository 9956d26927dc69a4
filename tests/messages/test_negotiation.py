"""Which media type and which content coding a client gets."""

import pytest

from hump_trio import Headers
from hump_trio.messages.negotiation import add_vary, prefers_json, quality_of, rank_codings

AVAILABLE = ("br", "zstd", "gzip")


@pytest.mark.parametrize(
    ("accept", "ranked"),
    [
        ("", []),
        ("gzip, deflate, br, zstd", ["br", "zstd", "gzip"]),
        ("gzip;q=1.0, br;q=0.5", ["gzip", "br"]),
        ("GZIP", ["gzip"]),
        ("gzip;q=0", []),
        ("gzip;q=0.000, br", ["br"]),
        ("*", ["gzip"]),
        ("*;q=0.1, br", ["br", "gzip"]),
        ("*, gzip;q=0", []),
        ("br, *", ["br", "gzip"]),
        ("zstd, *;q=0", ["zstd"]),
        ("x-gzip", ["gzip"]),
        ("gzip;q=0.5, zstd;Q=0.9", ["zstd", "gzip"]),
        ("gzip;q=", []),
        (";q=1", []),
        ("gzipped", []),
        ("*;q=0", []),
        ("identity", []),
        ("identity, gzip;q=0.5", []),
        ("identity;q=0.5, gzip;q=0.5, br;q=0.4", ["gzip"]),
        ("identity;q=0, gzip;q=0.1", ["gzip"]),
        ("gzip;q=much, br;q=nan", []),
        ("gzip;q=-1", []),
        ("gzip;q=9, br", ["br", "gzip"]),
        (" gzip\t; q=0.5 , ,;,", ["gzip"]),
        ("deflate, compress", []),
        (",".join(["deflate"] * 32) + ",gzip", []),
    ],
)
def test_codings(accept: str, ranked: list[str]) -> None:
    """By quality; of equals the first of ours; never one that is liked less than none."""
    assert rank_codings(accept, AVAILABLE) == ranked


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        ("", False),
        ("*/*", False),
        ("application/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("application/json", True),
        ("APPLICATION/JSON", True),
        ("application/problem+json", True),
        ("application/json, */*", True),
        ("text/plain, application/json", False),
        ("application/json, text/plain", True),
        ("text/plain;q=0.5, application/json", True),
        ("application/json;q=0.4, text/*;q=0.5", False),
        ("application/json;q=0", False),
        ("application/json; charset=utf-8; Q=0.5", True),
        ("application/json;q=x", False),
        ("application/json;q=nan", False),
        ("application/json;q=-1", False),
        ("text/html;q=7, application/json", False),
        ("application/jsonp", False),
        (",;,q=,", False),
    ],
)
def test_preferring_json(accept: str, preferred: bool) -> None:
    """JSON must be named, and not after a text type; browsers and curl read text."""
    assert prefers_json(accept) is preferred


@pytest.mark.parametrize(
    ("parameters", "quality"),
    [("", 1), ("q=0.5", 0.5), (" a=b ; q=0", 0), ("q=2", 1), ("q=-1", 0), ("q=nan", 0), ("q", 0)],
)
def test_quality(parameters: str, quality: float) -> None:
    """From 0 to 1; 1 where it is left out and 0 where it is malformed."""
    assert quality_of(parameters) == quality


def test_media_ranges_without_end_are_not_read() -> None:
    """Thirty-two count; a field made to be long costs no more than they do."""
    assert prefers_json("a/b," * 31 + "application/json")
    assert not prefers_json("a/b," * 32 + "application/json")


@pytest.mark.parametrize(
    ("present", "vary"),
    [
        ([], "Origin"),
        (["Accept"], "Accept, Origin"),
        (["Accept", "Cookie"], "Accept, Cookie, Origin"),
        (["origin"], "origin"),
        (["Accept,ORIGIN , Cookie"], "Accept,ORIGIN , Cookie"),
        (["*"], "*"),
        (["X-Origin"], "X-Origin, Origin"),
    ],
)
def test_vary_names_a_field_once(present: list[str], vary: str) -> None:
    """Beside those that are there, in any case; ``*`` says it all."""
    headers = Headers([("vary", value) for value in present])
    add_vary(headers, "Origin")
    assert headers.get("vary") == vary
