"""Whether a client is alive: what counts as a sign of it, and what time it has for each."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio.server.websocket.liveness import Liveness
from hump_trio.server.websocket.outbox import Outbox
from hump_trio.websocket.deflate import Deflater
from hump_trio.websocket.frames import CONTINUATION, FINAL, TEXT
from hump_trio.websocket.reader import Reader
from tests.support.sessions import OutboxScene, open_outbox, text
from tests.websocket.client_frames import masked


class Watched:
    """A client that is watched, look by look."""

    def __init__(self, outbox: Outbox, scene: OutboxScene) -> None:
        self.outbox = outbox
        self.line, self.peer, self.scene = scene.line, scene.peer, scene
        self.reader = Reader(1 << 20)
        self.liveness = Liveness(scene.clock, scene.line, self.reader, outbox)

    def look(self, *, unread: bool = False) -> float | None:
        """Return how many seconds from now the next look is due; None if the client has gone."""
        now = trio.current_time()
        due = self.liveness.look(now, unread=unread)
        return None if due is None else due - now

    async def look_on(self, seconds: float) -> float:
        """Look as often as is due, and return after how many seconds the client was given up.

        Args:
            seconds: How long to look at most.
        """
        start = trio.current_time()
        while trio.current_time() < start + seconds:
            due = self.look()
            if due is None:
                return trio.current_time() - start
            await trio.sleep(max(due, 0.25))
        return math.inf

    def feed(self, data: bytes) -> None:
        """Let something come in part."""
        self.reader.feed(data)
        self.liveness.take_part(len(data), trio.current_time())


@asynccontextmanager
async def watched() -> AsyncIterator[Watched]:
    """Give a client that is watched."""
    async with open_outbox() as (outbox, scene):
        yield Watched(outbox, scene)


# Silence


async def test_a_silent_client_is_pinged(autojump_clock: MockClock) -> None:
    """After 20 s, once; without any answer it is gone 20 s later, and hasn't merely stalled."""
    async with watched() as client:
        assert client.look() == 20
        await trio.sleep(19.9)
        assert client.look() == pytest.approx(0.1)
        await trio.sleep(0.1)
        assert client.look() == 20
        assert client.scene.received() == [("ping", b"\0\0\0\1")]
        await trio.sleep(19.9)
        assert client.look() == pytest.approx(0.1)
        await trio.sleep(0.1)
        assert client.look() is None
        assert not client.liveness.stalled
        assert client.scene.received() == []


@pytest.mark.parametrize("seconds", [0, 3, 19])
async def test_whatever_is_heard_is_a_sign_of_life(
    seconds: float, autojump_clock: MockClock
) -> None:
    """A pong, another message, or a part of one, also in the very instant of the ping."""
    async with watched() as client:
        await trio.sleep(20)
        assert client.look() == 20
        await trio.sleep(seconds)
        client.line.put(b"x")
        await trio.sleep(20 - seconds)
        assert client.look() == pytest.approx(seconds or 20)
        pings = [frame for frame in client.scene.received() if frame[0] == "ping"]
        assert len(pings) == (1 if seconds else 2)


async def test_what_comes_puts_off_the_ping(autojump_clock: MockClock) -> None:
    """No ping is sent to a client that is heard now and then."""
    async with watched() as client:
        for _ in range(10):
            await trio.sleep(15)
            client.line.put(b"x")
            client.look()
        assert client.scene.received() == []


async def test_a_pong_tells_the_latency(autojump_clock: MockClock) -> None:
    """That of the last ping; a pong that nobody has asked for is ignored."""
    async with watched() as client:
        client.liveness.take_pong(b"\0\0\0\0", trio.current_time())
        await trio.sleep(20)
        client.look()
        client.liveness.take_pong(b"another", trio.current_time())
        assert client.liveness.latency_seconds is None
        await trio.sleep(0.5)
        client.liveness.take_pong(b"\0\0\0\1", trio.current_time())
        assert client.liveness.latency_seconds == 0.5


async def test_an_acknowledgement_of_the_ping_alone_is_no_sign(autojump_clock: MockClock) -> None:
    """The client's system gives that; one of what was sent behind the ping is a sign."""
    for sends_on in (False, True):
        async with watched() as client:
            client.peer.acked = 0
            await trio.sleep(20)
            client.look()
            await trio.sleep(5)
            client.peer.acked = client.line.sent_bytes
            if sends_on:
                await client.outbox.send("message")
                client.peer.acked = client.line.sent_bytes
            seconds = await client.look_on(16)
            assert seconds == (math.inf if sends_on else 15)


async def test_a_client_whose_messages_are_not_read_owes_no_pong(
    autojump_clock: MockClock,
) -> None:
    """It would stand behind those; its system has to acknowledge the pings all the same."""
    async with watched() as client:
        for _ in range(8):
            await trio.sleep(20)
            assert client.look(unread=True) is not None
        client.peer.acked = client.line.sent_bytes
        await trio.sleep(20)
        assert client.look(unread=True) is not None
        await trio.sleep(20)
        assert client.look(unread=True) is None


