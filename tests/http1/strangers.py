"""Three readings of the same bytes: ours, h11's and httptools' (llhttp's)."""

from dataclasses import dataclass, field
from typing import NamedTuple

import h11
import httptools

from tests.http1.corpus import LIMITS
from tests.http1.drive import drain

ByteFields = list[tuple[bytes, bytes]]


class Message(NamedTuple):
    """One complete request as a parser reads it; names in lower case, values stripped."""

    method: bytes
    target: bytes
    version: bytes
    fields: ByteFields
    body: bytes
    trailers: ByteFields


@dataclass(slots=True)
class Reading:
    """What a parser makes of some bytes.

    Args:
        messages: The complete requests.
        refused: Whether an error ended it; without one and without messages it waits for more.
    """

    messages: list[Message] = field(default_factory=list)
    refused: bool = False

    @property
    def verdict(self) -> str:
        """One word for a table."""
        return "refuses" if self.refused else "takes" if self.messages else "waits"


def ours(data: bytes) -> Reading:
    """Read as this project does."""
    outcome = drain([data], LIMITS)
    return Reading(
        [
            Message(
                seen.head.line.method.encode("ascii"),
                seen.head.line.target.encode("ascii"),
                seen.head.line.version.encode("ascii"),
                encode_fields(seen.head.fields),
                seen.body,
                encode_fields(seen.trailers),
            )
            for seen in outcome.whole
        ],
        outcome.status is not None,
    )


def encode_fields(fields: list[tuple[str, str]]) -> ByteFields:
    """Return fields as they were on the wire."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def h11_reading(data: bytes) -> Reading:
    """Read as h11's server does, which answers each request to get to the next."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    reading = Reading()
    try:
        while True:
            request = connection.next_event()
            if not isinstance(request, h11.Request):
                return reading
            body = b""
            while isinstance(event := connection.next_event(), h11.Data):
                body += event.data
            if not isinstance(event, h11.EndOfMessage):
                return reading
            reading.messages.append(
                Message(
                    request.method,
                    request.target,
                    request.http_version,
                    list(request.headers),
                    body,
                    list(event.headers),
                )
            )
            connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE:
                return reading
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        reading.refused = True
        return reading


class Recorder:
    """Takes httptools' callbacks and puts messages together."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.parser = httptools.HttpRequestParser(self)
        self.on_message_begin()

    def on_message_begin(self) -> None:
        """Start anew."""
        self.target = self.body = b""
        self.fields: ByteFields = []
        self.trailers: ByteFields = []
        self.head_done = False

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field or a trailer."""
        fields = self.trailers if self.head_done else self.fields
        fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """What follows is the body."""
        self.head_done = True

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """Note the message."""
        self.reading.messages.append(
            Message(
                self.parser.get_method(),
                self.target,
                self.parser.get_http_version().encode("ascii"),
                self.fields,
                self.body,
                self.trailers,
            )
        )


def httptools_reading(data: bytes) -> Reading:
    """Read as httptools does; leaving HTTP for an upgrade is no refusal."""
    recorder = Recorder()
    try:
        recorder.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        recorder.reading.refused = True
    return recorder.reading
