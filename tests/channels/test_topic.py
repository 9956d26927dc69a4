"""What is published to a topic reaches every WebSocket in order, and a slow one holds up nobody."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, assert_type, cast

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio.channels.backlog import SlowPolicy
from hump_trio.channels.topic import Topic
from hump_trio.channels.websocket import WebSocket
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.channel import Message
from tests.support.channels import FakeChannel
from tests.support.subscribers import messages_of, new_websocket

SLOW: list[SlowPolicy] = ["close", "drop-oldest", "latest"]


async def subscribe(topic: Topic[Any], count: int) -> list[tuple[FakeChannel, AsyncExitStack]]:
    """Return the channels of WebSockets that have subscribed, and what ends each subscription."""
    found = []
    for _ in range(count):
        channel, websocket = new_websocket()
        stack = AsyncExitStack()
        await stack.enter_async_context(topic.subscribe(websocket))
        found.append((channel, stack))
    return found


async def test_every_subscriber_gets_what_is_published() -> None:
    """Text as text, bytes as bytes, and anything else as JSON text; between its two ends."""
    topic = Topic[Any]()
    channel, websocket = new_websocket()
    other, another = new_websocket()
    await topic.publish("before")
    async with topic.subscribe(websocket):
        await topic.publish("one")
        async with topic.subscribe(another) as subscription:
            assert len(topic) == 2
            await topic.publish(b"\0two")
            await topic.publish({"three": [3]})
        await topic.publish("x" * 70_000)
        assert len(topic) == 1
    await topic.publish("after")
    assert messages_of(channel) == ["one", b"\0two", '{"three":[3]}', "x" * 70_000]
    assert messages_of(other) == [b"\0two", '{"three":[3]}']
    assert (len(topic), subscription.dropped) == (0, 0)


async def test_a_subscription_is_entered_again() -> None:
    """And gets then what is published then."""
    topic = Topic[str]()
    channel, websocket = new_websocket()
    subscription = topic.subscribe(websocket)
    for text in ("one", "two"):
        async with subscription:
            await topic.publish(text)
        await topic.publish("never")
    assert messages_of(channel) == ["one", "two"]


async def test_a_subscriber_is_accepted() -> None:
    """If it isn't open yet."""
    topic = Topic[str]()
    channel, websocket = new_websocket()
    assert not channel.opened
    async with topic.subscribe(websocket):
        assert channel.opened
    await websocket.send("more")
    async with topic.subscribe(websocket):
        await topic.publish("again")
    assert messages_of(channel) == ["more", "again"]


async def test_subscribers_share_a_frame() -> None:
    """A message is encoded and framed once, whoever gets it."""
    topic = Topic[Any]()
    found = await subscribe(topic, 3)
    await topic.publish({"a": 1})
    frames = [channel.sent[0] for channel, _ in found]
    assert all(frame is frames[0] for frame in frames)


async def test_what_has_no_form_is_published_to_nobody() -> None:
    """Its publisher is told."""
    topic = Topic[Any]()
    channel, websocket = new_websocket()
    async with topic.subscribe(websocket):
        for value, error in {object(): TypeError, "\ud800": ValueError}.items():
            with pytest.raises(error):
                await topic.publish(value)
            with pytest.raises(error):
                topic.publish_nowait(value)
        await topic.publish("good")
    assert messages_of(channel) == ["good"]


async def test_a_client_that_never_came_is_left_out() -> None:
    """Its handler is told."""
    topic = Topic[str]()
    channel, websocket = new_websocket()
    channel.lose()
    subscription = topic.subscribe(websocket)
    with pytest.raises(WebSocketClosed):
        await subscription.__aenter__()
    assert len(topic) == 0


