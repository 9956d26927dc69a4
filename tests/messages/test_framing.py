"""The length that a response announces, and the fields that no trailer may have."""

from contextlib import nullcontext

import pytest

from hump_trio.messages.framing import (
    FORBIDDEN_TRAILERS,
    announce_length,
    count_body,
    may_follow_answer,
)


@pytest.mark.parametrize(
    ("method", "status", "given", "body_bytes", "expected"),
    [
        ("GET", 200, None, 5, 5),
        ("GET", 200, None, None, None),
        ("GET", 200, "7", 5, 5),
        ("GET", 200, "7", None, 7),
        ("HEAD", 200, "7", 0, 7),
        ("HEAD", 200, "7", 5, 5),
        ("GET", 204, "7", None, None),
        ("GET", 304, "7", 5, None),
        ("GET", 205, "7", None, 0),
    ],
)
def test_which_length_is_announced(
    method: str, status: int, given: str | None, body_bytes: int | None, expected: int | None
) -> None:
    """What is sent counts, then what a handler gives; a status without a body has its own."""
    assert announce_length(method, status, given, body_bytes) == expected


@pytest.mark.parametrize("given", ["", "-1", "1, 1", "\xb2"])
def test_a_length_that_is_none(given: str) -> None:
    """A handler hears of a length that counts and isn't one, and of no other."""
    with pytest.raises(ValueError, match="Content-Length"):
        announce_length("GET", 200, given, None)
    assert announce_length("GET", 200, given, 3) == 3


def test_what_no_trailer_may_be() -> None:
    """Fields that frame, route or authenticate come before the body, or not at all."""
    assert {"content-length", "host", "authorization", "content-type"} <= FORBIDDEN_TRAILERS
    assert not FORBIDDEN_TRAILERS & {"etag", "grpc-status", "server-timing", "digest"}


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("x-checksum", True),
        ("grpc-status", True),
        ("server-timing", True),
        ("etag", True),
        ("content-digest", True),
        ("repr-digest", True),
        ("content-length", False),
        ("content-type", False),
        ("content-security-policy", False),
        ("transfer-encoding", False),
        ("connection", False),
        ("trailer", False),
        ("set-cookie", False),
        ("www-authenticate", False),
        ("location", False),
        ("cache-control", False),
        ("vary", False),
        ("date", False),
    ],
)
def test_what_may_follow_an_answer(name: str, *, may: bool) -> None:
    """What frames, routes, authenticates, controls or describes it has to come before its body."""
    assert may_follow_answer(name) is may


@pytest.mark.parametrize(
    ("parts", "fails"),
    [
        ([10], ""),
        ([4, 6], ""),
        ([0, 10], ""),
        ([11], "longer"),
        ([4, 7], "longer"),
        ([4], "shorter"),
    ],
)
def test_a_body_has_the_length_that_was_announced(parts: list[int], fails: str) -> None:
    """Ten bytes, in any number of parts; another length is found as soon as it is certain."""
    missing: int | None = 10
    with pytest.raises(ValueError, match=fails) if fails else nullcontext():
        for number, part in enumerate(parts, 1):
            missing = count_body(missing, part, ends=number == len(parts))
    assert fails or missing == 0
    assert count_body(None, 10**9, ends=True) is None
