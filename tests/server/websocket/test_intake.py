"""What the handler of a WebSocket receives, and what is done while it does something else."""

from typing import Any

import pytest
import trio
from trio.testing import (
    MockClock,
    assert_checkpoints,
    assert_no_checkpoints,
    wait_all_tasks_blocked,
)

from hump_trio import Limits
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.channel import MessageRules
from hump_trio.server.websocket.later import PASS_COST, Later
from hump_trio.transports.transport import RECEIVE_BYTES
from hump_trio.websocket.frames import BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, RSV1, TEXT
from tests.support.sessions import open_scene, receive_all, text
from tests.support.watched import Meddler
from tests.websocket.client_frames import masked, squeezed

CLOSING = masked(FINAL | CLOSE, b"\x03\xe8bye")
DEFLATED = [("sec-websocket-extensions", "permessage-deflate")]


# Messages


async def test_messages_are_received_in_order() -> None:
    """Each as what it is; those that are here need no wait, and others wake the handler."""
    async with open_scene() as scene:
        scene.line.give(text("one") + masked(FINAL | BINARY, b"two"))
        with assert_no_checkpoints():
            assert await scene.session.receive() == "one"
            assert await scene.session.receive() == b"two"
        found: list[Any] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive_all, scene, found)
            await wait_all_tasks_blocked()
            for data in (text("three")[:4], text("three")[4:] + text("four"), text("five")):
                scene.line.give(data)
                await wait_all_tasks_blocked()
            assert found == ["three", "four", "five"]
            scene.line.give(CLOSING)
        assert found[3:] == [(1000, "bye", "client")]
        assert scene.session.received_count == 5


async def test_a_message_becomes_what_the_rules_make_of_it() -> None:
    """What that raises is raised there, and the channel stays open."""
    async with open_scene(MessageRules(decode=int)) as scene:
        scene.line.give(text("1") + text("two") + text("3"))
        assert await scene.session.receive() == 1
        with pytest.raises(ValueError, match="two"):
            await scene.session.receive()
        assert await scene.session.receive() == 3
        assert scene.session.close_code is None


@pytest.mark.parametrize(
    ("rules", "data", "code"),
    [
        (MessageRules(kind="text"), masked(FINAL | BINARY, b"x"), 1003),
        (MessageRules(limit_bytes=3), text("long"), 1009),
        (MessageRules(), masked(FINAL | BINARY, b"", size=(1 << 20) + 1), 1009),
    ],
)
async def test_what_the_rules_refuse_ends_the_channel(
    rules: MessageRules, data: bytes, code: int
) -> None:
    """With the code of RFC 6455; the server's limit applies where the route has none."""
    async with open_scene(rules) as scene:
        scene.line.give(data)
        with pytest.raises(WebSocketClosed) as caught:
            await scene.session.receive()
        assert (caught.value.code, caught.value.by) == (code, "server")
        [(kind, payload)] = scene.received()
        assert (kind, payload[:2]) == ("close", code.to_bytes(2, "big"))
        assert scene.request.outcome == "refused"


async def test_a_message_may_be_of_any_length() -> None:
    """Where the route has lifted the limit."""
    async with open_scene(MessageRules(limit_bytes=None)) as scene:
        message = bytes(3 << 20)
        scene.line.give(masked(FINAL | BINARY, message))
        assert await scene.session.receive() == message


async def test_one_task_receives() -> None:
    """A second one hears that, and changes nothing."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        found: list[Any] = []
        nursery.start_soon(receive_all, scene, found)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await scene.session.receive()
        with pytest.raises(trio.BusyResourceError):
            await scene.session.receive_part()
        scene.line.give(text("one"))
        await wait_all_tasks_blocked()
        assert found == ["one"]
        nursery.cancel_scope.cancel()


async def test_a_cancelled_receive_loses_nothing() -> None:
    """Before a message comes, in the moment in which it comes, and in a turn for others."""
    async with open_scene() as scene:
        with trio.move_on_after(0):
            await scene.session.receive()
        async with trio.open_nursery() as nursery:
            found: list[Any] = []
            nursery.start_soon(receive_all, scene, found)
            await wait_all_tasks_blocked()
            scene.line.give(text("one") + text("two"))
            nursery.cancel_scope.cancel()  # when it was woken already
        scene.line.give(*[text(str(number)) for number in range(200)])
        with trio.CancelScope() as scope:
            scope.cancel()
            await receive_all(scene, found)
        assert scope.cancelled_caught
        assert len(found) < 70
        scene.line.give(CLOSING)
        await receive_all(scene, found)
        assert found[:-1] == ["one", "two", *[str(number) for number in range(200)]]


async def test_others_have_their_turn() -> None:
    """After so many messages that needn't be waited for, and after each read."""
    async with open_scene() as scene:
        scene.line.give(b"".join([text("m")] * 64))
        with assert_checkpoints():
            for _ in range(64):
                await scene.session.receive()
        large = masked(FINAL | BINARY, bytes(RECEIVE_BYTES - 14))
        scene.line.put(large, large, large)
        for _ in range(3):
            with assert_checkpoints():
                assert await scene.session.receive() == bytes(RECEIVE_BYTES - 14)


