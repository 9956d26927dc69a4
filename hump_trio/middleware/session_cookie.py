"""The signed cookie of a session: what it says, and how an answer sets it."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from hump_trio.facts.loggers import logger
from hump_trio.messages.cookies import encode_cookie, needs_secure
from hump_trio.messages.request import Request, values_of
from hump_trio.messages.response import Response

__all__ = ["SessionCookie", "Ticket"]

# The most bytes of a name and a value that every browser keeps.
COOKIE_BYTES = 4093


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a cookie says of a session. Times are whole seconds of `time.time`.

    Args:
        begun: When the session began, or was renewed.
        seen: When the cookie was set.
        held: What the session holds; with a store its id.
    """

    begun: int
    seen: int
    held: Any


class SessionCookie:
    """Reads and sets the cookie that `Sessions` describes.

    Args:
        secrets: What signs; the first one signs, and all of them are good for reading.
        max_age: Seconds after which a session ends.
        idle: Seconds after which a cookie ends that isn't set again.
        kind: What the cookies hold. One that holds another kind isn't ours.
        name: The cookie's name. A cookie of another name isn't ours either.
        domain: As for `Response.set_cookie`.
        same_site: As for `Response.set_cookie`.

    Raises:
        TypeError: itsdangerous isn't installed.
        ValueError: No browser would keep such a cookie.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        max_age: int,
        idle: int,
        kind: str,
        name: str,
        domain: str | None,
        same_site: Literal["lax", "strict", "none"],
    ) -> None:
        encode_cookie(name, "", secure=True, domain=domain, same_site=same_site)
        signer, self._error = import_signer()
        self._signer = signer(
            secrets[::-1],  # the last one signs
            serializer=json,  # which has a form for every str
            serializer_kwargs={"separators": (",", ":")},
            salt=f"hump_trio.Sessions:{kind}:{name}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )
        self._max_age = max_age
        self._idle = idle
        self._name = name
        self._domain = domain
        self._same_site = same_site
        self._always_secure = bool(needs_secure(name, same_site, partitioned=False))

    def read(self, request: Request) -> Ticket | None:
        """Return what the request's cookie says; None if it isn't ours, or its time is over."""
        text = request.cookies.get(self._name) if values_of(request, "cookie") else None
        if text is None:
            return None
        try:
            ticket = Ticket(*self._signer.loads(text))
        except self._error as error:
            error.__traceback__ = None  # the library's frames hold it, and this one the request
            logger.info(
                "%s %s: none of the secrets has signed the cookie %r, so the session is empty",
                *(request.method, request.target, self._name),
            )
            return None
        return ticket if self.seconds_left(ticket, time.time()) > 0 else None

    def seconds_left(self, ticket: Ticket, now: float) -> float:
        """Return how long a cookie is good for."""
        return min(ticket.begun + self._max_age, ticket.seen + self._idle) - now

    def set(self, request: Request, response: Response, ticket: Ticket) -> None:
        """Have an answer set the cookie.

        No cache that is for many may keep the answer, whatever its handler has said of that, which
        may know of no session: all of them would have one.

        Raises:
            ValueError: Browsers would drop the cookie, since it is too long.
        """
        value = self._signer.dumps([ticket.begun, ticket.seen, ticket.held])
        size = len(self._name) + 1 + len(value)
        if size > COOKIE_BYTES:
            raise ValueError(
                f"the session takes a cookie of {size:,} bytes, and browsers keep {COOKIE_BYTES:,}:"
                " keep the data elsewhere and their key here, or give Sessions a store="
            )
        self._send(request, response, value, int(self.seconds_left(ticket, ticket.seen)))
        said = response.headers.get("cache-control", "")
        response.headers["cache-control"] = kept_private(said)

    def end(self, request: Request, response: Response) -> None:
        """Have an answer end the cookie."""
        self._send(request, response, "", 0)

    def _send(self, request: Request, response: Response, value: str, max_age: int) -> None:
        """Add the cookie to an answer, with the attributes by which browsers take it."""
        response.set_cookie(
            self._name,
            value,
            max_age=max_age,
            domain=self._domain,
            same_site=self._same_site,
            secure=self._always_secure or request.scheme == "https",
        )


def kept_private(said: str) -> str:
    """Return a ``Cache-Control`` by which no cache that is for many keeps an answer.

    Args:
        said: What the answer says by now; what a browser may keep stays as it is.

    Source: RFC 9111 section 5.2.2.
    """
    said_each = [each for part in said.split(",") if (each := part.strip(" \t"))]
    names = [each.partition("=")[0].lower() for each in said_each]
    if "private" in names or "no-store" in names:
        return said
    shared = ("public", "s-maxage")
    own = [each for name, each in zip(names, said_each, strict=True) if name not in shared]
    return ", ".join([*own, "private"])


def import_signer() -> tuple[Any, type[Exception]]:
    """Return the library's class that signs values, and that of the errors it raises.

    Raises:
        TypeError: The library isn't installed.
    """
    try:
        from itsdangerous import BadData, URLSafeSerializer
    except ImportError as error:
        raise TypeError("sessions need itsdangerous: pip install 'hump-trio[sessions]'") from error
    return URLSafeSerializer, BadData
