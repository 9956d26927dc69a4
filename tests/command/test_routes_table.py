"""The table of routes."""

import re
from functools import partial
from pathlib import Path

from hump_trio import Hump, Router, WebSocket, timeout
from hump_trio.command.routes_table import render_routes
from hump_trio.dispatch.router import table_of

OPTIONS = "timeout=5 stream=True on_disconnect='finish'"


async def index() -> str:
    """Answer."""
    return "hello"


async def show(tea: int, kind: str) -> str:
    """Answer with both."""
    return f"{tea} {kind}"


async def chat(ws: WebSocket) -> None:
    """Do nothing."""


class Endpoint:
    """A handler that is an object."""

    async def __call__(self) -> str:
        """Answer."""
        return "object"


def test_each_route_has_a_line(tmp_path: Path) -> None:
    """Methods, path, handler and what was said of it; routers' prefixes and folders too."""
    app, shop = Hump(), Router("/shop", timeout=5)
    app.add_route("/", index, methods=["GET"], name="start")
    app.add_route("/teas", timeout(2)(index), methods=["GET", "POST"], body_limit=10)
    shop.get("/{tea:int}", stream=True, on_disconnect="finish")(partial(show, kind="green"))
    app.include(shop)
    app.get("/object")(Endpoint())
    app.static("/assets", tmp_path, index=True)
    app.websocket("/chat")(chat)
    app.websocket("/rooms", origins=["*"], binary=False, timeout=7, on_disconnect=1)(chat)
    table = render_routes(table_of(app))
    assert [re.split(" {2,}", line) for line in table.splitlines()] == [
        ["GET", "/", f"{__name__}.index", "name='start'"],
        ["GET POST", "/teas", f"{__name__}.index", "body_limit=10"],
        ["GET", "/shop/{tea:int}", f"{__name__}.show", OPTIONS],
        ["GET", "/object", f"{__name__}.Endpoint"],
        ["GET", "/assets/{rest:path}", f"files of {tmp_path}"],
        ["GET", "/assets", f"files of {tmp_path}"],
        ["WEBSOCKET", "/chat", f"{__name__}.chat"],
        ["WEBSOCKET", "/rooms", f"{__name__}.chat", "timeout=7 on_disconnect=1 origins=['*']"],
    ]
    assert len({line.index(" /") for line in table.splitlines()}) == 1


def test_no_routes() -> None:
    """An app without any has an empty table."""
    assert render_routes(table_of(Hump())) == ""
