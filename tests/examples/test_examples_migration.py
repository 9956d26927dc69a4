"""The example of an app that moves from FastAPI route by route does what its docstring says."""

from examples import migration
from hump_trio.testing import client


async def test_migration__old_and_new_routes_are_one_app() -> None:
    """What has moved is answered by hump_trio, all else by FastAPI, over the same shelf."""
    async with client(migration.app) as http:
        teas = await http.get("/teas")
        tea = await http.get("/teas/1")
        sold = await http.delete("/teas/1")
        gone, sold_again = await http.get("/teas/1"), await http.delete("/teas/1")
        bought = await http.post("/teas", json={"name": "Oolong", "grams": 50})
        left = await http.get("/teas")
    assert teas.json() == [{"name": "Assam", "grams": 250}, {"name": "Sencha", "grams": 100}]
    assert tea.json() == teas.json()[0]
    assert (sold.status_code, gone.status_code, sold_again.status_code) == (204, 404, 404)
    assert bought.json() == left.json() == [teas.json()[1], {"name": "Oolong", "grams": 50}]
    assert gone.headers["content-type"] != sold_again.headers["content-type"]


async def test_migration__what_is_nowhere_is_fastapis() -> None:
    """Its errors, its documents and its lifespan are as they were."""
    async with client(migration.app) as http:
        unknown = await http.get("/coffee")
        document = await http.get("/openapi.json")
        wrong = await http.post("/teas", json={"name": "Oolong"})
    assert unknown.json() == {"detail": "Not Found"}
    assert set(document.json()["paths"]) == {"/teas", "/teas/{number}"}
    assert wrong.status_code == 422
    assert migration.shelf == {}
