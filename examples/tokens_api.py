"""An API with tokens: a client gets one for its password, and shows it at each call after that.

A token is signed with the first of `KEYS`, and good as long as its key is among them: put a new one
in front, and take the old one away when its last token has expired. What a token is good for (its
scopes) a handler says by what it takes: a `Reader` or a `Writer`. It needs ``PyJWT``.

Try: curl -u robot:a-secret-of-robot http://localhost:8342/tokens -d scope=read
     curl -H 'Authorization: Bearer TOKEN' http://localhost:8342/prices
     curl -i -X PUT -H 'Authorization: Bearer TOKEN' 'http://localhost:8342/prices/tea?pence=250'
     and http://localhost:8342/docs in a browser, which says what each route needs
"""

import os
import time
from dataclasses import dataclass
from typing import Annotated, Any

import jwt
import trio

from hump_trio import (
    Basic,
    Bearer,
    Body,
    Credentials,
    HttpException,
    Hump,
    same_secret,
    statuses,
)

AUDIENCE = "https://prices.example"
EXPIRES_SECONDS = 600
# By name, the newest first, each of 32 characters or more: TOKEN_KEYS="2026-12:... 2026-11:..."
KEYS = dict(
    each.split(":", 1)
    for each in os.environ.get("TOKEN_KEYS", "2026-11:a-secret-that-everybody-can-read").split()
)
CLIENTS = {
    "robot": ("a-secret-of-robot", {"read"}),
    "clerk": ("a-secret-of-clerk", {"read", "write"}),
}
prices = {"tea": 220}

app = Hump("", 8342)
app.openapi(title="Prices", version="1.0")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for, as OAuth 2.0 has it (RFC 6749 section 4.4)."""

    scope: str = "read"
    grant_type: str = "client_credentials"


@dataclass(frozen=True, slots=True)
class Token:
    """What a client gets."""

    access_token: str
    scope: str
    token_type: str = "Bearer"
    expires_in: int = EXPIRES_SECONDS


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what its token is good for."""

    name: str
    scopes: frozenset[str]


class Reader(Caller):
    """A caller who may read."""


class Writer(Caller):
    """A caller who may write."""


def make_token(name: str, scope: str) -> str:
    """Return a token of a client, signed with the newest key."""
    key_name, key = next(iter(KEYS.items()))
    claims = {
        "sub": name,
        "aud": AUDIENCE,
        "scope": scope,
        "exp": int(time.time()) + EXPIRES_SECONDS,
    }
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": key_name})


def read_token(token: str) -> Caller:
    """Return whose token it is.

    Raises:
        jwt.InvalidTokenError: It isn't one of ours, or good no more.
    """
    key = KEYS.get(jwt.get_unverified_header(token).get("kid", ""))
    if key is None:
        raise jwt.InvalidTokenError("no key of ours has signed it")
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=["HS256"],
        audience=AUDIENCE,
        options={"require": ["sub", "aud", "exp", "scope"]},
    )
    return Caller(claims["sub"], frozenset(claims["scope"].split()))


@app.provide
async def caller(token: Annotated[str, Bearer()]) -> Caller:
    try:
        return read_token(token)
    except jwt.InvalidTokenError as error:
        refusal = {"www-authenticate": 'Bearer error="invalid_token"'}
        raise HttpException(statuses.UNAUTHORIZED, str(error), headers=refusal) from error


def check_scope(caller: Caller, scope: str) -> None:
    if scope not in caller.scopes:
        refusal = {"www-authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        raise HttpException(statuses.FORBIDDEN, f"only with {scope}", headers=refusal)


@app.provide
async def reader(caller: Caller) -> Reader:
    check_scope(caller, "read")
    return Reader(caller.name, caller.scopes)


@app.provide
async def writer(caller: Caller) -> Writer:
    check_scope(caller, "write")
    return Writer(caller.name, caller.scopes)


@app.post("/tokens", raises=[401, 403])
async def issue(
    client: Annotated[Credentials, Basic(realm="tokens")], wish: Annotated[Wish, Body(form=True)]
) -> Token:
    """Give a client a token, for its password."""
    secret, scopes = CLIENTS.get(client.user, ("", set[str]()))
    if not same_secret(client.password, secret) or client.user not in CLIENTS:
        raise HttpException(statuses.UNAUTHORIZED, "no such client, or another password")
    if not set(wish.scope.split()) <= scopes:
        raise HttpException(statuses.FORBIDDEN, f"only for {' '.join(sorted(scopes))}")
    return Token(make_token(client.user, wish.scope), wish.scope)


@app.get("/prices", raises=[401, 403])
async def all_prices(reader: Reader) -> dict[str, int]:
    """List what is sold, for a reader."""
    return prices


@app.put("/prices/{name}", raises=[401, 403])
async def set_price(name: str, pence: int, writer: Writer) -> str:
    """Change a price, for a writer."""
    prices[name] = pence
    return f"{name} is {pence} pence, says {writer.name}"


if __name__ == "__main__":
    trio.run(app.serve)
