"""Response header fields that make browsers more careful."""

import math
from typing import Any, ClassVar, Literal

from hump_trio.dispatch.stepped import Stepped
from hump_trio.messages.headers import add_missing, check_field
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.middleware.option_checks import check_number

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


class SecurityHeaders(Stepped):
    """Adds header fields that make browsers more careful, where a handler hasn't set them.

    Register it as in ``app.middleware(SecurityHeaders())``. It always adds
    ``X-Content-Type-Options: nosniff``, by which a browser doesn't guess at content types.

    Args:
        frame_options: The ``X-Frame-Options``: which pages may show this one in a frame; None: no
            such field. ``frame-ancestors`` in the policy is finer, and browsers prefer it.
        referrer_policy: The ``Referrer-Policy``: how much of a page's URL its links tell other
            sites; None: no such field.
        content_security_policy: The ``Content-Security-Policy``: where scripts, styles and so on
            may come from, e.g. ``default-src 'self'``. None: no such field, since no policy fits
            every app.
        hsts_seconds: Seconds for which browsers use HTTPS alone for this host (the ``max-age`` of
            ``Strict-Transport-Security``, RFC 6797); sent over HTTPS only. None: no such field,
            since it can't be revoked before that time has passed.

    Raises:
        TypeError: The policy isn't a str.
        ValueError: A value is one that browsers don't know, or can't be sent.
    """

    __answers_errors__: ClassVar[bool] = True

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
        self._fields = [(name, value) for name, value in fields.items() if value is not None]
        self._secure_fields = list(self._fields)
        if hsts_seconds is not None:
            self._secure_fields.append(("strict-transport-security", f"max-age={hsts_seconds}"))

    def __finish__(self, request: Request, response: Response, begun: Any) -> Response:
        """Add the fields that an answer lacks, also to the answer to an error."""
        secure = request.scheme == "https"
        add_missing(response.headers, self._secure_fields if secure else self._fields)
        return response
