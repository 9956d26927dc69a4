"""`EventStream`: server-sent events as browsers read them, and how they end."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Event, EventStream, Hump, Timeouts
from hump_trio.testing import RawConnection, connect
from tests import wire
from tests.wire import Answer, parse_answers, read_to_end, read_to_reset, read_until, request


@dataclass(slots=True)
class Item:
    """A value with a JSON form."""

    name: str


def app_of(events: Callable[[], Any], **options: Any) -> Hump:
    """Return an app that streams the events that a function gives."""
    app = Hump(timeouts=Timeouts(send_grace=600))

    @app.get("/")
    async def index() -> EventStream:
        return EventStream(events(), **options)

    return app


async def yielding(*values: Any, pause: float = 1) -> AsyncIterator[Any]:
    """Yield some values, and wait after each."""
    for value in values:
        yield value
        await trio.sleep(pause)


async def ask(app: Hump, method: str = "GET") -> Answer:
    """Return the answer of an app to a client that waits for its end."""
    async with connect(app) as raw:
        await raw.send(request(method, "/", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw), method)
    return answer


def parse_events(text: str) -> list[dict[str, str]]:
    """Return the events of a stream, parsed as the HTML standard does (section 9.2.6)."""
    events, fields = [], dict[str, Any]()
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if "data" in fields:
                fields["data"] = fields["data"].removesuffix("\n")
            events += [fields] if fields else []
            fields = {}
        elif name == "data":
            fields["data"] = f"{fields.get('data', '')}{value}\n"
        elif name:
            fields[name] = value
    return events


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


async def test_a_comment_under_way_is_not_cut_by_the_end(autojump_clock: MockClock) -> None:
    """It is sent to its end, and then comes that of the answer."""
    app = app_of(lambda: yielding("x" * 500_000, pause=3), keep_alive=1)
    async with wire.connect_transport(app, 5200) as transport:
        await transport.send_all(request("GET", "/", "Connection: close"))
        await trio.sleep(10)
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
    assert answer.whole


class Watched:
    """Events without end that note what happens to them."""

    def __init__(self, pause: float = 1, *, clean_up: float = 0, data: str = "a") -> None:
        self.pause = pause
        self.clean_up = clean_up
        self.data = data
        self.tasks: set[object] = set()
        self.closed: list[tuple[str, float]] = []

    async def __aiter__(self) -> AsyncIterator[str]:
        self.tasks.add(trio.lowlevel.current_task())
        try:
            while True:
                yield self.data
                await trio.sleep(self.pause)
        finally:
            self.tasks.add(trio.lowlevel.current_task())
            await trio.sleep(self.clean_up)
            self.closed.append(("iterator", trio.current_time()))

    async def aclose(self) -> None:
        """Note it; a checkpoint, as that of a channel is."""
        self.closed.append(("events", trio.current_time()))
        await trio.lowlevel.checkpoint()


async def test_they_run_in_their_handlers_task(autojump_clock: MockClock) -> None:
    """Beside the comments' task, and are closed there."""
    events = Watched()
    app = Hump()

    @app.get("/")
    async def index() -> EventStream:
        events.tasks.add(trio.lowlevel.current_task())
        return EventStream(events, keep_alive=0.1)

    async with connect(app) as raw:
        await raw.send(request())
        await trio.sleep(3.5)
        raw.reset()
        await trio.sleep(1)
    assert len(events.tasks) == 1
    assert events.closed