@pytest.mark.parametrize("slow", SLOW)
async def test_a_client_that_catches_up_has_missed_nothing(slow: SlowPolicy) -> None:
    """As long as its backlog holds what it hasn't read; and the order is that of publishing."""
    topic = Topic[str](backlog_bytes=30, slow=slow)
    channel, websocket = new_websocket()
    async with topic.subscribe(websocket) as subscription:
        for round_number in range(10):
            await topic.publish(f"first {round_number}")
            channel.pause()
            await topic.publish(f"second {round_number}")
            if slow != "latest":
                await topic.publish(f"third {round_number}")
            channel.resume()
    words = ["first", "second"] if slow == "latest" else ["first", "second", "third"]
    assert messages_of(channel) == [f"{word} {number}" for number in range(10) for word in words]
    assert (subscription.dropped, channel.close_code) == (0, None)


async def test_a_slow_client_is_closed() -> None:
    """With 1013, at the first message past its backlog, of which nothing is sent any more."""
    topic = Topic[str](backlog_bytes=30)
    channel, websocket = new_websocket()
    other, another = new_websocket()
    channel.pause()
    async with topic.subscribe(websocket) as subscription, topic.subscribe(another):
        for number in range(3):
            assert channel.close_code is None
            await topic.publish(f"message {number}")  # 11 bytes as a frame
        assert channel.closed_with == (1013, "too slow")
        assert len(topic) == 1
        await topic.publish("message 3")
        channel.resume()
        with pytest.raises(WebSocketClosed):
            await websocket.receive()
    assert messages_of(channel) == []
    assert messages_of(other) == [f"message {number}" for number in range(4)]
    assert subscription.dropped == 0


async def test_a_slow_client_misses_the_oldest() -> None:
    """They are counted, and it reads the newest in order."""
    topic = Topic[str](backlog_bytes=30, slow="drop-oldest")
    channel, websocket = new_websocket()
    channel.pause()
    async with topic.subscribe(websocket) as subscription:
        for number in range(10):
            await topic.publish(f"message {number}")
        assert subscription.dropped == 8
        channel.resume()
        await topic.publish("message 10")
    assert messages_of(channel) == [f"message {number}" for number in (8, 9, 10)]
    assert channel.close_code is None


async def test_a_slow_client_gets_the_newest_alone() -> None:
    """Whatever its length; those between are counted."""
    topic = Topic[str](backlog_bytes=1, slow="latest")
    channel, websocket = new_websocket()
    channel.pause()
    async with topic.subscribe(websocket) as subscription:
        for number in range(10):
            await topic.publish(f"message {number}" * 1000)
        assert subscription.dropped == 9
        channel.resume()
    assert messages_of(channel) == ["message 9" * 1000]


@pytest.mark.parametrize("slow", SLOW)
async def test_what_a_handler_sends_has_its_place(
    slow: SlowPolicy, autojump_clock: MockClock
) -> None:
    """Behind what was published before, and in turns with what is published meanwhile."""
    topic = Topic[str](slow=slow)
    channel, websocket = new_websocket()
    async with topic.subscribe(websocket), trio.open_nursery() as nursery:
        channel.pause()
        await topic.publish("one")
        nursery.start_soon(websocket.send, "two")
        await wait_all_tasks_blocked()
        assert not websocket.send_nowait("never")
        channel.resume()
        await topic.publish("three")
        await websocket.send("four")
    assert messages_of(channel) == ["one", "two", "three", "four"]


async def test_two_topics_of_one_client_keep_their_order() -> None:
    """Each of its own, and neither overtakes what waits of the other."""
    first, second = Topic[str](), Topic[str]()
    channel, websocket = new_websocket()
    async with first.subscribe(websocket), second.subscribe(websocket):
        channel.pause()
        await first.publish("one")
        await second.publish("two")
        await first.publish("three")
        await second.publish("two as well")
        channel.resume()
        await second.publish("four")
    assert messages_of(channel) == ["one", "three", "two", "two as well", "four"]


async def test_what_waits_at_the_end_is_sent() -> None:
    """A client that leaves a room has what was said there while it was in it."""
    topic = Topic[str]()
    channel, websocket = new_websocket()
    async with topic.subscribe(websocket):
        channel.pause()
        await topic.publish("one")
        await topic.publish("two")
    await topic.publish("three")
    channel.resume()
    assert messages_of(channel) == ["one", "two"]


