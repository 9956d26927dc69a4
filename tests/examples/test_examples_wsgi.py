"""The example beside Flask does what its docstring says."""

import math

import pytest
from trio.testing import MockClock

from examples import beside_flask
from examples.coming_from import flask_logged_in
from hump_trio.testing import client


async def test_beside_flask__each_has_its_routes(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flask's routes are there but for the one that has moved; both know the orders."""
    monkeypatch.setattr(beside_flask, "orders", [])
    autojump_clock.autojump_threshold = math.inf  # a thread has a time of its own
    async with client(beside_flask.app) as http:
        before = await http.get("/")
        order = await http.post("/orders", data={"tea": "green"})
        wrong = await http.post("/orders", data={})
        shown, missing = await http.get("/orders/0"), await http.get("/orders/1")
        autojump_clock.autojump_threshold = 0
        progress = await http.get("/orders/0/progress")
    assert before.text == "0 orders so far\n"
    assert (order.status_code, order.text) == (201, "order 0\n")
    assert wrong.status_code == 400
    assert shown.json() == {"tea": "green"}
    assert (missing.status_code, missing.text) == (404, "no such order")
    assert progress.text == "green: 3 min\ngreen: 2 min\ngreen: 1 min\nready\n"


async def test_flask_logged_in__is_known_on_both_sides() -> None:
    """Flask's log-in to a route that has moved, and our session to a view of Flask's."""
    async with client(flask_logged_in.app, tls=True) as http:
        stranger = await http.get("/basket?of=tea")
        assert stranger.status_code == 303
        assert stranger.headers["location"] == "/login?next=%2Fbasket%3Fof%3Dtea"
        assert (await http.get("/login")).text == "send your name\n"
        blocked = await http.post("/basket", data={"tea": "Assam"})
        assert blocked.headers["location"] == "/login?next=%2Fbasket"
        assert (await http.get("/checkout")).headers["location"] == "/login?next=%2Fcheckout"
        for target, place in (
            ("/basket?of=tea", "/basket?of=tea"),
            ("//evil.example", "/basket"),
            ("/\\evil.example", "/basket"),
            ("https://evil.example", "/basket"),
        ):
            welcome = await http.post("/login", params={"next": target}, data={"name": "Ada"})
            assert welcome.headers["location"] == place
        assert (await http.get("/basket")).text == "Ada has nothing\n"
        for tea in ("Assam", "Sencha"):
            answer = await http.post("/basket", data={"tea": tea})
            assert answer.text == "one more for Ada\n"
        assert (await http.get("/basket")).text == "Ada has Assam, Sencha\n"
        assert (await http.get("/checkout")).text == "Ada takes Assam, Sencha\n"
        assert set(http.cookies) == {"session", "hump_session"}
        http.cookies.clear()
        forged = await http.get("/basket", headers={"cookie": "session=forged.by.somebody"})
        assert forged.status_code == 303
