"""A topic over the whole server: who reads gets everything at once, whoever else has stopped."""

import tracemalloc
from contextlib import AsyncExitStack

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Limits, Timeouts, Topic, WebSocket, WebSocketClosed
from hump_trio.channels.backlog import SlowPolicy
from hump_trio.testing import WebSocketClient, websocket
from tests.support.frames import speak, window_update
from tests.support.lines import ask
from tests.support.subscribers import messages_in

# Twice as many as fit where a client reads nothing: its window, the rest of a message, a backlog.
MESSAGE_COUNT = 6


class Room:
    """An app whose WebSockets subscribe to one topic, and how their handlers have ended."""

    def __init__(self, *, slow: SlowPolicy = "close", listens: bool = True) -> None:
        self.topic = Topic[str](slow=slow)
        self.app = Hump("", 0, limits=Limits(connections=2000), timeouts=Timeouts(close=5))
        self.dropped = list[int]()
        self.ended = trio.Event()

        @self.app.websocket("/")
        async def handle(ws: WebSocket) -> None:
            try:
                async with self.topic.subscribe(ws) as subscription:
                    if not listens:
                        await trio.sleep_forever()
                    async for message in ws:
                        await self.topic.publish(str(message))
            finally:
                self.dropped.append(subscription.dropped)
                self.ended.set()

    async def enter(self, stack: AsyncExitStack, count: int) -> list[WebSocketClient]:
        """Return clients that have subscribed."""
        clients = [
            await stack.enter_async_context(websocket(self.app, "/", timeout=None))
            for _ in range(count)
        ]
        while len(self.topic) < count:
            await trio.lowlevel.checkpoint()
        return clients


async def read_all(ws: WebSocketClient) -> list[str]:
    """Return all that a client still reads, in short."""
    found = list[str]()
    try:
        while True:
            with trio.fail_after(1):
                found.append(str(await ws.receive())[:10])
    except (trio.TooSlowError, WebSocketClosed):
        return found


def text_of(number: int) -> str:
    """Return a text of 60,000 bytes that begins with a number."""
    return f"{number:<10}".ljust(60_000, ".")


@pytest.mark.parametrize(
    ("slow", "count"), [("close", 1000), ("drop-oldest", 100), ("latest", 100)]
)
async def test_readers_that_have_stopped_hold_up_nobody(
    slow: SlowPolicy, count: int, autojump_clock: MockClock
) -> None:
    """All others have each message before any time has passed; those get what the policy says."""
    room = Room(slow=slow)
    async with AsyncExitStack() as stack:
        clients = await room.enter(stack, count)
        stopped, reading = clients[:10], clients[10:]
        for ws in stopped:
            ws.pause_reading()
        started = trio.current_time()
        for number in range(MESSAGE_COUNT):
            text = text_of(number)
            await room.topic.publish(text)
            for ws in reading:
                assert await ws.receive() == text
        assert trio.current_time() == started
        if slow == "close":
            assert len(room.topic) == len(reading)
        texts = [f"{number:<10}" for number in range(MESSAGE_COUNT)]
        for ws in stopped:
            found = await read_all(ws)
            assert found == [text for text in texts if text in found], "in order"
            if slow == "close":
                assert found == texts[: len(found)]
                assert len(found) < MESSAGE_COUNT
                assert (ws.close_code, ws.close_reason) == (1013, "too slow")
            else:
                assert found[-1] == texts[-1]
                assert ws.close_code is None
        assert len(room.topic) == (count - 10 if slow == "close" else count)
    await trio.sleep(1)


async def test_what_a_reader_has_missed_is_counted(autojump_clock: MockClock) -> None:
    """What was published is what was read and what was dropped."""
    for slow in ("drop-oldest", "latest"):
        room = Room(slow=slow)
        async with AsyncExitStack() as stack:
            [ws] = await room.enter(stack, 1)
            ws.pause_reading()
            for number in range(100):
                await room.topic.publish(text_of(number))
                await trio.sleep(0.01)
            found = await read_all(ws)
        assert room.dropped == [100 - len(found)]
        assert 0 < room.dropped[0] < 100


async def test_a_reader_that_never_reads_again_is_cut(autojump_clock: MockClock) -> None:
    """As soon as a closing frame could have been sent and answered, whatever its handler does."""
    room = Room(listens=False)
    async with AsyncExitStack() as stack:
        [ws] = await room.enter(stack, 1)
        ws.pause_reading()
        while room.topic:
            await room.topic.publish(text_of(0))
        closed_at = trio.current_time()
        await room.ended.wait()
        assert trio.current_time() - closed_at == pytest.approx(5, abs=0.5)
        await ws.wait_closed()
        assert ws.was_reset