@pytest.mark.parametrize("paused", [False, True])
async def test_a_client_that_has_gone_hurts_nobody(paused: bool) -> None:
    """It is left out, and its publisher hears nothing of it."""
    topic = Topic[str]()
    channel, websocket = new_websocket()
    other, another = new_websocket()
    async with topic.subscribe(websocket), topic.subscribe(another):
        if paused:
            channel.pause()
            await topic.publish("one")
            await topic.publish("two")
        channel.lose()
        await topic.publish("three")
        assert len(topic) == 1
        await topic.publish("four")
    assert messages_of(other)[-2:] == ["three", "four"]


async def test_others_have_their_turn() -> None:
    """After every 64 deliveries, of one message or of many."""
    topic, turns = Topic[str](), 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    await subscribe(topic, 1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await topic.publish("one")
        assert turns == pytest.approx(1000 / 64, abs=3)
        turns = 0
        few = Topic[str]()
        for _ in range(640):
            await few.publish("to nobody")
        assert turns == pytest.approx(640 / 64, abs=3)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("publish", ["publish", "publish_nowait"])
async def test_subscribers_come_and_go_within_a_publication(publish: str) -> None:
    """One that comes gets the next, one that goes gets nothing more, and all others miss none."""
    topic = Topic[str]()
    found = await subscribe(topic, 200)
    late, websocket = new_websocket()
    await websocket.accept()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(topic.publish, "one")
        while not found[0][0].sent:
            await trio.lowlevel.checkpoint()
        async with topic.subscribe(websocket):
            for _, stack in (found[0], found[-1]):
                await stack.aclose()
            found[-2][0].lose()
            if publish == "publish":
                await topic.publish("two")
            else:
                topic.publish_nowait("two")
            await topic.publish("three")
            assert len(topic) == 198
    assert messages_of(late) == ["two", "three"]
    assert messages_of(found[0][0]) == ["one"]
    assert messages_of(found[-1][0]) == []
    for channel, _ in found[1:-2]:
        assert messages_of(channel) == ["one", "two", "three"]


async def test_all_subscribers_get_the_same_order() -> None:
    """Whichever tasks publish at the same time, and functions that can't wait between them."""
    topic = Topic[str]()
    found = await subscribe(topic, 300)

    async def publish(name: str) -> None:
        for number in range(10):
            await topic.publish(f"{name} {number}")

    async with trio.open_nursery() as nursery:
        for name in ("a", "b", "c"):
            nursery.start_soon(publish, name)
        for number in range(10):
            await trio.lowlevel.checkpoint()
            topic.publish_nowait(f"now {number}")
    expected = messages_of(found[0][0])
    assert all(messages_of(channel) == expected for channel, _ in found)
    assert len(expected) == 40
    for name in ("a", "b", "c", "now"):
        own = [message for message in expected if str(message).startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(10)]


async def test_publishers_wait_in_order() -> None:
    """One that publishes without end keeps no other waiting for more than what is under way."""
    topic = Topic[str]()
    found = await subscribe(topic, 300)

    async def flood() -> None:
        while True:
            await topic.publish("flood")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        while not found[0][0].sent:
            await trio.lowlevel.checkpoint()
        count = len(found[0][0].sent)
        await topic.publish("one")
        assert messages_of(found[-1][0]) == ["flood"] * count + ["one"]
        nursery.cancel_scope.cancel()


async def test_a_cancelled_publication_reaches_all_or_nobody() -> None:
    """All once it was given to anybody; nobody while it waits for another."""
    topic = Topic[str]()
    found = await subscribe(topic, 300)
    waiting = trio.CancelScope()

    async def wait() -> None:
        with waiting:
            await topic.publish("never")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(topic.publish, "one")
        while not found[0][0].sent:
            await trio.lowlevel.checkpoint()
        nursery.start_soon(wait)
        await trio.lowlevel.checkpoint()
        waiting.cancel()
        nursery.cancel_scope.cancel()
    assert all(messages_of(channel) == ["one"] for channel, _ in found)
    with trio.CancelScope() as scope:
        scope.cancel()
        await topic.publish("never")
    assert scope.cancelled_caught
    await topic.publish("two")
    assert all(messages_of(channel) == ["one", "two"] for channel, _ in found)


async def test_a_thread_publishes() -> None:
    """By a function that doesn't wait."""
    topic = Topic[str]()
    channel, websocket = new_websocket()
    async with topic.subscribe(websocket):
        await trio.to_thread.run_sync(trio.from_thread.run_sync, topic.publish_nowait, "hello")
    assert messages_of(channel) == ["hello"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["publish", "nowait", "join", "leave", "lose", "pause", "resume"]),
        st.integers(0, 2),
    ),
    max_size=60,
)


