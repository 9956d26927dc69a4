"""The ``Authorization`` field of a request, and the ``WWW-Authenticate`` field that asks for it.

What a client sends is read to the letter: what two programs could read differently is malformed.

Source: RFC 9110 section 11; RFC 7617 for Basic, RFC 6750 for Bearer.
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from hump_trio.facts.grammar import TOKEN

__all__ = ["Credentials", "encode_challenge", "parse_authorization", "parse_basic"]

# RFC 9110 section 11.2, behind the scheme and the blanks that section 11.4 has there.
TOKEN68 = re.compile(r" +([0-9A-Za-z._~+/-]+=*)")
# What RFC 7617 section 2 allows in neither the name nor the password.
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
PLAIN_TEXT = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, as a client has sent them: nobody has checked them yet.

    Args:
        user: The name; it has no colon, and may be empty.
        password: The password; it may be empty. Compare it by `same_secret`, or by the function of
            a library that hashes passwords.
    """

    user: str
    password: str = field(repr=False)


def parse_authorization(values: Sequence[str], scheme: str) -> str | None:
    """Return the token that stands behind a scheme; None if that scheme didn't come.

    Args:
        values: The values of the ``Authorization`` fields.
        scheme: The scheme in lower case; clients may write it in any.

    Raises:
        ValueError: The field comes twice, or its value is malformed.
    """
    if not values:
        return None
    if len(values) > 1:
        raise ValueError("they come twice")
    value = values[0].strip(" \t")
    named = TOKEN.match(value)
    if named is None:
        raise ValueError("they name no scheme")
    if named[0].lower() != scheme:
        return None
    token = TOKEN68.fullmatch(value, named.end())
    if token is None:
        raise ValueError("they are malformed")
    return token[1]


def parse_basic(token: str) -> Credentials:
    """Return the user's name and the password that a token of Basic is.

    Raises:
        ValueError: It isn't the base64 of UTF-8, has no colon, or has control characters.
    """
    try:
        data = a2b_base64(token)
        text = data.decode()
    except ValueError:  # its words would repeat what came
        raise ValueError("they are no base64 of UTF-8") from None
    if b2a_base64(data, newline=False) != token.encode():  # decoders differ in what they pass over
        raise ValueError("they are no base64 of UTF-8")
    user, colon, password = text.partition(":")
    if not colon or CONTROLS.search(text):
        raise ValueError("they are no name, a colon and a password")
    return Credentials(user, password)


def encode_challenge(scheme: str, **parameters: str) -> str:
    """Return a value of ``WWW-Authenticate``.

    Args:
        scheme: The scheme.
        parameters: Printable ASCII; empty ones are left out.

    Raises:
        ValueError: A parameter has other characters.
    """
    pairs: list[str] = []
    for name, value in parameters.items():
        if not PLAIN_TEXT.fullmatch(value):
            raise ValueError(f"the {name} is printable ASCII, not {value!r:.80}")
        quoted = re.sub(r'(["\\])', r"\\\1", value)
        pairs += [f'{name}="{quoted}"'] if value else []
    return f"{scheme} {', '.join(pairs)}" if pairs else scheme
