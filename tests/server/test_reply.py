"""Answers that an app begins while it runs (see `Spoken`), over every protocol."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import (
    Compression,
    Cors,
    HttpException,
    Hump,
    Request,
    RequestId,
    Response,
    SecurityHeaders,
    Timeouts,
)
from hump_trio.messages.reply import Reply, Spoken
from hump_trio.routing.layer import CallNext
from hump_trio.testing import client
from hump_trio.testing.memory_listener import running
from hump_trio.transports.memory import MemoryTransport
from tests.support.frames import speak as speak_frames
from tests.support.wire import connect_transport, request

PLAIN = ("content-type", "text/plain")


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error."""
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def app_of(speak: Callable[[Reply], Awaitable[None]], **options: Any) -> Hump:
    """Return an app whose front page is spoken by a function."""
    app = Hump(**options)

    @app.route("/", methods=["GET", "POST"])
    async def index() -> Response:
        return Response(Spoken(speak))

    return app


async def test_one_call_is_a_whole_answer() -> None:
    """It has the status, the fields and the length of what was given."""

    async def speak(reply: Reply) -> None:
        assert not reply.begun
        reply.begin(201, [PLAIN, ("x-tea", "green")])
        assert reply.begun
        await reply.finish(b"a pot of tea")
        assert reply.ended

    async with client(app_of(speak)) as user:
        for _ in range(2):
            answer = await user.get("/")
            assert (answer.status_code, answer.text) == (201, "a pot of tea")
            assert (answer.headers["x-tea"], answer.headers["content-length"]) == ("green", "12")


async def test_parts_come_one_after_the_other() -> None:
    """Of a length that nobody has announced, the first one with the head."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN])
        for part in (b"a ", b"pot ", b""):
            await reply.send(part)
        await reply.finish(b"of tea")

    async with client(app_of(speak)) as user:
        answer = await user.get("/")
    assert answer.text == "a pot of tea"
    assert "content-length" not in answer.headers


async def test_the_body_of_the_request_comes_through_the_reply() -> None:
    """Whole where it came whole, and nothing behind its end."""

    async def speak(reply: Reply) -> None:
        body = b""
        while part := reply.receive_nowait() or await reply.receive():
            body += part
        assert await reply.receive() == b""
        assert reply.receive_nowait() == b""
        reply.begin(200, [PLAIN])
        await reply.finish(body)

    async with client(app_of(speak)) as user:
        for size in (0, 10, 200_000):
            assert (await user.post("/", content=b"t" * size)).content == b"t" * size


async def test_a_head_is_the_answer_without_its_body() -> None:
    """The app runs on, and its content length is kept."""
    ran = []

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN, ("content-length", "6")])
        await reply.send(b"a ")
        await reply.finish(b"cup!")
        ran.append("to the end")

    async with client(app_of(speak)) as user:
        answer = await user.head("/")
        assert (answer.content, answer.headers["content-length"]) == (b"", "6")
        assert (await user.get("/")).text == "a cup!"
    assert ran == ["to the end"] * 2


async def silent(reply: Reply) -> None:
    """Give no answer."""


async def begun(reply: Reply) -> None:
    """Begin an answer, and no more."""
    reply.begin(200, [PLAIN])


async def too_long(reply: Reply) -> None:
    """Give more than was announced."""
    reply.begin(200, [PLAIN, ("content-length", "3")])
    await reply.finish(b"a pot")


async def too_short(reply: Reply) -> None:
    """Give less than was announced."""
    reply.begin(200, [PLAIN, ("content-length", "30")])
    await reply.finish(b"a pot")


async def failing(reply: Reply) -> None:
    """Fail before the answer."""
    raise RuntimeError("no tea")


async def failing_later(reply: Reply) -> None:
    """Fail before anything of the answer is out."""
    reply.begin(200, [PLAIN])
    raise RuntimeError("no tea")


async def twice(reply: Reply) -> None:
    """Begin two times."""
    reply.begin(200, [PLAIN])
    reply.begin(200, [PLAIN])


async def unbegun(reply: Reply) -> None:
    """Send before the beginning."""
    await reply.send(b"tea")


async def forged(reply: Reply) -> None:
    """Begin with a field that can't be sent."""
    reply.begin(200, [("x-tea", "green\r\nx-milk: much")])


async def early(reply: Reply) -> None:
    """Begin with a status that isn't final."""
    reply.begin(103, [])


def plain_function(reply: Reply) -> Any:
    """Be no async function."""


MISTAKEN = [silent, begun, too_long, too_short, failing, failing_later, twice, unbegun, forged]
MISTAKEN += [early, plain_function]


