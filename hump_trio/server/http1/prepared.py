"""What the HTTP/1.1 connections of a server share: known request lines, and heads half made."""

import math
import time
from typing import Any, TypeAlias

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.http1.head import parse_request_line
from hump_trio.http1.response_head import begin_head, encode_answer, encode_head
from hump_trio.messages.choice import Choice
from hump_trio.messages.framing import count_body
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.http_date import encode_http_date
from hump_trio.messages.response import JSON_TYPE, TEXT_TYPE, Response
from hump_trio.messages.target import RequestLine
from hump_trio.server.state import ServerState
from hump_trio.server.stragglers import Stragglers

__all__ = ["DRAIN_BYTES", "ChosenRoute", "Prepared"]

# What is read of a body that nobody wants to keep a connection; more costs more than a new one.
DRAIN_BYTES = 64 * 1024
# So many request lines of apps within the app are kept, and none that is longer: 200 KiB at most.
RECENT_COUNT, RECENT_BYTES = 256, 200
# What is asked for, what may happen with it, and the values of the path template.
ChosenRoute: TypeAlias = tuple[RequestLine, Choice, dict[str, Any]]


class Prepared:
    """Shared by the HTTP/1.1 connections of one run of a server (see `ServerState.shared`).

    Args:
        state: That of the server.

    Attributes:
        state: That of the server.
        server_line: The ``Server`` line of an answer; empty for none.
        lines: What `choose` has found for the request lines of static routes.
        stamps: The encoded start of a 200 answer, up to ``content-length: ``, by content type;
            valid until `stamp_until`.
        stragglers: What gives apps that work on behind their answers a little time.
        stamp_until: The time of Trio's clock until which the stamps tell the right second.
        fixed_answers: The encoded answers of fixed choices on connections that go on, until then.
    """

    def __init__(self, state: ServerState) -> None:
        self.state: ServerState = state
        self.server_line: str = "" if state.server is None else f"server: {state.server}\r\n"
        self.stamps: dict[str, bytes] = {}
        self.fixed_answers: dict[Response, bytes] = {}
        self.stragglers: Stragglers = state.shared(Stragglers)
        self.stamp_until: float = -math.inf
        self._date_second = 0
        self._date_line = ""
        self._recent: dict[bytes, ChosenRoute] = {}
        self._choose_path = state.application.choose
        self._target_bytes = state.limits.target_bytes
        self._inline = state.timeouts.deadline_header is None
        self.lines: dict[bytes, ChosenRoute] = {}
        for method, path in state.application.static_paths:
            text = f"{method} {path} HTTP/1.1".encode()
            chosen = self.choose(text)
            if chosen is not None:
                self.lines[text] = chosen

    def choose(self, text: bytes) -> ChosenRoute | None:
        """Return what a request line asks for, if that is something for the fast path.

        Apps within the app have all their paths below one route, and find their own ones by
        themselves; so lines that were chosen for one lately are kept.
        """
        recent = self._recent.get(text)
        if recent is not None:
            line, choice, path_params = recent
            return line, choice, path_params.copy()
        try:
            line = parse_request_line(text.decode("latin-1"), self._target_bytes)
        except HttpParserError:
            return None
        method = line.method
        if line.version != "1.1" or line.authority is not None or method == "HEAD":
            return None
        choice, path_params = self._choose_path(method, line.raw_path)
        if not choice.plain or not self._inline:
            return None
        if choice.speaks and len(text) <= RECENT_BYTES:
            if len(self._recent) >= RECENT_COUNT:
                self._recent.clear()
            self._recent[text] = line, choice, path_params.copy()
        return line, choice, path_params

    def has_room(self, body: bytes, choice: Choice, *, keep_alive: bool) -> bool:
        """Tell whether the fast path may hold a body for a handler, or drop one that nobody wants.

        Where the connection ends with the answer, a body that nobody wants isn't dropped here.
        """
        state, byte_count = self.state, len(body)
        if choice.refused:
            return keep_alive and byte_count <= DRAIN_BYTES
        limit = choice.body_limit_bytes
        if limit is ...:
            limit = state.limits.body_bytes
        fits = limit is None or byte_count <= limit
        return fits and state.buffered_bytes + byte_count <= state.limits.buffered_bytes

    def stamp_anew(self, now: float) -> None:
        """Make the stamps that are right for the rest of this second."""
        lines = f"{self.date_line()}{self.server_line}content-length: ".encode("latin-1")
        self.stamps = {kind: begin_head(200, kind) + lines for kind in (TEXT_TYPE, JSON_TYPE)}
        self.fixed_answers = {}
        self.stamp_until = now + 1 - time.time() % 1

    def encode_whole(
        self,
        line: RequestLine,
        status: int,
        fields: FieldLines,
        body: bytes,
        *,
        body_bytes: int | None,
        keep_alive: bool,
    ) -> bytes:
        """Return an answer that goes out in one call; empty if its connection ends for it.

        Args:
            line: What it answers.
            status: A final status.
            fields: Those of the answer, checked.
            body: All of it.
            body_bytes: Its length; None where the fields tell it.
            keep_alive: Whether another request may follow.

        Raises:
            ValueError: The body is longer or shorter than its Content-Length.
        """
        date, server = self.date_line(), self.server_line
        if keep_alive:
            answer = encode_answer(status, fields, body, date=date, server=server)
            if answer:
                return answer
        head = encode_head(
            line,
            status,
            fields,
            body_bytes=body_bytes,
            keep_alive=keep_alive,
            date=date,
            server=server,
        )
        if head.keep_alive != keep_alive:
            return b""
        if not head.body_follows:
            return head.data
        count_body(head.content_length, len(body), ends=True)
        return head.data + body

    def date_line(self) -> str:
        """Return the ``Date`` line, made anew once a second (RFC 9110 section 6.6.1)."""
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._date_line = f"date: {encode_http_date(second)}\r\n"
        return self._date_line
