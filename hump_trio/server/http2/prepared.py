"""What the HTTP/2 connections of a server share: known paths, and header blocks half made."""

import math
import time
from types import EllipsisType
from typing import Any, TypeAlias

from hump_trio.http2.literals import encode_literal
from hump_trio.http2.response_head import begin_head
from hump_trio.messages.choice import Choice
from hump_trio.messages.http_date import encode_http_date
from hump_trio.messages.response import JSON_TYPE, TEXT_TYPE
from hump_trio.messages.target import RequestLine
from hump_trio.server.state import ServerState

__all__ = ["Chosen", "Prepared"]

# The answer to a HEAD is none of those that are half made, and a CONNECT asks for a WebSocket.
NEVER_INLINE = frozenset({"HEAD", "CONNECT"})

# What may happen with a request, the values of its path template, and whether it may be answered
# where its head is read.
Chosen: TypeAlias = tuple[Choice, dict[str, Any], bool]


class Prepared:
    """Shared by the HTTP/2 connections of one run of a server (see `ServerState.shared`).

    Nothing here depends on what clients have sent, but for the paths of routes.

    Args:
        state: That of the server.

    Attributes:
        server_field: The encoded ``server`` field of an answer; empty for none.
        date_field: The encoded ``date`` field; right until `stamp_until`.
        stamps: The block of a 200 answer, up to the value of ``content-length``, by content type;
            right until `stamp_until`.
        stamp_until: The time of Trio's clock until which these tell the right second.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self.server_field: bytes = (
            b"" if state.server is None else encode_literal("server", state.server)
        )
        self.date_field: bytes = b""
        self.stamps: dict[str, bytes] = {}
        self.stamp_until: float = -math.inf
        self._choose_path = state.application.choose
        self._inline = state.timeouts.deadline_header is None
        self._static: dict[tuple[str, str], Chosen] = {}
        for method, path in state.application.static_paths:
            self._static[method, path] = self._choose(method, path)

    def choose(self, line: RequestLine) -> Chosen:
        """Return what is known of a request by its line."""
        method, path = line.method, line.raw_path
        return self._static.get((method, path)) or self._choose(method, path)

    def _choose(self, method: str, path: str) -> Chosen:
        choice, path_params = self._choose_path(method, path)
        return choice, path_params, choice.plain and self._inline and method not in NEVER_INLINE

    def has_room(self, byte_count: int, choice: Choice) -> bool:
        """Tell whether a body that is here may be held for a handler."""
        state, limit = self._state, choice.body_limit_bytes
        if isinstance(limit, EllipsisType):
            limit = state.limits.body_bytes
        fits = not choice.refused and (limit is None or byte_count <= limit)
        return fits and state.buffered_bytes + byte_count <= state.limits.buffered_bytes

    def stamp_anew(self, now: float) -> None:
        """Make what is right for the rest of this second (RFC 9110 section 6.6.1)."""
        seconds = time.time()
        self.date_field = date = encode_literal("date", encode_http_date(int(seconds)))
        self.stamps = {
            kind: begin_head(kind, date, self.server_field) for kind in (TEXT_TYPE, JSON_TYPE)
        }
        self.stamp_until = now + 1 - seconds % 1