@pytest.mark.parametrize("slow", ["drop-oldest", "latest"])
async def test_a_reader_that_stays_behind_is_cut(
    slow: SlowPolicy, autojump_clock: MockClock
) -> None:
    """Once it has taken nothing for `Timeouts.send_grace`, though no policy closes it."""
    room = Room(slow=slow)
    async with AsyncExitStack() as stack:
        stopped, reading = await room.enter(stack, 2)
        stopped.pause_reading()
        started, number = trio.current_time(), 0
        while len(room.topic) == 2:
            await room.topic.publish(text_of(number))
            assert await reading.receive() == text_of(number)
            await trio.sleep(1)
            number += 1
        assert trio.current_time() - started == pytest.approx(60, abs=3)
        await stopped.wait_closed()
        assert stopped.was_reset
        assert room.dropped[0] > 50


async def test_what_is_published_stands_between_no_fragments(autojump_clock: MockClock) -> None:
    """Of a message that its handler sends in parts; it goes out behind the last one."""
    topic = Topic[str]()
    app = Hump("", 0)

    @app.websocket("/")
    async def handle(ws: WebSocket) -> None:
        async with topic.subscribe(ws):
            async with ws.writer() as send:
                await send("one ")
                await topic.publish("published")
                await wait_all_tasks_blocked()
                await topic.publish("published too")
                await send("message")
            await ws.send("sent")
            await topic.publish("at last")
            await ws.receive()

    async with websocket(app, "/") as ws:
        found = [await ws.receive() for _ in range(5)]
    assert found == ["one message", "published", "published too", "sent", "at last"]


async def test_what_is_kept_for_readers_that_have_stopped_is_bounded(
    autojump_clock: MockClock,
) -> None:
    """Of 30 MB that were published, what ten readers' backlogs and connections hold is kept."""
    room = Room(slow="drop-oldest")
    async with AsyncExitStack() as stack:
        clients = await room.enter(stack, 11)
        for ws in clients[1:]:
            ws.pause_reading()
        tracemalloc.start()
        try:
            for number in range(500):
                await room.topic.publish(text_of(number))
                await clients[0].receive()
            held_bytes, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 10 * 4 * 65_536
        assert held_bytes < 10 * 4 * 65_536


@pytest.mark.parametrize("slow", ["close", "drop-oldest", "latest"])
async def test_subscribers_of_http2_are_alike(slow: SlowPolicy, autojump_clock: MockClock) -> None:
    """A stream that has stopped holds up neither the one beside it nor HTTP/1.1."""
    room = Room(slow=slow)
    async with AsyncExitStack() as stack:
        [ws] = await room.enter(stack, 1)
        peer = await stack.enter_async_context(speak(room.app))
        await peer.send(ask(peer, 1), ask(peer, 3), window_update(0, 10**7))
        await peer.send(window_update(1, 10**7))
        await peer.frames()
        assert len(room.topic) == 3
        texts = [text_of(number) for number in range(MESSAGE_COUNT)]
        for number, text in enumerate(texts, 1):
            await room.topic.publish(text)
            assert await ws.receive() == text
            assert messages_in((await peer.answer(1)).body) == texts[:number]
        await peer.send(window_update(3, 10**7))
        found = messages_in((await peer.answer(3)).body)
        if slow == "close":
            assert found.pop() == b"\x03\xf5too slow"  # 1013
            assert found == texts[: len(found)]
        else:
            assert found == [text for text in texts if text in found]
            assert found[-1] == texts[-1]
        assert 0 < len(found) < MESSAGE_COUNT


async def test_a_chat_reaches_everybody_in_order(autojump_clock: MockClock) -> None:
    """What each client says is read by all, its own words among them, in the same order."""
    room = Room()
    async with AsyncExitStack() as stack:
        clients = await room.enter(stack, 20)
        for number in range(10):
            for name, ws in enumerate(clients):
                await ws.send(f"{name} {number}")
        heard = [[await ws.receive() for _ in range(200)] for ws in clients]
        assert all(words == heard[0] for words in heard)
        for name in range(20):
            own = [word for word in heard[0] if str(word).startswith(f"{name} ")]
            assert own == [f"{name} {number}" for number in range(10)]
        clients[3].reset()
        await clients[0].send("on")
        for ws in (*clients[:3], *clients[4:]):
            assert await ws.receive() == "on"
    await trio.sleep(1)
    assert len(room.topic) == 0
