"""The example of a live dashboard does what its docstring says."""

import json
import re
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from examples import live_dashboard
from hump_trio import Hump
from hump_trio.testing import client, connect, websocket
from tests.support.browser import browser
from tests.support.loopback import served
from tests.support.wire import read_until, request


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch) -> live_dashboard.Dashboard:
    """The dashboard of the example, at its start."""
    dashboard = live_dashboard.Dashboard()
    monkeypatch.setattr(live_dashboard, "dashboard", dashboard)
    return dashboard


async def test_live_dashboard__shows_the_same_to_all(
    dashboard: live_dashboard.Dashboard, autojump_clock: MockClock
) -> None:
    """Over a WebSocket and as an event stream, once a second and whenever somebody presses."""
    async with (
        websocket(live_dashboard.app, "/live") as ws,
        connect(live_dashboard.app) as raw,
        client(live_dashboard.app) as http,
    ):
        assert json.loads(await ws.receive(str)) == {"presses": 0, "watchers": 1, "seconds": 0}
        await raw.send(request("GET", "/events"))
        await read_until(raw, b'data: {"presses":0,"watchers":2,"seconds":0}\n\n\r\n')
        assert (await ws.receive(live_dashboard.Figures)).watchers == 2
        await ws.send("press")
        assert await ws.receive(live_dashboard.Figures) == live_dashboard.Figures(1, 2, 0)
        await read_until(raw, b'data: {"presses":1,"watchers":2,"seconds":0}\n\n\r\n')
        assert (await http.post("/presses")).status_code == 204
        await read_until(raw, b'data: {"presses":2,"watchers":2,"seconds":0}\n\n\r\n')
        assert await ws.receive(live_dashboard.Figures) == live_dashboard.Figures(2, 2, 0)
        started = trio.current_time()
        for second in (1, 2):
            figures = await ws.receive(live_dashboard.Figures)
            assert figures == live_dashboard.Figures(2, 2, second)
        assert trio.current_time() - started <= 2
        raw.reset()
        await trio.sleep(1.5)
        await ws.receive()
        assert (await ws.receive(live_dashboard.Figures)).watchers == 1


@pytest.mark.program("chromium")
@pytest.mark.parametrize("query", ["", "?events"])
async def test_live_dashboard__is_shown_by_a_browser(
    query: str, dashboard: live_dashboard.Dashboard, tmp_path: Path
) -> None:
    """Chromium presses the button and sees what came of it, over a WebSocket and by events."""
    app = Hump("127.0.0.1", 0)
    app.get("/")(live_dashboard.index)
    app.get("/events")(live_dashboard.events)
    app.post("/presses")(live_dashboard.press)
    app.websocket("/live")(live_dashboard.live)
    pressed = """(() => {
        const presses = document.getElementById("presses").textContent;
        if (presses == "0") document.querySelector("button").click();
        return presses > 0;
    })()"""
    async with served(app) as url, browser(tmp_path) as chromium:
        page = await chromium.read_page(f"{url}/{query}", pressed)
    assert re.findall(r"<b id=\"(\w+)\">(\d+)</b>", page) == [
        ("presses", "1"),
        ("watchers", "1"),
        ("seconds", "0"),
    ]
