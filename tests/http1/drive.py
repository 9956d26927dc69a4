"""Drives the parser as a connection does, and notes what comes out of it."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from typing import Any

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.head import RequestHead
from hump_trio.http1.parser import RequestParser
from hump_trio.messages.headers import FieldLines


@dataclass(slots=True)
class Seen:
    """One request as it came out of the parser.

    Args:
        head: As returned; heads compare by identity, so it isn't compared.
        facts: Every value of the head.
        body: The parts of the body in one piece, as far as they came.
        trailers: The fields behind the body.
        whole: Whether the end of the body was reached.
    """

    head: RequestHead = field(compare=False)
    facts: tuple[Any, ...]
    body: bytes = b""
    trailers: FieldLines = field(default_factory=list)
    whole: bool = False


@dataclass(slots=True)
class Outcome:
    """Everything that became of some bytes.

    Args:
        requests: In order; the last one may not be whole.
        status: Of the error that ended it; None if there was none.
        held_bytes: The most that waited in the parser after a pull.
    """

    requests: list[Seen] = field(default_factory=list)
    status: int | None = None
    held_bytes: int = field(default=0, compare=False)

    @property
    def whole(self) -> list[Seen]:
        """The requests that came complete."""
        return [seen for seen in self.requests if seen.whole]


def drain(feeds: Iterable[bytes], limits: Limits) -> Outcome:
    """Feed a parser and pull after each feed, up to the first error."""
    parser = RequestParser(limits)
    outcome = Outcome()
    for data in feeds:
        parser.feed(data)
        try:
            pull(parser, outcome.requests)
        except HttpParserError as error:
            outcome.status = error.status
            return outcome
        outcome.held_bytes = max(outcome.held_bytes, parser.buffered_bytes)
    return outcome


def pull(parser: RequestParser, requests: list[Seen]) -> None:
    """Take everything out of a parser that its bytes allow."""
    while True:
        if not requests or requests[-1].whole:
            head = parser.parse_head()
            if head is None:
                return
            requests.append(Seen(head, astuple(head)))
        seen = requests[-1]
        while part := parser.parse_body():
            seen.body += part
        if part is None:
            return
        seen.trailers = parser.trailers
        seen.whole = True


def bytewise(data: bytes) -> list[bytes]:
    """Return the bytes one by one."""
    return [data[at : at + 1] for at in range(len(data))]
