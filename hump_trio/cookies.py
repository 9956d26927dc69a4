"""The ``Cookie`` field, parsed as RFC 6265 section 4.2 writes it."""

from collections.abc import Iterable

__all__ = ["parse_cookies"]


def parse_cookies(values: Iterable[str]) -> dict[str, str]:
    """Return names and values of every cookie sent; what isn't a pair is skipped.

    Of two cookies with one name the first counts: user agents put the one with the more
    specific path first (RFC 6265 section 5.4).
    """
    cookies: dict[str, str] = {}
    for value in values:
        for pair in value.split(";"):
            name, equals, content = pair.partition("=")
            name, content = name.strip(" \t"), content.strip(" \t")
            if not equals or not name:
                continue
            if len(content) >= 2 and content[0] == content[-1] == '"':
                content = content[1:-1]
            cookies.setdefault(name, content)
    return cookies
