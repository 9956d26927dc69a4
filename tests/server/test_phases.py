"""The table of phases: each row is what happens, and what users are told of time."""

import re
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any, Self

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Response, Timeouts
from hump_trio.http2.frames import (
    PREFACE,
    encode_headers,
    encode_settings,
    encode_window_update,
)
from hump_trio.http2.literals import encode_literal
from hump_trio.server.phases import ASKED_ERROR, RULES, Expiry, Phase, Progress
from hump_trio.server.statistics import RequestStatistics, ServerStatistics
from hump_trio.transports.memory import MemoryTransport
from tests.support.reference import table_after
from tests.support.wire import connect_transport, parse_answers, request

TABLE = {row[0].strip("`"): row[3] for row in table_after("time", "Timeouts")}
SETTINGS = {rule.setting for rule in RULES.values() if rule.setting}
SWEEP_SECONDS = 0.25


def quoted_words(text: str) -> set[str]:
    """Return what a docstring has in code and quotes."""
    return set(re.findall(r'``"([a-z]+)"``', text))


def consequence(phase: Phase) -> str:
    """Return what the reference calls the consequence of a phase."""
    rule = RULES[phase]
    if rule.expiry is Expiry.ANSWER:
        assert rule.error is not None
        return str(rule.error[0])
    return {Expiry.NOTHING: "", Expiry.CLOSE: "closed", Expiry.RESET: "reset"}[rule.expiry]


def test_each_phase_has_a_row() -> None:
    """Whatever is waited for has a word, and a consequence if it has a limit of the peer's."""
    assert set(RULES) == set(Phase)
    assert all(rule.word for rule in RULES.values())
    assert {field.name for field in fields(Timeouts)} >= SETTINGS


@pytest.mark.parametrize("phase", RULES)
def test_a_row_agrees_with_itself(phase: Phase) -> None:
    """What is answered has an answer; what is closed in silence has none; a reset is one."""
    rule = RULES[phase]
    assert (rule.error is not None) >= (rule.expiry is Expiry.ANSWER)
    assert (rule.error is not None) <= (rule.expiry in (Expiry.ANSWER, Expiry.RESET))
    assert rule.resets >= (rule.expiry is Expiry.RESET)


@pytest.mark.parametrize("setting", sorted(SETTINGS))
def test_the_reference_says_what_follows(setting: str) -> None:
    """Each consequence of a row is in the table of timeouts, and no other one."""
    told = set(re.findall(r"\bclosed\b|\breset\b|\b\d{3}\b", TABLE[setting]))
    assert told == {consequence(each) for each in RULES if RULES[each].setting == setting} - {""}


def test_the_reference_says_what_a_caller_gets_that_asked_for_less() -> None:
    """Its answer is another one than that of the server's own limit."""
    assert str(ASKED_ERROR[0]) in TABLE["deadline_header"]
    assert ASKED_ERROR[0] not in [rule.error and rule.error[0] for rule in RULES.values()]


def test_statistics_list_the_words_of_the_rows() -> None:
    """A user of `Hump.statistics` reads every word there that can come."""
    documented = quoted_words(ServerStatistics.__doc__ or "")
    assert documented == {rule.word for rule in RULES.values()}
    assert quoted_words(RequestStatistics.__doc__ or "") < documented


def alone(setting: str) -> Timeouts:
    """Return timeouts of which one alone, of two seconds, is ever felt."""
    seconds: dict[str, Any] = {**dict.fromkeys(SETTINGS, 1000.0), setting: 2.0}
    return Timeouts(**seconds)


class Clinging:
    """A streamed body without parts that can't be closed in time."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Never end."""
        await trio.sleep_forever()


def app_of(timeouts: Timeouts) -> Hump:
    """Return an app with a handler for each phase."""
    app = Hump(timeouts=timeouts)

    @app.route("/", methods=["GET", "POST"])
    async def index(request: Request) -> str:
        return "hello"

    @app.get("/slow")
    async def sleep() -> None:
        await trio.sleep_forever()

    @app.get("/endless")
    async def flood() -> AsyncIterator[bytes]:
        while True:
            yield bytes(10_000)

    @app.get("/clings")
    async def cling() -> Response:
        return Response(Clinging())

    return app


