"""The keeper of an HTTP/2 connection: how it begins, and how it ends."""

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Response, Timeouts
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.session import LAST_ID, USED_UP_ID
from hump_trio.server.watchdog import SWEEP_SECONDS
from hump_trio.transports.memory import MemoryTransport
from tests.support.frames import GOAWAY, PREFACE, frame, settings, speak

DEFAULTS = Timeouts()


def app_of(timeouts: Timeouts = DEFAULTS) -> Hump:
    """Return an app that answers at once and after a second."""
    app = Hump(timeouts=timeouts)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/bye")
    async def bye() -> Response:
        return Response("bye", headers={"connection": "keep-alive, Close"})

    @app.get("/slow")
    async def slow() -> str:
        await trio.sleep(1)
        return "at last"

    return app


@pytest.mark.memory_only("there a transport says of itself what was agreed on")
async def test_a_weak_cipher_is_refused(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that RFC 9113 lists in appendix A, which a program's own context may agree on."""
    monkeypatch.setattr(MemoryTransport, "strong_cipher", False)
    async with speak(app_of(), greeted=False) as peer:
        await peer.send(PREFACE, settings(), peer.head(1))
        await peer.expect_goaway(ErrorCode.INADEQUATE_SECURITY)
        assert peer.answers == {}


@pytest.mark.parametrize("goodbye", [b"", frame(GOAWAY, 0, 0, bytes(8))])
async def test_a_client_that_ends_its_half_reads_all(
    goodbye: bytes, autojump_clock: MockClock
) -> None:
    """The connection ends then, and isn't reset: that could destroy what is on its way."""
    async with speak(app_of()) as peer:
        await peer.send(peer.head(1), goodbye)
        await peer.transport.send_eof()
        assert (await peer.answer(1)).body == b"hello"
        assert peer.state == "ended"


async def test_a_client_that_says_goodbye_is_answered(autojump_clock: MockClock) -> None:
    """What it has asked before is, and then the connection ends (RFC 9113 section 6.8)."""
    async with speak(app_of()) as peer:
        await peer.send(peer.head(1, path="/slow"), frame(GOAWAY, 0, 0, bytes(8)))
        await trio.sleep(2)
        assert (await peer.answer(1)).body == b"at last"
        await peer.transport.send_eof()
        await peer.frames()
        assert peer.state == "ended"


async def test_an_answer_may_end_the_connection(autojump_clock: MockClock) -> None:
    """As `Connection: close` does in HTTP/1.1: what has come by then is answered before."""
    async with speak(app_of()) as peer:
        await peer.send(peer.head(1, path="/slow"), peer.head(3, path="/bye"))
        bye = await peer.answer(3)
        assert (bye.body, "connection" in bye.headers) == (b"bye", False)
        assert [last_id for last_id, _ in peer.goaways] == [LAST_ID]
        await peer.send(peer.head(5))
        assert (await peer.answer(5)).body == b"hello"
        await trio.sleep(2)
        assert (await peer.answer(1)).body == b"at last"
        assert peer.goaways == [(LAST_ID, ErrorCode.NO_ERROR), (5, ErrorCode.NO_ERROR)]
        assert peer.state == "ended"


async def test_a_client_that_has_used_half_of_all_numbers(autojump_clock: MockClock) -> None:
    """It is asked to connect anew, in two steps, so that no request is lost (section 6.8)."""
    async with speak(app_of()) as peer:
        assert (await peer.ask(USED_UP_ID - 1)).body == b"hello"
        assert not peer.goaways
        assert (await peer.ask(USED_UP_ID + 1)).body == b"hello"
        assert peer.goaways == [(LAST_ID, ErrorCode.NO_ERROR)]
        assert (await peer.ask(USED_UP_ID + 3)).body == b"hello"
        await trio.sleep(1)
        await peer.frames()
        assert peer.goaways[1:] == [(USED_UP_ID + 3, ErrorCode.NO_ERROR)]
        assert peer.state == "ended"


@pytest.mark.memory_only("there a request comes in the very moment in which its connection ends")
async def test_a_request_at_the_last_moment_is_answered_or_unbegun(
    autojump_clock: MockClock,
) -> None:
    """Which of the two is up to the order of the server's tasks; nothing else comes of it."""
    ends = set()
    for _ in range(40):
        app = app_of(Timeouts(keep_alive=1))
        start = trio.current_time()
        async with speak(app) as peer:
            await peer.send(peer.head(1))
            assert (await peer.answer(1)).body == b"hello"
            await trio.sleep_until(start + 1 + SWEEP_SECONDS)
            peer.transport.send_nowait(peer.head(3, path="/slow"))
            await trio.sleep(2)
            answer = await peer.answer(3)
            begun = peer.goaways == [] or peer.goaways[0][0] >= 3
            assert answer.body == (b"at last" if begun else b"")
            ends.add(begun)
    assert ends == {True, False}
