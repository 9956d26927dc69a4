"""Attacks by frames of HTTP/2: each is bounded by a number, and a good client beside it is served.

One bucket of glitches is for all of them: 1,000 at once, and 33 more each second.
"""

import struct
import tracemalloc
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Limits
from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import Framed
from tests.support.frames import (
    CONTINUATION,
    DATA,
    END_STREAM,
    HEADERS,
    PRIORITY_UPDATE,
    UNKNOWN,
    Peer,
    data,
    frame,
    ping,
    priority,
    reset,
    settings,
    speak,
    window_update,
)

CALM = ErrorCode.ENHANCE_YOUR_CALM
Attack: TypeAlias = Callable[[Peer, int], bytes]

# What is forgiven at once; and what a batch of frames and a greeting may add.
GLITCHES, SLACK = 1000, 50


def streams(peer: Peer, attack: Attack, count: int = 5000) -> Iterator[bytes]:
    """Yield an attack on one stream after the other."""
    return (attack(peer, 2 * n + 1) for n in range(count))


def begun(peer: Peer, stream_id: int) -> bytes:
    """Return a request whose handler waits."""
    return peer.head(stream_id, path="/wait")


RESETTING: dict[str, Attack] = {
    "CVE-2023-44487 a reset": lambda p, n: begun(p, n) + reset(n),
    "CVE-2025-8671 a window of nothing": lambda p, n: begun(p, n) + window_update(n, 0),
    "CVE-2025-8671 a window too large": lambda p, n: begun(p, n) + window_update(n, 2**31 - 1),
    "CVE-2025-8671 DATA after the end": lambda p, n: begun(p, n) + data(n, b"x"),
    "CVE-2025-8671 HEADERS after the end": lambda p, n: begun(p, n) + p.head(n),
    "CVE-2025-8671 a dependency on itself": lambda p, n: begun(p, n) + priority(n, n),
    "CVE-2025-8671 another length": lambda p, n: (
        p.head(n, ("content-length", "5"), method="POST", path="/unread", end=False)
        + data(n, b"x", end=True)
    ),
    "a malformed head": lambda p, n: p.head(n, ("A", "b")),
}


@pytest.mark.parametrize("attack", RESETTING.values(), ids=RESETTING)
async def test_streams_that_end_too_early(attack: Attack, autojump_clock: MockClock) -> None:
    """Whoever resets them: no more handlers run than streams may be open, and soon none."""
    framed = Framed()
    async with speak(framed.app) as good, speak(framed.app) as peer:
        count = await peer.flood(streams(peer, attack))
        assert GLITCHES <= count <= GLITCHES + SLACK
        await peer.expect_goaway(CALM)
        assert framed.most_running <= Limits().streams
        assert framed.running == 0
        assert (await good.ask(1)).text == "hello"


async def test_streams_past_the_limit(autojump_clock: MockClock) -> None:
    """Each is refused, until that is too much."""
    framed = Framed()
    async with speak(framed.app) as peer:
        count = await peer.flood(streams(peer, begun))
        assert GLITCHES + 100 <= count <= GLITCHES + 100 + SLACK
        await peer.expect_goaway(CALM)
        assert (len(framed.seen), framed.running) == (100, 0)


async def test_leaving_a_page_is_no_attack(autojump_clock: MockClock) -> None:
    """A hundred requests are given up at once, again and again; and many more over time."""
    async with speak(Framed().app) as peer:
        stream_id = 1
        for _ in range(40):
            for _ in range(100):
                await peer.send(begun(peer, stream_id))
                stream_id += 2
            await peer.send(*(reset(stream_id - 2 * n - 2) for n in range(100)))
            await trio.sleep(5)
        await peer.expect_open()


FLOODS: dict[str, Attack] = {
    "CVE-2019-9512 PING": lambda p, n: ping(),
    "CVE-2019-9515 SETTINGS": lambda p, n: settings(max_concurrent_streams=n),
    "CVE-2019-9518 empty DATA": lambda p, n: data(1),
    "CVE-2019-9518 DATA of padding alone": lambda p, n: frame(DATA, 0x8, 1, b"\x01\x00"),
    "CVE-2019-9513 PRIORITY": lambda p, n: priority(2 * n + 1),
    "9218 PRIORITY_UPDATE": lambda p, n: frame(
        PRIORITY_UPDATE, 0, 0, struct.pack(">I", 1) + b"u=%d" % (n % 8)
    ),
    "unknown frames": lambda p, n: frame(UNKNOWN, 0, 0),
    "windows moved by a byte": lambda p, n: window_update(0, 1),
    "a stream's window moved by a byte": lambda p, n: window_update(1, 1),
}


