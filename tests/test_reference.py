"""The programs of the reference do what is said."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio.testing import AutojumpClock, client, connect, websocket
from tests.support.channels import FakeChannel, open_websocket
from tests.support.pages import ROOT
from tests.support.reference import page_run

SECRET = "a-secret-of-the-shop"


async def test_programs_about_errors_do_what_is_said() -> None:
    """An error is answered by its handler, through the middleware."""
    with page_run("errors_and_middleware") as names:
        async with client(names["app"]) as http:
            stranger = await http.get("/tea")
            member = await http.get("/tea", headers={"authorization": "Bearer tea"})
            unknown = await http.get("/unknown")
            outsider = await http.get("/club/7")
            insider = await http.get("/club/7", headers={"cookie": "member=yes"})
    assert (stranger.status_code, stranger.text) == (401, "who are you?")
    assert (member.status_code, member.text) == (409, "no tea left")
    assert (unknown.status_code, unknown.headers["x-greeting"]) == (404, "hello")
    assert (outsider.status_code, insider.text) == (403, "room 7")


async def test_programs_about_answers_do_what_is_said(autojump_clock: MockClock) -> None:
    """Bodies come in parts and go out in parts, with hints before them and trailers behind."""
    # Read first, so that the system has cached it: this clock doesn't wait for a worker thread.
    hello = (ROOT / "examples/hello.py").read_text(encoding="utf-8")
    with page_run("answers") as names:
        async with client(names["app"]) as http:
            uploaded = await http.put("/upload", content=bytes(2_000_000))
            too_large = await http.put("/upload", content=bytes(10_000_001))
            countdown = await http.get("/countdown")
            race = await http.get("/race")
            summed = await http.get("/summed")
            slow_page = await http.get("/slow-page")
            autojump_clock.autojump_threshold = math.inf  # disks have their own
            asset = await http.get("/assets/hello.py")
            report = await http.get("/old", follow_redirects=True, headers={"range": "bytes=2-10"})
    assert uploaded.json() == {"bytes": 2_000_000}
    assert too_large.status_code == 413
    assert countdown.text == "3\n2\n1\n"
    assert sorted(race.text.split()) == ["hare", "tortoise"]
    assert summed.text == "1\n2\n"
    assert "style.css" in slow_page.text
    assert asset.text == hello
    assert (report.text, report.url.path) == ("hump_trio", "/report")


async def test_programs_about_versions_and_events_do_what_is_said(
    autojump_clock: MockClock,
) -> None:
    """A known version is a 304, a foreign one a 412; events go on behind the last one."""
    with page_run("answers") as names:
        async with client(names["app"]) as http:
            tag = (await http.get("/teas/assam")).headers["etag"]
            known = await http.get("/teas/assam", headers={"if-none-match": tag})
            changed = await http.put("/teas/assam", headers={"if-match": tag})
            foreign = await http.put("/teas/assam", headers={"if-match": '"8"'})
            unsaid = await http.put("/teas/assam")
            events = await http.get("/events", headers={"last-event-id": "2"})
            numbers = await http.get("/numbers")
    answers = known, changed, foreign, unsaid
    assert [answer.status_code for answer in answers] == [304, 204, 412, 428]
    assert events.text == 'retry: 2000\n\nid: 3\ndata: {"number":3}\n\n'
    assert numbers.text == '{"number":1}\n{"number":2}\n{"number":3}\n'


async def test_programs_about_credentials_do_what_is_said() -> None:
    """The token is compared, and who has none is told how to come."""
    with page_run("providers_and_credentials") as names:
        async with client(names["app"]) as http:
            given = [{}, *({"authorization": f"Bearer {each}"} for each in ("a", SECRET))]
            answers = [await http.get("/orders/7", headers=each) for each in given]
    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert answers[1].headers["www-authenticate"] == 'Bearer realm="api"'
    assert answers[2].text == "order 7"


async def test_programs_about_time_do_what_is_said(autojump_clock: MockClock) -> None:
    """A handler that is late is answered for, and work in the background isn't waited for."""
    with page_run("time") as names:
        async with client(names["app"]) as http:
            order, total = await http.post("/order"), await http.get("/sum")
            letter = await http.post("/letters")
    assert (order.status_code, total.text, letter.text) == (503, "4", "after 0 orders")


