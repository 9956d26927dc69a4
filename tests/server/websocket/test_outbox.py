"""The outbox of a WebSocket: whole frames in order, from any task, cancelled or not."""

import zlib
from collections.abc import Callable
from functools import partial

import pytest
import trio
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.request import build_request
from hump_trio.messages.target import parse_target
from hump_trio.server.websocket.outbox import JOINED_COUNT, SMALL_BYTES, UNSENT_BYTES, Outbox
from hump_trio.websocket.deflate import Deflater
from hump_trio.websocket.frames import encode_text
from tests.support.sessions import OutboxScene, open_outbox

LOST = WebSocketClosed(1006, "", "lost")
ENDED = WebSocketClosed(1000, "", "server")
LARGE = "l" * UNSENT_BYTES
GOODBYE = ("close", b"\x03\xe8")


async def take_all(scene: OutboxScene) -> None:
    """Let the client take all that is sent, and what is sent then."""
    scene.line.take(1 << 30)
    await wait_all_tasks_blocked()


async def test_a_message_goes_out_at_once() -> None:
    """Text and bytes, each as what it is, without a task of its own; few are a checkpoint."""
    async with open_outbox() as (outbox, scene):
        for message in ("text", b"bytes", bytearray(b"more"), memoryview(b"most")):
            with assert_no_checkpoints():
                await outbox.send(message)  # type: ignore[arg-type]
        assert scene.received() == ["text", b"bytes", b"more", b"most"]
        assert (outbox.sent_count, outbox.unsent_bytes, outbox.busy) == (4, 0, False)
        assert not scene.lanes
        with pytest.raises(TypeError, match="a message is str or bytes, not 5"):
            await outbox.send(5)  # type: ignore[arg-type]
        assert outbox.sent_count == 4


async def test_others_have_a_turn_now_and_then() -> None:
    """Whether the client takes all at once, or the handler has more to answer."""
    for arrived in ([], ["a message"]):
        async with open_outbox() as (outbox, scene):
            scene.arrived.extend(arrived)
            with assert_checkpoints():
                for number in range(64):
                    await outbox.send(str(number))
            assert scene.received() == [str(number) for number in range(64)]


# What is held


async def test_answers_are_joined_while_there_is_more_to_answer() -> None:
    """They go out in one call: at the end of the pass, or with what can't wait."""
    async with open_outbox() as (outbox, scene):
        await wait_all_tasks_blocked()
        scene.arrived.append("more")
        await outbox.send("one")
        await outbox.send(b"two")
        assert scene.received() == []
        await wait_all_tasks_blocked()
        assert scene.received() == ["one", b"two"]
        await outbox.send("three")
        await outbox.send("l" * SMALL_BYTES)
        assert scene.received() == ["three", "l" * SMALL_BYTES]
        await outbox.send("four")
        scene.arrived.clear()
        await outbox.send("five")
        assert scene.received() == ["four", "five"]
        await outbox.send("six")
        assert scene.received() == ["six"]


@pytest.mark.parametrize("size", [1, 4096])
async def test_only_so_much_is_held(size: int) -> None:
    """So many messages, of so many bytes."""
    async with open_outbox() as (outbox, scene):
        scene.arrived.append("more")
        count = 0
        while not scene.line.sent:
            await outbox.send("m" * size)
            count += 1
        assert count <= JOINED_COUNT
        assert count * size <= UNSENT_BYTES


@pytest.mark.parametrize("way", ["send_nowait", "send_frame_nowait", "send_part", "close", "ping"])
async def test_what_is_held_is_not_overtaken(way: str) -> None:
    """By whatever else is sent."""
    async with open_outbox() as (outbox, scene):
        scene.arrived.append("more")
        await outbox.send("held")
        if way == "send_nowait":
            assert outbox.send_nowait("then")
        elif way == "send_frame_nowait":
            assert outbox.send_frame_nowait(encode_text("then"))
        elif way == "send_part":
            await outbox.send_part("then", first=True, last=True)
        elif way == "ping":
            assert outbox.ping(b"then")
        else:
            outbox.close(ENDED, 1000, "")
        then = {"ping": ("ping", b"then"), "close": GOODBYE}.get(way, "then")
        assert scene.received() == ["held", then]