@pytest.mark.parametrize("attack", FLOODS.values(), ids=FLOODS)
async def test_frames_that_change_nothing(attack: Attack, autojump_clock: MockClock) -> None:
    """They are counted, whether anything answers them or not."""
    framed = Framed()
    async with speak(framed.app) as good, speak(framed.app) as peer:
        await peer.send(peer.head(1, method="POST", path="/unread", end=False))
        count = await peer.flood(attack(peer, n) for n in range(5000))
        assert GLITCHES <= count <= GLITCHES + SLACK
        await peer.expect_goaway(CALM)
        assert framed.running == 0
        assert (await good.ask(1)).text == "hello"


@pytest.mark.parametrize("attack", FLOODS.values(), ids=FLOODS)
async def test_few_of_them_each_second_are_free(attack: Attack, autojump_clock: MockClock) -> None:
    """However long it goes on."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, path="/unread", method="POST", end=False))
        await peer.send(*(attack(peer, n) for n in range(900)))
        for _ in range(4):
            await trio.sleep(1)
            await peer.send(*(attack(peer, n) for n in range(30)))
        await peer.frames()
        assert (peer.goaways, peer.state) == ([], "open")


async def test_windows_that_follow_an_answer_are_no_attack(autojump_clock: MockClock) -> None:
    """Two for each part, as clients do, over an answer of thousands."""
    async with speak(Framed().app, initial_window_size=1000) as peer:
        await peer.send(peer.head(1, path="/endless"))
        for _ in range(3000):
            await peer.frames()
            await peer.send(window_update(1, 1000), window_update(0, 1000))
        await peer.expect_open()
        assert len(peer.answers[1].body) > 3_000_000 - 2000


@pytest.mark.parametrize("piece", [ping(), settings()], ids=["PING", "SETTINGS"])
async def test_answers_that_nobody_reads(piece: bytes, autojump_clock: MockClock) -> None:
    """What is owed is bounded; and a client that reads nothing is left at last."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(peer.head(1, path="/wait"))
        await peer.frames()
        peer.transport.set_window(0)
        for _ in range(600):
            with trio.move_on_after(1):
                await peer.send(piece * 30)
            await trio.sleep(1)
            if peer.transport.peer_state() != "open":
                break
        assert peer.transport.peer_state() == "reset"
        assert framed.running == 0


async def test_a_header_block_without_an_end(autojump_clock: MockClock) -> None:
    """Its CONTINUATIONs are counted, with and without bytes (CVE-2024-27316)."""
    for part in (b"", b"\0\x01a\x01b", b"\0\x01a\x7f\x9f\x7e" + b"x" * 16_158):
        framed = Framed()
        async with speak(framed.app) as peer:
            await peer.send(frame(HEADERS, END_STREAM, 1, peer.block()))
            count = await peer.flood(frame(CONTINUATION, 0, 1, part) for _ in range(1000))
            assert count <= 20
            await peer.expect_goaway(CALM)
        assert not framed.seen


@pytest.mark.parametrize("begins", [b"", frame(HEADERS, END_STREAM, 1)], ids=["frame", "block"])
async def test_half_a_head_holds_the_connection_ten_seconds(
    begins: bytes, autojump_clock: MockClock
) -> None:
    """Nothing else can come meanwhile, so that all of it ends."""
    async with speak(Framed().app) as peer:
        await peer.send(begins or peer.head(1)[:-3])
        await trio.sleep(9)
        await peer.frames()
        assert (peer.goaways, peer.state) == ([], "open")
        await trio.sleep(2)
        await peer.expect_goaway(CALM)