async def test_programs_about_routing_do_what_is_said() -> None:
    """A router's paths are below its prefix, and so are those of apps of other frameworks."""
    with page_run("routing") as names:
        async with client(names["app"]) as http:
            item = await http.get(names["app"].url_for("item", item="tea"))
            teas, legacy = await http.get("/api/teas"), await http.get("/legacy/report")
    assert (item.text, item.url.path) == ("tea", "/shop/items/tea")
    assert (teas.json(), legacy.text) == (["Assam", "Sencha"], "as it always was")


@pytest.fixture
def websockets() -> Iterator[dict[str, Any]]:
    """The names of the page about WebSockets."""
    with page_run("websockets") as names:
        yield names


async def test_program_of_a_websocket_works(websockets: dict[str, Any]) -> None:
    """Who isn't signed in has an answer, and who is has one to each message."""
    app, path = websockets["app"], "/rooms/tea"
    response, _, _ = await open_websocket(app, path)
    assert response.status == 422
    response, _, _ = await open_websocket(app, path, ("cookie", "session=coffee"))
    assert (response.status, response.body) == (401, b"sign in")
    fields = [("cookie", "session=tea"), ("origin", "https://shop.example")]

    def client(channel: FakeChannel) -> None:
        channel.give('{"type":"Say","text":"hi"}')
        channel.give('{"type":"Shout"}')

    _, channel, _ = await open_websocket(app, path, *fields, client=client)
    assert channel.sent == ['{"type":"Said","text":"hi","room":"tea"}']
    assert channel.closed_with is not None
    assert channel.closed_with[0] == 1007


async def test_program_of_a_patch_works() -> None:
    """What was left out isn't there, and a null is."""
    with page_run("requests") as names:
        async with client(names["app"]) as http:
            texts = [
                (await http.patch("/items/1", json=each)).text for each in ({}, {"note": None})
            ]
    assert texts == ["{}", '{"note":null}']


async def test_program_of_a_form_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture is written as a file, and the cookie is set; an album has both texts and files."""
    files = {"picture": ("a.png", bytes(100_000))}
    with page_run("requests") as names:
        monkeypatch.chdir(tmp_path)
        async with client(names["app"]) as http:
            answer = await http.post("/pictures", data={"title": "tea"}, files=files)
            data = {"name": "tea", "price": "1.5"}
            album = await http.post("/albums", data=data, files={"pictures": ("a.png", b"12")})
    assert (answer.text, answer.cookies["last"]) == ("tea: 100000 bytes", "picture")
    assert album.json() == {"name": "tea", "bytes": 2}
    assert await trio.Path(tmp_path / "picture.png").read_bytes() == bytes(100_000)


async def test_program_of_a_topic_works(websockets: dict[str, Any]) -> None:
    """A price that a client changes is read by who follows the prices, in both ways."""
    app = websockets["app"]
    async with connect(app) as connection, websocket(app, "/prices") as ws:
        await connection.send(b"GET /prices HTTP/1.1\r\nhost: a\r\n\r\n")
        received = await connection.receive()
        while len(websockets["prices"]) < 2:
            await trio.lowlevel.checkpoint()
        await ws.send({"tea": 1.5})
        assert await ws.receive() == '{"tea":1.5}'
        while b"data: " not in received:
            received += await connection.receive()
    assert b'data: {"tea":1.5}\n\n' in received


@pytest.fixture
def tests_shown() -> Iterator[dict[str, Any]]:
    """The names of the page about testing."""
    with page_run("testing") as names:
        yield names


@pytest.mark.parametrize("name", ["test_index", "test_bytes"])
async def test_tests_shown_pass(name: str, tests_shown: dict[str, Any]) -> None:
    """The tests that are shown for an app pass."""
    await tests_shown[name]()


@pytest.mark.parametrize("name", ["test_patience", "test_room"])
def test_tests_shown_with_a_clock_pass(name: str, tests_shown: dict[str, Any]) -> None:
    """So do those that take the clock that is shown."""
    clock = tests_shown["clock"].__wrapped__()
    assert isinstance(clock, AutojumpClock)
    trio.run(tests_shown[name], clock, clock=clock)


def test_plain_test_shown_passes(tests_shown: dict[str, Any]) -> None:
    """The test that is shown for a blocking client passes."""
    with contextmanager(tests_shown["http"].__wrapped__)() as http:
        tests_shown["test_plainly"](http)
