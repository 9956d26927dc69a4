"""Annotations that are text, and names in them that are defined later or nowhere."""

import functools
import sys
from types import ModuleType
from typing import Any

import pytest

from hump_trio import Hump, Request, RouteError
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import table_of
from hump_trio.testing import client
from tests.support.typed_handlers import parse

WRITTEN = """
from __future__ import annotations
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
import functools
from hump_trio import timeout
if TYPE_CHECKING:
    from hump_trio import Request, Response

@dataclass
class Item:
    name: str
    inner: Item | None = None

async def good(request: Request, item: Item, n: int = 1) -> Item: ...
async def nested(item: list["Item"]) -> list["Item"]: ...
async def bad(item: Itme) -> Item: ...
async def worse(item: "not an annotation") -> Item: ...
decorated = timeout(5)(good)

class Shop:
    async def __call__(self, item: Item) -> Item: ...

def local():
    @dataclass
    class Inner:
        name: str

    @dataclass
    class Outer:
        inner: Inner

    async def named(outer: Outer): ...
    async def held(outer): ...
    held.__annotations__["outer"] = Outer
    return named, held
"""


def test_annotations_may_be_text() -> None:
    """As after ``from __future__ import annotations``; the Request is known without an import."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(WRITTEN, names)
    item = names["Item"]
    for handler in (names["good"], names["decorated"], functools.partial(names["good"])):
        found = parse(handler)
        assert [each.annotation for each in found.parameters] == [Request, item, int]
        assert found.returns is item
    assert parse(names["nested"]).parameters[0].annotation == list.__class_getitem__(item)
    assert parse(names["nested"]).returns == list.__class_getitem__(item)
    assert parse(names["Shop"]()).parameters[0].annotation is item
    assert parse(names["Shop"]().__call__).parameters[0].annotation is item


@pytest.mark.parametrize("name", ["bad", "worse"])
def test_a_name_that_is_not_found_is_named(name: str) -> None:
    """With the parameter that it stands at."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(WRITTEN, names)
    message = f"{name} has a parameter 'item' whose annotation .+ can't be resolved"
    with pytest.raises(RouteError, match=message):
        parse(names[name])


def test_a_class_within_a_function_is_found_by_no_name() -> None:
    """Neither by the handler's annotations nor by another class's."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(WRITTEN, names)
    named, held = names["local"]()
    told = ((named, "'Outer' can't be resolved"), (held, "name 'Inner' is not defined"))
    for handler, what in told:
        app = Hump()
        app.post("/")(handler)
        with pytest.raises(RouteError, match=f"a parameter 'outer' .*{what}"):
            Dispatcher(app, table_of(app))


BELOW = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated
from hump_trio import Hump, Query, Router

app, shop = Hump(), Router()

@dataclass
class Outer:
    inner: Inner

@app.post("/named")
async def named(item: Item) -> Item: return item

@shop.post("/held")
async def held(item: Outer) -> str: return repr(item)

@app.get("/read")
async def read(search: Annotated[Search, Query()]) -> str: return repr(search)

app.include(shop)
app.openapi(title="Shop", version="1")

@dataclass
class Inner:
    name: str

@dataclass
class Item:
    name: str

@dataclass
class Search:
    inner: str
"""


def app_of(source: str, monkeypatch: pytest.MonkeyPatch) -> Hump:
    """Return the app of a module that is imported."""
    module = ModuleType("below")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(source, vars(module))
    app: Hump = vars(module)["app"]
    return app


async def test_a_class_may_be_defined_below_its_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where annotations are text: they are read again when serving begins."""
    async with client(app_of(BELOW, monkeypatch)) as http:
        answer = await http.post("/named", json={"name": "tea"})
        assert (answer.status_code, answer.json()) == (200, {"name": "tea"})
        answer = await http.post("/named", json={"name": 1})
        assert answer.json()["errors"][0]["place"] == "body.name"
        assert (await http.post("/held", json={"inner": {"name": "tea"}})).status_code == 200
        assert (await http.get("/read", params={"inner": "tea"})).text == "Search(inner='tea')"
        document = (await http.get("/openapi.json")).json()
    assert {"Item", "Outer", "Inner"} <= document["components"]["schemas"].keys()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(item: Item)", "(item: Itme)", "named has a parameter 'item' .*'Itme' is not defined"),
        ("class Inner", "class Iner", "held has a parameter 'item' .*'Inner' is not defined"),
        ("class Search", "class Seach", "read has a parameter 'search' .*'Search' is not defined"),
        ("class Item", "class Itme", "named has a parameter 'item' .*'Item' is not defined"),
    ],
)
async def test_a_name_that_is_nowhere_is_told_when_serving_begins(
    old: str, new: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the handler, its parameter and the name; nothing is served."""
    app = app_of(BELOW.replace(old, new), monkeypatch)
    with pytest.raises(RouteError, match=message):
        await app.serve(listeners=[])