@pytest.mark.parametrize("speak", MISTAKEN)
async def test_what_goes_wrong_before_the_first_byte_is_a_500(
    speak: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, and the connection serves the next request."""
    async with client(app_of(speak)) as user:
        answer = await user.get("/")
        assert answer.status_code == 500
        assert answer.text == "Internal Server Error"
        assert len(errors_of(caplog)) == 1
        assert (await user.get("/nothing")).status_code == 404


async def test_errors_before_the_beginning_have_answers() -> None:
    """That of the error itself, or of the app's handler for it."""

    async def speak(reply: Reply) -> None:
        raise ValueError("no tea") if reply.receive_nowait() == b"" else HttpException(418, "tea")

    app = app_of(speak)

    @app.exception_handler(ValueError)
    async def answer(request: Request, error: ValueError) -> Response:
        return Response(str(error), 409)

    async with client(app) as user:
        assert (await user.get("/")).status_code == 409
        assert (await user.post("/", content=b"milk")).status_code == 418


async def test_a_body_that_ends_too_early_never_looks_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer breaks off."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN])
        await reply.send(b"a pot of")

    async with client(app_of(speak)) as user:
        with pytest.raises(httpx2.TransportError):
            await user.get("/")
    assert len(errors_of(caplog)) == 1


async def test_an_answer_that_does_not_begin_in_time_is_a_503(autojump_clock: MockClock) -> None:
    """The time of a handler counts until then."""

    async def speak(reply: Reply) -> None:
        await trio.sleep(100)

    async with client(app_of(speak, timeouts=Timeouts(handler=5))) as user:
        answer = await user.get("/")
    assert answer.status_code == 503
    assert trio.current_time() == pytest.approx(5, abs=0.5)


async def test_an_answer_that_has_begun_takes_its_time(autojump_clock: MockClock) -> None:
    """The time of a handler is over then."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN])
        for _ in range(10):
            await reply.send(b"tea")
            await trio.sleep(3)
        await reply.finish()

    async with client(app_of(speak, timeouts=Timeouts(handler=5))) as user:
        assert (await user.get("/")).text == "tea" * 10


async def test_who_swallows_the_deadline_begins_in_vain(autojump_clock: MockClock) -> None:
    """What is begun too late isn't sent."""

    async def speak(reply: Reply) -> None:
        try:
            await trio.sleep(100)
        except trio.Cancelled:
            reply.begin(200, [PLAIN])
            await reply.finish(b"late")
            raise

    async with client(app_of(speak, timeouts=Timeouts(handler=5))) as user:
        assert (await user.get("/")).status_code == 503


async def test_fields_of_middleware_stay() -> None:
    """Unless the app names them; those that add up stay in any case."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN, ("x-frame-options", "SAMEORIGIN"), ("vary", "Accept")])
        await reply.finish(b"tea")

    app = app_of(speak)
    app.middleware(Compression(minimum_bytes=0))
    app.middleware(Cors(origins=["https://tea.example"]))
    app.middleware(SecurityHeaders())
    app.middleware(RequestId())

    @app.middleware
    async def add(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert response.status == 200
        response.headers.add("x-tea", "green")
        return response

    async with client(app) as user:
        answer = await user.get("/", headers={"origin": "https://tea.example"})
    assert answer.text == "tea"
    assert answer.headers.get_list("x-frame-options") == ["SAMEORIGIN"]
    assert answer.headers["x-tea"] == "green"
    assert answer.headers["access-control-allow-origin"] == "https://tea.example"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-request-id" in answer.headers
    assert {"Origin", "Accept"} <= set(answer.headers["vary"].split(", "))


async def test_fields_follow_the_body() -> None:
    """If the client takes any."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN], trailers=True)
        await reply.send(b"a pot")
        await reply.finish(b" of tea", [("x-sum", "7")])

    async with client(app_of(speak)) as user:
        answer = await user.get("/", headers={"te": "trailers"})
    assert answer.text == "a pot of tea"


def streaming(speak: Callable[[Reply], Awaitable[None]], **options: Any) -> Hump:
    """Return an app whose front page is spoken before the body of the request has come."""
    app = Hump(**options)

    @app.post("/", stream=True)
    async def index() -> Response:
        return Response(Spoken(speak))

    return app


async def test_the_body_of_the_request_may_come_while_the_app_speaks() -> None:
    """Part by part; what isn't here for sure is None."""
    heard: list[bytes | None] = []

    async def speak(reply: Reply) -> None:
        heard.append(reply.receive_nowait())
        body = b""
        while part := await reply.receive():
            body += part
        heard.append(reply.receive_nowait())
        reply.begin(200, [PLAIN])
        await reply.finish(body)

    async with client(streaming(speak)) as user:
        answer = await user.post("/", content=b"tea" * 100_000)
        assert answer.content == b"tea" * 100_000
    assert heard == [None, b""]


async def test_what_comes_too_late_is_refused(autojump_clock: MockClock) -> None:
    """Whether the answer was given or not, once the app has returned."""
    kept: list[Reply] = []

    async def speak(reply: Reply) -> None:
        kept.append(reply)
        if len(kept) > 1:
            reply.begin(200, [PLAIN])
            await reply.finish(b"tea")

    async with client(streaming(speak)) as user:
        assert (await user.post("/", content=b"tea")).status_code == 500
        assert (await user.post("/", content=b"tea")).text == "tea"
    for reply in kept:
        with pytest.raises(trio.ClosedResourceError):
            reply.begin(200, [])
        with pytest.raises(trio.ClosedResourceError):
            await reply.finish(b"more")
        with pytest.raises(trio.ClosedResourceError):
            await reply.receive()
        await reply.wait_over()


async def test_two_tasks_do_not_send_at_one_time(autojump_clock: MockClock) -> None:
    """Nor does one that was told of the end wait again."""
    waited: list[int] = []

    async def wait(reply: Reply, number: int) -> None:
        await reply.wait_over()
        waited.append(number)

    async def speak(reply: Reply) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, reply, 1)
            nursery.start_soon(wait, reply, 2)
            reply.begin(200, [PLAIN])
            nursery.start_soon(reply.send, bytes(10_000_000))
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await reply.send(b"tea")

    async with connect_transport(app_of(speak), 1000) as raw:
        await raw.send_all(request("GET"))
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(1)
    assert sorted(waited) == [1, 2]


