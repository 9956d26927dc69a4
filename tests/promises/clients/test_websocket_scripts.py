"""JavaScript's WebSocket, in Node and on pages in Chromium; and curl, which asks by hand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trio

from hump_trio import HtmlResponse, HttpException, Hump, Response, Timeouts, WebSocket
from tests.support.browser import Browser, browser
from tests.support.loopback import PATIENCE_SECONDS, served

SCRIPT = Path(__file__).parents[2] / "support/websocket_client.mjs"
PAGE = """<!doctype html><title>WebSocket</title><p></p><script type="module">
import {play} from "/script.mjs";
const query = new URLSearchParams(location.search);
const seen = await play(query.get("base"), JSON.parse(query.get("parts")));
document.querySelector("p").textContent = JSON.stringify(seen);
</script>"""
WRITTEN = "document.querySelector('p').textContent"

Parts = Sequence[tuple[str, str]]


def app_with_pages(timeouts: Timeouts | None = None, origins: Sequence[str] = ()) -> Hump:
    """Return an app that scripts ask for WebSockets, and for the page that they are on.

    Args:
        timeouts: If they are others than the usual ones.
        origins: Whose pages may ask for one WebSocket; of its own none may.
    """
    app = Hump("127.0.0.1", 0, timeouts=timeouts)

    @app.websocket("/named", origins=origins)
    async def close_named(ws: WebSocket) -> None:
        await ws.close(4000)

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/compressed", compress=True)
    async def echo_compressed(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/agree", subprotocols=["tea.v2", "tea.v1"])
    async def agree(ws: WebSocket) -> None:
        await ws.accept()

    @app.websocket("/close")
    async def close(ws: WebSocket) -> None:
        await ws.close(4401, "sign in")

    @app.websocket("/refused")
    async def refuse(ws: WebSocket) -> None:
        raise HttpException(401, "sign in")

    @app.websocket("/crash")
    async def crash(ws: WebSocket) -> None:
        await ws.accept()
        raise ValueError("secret")

    @app.websocket("/shutdown")
    async def shut_down(ws: WebSocket) -> None:
        await ws.accept()
        app.shutdown()
        await ws.receive()

    @app.get("/page")
    async def page() -> HtmlResponse:
        return HtmlResponse(PAGE)

    @app.get("/script.mjs")
    async def script() -> Response:
        return Response(SCRIPT.read_bytes(), headers={"content-type": "text/javascript"})

    return app


@pytest.fixture
def app() -> Hump:
    """The app."""
    return app_with_pages()


# What is done one after the other, and what the script has seen each time.
PLAYED: list[tuple[str, str, list[Any]]] = [
    ("agree", "/agree", ["open", "tea.v2", [1000, "", True]]),
    ("end", "/close", ["open", [4401, "sign in", True]]),
    ("end", "/crash", ["open", [1011, "", True]]),
    ("only", "/refused", ["error"]),
    ("only", "/nowhere", ["error"]),
    ("end", "/shutdown", ["open", [1001, "going away", True]]),
]
ECHOES = [("echo", "/echo"), ("echo", "/compressed")]
PARTS = [*ECHOES, *[(task, path) for task, path, _ in PLAYED]]


def websocket_url(url: str) -> str:
    """Return the URL of WebSockets at the address of another one."""
    return f"ws{url.removeprefix('http')}"


def check(seen: list[list[Any]]) -> None:
    """Check what a script has seen of all parts."""
    for opened, _, *others in seen[:2]:
        assert opened == "open"
        # The answer to the script's close has its code, and no reason.
        assert others == [True] * 6 + [[4001, "", True]]
    assert seen[2:] == [expected for _, _, expected in PLAYED]


async def run(*command: str) -> str:
    """Return what a program prints."""
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(command, capture_stdout=True, check=False)
    return done.stdout.decode("latin-1")


@pytest.mark.program("node")
async def test_node(app: Hump) -> None:
    """Node's own client sends, agrees, and is told how each WebSocket ends."""
    async with trio.open_nursery() as nursery:
        urls: tuple[str, ...] = await nursery.start(app.serve)
        options = ["--no-warnings", "--experimental-websocket"]  # the second is for Node 20
        said = await run("node", *options, str(SCRIPT), websocket_url(urls[0]), json.dumps(PARTS))
        check(json.loads(said))


