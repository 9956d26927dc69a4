"""The example of typed handlers does what its docstring says."""

from typing import Any

import pytest

from examples import typed_handlers
from hump_trio.testing import client

TEA: dict[str, Any] = {"title": "tea", "due": "2030-05-01", "steps": [{"text": "boil"}]}


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without a task."""
    monkeypatch.setattr(typed_handlers, "tasks", [])


async def test_typed_handlers__takes_and_gives() -> None:
    """A body, a cookie and a header; then the query and the path."""
    async with client(typed_handlers.app) as http:
        headers = {"cookie": "user=ada", "x-client": "test"}
        made = await http.post("/tasks", json=TEA, headers=headers)
        other = await http.post("/tasks", json={"title": "cup of tea", "done": True})
        assert (made.status_code, made.json()) == (201, {"index": 0, "of": "ada", "by": "test"})
        assert other.json() == {"index": 1, "of": "nobody", "by": ""}
        steps = [{"text": "boil", "minutes": 5}]
        assert (await http.get("/tasks/0")).json() == TEA | {"done": False, "steps": steps}
        for query, titles in {
            "": ["cup of tea", "tea"],
            "?order=due": ["tea", "cup of tea"],
            "?done=1": ["cup of tea"],
            "?word=tea&word=cup": ["cup of tea"],
        }.items():
            found = await http.get(f"/tasks{query}")
            assert [task["title"] for task in found.json()] == titles


async def test_typed_handlers__takes_other_bodies() -> None:
    """A truth value as JSON, and a form."""
    async with client(typed_handlers.app) as http:
        await http.post("/tasks", json=TEA)
        assert (await http.put("/tasks/0/done", json=True)).json()["done"] is True
        assert (await http.put("/tasks/0/done", data={"done": "true"})).status_code == 415
        said = await http.post("/feedback", data={"text": "Nice", "stars": "4"})
        assert said.text == "4 of 5 stars: Nice"
        assert (await http.post("/feedback", json={"text": "Well"})).text == "5 of 5 stars: Well"


async def test_typed_handlers__tells_what_is_wrong() -> None:
    """Each place, as problem+json."""
    async with client(typed_handlers.app) as http:
        answers = [
            await http.get("/tasks?done=maybe"),
            await http.get("/tasks/-1"),
            await http.post("/tasks", json={"title": "", "steps": [{"text": 1}]}),
            await http.post("/tasks", json=TEA),
            await http.post("/tasks", json=TEA),
            await http.get("/tasks/1"),
        ]
    places = [
        [error["place"] for error in answer.json()["errors"]]
        if answer.status_code == 422
        else answer.status_code
        for answer in answers
    ]
    assert places == [
        ["query.done"],
        ["path.index"],
        ["body.title", "body.steps[0].text"],
        201,
        ["body.title"],
        404,
    ]
    assert answers[0].headers["content-type"] == "application/problem+json"
