"""The client as one lane of an HTTP/2 connection sees it."""

import trio
from trio.testing import MockClock

from hump_trio import Hump, Request
from tests.support.frames import reset, speak


async def test_a_stream_has_a_client_of_its_own(autojump_clock: MockClock) -> None:
    """Who resets it is gone for its handler, and for no other one."""
    reasons = dict[str, str | None]()
    app = Hump()

    @app.get("/{name}")
    async def wait(name: str, request: Request) -> str:
        try:
            await trio.sleep(1)
        finally:
            reasons[name] = request.cancel_reason
        return name

    async with speak(app) as peer:
        await peer.send(*(peer.head(n, path=path) for n, path in [(1, "/a"), (3, "/b"), (5, "/c")]))
        await peer.frames()
        await peer.send(reset(3))
        await peer.frames()
        assert reasons == {"b": "client-gone"}
        await trio.sleep(2)
        assert [(await peer.answer(n)).text for n in (1, 5)] == ["a", "c"]
    assert reasons == {"a": None, "b": "client-gone", "c": None}
