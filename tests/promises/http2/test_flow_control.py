"""Nobody sends more than the other takes, on a stream or in all (RFC 9113 sections 5.2 and 6.9)."""

import math

import pytest
import trio
from hyperframe.frame import DataFrame
from trio.testing import MockClock

from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import LARGE_BYTES, Framed
from tests.support.frames import (
    DATA,
    END_STREAM,
    PADDED,
    Peer,
    data,
    frame,
    reset,
    settings,
    speak,
    window_update,
)

FLOW = ErrorCode.FLOW_CONTROL_ERROR
TOP = 2**31 - 1


async def test_a_window_of_one_byte(autojump_clock: MockClock) -> None:
    """Is used for one byte; and each byte more for one more."""
    async with speak(Framed().app, initial_window_size=1) as peer:
        assert (await peer.ask(1)).body == b"h"
        for count in range(2, 6):
            await peer.send(window_update(1, 1))
            assert len((await peer.answer(1)).body) == count
        assert peer.answers[1].ended
        assert peer.answers[1].data_bytes[:5] == [1] * 5


async def test_no_window_is_needed_for_a_head(autojump_clock: MockClock) -> None:
    """Nor for an answer without a body, which ends."""
    async with speak(Framed().app, initial_window_size=0) as peer:
        assert (await peer.ask(1)).status == 200
        assert not peer.answers[1].data_bytes
        assert (await peer.ask(3, method="HEAD")).ended
        assert (await peer.ask(5, path="/nowhere", method="HEAD")).ended
        await peer.send(window_update(1, 100))
        assert (await peer.answer(1)).text == "hello"


async def test_all_streams_share_the_window_of_the_connection(autojump_clock: MockClock) -> None:
    """It is 65,535 bytes, whatever SETTINGS say, until a WINDOW_UPDATE (section 6.9.2)."""
    async with speak(Framed().app, initial_window_size=TOP) as peer:
        await peer.send(peer.head(1, path="/large"), peer.head(3, path="/large"))
        await peer.frames()
        assert sum(len(peer.answers[n].body) for n in (1, 3)) == 65_535
        for _ in range(10):
            await peer.send(window_update(0, 50_000))
            await peer.frames()
        assert [len(peer.answers[n].body) for n in (1, 3)] == [LARGE_BYTES] * 2
        assert peer.answers[1].ended
        assert peer.answers[3].ended


async def test_a_stream_without_a_window_holds_up_no_other(autojump_clock: MockClock) -> None:
    """What it can't send isn't taken from the connection's window."""
    async with speak(Framed().app, initial_window_size=100) as peer:
        await peer.send(window_update(0, 10_000_000))
        await peer.send(peer.head(1, path="/large"), peer.head(3, path="/large"))
        await peer.send(window_update(3, LARGE_BYTES))
        await peer.frames()
        assert (len(peer.answers[1].body), peer.answers[3].ended) == (100, True)
        assert (await peer.ask(5)).text == "hello"


async def test_a_setting_changes_the_windows_of_open_streams(autojump_clock: MockClock) -> None:
    """By the difference (section 6.9.2): more is sent at once."""
    async with speak(Framed().app, initial_window_size=0) as peer:
        await peer.send(peer.head(1, path="/large"))
        await peer.frames()
        await peer.send(settings(initial_window_size=1000))
        assert len((await peer.answer(1)).body) == 1000
        await peer.send(settings(initial_window_size=1500))
        assert len((await peer.answer(1)).body) == 1500


async def test_a_window_may_become_negative(autojump_clock: MockClock) -> None:
    """And nothing is sent until it is positive again (section 6.9.2)."""
    async with speak(Framed().app, initial_window_size=1000) as peer:
        await peer.send(peer.head(1, path="/large"))
        await peer.frames()
        await peer.send(settings(initial_window_size=0))
        await peer.send(window_update(1, 1000))
        assert len((await peer.answer(1)).body) == 1000
        await peer.send(window_update(1, 1))
        assert len((await peer.answer(1)).body) == 1001
        await peer.send(settings(initial_window_size=2))
        assert len((await peer.answer(1)).body) == 1003


