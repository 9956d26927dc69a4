"""Autobahn's cases, as kosoku runs them: directly, over TLS, through proxies, over HTTP/2."""

import logging
from pathlib import Path

import pytest

from hump_trio import Hump, WebSocket
from hump_trio.asgi import Asgi
from tests.support.asgi_apps import Receive, Scope, Send
from tests.support.judged import judge
from tests.support.loopback import served
from tests.support.websocket_proxies import MULTIPLEXED, PROXIES, SECURED, Proxy

pytest.importorskip("kosoku")

# What Autobahn only wants to know: whether data behind a Close is read (7.1.6), and what becomes of
# codes that aren't anybody's (7.13).
INFORMATION = dict.fromkeys(["7.1.6", "7.13.1", "7.13.2"], "INFORMATIONAL, INFORMATIONAL")
COMPRESSED = ["12.*", "13.*"]
# Those of compression take minutes. Here is one of each agreement (of each 13.n); short messages,
# long ones and fragments are among them.
SOME_COMPRESSED = ["12.2.4", "12.3.14"]
SOME_COMPRESSED += ["13.1.4", "13.2.6", "13.3.13", "13.4.9", "13.5.3", "13.6.5", "13.7.11"]


@pytest.fixture
def app() -> Hump:
    """An app with an echo, without and with compression."""
    app = Hump("127.0.0.1", 0)

    @app.websocket("/echo", message_limit=None)
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/compressed", message_limit=None, compress=True)
    async def echo_compressed(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    return app


def websocket_url(url: str) -> str:
    """Return the URL of a WebSocket at the address of another one."""
    return "ws" + url.removeprefix("http")


async def test_all_that_needs_no_compression(app: Hump, caplog: pytest.LogCaptureFixture) -> None:
    """Frames, fragments, text, closes and limits: each case is passed, and strictly.

    Messages have up to 16 MiB, and up to 262,144 fragments.
    """
    async with served(app) as url:
        verdicts = await judge(f"{websocket_url(url)}/echo", without=COMPRESSED)
    assert verdicts == {"OK": "298", **INFORMATION}
    assert not [each for each in caplog.records if each.levelno > logging.INFO]


async def test_a_mounted_app_passes(caplog: pytest.LogCaptureFixture) -> None:
    """Likewise with an echo of ASGI, save the limits."""

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})

    outer = Hump("127.0.0.1", 0)
    outer.mount("", Asgi(echo, lifespan="off"))
    async with served(outer) as url:
        verdicts = await judge(f"{websocket_url(url)}/echo", without=[*COMPRESSED, "9.*"])
    assert verdicts == {"OK": "244", **INFORMATION}
    assert not [each for each in caplog.records if each.levelno > logging.INFO]


@pytest.mark.parametrize("proxy", [*PROXIES, MULTIPLEXED, SECURED])
async def test_all_that_needs_no_compression_passes(
    proxy: Proxy, app: Hump, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Likewise through what stands in front, save the limits, which take long."""
    async with proxy(tmp_path, app) as url:
        verdicts = await judge(f"{websocket_url(url)}/echo", without=[*COMPRESSED, "9.*"])
    assert verdicts == {"OK": "244", **INFORMATION}
    assert not [each for each in caplog.records if each.levelno > logging.INFO]


async def test_compression(app: Hump, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand compressed messages in each case, by whatever was agreed on."""
    async with served(app) as url:
        verdicts = await judge(f"{websocket_url(url)}/compressed", SOME_COMPRESSED)
    assert verdicts == {"OK": str(len(SOME_COMPRESSED))}
    assert not [each for each in caplog.records if each.levelno > logging.INFO]
