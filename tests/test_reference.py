"""The reference tells the truth: its programs do what is said, and its tables hold."""

import json
import math
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import hump_trio
import hump_trio.asgi
import hump_trio.inspection
import hump_trio.opentelemetry
import hump_trio.prometheus
import hump_trio.testing
import hump_trio.wsgi
from hump_trio import AccessRecord, BindingError, HttpException, Hump, Limits, Sockets, Timeouts
from hump_trio.command.log_format import JsonFormatter, TextFormatter
from hump_trio.dispatch.registration import LAST_SECONDS
from hump_trio.testing import AutojumpClock, client, connect, websocket
from tests.support.channels import FakeChannel, open_websocket
from tests.support.pages import ROOT
from tests.support.reference import page_run, table_after, tables_after, text_of
from tests.test_public_attributes import ATTRIBUTES

OTHERS = [
    hump_trio.asgi,
    hump_trio.inspection,
    hump_trio.opentelemetry,
    hump_trio.prometheus,
    hump_trio.testing,
    hump_trio.wsgi,
]


def readable(name: str, value: float | str | tuple[str, ...] | None) -> str:
    """Return a setting's value as the reference writes it."""
    if isinstance(value, bool):
        return f"`{value}`"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if name.endswith("_mode"):
        return f"`0o{value:o}`"
    if value is None:
        return "none" if name == "deadline_header" else "no limit"
    if not name.endswith("_bytes"):
        return f"{value:,g}"
    kibibytes = int(value) // 1024
    return f"{kibibytes} KiB" if kibibytes < 1024 else f"{kibibytes // 1024} MiB"


@pytest.mark.parametrize(
    ("page", "heading", "settings"),
    [
        ("time", "Timeouts", Timeouts()),
        ("limits_and_hostile_input", "Limits", Limits()),
        ("serving", "How sockets are opened", Sockets()),
    ],
)
def test_tables_of_settings_are_complete(
    page: str, heading: str, settings: Timeouts | Limits | Sockets
) -> None:
    """Every field has a row with its default, in the order in which the class has them."""
    written = [row[:2] for row in table_after(page, heading)]
    names = [field.name for field in fields(settings)]
    assert written == [[f"`{name}`", readable(name, getattr(settings, name))] for name in names]


def test_the_index_has_what_an_app_has() -> None:
    """All that an editor offers of an app is there, and the first rows are what a router has."""
    rows = table_after("README", "What a `Hump` has")
    written = [re.findall(r"`(\w+)`", row[0]) for row in rows]
    assert sorted(chain(*written)) == sorted(ATTRIBUTES["Hump"].split())
    assert sorted(chain(*written[:4])) == sorted(ATTRIBUTES["Router"].split())


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("Headers", "requests"),
        ("MultiMap", "requests"),
        ("Response", "answers"),
        ("WebSocket", "websockets"),
    ],
)
def test_what_a_class_has_is_told(name: str, page: str) -> None:
    """The page about a class has each of its attributes."""
    text = text_of(page)
    names = ATTRIBUTES[name].split()
    assert [each for each in names if not re.search(rf"\b{each}\b", text)] == []


def test_lines_of_the_access_log_are_written_so() -> None:
    """The line that is shown is that of a request, and each field of its JSON is named."""
    begun = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()
    access = AccessRecord(
        client=("127.0.0.1", 50000),
        method="GET",
        target="/teapot",
        http_version="1.1",
        route="/teapot",
        status=418,
        byte_count=151,
        seconds=0.0004,
        outcome="ok",
        request_id="",
        user_agent="curl/8.5.0",
        referrer="",
    )
    assert f"```text\n{TextFormatter().format_request(begun, access)}\n```" in text_of("seeing")
    as_json = JsonFormatter().format_request(begun, access._replace(close_code=1000))
    assert as_json is not None
    said = text_of("seeing").partition("### Logs as JSON")[2].partition("###")[0]
    assert [name for name in json.loads(as_json) if f"`{name}`" not in said] == []


def test_extras_are_those_of_the_package() -> None:
    """The table of extras has those that pyproject.toml has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    written = [row[0].strip("`") for row in table_after("README", "Extras")]
    assert sorted(written) == sorted(project["optional-dependencies"])


NAMES = {
    name: row[2]
    for heading in ("Names of `hump_trio`", "Names of other modules")
    for table in tables_after("README", heading)
    for row in table
    for name in re.findall(r"`([\w.]+)`", row[0])
}


def test_the_index_has_the_public_names() -> None:
    """All that can be imported for use is in the index, and nothing else is."""
    others = [f"{module.__name__}.{name}" for module in OTHERS for name in module.__all__]
    assert sorted(NAMES) == sorted([*hump_trio.__all__, *others])


@pytest.mark.parametrize("name", NAMES)
def test_the_index_leads_to_what_is_said_of_a_name(name: str) -> None:
    """The page beside a name has the name, below the heading that is linked."""
    [(page, anchor)] = re.findall(r"\]\((\w+)\.md#([\w-]+)\)", NAMES[name])
    sections = re.split(r"^##+ (.*)\n", text_of(page), flags=re.MULTILINE)[1:]
    [said] = [
        text
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
        if re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") == anchor
    ]
    assert re.search(rf"\b{name.rpartition('.')[2]}\b", said)


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


class Panic(BaseException):
    """An error that is no `Exception`."""


# For each row of the table of errors, what is raised in a handler.
RAISED: dict[str, list[BaseException]] = {
    "`HttpException`": [HttpException(418, "tea")],
    "`BindingError`, an `HttpException`": [BindingError([("body", "cold")])],
    "an error with an exception handler": [LookupError("no tea")],
    "an exception group of a nursery, in which every error is an `HttpException`, or all errors "
    "have the same handler": [
        ExceptionGroup("", [HttpException(418, "tea"), HttpException(404)]),
        ExceptionGroup("", [KeyError("no tea"), IndexError("no pot")]),
    ],
    "any other `Exception`, or any other group": [
        ValueError("cold"),
        ExceptionGroup("", [HttpException(418, "tea"), ValueError("cold")]),
    ],
    "another `BaseException`, such as a panic in an extension": [Panic("cold")],
}


@pytest.mark.parametrize("row", table_after("errors_and_middleware", "Errors")[:-1], ids=str)
async def test_errors_are_answered_as_said(
    row: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each row's errors have the status beside them, or that of their handler."""
    said, answer = row
    expected = re.findall(r"\d{3}", answer)
    with page_run("errors_and_middleware") as names:
        app = names["app"]
        assert isinstance(app, Hump)

        @app.get("/raise/{index:int}")
        async def fail(index: int) -> None:
            raise RAISED[said][index]

        async with client(app) as http:
            for index, error in enumerate(RAISED[said]):
                response = await http.get(f"/raise/{index}")
                assert str(response.status_code) in (expected or ["418", "409"]), error
                logged = any(record.exc_info for record in caplog.records)
                assert logged == ("traceback" in answer or "logged" in answer), error


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


def test_times_of_websockets_are_those_of_the_settings() -> None:
    """Each row's fields have the defaults beside them, as has ``on_disconnect`` of a route."""
    for _, setting, default, _ in table_after("websockets", "Its times"):
        names = re.findall(r"`(\w+)`", setting)
        if names:
            written = ", ".join(f"{getattr(Timeouts(), name):g}" for name in names)
            assert default == written, setting
        elif "on_disconnect" in setting:
            assert default == f"{LAST_SECONDS:g}"
        else:
            assert (setting, default) == ("`timeout=` of the route", "no limit")
