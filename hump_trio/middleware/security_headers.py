"""Header fields that make browsers more careful."""

import math
from typing import Literal

from hump_trio.messages.headers import check_field
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.middleware.answers import answer_to
from hump_trio.middleware.options import check_number
from hump_trio.routing.layer import CallNext

__all__ = ["SecurityHeaders"]

FRAME_OPTIONS = ("DENY", "SAMEORIGIN", None)
REFERRER_POLICIES = (
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
    None,
)


class SecurityHeaders:
    """Adds the fields that make browsers more careful, where a handler hasn't set them itself.

    ``X-Content-Type-Options: nosniff`` always: a browser then keeps to the content type.

    Args:
        frame_options: Whether other pages may show this one in a frame; None: say nothing. A
            ``frame-ancestors`` of the policy says it more finely, and has precedence in browsers.
        referrer_policy: What links tell of the page they stand on; None: say nothing.
        content_security_policy: Where scripts, styles and so on may come from, such as
            ``default-src 'self'``. None: no app is like another.
        hsts_seconds: For how long a browser may come back by HTTPS alone (RFC 6797); said over
            HTTPS only. None: it can't be taken back before it has passed.

    Raises:
        TypeError: The policy isn't text.
        ValueError: A value that browsers don't know, or that can't be sent.
    """

    def __init__(
        self,
        *,
        frame_options: Literal["DENY", "SAMEORIGIN"] | None = "DENY",
        referrer_policy: str | None = "strict-origin-when-cross-origin",
        content_security_policy: str | None = None,
        hsts_seconds: int | None = None,
    ) -> None:
        if frame_options not in FRAME_OPTIONS:
            raise ValueError(f"frame_options is 'DENY', 'SAMEORIGIN' or None: {frame_options!r}")
        if referrer_policy not in REFERRER_POLICIES:
            raise ValueError(f"browsers know no referrer_policy {referrer_policy!r}")
        if content_security_policy is not None:
            check_field("content-security-policy", content_security_policy)
            if not content_security_policy.strip():
                raise ValueError("an empty content_security_policy forbids nothing: write None")
        if hsts_seconds is not None:
            check_number("hsts_seconds", hsts_seconds, 0, math.inf)
        fields = {
            "x-content-type-options": "nosniff",
            "x-frame-options": frame_options,
            "referrer-policy": referrer_policy,
            "content-security-policy": content_security_policy,
        }
        self._fields = {name: value for name, value in fields.items() if value is not None}
        self._secure_fields = dict(self._fields)
        if hsts_seconds is not None:
            self._secure_fields["strict-transport-security"] = f"max-age={hsts_seconds}"

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Add what is missing to an answer, whatever that is."""
        response = await answer_to(request, call_next)
        fields = self._secure_fields if request.scheme == "https" else self._fields
        for name, value in fields.items():
            response.headers.setdefault(name, value)
        return response
