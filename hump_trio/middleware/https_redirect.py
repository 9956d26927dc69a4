"""Sends those who ask in plain text to HTTPS."""

import re

from hump_trio.answers.redirect import RedirectResponse
from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.messages.target import origin_form
from hump_trio.middleware.options import check_number
from hump_trio.routing.layer import CallNext

__all__ = ["HttpsRedirect"]

PORT = re.compile(r":[0-9]*$")


class HttpsRedirect:
    """Redirects requests in plain text to the same host and target over HTTPS.

    Behind a proxy that speaks HTTPS itself, register it after `Forwarded`, which learns the scheme
    from the proxy: without it, every request would be redirected for ever. The host is the one that
    the client names; `TrustedHosts` before it lets only the app's own pass.

    Args:
        port: Where HTTPS is spoken.
        status: 308: for ever, and the method stays. 307 for now, 301 and 302 for clients of old.

    Raises:
        ValueError: The port can't be one, or the status isn't one of these.

    Source: RFC 9110 section 15.4.
    """

    def __init__(self, *, port: int = 443, status: int = 308) -> None:
        check_number("port", port, 1, 0xFFFF)
        if status not in (301, 302, 307, 308):
            raise ValueError(f"a redirect to HTTPS is 301, 302, 307 or 308, not {status!r}")
        self._port = "" if port == 443 else f":{port}"
        self._status = status

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Let requests over HTTPS pass.

        Raises:
            HttpException: 400, it isn't told which host is asked.
        """
        if request.scheme == "https":
            return await call_next(request)
        if not request.host:
            raise HttpException(400, "the host is missing")
        host, target = PORT.sub("", request.host), origin_form(request.target)
        return RedirectResponse(f"https://{host}{self._port}{target}", self._status)