async def test_the_last_of_several_values_counts(autojump_clock: MockClock) -> None:
    """They are taken in their order (section 6.5.3)."""
    async with speak(Framed().app) as peer:
        await peer.send(settings((4, 100), (4, 1)))
        assert (await peer.ask(1)).body == b"h"


async def test_a_window_that_overflows_ends_its_stream(autojump_clock: MockClock) -> None:
    """A window is at most 2^31 - 1 (section 6.9.1); in steps, or in one."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, path="/wait"), window_update(1, TOP))
        await peer.expect_reset(1, FLOW)
        await peer.send(peer.head(3, path="/wait"), window_update(3, TOP - 65_535))
        await peer.expect_open()
        await peer.send(window_update(3, 1))
        await peer.expect_reset(3, FLOW)


async def test_the_connections_window_that_overflows_ends_all(autojump_clock: MockClock) -> None:
    """With a GOAWAY (section 6.9.1)."""
    async with speak(Framed().app) as peer:
        await peer.send(window_update(0, TOP - 65_535))
        await peer.expect_open()
        await peer.send(window_update(0, 1))
        await peer.expect_goaway(FLOW)


async def test_a_setting_that_overflows_a_window_ends_all(autojump_clock: MockClock) -> None:
    """A stream's, which was moved up before (section 6.9.2)."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, path="/wait"), window_update(1, TOP - 65_535))
        await peer.expect_open()
        await peer.send(settings(initial_window_size=65_536))
        await peer.expect_goaway(FLOW)


async def upload(peer: Peer, stream_id: int, byte_count: int) -> None:
    """Send a body in pieces as the windows allow; the last one is yet to come."""
    sent = 0
    while sent < byte_count:
        room = min(
            byte_count - sent,
            16_384,
            peer.settings[4] + peer.credits[stream_id] - sent,
            65_535 + peer.credits[0] - sent,
        )
        assert room > 0, f"no room after {sent} bytes"
        await peer.send(data(stream_id, b"x" * room))
        sent += room
        await peer.frames()


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_body_larger_than_the_windows_comes_through(
    path: str, autojump_clock: MockClock
) -> None:
    """Whoever takes it, the client gets new room in time."""
    byte_count = 900_000 if path == "/" else 3_000_000
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, method="POST", path=path, end=False))
        await upload(peer, 1, byte_count)
        await peer.send(data(1, end=True))
        answer = await peer.answer(1)
        assert answer.status == 200
        if path == "/stream":
            assert answer.text.replace(" ", "") == f'{{"bytes":{byte_count}}}'


async def test_room_is_made_in_large_steps(autojump_clock: MockClock) -> None:
    """Not for each frame: a body of 100 small ones gets few answers, and they aren't odd."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, method="POST", path="/stream", end=False))
        await peer.frames()
        updates = 0
        for _ in range(1000):
            await peer.send(data(1, b"x" * 1000))
            updates += len(await peer.frames())
        assert updates <= 20


async def test_padding_counts_too(autojump_clock: MockClock) -> None:
    """As section 6.9.1 says: a body of padding and little else gets its room back."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, method="POST", path="/stream", end=False))
        for count in range(3000):
            await peer.send(frame(DATA, PADDED, 1, b"\xfex" + bytes(254)))
            if count % 100 == 0:
                await peer.frames()
                assert 65_535 + peer.credits[0] >= (count + 100) * 256
                assert peer.settings[4] + peer.credits[1] >= (count + 100) * 256
        await peer.send(data(1, end=True))
        assert '"bytes":3000' in (await peer.answer(1)).text.replace(" ", "")