async def test_a_ping_that_can_not_be_sent_is_none(autojump_clock: MockClock) -> None:
    """What is held goes first: a client that doesn't take that is judged by what it reads."""
    async with watched() as client:
        await wait_all_tasks_blocked()
        await trio.sleep(20)
        client.line.room_bytes = 0
        client.outbox.pong(b"held")
        assert client.look() == -math.inf
        client.line.take(1000)
        await wait_all_tasks_blocked()
        assert client.scene.received() == [("pong", b"held")]
        assert client.look() == 20
        await trio.sleep(20)
        client.look()
        assert client.scene.received() == [("ping", b"\0\0\0\2")]


async def test_a_silent_client_has_no_memory_for_compression(autojump_clock: MockClock) -> None:
    """The next message refers to none before it."""
    async with watched() as client:
        client.outbox.deflater = Deflater(15, keeps_context=True)
        sizes = []
        for _ in range(3):
            before = client.line.sent_bytes
            await client.outbox.send("the same text" * 3)
            sizes.append(client.line.sent_bytes - before)
            if len(sizes) == 2:
                client.look()
                await trio.sleep(21)
                client.look()
        assert sizes[1] < sizes[0] == sizes[2]


# A client that reads


async def test_a_client_that_has_to_acknowledge_is_not_pinged(autojump_clock: MockClock) -> None:
    """It has `Timeouts.send_grace` without any progress, and has stalled then."""
    async with watched() as client:
        client.peer.acked = 0
        await client.outbox.send("message")
        assert await client.look_on(100) == 60
        assert client.liveness.stalled
        assert client.scene.received() == ["message"]


@pytest.mark.parametrize(("bytes_a_second", "seconds"), [(241, math.inf), (200, 385)])
async def test_slow_progress(
    bytes_a_second: int, seconds: float, autojump_clock: MockClock
) -> None:
    """At least `Timeouts.min_rate` bytes a second in the long run."""
    async with watched() as client:
        client.peer.acked = 0
        await client.outbox.send("m" * 1_000_000)
        start = trio.current_time()
        while trio.current_time() < start + 1000:
            if client.look() is None:
                break
            await trio.sleep(1)
            client.peer.acked += bytes_a_second
        waited = trio.current_time() - start
        assert waited == pytest.approx(min(seconds, 1000), rel=0.1)


async def test_what_is_acknowledged_is_a_sign_of_life(autojump_clock: MockClock) -> None:
    """Once all is, the client has 20 s until it is pinged."""
    async with watched() as client:
        client.peer.acked = 0
        await client.outbox.send("message")
        client.look()
        await trio.sleep(50)
        client.peer.acked = None
        assert client.look() == 20
        client.line.room_bytes = 0
        assert client.outbox.send_nowait("message")
        assert client.look() == -math.inf


# What has come in part


async def test_a_frame_that_has_begun(autojump_clock: MockClock) -> None:
    """5 s, and more for each byte, but no more than 5 s from then on."""
    async with watched() as client:
        liveness = client.liveness
        frame = text("m" * 10_000)
        client.feed(frame[:100])
        assert liveness.waits_for_part
        await trio.sleep(4)
        assert not liveness.is_slow(trio.current_time())
        client.feed(frame[100:2000])
        await trio.sleep(4.9)
        assert not liveness.is_slow(trio.current_time())
        await trio.sleep(0.1)
        assert liveness.is_slow(trio.current_time())
        liveness.give_back(1)
        assert not liveness.is_slow(trio.current_time())
        liveness.take_whole()
        assert not liveness.waits_for_part
        await trio.sleep(100)
        assert not liveness.is_slow(trio.current_time())


async def test_a_message_that_has_begun(autojump_clock: MockClock) -> None:
    """60 s between its fragments, each of which has the time of a frame."""
    async with watched() as client:
        liveness = client.liveness
        client.feed(masked(TEXT, b"one"))
        await trio.sleep(59)
        assert not liveness.is_slow(trio.current_time())
        client.feed(masked(CONTINUATION, b"m" * 1000)[:100])
        await trio.sleep(1.9)
        assert liveness.is_slow(trio.current_time())
        client.feed(masked(CONTINUATION, b"m" * 1000)[100:])
        client.feed(masked(FINAL | CONTINUATION, b""))
        assert not liveness.waits_for_part


async def test_a_byte_now_and_then_is_too_slow(autojump_clock: MockClock) -> None:
    """In the long run it takes `Timeouts.min_rate`, of a frame and of a message in fragments."""
    for frame, seconds in [(text("m" * 1000), 5), (b"", 60)]:
        async with watched() as client:
            start = trio.current_time()
            number = 0
            while not client.liveness.is_slow(trio.current_time()):
                client.feed(
                    frame[number : number + 1] or masked(CONTINUATION if number else TEXT, b"m")
                )
                number += 1
                await trio.sleep(1)
            assert trio.current_time() - start == pytest.approx(seconds, abs=3)


# Time in which the server stood still


async def test_a_pong_before_the_server_stood_still_counts(autojump_clock: MockClock) -> None:
    """And a client that hasn't answered has as much more time for that."""
    async with watched() as client:
        await trio.sleep(20)
        client.look()
        client.liveness.give_back(7)
        await trio.sleep(20)
        assert client.look() == 7
        client.line.put(b"x")
        await trio.sleep(1)
        client.liveness.give_back(30)
        assert client.look() == 19


async def test_it_lets_go_of_the_line() -> None:
    """When all is over; what is known of the latency stays."""
    async with watched() as client:
        client.liveness.release()
        assert client.liveness.latency_seconds is None
