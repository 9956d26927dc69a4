"""The example of a documented API does what its docstring says."""

from examples import documented_api
from hump_trio.testing import client


async def test_documented_api__says_what_it_does() -> None:
    """The document has what the signatures and the routes' hints say, and the page shows it."""
    async with client(documented_api.app) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
        page = await http.get("/docs")
        black = await http.get("/teas", params={"kind": "black"})
        order = await http.post("/orders", json={"tea": "Assam", "grams": 50})
        placed = await http.get(order.headers["location"])
        unknown = await http.get("/teas/Coffee")
        live = await http.get("/live")
    assert list(paths) == ["/teas", "/teas/{name}", "/orders", "/orders/{number}"]
    assert list(paths["/orders"]["post"]["responses"]) == ["201", "400", "404", "409", "415", "422"]
    assert "There is no such tea." in page.text
    assert [tea["name"] for tea in black.json()] == ["Assam"]
    assert (order.status_code, unknown.status_code, live.status_code) == (201, 404, 204)
    assert paths["/teas/{name}"]["get"]["tags"] == ["teas"]
    assert placed.json() == {"tea": "Assam", "grams": 50, "note": ""}
