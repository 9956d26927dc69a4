"""An answer that sends its client elsewhere."""

import re
from urllib.parse import quote

from hump_trio.messages.response import Fields, Response

__all__ = ["RedirectResponse"]

# RFC 9110 sections 15.4.2 to 15.4.9; the others say nothing of where to go, or ask for a choice.
STATUSES = (301, 302, 303, 307, 308)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What a URI may hold (RFC 3986 section 2), its escapes included.
LEGAL = "%:/?#[]@!$&'()*+,;=~"


class RedirectResponse(Response):
    """A redirect.

    Args:
        url: Where to, absolute or relative; what a URI can't hold is percent-encoded. One that
            comes from a client is for you to check: it may lead to another site.
        status: 303 (see other, with GET) by default, 301 or 308 for ever, 302 or 307 for now;
            after 307 and 308 the method stays what it was.
        headers: As of `Response`.

    Raises:
        TypeError: The URL isn't text.
        ValueError: It holds a control character, or the status is no redirect's.
    """

    __slots__ = ()

    def __init__(self, url: str, status: int = 303, headers: Fields = ()) -> None:
        if status not in STATUSES:
            raise ValueError(f"a redirect's status is 301, 302, 303, 307 or 308, not {status!r}")
        if CONTROL.search(url):
            raise ValueError(f"a URL with a control character: {url!r}")
        Response.__init__(self, None, status, headers)
        self.headers["location"] = quote(url, safe=LEGAL)
