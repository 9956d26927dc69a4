"""A lane walked step by step, over a wire from a list, and cut at each of its steps."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Hump, Request, Response
from hump_trio.facts.exceptions import DeadlineError, HttpParserError, StatusError
from hump_trio.facts.outcomes import Outcome
from hump_trio.messages.reply import Reply, Spoken
from hump_trio.server.clock import Clock
from hump_trio.server.exchange import Exchange
from hump_trio.server.lane import Lane, Step
from hump_trio.server.phases import Phase
from hump_trio.server.state import ServerState
from hump_trio.server.stream import HttpStream
from tests.support.fake_stream import END, FakePeer, FakeStream
from tests.support.served import served

Cause: TypeAlias = Literal["expiry", "leaving", "shutdown", "outside"]
Item: TypeAlias = FakeStream | BaseException | float | Callable[[Lane], Step]


class FakeWire:
    """Brings requests from a list (see `Wire`).

    Args:
        clock: Bounds them.
        items: What comes, one after the other: a request, an error, seconds that are waited for
            the next, or a request that was begun already.

    Attributes:
        calls: What was called, in order.
        may_follow: Whether another request may follow one.
        finds_more: What the last looks find.
        waits: What each call waits for, by its name.
    """

    def __init__(self, clock: Clock, *items: Item) -> None:
        self.calls: list[Any] = []
        self.may_follow = True
        self.finds_more: list[bool] = []
        self.waits: dict[str, float] = {}
        self._clock = clock
        self._items = list(items)

    async def next_stream(self, lane: Lane) -> Step:
        """Bring what is next."""
        self.calls.append("next_stream")
        lane.renew_context(trio.lowlevel.current_task())
        await trio.lowlevel.checkpoint()
        while self._items:
            item = self._items.pop(0)
            if isinstance(item, int | float):
                await trio.sleep(item)
                continue
            if isinstance(item, HttpParserError):
                return lane.refuse(item)
            if isinstance(item, BaseException):
                self._clock.peer.gone = True
                raise item
            return lane.begin(item) if isinstance(item, FakeStream) else item(lane)
        return Step.END

    def detach(self, lane: Lane, exchange: Exchange) -> None:
        """Go on without the lane."""
        self.calls.append("detach")

    def look_again(self) -> bool:
        """Tell what the list says; nothing else has come."""
        self.calls.append("look_again")
        return bool(self.finds_more) and self.finds_more.pop(0)

    async def refuse(self, error: StatusError, outcome: Outcome) -> None:
        """Count what is no request."""
        self.calls.append(("refuse", error.status, outcome))
        self._clock.state.outcomes[outcome] += 1
        self._clock.enter_send()
        self._clock.answering = True
        await trio.sleep(self.waits.get("refuse", 0))

    async def settle(self, stream: HttpStream) -> bool:
        """Tell what the test says."""
        self.calls.append("settle")
        if "settle" in self.waits:
            self._clock.enter(Phase.DRAIN, 5)
            await trio.sleep(self.waits["settle"])
        if self.may_follow:
            self._clock.enter_idle()
        return self.may_follow

    async def end(self) -> None:
        """Let the peer read all."""
        self.calls.append("end")
        self._clock.enter(Phase.LINGER, 5)
        await trio.sleep(self.waits.get("end", 0))

    def close(self) -> None:
        """Close."""
        self.calls.append("close")


class NamedError(Exception):
    """Has a handler of the app's."""


def app_of() -> Hump:
    """Return an app with a handler for each way through a lane."""
    app = Hump()

    @app.post("/")
    async def index(request: Request) -> str:
        return request.text or "answer"

    @app.put("/")
    async def sleep() -> None:
        await trio.sleep_forever()

    @app.patch("/", stream=True)
    async def read(request: Request) -> str:
        return "".join([part.decode() async for part in request.stream])

    @app.delete("/")
    async def fail_first() -> AsyncIterator[bytes]:
        raise NamedError
        yield b"never"

    @app.exception_handler(NamedError)
    async def answer_slowly(request: Request, error: Exception) -> Response:
        await trio.sleep(10)
        return Response("explained", 409)

    @app.get("/")
    async def tick() -> AsyncIterator[bytes]:
        await trio.sleep(10)
        yield b"one"
        await trio.sleep(10)
        yield b"two"

    return app