@pytest.mark.memory_only("where its bytes are held is known")
async def test_a_few_bytes_that_stand_for_many(autojump_clock: MockClock) -> None:
    """An HPACK bomb (CVE-2016-6581) is a head that is too large, and takes no memory."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.heads(1, b"\x82\x86\x84\x01\x01a\x40\x01b\x7f\x81\x1e" + b"x" * 3968))
        assert (await peer.answer(1)).status == 200
        tracemalloc.start()
        try:
            await peer.send(peer.heads(3, b"\x82\x86\x84\x01\x01a" + b"\xbe" * 15_000))
            answer = await peer.answer(3)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer.status == 431
        assert peak < 2**20
        assert (await peer.ask(5)).text == "hello"


async def test_readers_that_take_nothing(autojump_clock: MockClock) -> None:
    """A hundred of them are cut after the time that an answer has; the connection goes on."""
    async with speak(Framed().app, initial_window_size=0) as peer:
        await peer.send(*(peer.head(2 * n + 1, path="/large") for n in range(100)))
        await trio.sleep(59)
        await peer.frames()
        assert all(answer.reset is None for answer in peer.answers.values())
        await trio.sleep(3)
        await peer.frames()
        assert [answer.reset for answer in peer.answers.values()] == [ErrorCode.CANCEL] * 100
        assert not any(answer.ended for answer in peer.answers.values())
        await peer.send(settings(initial_window_size=100))
        assert (await peer.ask(201)).text == "hello"


async def test_a_reader_that_takes_a_byte_each_second(autojump_clock: MockClock) -> None:
    """It is slower than anyone has to bear; one that takes enough is served to the end."""
    async with speak(Framed().app, initial_window_size=0) as peer:
        await peer.send(peer.head(1, path="/large"), peer.head(3, path="/large"))
        for _ in range(130):
            await peer.send(window_update(1, 1), window_update(3, 1600))
            await peer.frames()
            await trio.sleep(1)
            await peer.send(window_update(0, 1600))
        await peer.frames()
        assert peer.answers[1].reset == ErrorCode.CANCEL
        assert 50 <= len(peer.answers[1].body) <= 70
        assert (peer.answers[3].reset, peer.answers[3].ended) == (None, True)


async def test_windows_that_swing(autojump_clock: MockClock) -> None:
    """Between nothing and all, with a hundred streams open: the answers are right at the end."""
    async with speak(Framed().app, initial_window_size=0) as peer:
        await peer.send(*(peer.head(2 * n + 1, path="/large") for n in range(100)))
        for n in range(450):
            await peer.send(settings(initial_window_size=2**31 - 1))
            await peer.send(settings(initial_window_size=0))
            if n % 50 == 0:
                await peer.send(window_update(0, 1000))
                await peer.expect_open()
        await peer.send(settings(initial_window_size=2**31 - 1), window_update(0, 2**30))
        for _ in range(100):  # a system takes its time
            await trio.sleep(0.1)
            await peer.frames()
        assert all(answer.ended for answer in peer.answers.values())
        assert {len(answer.body) for answer in peer.answers.values()} == {200_000}


async def test_bodies_that_stop_after_a_byte(autojump_clock: MockClock) -> None:
    """Each is answered after the time that a body may stand still; the connection goes on."""
    async with speak(Framed().app) as peer:
        for n in range(100):
            head = peer.head(2 * n + 1, method="POST", end=False)
            await peer.send(head, data(2 * n + 1, b"x"))
        await trio.sleep(4)
        await peer.expect_open()
        assert not any(answer.status for answer in peer.answers.values())
        await trio.sleep(2)
        await peer.frames()
        answers = [peer.answers[2 * n + 1] for n in range(100)]
        assert {answer.status for answer in answers} == {408}
        assert {answer.reset for answer in answers} == {ErrorCode.NO_ERROR}
        assert (await peer.ask(201)).text == "hello"


async def test_a_body_that_comes_at_the_least_rate(autojump_clock: MockClock) -> None:
    """A dribbler of 240 bytes each second isn't stalled, whatever its neighbours do."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, method="POST", end=False))
        for _ in range(60):
            await peer.send(data(1, b"x" * 240))
            await trio.sleep(1)
        await peer.send(data(1, end=True))
        assert (await peer.answer(1)).status == 200


async def test_bodies_that_fill_every_window(autojump_clock: MockClock) -> None:
    """On a route that reads none of them: other clients upload meanwhile."""
    framed = Framed()
    async with speak(framed.app) as good, speak(framed.app) as peer:
        sent = 0
        for n in range(100):
            await peer.send(peer.head(2 * n + 1, method="POST", path="/unread", end=False))
            for _ in range(16):
                if sent + 16_384 > 65_535 + peer.credits[0]:
                    break
                await peer.send(data(2 * n + 1, bytes(16_384)))
                sent += 16_384
            await peer.frames()
        await peer.expect_open()
        assert sent <= 100 * 2**18
        await good.send(good.head(1, method="POST", end=False), data(1, b"x" * 9000, end=True))
        assert (await good.answer(1)).status == 200


async def test_bodies_are_bounded_in_all(autojump_clock: MockClock) -> None:
    """Those that a stream holds count, as those that a handler waits for do."""
    framed = Framed(Limits(buffered_bytes=500_000))
    async with speak(framed.app) as peer:
        for n in range(10):
            await peer.send(peer.head(2 * n + 1, method="POST", end=False))
            await peer.send(*[data(2 * n + 1, bytes(10_000))] * 10)
            await peer.frames()
        refused = [answer for answer in peer.answers.values() if answer.status or answer.reset]
        assert len(refused) >= 5
        assert all((answer.status, answer.reset) == (503, ErrorCode.NO_ERROR) for answer in refused)
        await peer.expect_open()
        assert (await peer.ask(101)).text == "hello"


