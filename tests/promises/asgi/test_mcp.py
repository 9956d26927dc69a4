"""A server of the Model Context Protocol, mounted, as its SDK's own client sees it."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import pytest
import trio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent

from hump_trio import Hump, Timeouts
from hump_trio.asgi import Asgi
from tests.support.loopback import PATIENCE_SECONDS, served, wait_until

Mode = Literal["auto", "legacy"]

# The client leaves generators to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


@pytest.fixture(params=[False, True], ids=["events", "json"])
def app(request: pytest.FixtureRequest) -> Hump:
    """An app with a server of two tools inside, which answers by event streams or by JSON."""
    server = MCPServer("kitchen")

    @server.tool()
    async def brew(cups: int) -> str:
        """Brew as Trio does."""
        await trio.sleep(0.001 * cups)
        return f"{cups} cups"

    @server.tool()
    async def boil(ctx: Context[Any, Any]) -> str:
        """Tell how far it is."""
        for part in range(3):
            await ctx.report_progress(part, 3)
            await trio.sleep(0.001)
        return "hot"

    outer = Hump("localhost", 0, timeouts=Timeouts(shutdown=0.1))
    outer.mount("/kitchen", Asgi(server.streamable_http_app(json_response=request.param)))
    return outer


@asynccontextmanager
async def client_of(app: Hump, mode: Mode, http2: bool) -> AsyncIterator[Client]:
    """Serve an app, and connect to the server in it."""
    async with (
        served(app) as url,
        httpx2.AsyncClient(http1=not http2, http2=http2, timeout=PATIENCE_SECONDS) as http,
        Client(streamable_http_client(f"{url}/kitchen/mcp", http_client=http), mode=mode) as client,
    ):
        yield client
    gc.collect()  # what the client leaves behind is its own, and belongs to this test


def text_of(result: CallToolResult) -> str:
    """Return the one text that a tool has answered."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_tools(app: Hump, mode: Mode, http2: bool) -> None:
    """They are listed and called, many at once, and may wait as Trio does."""
    async with client_of(app, mode, http2) as client:
        listed = await client.list_tools()
        assert sorted(tool.name for tool in listed.tools) == ["boil", "brew"]
        brewed: list[str] = []

        async def brew(cups: int) -> None:
            result = await client.call_tool("brew", {"cups": cups})
            brewed.append(text_of(result))

        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                for cups in range(10):
                    nursery.start_soon(brew, cups)
        assert sorted(brewed) == [f"{cups} cups" for cups in range(10)]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_progress(app: Hump, mode: Mode) -> None:
    """What a tool tells on its way reaches the client, where answers are event streams."""
    told: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with client_of(app, mode, http2=False) as client:
        result = await client.call_tool("boil", progress_callback=note)
        assert text_of(result) == "hot"
    assert told in ([0, 1, 2], [])


async def test_a_shutdown(app: Hump, caplog: pytest.LogCaptureFixture) -> None:
    """A client that stays connected, and reads events, holds it up no longer than any other."""
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            (url,) = await nursery.start(app.serve)
            async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
                asked = {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "initialize",
                    "params": {
                        "protocolVersion": "2025-06-18",
                        "capabilities": {},
                        "clientInfo": {"name": "test", "version": "1"},
                    },
                }
                accept = {"accept": "application/json, text/event-stream"}
                begun = await http.post(f"{url}/kitchen/mcp", json=asked, headers=accept)
                session = {**accept, "mcp-session-id": begun.headers["mcp-session-id"]}

                async def read_events() -> None:
                    with pytest.raises(httpx2.TransportError):
                        await http.get(f"{url}/kitchen/mcp", headers=session)

                async with trio.open_nursery() as readers:
                    readers.start_soon(read_events)
                    await wait_until(lambda: len(app.statistics().requests) == 1)
                    app.shutdown()
    gc.collect()
    assert not [each for each in caplog.records if "Traceback" in (each.exc_text or "")]
