"""`EventStream` of a topic: an event goes out where it is published, if its client keeps up."""

import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Compression, EventStream, Hump, Timeouts, Topic, timeout
from hump_trio.content.json_text import json_codec
from hump_trio.testing import RawConnection, connect
from hump_trio.transports.memory import WINDOW_BYTES
from tests.support import wire
from tests.support.events import app_of
from tests.support.frames import speak, window_update
from tests.support.wire import Answer, parse_answers, read_to_end, read_until, request

LONG = "x" * 200_000


def live(topic: Topic[Any], **options: Any) -> Hump:
    """Return an app that streams what is published to a topic."""
    app = Hump("", 0, timeouts=Timeouts(send_grace=20))

    @app.get("/")
    async def events() -> EventStream:
        return EventStream(topic.listen(), **options)

    return app


async def listen(raw: RawConnection, *fields: str) -> None:
    """Ask for the events, and wait until a topic has them for a listener that waits."""
    await raw.send(request("GET", "/", *fields))
    await read_until(raw, b"\r\n\r\n")
    await trio.sleep(1)


async def end(app: Hump, raw: RawConnection, begun: bytes = b"") -> Answer:
    """Shut an app down, and return the answer that ends by that, with what was read of it."""
    app.shutdown()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    [answer] = parse_answers(head + begun + await read_to_end(raw))
    return answer


@pytest.mark.memory_only("there is nothing between a server and its client")
async def test_an_event_is_out_when_it_is_published(autojump_clock: MockClock) -> None:
    """No task is woken for it: the client has it before any had its turn."""
    topic = Topic[str]()
    async with wire.connect_transport(live(topic), WINDOW_BYTES) as transport:
        await listen(RawConnection(transport))
        topic.publish_nowait("one")
        topic.publish_nowait("two")
        assert transport.receive_nowait() == b"b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\n"


async def test_an_event_is_encoded_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all streams, and once as a message of WebSockets, whose length counts."""
    topic, count, encode = Topic[Any](), 0, json_codec.encode

    def note(value: Any) -> bytes:
        nonlocal count
        count += 1
        return encode(value)

    app = live(topic)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(app)) for _ in range(5)]
        for raw in clients:
            await listen(raw)
        monkeypatch.setattr(json_codec, "encode", note)
        await topic.publish({"a": 1})
        for raw in clients:
            assert await read_until(raw, b"\n\n\r\n") == b'f\r\ndata: {"a":1}\n\n\r\n'
    assert count == 2


@pytest.mark.parametrize("text", ["short", LONG])
async def test_a_client_that_falls_behind_gets_all_in_order(
    text: str, autojump_clock: MockClock
) -> None:
    """Its task sends what wasn't sent where it was published, the rest of an event first."""
    topic = Topic[str](backlog_bytes=100_000_000)
    app = live(topic, keep_alive=0.7)
    texts = [f"{number} {text}" for number in range(20)]
    async with connect(app) as raw:
        await listen(raw)
        raw.pause_reading()
        for each in texts:
            await topic.publish(each)
        await trio.sleep(1)
        begun = b""
        while f"19 {text}".encode() not in begun:
            begun += await raw.receive()
            await trio.sleep(0.3)
        await topic.publish("end")
        answer = await end(app, raw, begun)
    assert answer.whole
    assert answer.text.replace(":\n\n", "") == "".join(
        f"data: {each}\n\n" for each in [*texts, "end"]
    )


async def test_an_event_that_has_begun_ends_with_the_answer(autojump_clock: MockClock) -> None:
    """At shutdown the client reads it to its end, as any event that is being sent."""
    topic = Topic[str](backlog_bytes=1_000_000)
    app = live(topic)
    async with connect(app) as raw:
        await listen(raw)
        raw.pause_reading()
        topic.publish_nowait(LONG)
        answer = await end(app, raw)
    assert (answer.text, answer.whole) == (f"data: {LONG}\n\n", True)


@pytest.mark.parametrize("steps", range(6))
async def test_an_event_that_comes_with_the_shutdown(steps: int, autojump_clock: MockClock) -> None:
    """It is sent whole, or not at all."""
    topic = Topic[str]()
    app = live(topic)
    async with connect(app) as raw:
        await listen(raw)
        app.shutdown()
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        topic.publish_nowait("one")
        topic.publish_nowait("two")
        answer = await end(app, raw)
    assert answer.whole
    assert answer.text in ("", "data: one\n\n", "data: one\n\ndata: two\n\n")


async def test_events_fill_the_silence(autojump_clock: MockClock) -> None:
    """As those that their own task sends: a comment comes so long after the last one."""
    topic, moments = Topic[str](), list[float]()

    async def publish() -> None:
        await trio.sleep(9)
        await topic.publish("one")

    async with connect(live(topic, keep_alive=10)) as raw, trio.open_nursery() as nursery:
        await raw.send(request())
        await read_until(raw, b"\r\n\r\n")
        nursery.start_soon(publish)
        while len(moments) < 3:
            await read_until(raw, b"\n\n\r\n")
            moments.append(trio.current_time())
    assert moments == [9, 19, 29]


