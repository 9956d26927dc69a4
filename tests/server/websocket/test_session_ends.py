"""The end of a WebSocket: who closes, who goes, and what time a sweep gives to each."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, assert_no_checkpoints, wait_all_tasks_blocked

from hump_trio import Timeouts
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.facts.outcomes import CancelReason
from hump_trio.messages.channel import MessageRules
from hump_trio.server.phases import Phase
from hump_trio.websocket.frames import CLOSE, FINAL, PING, PONG, RSV1, TEXT
from tests.support.sessions import Scene, open_scene, text
from tests.websocket.client_frames import masked, squeezed

CLOSING = masked(FINAL | CLOSE, b"\x03\xe8")
GOODBYE = ("close", b"\x03\xe8")
SWEEP = 0.26
DEFLATED = [("sec-websocket-extensions", "permessage-deflate")]


async def end_of(scene: Scene) -> tuple[int, str]:
    """Receive to the end, and return the code and who has closed."""
    try:
        while True:
            await scene.session.receive()
    except WebSocketClosed as error:
        return error.code, error.by


async def cancelled_after(scene: Scene, act: Callable[[], object] = lambda: None) -> float:
    """Return when a handler that sleeps is cancelled after something has happened, in seconds."""
    start = trio.current_time()
    with scene.clock.scope:
        act()
        await trio.sleep(1000)
    assert scene.clock.scope.cancelled_caught
    return trio.current_time() - start


# The client closes, or goes


@pytest.mark.parametrize("how", ["close", "fin", "reset", "fault"])
async def test_a_handler_has_some_time_left(how: str, autojump_clock: MockClock) -> None:
    """The route's, exactly to a sweep, whether it waits for anything or not."""
    data = {"close": CLOSING, "fin": b"", "reset": None, "fault": masked(0x83)}[how]
    async with open_scene(grace=7) as scene:
        seconds = await cancelled_after(scene, lambda: scene.line.give(data))
        assert seconds == pytest.approx(7 + SWEEP / 2, abs=SWEEP / 2)
        assert scene.request.cancel_reason == scene.request.cancelled_for == "client-gone"
        assert scene.request.outcome == ("refused" if how == "fault" else "client-gone")
        assert scene.peer.gone == (how in ("fin", "reset"))


@pytest.mark.parametrize("end", [None, b""])
async def test_messages_of_a_client_that_has_gone_are_received(
    end: bytes | None, autojump_clock: MockClock
) -> None:
    """Then the handler hears that; nothing can be sent to it any more."""
    async with open_scene() as scene:
        scene.line.give(text("one"), text("two"), end)
        await wait_all_tasks_blocked()
        assert (scene.session.close_code, scene.request.outcome) == (1006, "client-gone")
        with pytest.raises(WebSocketClosed):
            await scene.session.send("x")
        for expected in ("one", "two"):
            assert await scene.session.receive() == expected
        assert await end_of(scene) == (1006, "lost")
        assert scene.received() == []


@pytest.mark.parametrize("end", [None, b"", CLOSING])
async def test_a_handler_that_waits_hears_of_the_end_at_once(end: bytes | None) -> None:
    """Without a sweep."""
    async with open_scene() as scene:
        found: list[Any] = []

        async def wait() -> None:
            found.append(await end_of(scene))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            scene.line.give(end)
        assert found == [(1000, "client") if end == CLOSING else (1006, "lost")]


async def test_a_reset_behind_what_is_not_read_is_seen(autojump_clock: MockClock) -> None:
    """At the next look, though the handler is behind."""
    async with open_scene(grace=1) as scene:
        scene.line.give(*[text("m" * 50_000)] * 3)
        await wait_all_tasks_blocked()
        scene.peer.state = "half_closed"
        await scene.pass_time(1)
        assert scene.session.close_code is None
        scene.peer.state = "reset"
        assert await cancelled_after(scene) == pytest.approx(1 + SWEEP, abs=SWEEP)