@pytest.mark.parametrize("padded", [False, True])
async def test_more_than_a_streams_window_ends_it(padded: bool, autojump_clock: MockClock) -> None:
    """By a reset, or with all others by a GOAWAY (section 6.9)."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, method="POST", path="/unread", end=False))
        await peer.frames()
        count, left = divmod(peer.settings[4], 16_384)
        await peer.send(*[data(1, bytes(16_384))] * count)
        await peer.send(data(1, bytes(left)))
        await peer.expect_open()
        assert not peer.credits[1]
        await peer.send(frame(DATA, PADDED, 1, b"\x00") if padded else data(1, b"x"))
        await peer.expect_error(1, FLOW)


async def test_an_empty_part_fits_into_no_window(autojump_clock: MockClock) -> None:
    """The end of a body needs none."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, method="POST", path="/unread", end=False))
        count = math.ceil(peer.settings[4] / 16_384)
        await peer.send(*[data(1, bytes(16_384))] * count)
        await peer.send(frame(DATA, END_STREAM, 1))
        await peer.expect_open()
        assert peer.answers[1].reset is None


@pytest.mark.parametrize("state", ["left", "answered", "refused"])
async def test_what_nobody_takes_gives_its_room_back(state: str, autojump_clock: MockClock) -> None:
    """The connection's window stays right over many streams that have ended."""
    async with speak(Framed().app) as peer:
        stream_id = -1
        for _ in range(20):
            stream_id += 2
            if state == "left":
                await peer.send(peer.head(stream_id, method="POST", path="/unread", end=False))
                await peer.send(data(stream_id, bytes(16_384)), reset(stream_id))
            elif state == "answered":
                await peer.send(peer.head(stream_id, method="POST", path="/none", end=False))
                await peer.send(data(stream_id, bytes(16_384)))
            else:
                await peer.send(peer.head(stream_id, ("A", "b"), method="POST", end=False))
                await peer.send(data(stream_id, bytes(16_384)))
            await peer.frames()
        room = 65_535 + peer.credits[0] - 20 * 16_384
        assert 2**19 <= room <= 2**20
        await peer.expect_open()


async def test_an_answer_larger_than_its_windows_comes_through(autojump_clock: MockClock) -> None:
    """In frames of at most 16,384 bytes, whatever larger ones a client takes."""
    async with speak(Framed().app, max_frame_size=2**20, initial_window_size=50_000) as peer:
        await peer.send(peer.head(1, path="/large"))
        for _ in range(10):
            frames = await peer.frames()
            count = sum(len(each.data) for each in frames if isinstance(each, DataFrame))
            if count:
                await peer.send(window_update(0, count), window_update(1, count))
        assert peer.answers[1].ended
        assert len(peer.answers[1].body) == LARGE_BYTES


@pytest.mark.parametrize("path", ["/large", "/endless"])
@pytest.mark.parametrize("window_bytes", [0, 100_000], ids=["stream", "connection"])
async def test_no_window_opens_behind_the_end_of_a_connection(
    window_bytes: int, path: str, autojump_clock: MockClock
) -> None:
    """An answer that waits for one is given up at once, and the connection ends."""
    framed = Framed()
    async with speak(framed.app, initial_window_size=window_bytes) as peer:
        await peer.send(peer.head(1, path=path))
        await peer.frames()
        await peer.transport.send_eof()
        await trio.sleep(1)
        answer = await peer.answer(1)
        assert (answer.reset, peer.state) == (ErrorCode.CANCEL, "ended")
        assert framed.app.statistics().outcomes["client-gone"] == 1
        assert framed.running == 0


async def test_an_answer_within_its_windows_is_whole_behind_the_end(
    autojump_clock: MockClock,
) -> None:
    """However slowly the client reads, whose connection has ended on its side."""
    async with speak(Framed().app, window_bytes=10_000, initial_window_size=2**20) as peer:
        await peer.send(window_update(0, 2**20), peer.head(1, path="/large"))
        await peer.transport.send_eof()
        await trio.sleep(5)
        answer = await peer.answer(1)
        assert (len(answer.body), answer.ended, peer.state) == (LARGE_BYTES, True, "ended")
