"""A session and its client, which is h2: what a stranger takes for a conversation."""

from collections import defaultdict
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.frames import PREFACE, encode_headers
from hump_trio.http2.literals import encode_status
from tests.support.driven_session import DrivenSession

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")]


class Conversation:
    """A client and a server, between which every byte goes at once.

    Args:
        values: Settings of the client, by their numbers.

    Attributes:
        driven: The session, and what opens its streams.
        client: A connection of h2.
        bodies: What the client has received on each stream.
        events: The other events that it had.
        asked: What the server has received on each stream.
    """

    def __init__(self, values: dict[int, int] | None = None) -> None:
        self.driven: DrivenSession = DrivenSession(greeted=False)
        self.client: h2.connection.H2Connection = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8")
        )
        self.bodies: defaultdict[int, bytes] = defaultdict(bytes)
        self.events: list[Any] = []
        self.asked: defaultdict[int, bytes] = defaultdict(bytes)
        self.driven.session.greet()
        self.client.initiate_connection()
        self.client.update_settings(values or {})
        self._greeting = PREFACE
        self.exchange()

    def exchange(self) -> None:
        """Let both sides read and write until neither has anything more to say."""
        session = self.driven.session
        while True:
            sent = self.client.data_to_send()
            assert sent.startswith(self._greeting)
            self.driven.feed(sent[len(self._greeting) :])
            self._greeting = b""
            for number, stream in list(session.streams.items()):
                part = stream.take()
                self.asked[number] += part
                session.free(stream, len(part))
            session.sources.frame(session.out, 2**16)
            answer = b"".join(session.out)
            session.out.clear()
            if not (sent or answer):
                return
            for event in self.client.receive_data(answer):
                if isinstance(event, h2.events.DataReceived):
                    self.bodies[event.stream_id] += event.data
                    self.client.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                else:
                    self.events.append(event)

    def ask(self, *fields: tuple[str, str], body: bytes | None = None) -> int:
        """Send a request as far as the window allows, and return its stream."""
        number = self.client.get_next_available_stream_id()
        self.client.send_headers(number, [*HEAD, *fields], end_stream=body is None)
        if body is not None:
            self.exchange()
            self.upload(number, body)
        self.exchange()
        return number

    def upload(self, number: int, body: bytes) -> None:
        """Send a body to its end."""
        while body:
            count = min(self.client.local_flow_control_window(number) - 7, 16_377, len(body))
            assert count > 0, "windows open as the server takes what comes"
            self.client.send_data(number, body[:count], pad_length=count % 7 or None)
            body = body[count:]
            self.exchange()
        self.client.end_stream(number)

    def answer(self, number: int, body: bytes) -> None:
        """Answer a stream, if it is open."""
        session = self.driven.session
        stream = session.streams.get(number)
        if stream is not None:
            block = session.size_update + encode_status(200)
            session.size_update = b""
            session.out.append(encode_headers(number, block, ends=False))
            session.sources.add(stream, body, ends=True)

    def close_answered(self) -> None:
        """Let the server be done with each stream whose answer is framed."""
        for stream in list(self.driven.session.streams.values()):
            if stream.source is None:
                self.driven.session.close(stream)
        self.exchange()

    def ended(self) -> set[int]:
        """Return the streams whose answers have ended."""
        return {each.stream_id for each in self.events if isinstance(each, h2.events.StreamEnded)}

    def resets(self) -> dict[int, int]:
        """Return the streams that the server has reset, and why."""
        return {
            each.stream_id: each.error_code
            for each in self.events
            if isinstance(each, h2.events.StreamReset)
        }


def test_what_both_begin_with() -> None:
    """Each side takes in what the other one sets."""
    talk = Conversation({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 100})
    remote = talk.client.remote_settings
    assert (remote.max_concurrent_streams, remote.initial_window_size) == (100, 256 * 1024)
    assert talk.client.outbound_flow_control_window == 2**20
    assert talk.driven.session.initial_window == 100
    acknowledged = [e for e in talk.events if isinstance(e, h2.events.SettingsAcknowledged)]
    assert len(acknowledged) == 2


@given(
    st.lists(
        st.tuples(st.integers(0, 300_000), st.integers(0, 300_000), st.integers(0, 5)),
        max_size=8,
    ),
    st.sampled_from([0, 1000, 65_535, 2**20]),
    st.permutations(range(8)),
)
def test_bodies_arrive(sizes: list[tuple[int, int, int]], window: int, order: list[int]) -> None:
    """Whatever their sizes, windows and the order of answers; a reset ends its stream alone."""
    talk = Conversation({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
    asked, answers, left = {}, {}, set()
    for question_bytes, answer_bytes, fate in sizes:
        body = bytes(range(256)) * (question_bytes // 256)
        number = talk.ask(("content-length", str(len(body))), body=body)
        asked[number], answers[number] = body, b"answer" * (answer_bytes // 6)
        if fate == 0:
            talk.client.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
            left.add(number)
        elif fate == 1:
            talk.client.prioritize(number, weight=1)
    for place in order:
        number = 2 * place + 1
        if number in answers:
            talk.answer(number, answers[number])
            talk.exchange()
    if window == 0:
        open_ids = [number for number in answers if number not in left and answers[number]]
        assert all(talk.bodies[number] == b"" for number in open_ids)
        talk.client.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2**20})
        talk.exchange()
    assert {number: talk.asked[number] for number in asked} == asked
    assert talk.ended() == answers.keys() - left
    assert {number: talk.bodies[number] for number in talk.ended()} == {
        number: body for number, body in answers.items() if number not in left
    }
    assert talk.resets() == {}
    talk.close_answered()
    assert not talk.driven.session.streams


def test_an_early_answer() -> None:
    """The client hears that nobody wants the rest, and the connection goes on (section 8.1)."""
    talk = Conversation()
    number = talk.client.get_next_available_stream_id()
    talk.client.send_headers(number, HEAD)
    talk.client.send_data(number, b"a" * 1000)
    talk.exchange()
    talk.answer(number, b"enough")
    talk.exchange()
    talk.close_answered()
    assert (talk.bodies[number], talk.resets()) == (b"enough", {number: ErrorCode.NO_ERROR})
    other = talk.ask()
    talk.answer(other, b"hello")
    talk.exchange()
    assert talk.bodies[other] == b"hello"


def test_windows_are_right_after_a_thousand_resets() -> None:
    """Of either side, with bodies under way; h2 counts what it may send."""
    talk = Conversation()
    for number in range(1, 2101, 2):
        talk.client.send_headers(number, HEAD)
        talk.client.send_data(number, b"a" * 5000, pad_length=number % 256)
        if number % 4 == 1:
            talk.client.reset_stream(number)
        else:
            talk.exchange()
            talk.driven.session.cut(number, ErrorCode.REFUSED_STREAM)
        talk.driven.now += 0.1
        talk.exchange()
        assert talk.client.outbound_flow_control_window > 2**19 - 10_000
    number = talk.ask(body=bytes(2**20))
    assert len(talk.asked[number]) == 2**20


@pytest.mark.parametrize("size", [0, 100, 4096, 2**16])
def test_any_table_of_the_client(size: int) -> None:
    """Answers keep to it (RFC 7541 section 4.2)."""
    talk = Conversation({h2.settings.SettingCodes.HEADER_TABLE_SIZE: size})
    for _ in range(3):
        number = talk.ask()
        talk.answer(number, b"hello")
        talk.exchange()
        assert talk.bodies[number] == b"hello"
