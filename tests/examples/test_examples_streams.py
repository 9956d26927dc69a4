"""The examples of event streams and of middleware do what their docstrings say."""

import json
import re
from pathlib import Path

import httpx2
import pytest
import trio
from trio.testing import MockClock

from examples import live_board, live_events, middleware_in_the_box
from hump_trio import CallNext, Compression, Hump, Request, Response
from hump_trio.testing import RawConnection, client, connect
from tests.support.browser import browser
from tests.support.loopback import PATIENCE_SECONDS, served
from tests.support.wire import read_until, request

RUNNERS = ["hare", "hare", "tortoise"] * 3 + ["hare"]


@pytest.mark.program("chromium")
@pytest.mark.parametrize("compressed", [False, True])
async def test_live_events__are_shown_by_a_browser(compressed: bool, tmp_path: Path) -> None:
    """Chromium's EventSource reads every event, its id and both lines of the last one."""
    app, codings = Hump("127.0.0.1", 0), list[str | None]()
    app.get("/")(live_events.index)
    app.get("/events")(live_events.events)

    @app.middleware
    async def note(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        if request.path == "/events":
            codings.append(response.headers.get("content-encoding"))
        return response

    if compressed:
        app.middleware(Compression())
    async with served(app) as url, browser(tmp_path) as chromium:
        page = await chromium.read_page(url, "document.querySelector('p').textContent != 'running'")
    assert re.findall("<li>(.*?)</li>", page) == [
        f"{number}: {runner}" for number, runner in enumerate(RUNNERS, 1)
    ]
    assert "<p>the hare sleeps,\nthe tortoise wins</p>" in page
    assert codings == ["zstd" if compressed else None]


@pytest.mark.parametrize(("seen", "first"), [({}, 1), ({"last-event-id": "8"}, 9)])
async def test_live_events__go_on_where_a_browser_was(
    seen: dict[str, str], first: int, autojump_clock: MockClock
) -> None:
    """With the event after the last one that it has seen."""
    async with client(live_events.app) as http:
        text = (await http.get("/events", headers=seen)).text
    laps = [
        f'event: lap\nid: {number}\ndata: {{"runner":"{runner}","number":{number}}}\n\n'
        for number, runner in enumerate(RUNNERS, 1)
    ]
    finish = "event: finish\ndata: the hare sleeps,\ndata: the tortoise wins\n\n"
    assert text == "retry: 1000\n\n" + "".join(laps[first - 1 :]) + finish


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> live_board.Board:
    """The board of the example, with nothing on it."""
    board = live_board.Board()
    monkeypatch.setattr(live_board, "board", board)
    return board


async def post(text: str) -> None:
    """Post a note to the board, as its page does."""
    async with client(live_board.app) as http:
        assert (await http.post("/notes", data={"text": text})).status_code == 204


async def watch(raw: RawConnection) -> None:
    """Ask for the notes to come, as a page does that is opened."""
    await raw.send(request("GET", "/events"))
    await read_until(raw, b"retry: 1000\n\n\r\n")


async def read_note(raw: RawConnection, text: str) -> str:
    """Return what comes up to the end of a note."""
    return (await read_until(raw, f"data: {text}\n\n\r\n".encode())).decode()


async def test_live_board__is_seen_by_every_page(
    board: live_board.Board, autojump_clock: MockClock
) -> None:
    """Also when one of them was closed, which takes nobody down."""
    async with connect(live_board.app) as staying, connect(live_board.app) as leaving:
        for page in (staying, leaving):
            await watch(page)
        await post("first")
        for page in (staying, leaving):
            await read_note(page, "first")
        leaving.reset()
        await post("second")
        await read_note(staying, "second")
        await trio.sleep(1)
        assert len(board.listeners) == 1
        await post("third")
        await read_note(staying, "third")


async def test_live_board__lets_go_who_does_not_keep_up(
    board: live_board.Board, autojump_clock: MockClock
) -> None:
    """Its stream ends well; when it comes back it is told what it has missed, in order."""
    async with connect(live_board.app) as raw:
        await watch(raw)
        await trio.sleep(1)
        for number in range(1, 21):
            board.post(f"note {number}")
        text = (await read_until(raw, b"0\r\n\r\n")).decode()
        assert not board.listeners
        seen = re.findall("id: (.*)\ndata: note (.*)\n", text)
        assert len(seen) == 1 + 10  # one that was waited for, and the channel's
        await raw.send(request("GET", "/events", f"Last-Event-ID: {len(seen)}"))
        seen += re.findall("id: (.*)\ndata: note (.*)\n", await read_note(raw, "note 20"))
    assert seen == [(str(number), str(number)) for number in range(1, 21)]


async def test_live_board__is_a_page(board: live_board.Board) -> None:
    """Which follows the events."""
    async with client(live_board.app) as http:
        assert 'new EventSource("/events")' in (await http.get("/")).text


@pytest.mark.parametrize("seen", ["x", "-", "9" * 5000])
async def test_live_events__refuse_an_id_that_is_none_of_theirs(seen: str) -> None:
    """A hostile one is refused as any other value of a wrong type."""
    async with client(live_events.app) as http:
        answer = await http.get("/events", headers={"last-event-id": seen})
    assert answer.status_code == 422


async def test_live_events__come_as_lines(autojump_clock: MockClock) -> None:
    """One every fifth of a second."""
    async with client(live_events.app) as http, http.stream("GET", "/lines") as answer:
        laps = [(json.loads(line), trio.current_time()) async for line in answer.aiter_lines()]
    assert [lap["number"] for lap, _ in laps] == list(range(1, 11))
    assert [moment for _, moment in laps] == pytest.approx([0.2 * n for n in range(1, 11)])


async def test_middleware_in_the_box__works_together() -> None:
    """A page of the shop may read the answer, which is named, careful and small."""
    origin = {"origin": "https://shop.example", "accept-encoding": "gzip"}
    async with client(middleware_in_the_box.app, base_url="http://localhost:8342") as http:
        numbers = await http.get("/numbers", headers=origin)
        index = await http.get("/", headers={"x-request-id": "mine"})
    assert numbers.json() == list(range(1000))
    assert numbers.headers["content-encoding"] == "gzip"
    assert numbers.headers["access-control-allow-origin"] == "https://shop.example"
    assert numbers.headers["access-control-allow-credentials"] == "true"
    assert numbers.headers["vary"] == "Accept-Encoding, Origin"
    assert numbers.headers["content-security-policy"] == "default-src 'self'"
    assert numbers.headers["x-content-type-options"] == "nosniff"
    assert index.json()["request"] == index.headers["x-request-id"]
    assert index.headers["x-request-id"] != "mine"


async def test_middleware_in_the_box__refuses_other_hosts_and_origins() -> None:
    """Elsewhere is not served, and a stranger's page is told nothing."""
    async with client(middleware_in_the_box.app, base_url="http://localhost:8342") as http:
        misled = await http.get("/", headers={"host": "elsewhere.example"})
        stranger = await http.get("/", headers={"origin": "https://evil.example"})
    assert (misled.status_code, misled.headers["x-frame-options"]) == (421, "DENY")
    assert (stranger.status_code, "access-control-allow-origin" in stranger.headers) == (200, False)


async def test_middleware_in_the_box__believes_a_proxy_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over TCP the peer is known, and what it says of its client is taken for true."""
    monkeypatch.setattr(middleware_in_the_box.app, "port", 0)
    async with (
        served(middleware_in_the_box.app) as url,
        httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as http,
    ):
        answer = await http.get(
            f"http://127.0.0.1:{httpx2.URL(url).port}/",
            headers={"x-forwarded-for": "198.51.100.1, 203.0.113.7"},
        )
    assert answer.json()["asked by"] == "203.0.113.7"
