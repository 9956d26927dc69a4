"""Figures beside what is served."""

import logging

import pytest
import trio

from hump_trio import Hump
from hump_trio.command.beside import Beside, serve_beside
from tests.support.loopback import address_of, ask


async def test_figures_are_served_as_long_as_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """In the caller's task; then they are gone. The log says where, and nothing of who asks."""
    caplog.set_level(logging.INFO)
    figures = Hump("127.0.0.1", 0)
    task = trio.lowlevel.current_task()

    @figures.get("/metrics")
    async def show() -> str:
        return "7"

    async def serve() -> int:
        assert trio.lowlevel.current_task() is task
        async with await trio.open_tcp_stream(*address_of(figures.addresses[0])) as stream:
            assert (await ask(stream, "/metrics")).endswith(b"7")
        return 3

    assert await serve_beside([Beside(app=figures, words="figures", path="/metrics")], serve) == 3
    assert figures.addresses == ()
    [message] = caplog.messages
    assert message.startswith("figures at http://127.0.0.1:")