async def test_a_message_that_another_task_takes_in_a_turn() -> None:
    """The first one has none then, and waits on."""
    async with open_scene() as scene:
        scene.line.give(b"".join([text("m")] * 64))
        found: list[Any] = []

        def take() -> None:
            try:
                scene.session.receive().send(None)
            except StopIteration as stop:
                found.append(stop.value)

        for _ in range(63):
            await scene.session.receive()
        trio.lowlevel.add_instrument(Meddler(trio.lowlevel.current_task(), take))
        with trio.CancelScope(deadline=trio.current_time() + 0.01) as scope:
            await scene.session.receive()
        assert scope.cancelled_caught
        assert found == ["m"]
        scene.line.give(text("next"))
        assert await scene.session.receive() == "next"


async def test_iterating_ends_with_an_orderly_end(autojump_clock: MockClock) -> None:
    """And a client that has just gone is an error."""
    ends: list[tuple[bytes | None, bool]]
    ends = [(CLOSING, True), (masked(0x83), True), (None, False), (b"", False)]
    for data, orderly in ends:
        async with open_scene() as scene:
            scene.line.give(data)
            with pytest.raises(StopAsyncIteration if orderly else WebSocketClosed):
                await scene.session.receive(iterating=True)


# A handler that does something else


async def test_a_ping_is_answered_whatever_the_handler_does() -> None:
    """At the end of the pass, also between two fragments of a message that is being sent."""
    async with open_scene() as scene:
        scene.line.give(masked(FINAL | PING, b"one"))
        await wait_all_tasks_blocked()
        await scene.session.send_part("frag", first=True, last=False)
        scene.line.give(text("wait") + masked(FINAL | PING, b"two") + masked(FINAL | PONG, b"x"))
        await wait_all_tasks_blocked()
        await scene.session.send_part("ments", first=False, last=True)
        assert scene.received() == [("pong", b"one"), ("pong", b"two"), "fragments"]


async def test_answers_to_a_burst_go_out_together() -> None:
    """When the handler waits for more, or does anything else that takes a pass."""
    async with open_scene() as scene:
        scene.line.give(text("a") + text("b") + text("c"))
        for _ in range(2):
            await scene.session.send(await scene.session.receive())
        assert scene.received() == []
        await wait_all_tasks_blocked()
        assert scene.received() == ["a", "b"]
        await scene.session.send(await scene.session.receive())
        assert scene.received() == ["c"]
        assert scene.session.sent_count == 3


async def test_a_closing_frame_is_answered_whatever_the_handler_does() -> None:
    """At the end of the pass; what it sends then is refused."""
    async with open_scene() as scene:
        scene.line.give(CLOSING)
        assert scene.session.close_code == 1000
        await wait_all_tasks_blocked()
        assert scene.received() == [("close", b"\x03\xe8")]
        with pytest.raises(WebSocketClosed) as caught:
            await scene.session.send("late")
        assert (caught.value.reason, caught.value.by) == ("bye", "client")
        assert scene.session.close_reason == "bye"


async def test_a_close_without_a_code_is_answered_with_1000() -> None:
    """The handler sees 1005 (RFC 6455 section 7.1.5)."""
    async with open_scene() as scene:
        scene.line.give(masked(FINAL | CLOSE))
        with pytest.raises(WebSocketClosed) as caught:
            await scene.session.receive()
        assert caught.value.code == scene.session.close_code == 1005
        assert scene.received() == [("close", b"\x03\xe8")]


@pytest.mark.parametrize("waiting", [False, True])
async def test_messages_before_a_closing_frame_are_answered(waiting: bool) -> None:
    """All that came in the same read, whether the handler waits then or not, before the answer."""
    async with open_scene() as scene:
        data = text("one") + text("two") + CLOSING + text("ignored")
        found: list[Any] = []

        async def echo() -> None:
            if not waiting:
                await trio.lowlevel.checkpoint()
            try:
                while True:
                    message = await scene.session.receive()
                    found.append(message)
                    await scene.session.send(message)
            except WebSocketClosed as error:
                found.append(error.by)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(echo)
            if waiting:
                await wait_all_tasks_blocked()
            scene.line.give(data)
        assert found == ["one", "two", "client"]
        assert scene.received() == ["one", "two", ("close", b"\x03\xe8")]


