"""The example of models does what its docstring says."""

from typing import Any

import pytest

from examples import models
from hump_trio.testing import client

LINE: dict[str, Any] = {"tea": "Assam", "grams": 50}


async def test_models__takes_and_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies, unions of them and query values, and what isn't for clients stays here."""
    monkeypatch.setattr(models, "orders", [])
    async with client(models.app) as http:
        made = await http.post("/orders", json={"lines": [LINE]})
        sent = {"by": "post", "address": "Leith"}
        await http.post("/orders", json={"lines": [LINE, LINE], "delivery": sent})
        assert made.status_code == 201
        assert made.json()["delivery"] == {"by": "hand"}
        found = await http.get("/orders?minimum=100")
        assert [set(each) for each in found.json()] == [{"lines", "delivery", "id"}]
        assert found.json()[0]["delivery"] == sent
        taster = await http.post("/tasters", json={"name": "ann", "cups": 9})
        assert taster.json() == {"name": "Ann", "teas": [], "cups": 0}


async def test_models__tells_what_is_wrong() -> None:
    """By the place in the body, not by what pydantic calls its parts."""
    async with client(models.app) as http:
        lines = [LINE, {**LINE, "grams": 0}]
        answer = await http.post("/orders", json={"lines": lines, "delivery": {"by": "post"}})
        assert [each["place"] for each in answer.json()["errors"]] == [
            "body.lines[1].grams",
            "body.delivery.address",
        ]
        answer = await http.get("/orders?minimum=-1")
        assert [each["place"] for each in answer.json()["errors"]] == ["query.minimum"]
        assert (await http.post("/tasters", json={"name": 1})).status_code == 422
