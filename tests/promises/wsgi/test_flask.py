"""Flask, mounted: what its users rely on works below a prefix, beside routes of our own."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import flask
import httpx2
import pytest
import trio

from hump_trio import Hump
from hump_trio.testing import client
from hump_trio.wsgi import Wsgi
from tests.support.wire import ask, request
from tests.support.wsgi_apps import validated


@pytest.fixture
def shop(tmp_path: Path) -> flask.Flask:
    """An app with a bit of everything."""
    (tmp_path / "style.css").write_text("p { color: teal }")
    shop = flask.Flask("shop", static_folder=str(tmp_path), static_url_path="/static")
    shop.secret_key = "a test"

    @shop.get("/")
    def index() -> str:
        return flask.url_for("item", name="green tea")

    @shop.get("/items/<name>")
    def item(name: str) -> dict[str, Any]:
        args = flask.request.args
        return {
            "item": name,
            "size": args.get("size"),
            "url": flask.request.url.partition("://")[2],
        }

    @shop.post("/orders")
    def order() -> Any:
        form, file = flask.request.form, flask.request.files["note"]
        flask.session["name"] = form["name"]
        flask.session["bytes"] = len(file.read())
        return flask.redirect(flask.url_for("status"))

    @shop.post("/json")
    def read_json() -> Any:
        return flask.jsonify(flask.request.get_json())

    @shop.get("/status")
    def status() -> str:
        return f"{flask.session['name']} sent {flask.session['bytes']}"

    @shop.get("/stream")
    def stream() -> flask.Response:
        def lines() -> Iterator[str]:
            for number in range(3):
                yield f"{number} {flask.request.args['of']}\n"

        return flask.Response(flask.stream_with_context(lines()), mimetype="text/plain")

    @shop.get("/fail")
    def fail() -> str:
        raise LookupError("sold out")

    @shop.get("/abort")
    def abort() -> str:
        flask.abort(410)

    @shop.errorhandler(410)
    def gone(error: Exception) -> tuple[str, int, dict[str, str]]:
        return "gone", 410, {"x-shop": "closed"}

    @shop.after_request
    def mark(response: flask.Response) -> flask.Response:
        response.headers["x-flask"] = flask.request.endpoint or "none"
        return response

    return shop


@pytest.fixture
async def http(shop: flask.Flask) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an app that has the shop mounted."""
    async with client(host_of(shop), follow_redirects=True) as http:
        yield http


def host_of(shop: flask.Flask) -> Hump:
    """Return an app with the shop below a prefix, and a route in its place."""
    host = Hump()

    @host.get("/old/new")
    async def new() -> str:
        return "new"

    host.mount("/old", Wsgi(validated(shop)))
    return host


async def test_routes(http: httpx2.AsyncClient) -> None:
    """Paths and queries reach them, and the URLs that they make have the prefix."""
    assert (await http.get("/old/")).text == "/old/items/green%20tea"
    assert (await http.get("/old")).text == "/old/items/green%20tea"  # redirected
    response = await http.get("/old/items/t%C3%A9?size=2")
    assert response.json() == {
        "item": "té",
        "size": "2",
        "url": "testserver/old/items/té?size=2",
    }
    assert response.headers["x-flask"] == "item"
    assert (await http.get("/old/new")).text == "new"


async def test_methods(http: httpx2.AsyncClient) -> None:
    """Flask answers those that a route lacks, HEAD and OPTIONS too."""
    head = await http.head("/old/items/tea")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    options = await http.options("/old/orders")
    assert sorted(options.headers["allow"].split(", ")) == ["OPTIONS", "POST"]
    assert (await http.delete("/old/orders")).status_code == 405
    assert (await http.get("/old/nowhere")).headers["x-flask"] == "none"


async def test_forms_and_sessions(http: httpx2.AsyncClient) -> None:
    """A form with a file larger than other bodies may be, and a signed cookie that remembers it."""
    files = {"note": ("note.txt", bytes(2_000_000))}
    response = await http.post("/old/orders", data={"name": "Ada"}, files=files)
    assert (response.status_code, response.text) == (200, "Ada sent 2000000")
    assert len(response.history) == 1


async def test_a_chunked_body(http: httpx2.AsyncClient) -> None:
    """Flask reads none whose length it isn't told."""

    async def body() -> AsyncIterator[bytes]:
        yield b'{"tea":'
        yield b'"green"}'

    fields = {"content-type": "application/json"}
    response = await http.post("/old/json", content=body(), headers=fields)
    assert response.json() == {"tea": "green"}


async def test_streams(http: httpx2.AsyncClient) -> None:
    """The request's context is there until the last part."""
    response = await http.get("/old/stream?of=3")
    assert response.text == "0 3\n1 3\n2 3\n"
    assert "content-length" not in response.headers


async def test_errors(http: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """Flask answers and logs its own, by its handlers."""
    response = await http.get("/old/abort")
    assert (response.status_code, response.text) == (410, "gone")
    assert response.headers["x-shop"] == "closed"
    assert (await http.get("/old/fail")).status_code == 500
    [error] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert error.name == "shop"


async def test_an_error_that_flask_lets_through(
    shop: flask.Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """As where it is tested: our 500, our log."""
    shop.config["PROPAGATE_EXCEPTIONS"] = True
    async with client(host_of(shop)) as http:
        assert (await http.get("/old/fail")).status_code == 500
    [error] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert error.getMessage() == "GET /old/fail failed: route /old/{rest:path}, handler Flask"


async def test_files(http: httpx2.AsyncClient) -> None:
    """Static ones, whole or in part, and not again."""
    response = await http.get("/old/static/style.css")
    assert response.text == "p { color: teal }"
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    fields = {"if-none-match": response.headers["etag"]}
    again = await http.get("/old/static/style.css", headers=fields)
    assert (again.status_code, again.content) == (304, b"")
    part = await http.get("/old/static/style.css", headers={"range": "bytes=0-0"})
    assert (part.status_code, part.content) == (206, b"p")
    assert (await http.get("/old/static/%2e%2e/style.css")).status_code == 404


async def test_many_at_a_time(shop: flask.Flask) -> None:
    """Each request has its own context, whatever threads they share."""
    found: list[tuple[int, str]] = []

    async def ask_for(http: httpx2.AsyncClient, number: int) -> None:
        found.append((number, (await http.get(f"/old/items/{number}")).json()["item"]))

    host = host_of(shop)
    async with client(host) as http, trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(ask_for, http, number)
    assert sorted(found) == [(number, str(number)) for number in range(60)]


async def test_on_one_connection(shop: flask.Flask) -> None:
    """An answer's end is where the next one begins."""
    host = host_of(shop)
    data = request("GET", "/old/stream?of=2") + request("HEAD", "/old/stream?of=2")
    data += request("GET", "/old/items/x")
    answers = await ask(host, data, "GET", "HEAD", "GET")
    assert [len(each.body) for each in answers[:2]] == [12, 0]
    assert b'"item":"x"' in answers[2].body
