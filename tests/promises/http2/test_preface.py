"""How a connection of HTTP/2 begins (RFC 9113 section 3.4), and what a wrong beginning gets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from hyperframe.frame import SettingsFrame
from trio.testing import MockClock

from hump_trio import Hump, Limits
from hump_trio.http2.failures import ErrorCode
from hump_trio.testing import connect
from tests.support.framed_app import Framed
from tests.support.frames import ACK, PREFACE, SETTINGS, Peer, data, frame, ping, settings, speak
from tests.support.secured import behind_door, client_context
from tests.support.wire import request

FIRST = PREFACE + settings()


async def test_what_a_server_begins_with(autojump_clock: MockClock) -> None:
    """Its SETTINGS, which say what it takes; and room for the bodies of many streams at once.

    A header list counts 32 bytes more for each field (RFC 9113 section 6.5.2).
    """
    async with speak(Framed().app, greeted=False) as peer:
        await peer.send(FIRST)
        first, *rest = await peer.frames()
        assert isinstance(first, SettingsFrame)
        assert any(isinstance(each, SettingsFrame) and "ACK" in each.flags for each in rest)
    limits = Limits()
    assert peer.settings == {
        3: limits.streams,
        4: 262_144,
        6: limits.head_bytes + 32 * limits.header_count,
        8: 1,  # a stream may become a WebSocket (RFC 8441 section 3)
        9: 1,
    }
    assert 65_535 + peer.credits[0] == 2**20


async def test_it_comes_whole_or_byte_by_byte(autojump_clock: MockClock) -> None:
    """With the first request, or long before it: the request is answered all the same."""
    async with speak(Framed().app, greeted=False) as peer:
        await peer.send(FIRST, frame(SETTINGS, ACK), peer.head(1))
        assert (await peer.answer(1)).text == "hello"
    async with speak(Framed().app, greeted=False) as peer:
        for byte in FIRST + peer.head(1):
            await peer.send(bytes([byte]))
            await trio.sleep(0.01)
        assert (await peer.answer(1)).text == "hello"


@pytest.mark.parametrize("count", range(1, len(PREFACE)))
async def test_it_comes_in_two_pieces(count: int, autojump_clock: MockClock) -> None:
    """Wherever it is cut."""
    async with speak(Framed().app, greeted=False) as peer:
        await peer.send(FIRST[:count])
        await trio.sleep(1)
        await peer.send(FIRST[count:], peer.head(1))
        assert (await peer.answer(1)).text == "hello"


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(PREFACE[:18] + b"XX\r\n\r\n" + settings(), id="another second half"),
        pytest.param(PREFACE[:18] + b"SM\n\n\r\n" + settings(), id="bare line ends"),
        pytest.param(PREFACE + ping(), id="PING before SETTINGS"),
        pytest.param(PREFACE + frame(SETTINGS, ACK), id="an ACK before SETTINGS"),
        pytest.param(PREFACE + data(1, b"x"), id="DATA before SETTINGS"),
        pytest.param(PREFACE + request(), id="HTTP/1.1 after it"),
        pytest.param(PREFACE + FIRST, id="twice"),
    ],
)
async def test_another_beginning_ends_the_connection(
    first: bytes, autojump_clock: MockClock
) -> None:
    """With a GOAWAY, whose code says that this is no HTTP/2 (or no frame that can be)."""
    framed = Framed()
    async with speak(framed.app, greeted=False) as peer:
        await peer.send(first)
        await peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR)
    assert not framed.seen


@pytest.mark.parametrize(
    ("begun", "code"),
    [
        pytest.param(PREFACE[:20], ErrorCode.ENHANCE_YOUR_CALM, id="half a preface"),
        pytest.param(PREFACE, ErrorCode.ENHANCE_YOUR_CALM, id="no SETTINGS"),
        pytest.param(FIRST[:-1], ErrorCode.ENHANCE_YOUR_CALM, id="half of the SETTINGS"),
    ],
)
async def test_a_beginning_that_never_ends_is_ended(
    begun: bytes, code: ErrorCode, autojump_clock: MockClock
) -> None:
    """After the time for a head: nothing else can come meanwhile."""
    async with speak(Framed().app, greeted=False) as peer:
        await peer.send(begun)
        await trio.sleep(9)
        await peer.frames()
        assert (peer.state, peer.goaways) == ("open", [])
        await trio.sleep(2)
        await peer.expect_goaway(code)


@pytest.mark.plain_only("over TLS the protocol is agreed on")
async def test_both_protocols_are_spoken_at_one_door(autojump_clock: MockClock) -> None:
    """The first bytes decide, connection by connection."""
    framed = Framed()
    async with connect(framed.app) as raw, speak(framed.app) as peer:
        assert (await peer.ask(1)).text == "hello"
        await raw.send(request())
        assert (await raw.receive()).startswith(b"HTTP/1.1 200 ")
        assert (await peer.ask(3)).text == "hello"


@asynccontextmanager
async def agreed(app: Hump) -> AsyncIterator[Peer]:
    """Serve an app over TLS, and give a connection on which HTTP/2 was agreed on."""
    context = client_context()
    context.set_alpn_protocols(["h2"])
    async with behind_door(app) as door:
        peer = Peer(await door.greet(context))
        yield peer
        peer.transport.close()


async def test_a_client_that_agrees_and_says_nothing(autojump_clock: MockClock) -> None:
    """It is told nothing more than the server's settings, and closed after the time for a head."""
    async with agreed(Framed().app) as peer:
        await trio.sleep(9)
        await peer.frames()
        assert peer.state == "open"
        await trio.sleep(2)
        await peer.frames()
        assert (peer.state == "open", peer.goaways) == (False, [])


async def test_a_client_that_agrees_and_speaks_otherwise(autojump_clock: MockClock) -> None:
    """The first byte that is another one ends the connection."""
    async with agreed(Framed().app) as peer:
        await peer.send(PREFACE[:1])
        await trio.sleep(1)
        await peer.send(b"OST / HTTP/1.1")
        await peer.expect_goaway(ErrorCode.PROTOCOL_ERROR)


@pytest.mark.parametrize("end", ["reset", "send_eof"])
async def test_a_client_that_agrees_and_goes(
    end: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Amid its first bytes; nothing is logged, and nothing is left of its connection."""
    framed = Framed()
    async with agreed(framed.app) as peer:
        await peer.send(PREFACE[:10])
        await peer.frames()
        if end == "reset":
            peer.transport.reset()
        else:
            await peer.transport.send_eof()
        await trio.sleep(1)
        assert not sum(framed.app.statistics().connections.values())
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
