"""The API with tokens lets in whom it should, and nobody else."""

import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from openapi_spec_validator import validate

from examples import tokens_api
from hump_trio.testing import client

app = tokens_api.app
KEY_NAME, KEY = next(iter(tokens_api.KEYS.items()))
STRANGE = ".".join(["eyJhbGciOiJIUzI1NiIsImtpZCI6W119", "e30", "YQ"])  # its "kid" is a list
CLERK = ("clerk", "a-secret-of-clerk")


def forge(
    claims: Mapping[str, Any] = {},
    headers: Mapping[str, Any] = {},
    key: str = KEY,
    by: str = "HS256",
) -> str:
    """Return a token that would be a good one, but for what is given."""
    good: dict[str, Any] = {"sub": "mallory", "aud": tokens_api.AUDIENCE, "scope": "read write"}
    good["exp"] = int(time.time()) + 60
    kept = {name: value for name, value in {**good, **claims}.items() if value is not None}
    return jwt.encode(kept, key, algorithm=by, headers={"kid": KEY_NAME, **headers})


async def call(method: str, path: str, token: str) -> Any:
    """Return the answer to a call with a token."""
    async with client(app) as http:
        return await http.request(method, path, headers={"authorization": f"Bearer {token}"})


async def get_token(scope: str, user: tuple[str, str] = CLERK) -> Any:
    """Return the answer to a client that wants a token."""
    async with client(app) as http:
        return await http.post("/tokens", data={"scope": scope}, auth=user)


async def test_tokens_api__gives_a_token_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is good for what it was asked for."""
    monkeypatch.setattr(tokens_api, "prices", {"tea": 220})
    given = (await get_token("read write")).json()
    assert given == {
        **{"access_token": given["access_token"], "scope": "read write"},
        **{"token_type": "Bearer", "expires_in": 600},
    }
    token = given["access_token"]
    assert (await call("GET", "/prices", token)).json() == {"tea": 220}
    changed = await call("PUT", "/prices/tea?pence=250", token)
    assert changed.text == "tea is 250 pence, says clerk"


@pytest.mark.parametrize("user", [("clerk", "x"), ("clerk", ""), ("mallory", ""), ("", "")])
async def test_tokens_api__gives_none_for_another(user: tuple[str, str]) -> None:
    """Whether such a client exists isn't told."""
    refused = await get_token("read", user)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith('Basic realm="tokens"')
    assert refused.text == "no such client, or another password"


async def test_tokens_api__gives_no_more_than_a_client_may() -> None:
    """Neither to one that asks for more, nor to one whose token is for less."""
    robot = ("robot", "a-secret-of-robot")
    assert (await get_token("read write", robot)).status_code == 403
    token = (await get_token("read", robot)).json()["access_token"]
    refused = await call("PUT", "/prices/tea?pence=1", token)
    assert refused.status_code == 403
    challenge = 'Bearer error="insufficient_scope", scope="write"'
    assert refused.headers["www-authenticate"] == challenge


@pytest.mark.parametrize(
    "token",
    [
        *("x", "a.b.c", "....", forge() + "x", STRANGE),
        forge({"exp": int(time.time()) - 1}),
        *(forge({name: None}) for name in ("sub", "aud", "exp", "scope")),
        *(forge({"aud": "https://tea.example"}), forge({"nbf": int(time.time()) + 60})),
        *(forge(headers={"kid": "2020-01"}), forge(headers={"kid": ""})),
        *(forge(key="another secret, of thirty-two letters"), forge(key="", by="none")),
        forge(key=KEY * 2, by="HS512"),
    ],
)
async def test_tokens_api__refuses_other_tokens(token: str) -> None:
    """Forged, expired, of another service or incomplete: a 401 that says which scheme is meant."""
    refused = await call("GET", "/prices", token)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_tokens_api__changes_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token outlives a new key in front of its own, and ends with its own."""
    token = (await get_token("read")).json()["access_token"]
    new = {"2026-12": "a new secret that only this test knows"}
    monkeypatch.setattr(tokens_api, "KEYS", {**new, KEY_NAME: KEY})
    newer = (await get_token("read")).json()["access_token"]
    assert jwt.get_unverified_header(newer)["kid"] == "2026-12"
    assert (await call("GET", "/prices", token)).status_code == 200
    monkeypatch.setattr(tokens_api, "KEYS", new)
    assert (await call("GET", "/prices", token)).status_code == 401
    assert (await call("GET", "/prices", newer)).status_code == 200


async def test_tokens_api__says_in_its_document_what_is_needed() -> None:
    """By the schemes of its credentials, which a handler takes by way of providers."""
    async with client(app) as http:
        document = (await http.get("/openapi.json")).json()
    validate(document)
    schemes = document["components"]["securitySchemes"]
    used = {
        (path, method): schemes[next(iter(operation["security"][0]))]["scheme"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert used == {
        ("/tokens", "post"): "basic",
        ("/prices", "get"): "bearer",
        ("/prices/{name}", "put"): "bearer",
    }