def h2_request(path: str) -> bytes:
    """Return the beginning of an HTTP/2 connection whose windows hold nobody up, and a request."""
    fields = encode_literal(":path", path) + encode_literal(":authority", "a")
    return (
        PREFACE
        + encode_settings([(4, 2**30)])
        + encode_window_update(0, 2**30)
        + encode_headers(1, b"\x82\x86" + fields, ends=True)
    )


# What brings a connection to a phase and leaves it there. The phase of a handshake has tests of
# its own, the one after an answer of the fast path ends with the next sweep, and one is a lane's
# that serves nothing.
SCENES = {
    Phase.OPENED: b"",
    Phase.IDLE: request(),
    Phase.HEAD: b"GET / HT",
    Phase.STREAMS: h2_request("/endless"),
    Phase.BODY: request("POST", "/", "Content-Length: 9999") + b"some",
    Phase.HANDLER: request("GET", "/slow"),
    Phase.SEND: request("GET", "/endless"),
    Phase.CLOSE_BODY: request("GET", "/clings"),
    Phase.DRAIN: request("POST", "/nothing", "Content-Length: 9999") + b"some",
    Phase.LINGER: request("GET", "/", "Connection: close") + b"more",
}


BEGINS_ITSELF = pytest.mark.plain_only("over TLS a client says by ALPN that it speaks HTTP/2")
PHASES = [
    pytest.param(phase, id=phase.name, marks=[BEGINS_ITSELF] if phase is Phase.STREAMS else [])
    for phase in SCENES
]


async def receive_rest(client: MemoryTransport) -> tuple[bytes, str]:
    """Return what has come, and how it ended: in order, by a reset, or not."""
    data = b""
    with trio.move_on_after(1):
        try:
            while part := await client.receive_some():
                data += part
        except trio.BrokenResourceError:
            return data, "reset"
        return data, "closed"
    return data, ""


# Those of WebSockets, and of work behind an answer, have scenes of their own.
UNSEEN = {Phase.HANDSHAKE, Phase.ANSWERED, Phase.SPARE, Phase.OPEN, Phase.CLOSING, Phase.BEHIND}


def test_no_phase_is_left_out() -> None:
    """A new one needs a scene, too."""
    assert set(RULES) - set(SCENES) == UNSEEN


@pytest.mark.parametrize("phase", PHASES)
async def test_a_phase_lasts_as_long_as_its_setting_says(
    phase: Phase, autojump_clock: MockClock
) -> None:
    """And no other setting matters; what its row says follows then."""
    rule = RULES[phase]
    app = app_of(alone(rule.setting))
    window_bytes = 0 if phase is Phase.SEND else 1e6
    async with connect_transport(app, window_bytes) as client:
        await client.send_all(SCENES[phase])
        await trio.sleep(2 - SWEEP_SECONDS / 2)
        assert list(app.statistics().connections) == [rule.word]
        await trio.sleep(3 * SWEEP_SECONDS)
        assert list(app.statistics().connections) != [rule.word]
        data, end = await receive_rest(client)
    if rule.expiry is Expiry.RESET:
        assert end == "reset"
    elif rule.expiry is Expiry.ANSWER:
        assert rule.error is not None
        [answer] = parse_answers(data, ended=end == "closed")
        assert (answer.status, answer.text) == rule.error
    else:
        assert end == ("closed" if rule.expiry is Expiry.CLOSE else "")
        assert b"408" not in data
        assert b"503" not in data


@pytest.mark.parametrize("phase", [Phase.HEAD, Phase.BODY, Phase.DRAIN, Phase.LINGER])
async def test_progress_moves_the_deadlines_that_it_should(
    phase: Phase, autojump_clock: MockClock
) -> None:
    """Bytes of a body do, wanted or not; a head has its time, however much of it comes."""
    rule = RULES[phase]
    app = app_of(alone(rule.setting))
    async with connect_transport(app, 1e6) as client:
        await client.send_all(SCENES[phase])
        await trio.sleep(2 - SWEEP_SECONDS / 2)
        await client.send_all(b"a" * 1000)
        await trio.sleep(3 * SWEEP_SECONDS)
        moved = list(app.statistics().connections) == [rule.word]
    assert moved == (rule.progress is Progress.RECEIVED)
