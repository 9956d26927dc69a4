"""Cookies: the ``Cookie`` field of requests and ``Set-Cookie`` of responses (RFC 6265)."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypedDict

from hump_trio.facts.exceptions import MissingFieldError
from hump_trio.facts.grammar import TOKEN, is_integer
from hump_trio.messages.http_date import encode_http_date

__all__ = ["CookieAttributes", "encode_cookie", "needs_secure", "parse_cookies"]

SameSite: TypeAlias = Literal["lax", "strict", "none"]

# RFC 6265 section 4.1.1: cookie-octets, which leave out blanks, '"', ',', ';' and '\'.
VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")
PATH = re.compile(r"/[\x20-:<-~]*")
DOMAIN = re.compile(r"\.?[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*")
# The most bytes of a name and its value together, and of an attribute's value: user agents silently
# ignore longer ones (RFC 6265bis section 5.7).
PAIR_BYTES = 4096
ATTRIBUTE_BYTES = 1024


class CookieAttributes(TypedDict, total=False):
    """The attributes of a cookie, arguments of `Response.set_cookie`.

    Args:
        max_age: Seconds, or a timedelta, for which the browser keeps the cookie. Without
            ``max_age`` and ``expires`` the cookie ends when the browser is closed.
        expires: The moment at which the cookie ends, with a time zone. If ``max_age`` is given
            too, it takes precedence.
        path: The cookie is sent for this path and all paths below it; ``"/"`` by default.
        domain: The cookie is sent to this domain and its subdomains; by default only to the host
            that has set it.
        secure: Whether the cookie is sent only over HTTPS; False by default. Set it wherever the
            site is served over HTTPS.
        http_only: Whether scripts can't read the cookie; True by default.
        same_site: Which requests that come from other sites carry the cookie: those of links
            (``"lax"``, the default), none (``"strict"``), all (``"none"``, which needs
            ``secure``); None leaves it to the browser.
        partitioned: Whether the cookie is kept apart for each site that embeds this one; it
            needs ``secure``.
    """

    max_age: int | timedelta | None
    expires: datetime | None
    path: str
    domain: str | None
    secure: bool
    http_only: bool
    same_site: SameSite | None
    partitioned: bool


class Cookies(dict[str, str]):
    """Cookies by name: a KeyError for a cookie that wasn't sent is answered with 400."""

    def __missing__(self, name: str) -> str:
        raise MissingFieldError(name, "cookie")


def parse_cookies(values: Iterable[str]) -> dict[str, str]:
    """Return the names and values of all cookies, decoded as UTF-8.

    A piece without a name or an equals sign is skipped. Of two cookies with the same name the
    first one counts: user agents put the one with the more specific path first (RFC 6265 section
    5.4).

    Args:
        values: The values of the ``Cookie`` fields.
    """
    cookies = Cookies()
    for value in values:
        for pair in value.split(";"):
            name, equals, content = pair.partition("=")
            name, content = name.strip(" \t"), content.strip(" \t")
            if not equals or not name:
                continue
            if not pair.isascii():
                name, content = from_utf8(name), from_utf8(content)
            if len(content) >= 2 and content[0] == content[-1] == '"':
                content = content[1:-1]
            cookies.setdefault(name, content)
    return cookies


