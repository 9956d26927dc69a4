"""A response that sends its client to another URL."""

import re
from urllib.parse import quote

from hump_trio.messages.response import Fields, Response

__all__ = ["RedirectResponse"]

# RFC 9110 sections 15.4.2 to 15.4.9; other statuses of the class name no URL, or several.
STATUSES = (301, 302, 303, 307, 308)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Characters besides letters, digits and ``-._`` that a URI may hold (RFC 3986 section 2).
LEGAL = "%:/?#[]@!$&'()*+,;=~"


class RedirectResponse(Response):
    """A redirect.

    Args:
        url: The URL to go to, absolute or relative; characters that a URI can't hold are
            percent-encoded. Check a URL that comes from a client: it may lead to another site.
        status: 303 (get the other URL) by default, 301 or 308 for a permanent redirect, 302 or
            307 for a temporary one. After 307 and 308 the client repeats the method.
        headers: Further header fields (see `Response`).

    Raises:
        TypeError: The URL isn't text.
        ValueError: The URL holds a control character, the status isn't that of a redirect, or a
            field can't be sent.
    """

    __slots__ = ()

    def __init__(self, url: str, status: int = 303, headers: Fields = ()) -> None:
        if status not in STATUSES:
            raise ValueError(f"a redirect's status is 301, 302, 303, 307 or 308, not {status!r}")
        if CONTROL.search(url):
            raise ValueError(f"a URL with a control character: {url!r}")
        Response.__init__(self, None, status, headers)
        self.headers["location"] = quote(url, safe=LEGAL)