@pytest.mark.parametrize("waiting", [False, True])
async def test_messages_before_a_fault_are_answered(waiting: bool) -> None:
    """The code comes behind the answers, once, and nothing that follows the fault is read."""
    async with open_scene() as scene:
        found: list[Any] = []
        async with trio.open_nursery() as nursery:
            if waiting:
                nursery.start_soon(receive_all, scene, found)
                await wait_all_tasks_blocked()
            scene.line.give(text("good") + masked(FINAL | PING, b"x") + masked(0x83) + text("no"))
            if not waiting:
                await receive_all(scene, found)
        assert found[0] == "good"
        assert found[1][0::2] == (1002, "server")
        kinds = [frame[0] for frame in scene.received()]
        assert kinds == ["pong", "close"]


async def test_an_error_of_our_own_is_logged_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever watches the sockets of all clients goes on; this client counts as gone."""
    async with open_scene() as scene:

        def fail() -> bytes | None:
            raise ValueError("a mistake")

        scene.line.receive_nowait = fail  # type: ignore[method-assign]
        scene.line.give(b"x")
        with pytest.raises(WebSocketClosed):
            await scene.session.receive()
        assert "a WebSocket failed" in caplog.text
        assert "a mistake" in caplog.text


# Too much


async def test_only_so_much_is_queued() -> None:
    """64 KiB and a read; the rest waits where it is, and comes when the handler has taken that."""
    async with open_scene() as scene:
        messages = [f"{number:04}" + "m" * 5000 for number in range(100)]
        scene.line.give(*[text(message) for message in messages])
        await wait_all_tasks_blocked()
        assert 64 << 10 <= scene.state.buffered_bytes < (64 << 10) + RECEIVE_BYTES
        assert scene.line.ready
        for message in messages:
            assert await scene.session.receive() == message
        with trio.move_on_after(0):
            await scene.session.receive()
        assert scene.state.buffered_bytes == 0


async def test_a_handler_that_has_taken_all_is_not_behind(autojump_clock: MockClock) -> None:
    """However much that was: a ping and a close are seen while it does something else."""
    async with open_scene() as scene:
        scene.line.give(masked(FINAL | BINARY, bytes(500_000)))
        await scene.session.receive()
        scene.line.give(masked(FINAL | PING, b"x"))
        await wait_all_tasks_blocked()
        assert scene.received() == [("pong", b"x")]
        scene.line.give(b"".join([text("m" * 9990)] * 7), CLOSING)
        for _ in range(7):
            assert scene.session.close_code is None
            await scene.session.receive()
        await scene.pass_time(0.5)
        assert scene.session.close_code == 1000


async def test_a_handler_that_has_been_behind_need_not_wait(autojump_clock: MockClock) -> None:
    """Once it has taken all, the next sweep reads what was left unread, whatever it does then."""
    async with open_scene() as scene:
        scene.line.give(*[text("m" * 9990)] * 7, CLOSING)
        await wait_all_tasks_blocked()
        for _ in range(7):
            await scene.session.receive()
        assert scene.session.close_code is None
        await scene.pass_time(0.25)
        assert scene.session.close_code == 1000


async def test_what_is_behind_a_full_read_is_seen(autojump_clock: MockClock) -> None:
    """Nobody is told of it, and the handler that was woken doesn't receive again."""
    async with open_scene(MessageRules(limit_bytes=None)) as scene, trio.open_nursery() as nursery:

        async def receive_once() -> None:
            await scene.session.receive()

        nursery.start_soon(receive_once)
        await wait_all_tasks_blocked()
        scene.line.give(masked(FINAL | BINARY, bytes(RECEIVE_BYTES - 14)), CLOSING)
        await scene.pass_time(0.25)
        assert scene.session.close_code == 1000


async def test_a_client_that_does_not_read_is_not_read() -> None:
    """While 64 KiB are unsent; what it has sent is seen as soon as there is room."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        scene.line.room_bytes = 0
        nursery.start_soon(scene.session.send, bytes(100_000))
        await wait_all_tasks_blocked()
        scene.line.give(masked(FINAL | PING, b"x"))
        await wait_all_tasks_blocked()
        assert scene.line.ready
        assert scene.session.unsent_bytes >= 100_000
        scene.line.take(1 << 20)
        await wait_all_tasks_blocked()
        assert scene.received() == [bytes(100_000), ("pong", b"x")]


async def test_a_handler_that_waits_is_told_though_much_is_unsent() -> None:
    """Of what a client that is slow to read has sent before."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        scene.line.room_bytes = 0
        nursery.start_soon(scene.session.send, bytes(100_000))
        await wait_all_tasks_blocked()
        scene.line.give(text("one"))
        assert await scene.session.receive() == "one"
        nursery.cancel_scope.cancel()


