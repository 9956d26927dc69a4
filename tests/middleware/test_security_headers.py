"""`SecurityHeaders`: what makes browsers more careful, where a handler hasn't said it itself."""

from typing import Any

import pytest
from trio.testing import MockClock

from hump_trio import Response, SecurityHeaders
from tests.middleware.onion import (
    a_request,
    check_cancelled_handler,
    check_unforeseen_error,
    pass_through,
)

SNIFF = ("x-content-type-options", "nosniff")
FRAME = ("x-frame-options", "DENY")
REFERRER = ("referrer-policy", "strict-origin-when-cross-origin")
POLICY = "default-src 'self'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("options", "scheme", "fields"),
    [
        ({}, "http", [SNIFF, FRAME, REFERRER]),
        ({}, "https", [SNIFF, FRAME, REFERRER]),
        ({"frame_options": None, "referrer_policy": None}, "http", [SNIFF]),
        (
            {"frame_options": "SAMEORIGIN"},
            "http",
            [SNIFF, ("x-frame-options", "SAMEORIGIN"), REFERRER],
        ),
        ({"referrer_policy": "origin"}, "http", [SNIFF, FRAME, ("referrer-policy", "origin")]),
        (
            {"content_security_policy": POLICY},
            "http",
            [SNIFF, FRAME, REFERRER, ("content-security-policy", POLICY)],
        ),
        ({"hsts_seconds": 60}, "http", [SNIFF, FRAME, REFERRER]),
        (
            {"hsts_seconds": 60},
            "https",
            [SNIFF, FRAME, REFERRER, ("strict-transport-security", "max-age=60")],
        ),
        (
            {"hsts_seconds": 0},
            "https",
            [SNIFF, FRAME, REFERRER, ("strict-transport-security", "max-age=0")],
        ),
    ],
)
async def test_what_is_added(options: Any, scheme: str, fields: list[tuple[str, str]]) -> None:
    """The defaults suit every app; HSTS is said over HTTPS alone (RFC 6797 section 7.2)."""
    response = await pass_through(SecurityHeaders(**options), a_request(scheme=scheme))
    assert response.headers.items() == fields


async def test_what_a_handler_has_set_stays() -> None:
    """It knows its page better; and an answer that it returns again isn't changed."""
    own = {
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "origin",
        "Content-Security-Policy": "default-src *",
        "Strict-Transport-Security": "max-age=5",
        "X-Content-Type-Options": "none",
    }
    answer = Response("", headers=own)
    middleware = SecurityHeaders(content_security_policy=POLICY, hsts_seconds=60)
    response = await pass_through(middleware, a_request(scheme="https"), answer)
    assert response.headers.items() == [(name.lower(), value) for name, value in own.items()]
    bare = Response("")
    await pass_through(middleware, a_request(), bare)
    assert bare.headers.items() == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"frame_options": "deny"}, ValueError),
        ({"frame_options": "ALLOW-FROM https://a.example"}, ValueError),
        ({"frame_options": False}, ValueError),
        ({"referrer_policy": "never"}, ValueError),
        ({"referrer_policy": ""}, ValueError),
        ({"content_security_policy": ""}, ValueError),
        ({"content_security_policy": " "}, ValueError),
        ({"content_security_policy": "default-src\n'self'"}, ValueError),
        ({"content_security_policy": 7}, TypeError),
        ({"hsts_seconds": -1}, ValueError),
        ({"hsts_seconds": 1.5}, ValueError),
        ({"hsts_seconds": True}, ValueError),
        ({"hsts_seconds": "60"}, ValueError),
    ],
)
def test_options_that_make_no_sense(options: Any, error: type[Exception]) -> None:
    """They are refused where they are written."""
    with pytest.raises(error):
        SecurityHeaders(**options)


async def test_a_500_has_them(caplog: pytest.LogCaptureFixture) -> None:
    """As any other answer."""
    response = await check_unforeseen_error(SecurityHeaders(), caplog)
    assert {SNIFF, FRAME, REFERRER} <= set(response.headers.items())


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(SecurityHeaders())