@dataclass
class Scene:
    """A lane, and all that it is made of."""

    lane: Lane
    wire: FakeWire
    stream: FakeStream
    clock: Clock
    state: ServerState

    @property
    def statuses(self) -> list[int]:
        """The statuses that were sent."""
        return [each[0] for each in self.stream.sent if isinstance(each, tuple)]

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes that were counted."""
        return [each for each, count in self.state.outcomes.items() for _ in range(count)]


def scene_of(
    method: str = "POST", *parts: bytes | float | BaseException, app: Hump | None = None
) -> Scene:
    """Return a lane that brings one request, in a server of an app."""
    state = served(app=app_of() if app is None else app)
    clock = Clock(state, FakePeer())
    stream = FakeStream(clock, *parts, method=method)
    wire = FakeWire(clock, stream)
    return Scene(Lane(wire, clock), wire, stream, clock, state)


def rewired(scene: Scene, *items: Item) -> Scene:
    """Return a scene in which something else comes."""
    scene.wire = FakeWire(scene.clock, *items)
    scene.lane = Lane(scene.wire, scene.clock)
    return scene


# Walks to the end


async def test_one_request_after_the_other(autojump_clock: MockClock) -> None:
    """Each is received, handled, sent and settled before the next one is awaited."""
    scene = scene_of()
    other = FakeStream(scene.clock, b"bo", b"dy")
    rewired(scene, scene.stream, 1, other)
    await scene.lane.serve()
    assert scene.wire.calls == ["next_stream", "settle"] * 2 + ["next_stream", "end", "close"]
    assert (scene.stream.sent[1:], other.sent[1:]) == ([b"answer", END], [b"body", END])
    assert scene.outcomes == ["ok", "ok"]


async def test_where_none_may_follow_none_is_awaited(autojump_clock: MockClock) -> None:
    """The wire says so once the answer is out."""
    scene = scene_of()
    scene.wire.may_follow = False
    await scene.lane.serve()
    assert scene.wire.calls == ["next_stream", "settle", "end", "close"]


async def test_what_is_no_request_is_refused_by_the_wire(autojump_clock: MockClock) -> None:
    """Nothing follows it, and no handler has a part in it."""
    scene = rewired(scene_of(), HttpParserError(400, "malformed"))
    await scene.lane.serve()
    assert scene.wire.calls == ["next_stream", ("refuse", 400, "refused"), "end", "close"]
    assert scene.outcomes == ["refused"]


async def test_a_body_that_is_refused_is_answered_by_the_app(autojump_clock: MockClock) -> None:
    """Through middleware; whether another request may follow is the wire's affair."""
    scene = scene_of("POST", b"some", HttpParserError(400, "the body broke off"))
    await scene.lane.serve()
    assert (scene.statuses, scene.outcomes) == ([400], ["refused"])
    assert scene.wire.calls[:2] == ["next_stream", "settle"]


async def test_an_error_before_the_first_byte_is_answered(autojump_clock: MockClock) -> None:
    """By the app's handler for it, if there is one."""
    scene = scene_of("DELETE")
    await scene.lane.serve()
    assert scene.statuses == [409]
    assert scene.stream.sent[1:] == [b"explained", END]
    assert scene.wire.calls[:2] == ["next_stream", "settle"]