async def test_a_client_that_a_write_has_found_gone(autojump_clock: MockClock) -> None:
    """A sweep tells the handler, which has its time left from then on."""
    async with open_scene(grace=3) as scene:
        scene.line.leave()
        with pytest.raises(WebSocketClosed):
            await scene.session.send("x")
        assert await cancelled_after(scene) == pytest.approx(3 + SWEEP, abs=SWEEP)
        assert scene.session.close_code == 1006


async def test_a_closing_frame_waits_for_what_the_handler_has_to_say(
    autojump_clock: MockClock,
) -> None:
    """It is answered behind the last message, and in the end in any case."""
    async with open_scene() as scene:
        scene.line.give(text("one") + text("two") + CLOSING)
        await scene.pass_time(2)
        await scene.session.send(await scene.session.receive())
        await scene.pass_time(1)
        assert scene.received() == ["one"]
        await cancelled_after(scene)
        assert trio.current_time() == pytest.approx(5, abs=SWEEP)
        scene.session.end("client-gone")
        assert scene.received() == [GOODBYE]


async def test_what_comes_behind_a_closing_frame_is_ignored() -> None:
    """It is read, so that the end behind it is seen; nothing is answered twice."""
    async with open_scene() as scene:
        scene.line.give(CLOSING)
        await wait_all_tasks_blocked()
        scene.line.give(*[masked(FINAL | PING, b"x") + text("no") + CLOSING] * 3)
        await wait_all_tasks_blocked()
        assert not scene.line.ready
        assert scene.received() == [GOODBYE]
        scene.line.give(None)
        assert scene.peer.gone
        assert await end_of(scene) == (1000, "client")


async def test_a_half_closed_client_reads_what_it_is_owed(autojump_clock: MockClock) -> None:
    """Its fault's code, and what was sent before its close, though it sends nothing more."""
    async with open_scene() as scene:
        scene.line.give(text("one") + masked(0x83), b"")
        await wait_all_tasks_blocked()
        await scene.session.send(await scene.session.receive())
        assert await end_of(scene) == (1002, "server")
        assert [frame[0] for frame in scene.received()] == ["o", "close"]


# The server closes