@pytest.mark.memory_only("nowhere else is it known to the byte what is held")
@pytest.mark.parametrize("room_bytes", [0, 3])
@pytest.mark.parametrize("directly", [True, False])
async def test_no_event_comes_into_a_comment(
    directly: bool, room_bytes: int, autojump_clock: MockClock
) -> None:
    """One that comes while a client is slow to take a comment, or its rest, waits for its end."""
    topic = Topic[str]()
    full = "x" * (WINDOW_BYTES - len("fff8\r\ndata: \n\n\r\n") - room_bytes)

    async def listened() -> AsyncIterator[str]:
        async for text in topic.listen():
            yield text

    app = live(topic, keep_alive=2) if directly else app_of(listened, keep_alive=2)
    async with wire.connect_transport(app, 0) as transport:
        raw = RawConnection(transport)
        await listen(raw)
        transport.set_window(0)
        topic.publish_nowait(full)
        await trio.sleep(3)
        topic.publish_nowait("one")
        await trio.sleep(0.1)
        topic.publish_nowait("two")
        text = await read_until(raw, b"two\n\n\r\n")
    _, comment, rest = text.partition(b"3\r\n:\n\n\r\n")
    assert comment
    assert rest == b"b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\n"


async def test_a_client_that_has_gone_is_no_matter_of_the_publishers(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its handler ends by that, and all others have their event."""
    caplog.set_level("INFO", "hump_trio.access")
    topic = Topic[str]()
    app = live(topic)
    async with connect(app) as raw, connect(app) as other:
        await listen(raw)
        await listen(other)
        raw.reset()
        for _ in range(3):
            topic.publish_nowait("one")
        assert await read_until(other, b"\n\n\r\n") == b"b\r\ndata: one\n\n\r\n" * 3
        await trio.sleep(1)
        assert len(topic) == 1
    assert [record.access.outcome for record in caplog.records][:1] == ["client-gone"]  # type: ignore[attr-defined]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_client_that_reads_nothing_is_cut(autojump_clock: MockClock) -> None:
    """After `Timeouts.send_grace` seconds without progress, whoever has sent the event."""
    topic = Topic[str](backlog_bytes=100_000_000)
    async with connect(live(topic, keep_alive=None)) as raw:
        await listen(raw)
        raw.pause_reading()
        for _ in range(50):
            topic.publish_nowait(LONG)
        await trio.sleep(19)
        assert len(topic) == 1
        await trio.sleep(2)
        assert len(topic) == 0


async def test_what_is_no_event_fails_in_its_handler(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes are a message of a WebSocket; its publisher can't know who listens."""
    topic = Topic[Any]()
    async with connect(live(topic)) as raw:
        await listen(raw)
        topic.publish_nowait(b"bytes")
        with pytest.raises(trio.BrokenResourceError):
            await read_until(raw, b"never")
    assert "decode these bytes" in caplog.text


@pytest.mark.parametrize("way", ["generator", "compressed", "bound"])
async def test_ways_in_which_a_topic_is_streamed(way: str, autojump_clock: MockClock) -> None:
    """The events are the same where their task sends them, or something stands between."""
    topic = Topic[str]()

    async def shout() -> AsyncIterator[str]:
        async for text in topic.listen():
            yield text

    async def events() -> EventStream:
        return EventStream(shout() if way == "generator" else topic.listen())

    app = Hump("", 0)
    if way == "compressed":
        app.middleware(Compression())
    app.get("/")(timeout(60)(events) if way == "bound" else events)
    async with connect(app) as raw:
        await listen(raw, "Accept-Encoding: gzip")
        await topic.publish("one")
        await trio.sleep(1)
        answer = await end(app, raw)
    body = gzip.decompress(answer.body) if way == "compressed" else answer.body
    assert body == b"data: one\n\n"


async def test_over_http2_windows_decide(autojump_clock: MockClock) -> None:
    """What they hold back goes out when they open, before what follows; both streams have all."""
    topic = Topic[str]()
    app = live(topic, keep_alive=None)
    async with speak(app, initial_window_size=20) as peer:
        await peer.send(peer.head(1), peer.head(3))
        await trio.sleep(1)
        await topic.publish("one")
        await topic.publish("number two")
        await topic.publish("three")
        assert (await peer.answer(1)).text == "data: one\n\ndata: num"
        await trio.sleep(1)
        await peer.send(window_update(1, 1000), window_update(3, 11))
        text = "data: one\n\ndata: number two\n\ndata: three\n\n"
        assert (await peer.answer(1)).text == text
        assert peer.answers[3].text == text[:31]
        await topic.publish("four")
        assert (await peer.answer(1)).text == f"{text}data: four\n\n"
        await peer.send(window_update(3, 1000))
        assert (await peer.answer(3)).text == f"{text}data: four\n\n"


async def test_over_http2_the_rest_of_an_event_ends_an_answer(autojump_clock: MockClock) -> None:
    """At shutdown, when its window opens."""
    topic = Topic[str]()
    app = live(topic)
    async with speak(app, initial_window_size=10) as peer:
        await peer.send(peer.head(1))
        await trio.sleep(1)
        topic.publish_nowait("long enough")
        app.shutdown()
        await trio.sleep(1)
        assert (await peer.answer(1)).text == "data: long"
        assert not peer.answers[1].ended
        await peer.send(window_update(1, 1000))
        assert (await peer.answer(1)).text == "data: long enough\n\n"
        assert peer.answers[1].ended