async def test_what_a_topic_sends_overtakes_nothing_that_is_held() -> None:
    """Nor does what is sent then overtake that."""
    async with open_outbox() as (outbox, scene):
        scene.arrived.append("more")
        await outbox.send("held")
        outbox.call_when_sent(lambda: encode_text("published"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.send, "then")
        assert scene.received() == ["held", "published", "then"]


# What the system doesn't take at once


async def test_what_is_not_taken_is_waited_for() -> None:
    """The sender waits until the system has its message, and who sends then waits behind it."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 10
        order: list[str] = []

        async def send(message: str) -> None:
            await outbox.send(message)
            order.append(message[:1])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, "a" * 20)
            await wait_all_tasks_blocked()
            assert outbox.busy
            nursery.start_soon(send, "b")
            await wait_all_tasks_blocked()
            nursery.start_soon(send, "c")
            await wait_all_tasks_blocked()
            assert (outbox.send_nowait("d"), outbox.send_frame_nowait(b"d")) == (False, False)
            assert (order, outbox.unsent_bytes) == ([], 12 + 3 + 3)
            scene.line.take(12)
            await wait_all_tasks_blocked()
            assert order == ["a"]
            await take_all(scene)
        assert (sorted(order), outbox.unsent_bytes, outbox.busy) == (["a", "b", "c"], 0, False)
        assert scene.received() == ["a" * 20, "b", "c"]
        assert outbox.sent_count == 3


async def test_a_message_whose_sender_is_cancelled_goes_out_whole() -> None:
    """What comes then stands behind it."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 10
        for message in ("a" * 20, "waits"):
            with trio.CancelScope() as scope:
                scope.cancel()
                await outbox.send(message)
            assert scope.cancelled_caught
        assert outbox.sent_count == 2
        scene.line.take(1 << 20)
        await outbox.send("then")
        assert scene.received() == ["a" * 20, "waits", "then"]


async def test_a_sender_that_is_cancelled_before_its_turn_sends_nothing() -> None:
    """And it isn't counted."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.send, LARGE)
            await wait_all_tasks_blocked()
            with trio.CancelScope() as scope:
                nursery.start_soon(outbox.send, "behind it")
                scope.cancel()
                await outbox.send("never")
            assert scope.cancelled_caught
            await take_all(scene)
        assert scene.received() == [LARGE, "behind it"]
        assert outbox.sent_count == 2


async def test_a_message_goes_out_at_once_again_when_what_barred_it_is_over() -> None:
    """Be that what wasn't taken, a message in fragments, or a sender that waits for its turn."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.send, LARGE)
            await wait_all_tasks_blocked()
            with trio.CancelScope() as scope:
                scope.cancel()
                await outbox.send("cancelled before its turn")
            assert not outbox.send_frame_nowait(encode_text("too early"))
            await take_all(scene)
        assert outbox.send_frame_nowait(encode_text("one"))
        for part, first, last in [("a ", True, False), ("b", False, True), ("c", True, True)]:
            await outbox.send_part(part, first=first, last=last)
            assert outbox.send_nowait("between") is last
        with assert_no_checkpoints():
            await outbox.send("two")
        assert scene.received() == [LARGE, "one", "a b", "between", "c", "between", "two"]


async def test_only_so_much_waits_to_be_sent() -> None:
    """Whatever number of tasks send: 64 KiB and a message. They go on in the order of the calls."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        messages = [chr(97 + number) * 40_000 for number in range(10)]
        async with trio.open_nursery() as nursery:
            for message in messages:
                nursery.start_soon(outbox.send, message)
                await wait_all_tasks_blocked()
                assert outbox.unsent_bytes < UNSENT_BYTES + 40_010
            for _ in range(40):
                scene.line.take(10_010)
                await wait_all_tasks_blocked()
                assert outbox.unsent_bytes < UNSENT_BYTES + 40_010
                assert not outbox.busy or not outbox.send_nowait("overtaking")
            await take_all(scene)
        assert scene.received() == messages


async def test_who_waits_for_a_turn_is_not_overtaken() -> None:
    """Not even in the moment in which there is room again."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        results: list[bool] = []

        async def send_large() -> None:
            await outbox.send(LARGE)
            results.append(outbox.send_nowait("overtaking"))
            await outbox.send("third")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_large)
            await wait_all_tasks_blocked()
            nursery.start_soon(outbox.send, "second")
            await wait_all_tasks_blocked()
            await take_all(scene)
        if results == [True]:  # the second one was faster, and has gone out before
            assert scene.received() == [LARGE, "second", "overtaking", "third"]
        else:
            assert scene.received() == [LARGE, "second", "third"]


