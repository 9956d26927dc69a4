"""The tea shop of the guide, from its database to production, does what its chapters say."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

import httpx2
import pytest
import trio

from examples.guide import (
    database_and_providers,
    live,
    login_and_rights,
    mistake_held_transaction,
)
from hump_trio import Hump, WebSocketClosed
from hump_trio.testing import AutojumpClock, client, connect, websocket
from tests.command.programs import Program, started
from tests.support.browser import browser
from tests.support.loopback import PATIENCE_SECONDS, served
from tests.support.pages import EXAMPLES, ROOT, blocks_of, follows
from tests.support.wire import request

GUIDE = EXAMPLES / "guide"
ACCOUNT = {"name": "ada", "password": "0 1 1 2 3 5"}
TOKEN = {"authorization": "Bearer for-trying-out"}
SETTINGS = {
    "SHOP_TOKEN": "known-to-the-owner",
    "SHOP_SECRET": "for-this-test-alone-and-no-other-one",
}
# Logs in as somebody does, and clicks the first order as soon as the kitchen listens.
WORK = """(window.begun ??= (() => {
    form.elements.name.value = "ada";
    form.elements.password.value = "0 1 1 2 3 5";
    form.requestSubmit();
    setInterval(() => kitchen?.readyState === 1 && document.querySelector("li")?.click(), 50);
    return true;
})()) && document.querySelector("li")?.textContent === "2 sencha: ready" """


@pytest.fixture
def clock() -> AutojumpClock:
    """A clock on which leaves are weighed in no time."""
    return AutojumpClock()


def text_of(page: str, index: int = 0) -> list[str]:
    """Return the lines of a block of text of a chapter."""
    return blocks_of(GUIDE / page, "text")[index].text.splitlines()


async def test_database_and_providers__tells_nobody_of_what_is_undone(
    clock: AutojumpClock,
) -> None:
    """Of four orders two fail, and whoever listens hears of the others, once they are kept."""
    listener = database_and_providers.news.listen()
    async with client(database_and_providers.app) as http:
        for draft in ({"tea": "assam"}, {"tea": "coffee"}, {"tea": "sencha", "cups": 90}):
            await http.post("/orders", json=draft)
        await http.post("/orders", json={"tea": "sencha"})
        kept = (await http.get("/orders")).json()
    heard = [await anext(listener), await anext(listener)]
    assert [order.tea for order in heard] == ["assam", "sencha"]
    assert [order["number"] for order in kept] == [order.number for order in heard]
    with pytest.raises(trio.TooSlowError), trio.fail_after(1):
        await anext(listener)


async def test_database_and_providers__has_no_transaction_open_behind_a_failure(
    clock: AutojumpClock,
) -> None:
    """Whoever was cancelled while waiting for a turn, or within it, leaves it to the next one."""
    async with client(database_and_providers.app) as http, trio.open_nursery() as nursery:
        for _ in range(4):
            draft = {"tea": "sencha", "cups": 90}
            nursery.start_soon(lambda draft: http.post("/orders", json=draft), draft)
        await trio.sleep(5)
        assert (await http.get("/orders")).json() == []


async def test_login_and_rights__says_what_a_provider_forgot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The chapter quotes what is said where a provider gives None."""
    app = Hump("", 8342)

    @app.provide
    async def staff() -> login_and_rights.Staff:
        return cast("login_and_rights.Staff", None)

    @app.get("/me")
    async def me(staff: login_and_rights.Staff) -> None:
        raise AssertionError("it isn't called")

    async with client(app) as http:
        assert (await http.get("/me")).status_code == 500
    said = "is annotated to give examples.guide.login_and_rights.Staff, and gave None"
    assert said in caplog.text
    assert said in " ".join((GUIDE / "06_login_and_rights.md").read_text().split())


async def test_login_and_rights__ends_a_session_at_log_out() -> None:
    """A name that nobody has is refused as a wrong password is."""
    async with client(login_and_rights.app) as http:
        await http.post("/staff", json=ACCOUNT, headers=TOKEN)
        for wrong in ({"name": "eve"}, {"password": "0 1 1 2 3 8"}):
            refused = await http.post("/login", data=ACCOUNT | wrong)
            assert (refused.status_code, refused.text) == (401, "name or password is wrong")
        assert (await http.post("/login", data=ACCOUNT)).status_code == 200
        assert (await http.get("/login")).status_code == 200
        assert (await http.post("/logout")).status_code == 204
        assert (await http.get("/login")).status_code == 401
        assert (await http.post("/staff", json=ACCOUNT, headers=TOKEN)).status_code == 409


def test_live__has_the_script_of_its_chapter() -> None:
    """The lines that the chapter shows are those of the page."""
    [block] = blocks_of(GUIDE / "07_live.md", "javascript")
    assert block.text in live.PAGE


@pytest.mark.parametrize(("message", "code"), [("three", 1007), ("9", 1008)])
async def test_live__refuses_what_is_no_order(message: str, code: int) -> None:
    """The kitchen is told by a close code, as the chapter says."""
    ada = login_and_rights.Staff("ada", manager=False)
    async with websocket(live.app, "/kitchen", provide={login_and_rights.Staff: ada}) as kitchen:
        await kitchen.send(message)
        with pytest.raises(WebSocketClosed) as closed:
            await kitchen.receive()
    assert closed.value.code == code
    assert code != 1008 or closed.value.reason == "there is no order 9"