async def read(chromium: Browser, url: str, parts: Parts, base: str = "") -> list[list[Any]]:
    """Return what the script has seen on a page of an app.

    Args:
        chromium: The browser.
        url: Of the app.
        parts: What the script does.
        base: The URL of the app that it asks for WebSockets; the same one if it isn't given.
    """
    query = urlencode({"base": websocket_url(base or url), "parts": json.dumps(parts)})
    document = await chromium.read_page(f"{url}/page?{query}", WRITTEN)
    seen: list[list[Any]] = json.loads(document.partition("<p>")[2].partition("</p>")[0])
    return seen


@pytest.mark.program("chromium")
async def test_chromium(app: Hump, tmp_path: Path) -> None:
    """A page sends, agrees, compresses, and is told how each WebSocket ends."""
    async with browser(tmp_path / "profile") as chromium, trio.open_nursery() as nursery:
        urls: tuple[str, ...] = await nursery.start(app.serve)
        seen = await read(chromium, urls[0], PARTS)
        check(seen)
        (_, plain, *_), (_, compressed, *_), *_ = seen
        assert plain == ""
        assert compressed.startswith("permessage-deflate;")


@pytest.mark.program("chromium")
async def test_pages_of_others(tmp_path: Path) -> None:
    """A page of another port is refused, unless the route names its origin."""
    async with (
        browser(tmp_path / "profile") as chromium,
        served(app_with_pages()) as evil,
        served(app_with_pages(origins=[evil])) as url,
    ):
        parts = [("only", "/echo"), ("end", "/named")]
        refused, named = ["error"], ["open", [4000, "", True]]
        assert await read(chromium, evil, parts, url) == [refused, named]
        assert await read(chromium, url, [("end", "/close"), parts[1]]) == [
            ["open", [4401, "sign in", True]],
            ["error", None],
        ]


@pytest.mark.program("chromium")
async def test_a_page_that_is_closed(app: Hump, tmp_path: Path) -> None:
    """A handler that sleeps is cancelled when its page has gone, and has had its grace."""
    ended: list[object] = []
    over = trio.Event()

    @app.websocket("/sleep", on_disconnect=0.1)
    async def sleep(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await trio.sleep_forever()
        finally:
            ended.extend([ws.close_code, ws.request.cancel_reason])
            over.set()

    async with browser(tmp_path / "profile") as chromium, served(app) as url:
        assert await read(chromium, url, [("keep", "/sleep")]) == [["open"]]
        assert not ended
        await chromium.close_page()
        with trio.fail_after(PATIENCE_SECONDS):
            await over.wait()
    assert ended == [1001, "client-gone"]


@pytest.mark.program("curl")
async def test_curl() -> None:
    """A handshake by hand is a 101 with the key that RFC 6455 has for an example, and no more.

    Without the fields of a handshake it is a 426, which says what is missing.
    """
    fields = ["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
    fields.append("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==")
    headers = [word for each in fields for word in ("--header", each)]
    curl = ["curl", "--silent", "--show-error", "--noproxy", "*", "--http1.1", "--include"]
    # curl takes what follows for a body, and answers no Close.
    async with served(app_with_pages(Timeouts(close=0.1))) as url:
        answer = await run(*curl, *headers, f"{url}/close")
        head, _, frame = answer.partition("\r\n\r\n")
        status, *lines = head.lower().splitlines()
        assert status.startswith("http/1.1 101 ")
        assert "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in lines
        assert frame.endswith("sign in")
        answer = await run(*curl, f"{url}/close")
        status, *lines = answer.partition("\r\n\r\n")[0].lower().splitlines()
        assert status.startswith("http/1.1 426 ")
        assert {"upgrade: websocket", "sec-websocket-version: 13"} <= set(lines)
