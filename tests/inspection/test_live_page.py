"""A live page of an app, as operators ask for it."""

from html import escape
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Headers, HttpException, Hump, Request, Response, Router
from hump_trio.inspection import inspector
from hump_trio.testing import client, connect
from tests.support.browser import browser
from tests.support.loopback import served, wait_until
from tests.support.wire import request


def app_of(prefix: str = "", **options: Any) -> Hump:
    """Return an app that is inspected, with a handler that is stuck."""
    app = Hump()
    ops = Router(prefix)
    ops.include(inspector(app, **options))
    app.include(ops)

    @app.get("/stuck/{number:int}", timeout=60)
    async def stuck(number: int) -> None:
        await trio.sleep_forever()

    return app


async def test_the_page_and_the_json_tell_the_same(autojump_clock: MockClock) -> None:
    """Neither is kept by anybody, and neither shows queries if they are hidden."""
    async with client(app_of(queries=False)) as http, trio.open_nursery() as nursery:
        nursery.start_soon(http.get, "/stuck/1?key=secret")
        await wait_all_tasks_blocked()
        page = await http.get("/inspect")
        state = await http.get("/inspect/state")
        nursery.cancel_scope.cancel()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == state.headers["cache-control"] == "no-store"
    stuck, own = state.json()["requests"]
    assert (stuck["target"], own["target"]) == ("/stuck/1?…", "/inspect/state")
    assert escape(stuck["tasks"][0]["line"]) in page.text
    assert "secret" not in page.text + state.text
    assert "<form" not in page.text


async def test_the_page_is_sent_anew_each_second(autojump_clock: MockClock) -> None:
    """What has changed is in it."""
    app = app_of()
    async with connect(app) as raw, connect(app) as other:
        await raw.send(request("GET", "/inspect/events"))
        assert b"text/event-stream" in await raw.receive()
        assert b"<h1>1 requests in flight" in await raw.receive()
        await other.send(request("GET", "/stuck/1"))
        for second in (2, 3):
            assert b"<h1>2 requests in flight" in await raw.receive()
            assert trio.current_time() == pytest.approx(second)


async def name_of_stuck(http: httpx2.AsyncClient, path: str = "/inspect") -> str:
    """Return what a request that is stuck is called."""
    requests = (await http.get(f"{path}/state")).json()["requests"]
    [name] = [each["id"] for each in requests if each["target"] == "/stuck/1"]
    assert isinstance(name, str)
    return name


async def test_an_operator_cancels_a_request(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And is led back to the page; a second time there is none."""
    answers = []
    async with client(app_of("/ops", actions=True)) as http, trio.open_nursery() as nursery:

        async def ask() -> None:
            answers.append(await http.get("/stuck/1"))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        url = f"/ops/inspect/requests/{await name_of_stuck(http, '/ops/inspect')}/cancel"
        assert (
            f'action="inspect/{url.removeprefix("/ops/inspect/")}"'
            in (await http.get("/ops/inspect")).text
        )
        answer = await http.post(url)
        again = await http.post(url)
    assert answers[0].status_code == 503
    assert answer.status_code == 303
    assert httpx2.URL(f"http://test{url}").join(answer.headers["location"]).path == "/ops/inspect"
    assert again.status_code == 404
    assert "an operator has cancelled GET /stuck/1 (handler)" in caplog.messages


@pytest.mark.parametrize(
    ("actions", "origin", "status"), [(True, "https://evil.example", 403), (False, None, 404)]
)
async def test_nobody_else_cancels_a_request(
    actions: bool, origin: str | None, status: int, autojump_clock: MockClock
) -> None:
    """No page of another origin, and nobody at all unless that was asked for."""
    fields = {} if origin is None else {"origin": origin}
    async with client(app_of(actions=actions)) as http, trio.open_nursery() as nursery:
        nursery.start_soon(http.get, "/stuck/1")
        await wait_all_tasks_blocked()
        url = f"/inspect/requests/{await name_of_stuck(http)}/cancel"
        assert (await http.post(url, headers=fields)).status_code == status
        await name_of_stuck(http)
        nursery.cancel_scope.cancel()


async def test_it_stands_behind_ones_own_auth() -> None:
    """A router's middleware is asked for every path of it."""
    app, ops = Hump(), Router("/ops")

    @ops.middleware
    async def check(request: Request, call_next: Any) -> Response:
        raise HttpException(401, "who is it?", headers=Headers({"www-authenticate": "Basic"}))

    ops.include(inspector(app, actions=True))
    app.include(ops)
    async with client(app) as http:
        for path in ("", "/state", "/events"):
            assert (await http.get(f"/ops/inspect{path}")).status_code == 401
        assert (await http.post("/ops/inspect/requests/1/cancel")).status_code == 401


async def test_it_is_no_part_of_the_api() -> None:
    """An OpenAPI document leaves it out."""
    app = app_of()
    app.openapi(title="A", version="1")
    async with client(app) as http:
        assert list((await http.get("/openapi.json")).json()["paths"]) == ["/stuck/{number}"]


@pytest.mark.parametrize("options", [{"actions": 1}, {"queries": None}])
def test_options_are_checked(options: dict[str, Any]) -> None:
    """Where they are written, as is the app."""
    with pytest.raises(TypeError):
        inspector(Hump(), **options)
    app: Any = Router()
    with pytest.raises(TypeError, match="one of an app"):
        inspector(app)


@pytest.mark.program("chromium")
async def test_a_browser_shows_a_stuck_handler_by_its_line(tmp_path: Path) -> None:
    """It is there at first, and the page hears of what comes later; the button cancels it."""
    app = app_of("/ops", actions=True)
    app.host, app.port = "127.0.0.1", 0
    answers: list[httpx2.Response] = []
    async with served(app) as url, browser(tmp_path) as chromium, trio.open_nursery() as nursery:

        async def ask(number: int) -> None:
            async with httpx2.AsyncClient() as http:
                answers.append(await http.get(f"{url}/stuck/{number}", timeout=60))

        nursery.start_soon(ask, 1)
        later = """(() => {
            const text = document.querySelector("main").innerText;
            if (text.includes("/stuck/1")) fetch("/stuck/2");
            return text.includes("/stuck/2");
        })()"""
        page = await chromium.read_page(f"{url}/ops/inspect", later)
        assert "test_live_page.py" in page
        assert "in app_of.&lt;locals&gt;.stuck</mark>" in page
        gone = '!document.body.innerText.includes("GET /stuck/1")'
        await chromium.leave_page(
            "document.querySelector('form[action*=cancel] button').click()", gone
        )
        await chromium.close_page()
        await wait_until(lambda: bool(answers))
    assert [each.status_code for each in answers] == [503]
