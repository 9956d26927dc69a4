"""`EventStream`: server-sent events as browsers read them."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Event, EventStream
from hump_trio.testing import RawConnection, connect
from hump_trio.transports.memory import WINDOW_BYTES
from tests.support import wire
from tests.support.events import app_of, ask, parse_events, yielding
from tests.support.wire import parse_answers, read_to_end, read_until, request


@dataclass(slots=True)
class Item:
    """A value with a JSON form."""

    name: str


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("plain", "data: plain\n\n"),
        ("", "data: \n\n"),
        (" a: b", "data:  a: b\n\n"),
        ("a\nb\r\nc\rd\n", "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        ("a\r\n\nb", "data: a\ndata: \ndata: b\n\n"),
        ("x\u2028\x0b\x85\0é", "data: x\u2028\x0b\x85\0é\n\n"),
        ({"a": [1, None]}, 'data: {"a":[1,null]}\n\n'),
        (None, "data: null\n\n"),
        (Item("a\nb"), 'data: {"name":"a\\nb"}\n\n'),
        (Event("a", "tick", "7", 10), "event: tick\nid: 7\nretry: 10\ndata: a\n\n"),
        (Event({"a": 1}, id=""), 'id: \ndata: {"a":1}\n\n'),
        (Event("", event="évent"), "event: évent\ndata: \n\n"),
    ],
)
async def test_every_kind_of_event(event: Any, text: str, autojump_clock: MockClock) -> None:
    """As the standard writes it; a line end of any kind begins a new line of data."""
    answer = await ask(app_of(lambda: yielding(event)))
    assert answer.text == text
    data = event.data if isinstance(event, Event) else event
    if isinstance(data, str):
        [parsed] = parse_events(answer.text)
        assert parsed["data"] == data.replace("\r\n", "\n").replace("\r", "\n")


async def test_head_of_the_answer(autojump_clock: MockClock) -> None:
    """Neither caches nor proxies keep it, and fields of one's own are added."""
    app = app_of(yielding, headers={"x-a": "b", "cache-control": "no-cache"})
    answer = await ask(app)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-accel-buffering"] == "no"
    assert (answer.headers["cache-control"], answer.headers["x-a"]) == ("no-cache", "b")
    assert EventStream(yielding()).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"id": "a\nb"}, ValueError),
        ({"id": "a\r"}, ValueError),
        ({"id": "a\0"}, ValueError),
        ({"id": "größer"}, ValueError),
        ({"id": "a\x01"}, ValueError),
        ({"id": "a\x7f"}, ValueError),
        ({"id": "a\t"}, ValueError),
        ({"id": " a"}, ValueError),
        ({"id": "a "}, ValueError),
        ({"id": 7}, TypeError),
        ({"event": "a\nb"}, ValueError),
        ({"event": "a\rb"}, ValueError),
        ({"event": b"a"}, TypeError),
        ({"retry": -1}, ValueError),
        ({"retry": 1.5}, ValueError),
        ({"retry": True}, ValueError),
        ({"retry": "1"}, ValueError),
    ],
)
def test_events_that_would_break_the_stream(arguments: Any, error: type[Exception]) -> None:
    """They are refused where they are made."""
    with pytest.raises(error, match=r"event's|retry is"):
        Event("data", **arguments)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"keep_alive": 0}, ValueError),
        ({"keep_alive": -1}, ValueError),
        ({"keep_alive": math.nan}, ValueError),
        ({"keep_alive": True}, ValueError),
        ({"keep_alive": "15"}, ValueError),
        ({"retry": -1}, ValueError),
        ({"retry": 0.5}, ValueError),
        ({"headers": {"a": "b\n"}}, ValueError),
        ({"events": ["a"]}, TypeError),
        ({"events": "text"}, TypeError),
        ({"events": yielding}, TypeError),
        ({"events": None}, TypeError),
    ],
)
def test_options_that_make_no_sense(arguments: Any, error: type[Exception]) -> None:
    """They are refused where they are written."""
    with pytest.raises(error):
        EventStream(**{"events": yielding(), **arguments})