async def test_each_sender_keeps_its_order() -> None:
    """No message of two tasks that send without a pause is cut or lost, however slow the client."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0

        async def send(name: str) -> None:
            for number in range(300):
                await outbox.send(f"{name}{number:05}".ljust(1000, "."))

        async def read() -> None:
            while True:
                scene.line.take(7777)
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as readers:
            readers.start_soon(read)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send, "a")
                nursery.start_soon(send, "b")
            readers.cancel_scope.cancel()
        found = [message[:6] for message in scene.received()]
        for name in "ab":
            own = [message for message in found if message[0] == name]
            assert own == [f"{name}{number:05}" for number in range(300)]


async def test_reading_goes_on_when_there_is_room_again() -> None:
    """The outbox says so each time that something was taken, and less than 64 KiB are left."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        async with trio.open_nursery() as nursery:
            for message in ("small", LARGE, "then"):
                nursery.start_soon(outbox.send, message)
                await wait_all_tasks_blocked()
            scene.line.take(10)
            await wait_all_tasks_blocked()
            assert scene.resumed == 0
            scene.line.take(len(LARGE) + 9)
            await wait_all_tasks_blocked()
            assert scene.resumed == 1
            await take_all(scene)
        assert scene.resumed == 2


# Compression


async def test_messages_are_compressed_in_the_order_of_their_frames() -> None:
    """Whoever has to wait, or is cancelled before its turn: the client restores what has come."""
    async with open_outbox() as (outbox, scene):
        outbox.deflater = Deflater(15, keeps_context=True)
        scene.line.room_bytes = 0
        noise = bytes(range(256)) * 400  # of which the next ones have a part
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.send, "".join(chr(n * n % 26 + 97) for n in range(9999)))
            await wait_all_tasks_blocked()
            for _ in range(5):
                nursery.start_soon(outbox.send, zlib.compress(noise) * 300)
                await wait_all_tasks_blocked()
            assert not outbox.send_nowait("never" * 100)
            with trio.CancelScope() as scope:
                scope.cancel()
                await outbox.send("cancelled" * 100)
            nursery.start_soon(outbox.send, "cancelled" * 50)
            await wait_all_tasks_blocked()
            await take_all(scene)
        outbox.send_nowait("at last" * 20)
        inflate = zlib.decompressobj(wbits=-15)
        texts, data = [], bytes(scene.line.sent)
        while data:
            size, begin = data[1], 2
            if size > 125:
                begin = 4 if size == 126 else 10
                size = int.from_bytes(data[2:begin], "big")
            assert data[0] & 0x40, "compressed"
            payload = data[begin : begin + size] + b"\0\0\xff\xff"
            texts.append(inflate.decompress(payload))
            data = data[begin + size :]
        assert len(texts) == outbox.sent_count
        assert b"never" not in b"".join(texts)
        assert texts[-1] == b"at last" * 20
        assert texts[1] == zlib.compress(noise) * 300


# Fragments


async def test_fragments_stand_together() -> None:
    """Other messages wait for the last one, whoever sends them and however."""
    async with open_outbox() as (outbox, scene):
        async with trio.open_nursery() as nursery:
            with assert_checkpoints():
                await outbox.send_part("one ", first=True, last=False)
            nursery.start_soon(outbox.send, "a message")
            nursery.start_soon(partial(outbox.send_part, b"bytes", first=True, last=True))
            await wait_all_tasks_blocked()
            assert (outbox.send_nowait("x"), outbox.send_frame_nowait(b"x")) == (False, False)
            await outbox.send_part("message", first=False, last=False)
            await outbox.send_part("", first=False, last=True)
        found = scene.received()
        assert found[0] == "one message"
        assert sorted(map(str, found[1:])) == sorted(["a message", "b'bytes'"])
        assert outbox.sent_count == 3


