"""A server that does other work than its peers is found out before it is measured."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from hump_trio import EventStream, HttpException, Hump, Request, Topic, WebSocket
from tests.benchmarks.check import check_answers, faults_of_load, faults_of_log, written_lines
from tests.benchmarks.scenarios import LOADS
from tests.support.loopback import address_of, served


async def answer_as_asked() -> str:
    """Answer with the text."""
    return "Hello, world!"


async def answer_other_text() -> str:
    """Answer with less."""
    return "Hello!"


async def answer_bytes() -> bytes:
    """Answer with the same, but not as text."""
    return b"Hello, world!"


async def answer_error() -> None:
    """Answer with another status."""
    raise HttpException(404)


async def answer_in_parts() -> AsyncIterator[str]:
    """Answer with the same, but chunked."""
    yield "Hello, world!"


async def complaint_about(handler: Callable[[], Awaitable[object] | AsyncIterator[str]]) -> str:
    """Let a handler's answer be checked over a real connection, and return what is said of it."""
    app = Hump("127.0.0.1", 0)
    app.get("/")(handler)
    async with served(app) as url:
        try:
            await trio.to_thread.run_sync(check_answers, "sample", "hello", address_of(url)[1])
        except RuntimeError as error:
            return str(error)
    return ""


async def echo(ws: WebSocket) -> None:
    """Send each message back."""
    async for message in ws:
        await ws.send(message)


async def answer_thanks(ws: WebSocket) -> None:
    """Send something else back."""
    async for _ in ws:
        await ws.send("Thanks!")


async def echo_once(ws: WebSocket) -> None:
    """Send one message back, and close with a code of its own."""
    await ws.send(await ws.receive())
    await ws.close(4000)


async def test_equal_work_passes() -> None:
    """The right answer, in the right form, is no error."""
    assert await complaint_about(answer_as_asked) == ""


@pytest.mark.parametrize(
    ("handler", "fault"),
    [
        (answer_other_text, "body b'Hello!' instead of 'Hello, world!'"),
        (answer_bytes, "application/octet-stream instead of text/plain"),
        (answer_error, "status 404"),
        (answer_in_parts, "Transfer-Encoding chunked"),
    ],
)
async def test_other_work_is_an_error(
    handler: Callable[[], Awaitable[object] | AsyncIterator[str]], fault: str
) -> None:
    """The message names the server, the scenario and the fault."""
    complaint = await complaint_about(handler)
    assert "sample does other work than asked for in hello" in complaint
    assert fault in complaint


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (echo, ""),
        (answer_thanks, "sample does other work than asked for in ws_echo: 'Thanks!'"),
        (echo_once, "sample does other work than asked for in ws_echo: closed with 4000"),
    ],
)
async def test_other_work_with_messages_is_an_error(
    handler: Callable[[WebSocket], Awaitable[None]], complaint: str
) -> None:
    """Another message than the one that was sent, and another end than the client's."""
    app = Hump("127.0.0.1", 0)
    app.websocket("/echo")(handler)
    found = ""
    async with served(app) as url:
        try:
            await trio.to_thread.run_sync(check_answers, "sample", "ws_echo", address_of(url)[1])
        except RuntimeError as error:
            found = str(error)
    assert found == complaint


async def test_what_a_head_has_to_have_is_looked_for() -> None:
    """Each field that is missing, or says something else, is a fault."""
    app = Hump("127.0.0.1", 0)
    app.get("/")(answer_as_asked)
    load = replace(LOADS["hello"], fields={"content-type": "text/html", "date": "", "x-tea": ""})
    async with served(app) as url:
        faults = await trio.to_thread.run_sync(faults_of_load, load, address_of(url)[1])
    assert faults == "content-type: text/plain; charset=utf-8, x-tea: None"


async def test_a_file_may_be_chunked() -> None:
    """Its length is only asked for where all peers tell it."""
    app = Hump("127.0.0.1", 0)
    app.get("/")(answer_in_parts)
    load = replace(LOADS["hello"], sized=False)
    async with served(app) as url:
        faults = await trio.to_thread.run_sync(faults_of_load, load, address_of(url)[1])
    assert faults == ""


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        ("", ""),
        (
            "!",
            "sample does other work than asked for in event_1000:"
            " b'data: A short text that is 34 bytes long!\\n',"
            " b'data: A short text that is 34 bytes long!\\n'",
        ),
    ],
)
async def test_other_events_are_an_error(mark: str, complaint: str) -> None:
    """What all streams get has to be what was published."""
    app = Hump("127.0.0.1", 0)
    events: Topic[str] = Topic()

    @app.get("/events")
    async def follow() -> EventStream:
        return EventStream(events.listen())

    @app.post("/events")
    async def publish(request: Request) -> None:
        await events.publish(request.text + mark)

    found = ""
    async with served(app) as url:
        port = address_of(url)[1]
        try:
            await trio.to_thread.run_sync(check_answers, "sample", "event_1000", port)
        except RuntimeError as error:
            found = str(error)
    assert found == complaint


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        (["a GET / HTTP/1.1 200", "b GET / HTTP/1.1 200"], ""),
        (["Hello!", "a GET / HTTP/1.1 200"], "1 lines in the log for two requests"),
    ],
)
def test_a_server_that_logs_too_little_is_found_out(
    lines: list[str], faults: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request has a line of its own, behind what was written before."""
    monkeypatch.setattr("tests.benchmarks.check.PATIENCE_SECONDS", 0 if faults else 30)
    log = tmp_path / "log"
    log.write_text("GET / HTTP/1.1 200\nGET / HT")
    before = written_lines(log)
    assert before == ["GET / HTTP/1.1 200"]
    log.write_text("\n".join([*before, *lines, ""]))
    assert faults_of_log(log, before) == faults