@pytest.mark.parametrize("pause", [0, 0.1, 1000])
async def test_they_are_closed_when_the_client_has_gone(
    pause: float, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Stuck in a part, between two, or never waiting at all."""
    events = Watched(pause, data="x" * 30_000)
    async with connect(app_of(lambda: events)) as raw:
        raw.pause_reading()
        await raw.send(request())
        await trio.sleep(10)
        raw.reset()
        await trio.sleep(2)
        assert [name for name, _ in events.closed][-1] == "events"
        assert events.closed[-1][1] == pytest.approx(10, abs=0.5)
    assert "ERROR" not in caplog.text


@pytest.mark.parametrize(("clean_up", "moments"), [(3, [13, 13]), (60, [15])])
async def test_closing_has_its_time(
    clean_up: float,
    moments: list[float],
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As any generator that stands at a part when its client goes: `Timeouts.cleanup` seconds."""
    events = Watched(0, clean_up=clean_up, data="x" * 30_000)
    async with connect(app_of(lambda: events)) as raw:
        raw.pause_reading()
        await raw.send(request())
        await trio.sleep(10)
        raw.reset()
        await trio.sleep(70)
    assert [moment for _, moment in events.closed] == pytest.approx(moments, abs=0.5)
    assert ("took too long" in caplog.text) == (clean_up > 5)


@pytest.mark.parametrize("window_bytes", [math.inf, 10])
async def test_a_shutdown_ends_them_well(
    window_bytes: float, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is whole, without the ten seconds that requests have; nothing is in the log."""
    events = Watched(1000)
    app = app_of(lambda: events)
    async with wire.connect_transport(app, window_bytes) as transport:
        await transport.send_all(request())
        await trio.sleep(5)
        app.shutdown()
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
        assert trio.current_time() == pytest.approx(5, abs=0.5)
    assert (answer.text, answer.whole) == ("data: a\n\n", True)
    assert [name for name, _ in events.closed] == ["events"]
    assert "ERROR" not in caplog.text


async def test_a_shutdown_waits_for_what_is_being_sent(autojump_clock: MockClock) -> None:
    """An event that a slow client is reading goes out to its end."""
    events = Watched(0, data="x" * 500_000)
    app = app_of(lambda: events)
    async with wire.connect_transport(app, 10) as transport:
        await transport.send_all(request())
        await trio.sleep(1)
        app.shutdown()
        await trio.sleep(1)
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
    assert answer.whole
    assert set(answer.text.split("\n\n")) == {f"data: {events.data}", ""}
    assert [name for name, _ in events.closed] == ["iterator", "events"]


async def test_events_that_swallow_their_end(autojump_clock: MockClock) -> None:
    """What they still have to say at a shutdown isn't sent, and the answer is whole."""

    async def stubborn() -> AsyncIterator[str]:
        while True:
            with suppress(trio.Cancelled):
                await trio.sleep(1000)
            yield "never"

    app = app_of(stubborn)
    async with connect(app) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
        app.shutdown()
        [answer] = parse_answers(await read_to_end(raw))
    assert (answer.body, answer.whole) == (b"", True)


async def test_a_shutdown_during_the_closing_lets_it_end(autojump_clock: MockClock) -> None:
    """Events that are over may clean up."""
    noted = []

    async def events() -> AsyncIterator[str]:
        yield "a"
        await trio.sleep(1)
        noted.append("over")

    class Slow:
        def __aiter__(self) -> AsyncIterator[str]:
            return events()

        async def aclose(self) -> None:
            await trio.sleep(3)
            noted.append("closed")

    app = app_of(Slow)
    async with connect(app) as raw:
        await raw.send(request())
        await trio.sleep(2)
        app.shutdown()
        [answer] = parse_answers(await read_to_end(raw))
    assert (answer.whole, noted) == (True, ["over", "closed"])


async def test_a_shutdown_cuts_a_client_that_stopped_reading(autojump_clock: MockClock) -> None:
    """After `Timeouts.shutdown` seconds, as any answer."""
    events = Watched(0, data="x" * 500_000)
    app = app_of(lambda: events)
    async with wire.connect_transport(app, 10) as transport:
        await transport.send_all(request())
        await trio.sleep(1)
        app.shutdown()
        await trio.sleep(12)
        await read_to_reset(RawConnection(transport))
    assert events.closed[-1][1] == pytest.approx(11, abs=0.5)


@pytest.mark.parametrize("error", [ValueError("no"), None])
async def test_events_that_fail(
    error: Exception | None, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Their error, or data without a JSON form, breaks the answer off, and is logged."""

    async def events() -> AsyncIterator[Any]:
        yield "a"
        if error is not None:
            raise error
        yield b"bytes"

    async with connect(app_of(events)) as raw:
        await raw.send(request())
        [answer] = parse_answers(await read_to_reset(raw), ended=False)
    assert (answer.text, answer.whole) == ("data: a\n\n", False)
    assert ("no" if error else "decode these bytes") in caplog.text


async def test_a_scope_of_their_own_cuts_them_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One held across an event, and cancelled while that is sent, breaks nothing but the answer."""

    async def events() -> AsyncIterator[str]:
        with trio.move_on_after(1):
            yield "x" * 500_000

    app = app_of(events)
    async with connect(app) as other:
        async with wire.connect_transport(app, 10) as transport:
            await transport.send_all(request())
            await trio.sleep(5)
            await read_to_reset(RawConnection(transport))
        await other.send(request("HEAD", "/", "Connection: close"))
        assert parse_answers(await read_to_end(other), "HEAD")[0].status == 200
    assert "a scope of the events' own cancelled their sending" in caplog.text


async def test_events_may_hold_a_nursery(autojump_clock: MockClock) -> None:
    """Across what they yield: it is left in the task that opened it, however they end."""
    noted = []

    async def events() -> AsyncIterator[str]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                yield "a"
                await trio.sleep(1)
                yield "x" * 500_000
            finally:
                nursery.cancel_scope.cancel()
                noted.append("left")

    for reset in (False, True):
        app = app_of(events)
        async with wire.connect_transport(app, 300) as transport:
            await transport.send_all(request("GET", "/", "Connection: close"))
            await trio.sleep(5)
            if reset:
                transport.reset()
                await trio.sleep(1)
            else:
                [answer] = parse_answers(await read_to_end(RawConnection(transport)))
                assert answer.whole
    assert noted == ["left", "left"]


async def test_head_closes_what_is_never_begun(autojump_clock: MockClock) -> None:
    """The head alone goes out, and a channel is closed without being asked."""
    events = Watched()
    answer = await ask(app_of(lambda: events), "HEAD")
    assert (answer.headers["content-type"], answer.body) == ("text/event-stream", b"")
    assert [name for name, _ in events.closed] == ["events"]
    assert (await ask(app_of(lambda: IterableOnly()), "HEAD")).status == 200


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
    assert parse_events((await ask(app_of(IterableOnly))).text) == [{"data": "1"}, {"data": "0"}]