async def test_a_fragment_that_is_not_taken_at_once_goes_out_once() -> None:
    """And its sender waits for that; a control frame may stand between two of them."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 5
        async with trio.open_nursery() as nursery:

            async def send_parts() -> None:
                await outbox.send_part(b"part one", first=True, last=False)
                await outbox.send_part(b", part two", first=False, last=True)

            nursery.start_soon(send_parts)
            await wait_all_tasks_blocked()
            outbox.pong(b"one")
            outbox.pong(b"two")
            assert not outbox.ping(b"never")
            await take_all(scene)
        assert scene.received() == [("pong", b"two"), b"part one, part two"]
        assert outbox.sent_count == 1


async def test_a_fragment_waits_for_room() -> None:
    """Only so much waits to be sent, in whatever pieces."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        async with trio.open_nursery() as nursery:

            async def send_parts() -> None:
                for number in range(4):
                    with trio.CancelScope() as scope:
                        scope.cancel()
                        await outbox.send_part(LARGE, first=number == 0, last=False)
                    if number:
                        assert outbox.unsent_bytes < 2 * UNSENT_BYTES
                await outbox.send_part(".", first=False, last=True)

            nursery.start_soon(send_parts)
            await wait_all_tasks_blocked()
            assert outbox.unsent_bytes < 2 * UNSENT_BYTES
            await take_all(scene)
        assert scene.received() == [LARGE + "."]


async def test_who_waits_for_the_last_fragment_goes_on_though_its_sender_is_cancelled() -> None:
    """The fragment was sent all the same."""
    for room_bytes in (4, 1000):
        async with open_outbox() as (outbox, scene):
            await outbox.send_part("one", first=True, last=False)
            scene.line.room_bytes = room_bytes
            async with trio.open_nursery() as nursery:
                nursery.start_soon(outbox.send, "then")
                await wait_all_tasks_blocked()
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await outbox.send_part("two", first=False, last=True)
                await take_all(scene)
            assert scene.received() == ["onetwo", "then"]


async def test_what_a_topic_sends_stands_behind_the_last_fragment() -> None:
    """In its place before those who send then; it is dropped if no last fragment comes."""
    for ends in (True, False):
        async with open_outbox() as (outbox, scene):
            await outbox.send_part("one", first=True, last=False)
            outbox.call_when_sent(lambda: encode_text("published"))
            outbox.call_when_sent(lambda: encode_text("published too"))
            await wait_all_tasks_blocked()
            if ends:
                await outbox.send_part("two", first=False, last=True)
                assert not outbox.send_frame_nowait(encode_text("overtaking"))
                await outbox.send("then")
                assert scene.received() == ["onetwo", "published", "published too", "then"]
            else:
                outbox.close(ENDED, 1011, "")
                await wait_all_tasks_blocked()
                assert scene.received() == [("close", b"\x03\xf3")]


# What a topic sends


async def test_a_function_is_called_in_its_turn() -> None:
    """Once what was there before is taken; what is sent then waits for what it returns."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        calls: list[str] = []

        def publish(name: str, frames: bytes) -> bytes:
            calls.append(name)
            assert not outbox.send_frame_nowait(encode_text("in between"))
            return frames

        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.send, "before")
            await wait_all_tasks_blocked()
            outbox.call_when_sent(partial(publish, "one", encode_text("a") + encode_text("b")))
            outbox.call_when_sent(partial(publish, "none", b""))
            nursery.start_soon(outbox.send, "behind")
            await wait_all_tasks_blocked()
            assert calls == []
            scene.line.take(8)
            await wait_all_tasks_blocked()
            assert calls == ["one"]
            await take_all(scene)
        assert calls == ["one", "none"]
        assert scene.received() == ["before", "a", "b", "behind"]


@pytest.mark.parametrize("end", ["close", "lose"])
async def test_no_function_is_called_once_nothing_can_be_sent(end: str) -> None:
    """Before and after: it would go out behind the closing frame."""

    def never() -> bytes:
        raise AssertionError("it was called")

    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        if end == "lose":
            outbox.call_when_sent(lambda: encode_text("on its way"))
            await wait_all_tasks_blocked()
            outbox.call_when_sent(never)
            outbox.lose(LOST)
        else:
            outbox.close(ENDED, 1000, "")
        outbox.call_when_sent(never)
        await take_all(scene)
        assert scene.received() == ([GOODBYE] if end == "close" else [])


# Control frames


async def test_pings_are_answered_in_order() -> None:
    """Together at the end of the pass, where nothing waits."""
    async with open_outbox() as (outbox, scene):
        for number in range(3):
            outbox.pong(str(number).encode())
        assert scene.received() == []
        outbox.flush()
        assert scene.received() == [("pong", str(number).encode()) for number in range(3)]
        outbox.pong(b"later")
        await wait_all_tasks_blocked()
        assert scene.received() == [("pong", b"later")]


async def test_a_client_that_does_not_read_is_owed_one_pong() -> None:
    """The latest (RFC 6455 section 5.5.3), which goes out before other messages that wait."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.send, "one")
            await wait_all_tasks_blocked()
            nursery.start_soon(outbox.send, "two")
            await wait_all_tasks_blocked()
            for number in range(1000):
                outbox.pong(str(number).encode())
            assert outbox.unsent_bytes < 100
            await take_all(scene)
        assert scene.received() == ["one", ("pong", b"999"), "two"]
        assert outbox.unsent_bytes == 0


