"""What is published to a topic reaches whoever iterates it, such as an event stream."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Event, EventStream, Hump
from hump_trio.channels.backlog import SlowPolicy
from hump_trio.channels.topic import Topic
from hump_trio.facts.exceptions import OverloadError
from hump_trio.testing import connect
from tests.support.subscribers import messages_of, new_websocket
from tests.support.wire import read_until, request


async def test_a_listener_gets_what_is_published() -> None:
    """From its making on, the values themselves, in the order of publishing."""
    topic = Topic[Any]()
    await topic.publish("before")
    listener = topic.listen()
    channel, websocket = new_websocket()
    value = {"a": [1]}
    async with topic.subscribe(websocket):
        await topic.publish(value)
        await topic.publish(b"two")
        assert len(topic) == 2
    assert await anext(listener) is value
    assert await anext(listener) == b"two"
    assert messages_of(channel) == ['{"a":[1]}', b"two"]
    await listener.aclose()


async def test_a_listener_waits() -> None:
    """Until something is published; a wait that was cancelled loses nothing."""
    topic = Topic[int]()
    listener = topic.listen()
    with trio.CancelScope() as scope:
        scope.cancel()
        await anext(listener)
    assert scope.cancelled_caught
    found = list[int]()

    async def read() -> None:
        async for value in listener:
            found.append(value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await anext(listener)
        for number in range(200):
            await topic.publish(number)
        await wait_all_tasks_blocked()
        assert found == list(range(200))
        await listener.aclose()
    assert len(topic) == 0
    with pytest.raises(StopAsyncIteration):
        await anext(listener)


async def test_a_slow_listener_ends_with_an_error() -> None:
    """At the first message past its backlog, which is then forgotten."""
    topic = Topic[str](backlog_bytes=30)
    listener = topic.listen()
    for number in range(3):
        await topic.publish(f"message {number}")
        assert len(topic) == (0 if number == 2 else 1)
    for _ in range(2):
        with pytest.raises(OverloadError, match="too slow"):
            await anext(listener)
    assert listener.dropped == 0


@pytest.mark.parametrize(("slow", "numbers"), [("drop-oldest", [8, 9]), ("latest", [9])])
async def test_a_slow_listener_misses_the_oldest(slow: SlowPolicy, numbers: list[int]) -> None:
    """They are counted."""
    topic = Topic[str](backlog_bytes=30, slow=slow)
    listener = topic.listen()
    for number in range(10):
        await topic.publish(f"message {number}")
    assert [await anext(listener) for _ in numbers] == [f"message {number}" for number in numbers]
    assert listener.dropped == 10 - len(numbers)


async def test_a_listener_that_is_dropped_is_forgotten() -> None:
    """With a generator around it that was closed, or with the task that has iterated it."""
    topic = Topic[str]()

    async def shout() -> AsyncIterator[str]:
        async for text in topic.listen():
            yield text.upper()

    async def read() -> None:
        async for _ in topic.listen():
            pass

    texts = shout()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(texts)
        assert len(topic) == 1
        nursery.cancel_scope.cancel()
    assert len(topic) == 0


async def test_a_listener_leaves_within_a_publication() -> None:
    """One that was closed while others have their turn gets nothing of it."""
    topic = Topic[str]()
    listeners = [topic.listen() for _ in range(100)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(topic.publish, "one")
        await trio.lowlevel.checkpoint()
        while len(topic) == 100:
            await listeners[-1].aclose()
    assert [await anext(listener) for listener in listeners[:-1]] == ["one"] * 99
    with pytest.raises(StopAsyncIteration):
        await anext(listeners[-1])


def live(topic: Topic[str], *, as_events: bool) -> Hump:
    """Return an app with an event stream of a topic, and another one that gives it numbers."""
    app = Hump("", 0)

    async def number() -> AsyncIterator[Event]:
        count = 0
        async for text in topic.listen():
            count += 1
            yield Event(text, id=str(count))

    @app.get("/")
    async def events() -> EventStream:
        return EventStream(number() if as_events else topic.listen())

    return app


@pytest.mark.parametrize("as_events", [False, True])
async def test_an_event_stream_sends_what_is_published(
    as_events: bool, autojump_clock: MockClock
) -> None:
    """And is forgotten when its client has gone."""
    topic = Topic[str]()
    async with connect(live(topic, as_events=as_events)) as raw:
        await raw.send(request("GET", "/"))
        await read_until(raw, b"\r\n\r\n")
        await trio.sleep(1)
        assert len(topic) == 1
        await topic.publish("one")
        await read_until(raw, b"data: one\n\n\r\n")
        raw.reset()
        await trio.sleep(1)
        assert len(topic) == 0


async def test_an_event_stream_whose_client_is_slow_breaks_off(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its browser comes back by itself; nothing of it is an error of the program's."""
    topic = Topic[str](backlog_bytes=3_000_000)
    async with connect(live(topic, as_events=False)) as raw:
        await raw.send(request("GET", "/"))
        await read_until(raw, b"\r\n\r\n")
        await trio.sleep(1)
        raw.pause_reading()
        for _ in range(300):  # more than the system takes for a client that doesn't read
            await topic.publish("x" * 100_000)
        assert len(topic) == 0
        text = b""
        with suppress(trio.BrokenResourceError):
            while data := await raw.receive():
                text += data
    assert text.count(b"data: ") < 300
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
