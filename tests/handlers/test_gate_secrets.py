"""Credentials as parameters: got before all else, 401 where they are missing or malformed."""

from base64 import b64encode
from collections.abc import Callable
from typing import Annotated, Any, NewType

import pytest
from msgspec import Meta

from hump_trio import ApiKey, Basic, Bearer, Credentials, Hump
from hump_trio.testing import client
from tests.support.typed_handlers import ask, taking

UserToken = NewType("UserToken", str)
TOKEN = Annotated[str, Bearer()]
USER = Annotated[Credentials, Basic(realm="shop")]
KEY = Annotated[str, ApiKey(header="X-Api-Key")]
COOKIE = Annotated[str, ApiKey(cookie="key")]
MISSING = "credentials are needed"


def basic(text: str) -> str:
    """Return the value that a client sends of a name, a colon and a password."""
    return f"Basic {b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("annotation", "headers", "value"),
    [
        (TOKEN, {"authorization": "Bearer a.b-c"}, "a.b-c"),
        (TOKEN, {"AUTHORIZATION": "bearer  a"}, "a"),
        (Annotated[UserToken, Bearer()], {"authorization": "Bearer a"}, "a"),
        (Annotated[str, Meta(max_length=3), Bearer()], {"authorization": "Bearer abc"}, "abc"),
        (USER, {"authorization": basic("tom:a:b")}, Credentials("tom", "a:b")),
        (KEY, {"x-api-key": "a b, c"}, "a b, c"),
        (COOKIE, {"cookie": "a=b; key=c; key=d"}, "c"),
    ],
)
async def test_credentials_are_values_of_parameters(
    annotation: Any, headers: dict[str, str], value: Any
) -> None:
    """Each from its own place; whether they may be missing changes nothing of that."""
    for handler in (taking(annotation), taking(annotation | None, None)):
        response = await ask(handler, headers=headers)
        assert (response.status_code, response.text) == (200, repr(value))


@pytest.mark.parametrize(
    ("annotation", "challenge"),
    [
        (TOKEN, 'Bearer realm="api"'),
        (Annotated[str, Bearer(realm="tea")], 'Bearer realm="tea"'),
        (USER, 'Basic realm="shop", charset="UTF-8"'),
        (KEY, 'ApiKey header="x-api-key"'),
        (COOKIE, 'ApiKey cookie="key"'),
    ],
)
async def test_what_is_missing_is_asked_for(annotation: Any, challenge: str) -> None:
    """By ``WWW-Authenticate``, without an error; credentials of another scheme are none."""
    for headers in ({}, {"authorization": "Digest a"}, {"x-other": "a", "cookie": "other=a"}):
        response = await ask(taking(annotation), headers=headers)
        assert (response.status_code, response.text) == (401, MISSING)
        assert response.headers["www-authenticate"] == challenge
        response = await ask(taking(annotation | None, None), headers=headers)
        assert (response.status_code, response.text) == (200, "None")


@pytest.mark.parametrize(
    ("annotation", "headers"),
    [
        (TOKEN, {"authorization": "Bearer"}),
        (TOKEN, {"authorization": "Bearer a b"}),
        (TOKEN, {"authorization": ""}),
        (Annotated[str, Meta(max_length=3), Bearer()], {"authorization": "Bearer abcd"}),
        (USER, {"authorization": "Basic tom:secret"}),
        (USER, {"authorization": "Basic dG9t"}),
        (KEY, {"x-api-key": ""}),
        (COOKIE, {"cookie": "key="}),
    ],
)
async def test_what_is_malformed_is_refused(annotation: Any, headers: dict[str, str]) -> None:
    """Even where it may be missing: the client means to be somebody."""
    for handler in (taking(annotation), taking(annotation | None, None)):
        response = await ask(handler, headers=headers)
        assert response.status_code == 401
        assert response.text.startswith("the credentials can't be read: they ")
        challenge = response.headers["www-authenticate"]
        assert challenge.endswith(', error="invalid_token"') == challenge.startswith("Bearer")


@pytest.mark.parametrize(
    ("annotation", "name", "value"),
    [
        (TOKEN, "authorization", "Bearer a"),
        (USER, "authorization", basic("a:b")),
        (KEY, "x-api-key", "a"),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
async def test_what_comes_twice_is_refused(
    annotation: Any, name: str, value: str, apart: bool
) -> None:
    """In fields of their own; a key may well hold a comma, and is another one then."""
    app = Hump()
    app.get("/")(taking(annotation))
    sent = [(name, value)] * 2 if apart else [(name, f"{value}, {value}")]
    async with client(app) as http:
        response = await http.get("/", headers=sent)
    if name == "x-api-key" and not apart:
        assert response.text == repr("a, a")
    else:
        assert response.status_code == 401


async def test_a_refusal_is_a_problem_for_who_prefers_json() -> None:
    """As every other error; it doesn't depend on anything else that is wrong."""

    async def add(item: dict[str, int], token: TOKEN, page: int) -> None:
        """Take all kinds of values."""

    app = Hump()
    app.post("/")(add)
    async with client(app) as http:
        response = await http.post("/?page=x", content=b"{", headers={"accept": "application/json"})
        assert response.json() == {"title": "Unauthorized", "status": 401, "detail": MISSING}
        assert response.headers["content-type"] == "application/problem+json"
        sent = {"authorization": "Bearer a", "content-type": "application/json"}
        response = await http.post("/?page=x", content=b"{", headers=sent)
        assert response.status_code == 400
        assert [each["place"] for each in response.json()["errors"]] == ["body", "query.page"]


async def test_one_of_several_kinds_may_come() -> None:
    """Each that may be missing; two of them together, where they have places of their own."""
    app = Hump()

    @app.get("/")
    async def show(
        token: TOKEN | None = None, user: USER | None = None, key: KEY | None = None
    ) -> str:
        return repr((token, user and user.user, key))

    sent: list[tuple[dict[str, str], tuple[Any, ...]]] = [
        ({}, (None, None, None)),
        ({"authorization": "Bearer a"}, ("a", None, None)),
        ({"authorization": basic("tom:b")}, (None, "tom", None)),
        ({"authorization": "Bearer a", "x-api-key": "c"}, ("a", None, "c")),
    ]
    async with client(app) as http:
        for headers, values in sent:
            assert (await http.get("/", headers=headers)).text == repr(values)


async def test_a_check_runs_before_credentials_are_looked_at() -> None:
    """So that guesses are counted, whether they are right or not."""
    seen: list[str] = []

    async def count(request: Any) -> None:
        seen.append(request.headers.get("authorization", ""))

    def counted(handler: Callable[..., Any]) -> Callable[..., Any]:
        handler.__head_checks__ = (count,)  # type: ignore[attr-defined]  # as decorators set it
        return handler

    assert (await ask(counted(taking(TOKEN)))).status_code == 401
    assert seen == [""]