async def test_a_handler_closes() -> None:
    """Behind what was sent; what is here of the client is thrown away, and nothing is sent then."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        scene.line.give(text("unwanted"))
        await wait_all_tasks_blocked()
        scene.line.room_bytes = 0
        nursery.start_soon(scene.session.send, "last" * 5000)
        await wait_all_tasks_blocked()
        nursery.start_soon(scene.session.close, 4000, "enough")
        await wait_all_tasks_blocked()
        assert nursery.child_tasks
        assert (scene.session.close_code, scene.session.close_reason) == (4000, "enough")
        assert await end_of(scene) == (4000, "server")
        scene.line.take(1 << 20)
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks
        await scene.session.close(1000, "twice")
        scene.session.finish(1000)
        assert scene.received() == ["last" * 5000, ("close", b"\x0f\xa0enough")]


async def test_another_task_that_receives_hears_of_a_close() -> None:
    """At once."""
    async with open_scene() as scene:
        found: list[Any] = []

        async def wait() -> None:
            found.append(await end_of(scene))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            scene.session.finish(1000)
        assert found == [(1000, "server")]


@pytest.mark.parametrize("unread", [0, None])
async def test_a_client_that_does_not_answer_a_close(
    unread: int | None, autojump_clock: MockClock
) -> None:
    """Its handler has the time for closing, and is cancelled then; it counts as gone."""
    async with open_scene(grace=100) as scene:
        scene.line.room_bytes = math.inf if unread is None else unread
        seconds = await cancelled_after(scene, lambda: scene.session.finish(1000))
        assert seconds == pytest.approx(5 + SWEEP / 2, abs=SWEEP / 2)
        assert scene.request.outcome == ("client-gone" if unread is None else "stalled")
        assert scene.peer.gone
        assert scene.session.close_code == 1000


@pytest.mark.parametrize("answer", [CLOSING, b"", None, masked(0x83)])
async def test_a_client_that_answers_a_close(
    answer: bytes | None, autojump_clock: MockClock
) -> None:
    """In whatever way: the handler goes on for the time that it has left."""
    async with open_scene(grace=9) as scene:
        scene.session.finish(1000)
        await scene.pass_time(3)
        scene.line.give(text("thrown away"), masked(FINAL | PING, b"x"), answer)
        assert await cancelled_after(scene) == pytest.approx(9 + SWEEP / 2, abs=SWEEP)
        assert await end_of(scene) == (1000, "server")
        assert scene.received() == [GOODBYE]
        assert scene.peer.gone == (answer is None)


async def test_a_client_that_has_much_to_say_before_its_close(autojump_clock: MockClock) -> None:
    """It is read, and thrown away, up to that; compressed or not."""
    for rules, fields, data in [
        (MessageRules(), [], text("m" * 60_000) * 10),
        (
            MessageRules(compress=True),
            DEFLATED,
            masked(FINAL | RSV1 | TEXT, squeezed(bytes(50_000))) * 9,
        ),
    ]:
        async with open_scene(rules, fields=fields) as scene:
            scene.session.finish(1000)
            scene.line.give(data + CLOSING)
            await wait_all_tasks_blocked()
            assert await cancelled_after(scene) == pytest.approx(5, abs=SWEEP)
            assert not scene.peer.gone
            assert scene.state.buffered_bytes == 0


@pytest.mark.parametrize(
    ("reason", "frame"),
    [
        ("deadline", b"\x03\xe9time limit"),
        ("shutdown", b"\x03\xe9going away"),
        ("server-failed", b"\x03\xf3"),
        ("client-gone", b"\x03\xe8"),
    ],
)
async def test_a_client_hears_why_its_handler_is_cancelled(
    reason: CancelReason, frame: bytes
) -> None:
    """Once; where the server ends with it nothing is reset if all is out."""
    async with open_scene() as scene:
        scene.session.end(reason)
        scene.session.end("deadline")
        assert scene.received() == [("close", frame)]
        ends = reason in ("shutdown", "server-failed")
        assert (scene.clock.phase is Phase.CLOSING) == ends


@pytest.mark.parametrize("reason", ["shutdown", "server-failed"])
async def test_at_a_shutdown_what_is_cut_does_not_look_whole(reason: CancelReason) -> None:
    """A connection with something unsent is reset, as its phase says."""
    async with open_scene() as scene:
        scene.line.room_bytes = 3
        assert scene.session.send_nowait("cut")
        scene.session.end(reason)
        assert scene.clock.phase is Phase.OPEN


# Both have closed


async def test_the_wait_for_both_closes() -> None:
    """Up to the client's; then the line ends. What comes meanwhile is thrown away."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        scene.session.finish(1000)
        scene.line.put(text("one"))
        nursery.start_soon(scene.wait_closed)
        await wait_all_tasks_blocked()
        scene.line.give(text("two"))
        await wait_all_tasks_blocked()
        assert scene.line.calls == []
        scene.line.give(CLOSING)
        await wait_all_tasks_blocked()
        assert scene.line.calls == ["end"]
        assert scene.line.answered


