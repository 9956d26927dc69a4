"""The examples of WebSockets do what their docstrings say."""

import logging
import re
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from examples import chat, echo, stopped_reader, typed_websocket
from examples.chat import Line
from examples.typed_websocket import Forget, Mistake, Price, Watch
from hump_trio import Hump, Timeouts
from hump_trio.testing import Refused, client, websocket
from tests.support.browser import browser
from tests.support.loopback import connect_to, served, wait_until


async def test_echo__says_again_what_it_hears() -> None:
    """Text as text and bytes as bytes."""
    async with client(echo.app) as http, websocket(echo.app, "/echo") as ws:
        assert (await http.get("/")).text == "speak to /echo\n"
        for message in ("tea", b"tea"):
            await ws.send(message)
            assert await ws.receive() == message


async def test_chat__tells_all_the_same(autojump_clock: MockClock) -> None:
    """Who is in a room reads who comes, what is said and who leaves; other rooms read nothing."""
    async with (
        websocket(chat.app, "/rooms/tea?name=Ada") as ada,
        websocket(chat.app, "/rooms/coffee?name=Eve") as eve,
    ):
        assert await ada.receive(Line) == Line("Ada", "has come")
        async with websocket(chat.app, "/rooms/tea?name=Bob") as bob:
            assert await ada.receive(Line) == await bob.receive(Line) == Line("Bob", "has come")
            await bob.send("a cup?")
            await bob.receive()
            await ada.send("two")
            await ada.receive()
            assert await ada.receive(Line) == await bob.receive(Line) == Line("Ada", "says: two")
        assert await ada.receive(Line) == Line("Bob", "has left")
        assert len(chat.rooms["tea"]) == 1
        assert await eve.receive(Line) == Line("Eve", "has come")
        with pytest.raises(trio.TooSlowError), trio.fail_after(1):
            await eve.receive()


async def test_chat__is_left_by_who_vanishes(autojump_clock: MockClock) -> None:
    """A page that breaks off has left at once, and one that is silent within 40 seconds."""
    async with (
        websocket(chat.app, "/rooms/tea?name=Ada", timeout=None) as ada,
        websocket(chat.app, "/rooms/tea?name=Bob") as bob,
        websocket(chat.app, "/rooms/tea?name=Cleo") as cleo,
    ):
        for _ in range(3):
            await ada.receive()
        bob.reset()
        assert await ada.receive(Line) == Line("Bob", "has left")
        assert trio.current_time() == 0
        cleo.ignore_pings()
        assert await ada.receive(Line) == Line("Cleo", "has left")
        assert trio.current_time() == pytest.approx(40, abs=0.5)


@pytest.mark.parametrize(
    ("url", "status"),
    [("/rooms/cake?name=Ada", 404), ("/rooms/tea?name=", 422), ("/rooms/tea", 422)],
)
async def test_chat__refuses_before_it_opens(
    url: str, status: int, autojump_clock: MockClock
) -> None:
    """An unknown room, and a name that is none, are answers."""
    with pytest.raises(Refused) as refused:
        async with websocket(chat.app, url):
            pytest.fail("it was opened")
    assert refused.value.response.status_code == status


@pytest.mark.program("chromium")
async def test_chat__is_had_by_a_browser(tmp_path: Path) -> None:
    """Chromium enters a room, says something, and shows that it has been said."""
    app = Hump("127.0.0.1", 0)
    app.get("/")(chat.index)
    app.websocket("/rooms/{room}")(chat.chat)
    said = """(() => {
        const items = document.querySelectorAll("li"), form = document.getElementById("say");
        if (items.length == 1 && !form.elements[0].value) {
            form.elements[0].value = "<b>two</b>";
            form.requestSubmit();
        }
        return items.length == 2;
    })()"""
    async with served(app) as url, browser(tmp_path) as chromium:
        page = await chromium.read_page(f"{url}/?room=tea&name=Ada", said)
    assert re.findall("<li>(.*?)</li>", page) == [
        "Ada says: &lt;b&gt;two&lt;/b&gt;",
        "Ada has come",
    ]


async def test_typed_websocket__watches_and_answers_mistakes(autojump_clock: MockClock) -> None:
    """Prices come in their own time, beside answers to mistakes, until they are forgotten."""
    async with websocket(typed_websocket.app, "/prices") as ws:
        await ws.send(Watch("Assam", 2))
        assert await ws.receive(Price) == Price("Assam", 3)
        await ws.send(Watch("Sencha", 3))
        assert await ws.receive(Price) == Price("Sencha", 6)
        for wrong, detail in [
            ('{"type":"Watch","tea":"Assam","seconds":"two"}', "message.seconds: expected"),
            ('{"type":"Buy","tea":"Assam"}', "message.type: invalid value"),
            ("{", "message: not valid JSON"),
            (Watch("Cocoa"), "there is no tea Cocoa"),
        ]:
            await ws.send(wrong)
            assert (await ws.receive(Mistake)).detail.startswith(detail)
        assert trio.current_time() == 0
        for name, second in [("Assam", 2), ("Sencha", 3), ("Assam", 4)]:
            assert (await ws.receive(Price)).tea == name
            assert trio.current_time() == second
        await ws.send(Forget("Assam"))
        await ws.send(Forget("Assam"))
        await ws.send(Watch("Sencha", 10))
        assert (await ws.receive(Price)).tea == "Sencha"
        assert trio.current_time() == 4
        await ws.receive(Price)
        assert trio.current_time() == 14


async def test_typed_websocket__ends_with_its_client(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """No task outlives its WebSocket, and leaving isn't an error."""
    async with websocket(typed_websocket.app, "/prices") as ws:
        await ws.send(Watch("Assam"))
        await ws.receive()
        await ws.close()
        assert trio.current_time() == 0
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def logged(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    """Return what a logger has said, in order."""
    return [record.getMessage() for record in caplog.records if record.name == name]


async def test_stopped_reader__is_cut(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Two seconds after the last sign the handler ends, and the log says what the example does."""
    caplog.set_level("INFO")
    async with websocket(stopped_reader.app, "/film") as ws:
        for _ in range(3):
            await ws.receive(bytes)
        ws.pause_reading()
        await trio.sleep(3)
    shown, put_away = logged(caplog, "film")
    assert re.fullmatch(r"\d+ pictures, then 1006 by lost", shown)
    assert put_away == "put away, since client-gone"
    (access,) = logged(caplog, "hump_trio.access")
    assert re.search(r'"GET /film" (101|200) \d+ 2\.\d+ stalled$', access)


async def test_stopped_reader__is_cut_over_a_socket(caplog: pytest.LogCaptureFixture) -> None:
    """What the client's system holds for it is no sign of life."""
    caplog.set_level("INFO")
    app = Hump("127.0.0.1", 0, timeouts=Timeouts(send_grace=0.5))
    app.websocket("/film")(stopped_reader.film)
    async with served(app), await connect_to(app) as stream:
        await stream.send_all(
            b"GET /film HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
        )
        await wait_until(lambda: bool(logged(caplog, "hump_trio.access")))
    assert logged(caplog, "film")[1] == "put away, since client-gone"
    assert logged(caplog, "hump_trio.access")[0].endswith("stalled")
