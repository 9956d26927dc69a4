"""A lane's part of an HTTP/2 connection: one request after the other."""

import trio
from trio.testing import MockClock

from hump_trio import Hump
from tests.support.frames import speak


async def test_no_request_pays_for_the_one_before(autojump_clock: MockClock) -> None:
    """Whichever lane serves it: what is too late gets its 503, however many were before."""
    app = Hump()

    @app.get("/", timeout=1)
    async def index() -> None:
        await trio.sleep_forever()

    async with speak(app) as peer:
        for stream_id in range(1, 20, 2):
            await peer.send(peer.head(stream_id))
            await trio.sleep(1.5)
            assert (await peer.answer(stream_id)).status == 503
        for stream_id in range(21, 60, 2):
            await peer.send(peer.head(stream_id))
        await trio.sleep(1.5)
        await peer.frames()
    assert {each.status for each in peer.answers.values()} == {503}
