"""How a connection of HTTP/2 ends in good order (RFC 9113 sections 5.4.1 and 6.8)."""

import struct

import pytest
import trio
from trio.testing import MockClock

from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import Framed
from tests.support.frames import GOAWAY, data, frame, ping, speak

NO_ERROR = ErrorCode.NO_ERROR


def goaway(last_id: int = 0, code: int = 0, text: bytes = b"") -> bytes:
    """Return a GOAWAY."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", last_id, code) + text)


@pytest.mark.parametrize("code", [0, 2, 0xBEEF])
async def test_what_a_client_that_leaves_has_asked_for_is_answered(
    code: int, autojump_clock: MockClock
) -> None:
    """Whatever code it gives (section 7); then the connection ends."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, path="/pause"), goaway(0, code, b"that was all"))
        await peer.frames()
        assert peer.state == "open"
        await trio.sleep(2)
        assert (await peer.answer(1)).text == "paused"
        await trio.sleep(80)
        await peer.frames()
        assert peer.state == "ended"
        assert all(each[1] == NO_ERROR for each in peer.goaways)


async def test_a_client_that_ends_its_half_gets_its_answers(autojump_clock: MockClock) -> None:
    """If they are quick."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1), peer.head(3))
        await peer.transport.send_eof()
        await peer.frames()
        assert [peer.answers[n].text for n in (1, 3)] == ["hello", "hello"]
        await trio.sleep(1)
        await peer.frames()
        assert peer.state == "ended"


async def test_a_client_that_has_gone_is_noticed(autojump_clock: MockClock) -> None:
    """All its handlers are cancelled."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(*(peer.head(2 * n + 1, path="/wait") for n in range(5)))
        await peer.frames()
        assert framed.running == 5
        peer.transport.reset()
        await trio.sleep(1)
        assert framed.running == 0
        assert framed.cancelled == [("/wait", "client-gone")] * 5


async def test_an_error_tells_which_stream_was_the_last(autojump_clock: MockClock) -> None:
    """What comes after it can safely be tried again (section 6.8)."""
    async with speak(Framed().app) as peer:
        await peer.ask(1)
        await peer.send(peer.head(3), peer.head(7, path="/wait"))
        await peer.frames()
        await peer.send(ping(b""))
        await peer.expect_goaway(ErrorCode.FRAME_SIZE_ERROR)
        assert peer.goaways == [(7, ErrorCode.FRAME_SIZE_ERROR)]


async def test_an_idle_connection_ends_without_an_error(autojump_clock: MockClock) -> None:
    """When nothing was asked for long; PINGs don't help."""
    async with speak(Framed().app) as peer:
        await peer.ask(1)
        for _ in range(7):
            await trio.sleep(10)
            await peer.expect_open()
        await trio.sleep(8)
        await peer.frames()
        assert (peer.state, peer.goaways) == ("ended", [(1, NO_ERROR)])


async def test_a_shutdown_takes_two_steps(autojump_clock: MockClock) -> None:
    """At first any stream may still come, and one that was on its way is answered."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(peer.head(1, path="/pause"))
        await peer.frames()
        framed.app.shutdown()
        frames = await peer.frames()
        assert peer.goaways == [(2**31 - 1, NO_ERROR)], frames
        await peer.send(peer.head(3))
        assert (await peer.answer(3)).text == "hello"
        await trio.sleep(0.5)
        await peer.frames()
        assert peer.goaways[1:] == [(3, NO_ERROR)]
        await peer.send(peer.head(5))
        await trio.sleep(2)
        await peer.frames()
        assert peer.answers[1].text == "paused"
        assert peer.answers[5].status == 0
        assert peer.state == "ended"
    assert framed.seen == ["/pause", "/"]


@pytest.mark.parametrize("what", ["window 0", "half a body", "endless"])
async def test_a_shutdown_waits_for_nobody_too_long(what: str, autojump_clock: MockClock) -> None:
    """Whatever a client does: `serve` keeps its promise."""
    framed = Framed()
    async with speak(framed.app, initial_window_size=0) as peer:
        if what == "half a body":
            await peer.send(peer.head(1, method="POST", path="/unread", end=False), data(1, b"x"))
        else:
            await peer.send(peer.head(1, path="/large" if what == "window 0" else "/endless"))
        await peer.frames()
        begun = trio.current_time()
        framed.app.shutdown()
    assert trio.current_time() - begun <= 16
    assert framed.running == 0


@pytest.mark.parametrize("acked", [True, False])
@pytest.mark.parametrize("last_id", [2**30 + 1, 2**31 - 1])
async def test_a_connection_ends_whose_numbers_are_used_up(
    last_id: int, acked: bool, autojump_clock: MockClock
) -> None:
    """After half of them, or with the very last one; what has come is answered."""
    async with speak(Framed().app) as peer:
        assert (await peer.ask(last_id)).text == "hello"
        if acked:
            await peer.send(ping(b"draining", ack=True))
        await trio.sleep(1)
        await peer.frames()
        assert peer.goaways == [(2**31 - 1, 0), (last_id, 0)]
        assert peer.state == "ended"