async def test_room_stays_right_over_a_thousand_ended_streams(autojump_clock: MockClock) -> None:
    """What is sent on refused, reset and answered streams never uses up the connection's room."""
    async with speak(Framed().app) as peer:
        sent = 0
        for n in range(1000):
            stream_id = 2 * n + 1
            fields, path = [(("A", "b"), "/"), (("a", "b"), "/none"), (("a", "b"), "/unread")][
                n % 3
            ]
            head = peer.head(stream_id, fields, method="POST", path=path, end=False)
            end = reset(stream_id) if path == "/unread" else b""
            await peer.send(head, data(stream_id, bytes(5000)), end)
            sent += 5000
            await trio.sleep(0.05)
            if n % 20 == 0:
                await peer.frames()
                assert 65_535 + peer.credits[0] - sent >= 400_000
        await peer.expect_open()
        assert (await peer.ask(2001)).text == "hello"


LONG_BLOCK = b"\x82\x86\x84\x01\x01a" + b"\x93" * 16_000

# What one client sends in one go, and how much of it may be worked through before others are heard:
# requests that are refused, and bytes that are held.
BATCHES: dict[str, tuple[Callable[[Peer], list[bytes]], int]] = {
    "requests for a tunnel": (
        lambda p: [p.heads(2 * n + 1, b"\x02\x07CONNECT\x01\x03a:1") for n in range(2000)],
        100,
    ),
    "paths that can't be decoded": (
        lambda p: [p.heads(2 * n + 1, b"\x82\x86\x04\x04/%zz\x01\x01a") for n in range(2000)],
        100,
    ),
    "long heads": (
        lambda p: [p.heads(2 * n + 1, LONG_BLOCK) for n in range(5)],
        3,
    ),
    "long heads in several frames": (
        lambda p: [p.heads(2 * n + 1, LONG_BLOCK + b"\x93" * 5000) for n in range(4)],
        3,
    ),
    "bytes of a body": (
        lambda p: [p.head(1, method="POST", path="/wait", end=False), *[data(1, b"x")] * 4000],
        1500,
    ),
}


@pytest.mark.parametrize(("batch", "most"), BATCHES.values(), ids=BATCHES)
async def test_others_have_their_turn(
    batch: Callable[[Peer], list[bytes]], most: int, autojump_clock: MockClock
) -> None:
    """Long before everything is done with that one client has sent in one go."""
    app = Hump()

    @app.get("/done")
    async def done() -> str:
        statistics = app.statistics()
        return str(statistics.outcomes["refused"] + statistics.buffered_bytes)

    @app.post("/wait")
    async def wait() -> str:
        return "never"

    async with speak(app) as good, speak(app) as peer:
        await peer.send(*batch(peer))
        assert int((await good.ask(1, path="/done")).text) <= most


# What is said before a silence, and how much may be held of it.
TALK: dict[str, tuple[Callable[[Peer], list[bytes]], int]] = {
    "a long cookie by a few bytes each": (
        lambda p: [
            p.heads(1, b"\x82\x86\x84\x01\x01a\x60\x7f\xb9\x16" + b"x" * 3000),
            *(
                p.heads(2 * n + 3, b"\x82\x86\x84\x01\x01a\x0f\x01\x02%02d" % n + b"\xbe" * 10)
                for n in range(60)
            ),
        ],
        200_000,
    ),
    "long heads": (
        lambda p: [
            p.heads(2 * n + 1, b"\x82\x86\x84\x01\x01a\0\x01b\x7f\x81\x1e" + b"%04d" % n * 992)
            for n in range(15)
        ],
        20_000,
    ),
    "a batch of PINGs": (lambda p: [ping()] * 900, 20_000),
    "a long body": (
        lambda p: [
            p.heads(1, b"\x83\x86\x84\x01\x01a", end=False),
            *[data(1, b"x" * 16_000)] * 3,
            data(1, end=True),
        ],
        20_000,
    ),
}


@pytest.mark.parametrize(("talk", "most_bytes"), TALK.values(), ids=TALK)
async def test_an_idle_connection_holds_little(
    talk: Callable[[Peer], list[bytes]], most_bytes: int, autojump_clock: MockClock
) -> None:
    """Of what was said on it: ten thousand of them are no burden."""
    async with speak(Framed().app) as peer:
        frames = b"".join(talk(peer))
        tracemalloc.start()
        try:
            await peer.send(frames)
            await peer.frames()
            peer.answers.clear()
            held_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (peer.goaways, held_bytes < most_bytes) == ([], True), held_bytes
