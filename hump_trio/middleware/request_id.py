"""A name for each request, to find it again in logs."""

import logging
import re
from contextvars import ContextVar
from uuid import uuid4

from hump_trio.messages.headers import check_field
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.middleware.answers import answer_to
from hump_trio.middleware.options import check_flag
from hump_trio.routing.layer import CallNext

__all__ = ["RequestId", "RequestIdFilter"]

# Nothing that could end a log's field or line, or a string in a program.
IDENTIFIER = re.compile(r"[A-Za-z0-9+/=_.:@-]{1,128}")

# Of the request that a task, and what it has started, works for.
current_name: ContextVar[str] = ContextVar("request_id", default="")


class RequestId:
    """Gives each request a name: ``request.state["request_id"]``, and a field of the answer.

    Log records have it too, by a `RequestIdFilter`.

    Args:
        header: The field's name.
        trust: Whether a client may name its request itself, by the same field. A name that isn't
            1 to 128 letters, digits or ``+/=_.:@-`` is replaced. False: behind a proxy that
            names requests, say True; else anybody could give two requests one name.

    Raises:
        TypeError: The header's name isn't text.
        ValueError: It can't be one.
    """

    def __init__(self, *, header: str = "x-request-id", trust: bool = False) -> None:
        check_field(header, "")
        check_flag("trust", trust)
        self._header = header
        self._trust = trust

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Name the request, and its answer after it."""
        name = request.headers.get(self._header, "") if self._trust else ""
        if not IDENTIFIER.fullmatch(name):
            name = uuid4().hex
        request.state["request_id"] = name
        current_name.set(name)  # for this request alone: each has a context of its own
        response = await answer_to(request, call_next)
        response.headers[self._header] = name
        return response


class RequestIdFilter(logging.Filter):
    """Gives log records the name of the request they are about, as ``record.request_id``.

    For a handler of one's own: ``{"()": "hump_trio.RequestIdFilter"}`` among the ``filters`` of a
    `logging.config.dictConfig`, and ``%(request_id)s`` in a format. A record is of the request
    whose handler logs, also in tasks and threads that this has started; else the name is empty.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Name the request, and let every record pass."""
        if not hasattr(record, "request_id"):
            access = getattr(record, "access", None)  # logged when the request is over
            record.request_id = getattr(access, "request_id", None) or current_name.get()
        return True