@given(st.sampled_from(SLOW), st.integers(0, 40), STEPS)
async def test_every_message_is_accounted_for(
    slow: SlowPolicy, backlog_bytes: int, steps: list[tuple[str, int]]
) -> None:
    """A client reads what was published while it was there, in order, or that was dropped.

    What is dropped is counted, and only a client that has gone or was closed misses anything else.
    """
    topic = Topic[str](backlog_bytes=backlog_bytes, slow=slow)
    made = [new_websocket() for _ in range(3)]
    subscriptions = [topic.subscribe(websocket) for _, websocket in made]
    joined, lost = [False] * 3, [False] * 3
    owed: list[list[Message]] = [[], [], []]
    for number, (step, client) in enumerate(steps):
        channel, _ = made[client]
        if step == "join" and not lost[client] and not joined[client] and not channel.closed_with:
            await subscriptions[client].__aenter__()
            joined[client] = True
        elif step == "leave" and joined[client]:
            await subscriptions[client].__aexit__(None, None, None)
            joined[client] = False
        elif step == "lose":
            channel.lose()
            lost[client] = True
        elif step == "pause":
            channel.pause()
        elif step == "resume":
            channel.resume()
        elif step in {"publish", "nowait"}:
            for each in range(3):
                if joined[each] and made[each][0].close_code is None:
                    owed[each].append(f"message {number}")
            if step == "publish":
                await topic.publish(f"message {number}")
            else:
                topic.publish_nowait(f"message {number}")
            alive = [made[each][0].close_code is None and joined[each] for each in range(3)]
            assert len(topic) == alive.count(True)
    for (channel, _), subscription, messages in zip(made, subscriptions, owed, strict=True):
        channel.resume()
        read = iter(messages)
        found = messages_of(channel)
        assert all(message in read for message in found), "in order, none twice"
        if channel.close_code is None:
            assert len(found) + subscription.dropped == len(messages)
            assert found[-1:] == messages[-1:]
        assert slow != "close" or subscription.dropped == 0
        assert slow == "close" or channel.closed_with is None


async def test_types_agree() -> None:
    """A type checker lets a WebSocket subscribe if it sends what is published, or has no types."""
    _, websocket = new_websocket()
    plain: WebSocket = websocket
    numbers: WebSocket[str, int] = websocket
    both: WebSocket[str, int | str] = websocket
    topic, wider = Topic[int](), Topic[int | str]()
    topic.subscribe(plain)
    topic.subscribe(numbers)
    topic.subscribe(both)
    wider.subscribe(plain)
    wider.subscribe(both)
    wider.subscribe(numbers)  # type: ignore[arg-type]
    await topic.publish("one")  # type: ignore[arg-type]
    await wider.publish("one")
    listener = topic.listen()
    await topic.publish(1)
    assert_type(await anext(listener), int)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Topic(backlog_bytes=cast("int", 1.5)), TypeError),
        (lambda: Topic(backlog_bytes=True), TypeError),
        (lambda: Topic(backlog_bytes=-1), ValueError),
        (lambda: Topic(slow=cast("SlowPolicy", "drop")), ValueError),
    ],
)
def test_impossible_topics_are_refused(make: Callable[[], object], error: type[Exception]) -> None:
    """When they are made."""
    with pytest.raises(error, match=r"is a|is one of"):
        make()