async def receive_rest(client: MemoryTransport) -> tuple[bytes, str]:
    """Return what has come, and how it ended."""
    data = b""
    try:
        while part := await client.receive_some():
            data += part
    except trio.BrokenResourceError:
        return data, "reset"
    return data, "closed"


async def test_a_part_that_the_app_has_cut_ends_the_answer(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing can follow it, and the client is no less there."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN])
        with trio.move_on_after(1):
            await reply.send(bytes(10_000_000))
        with pytest.raises(trio.BrokenResourceError):
            await reply.finish(b"tea")
        assert not reply.gone

    async with connect_transport(app_of(speak), 1000) as raw:
        await raw.send_all(request("GET"))
        await trio.sleep(2)
        data, end = await receive_rest(raw)
        assert (data.count(b"tea"), end) == (0, "reset")
    assert len(errors_of(caplog)) == 1


async def test_a_shield_keeps_an_answer_that_is_late(autojump_clock: MockClock) -> None:
    """Its route's time has passed while it was being given: the app decides."""

    async def speak(reply: Reply) -> None:
        reply.begin(200, [PLAIN])
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
            await reply.finish(b"tea")

    app = Hump()

    @app.get("/", timeout=3)
    async def index() -> Response:
        return Response(Spoken(speak))

    async with client(app) as user:
        assert (await user.get("/")).text == "tea"


async def test_no_number_of_names_takes_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are kept as known to be right are few."""
    monkeypatch.setattr("hump_trio.server.reply.KNOWN_NAMES", names := set[str]())
    monkeypatch.setattr("hump_trio.server.reply.KNOWN_COUNT", 3)

    async def speak(reply: Reply) -> None:
        reply.begin(200, [((await reply.receive()).decode(), "tea")])
        await reply.finish()

    async with client(app_of(speak)) as user:
        for name in ("x-one", "x-two", "x-three", "x-four", "x-two"):
            answer = await user.post("/", content=name)
            assert answer.headers[name] == "tea"
    assert names == {"x-one", "x-two", "x-three"}


@pytest.mark.parametrize("parts", [False, True])
async def test_a_nursery_that_is_left_open_harms_no_other_connection(
    parts: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its answer is out; it ends with its connection."""
    ends: list[str] = []

    async def wait() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ends.append("cancelled")

    async def speak(reply: Reply) -> None:
        nursery = await trio.open_nursery().__aenter__()
        nursery.start_soon(wait)
        reply.begin(200, [PLAIN])
        if parts:
            await reply.send(b"a pot of ")
        await reply.finish(b"tea")

    app = app_of(speak)
    async with running(app):
        for _ in range(2):
            async with client(app) as user:
                assert (await user.get("/")).text.endswith("tea")
            await trio.sleep(10)
        app.shutdown()
    assert ends == ["cancelled"] * 2
    assert len(errors_of(caplog)) >= 1


async def test_a_group_that_a_deadline_makes_is_a_503(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What failed while it was cancelled is logged beside that."""

    async def fail_late() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("no tea")

    async def speak(reply: Reply) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_late)
            nursery.start_soon(trio.sleep_forever)

    async with client(app_of(speak, timeouts=Timeouts(handler=5))) as user:
        assert (await user.get("/")).status_code == 503
        assert (await user.get("/nothing")).status_code == 404
    assert errors_of(caplog) == ["a handler failed while it was cancelled"]


@pytest.mark.parametrize("ends", [False, True])
async def test_a_part_that_outlives_the_app_is_cut(
    ends: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The task that sends it learns so, also where streams share a connection."""
    errors: list[Exception] = []

    async def outlive(reply: Reply) -> None:
        try:
            await (reply.finish if ends else reply.send)(bytes(200_000))
        except trio.BrokenResourceError as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:

        async def speak_in_part(reply: Reply) -> None:
            reply.begin(200, [PLAIN])
            nursery.start_soon(outlive, reply)
            await trio.sleep(1)

        app = app_of(speak_in_part)
        async with speak_frames(app) as peer:
            await peer.send(peer.head(1))
            await trio.sleep(2)
            assert app.statistics().requests == ()
    assert len(errors) == 1
    assert len(errors_of(caplog)) == 1