# The end


@pytest.mark.parametrize("room_bytes", [0, 3])
async def test_a_closing_frame_comes_last(room_bytes: int) -> None:
    """Behind all that was sent before; nothing follows it, and who wanted to send hears why."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = room_bytes
        errors: list[WebSocketClosed] = []

        async def send(message: str) -> None:
            try:
                await outbox.send(message)
            except WebSocketClosed as error:
                errors.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, LARGE)
            await wait_all_tasks_blocked()
            nursery.start_soon(send, "too late")
            await wait_all_tasks_blocked()
            outbox.close(ENDED, 1000, "")
            outbox.close(ENDED, 1001, "once")
            outbox.pong(b"no")
            assert not outbox.ping(b"no")
            for attempt in attempts(outbox):
                with pytest.raises(WebSocketClosed) as caught:
                    attempt()
                assert (caught.value.code, caught.value.by) == (1000, "server")
            with pytest.raises(WebSocketClosed):
                await outbox.send_part("x", first=True, last=True)
            await take_all(scene)
        assert scene.received() == [LARGE, GOODBYE]
        assert [error.by for error in errors] == ["server"]


def attempts(outbox: Outbox) -> list[Callable[[], object]]:
    """Return ways to send something."""

    def send() -> None:
        outbox.send("x").send(None)

    return [send, partial(outbox.send_nowait, "x"), partial(outbox.send_frame_nowait, b"x")]


@pytest.mark.parametrize(
    "way", ["send", "large", "held", "send_nowait", "held_nowait", "send_part", "close", "waiting"]
)
async def test_a_client_that_has_gone_is_found_by_what_is_sent(way: str) -> None:
    """Its peer counts as gone, and nothing is sent any more; a closed one stays closed."""
    async with open_outbox() as (outbox, scene):
        if way in ("large", "waiting"):
            scene.line.room_bytes = 0
        else:
            scene.line.leave()

        async def leave() -> None:
            await wait_all_tasks_blocked()
            scene.line.leave()

        async with trio.open_nursery() as nursery:
            if way in ("large", "waiting"):
                nursery.start_soon(leave)
            if way == "close":
                outbox.close(ENDED, 1000, "")
            elif way == "held":
                scene.arrived.append("more")
                await outbox.send("held")
                outbox.flush()
            else:
                if way == "held_nowait":
                    outbox.pong(b"held")
                with pytest.raises(WebSocketClosed) as caught:
                    await send_by(way, outbox)
                assert (caught.value.code, caught.value.by) == (1006, "lost")
        assert scene.peer.gone
        assert outbox.closed is not None
        assert outbox.closed.by == "lost"
        assert outbox.unsent_bytes == 0
        with pytest.raises(WebSocketClosed):
            await outbox.send("x")


async def send_by(way: str, outbox: Outbox) -> None:
    """Send something."""
    if way == "send_part":
        await outbox.send_part("x", first=True, last=False)
    elif way == "waiting":
        with pytest.raises(WebSocketClosed):
            await outbox.send(LARGE)
        await outbox.send("then")
    elif way in ("send", "large"):
        await outbox.send("x" if way == "send" else LARGE)
    else:
        outbox.send_nowait("x")


async def test_a_closing_frame_that_a_client_never_takes() -> None:
    """It was closed here, though the client is found gone then."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        outbox.close(ENDED, 1000, "")
        await wait_all_tasks_blocked()
        scene.line.leave()
        await wait_all_tasks_blocked()
        assert scene.peer.gone
        assert outbox.closed is not None
        assert outbox.closed.by == "server"