def from_utf8(text: str) -> str:
    """Decode a text as UTF-8 that was decoded as ISO 8859-1, as all field values are.

    Scripts set cookies in UTF-8. A text that isn't UTF-8 stays as it is.
    """
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def encode_cookie(
    name: str,
    value: str,
    *,
    max_age: int | timedelta | None = None,
    expires: datetime | None = None,
    path: str = "/",
    domain: str | None = None,
    secure: bool = False,
    http_only: bool = True,
    same_site: SameSite | None = "lax",
    partitioned: bool = False,
) -> str:
    """Return the value of a ``Set-Cookie`` field (see `CookieAttributes`).

    A cookie that user agents would drop or change is refused. Values are never quoted: user
    agents don't agree on how to remove quotes.

    Raises:
        ValueError: User agents wouldn't keep the cookie as it is; the message says what to write
            instead.

    Source: RFC 6265 section 4.1; RFC 6265bis sections 4.1.3 (prefixes) and 5.7.
    """
    check_pair(name, value)
    check_scope(path, domain)
    attributes = [f"{name}={value}"]
    if max_age is not None:
        attributes.append(f"Max-Age={whole_seconds(max_age)}")
    if expires is not None:
        if not isinstance(expires, datetime) or expires.utcoffset() is None:
            raise ValueError(
                "a cookie expires at a datetime with a time zone, as in"
                f" datetime.now(UTC) + timedelta(days=1), not {expires!r:.80}"
            )
        attributes.append(f"Expires={encode_http_date(int(expires.timestamp()))}")
    attributes.append(f"Path={path}")
    if domain is not None:
        attributes.append(f"Domain={domain}")
    if same_site is not None:
        if same_site not in ("lax", "strict", "none"):
            raise ValueError(f"same_site is 'lax', 'strict', 'none' or None, not {same_site!r:.80}")
        attributes.append(f"SameSite={same_site.capitalize()}")
    if not secure:
        reason = needs_secure(name, same_site, partitioned=partitioned)
        if reason:
            raise ValueError(f"{reason} needs secure=True, or user agents drop the cookie")
    if name.lower().startswith("__host-") and (path != "/" or domain is not None):
        raise ValueError("a __Host- cookie has path='/' and no domain, or user agents drop it")
    flags = {"Secure": secure, "HttpOnly": http_only, "Partitioned": partitioned}
    return "; ".join([*attributes, *(flag for flag, is_set in flags.items() if is_set)])


def check_pair(name: str, value: str) -> None:
    """Refuse a name or a value that user agents would drop or change."""
    if not isinstance(name, str) or not TOKEN.fullmatch(name):
        raise ValueError(f"a cookie's name has letters, digits, - and _, not {name!r:.80}")
    if not isinstance(value, str) or not VALUE.fullmatch(value):
        raise ValueError(
            "a cookie's value is ASCII without blanks, quotes, commas, semicolons and backslashes,"
            f" not {value!r:.80}: write urllib.parse.quote(value), and unquote() what comes back"
        )
    if len(name) + len(value) > PAIR_BYTES:
        raise ValueError(
            f"the cookie {name!r:.80} has more than {PAIR_BYTES} bytes, and user agents drop it:"
            " keep the data here, and send its key"
        )


def check_scope(path: str, domain: str | None) -> None:
    """Refuse a path or a domain with characters that end the attribute, or that is too long."""
    if not isinstance(path, str) or not PATH.fullmatch(path) or len(path) > ATTRIBUTE_BYTES:
        raise ValueError(f"a cookie's path is ASCII, begins with / and has no ;, not {path!r:.80}")
    if domain is not None and (
        not isinstance(domain, str) or not DOMAIN.fullmatch(domain) or len(domain) > ATTRIBUTE_BYTES
    ):
        raise ValueError(f"a cookie's domain is a host's name in ASCII, not {domain!r:.80}")


def whole_seconds(max_age: int | timedelta) -> int:
    """Return the seconds of a ``Max-Age``."""
    seconds = max_age // timedelta(seconds=1) if isinstance(max_age, timedelta) else max_age
    if not is_integer(seconds) or seconds < 0:
        raise ValueError(
            "max_age is a number of seconds or a timedelta, and 0 ends the cookie,"
            f" not {max_age!r:.80}"
        )
    return seconds


def needs_secure(name: str, same_site: SameSite | None, *, partitioned: bool) -> str:
    """Return which part of a cookie user agents accept only with Secure; empty if none is."""
    for prefix in ("__Host-", "__Secure-"):
        if name.lower().startswith(prefix.lower()):
            return f"a name with {prefix}"
    if partitioned:
        return "partitioned=True"
    return "same_site='none'" if same_site == "none" else ""
