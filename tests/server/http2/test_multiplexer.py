"""What the lanes of an HTTP/2 connection share: who leads, and what is unsent."""

import trio
from trio.testing import MockClock

from hump_trio import Hump
from tests.support.frames import ping, speak


async def test_a_handler_that_waits_holds_up_nobody(autojump_clock: MockClock) -> None:
    """Whatever comes meanwhile is answered, on any number of streams."""
    app = Hump()

    @app.get("/wait")
    async def wait() -> str:
        await trio.sleep(5)
        return "waited"

    @app.get("/")
    async def index() -> str:
        return "hello"

    async with speak(app) as peer:
        await peer.send(*(peer.head(2 * n + 1, path="/wait") for n in range(50)))
        await peer.frames()
        for n in range(50, 60):
            assert (await peer.ask(2 * n + 1)).text == "hello"
        await peer.expect_open()
        await trio.sleep(6)
        await peer.frames()
        assert {peer.answers[2 * n + 1].text for n in range(50)} == {"waited"}


async def test_a_client_that_ends_its_half_costs_nothing(autojump_clock: MockClock) -> None:
    """While a handler goes on for it, nobody looks for more again and again."""
    app = Hump()

    @app.get("/", on_disconnect="finish")
    async def wait() -> str:
        await trio.sleep(5)
        return "waited"

    async with speak(app) as peer:
        await peer.send(peer.head(1), ping())
        await peer.frames()
        await peer.transport.send_eof()
        await trio.sleep(6)  # virtual time passes when nobody has anything to do
        await peer.frames()
        assert peer.state == "ended"
        assert peer.answers[1].text == "waited"
