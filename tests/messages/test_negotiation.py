"""Which content coding a client gets."""

import pytest

from hump_trio.messages.negotiation import rank_codings

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
