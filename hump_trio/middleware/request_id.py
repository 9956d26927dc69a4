"""A name for each request, to find it again in logs."""

import re
from uuid import uuid4

from hump_trio.headers import check_field
from hump_trio.layer import CallNext
from hump_trio.middleware.answers import answer_to
from hump_trio.middleware.options import check_flag
from hump_trio.request import Request
from hump_trio.response import Response

__all__ = ["RequestId"]

# Nothing that could end a log's field or line, or a string in a program.
IDENTIFIER = re.compile(r"[A-Za-z0-9+/=_.:@-]{1,128}")


class RequestId:
    """Gives each request a name: ``request.state["request_id"]``, and a field of the answer.

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
        response = await answer_to(request, call_next)
        response.headers[self._header] = name
        return response
