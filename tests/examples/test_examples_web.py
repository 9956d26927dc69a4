"""The examples of everyday web work do what their docstrings say."""

import math
import runpy
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from trio.testing import MockClock

from examples import etags, forms, login_required, metrics, routers, sessions, tracing, watching
from hump_trio import Hump
from hump_trio.testing import client
from tests.promises.clients.test_clients import curl
from tests.support.loopback import served

ROOT = Path(__file__).parents[2]


async def test_routers__are_one_app() -> None:
    """The shop's routes, middleware and errors are there below its prefix, and only there."""
    async with client(routers.app) as http:
        index = await http.get("/")
        tea = await http.get(index.json()["tea"])
        coffee = await http.get("/shop/items/coffee")
    assert "x-shop" not in index.headers
    assert (tea.json(), tea.headers["x-shop"]) == ({"tea": 3}, "open")
    assert (coffee.status_code, coffee.text) == (404, "we are out of that")


async def test_forms__a_picture_and_a_name() -> None:
    """The page greets whom the cookie names; a form's file is summed up, however it is called."""
    async with client(forms.app) as http:
        stranger = await http.get("/")
        files = {"picture": ("<i>.png", b"picture" * 20_000, "image/png")}
        sent = await http.post("/", data={"name": "<Ada> & co; ü"}, files=files)
        known = await http.get("/")
        sizes = await http.post("/sizes", files=[("files", ("a", b"1")), ("files", ("b", b""))])
        empty = await http.post("/", data={"name": "Ada"}, files={"picture": ("", b"")})
    digest = sha256(b"picture" * 20_000).hexdigest()
    assert "Hello, stranger!" in stranger.text
    assert f"&lt;i&gt;.png: 140000 bytes, {digest}" in sent.text
    assert "Hello, &lt;Ada&gt; &amp; co; ü!" in known.text
    assert sizes.json() == {"a": 1, "b": 0}
    assert (empty.status_code, empty.text) == (400, "the field 'picture' is missing")


async def test_login_required__lets_in_who_is_known() -> None:
    """With a user for handlers that have one, their own values, and the request."""
    async with client(login_required.app) as http:
        strangers = [await http.get(path) for path in ("/", "/orders/7")]
        await http.post("/login", data={"name": "Ada"})
        index = await http.get("/")
        order = await http.get("/orders/7?detailed=true")
        other = await http.get("/orders/few")
    assert [each.status_code for each in strangers] == [401, 401]
    assert index.text == "Hello, Ada!"
    assert order.json() == {"order": 7, "for": "Ada", "path": "/orders/7", "detailed": True}
    assert (other.status_code, other.json()["detail"][:10]) == (422, "path.order")


@pytest.mark.program("curl")
async def test_sessions__with_curl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the docstring: a log-in, a note, and another site's form; then a log-out."""
    monkeypatch.setattr(sessions.app, "host", "127.0.0.1")
    monkeypatch.setattr(sessions.app, "port", 0)
    jar = ["-b", str(tmp_path / "jar"), "-c", str(tmp_path / "jar")]
    async with served(sessions.app) as url:
        wrong = await curl(*jar, f"{url}/login", "-d", "name=Eve", "-d", "password=x")
        stranger = await curl(*jar, f"{url}/notes", "-d", "note=Spam")
        await curl(*jar, f"{url}/login", "-d", "name=<Ada>", "-d", "password=tea")
        await curl(*jar, f"{url}/notes", "-d", "note=Milk")
        evil = ["-H", "Origin: https://evil.example"]
        forged = await curl(*jar, "-i", f"{url}/notes", "-d", "note=Spam", *evil)
        page = await curl(*jar, f"{url}/")
        await curl(*jar, f"{url}/logout", "-X", "POST")
        left = await curl(*jar, f"{url}/")
    assert (wrong, stranger) == ("wrong name or password", "log in first")
    assert " 403 Forbidden\n" in forged
    assert "<h1>&lt;Ada&gt;</h1><ul><li>Milk</li></ul>" in page
    assert "Log in" in left


