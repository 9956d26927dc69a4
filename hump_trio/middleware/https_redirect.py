"""Redirects from plain HTTP to HTTPS."""

import re

from hump_trio.answers.redirect import RedirectResponse
from hump_trio.dispatch.stepped import Stepped
from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.messages.target import origin_form
from hump_trio.middleware.option_checks import check_number

__all__ = ["HttpsRedirect"]

PORT = re.compile(r":[0-9]*$")


class HttpsRedirect(Stepped):
    """Redirects plain HTTP requests to the same host and target over HTTPS.

    Register it as in ``app.middleware(HttpsRedirect())``. Behind a proxy that speaks HTTPS itself,
    register it after `Forwarded`, which learns the scheme from the proxy: without that, every
    request would be redirected for ever. The client names the host of the redirect; register
    `TrustedHosts` before this middleware so that only the app's own hosts pass.

    Args:
        port: The port of HTTPS.
        status: The status of the redirect. 308: a permanent redirect that keeps the method. 307 is
            a temporary one; 301 and 302 are for old clients, which may turn POST into GET.

    Raises:
        ValueError: The port isn't from 1 to 65535, or the status is another one.

    Source: RFC 9110 section 15.4.
    """

    def __init__(self, *, port: int = 443, status: int = 308) -> None:
        check_number("port", port, 1, 0xFFFF)
        if status not in (301, 302, 307, 308):
            raise ValueError(f"a redirect to HTTPS is 301, 302, 307 or 308, not {status!r}")
        self._port = "" if port == 443 else f":{port}"
        self._status = status

    def __begin__(self, request: Request) -> Response | None:
        """Let requests over HTTPS pass, and answer others with the redirect.

        Raises:
            HttpException: 400, the request names no host.
        """
        if request.scheme == "https":
            return None
        if not request.host:
            request.outcome = "refused"
            raise HttpException(400, "the host is missing")
        host, target = PORT.sub("", request.host), origin_form(request.target)
        return RedirectResponse(f"https://{host}{self._port}{target}", self._status)
