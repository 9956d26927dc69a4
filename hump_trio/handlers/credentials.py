"""Markers of credentials in ``Annotated``: a token, a name and a password, or a key of the API."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Never, overload

from hump_trio.content.annotations import kinds_of
from hump_trio.handlers.markers import Secret
from hump_trio.handlers.parsing import parser_of
from hump_trio.handlers.steps import Parse
from hump_trio.messages.authorization import (
    Credentials,
    encode_challenge,
    parse_authorization,
    parse_basic,
)
from hump_trio.messages.headers import check_field
from hump_trio.messages.request import Request, values_of

__all__ = ["ApiKey", "Basic", "Bearer"]


@dataclass(frozen=True, slots=True, init=False)
class Bearer(Secret):
    """Takes a parameter from a bearer token: ``token: Annotated[str, Bearer()]``.

    The token is that of ``Authorization: Bearer ...``. What it is worth is for the handler to say:
    by `same_secret`, by a look into a database, or by a library for signed tokens. A request
    without a token, or with a malformed one, is refused with 401 before its body is read. With
    ``| None = None`` the token may be missing.

    Args:
        realm: What the token is for, in words for the client.

    Raises:
        TypeError: The realm isn't text.
        ValueError: The realm is empty, or isn't printable ASCII.

    Source: RFC 6750.
    """

    scheme: ClassVar[str] = "bearer"

    alias: str = field(repr=False)
    challenge: str = field(repr=False)
    realm: str

    def __init__(self, *, realm: str = "api") -> None:
        check_realm("Bearer()", realm)
        object.__setattr__(self, "alias", "")
        object.__setattr__(self, "challenge", encode_challenge("Bearer", realm=realm))
        object.__setattr__(self, "realm", realm)

    def __reader__(self, annotation: Any) -> Callable[[Request], str | None]:
        """Return what reads a token (see `Secret.__reader__`)."""
        parse = parser_of_text(annotation, "Bearer()")

        def read(request: Request) -> str | None:
            token = parse_authorization(values_of(request, "authorization"), "bearer")
            return None if token is None else parsed(token, parse)

        return read


@dataclass(frozen=True, slots=True, init=False)
class Basic(Secret):
    """Takes a parameter from a user's name and password: ``Annotated[Credentials, Basic(realm=)]``.

    They are those of ``Authorization: Basic ...``, in UTF-8; a browser asks its user for both. A
    request without them, or with malformed ones, is refused with 401 before its body is read. With
    ``| None = None`` they may be missing.

    Args:
        realm: What they are for; browsers show it, and send them again for the same realm.

    Raises:
        TypeError: There is no realm, or it isn't text.
        ValueError: The realm is empty, or isn't printable ASCII.

    Source: RFC 7617.
    """

    scheme: ClassVar[str] = "basic"

    alias: str = field(repr=False)
    challenge: str = field(repr=False)
    realm: str

    def __init__(self, *, realm: str) -> None:
        check_realm("Basic(realm=...)", realm)
        challenge = encode_challenge("Basic", realm=realm, charset="UTF-8")
        object.__setattr__(self, "alias", "")
        object.__setattr__(self, "challenge", challenge)
        object.__setattr__(self, "realm", realm)

    def __reader__(self, annotation: Any) -> Callable[[Request], Credentials | None]:
        """Return what reads a user's name and password (see `Secret.__reader__`)."""
        if kinds_of(annotation) != [Credentials]:
            raise TypeError("write Annotated[Credentials, Basic(realm=...)]")
        return read_basic


@dataclass(frozen=True, slots=True, init=False)
class ApiKey(Secret):
    """Takes a parameter from a key of the API: ``Annotated[str, ApiKey(header="x-api-key")]``.

    A key is in a header field or in a cookie. It is never in the query: that ends up in logs,
    histories and ``Referer`` fields. A request without a key, or with an empty one, is refused with
    401 before its body is read. With ``| None = None`` the key may be missing.

    Args:
        header: The name of the header field.
        cookie: The name of the cookie, instead.
        unknown: Other places, which are refused.

    Raises:
        TypeError: There isn't one of both.
        ValueError: It can't be a name.
    """

    alias: str = field(repr=False)
    challenge: str = field(repr=False)
    header: str
    cookie: str

    @overload
    def __init__(self, *, header: str) -> None: ...

    @overload
    def __init__(self, *, cookie: str) -> None: ...

    def __init__(self, *, header: str = "", cookie: str = "", **unknown: Never) -> None:
        name = header or cookie
        if unknown or not name or (header and cookie) or not isinstance(name, str):
            raise TypeError(
                'an API key is in a header or a cookie, as in ApiKey(header="x-api-key"), and never'
                " in the query, which ends up in logs"
            )
        check_field(name, "")
        challenge = encode_challenge("ApiKey", header=header.lower(), cookie=cookie)
        object.__setattr__(self, "alias", "")
        object.__setattr__(self, "challenge", challenge)
        object.__setattr__(self, "header", header.lower())
        object.__setattr__(self, "cookie", cookie)

    def __reader__(self, annotation: Any) -> Callable[[Request], str | None]:
        """Return what reads a key (see `Secret.__reader__`)."""
        parse = parser_of_text(annotation, "ApiKey(...)")
        header, cookie = self.header, self.cookie

        def read(request: Request) -> str | None:
            if cookie:
                found = [request.cookies[cookie]] if cookie in request.cookies else []
            else:
                found = values_of(request, header)
            if len(found) > 1:
                raise ValueError("they come twice")
            if found and not found[0]:
                raise ValueError("they are empty")
            return parsed(found[0], parse) if found else None

        return read


def check_realm(marker: str, realm: str) -> None:
    """Refuse what can't be a realm.

    Raises:
        TypeError: It isn't text.
        ValueError: It is empty.
    """
    if not isinstance(realm, str):
        raise TypeError(f"the realm of {marker} is text, not {realm!r:.80}")
    if not realm:
        raise ValueError(f"the realm of {marker} says what the credentials are for: it isn't empty")


def parser_of_text(annotation: Any, marker: str) -> Parse:
    """Return what makes a value of a text, which may have to look like something.

    Raises:
        TypeError: The value isn't text, and what the marker's is instead.
    """
    parse = parser_of(annotation) if kinds_of(annotation) == [str] else None
    if parse is None:
        raise TypeError(f"write Annotated[str, {marker}]")
    return parse


def parsed(text: str, parse: Parse) -> str:
    """Return a value of a text.

    Raises:
        ValueError: The text breaks a constraint beside the marker, whose words may repeat it.
    """
    try:
        value: str = parse(text)
    except ValueError:
        raise ValueError("they aren't what they have to look like") from None
    return value


def read_basic(request: Request) -> Credentials | None:
    """Return a user's name and password; None if there are none.

    Raises:
        ValueError: They are malformed.
    """
    token = parse_authorization(values_of(request, "authorization"), "basic")
    return None if token is None else parse_basic(token)