@pytest.mark.program("chromium")
async def test_live__is_changed_by_a_click(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser shows an order, logs in, and marks the order ready."""
    monkeypatch.setattr(live.app, "binds", ["127.0.0.1:0"])
    async with served(live.app) as url, httpx2.AsyncClient(base_url=url) as http:
        await http.post("/staff", json=ACCOUNT, headers=TOKEN)
        await http.post("/orders", json={"tea": "sencha", "cups": 2})
        async with browser(tmp_path) as chromium:
            await chromium.read_page(url, WORK)
            await chromium.close_page()
        assert [order["ready"] for order in (await http.get("/orders")).json()] == [True]


async def test_mistake_held_transaction__keeps_all_others_waiting(
    clock: AutojumpClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While somebody reads the stream no order is placed, and the log says where they wait."""
    order = {"tea": "sencha"}
    async with client(mistake_held_transaction.app) as http:
        await http.post("/orders", json=order)
        async with connect(mistake_held_transaction.app) as raw:
            await raw.send(request(path="/board"))
            received = b""
            while b"1 sencha" not in received:
                part = await raw.receive()
                assert part, received
                received += part
            assert (await http.post("/orders", json=order)).status_code == 503
        assert (await http.post("/orders", json=order)).status_code == 200
    messages = [record.getMessage() for record in caplog.records]
    assert follows(text_of("07_live.md"), messages) is None


@pytest.mark.memory_only("its clients are its own")
@pytest.mark.http1_only("its clients are its own")
def test_test_tea_shop__passes_with_another_plugin() -> None:
    """The tests of chapter 8 run by anyio's plugin, too."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:trio", "-o", "anyio_mode=auto"]
    done = subprocess.run(
        [*command, "-W", "ignore::pytest.PytestConfigWarning", "examples/guide"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


async def ask_until(program: Program, url: str, failures: list[object], pattern: str) -> None:
    """Ask for orders, over a connection each time, until a program has said something."""
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            while True:
                async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as http:
                    answer = await http.get("/orders")
                    if answer.status_code != 200:
                        failures.append(answer)

        nursery.start_soon(ask)
        await program.wait_said(pattern)
        nursery.cancel_scope.cancel()


@pytest.mark.memory_only("its clients are its own")
@pytest.mark.http1_only("its clients are its own")
async def test_production__is_restarted_without_a_failed_request(tmp_path: Path) -> None:
    """SIGHUP replaces both workers while they are asked; the chapter shows what the log says."""
    options = ["--bind", "127.0.0.1:0", "--workers", "2", "--no-access-log"]
    failures: list[object] = []
    async with started(
        "examples.guide.production:app",
        *options,
        SHOP_DATABASE=str(tmp_path / "shop.db"),
        SHOP_TOKEN="known-to-the-owner",
        SHOP_SECRET="for-this-test-alone-and-no-other-one",
    ) as program:
        url = (await program.wait_said(r"workers serve at (http\S+)"))[1]
        program.process.send_signal(signal.SIGHUP)
        await ask_until(program, url, failures, r"(?s)(has ended with.*){2}")
        async with httpx2.AsyncClient(base_url=url) as http:
            assert (await http.get("/ready")).text == "ready"
            assert (await http.get("/live")).text == "alive"
        assert await program.end() == 0
    assert not failures
    assert follows(text_of("09_production.md", 1), program.said.splitlines()) is None


@pytest.mark.memory_only("its clients are its own")
@pytest.mark.http1_only("its clients are its own")
async def test_mistake_held_transaction__is_seen_from_beside() -> None:
    """``hump-trio top`` says who holds the transaction, and who waits, as the chapter shows."""
    options = ["--bind", "127.0.0.1:0", "--inspect", "127.0.0.1:0"]
    order = {"tea": "sencha"}
    async with started("examples.guide.mistake_held_transaction:app", *options) as program:
        page = (await program.wait_said(r"the live page at (http\S+)\n"))[1]
        url = (await program.wait_said(r"(?s)the live page.*serving at (http\S+)\n"))[1]
        async with (
            httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as http,
            trio.open_nursery() as nursery,
        ):
            assert (await http.post("/orders", json=order)).status_code == 200
            async with http.stream("GET", "/board") as stream:
                assert stream.status_code == 200
                nursery.start_soon(http.get, "/orders")
                while "2 requests in flight" not in (shown := await ask_top(page)):
                    pass
            nursery.cancel_scope.cancel()
    assert follows(text_of("09_production.md"), shown.splitlines()) is None


async def ask_top(page: str) -> str:
    """Return what ``hump-trio top`` shows."""
    with trio.fail_after(PATIENCE_SECONDS):
        command = [sys.executable, "-m", "hump_trio", "top", page]
        return (await trio.run_process(command, capture_stdout=True)).stdout.decode()
