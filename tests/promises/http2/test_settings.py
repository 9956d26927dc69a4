"""What a client may set, and what comes of values that it may not (RFC 9113 section 6.5)."""

import pytest
from hyperframe.frame import SettingsFrame
from trio.testing import MockClock

from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import Framed
from tests.support.frames import settings, speak

PROTOCOL, FLOW = ErrorCode.PROTOCOL_ERROR, ErrorCode.FLOW_CONTROL_ERROR


@pytest.mark.parametrize(
    ("number", "value", "code"),
    [
        pytest.param(2, 2, PROTOCOL, id="6.5.2 push neither on nor off"),
        pytest.param(4, 2**31, FLOW, id="6.5.2 a window that is too large"),
        pytest.param(4, 2**32 - 1, FLOW, id="6.5.2 the largest number as a window"),
        pytest.param(5, 16_383, PROTOCOL, id="6.5.2 frames that are too short"),
        pytest.param(5, 2**24, PROTOCOL, id="6.5.2 frames that are too long"),
        pytest.param(5, 0, PROTOCOL, id="6.5.2 frames of nothing"),
        pytest.param(9, 2, PROTOCOL, id="9218 2.1 priorities neither on nor off"),
    ],
)
async def test_a_value_that_is_none_ends_the_connection(
    number: int, value: int, code: ErrorCode, autojump_clock: MockClock
) -> None:
    """With the code of its section; also where a good value stands beside it."""
    for pairs in ([(number, value)], [(3, 5), (number, value), (1, 0)]):
        async with speak(Framed().app) as peer:
            await peer.send(settings(*pairs))
            await peer.expect_goaway(code)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (1, 0),
        (1, 2**32 - 1),
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 2**32 - 1),
        (4, 0),
        (4, 2**31 - 1),
        (5, 16_384),
        (5, 2**24 - 1),
        (6, 0),
        (6, 2**32 - 1),
        (7, 2**32 - 1),
        (8, 1),
        (9, 0),
        (9, 1),
        (0, 0),
        (0xFFFF, 2**32 - 1),
    ],
)
async def test_a_value_that_may_be_is_acknowledged(
    number: int, value: int, autojump_clock: MockClock
) -> None:
    """At once, known or not; the answers that follow are whole."""
    async with speak(Framed().app) as peer:
        await peer.send(settings((number, value)))
        [ack] = await peer.frames()
        assert isinstance(ack, SettingsFrame)
        assert "ACK" in ack.flags
        answer = await peer.ask(1)
        assert (answer.status, answer.text) == (200, "hello" if (number, value) != (4, 0) else "")


async def test_each_is_acknowledged(autojump_clock: MockClock) -> None:
    """As often as it is sent (section 6.5.3)."""
    async with speak(Framed().app) as peer:
        await peer.send(settings(max_concurrent_streams=1), settings(), settings((4, 7), (4, 8)))
        assert len(await peer.frames()) == 3


@pytest.mark.parametrize("size", [0, 100, 4096, 10_000])
async def test_answers_keep_to_the_table_that_a_client_has(
    size: int, autojump_clock: MockClock
) -> None:
    """Its decoder takes no more entries than it has said (RFC 7541 section 4.2)."""
    async with speak(Framed().app) as peer:
        assert (await peer.ask(1)).status == 200
        peer.decoder.max_allowed_table_size = size
        await peer.send(settings(header_table_size=size))
        await peer.frames()
        for stream_id in (3, 5, 7):
            answer = await peer.ask(stream_id)
            assert (answer.status, answer.text) == (200, "hello")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