@pytest.mark.program("curl")
async def test_forms__with_curl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the docstring, on a free port."""
    monkeypatch.setattr(forms.app, "host", "127.0.0.1")
    monkeypatch.setattr(forms.app, "port", 0)
    jar = str(tmp_path / "jar")
    async with served(forms.app) as url:
        readme = f"picture=@{Path(__file__).parents[2] / 'README.md'}"
        sent = await curl("-c", jar, "-F", "name=Ada", "-F", readme, f"{url}/")
        known = await curl("-b", jar, f"{url}/")
    assert "README.md: " in sent
    assert "Hello, Ada!" in known


TEAS = "/shop/teas"


def unsold() -> Hump:
    """Return the shop as it is when it opens."""
    app = runpy.run_path(str(ROOT / "examples" / "tea_shop.py"))["app"]
    assert isinstance(app, Hump)
    app.host, app.port = "127.0.0.1", 0
    return app


async def test_tea_shop__takes_and_gives_typed_values() -> None:
    """Lists by kind, shows one, takes one more, and says where it is."""
    async with client(unsold()) as http:
        green = await http.get(TEAS, params={"kind": "green"})
        assert green.json() == [{"name": "Sencha", "price": 6.0, "kind": "green"}]
        assert len((await http.get(TEAS, params={"limit": 1})).json()) == 1
        added = await http.post(TEAS, json={"name": "Assam", "price": 3})
        assert added.status_code == 201
        tea = await http.get(added.headers["location"])
        assert tea.json() == {"name": "Assam", "price": 3.0, "kind": "black"}
        again = await http.post(TEAS, json={"name": "Assam", "price": 3})
        assert (again.status_code, again.text) == (409, "this tea is here already")


@pytest.mark.parametrize(
    ("path", "body", "status", "places"),
    [
        (f"{TEAS}?kind=white&limit=few", None, 422, ["query.kind", "query.limit"]),
        (f"{TEAS}/two", None, 422, ["path.number"]),
        (TEAS, {"price": "dear", "kind": 1}, 422, ["body.name", "body.price", "body.kind"]),
        (TEAS, [], 422, ["body"]),
    ],
)
async def test_tea_shop__says_what_is_wrong(
    path: str, body: object, status: int, places: list[str]
) -> None:
    """Every place at once."""
    async with client(unsold()) as http:
        answer = await http.request("GET" if body is None else "POST", path, json=body)
    assert answer.status_code == status
    assert sorted(each["place"] for each in answer.json()["errors"]) == sorted(places)


async def test_tea_shop__tells_orders_live(autojump_clock: MockClock) -> None:
    """Each as an event with its number."""
    async with client(unsold()) as http:
        orders = (await http.get("/shop/orders")).text
        missing = await http.get(f"{TEAS}/9")
        autojump_clock.autojump_threshold = math.inf  # a disk has a time of its own
        source = await http.get("/source/tea_shop.py", headers={"range": "bytes=0-20"})
        autojump_clock.autojump_threshold = 0
    assert orders.startswith(
        'event: order\nid: 1\ndata: {"name":"Darjeeling","price":4.5,"kind":"black"}\n\n'
    )
    assert (missing.status_code, missing.text) == (404, "there is no tea 9")
    assert (source.status_code, source.text) == (206, '"""A whole service in')


async def test_watching__counts_what_was_asked_and_tells_what_was_slow(
    capsys: pytest.CaptureFixture[str], autojump_clock: MockClock
) -> None:
    """With the steps that the slow one has noted, its streamed ones too."""
    watching.figures.clear()
    async with client(watching.app) as http:
        await http.get("/teas/green")
        await http.get("/nothing")
        figures = (await http.get("/figures")).json()
    assert figures == {"GET /teas/{tea} 200 ok": 1, "GET - 404 refused": 1}
    line = capsys.readouterr().out
    assert '"GET /teas/green" 200' in line
    assert line.endswith("heat the water, then put in the green tea, then wait\n")


async def test_etags__nobody_is_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The four requests of its docstring, and one for a tea that there isn't."""
    monkeypatch.setattr(etags, "teas", {1: etags.Tea("sencha")})
    async with client(etags.app) as http:
        found = await http.get("/teas/1")
        same = await http.get("/teas/1", headers={"if-none-match": '"1"'})
        first, late = [
            await http.put("/teas/1", json={"name": name}, headers={"if-match": '"1"'})
            for name in ("gyokuro", "bancha")
        ]
        missing = [await http.get("/teas/2"), await http.put("/teas/2", json={"name": "x"})]
    assert (found.status_code, found.headers["etag"], same.status_code) == (200, '"1"', 304)
    assert (first.json(), first.headers["etag"]) == ({"name": "gyokuro", "version": 2}, '"2"')
    assert late.status_code == 412
    assert [each.status_code for each in missing] == [404, 404]


async def test_tracing__has_spans_of_all_that_a_request_does() -> None:
    """When the app ends: those of its nursery and its stream among them, all of one trace."""
    printed = StringIO()
    exporter = ConsoleSpanExporter(out=printed)
    tracing.provider.add_span_processor(BatchSpanProcessor(exporter))
    async with client(tracing.app) as http:
        text = (await http.get("/teas/green")).text
    trace_id = text.split("trace ")[1][:32]
    for name in ("GET /teas/{tea}", "boil", "wait"):
        assert f'"name": "{name}"' in printed.getvalue()
    assert printed.getvalue().count(trace_id) == 3


async def test_metrics__are_those_of_the_routes_and_the_program(autojump_clock: MockClock) -> None:
    """A stream counts to its end, and nobody can make up a series."""
    async with client(metrics.app) as http:
        for tea in ("green", "green", "lava"):
            await http.get(f"/teas/{tea}")
        text = (await http.get("/metrics")).text
    labels = 'method="GET",outcome="ok",route="/teas/{tea}",status="200"'
    assert f"http_server_request_duration_seconds_count{{{labels}}} 3.0" in text
    assert f'http_server_request_duration_seconds_bucket{{le="0.1",{labels}}} 0.0' in text
    assert 'tea_cups_total{tea="green"} 2.0' in text
    assert "lava" not in text