async def test_senders_that_wait_hear_of_the_end() -> None:
    """Those whose message waits, those who wait for room, and those who wait for a fragment."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 0
        ends: list[str] = []

        async def expect_end(send: Callable[[], object]) -> None:
            try:
                await send()  # type: ignore[misc]
            except WebSocketClosed as error:
                ends.append(error.by)

        async with trio.open_nursery() as nursery:
            for send in (
                partial(outbox.send, "a"),
                partial(outbox.send_part, LARGE, first=True, last=False),
                partial(outbox.send, "waits for the last fragment"),
                partial(outbox.send, "as well"),
                partial(outbox.send_part, LARGE, first=False, last=True),
                partial(outbox.send_part, "another", first=True, last=True),
            ):
                nursery.start_soon(expect_end, send)
                await wait_all_tasks_blocked()
            outbox.lose(LOST)
        assert ends == ["lost"] * 6
        await wait_all_tasks_blocked()
        assert not outbox.busy
        assert scene.peer.write_cut


async def test_a_flusher_that_is_cancelled_ends_all_sending() -> None:
    """A part of a frame may be out: nothing may follow it, and who waits hears that."""
    async with open_outbox() as (outbox, scene):
        scene.line.room_bytes = 3
        ends: list[str] = []

        async def send(message: str) -> None:
            try:
                await outbox.send(message)
            except WebSocketClosed as error:
                ends.append(error.by)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, "first")
            nursery.start_soon(send, "second")
            await wait_all_tasks_blocked()
            [flusher] = scene.lanes
            flusher.clock.cancel("shutdown")
            await wait_all_tasks_blocked()
        assert ends == ["lost", "lost"]
        assert scene.peer.write_cut
        await send("third")
        assert ends == ["lost", "lost", "lost"]
        assert len(scene.line.sent) == 3


@pytest.mark.parametrize("state", ["idle", "waiting", "broken", "taken"])
async def test_nothing_is_kept_of_a_connection_that_is_over(state: str) -> None:
    """Whatever was under way ends then, without a word, and who sends later hears the end."""
    async with open_outbox() as (outbox, scene):
        if state != "idle":
            scene.line.room_bytes = 0
            assert outbox.send_nowait("x")
            await wait_all_tasks_blocked()
        if state == "broken":
            scene.line.leave()
        elif state == "taken":
            scene.line.take(100)
        outbox.release(ENDED)
        assert not hasattr(outbox, "_line")
        del scene.clock.peer
        await wait_all_tasks_blocked()
        assert not scene.lanes
        assert not scene.peer.gone
        for attempt in attempts(outbox):
            with pytest.raises(WebSocketClosed) as caught:
                attempt()
            assert caught.value.by == "server"
        outbox.call_when_sent(bytes)
        outbox.close(ENDED, 1000, "")
        outbox.pong(b"x")
        outbox.flush()


async def test_who_sends_to_a_client_that_has_gone_is_no_crash() -> None:
    """The request's outcome says so, unless something else has ended it."""
    async with open_outbox() as (outbox, scene):
        request = build_request(parse_target("GET", "/", "1.1"), "a", [], None)
        scene.clock.request = request
        outbox.lose(LOST)
        for before, after in [("ok", "client-gone"), ("deadline", "deadline")]:
            request.outcome = before  # type: ignore[assignment]
            with pytest.raises(WebSocketClosed):
                await outbox.send("x")
            assert request.outcome == after


async def test_who_sends_a_part_hears_that_it_has_begun_its_way() -> None:
    """Not before its turn has come."""
    async with open_outbox() as (outbox, scene):
        begun: list[bytes] = []
        await outbox.send_part(
            "part", first=True, last=True, begun=lambda: begun.append(bytes(scene.line.sent))
        )
        assert begun == [b""]
        assert scene.received() == ["part"]
