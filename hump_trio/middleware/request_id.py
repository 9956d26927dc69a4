"""A name for each request, by which logs of one request are found."""

import logging
import os
import re
from contextvars import ContextVar
from typing import ClassVar

from hump_trio.dispatch.stepped import Stepped
from hump_trio.messages.headers import check_field, set_checked
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.middleware.option_checks import check_flag

__all__ = ["RequestId", "RequestIdFilter"]

# Characters that can't end a field or a line of a log, or a string of a program.
IDENTIFIER = re.compile(r"[A-Za-z0-9+/=_.:@-]{1,128}")

# The name of the request that a task, and every task or thread that it has started, works for.
current_name: ContextVar[str] = ContextVar("request_id", default="")


class RequestId(Stepped):
    """Gives each request a name: ``request.state["request_id"]``, and a field of the answer.

    Register it as in ``app.middleware(RequestId())``. With a `RequestIdFilter`, log records have
    the name, too. Make it in the thread that calls `trio.run`, or within that: made elsewhere it
    does the same, and each request costs a little more.

    Args:
        header: The name of the field.
        trust: Whether the request may bring its name, in the same field. A name that isn't 1 to
            128 letters, digits or ``+/=_.:@-`` is replaced. False: any client could give two
            requests one name. Write True behind a proxy that names requests.

    Raises:
        TypeError: The header isn't a str, or ``trust`` isn't a bool.
        ValueError: The header can't be a field's name.
    """

    __answers_errors__: ClassVar[bool] = True

    def __init__(self, *, header: str = "x-request-id", trust: bool = False) -> None:
        check_field(header, "")
        check_flag("trust", trust)
        self._header = header.lower()
        self._trust = trust
        # A context that a server starts with has a value then, to which the variable is set back
        # after each request; else each would take a new context, and a checkpoint.
        current_name.set(current_name.get())

    def __begin__(self, request: Request) -> str:
        """Name the request, and return the name."""
        name = request.headers.get(self._header, "") if self._trust else ""
        if not name or not IDENTIFIER.fullmatch(name):
            name = os.urandom(16).hex()
        request.state["request_id"] = request.given_name = name
        current_name.set(name)  # for this request alone: each has a context of its own
        return name

    def __finish__(self, request: Request, response: Response, begun: str) -> Response:
        """Set the field of the answer."""
        set_checked(response.headers, [(self._header, begun)])
        return response


class RequestIdFilter(logging.Filter):
    """Gives each log record the name of its request, as ``record.request_id``.

    Add it to a `logging.Handler` of your own: ``{"()": "hump_trio.RequestIdFilter"}`` among the
    ``filters`` of `logging.config.dictConfig`, and ``%(request_id)s`` in a format. The name is that
    of the request whose handler logs, also in tasks and threads that the handler has started; it is
    empty for any other record.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the name, and let every record pass."""
        if not hasattr(record, "request_id"):
            access = getattr(record, "access", None)  # logged when the request is over
            record.request_id = getattr(access, "request_id", None) or current_name.get()
        return True
