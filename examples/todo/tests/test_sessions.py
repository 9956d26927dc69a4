"""Who registers, logs in and out, with SQLite in memory."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hump_trio.testing import client

from .. import passwords
from ..app import make_app
from ..settings import Settings

SECRETS = ("a secret that only these tests know",)
ADA = {"name": "ada", "password": "0 1 1 2 3 5"}


@pytest.fixture
async def http(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A client of the service, who has registered. Passwords are hashed in less time here."""
    monkeypatch.setattr(passwords, "COST", 2)
    app = make_app(Settings("sqlite::memory:", SECRETS))
    async with client(app, base_url="https://testserver") as http:
        assert (await http.post("/users", json=ADA)).json()["admin"] is True
        yield http


async def test_who_logs_in_has_todos(http: Any) -> None:
    """Until logging out."""
    assert (await http.get("/todos")).status_code == 401
    assert (await http.post("/session", json=ADA)).json()["name"] == "ada"
    await http.post("/todos", json={"title": "drink tea"})
    assert [todo["title"] for todo in (await http.get("/todos")).json()] == ["drink tea"]
    assert (await http.delete("/session")).status_code == 204
    assert (await http.get("/session")).status_code == 401


@pytest.mark.parametrize("wrong", [{"name": "bob"}, {"password": "0 1 1 2 3 8"}])
async def test_nobody_else_logs_in(wrong: dict[str, str], http: Any) -> None:
    """A name that nobody has is refused as a wrong password is."""
    refused = await http.post("/session", json=ADA | wrong)
    assert (refused.status_code, refused.text) == (401, "name or password is wrong")


async def test_nobody_tries_many_passwords(http: Any) -> None:
    """After ten in a minute a client has to wait, even for the right one."""
    for _ in range(10):
        assert (
            await http.post("/session", json=ADA | {"password": "another guess"})
        ).status_code == 401
    assert (await http.post("/session", json=ADA)).status_code == 429


async def test_a_name_is_one_users(http: Any) -> None:
    """Another one isn't an admin, and sees no todos but its own."""
    assert (await http.post("/users", json=ADA)).status_code == 409
    bob = ADA | {"name": "bob"}
    assert (await http.post("/users", json=bob)).json()["admin"] is False
    await http.post("/session", json=ADA)
    todo = (await http.post("/todos", json={"title": "drink tea"})).json()
    await http.post("/session", json=bob)
    assert (await http.get("/todos")).json() == []
    assert (await http.delete(f"/todos/{todo['id']}")).status_code == 404


async def test_pages_of_other_sites_do_nothing(http: Any) -> None:
    """Even in the browser of who is logged in."""
    await http.post("/session", json=ADA)
    forged = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    refused = await http.post("/todos", json={"title": "drink poison"}, headers=forged)
    assert refused.status_code == 403
    assert (await http.get("/todos")).json() == []