@pytest.mark.parametrize("number", [None, 0, 1, 2])
async def test_a_client_that_owes_a_pong_may_send_it_behind_its_close(
    number: int | None, autojump_clock: MockClock
) -> None:
    """Whatever else it has sent, a pong for another ping too: closing at once would reset it."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        await scene.pass_time(scene.state.timeouts.ping + SWEEP)
        assert scene.received() == [("ping", b"\0\0\0\1")]
        if number is not None:
            scene.line.give(masked(FINAL | PONG, number.to_bytes(4, "big")))
        scene.line.give(text("one") + CLOSING)
        nursery.start_soon(scene.wait_closed)
        await wait_all_tasks_blocked()
        assert (scene.line.calls, scene.line.answered) == (["end"], number == 1)


@pytest.mark.parametrize("room_bytes", [0, math.inf])
async def test_the_time_for_closing_is_that_of_the_phase(
    room_bytes: float, autojump_clock: MockClock
) -> None:
    """Whatever comes or is heard meanwhile; what is unsent then is reset."""
    async with open_scene() as scene:
        scene.line.room_bytes = room_bytes
        scene.session.finish(1000)
        start = trio.current_time()
        with scene.clock.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scene.wait_closed)
                await scene.pass_time(1)
                scene.session.drain(trio.current_time())
                scene.session.give_back(1)
                scene.line.give(text("x"))
        assert scene.clock.scope.cancelled_caught
        assert trio.current_time() - start == pytest.approx(5 + SWEEP / 2, abs=SWEEP / 2)
        assert scene.line.calls == ([] if room_bytes else ["reset"])


@pytest.mark.parametrize("end", [None, b""])
async def test_nothing_is_waited_for_of_a_client_that_has_gone(end: bytes | None) -> None:
    """Before its handler has ended, or while the server waits for its close."""
    for early in (True, False):
        async with open_scene() as scene, trio.open_nursery() as nursery:
            if early:
                scene.line.room_bytes = 0
                assert scene.session.send_nowait("x")
                await wait_all_tasks_blocked()
                scene.line.give(end)
            scene.session.finish(1000)
            nursery.start_soon(scene.wait_closed)
            await wait_all_tasks_blocked()
            if not early:
                scene.line.give(end)
                await wait_all_tasks_blocked()
            assert not nursery.child_tasks
            assert ("end" in scene.line.calls) == (end == b"" and not early)


async def test_a_client_that_goes_while_a_closing_frame_waits() -> None:
    """It isn't waited for any more."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        scene.line.room_bytes = 0
        scene.session.finish(1000)
        nursery.start_soon(scene.wait_closed)
        await wait_all_tasks_blocked()
        scene.line.leave()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks
        assert "end" not in scene.line.calls


# What the client owes


async def test_a_frame_that_does_not_come(autojump_clock: MockClock) -> None:
    """It has `Timeouts.stall_grace`, and is refused with 1008; the handler has its time then."""
    async with open_scene(grace=2) as scene:
        await scene.pass_time(1)
        seconds = await cancelled_after(scene, lambda: scene.line.give(text("late")[:3]))
        assert seconds == pytest.approx(5 + 2 + SWEEP, abs=SWEEP)
        assert scene.session.close_code == 1008
        assert scene.request.outcome == "stalled"
        assert scene.received() == [("close", b"\x03\xf0too slow")]


async def test_what_is_not_read_is_not_late(autojump_clock: MockClock) -> None:
    """A client whose messages aren't read, since the handler is behind, owes nothing meanwhile."""
    async with open_scene() as scene:
        message = text("m" * 50_000)
        scene.line.give(message, message[:40_000], message[40_000:] + CLOSING)
        await scene.pass_time(100)
        assert scene.session.close_code is None
        for _ in range(2):
            assert await scene.session.receive() == "m" * 50_000
        assert await end_of(scene) == (1000, "client")


async def test_a_silent_client_is_pinged_and_given_up(autojump_clock: MockClock) -> None:
    """Exactly then, and its handler is cancelled at once."""
    async with open_scene(grace=100) as scene:
        assert await cancelled_after(scene) == pytest.approx(40 + SWEEP, abs=SWEEP)
        assert scene.received() == [("ping", b"\0\0\0\1")]
        assert (scene.session.close_code, scene.request.outcome) == (1006, "client-gone")
        assert scene.peer.gone