async def test_the_head_goes_out_at_once(autojump_clock: MockClock) -> None:
    """Before there is any event, with the time to come back if that is set."""

    async def late() -> AsyncIterator[str]:
        await trio.sleep(5)
        yield "a"

    for retry, opening in ((None, b"\r\n\r\n"), (3000, b"retry: 3000\n\n\r\n")):
        async with connect(app_of(late, retry=retry)) as raw:
            begin = trio.current_time()
            await raw.send(request())
            await read_until(raw, opening)
            assert trio.current_time() == begin
            await read_until(raw, b"data: a\n\n\r\n")
            assert trio.current_time() == begin + 5


@pytest.mark.parametrize(
    ("keep_alive", "comments"),
    [(15, [15, 30, 55, 70]), (18, [18, 36, 58, 76]), (41, [81]), (None, []), (math.inf, [])],
)
async def test_silence_is_filled(
    keep_alive: float | None, comments: list[float], autojump_clock: MockClock
) -> None:
    """With a comment after so many seconds without anything."""

    async def events() -> AsyncIterator[str]:
        await trio.sleep(40)
        yield "a"
        await trio.sleep(44)

    moments = []
    async with connect(app_of(events, keep_alive=keep_alive)) as raw:
        await raw.send(request("GET", "/", "Connection: close"))
        while part := await raw.receive():
            if part.endswith(b"\r\n:\n\n\r\n"):
                moments.append(trio.current_time())
    assert moments == comments


async def test_parts_never_mix(autojump_clock: MockClock) -> None:
    """While a slow client holds up an event, comments wait for its end, and so does the next."""
    values = ["x" * 400_000, "y" * 400_000]
    app = app_of(lambda: yielding(*values), keep_alive=0.3)
    async with wire.connect_transport(app, 999) as transport:
        await transport.send_all(request("GET", "/", "Connection: close"))
        await trio.sleep(5)
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
    text = answer.text.replace(":\n\n", "")
    assert text == "".join(f"data: {value}\n\n" for value in values)
    assert answer.text != text


@pytest.mark.memory_only("nowhere else is it known to the byte what is held")
async def test_a_comment_under_way_is_not_cut_by_the_end(autojump_clock: MockClock) -> None:
    """It is sent to its end, and then comes that of the answer."""
    last = request("GET", "/", "Connection: close")

    def events() -> AsyncIterator[str]:
        return yielding("x" * 100_000, pause=3)

    async with connect(app_of(events, keep_alive=None)) as raw:
        await raw.send(last)
        byte_count = len(await read_to_end(raw)) - len(b"0\r\n\r\n")
    # The event fits in to the last byte, and the comment no longer does.
    app = app_of(events, keep_alive=1)
    async with wire.connect_transport(app, byte_count - WINDOW_BYTES) as transport:
        await transport.send_all(last)
        await trio.sleep(10)
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
    assert answer.text.startswith("data: xx")
    assert answer.text.endswith("xx\n\n:\n\n")


class IterableOnly:
    """Events that can't be closed."""

    def __init__(self) -> None:
        self.left = 2

    def __aiter__(self) -> "IterableOnly":
        return self

    async def __anext__(self) -> int:
        self.left -= 1
        if self.left < 0:
            raise StopAsyncIteration
        return self.left


async def test_events_needn_t_be_a_generator(autojump_clock: MockClock) -> None:
    """Anything that can be iterated will do."""
    assert (await ask(app_of(IterableOnly), "HEAD")).status == 200
    assert parse_events((await ask(app_of(IterableOnly))).text) == [{"data": "1"}, {"data": "0"}]


@pytest.mark.memory_only("nothing else is waited for there")
async def test_events_that_never_wait_leave_others_their_turn(autojump_clock: MockClock) -> None:
    """After every 16 of them."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async def events() -> AsyncIterator[str]:
        nonlocal turns
        turns = 0
        for _ in range(1600):
            yield "a"
        noted.append(turns)

    noted = list[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        assert (await ask(app_of(events))).text.count("data: a\n") == 1600
        nursery.cancel_scope.cancel()
    assert noted == [pytest.approx(100, abs=10)]