async def test_memory_for_all_is_bounded() -> None:
    """The one that needs more than there is, is closed with 1013; what it had is let go of."""
    limits = Limits(buffered_bytes=20_000)
    async with open_scene(limits=limits) as scene:
        scene.line.give(text("m" * 15_000))
        await wait_all_tasks_blocked()
        assert scene.session.close_code is None
        scene.line.give(text("m" * 15_000))
        assert scene.session.close_code == 1013
        assert scene.request.outcome == "shed"
        assert scene.state.buffered_bytes == 0
        with pytest.raises(WebSocketClosed):
            await scene.session.receive()
    async with open_scene(limits=limits) as scene:
        found: list[Any] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive_all, scene, found)
            await wait_all_tasks_blocked()
            scene.line.give(masked(FINAL | BINARY, b"d" * 30_000)[:25_000])
        assert found == [(1013, "too much is being received", "server")]


async def test_what_is_inflated_counts_as_queued() -> None:
    """Of small reads that hold much, only so many are read while the handler is behind."""
    rules = MessageRules(compress=True)
    async with open_scene(rules, fields=DEFLATED) as scene:
        bomb = masked(FINAL | RSV1 | TEXT, squeezed(b"m" * 50_000))
        for _ in range(20):
            scene.line.give(bomb)
            await wait_all_tasks_blocked()
        assert scene.state.buffered_bytes < 200_000
        for _ in range(20):
            assert await scene.session.receive() == "m" * 50_000


async def test_a_read_that_inflates_to_much_is_taken_in_turns() -> None:
    """Its messages are all there, and so is what comes behind them."""
    async with open_scene(MessageRules(compress=True), fields=DEFLATED) as scene:
        bomb = masked(FINAL | RSV1 | BINARY, squeezed(bytes(60_000)))
        scene.line.give(bomb * 20 + masked(FINAL | PING, b"x") + CLOSING)
        await wait_all_tasks_blocked()
        assert scene.state.buffered_bytes < 200_000
        for _ in range(20):
            assert await scene.session.receive() == bytes(60_000)
        with pytest.raises(WebSocketClosed):
            await scene.session.receive()
        assert scene.received()[-1] == ("close", b"\x03\xe8")


async def test_costly_reads_wait_while_others_have_cost_much() -> None:
    """Of compressed messages, until the pass is over; other clients are read at once."""
    for rules, fields, waits in [
        (MessageRules(compress=True), DEFLATED, True),
        (MessageRules(), [], False),
    ]:
        async with open_scene(rules, fields=fields) as scene:
            later = scene.state.shared(Later)
            compressed = masked(FINAL | RSV1 | TEXT, squeezed(b"m" * 1000))
            message = compressed if waits else text("m" * 1000)
            scene.line.give(message)
            await scene.session.receive()
            later.spend(PASS_COST)
            scene.line.give(message)
            assert scene.line.ready == waits
            assert await scene.session.receive() == "m" * 1000


async def test_a_fault_of_a_compressed_message_is_costly() -> None:
    """Most of a long one may have been inflated before it was found."""
    async with open_scene(MessageRules(compress=True), fields=DEFLATED) as scene:
        scene.line.give(masked(FINAL | RSV1 | TEXT, squeezed(b"m" * 1000)))
        scene.line.give(masked(FINAL | RSV1 | TEXT, squeezed(b"m" * (2 << 20))))
        assert scene.session.close_code == 1009
        assert scene.state.shared(Later).tired


async def test_many_small_messages_count_as_more_than_their_bytes(
    autojump_clock: MockClock,
) -> None:
    """Each takes memory of its own: a handler that is behind has fewer of them."""
    async with open_scene() as scene:
        for _ in range(100):
            scene.line.give(text("m") * 100)
            await wait_all_tasks_blocked()
        assert scene.line.ready
        assert scene.state.buffered_bytes < 200_000
        count = 0
        with trio.move_on_after(0.1):
            while count < 10_000:
                await scene.session.receive()
                count += 1
        assert count == 10_000


# Parts