async def test_a_client_that_stops_to_read(autojump_clock: MockClock) -> None:
    """It has `Timeouts.send_grace`, also once it has closed and its handler may finish."""
    for closes in (False, True):
        async with open_scene(grace=1000) as scene:
            scene.line.room_bytes = 0
            assert scene.session.send_nowait("x")
            if closes:
                scene.line.give(CLOSING)
            assert await cancelled_after(scene) == pytest.approx(60 + SWEEP, abs=SWEEP)
            assert scene.request.outcome == "stalled"


async def test_time_in_which_the_server_stood_still_is_nobodys(autojump_clock: MockClock) -> None:
    """Neither that of the answer to a close nor that of a frame; a handler's own goes on."""
    async with open_scene() as scene:
        scene.session.finish(1000)
        await scene.pass_time(3)
        scene.session.give_back(4)
        assert await cancelled_after(scene) == pytest.approx(2 + 4 + SWEEP / 2, abs=SWEEP / 2)
    async with open_scene(timeouts=Timeouts(stall_grace=2)) as scene:
        scene.line.give(text("late")[:3])
        await scene.pass_time(1)
        scene.session.give_back(10)
        await scene.pass_time(10)
        assert scene.session.close_code is None
        await scene.pass_time(1.5)
        assert scene.session.close_code == 1008


async def test_latency_is_that_of_the_last_ping(autojump_clock: MockClock) -> None:
    """None before the first answer; it is still known when all is over."""
    async with open_scene() as scene:
        await scene.pass_time(20.5)
        assert scene.session.latency_seconds is None
        [(_, payload)] = scene.received()
        scene.line.give(masked(0x8A, payload))
        assert scene.session.latency_seconds == pytest.approx(0.5, abs=SWEEP)
        session = scene.session
    assert session.latency_seconds is not None


async def test_a_handler_that_closes_what_a_write_has_found_gone() -> None:
    """The client has ended it: there is no close to be sent."""
    async with open_scene() as scene:
        scene.line.leave()
        with pytest.raises(WebSocketClosed):
            await scene.session.send("x")
        scene.session.finish(1000)
        assert scene.session.close_code == 1006
        assert await end_of(scene) == (1006, "lost")


async def test_many_pings_are_answered_all_the_same() -> None:
    """They count as work, which others needn't wait for."""
    async with open_scene() as scene:
        scene.line.give(masked(FINAL | PING, b"x") * 100)
        await wait_all_tasks_blocked()
        assert scene.received() == [("pong", b"x")] * 100


# Who waits for the client's end


@pytest.mark.parametrize("how", ["close", "fin", "reset", "released"])
async def test_a_task_waits_until_nothing_more_comes(how: str, autojump_clock: MockClock) -> None:
    """It waits for the answer to a close of ours, or until the client or all else is over."""
    data = {"close": CLOSING, "fin": b"", "reset": None}
    times: list[float] = []

    async def wait() -> None:
        await session.wait_over()
        times.append(trio.current_time())
        with assert_no_checkpoints():
            await session.wait_over()

    async with trio.open_nursery() as nursery, open_scene() as scene:
        session, began = scene.session, trio.current_time()
        await session.close(4000, "done")
        nursery.start_soon(wait)
        await trio.sleep(1)
        with pytest.raises(trio.BusyResourceError):
            await session.wait_over()
        scene.line.give(text("late"))
        await trio.sleep(1)
        assert times == []
        if how != "released":
            scene.line.give(data[how])
            await wait_all_tasks_blocked()
    assert [seconds - began for seconds in times] == [2]


async def test_a_client_that_answers_no_close_is_waited_for(autojump_clock: MockClock) -> None:
    """For `Timeouts.close` at most; then the handler is cancelled as well."""
    async with open_scene() as scene:
        began = trio.current_time()
        await scene.session.close(4000, "done")
        with scene.clock.scope:
            await scene.session.wait_over()
            assert trio.current_time() - began == pytest.approx(5 + SWEEP / 2, abs=SWEEP / 2)
            await trio.sleep_forever()
        assert scene.clock.scope.cancelled_caught
