"""The examples of everyday web work do what their docstrings say."""

from examples import routers
from hump_trio.testing import client


async def test_routers__are_one_app() -> None:
    """The shop's routes, middleware and errors are there below its prefix, and only there."""
    async with client(routers.app) as http:
        index = await http.get("/")
        tea = await http.get(index.json()["tea"])
        coffee = await http.get("/shop/items/coffee")
    assert "x-shop" not in index.headers
    assert (tea.json(), tea.headers["x-shop"]) == ({"tea": 3}, "open")
    assert (coffee.status_code, coffee.text) == (404, "we are out of that")
