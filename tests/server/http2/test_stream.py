"""One request of an HTTP/2 connection: its body as it comes, its answer as windows allow."""

from trio.testing import MockClock

from hump_trio import Hump, Request
from hump_trio.http2.failures import ErrorCode
from tests.support.frames import data, speak, window_update


def echoing() -> Hump:
    """Return an app that answers with what it gets."""
    app = Hump()

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


async def test_an_answer_goes_out_as_its_window_allows(autojump_clock: MockClock) -> None:
    """Its end goes out with its last byte."""
    async with speak(echoing(), initial_window_size=3) as peer:
        await peer.send(peer.head(1))
        assert (await peer.answer(1)).text == "hel"
        assert not peer.answers[1].ended
        await peer.send(window_update(1, 2))
        assert (await peer.answer(1)).text == "hello"
        assert peer.answers[1].ended


async def test_what_is_held_of_a_body_is_given_back(autojump_clock: MockClock) -> None:
    """A body that ends short of its length was held, and isn't any more."""
    app = echoing()
    async with speak(app) as peer:
        head = peer.head(1, ("content-length", "10"), method="POST", end=False)
        await peer.send(head, data(1, b"12345", end=True))
        await peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
        await peer.send(peer.head(3, method="POST", end=False), data(3, b"12345", end=True))
        assert (await peer.answer(3)).text == "12345"
        assert app.statistics().buffered_bytes == 0