async def test_an_answer_to_an_error_that_fails_as_well_is_a_plain_one(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Never a third try."""
    app = app_of()

    async def fail() -> AsyncIterator[bytes]:
        raise ValueError("failed as well")
        yield b"never"

    @app.exception_handler(NamedError)
    async def answer_badly(request: Request, error: Exception) -> Response:
        return Response(fail(), 409)

    scene = scene_of("DELETE", app=app)
    await scene.lane.serve()
    assert (scene.statuses, scene.stream.sent[-1]) == ([500], END)
    assert [record.getMessage() for record in caplog.records] == ["the answer to an error failed"]
    assert scene.stream.calls.count("start_answer") == 3


async def test_a_later_request_has_its_tries_anew(autojump_clock: MockClock) -> None:
    """What has failed for the one before is forgotten."""
    scene = scene_of("DELETE")
    other = FakeStream(scene.clock, method="DELETE")
    rewired(scene, scene.stream, other)
    await scene.lane.serve()
    assert [each.sent[1:] for each in (scene.stream, other)] == [[b"explained", END]] * 2


async def test_what_a_dropped_answer_has_said_is_kept(autojump_clock: MockClock) -> None:
    """As far as it isn't of that answer alone: such as what middleware gives to every one."""
    app = Hump()

    async def fail() -> AsyncIterator[bytes]:
        raise HttpException(418, headers={"x-a": "of the error"})
        yield b"never"

    @app.post("/")
    async def index() -> Response:
        headers = {"x-a": "1", "x-b": "2", "etag": '"3"', "content-type": "text/css"}
        return Response(fail(), headers=headers)

    scene = scene_of(app=app)
    await scene.lane.serve()
    [(status, headers), *_] = scene.stream.sent
    assert status == 418
    assert (headers["x-a"], headers["x-b"]) == ("of the error", "2")
    assert headers["content-type"].startswith("text/plain")
    assert "etag" not in headers


@pytest.mark.parametrize(
    ("error", "outcome", "level"),
    [
        (ValueError("failed"), "crash", logging.ERROR),
        (HttpException(409), "refused", logging.INFO),
        (ExceptionGroup("all of them", [HttpException(409)]), "refused", logging.INFO),
        (DeadlineError("app.py:1"), "deadline", logging.INFO),
    ],
    ids=str,
)
async def test_an_error_behind_the_first_byte_ends_all(
    error: Exception,
    outcome: Outcome,
    level: int,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The message must not look whole, and nothing can follow it."""
    caplog.set_level(logging.INFO)
    app = Hump()

    @app.post("/")
    async def fail() -> AsyncIterator[bytes]:
        yield b"one"
        raise error

    scene = scene_of(app=app)
    await scene.lane.serve()
    assert scene.stream.sent[1:] == [b"one"]
    assert scene.wire.calls == ["next_stream", "close"]
    assert (scene.clock.phase, scene.outcomes) == (Phase.SEND, [outcome])
    assert [record.levelno for record in caplog.records if record.name == "hump_trio"] == [level]


async def test_an_error_of_the_wire_ends_the_wire_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, since it should never be."""

    def fail(lane: Lane) -> Step:
        raise ValueError("failed")

    scene = rewired(scene_of(), fail)
    await scene.lane.serve()
    assert scene.wire.calls == ["next_stream", "close"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(("cause", "logged"), [("expiry", 1), ("leaving", 0), ("outside", 1)])
async def test_a_body_that_fails_while_it_is_cancelled(
    cause: Cause, logged: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged, unless nobody was there to be answered."""
    app = Hump()

    @app.post("/")
    async def fail() -> AsyncIterator[bytes]:
        yield b"one"
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("failed late")

    scene = scene_of(app=app)
    with trio.CancelScope() as around:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.lane.serve)
            await trio.sleep(1)
            strike(scene, cause, around)
    assert scene.stream.sent[1:] == [b"one"]
    assert scene.wire.calls == ["next_stream", "close"]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == logged


@pytest.mark.parametrize("gone", ["awaited", "received", "sent"])
async def test_a_peer_that_has_gone_is_no_error(
    gone: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever step finds it."""
    error = trio.BrokenResourceError("gone")
    if gone == "awaited":
        scene = rewired(scene_of(), error)
    elif gone == "received":
        scene = scene_of("POST", b"some", error)
    else:
        scene = scene_of()

        async def fail() -> None:
            raise error

        scene.stream.writing = fail
    await scene.lane.serve()
    assert scene.wire.calls == ["next_stream", "close"]
    assert scene.outcomes == ([] if gone == "awaited" else ["client-gone"])
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def take_over(
    scene: Scene, answer: Response | None, *, started: bool, status: int = 200
) -> Callable[[Lane], Step]:
    """Return what has a lane take over a request that was begun already."""

    def begin(lane: Lane) -> Step:
        choice, _ = scene.state.application.choose("POST", "/")
        request = scene.stream.build_request()
        scene.state.count_in()
        scene.clock.begin_exchange(request)
        exchange = Exchange(scene.stream, scene.clock, request, choice)
        exchange.status = status
        if started:
            scene.stream.set_head(status, [], None)
        return lane.take_over(exchange, answer, started=started)

    return begin


async def test_a_request_that_the_wire_has_begun_goes_on_where_it_stands(
    autojump_clock: MockClock,
) -> None:
    """With its handler, with its answer, or with the rest of that."""
    scene = scene_of()
    rewired(scene, take_over(scene, None, started=False))
    await scene.lane.serve()
    assert scene.stream.sent[1:] == [b"answer", END]
    scene = scene_of()
    rewired(scene, take_over(scene, Response(b"its own"), started=False))
    await scene.lane.serve()
    assert scene.stream.sent[1:] == [b"its own", END]
    scene = scene_of()
    rewired(scene, take_over(scene, None, started=True, status=203))
    await scene.lane.serve()
    assert scene.stream.sent == [(203, {}), END]
    assert scene.wire.calls == ["next_stream", "settle", "next_stream", "end", "close"]
    assert scene.outcomes == ["ok"]


async def test_no_answer_follows_a_write_that_was_cut(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as a 100 that a scope of the handler's has cut; its body is closed."""
    closed: list[bool] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"one"
        finally:
            closed.append(True)

    scene = scene_of()
    parts = body()
    await anext(parts)
    rewired(scene, take_over(scene, Response(parts), started=False))
    scene.clock.peer.write_cut = True
    await scene.lane.serve()
    assert (scene.stream.sent, closed) == ([], [True])
    assert scene.wire.calls == ["next_stream", "close"]
    assert scene.outcomes == ["crash"]


async def test_no_answer_that_is_spoken_follows_a_write_that_was_cut(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The app isn't called for it."""
    called: list[Reply] = []

    async def speak(reply: Reply) -> None:
        called.append(reply)

    scene = scene_of()
    rewired(scene, take_over(scene, Response(Spoken(speak)), started=False))
    scene.clock.peer.write_cut = True
    await scene.lane.serve()
    assert (scene.stream.sent, called) == ([], [])
    assert scene.wire.calls == ["next_stream", "close"]
    assert scene.outcomes == ["crash"]


async def test_a_reader_that_outlives_its_request_is_waited_for(autojump_clock: MockClock) -> None:
    """Until it has noticed: what comes next is the next request's."""
    app = Hump()
    ended: list[str] = []
    async with trio.open_nursery() as nursery:

        async def read_on(request: Request) -> None:
            with pytest.raises(trio.ClosedResourceError):
                await anext(request.stream)
            ended.append("read")

        @app.post("/", stream=True)
        async def leave(request: Request) -> str:
            nursery.start_soon(read_on, request)
            await wait_all_tasks_blocked()
            return "left"

        scene = scene_of("POST", 100, b"never", app=app)
        settle = scene.wire.settle

        async def note(stream: HttpStream) -> bool:
            assert ended == ["read"]
            return await settle(stream)

        scene.wire.settle = note  # type: ignore[method-assign]
        await scene.lane.serve()
        assert scene.wire.calls[1] == "settle"


async def test_a_handler_starts_with_a_fresh_context(autojump_clock: MockClock) -> None:
    """What one sets the next doesn't see, and what was set around the lane both do."""
    around, within = ContextVar("around", default=""), ContextVar("within", default="")
    app = Hump()

    @app.post("/")
    async def index() -> str:
        seen = around.get() + within.get()
        within.set("within")
        return seen

    around.set("around")
    scene = scene_of(app=app)
    other = FakeStream(scene.clock)
    await rewired(scene, scene.stream, other).lane.serve()
    assert [each.sent[1] for each in (scene.stream, other)] == [b"around", b"around"]


async def test_what_ends_the_program_ends_the_lane(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What failed beside it is logged; the wire is closed, and the request counted."""
    app = Hump()

    @app.post("/")
    async def interrupt() -> None:
        raise BaseExceptionGroup("both", [KeyboardInterrupt(), ValueError("failed")])

    scene = scene_of(app=app)
    with pytest.raises(BaseExceptionGroup) as raised:
        await scene.lane.serve()
    assert [type(each) for each in raised.value.exceptions] == [KeyboardInterrupt]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert (scene.wire.calls, scene.outcomes) == (["next_stream", "close"], ["crash"])
    assert scene.state.request_count == 0


async def test_an_answer_that_is_never_sent_is_closed(autojump_clock: MockClock) -> None:
    """Where the lane is cancelled between the handler's return and the first byte."""
    closed: list[bool] = []

    class Body:
        def __aiter__(self) -> "Body":
            return self

        async def __anext__(self) -> bytes:
            return b"never"

        async def aclose(self) -> None:
            closed.append(True)

    app = Hump()

    @app.post("/")
    async def leave() -> Response:
        scene.clock.cancel("client-gone")
        scene.clock.peer.gone = True
        return Response(Body())

    scene = scene_of(app=app)
    await scene.lane.serve()
    assert (closed, scene.stream.sent) == ([True], [])
    assert scene.wire.calls == ["next_stream", "close"]


# Cut at each step


def awaiting() -> Scene:
    """In AWAIT: no exchange."""
    scene = scene_of()
    return rewired(scene, 100, scene.stream)


def receiving() -> Scene:
    """In RECEIVE: a body is missing."""
    return scene_of("POST", b"some", 100, b"more")


def handling() -> Scene:
    """In HANDLE: the handler waits for itself."""
    return scene_of("PUT")


def reading() -> Scene:
    """In HANDLE: the handler waits for a part of the body."""
    return scene_of("PATCH", b"some", 100, b"more")


def failing() -> Scene:
    """In FAIL: the app's handler for an error waits."""
    return scene_of("DELETE")


def sending_first() -> Scene:
    """In SEND: the body has no part yet."""
    return scene_of("GET")


def sending_next() -> Scene:
    """In SEND: a part is out, the body has no other yet."""
    return scene_of("GET")


def writing() -> Scene:
    """In SEND: the peer doesn't take the answer."""
    scene = scene_of()
    scene.stream.writing = trio.sleep_forever
    return scene


def flushing() -> Scene:
    """In FLUSH: the peer doesn't take the rest of the answer."""
    scene = writing()
    return rewired(scene, take_over(scene, None, started=True))


def settling() -> Scene:
    """In SETTLE: what is left of the body is missing."""
    scene = scene_of()
    scene.wire.waits["settle"] = 100
    return scene


def refusing() -> Scene:
    """In REFUSE: the peer doesn't take the refusal."""
    scene = rewired(scene_of(), HttpParserError(400, "malformed"))
    scene.wire.waits["refuse"] = 100
    return scene


def ending() -> Scene:
    """In END: the peer has not read all."""
    scene = scene_of()
    scene.wire.waits["end"] = 100
    scene.wire.may_follow = False
    return scene


CAUSES: list[Cause] = ["expiry", "leaving", "shutdown", "outside"]
ANSWERED: dict[Cause, Outcome] = dict.fromkeys(CAUSES, "ok")
CUT: dict[Cause, Outcome] = {
    "expiry": "stalled",
    "leaving": "client-gone",
    "shutdown": "shutdown",
    "outside": "crash",
}
# Where the lane is cut, what its clock says then, the status of the answer that follows an expiry,
# the status that is out when something else has cut it, and the outcomes.
STEPS: list[
    tuple[Callable[[], Scene], Phase, int | None, int | None, dict[Cause, Outcome] | None]
] = [
    (awaiting, Phase.OPENED, None, None, None),
    (receiving, Phase.BODY, 408, None, CUT),
    (handling, Phase.HANDLER, 503, None, {**CUT, "expiry": "deadline"}),
    (reading, Phase.BODY, 408, None, CUT),
    (failing, Phase.HANDLER, 503, None, {**CUT, "expiry": "deadline"}),
    (sending_first, Phase.SEND, 503, None, CUT),
    (sending_next, Phase.SEND, None, 200, CUT),
    (writing, Phase.SEND, None, None, CUT),
    (flushing, Phase.SEND, None, None, CUT),
    (settling, Phase.DRAIN, 200, 200, ANSWERED),
    (refusing, Phase.SEND, None, None, dict.fromkeys(CAUSES, "refused")),
    (ending, Phase.LINGER, 200, 200, ANSWERED),
]


def strike(scene: Scene, cause: Cause, around: trio.CancelScope) -> None:
    """Cut a lane as the watchdog, the end of the server, or a scope around it does."""
    clock = scene.clock
    if cause == "outside":
        around.cancel()
    elif cause == "shutdown":
        clock.cancel("shutdown")
    elif cause == "leaving":
        clock.peer.gone = True
        clock.cancel("client-gone")
    elif clock.phase is Phase.HANDLER:
        clock.deadline = trio.current_time()
        clock.expire(trio.current_time())
    else:
        clock.cut()


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(
    ("make", "phase", "late", "out", "outcomes"), STEPS, ids=[row[0].__name__ for row in STEPS]
)
async def test_a_lane_that_is_cut(
    make: Callable[[], Scene],
    phase: Phase,
    late: int | None,
    out: int | None,
    outcomes: dict[Cause, Outcome] | None,
    cause: Cause,
    autojump_clock: MockClock,
) -> None:
    """Never two answers, never half of one that looks whole; all is counted and closed once.

    An expiry is answered where nothing was sent, and the lane goes on then. Nothing else is.
    """
    scene = make()
    scene.state.buffered_bytes += 1000
    with trio.CancelScope() as around:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.lane.serve)
            await trio.sleep(15 if make is sending_next else 1)
            assert scene.clock.phase is phase
            strike(scene, cause, around)
    assert around.cancelled_caught == (cause == "outside")
    expected = late if cause == "expiry" and late is not None else out
    assert scene.statuses == ([] if expected is None else [expected])
    whole = make in (settling, ending) or (cause == "expiry" and late is not None)
    assert (END in scene.stream.sent) == whole
    assert scene.outcomes == ([] if outcomes is None else [outcomes[cause]])
    assert scene.wire.calls.count("close") == 1
    assert scene.wire.calls[-1] == "close"
    goes_on = cause == "expiry" and late is not None and make not in (settling, ending)
    assert scene.wire.calls.count("next_stream") == (2 if goes_on else 1)
    assert ("look_again" in scene.wire.calls) == (make is awaiting and cause == "expiry")
    assert (scene.state.request_count, scene.state.buffered_bytes) == (0, 1000)
    assert scene.clock.request is None


@pytest.mark.parametrize("more", [0, 1, 3])
async def test_a_silent_wire_is_looked_at_again(more: int, autojump_clock: MockClock) -> None:
    """And awaited anew, as often as something has come at the last moment."""
    scene = rewired(scene_of(), *[100.0] * 5)
    scene.wire.finds_more = [True] * more
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.lane.serve)
        for _ in range(more + 1):
            await trio.sleep(1)
            scene.clock.cut()
    assert scene.wire.calls == ["next_stream", "look_again"] * (more + 1) + ["close"]


async def test_a_head_that_takes_too_long_is_refused(autojump_clock: MockClock) -> None:
    """By the wire, as what is no request."""
    scene = rewired(scene_of(), 100.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.lane.serve)
        await trio.sleep(1)
        scene.clock.enter_head()
        scene.clock.cut()
    assert scene.wire.calls == ["next_stream", ("refuse", 408, "stalled"), "end", "close"]


async def test_an_answer_that_comes_with_its_deadline_goes_out(autojump_clock: MockClock) -> None:
    """Once, and in a new scope."""
    app = Hump()

    @app.post("/")
    async def index() -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        return "late"

    scene = scene_of(app=app)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.lane.serve)
        await trio.sleep(1)
        first = scene.clock.scope
        strike(scene, "expiry", trio.CancelScope())
    assert scene.stream.sent[1:] == [b"late", END]
    assert scene.clock.scope is not first
    assert scene.outcomes == ["ok"]


async def test_a_request_that_is_late_is_answered_through_its_middleware(
    autojump_clock: MockClock,
) -> None:
    """The answer has the time of any handler to go out, and goes out once."""
    app = app_of()

    @app.middleware
    async def tag(request: Request, call_next: Callable[..., Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers["x-tag"] = str(response.status)
        return response

    scene = scene_of("PUT", app=app)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.lane.serve)
        await trio.sleep(1)
        strike(scene, "expiry", trio.CancelScope())
    [(status, headers), *_] = scene.stream.sent
    assert (status, headers["x-tag"]) == (503, "503")
    assert scene.stream.calls.count("start_answer") == 1
