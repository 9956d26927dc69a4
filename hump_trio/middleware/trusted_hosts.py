"""The hosts that an app answers for."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from hump_trio.dispatch.stepped import Stepped
from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.request import Request
from hump_trio.middleware.option_checks import list_of_text

__all__ = ["TrustedHosts"]

# A dot at the end marks a name as complete, which it is without it, too.
PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]")

HOST = re.compile(r"(?:([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?|(\[[0-9a-f:.]+\]))(?::[0-9]*)?")

# Hosts that are kept in mind, and the longest that is: a name in the DNS has 253 characters.
KNOWN_COUNT = 128
HOST_CHARACTERS = 260


class TrustedHosts(Stepped):
    """Refuses requests for other hosts than the app's own with a 421.

    Register it as in ``app.middleware(TrustedHosts(["example.com"]))``. A client can name any host
    in its request, and links or cache entries that are made with that name lead elsewhere. Hosts
    are compared without the port, without a dot at the end, and in any case. The status is 421 and
    not 400, since such a request is well-formed.

    Args:
        hosts: Names and addresses without a port (IPv6 in brackets). ``*.example.com`` is every
            name below ``example.com``, but not ``example.com`` itself.

    Raises:
        TypeError: The option isn't a list of str.
        ValueError: The list is empty, or an item isn't a host.

    Source: RFC 9110 sections 7.4 and 15.5.20.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        names = [name.lower() for name in list_of_text("hosts", hosts)]
        for name in names:
            if not PATTERN.fullmatch(name):
                raise ValueError(
                    f"a host is 'example.com', '*.example.com', '127.0.0.1' or '[::1]', without a"
                    f" port, not {name!r:.80}"
                )
        if not names:
            raise ValueError("hosts is empty: nobody would be answered")
        names = [name.removesuffix(".") for name in names]
        self._names = frozenset(name for name in names if name[0] != "*")
        self._suffixes = tuple(name[1:] for name in names if name[0] == "*")

    def __begin__(self, request: Request) -> None:
        """Let requests for the app's hosts pass.

        Raises:
            HttpException: 421, the request is for another host.
        """
        given = request.host
        host = known_host(given) if len(given) <= HOST_CHARACTERS else host_of(given)
        if host not in self._names and not host.endswith(self._suffixes):
            request.outcome = "refused"
            raise HttpException(421, "this host is not served here")


def host_of(text: str) -> str:
    """Return the host that a request names, as it is compared; empty if it can't be one."""
    found = HOST.fullmatch(text.lower())
    return "" if found is None else found[1] or found[2]


# Few hosts are asked for, and to read one takes longer than all the rest.
known_host: Callable[[str], str] = lru_cache(KNOWN_COUNT)(host_of)