async def test_a_message_is_received_in_parts() -> None:
    """As they come, each a checkpoint; a limit doesn't apply, and a whole message is one part."""
    rules = MessageRules(limit_bytes=10)
    async with open_scene(rules, streaming=True) as scene:
        session = scene.session
        scene.line.give(masked(TEXT, b"first part, "), masked(FINAL | CONTINUATION, b"last part"))
        await wait_all_tasks_blocked()
        for expected in [("first part, ", False), ("last part", True)]:
            with assert_checkpoints():
                assert await session.receive_part() == expected
        scene.line.put(masked(FINAL | BINARY, bytes(RECEIVE_BYTES)))
        assert await session.receive_part() == (bytes(RECEIVE_BYTES - 14), False)
        assert await session.receive_part() == (bytes(14), True)
        scene.line.give(masked(FINAL | BINARY, b"whole"))
        assert await session.receive_part() == (b"whole", True)
        assert session.received_count == 3
        parts: list[Any] = []

        async def receive_parts() -> None:
            try:
                while True:
                    parts.append(await session.receive_part())
            except WebSocketClosed as error:
                parts.append(error.by)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive_parts)
            await wait_all_tasks_blocked()
            for data in (masked(FINAL | BINARY, b"abcdefgh")[:10], b"x" * 4, CLOSING):
                scene.line.give(data)
                await wait_all_tasks_blocked()
        assert [len(part[0]) for part in parts[:2]] == [4, 4]
        assert parts[1][1]
        assert parts[2] == "client"


async def test_a_message_that_is_whole_already_is_one_part() -> None:
    """It came before anybody wanted parts."""
    async with open_scene() as scene:
        scene.line.give(text("whole") + masked(TEXT, b"be"))
        assert await scene.session.receive_part() == ("whole", True)
        assert await scene.session.receive_part() == ("be", False)
        with trio.move_on_after(0):
            await scene.session.receive_part()
        scene.line.give(masked(FINAL | CONTINUATION, b"gun"))
        assert await scene.session.receive_part() == ("gun", True)


async def test_the_rest_of_a_message_in_parts_is_thrown_away() -> None:
    """By who receives a whole one then, which may have begun in parts, too."""
    async with open_scene(streaming=True) as scene:
        session = scene.session
        scene.line.give(masked(TEXT, b"unwanted"))
        assert await session.receive_part() == ("unwanted", False)
        scene.line.give(
            masked(CONTINUATION, b"rest") + masked(FINAL | CONTINUATION, b"end"),
            masked(BINARY, b"a ") + masked(CONTINUATION, b"whole "),
            masked(FINAL | CONTINUATION, b"message") + text("and") + text("another"),
        )
        assert await session.receive() == b"a whole message"
        assert await session.receive() == "and"
        assert await session.receive() == "another"
        assert session.received_count == 3


async def test_a_message_in_parts_has_a_limit_for_who_receives_it_whole() -> None:
    """Though it had begun when there was none; text counts as it is sent."""
    for kind, part in [(BINARY, b"1234"), (TEXT, "€".encode())]:
        async with open_scene(MessageRules(limit_bytes=8), streaming=True) as scene:
            scene.line.give(masked(FINAL | TEXT, b"more than eight"))
            assert await scene.session.receive_part() == ("more than eight", True)
            scene.line.give(masked(kind, part) + masked(CONTINUATION, part))
            with trio.move_on_after(0):
                await scene.session.receive()
            scene.line.give(masked(CONTINUATION, part) + masked(CONTINUATION, part))
            found: list[Any] = []
            await receive_all(scene, found)
            assert found == [(1009, "a message that is too long", "server")]
            assert [frame[0] for frame in scene.received()] == ["close"]


async def test_a_message_past_the_limit_whose_client_has_closed() -> None:
    """It is thrown away, and the client's close is what has ended the channel."""
    async with open_scene(MessageRules(limit_bytes=8), streaming=True) as scene:
        scene.line.give(masked(TEXT, b"12345") + masked(FINAL, b"67890") + CLOSING)
        found: list[Any] = []
        await receive_all(scene, found)
        assert found == [(1000, "bye", "client")]


async def test_parts_that_were_taken_for_a_whole_message_come_back() -> None:
    """If that was cancelled before the last one came, nothing is lost for who wants parts."""
    async with open_scene(streaming=True) as scene:
        session = scene.session
        scene.line.give(masked(FINAL | TEXT, b"one"))
        assert await session.receive_part() == ("one", True)
        scene.line.give(masked(TEXT, b"tw") + masked(CONTINUATION, b"o "))
        with trio.move_on_after(0):
            await session.receive()
        scene.line.give(masked(FINAL | CONTINUATION, b"three"))
        parts = [await session.receive_part(), await session.receive_part()]
        assert parts == [("two ", False), ("three", True)]
