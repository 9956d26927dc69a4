"""One call of an app of WSGI, in its thread: what a server has to do for it (PEP 3333)."""

import re
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeAlias
from wsgiref.util import is_hop_by_hop

from hump_trio.facts.loggers import logger
from hump_trio.messages.framing import BODYLESS
from hump_trio.messages.headers import Headers
from hump_trio.tasks.failures import comes_of, is_failure
from hump_trio.wsgi.handover import Handover

__all__ = ["Call", "WsgiApp"]

# An app: ``app(environ, start_response)``.
WsgiApp: TypeAlias = Callable[..., Iterable[bytes]]
ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]

# A final status and its reason, which isn't sent: ours is the phrase of the status.
STATUS = re.compile(r"([2-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")


class ClientGone(BrokenPipeError):
    """What ``write`` raises in the app when nobody takes its answer any more."""


class Call:
    """Calls an app once, and gives what it answers to a `Handover`.

    Args:
        app: The app.
        environ: What it is called with.
        handover: Takes the answer.

    Attributes:
        status: The status, final once something has been given.
        headers: The header fields, final as the status is.
        what: The method and the target, for the log.
    """

    __slots__ = (
        "_app",
        "_environ",
        "_handover",
        "_has_body",
        "_missing_bytes",
        "_sent",
        "headers",
        "status",
        "what",
    )

    def __init__(self, app: WsgiApp, environ: dict[str, Any], handover: Handover) -> None:
        self._app = app
        self._environ = environ
        self._handover = handover
        # Kept, since the environ is the app's from now on.
        self._has_body = environ["REQUEST_METHOD"] != "HEAD"
        self.what: str = f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}"
        self.status: int = 0  # until the app has called `start_response`
        self.headers: Headers = Headers()
        self._sent = False  # whether both are out of the app's hands
        self._missing_bytes: int | None = None  # of the announced length, where one counts

    def run(self) -> None:
        """Call the app, and give its answer part by part; the iterable is closed in any case.

        The end is given before the iterable is closed, so that no client waits for what an app has
        still to do then. It raises nothing.
        """
        try:
            parts = self._app(self._environ, self.start_response)
            try:
                self._give_parts(parts)
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
        except BaseException as error:
            self._fail(error)

    def start_response(
        self, status: str, response_headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take the status and the header fields, which are sent with the first part or the end.

        Args:
            status: Such as ``"200 OK"``.
            response_headers: A list of names and values.
            exc_info: What `sys.exc_info` returns, for an answer that replaces an earlier one.

        Returns:
            The function ``write``, for apps that don't return all parts.

        Raises:
            BaseException: That of ``exc_info``, where the status has been sent already.
            RuntimeError: The app has called this before, or sets a field that is the server's.
            TypeError: An argument isn't of the type that it must have.
            ValueError: The status or a field can't be sent.
        """
        if exc_info:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # its traceback may hold this frame
        elif self.status:
            raise RuntimeError("start_response was called already; a second call has exc_info")
        number = parse_status(status)
        self.headers = parse_headers(response_headers)
        self.status = number
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part; the first one, even if it is empty, sends the head.

        Raises:
            BrokenPipeError: The client has gone, or the answer has ended.
            RuntimeError: The body is longer than its Content-Length.
            TypeError: The part isn't bytes.
        """
        check_part(data)
        self._begin()
        if self._missing_bytes is not None and len(data) > self._missing_bytes:
            raise RuntimeError("the body is longer than its Content-Length")
        if not self._give(data):
            raise ClientGone("the client has gone")

    def _begin(self) -> None:
        """Let the status and the fields be changed no more.

        Raises:
            RuntimeError: The app hasn't called `start_response`.
        """
        if self._sent:
            return
        if not self.status:
            raise RuntimeError("the app has called no start_response before its answer began")
        self._sent = True
        length = self.headers.get("content-length")
        if length is not None and self._has_body and self.status not in BODYLESS:
            self._missing_bytes = int(length)

    def _give(self, part: bytes) -> bool:
        """Give a part that isn't the last, and return whether anybody takes it."""
        if self._missing_bytes is not None:
            self._missing_bytes -= len(part)
        return self._handover.give(part)

    def _give_parts(self, parts: Iterable[bytes]) -> None:
        """Give all parts, or those up to the announced length, as long as anybody takes them."""
        if isinstance(parts, list | tuple):  # nothing is to come: it goes out in one piece
            for part in parts:
                check_part(part)
            self._finish(b"".join(parts))
            return
        for part in parts:
            check_part(part)
            if not part:
                continue
            self._begin()
            if self._missing_bytes is not None and len(part) >= self._missing_bytes:
                self._finish(part)
                return
            if not self._give(part):
                return
        self._finish(b"")

    def _finish(self, part: bytes) -> None:
        """Give the last part, cut to what is missing of the announced length.

        Raises:
            ValueError: More than the part is missing.
        """
        self._begin()
        missing_bytes = self._missing_bytes
        if missing_bytes is not None:
            if len(part) < missing_bytes:
                raise ValueError("the body is shorter than its Content-Length")
            if len(part) > missing_bytes:
                logger.error("%s: the app's body is cut to its Content-Length", self.what)
                part = part[:missing_bytes]
        self._handover.give(part, last=True)

    def _fail(self, error: BaseException) -> None:
        """Give an error instead of the answer, or of the rest of it; log it if it is too late."""
        if not is_failure(error):  # only the main thread can end a program, or a scope its task
            failure = RuntimeError(f"the app raised {type(error).__name__} in its thread")
            failure.__cause__ = error
            error = failure
        if not self._handover.fail(error) and not comes_of(error, ClientGone):
            logger.error("%s: the app failed behind its answer", self.what, exc_info=error)


def parse_status(status: object) -> int:
    """Return the number of a status such as ``"200 OK"``.

    Raises:
        TypeError: It isn't text.
        ValueError: It isn't a final status, or can't be sent.
    """
    if not isinstance(status, str):
        raise TypeError(f"a status is str, such as '200 OK', not {status!r:.80}")
    found = STATUS.fullmatch(status)
    if found is None:
        raise ValueError(f"a status is such as '200 OK', from 200 to 599, not {status!r:.80}")
    return int(found[1])


def parse_headers(fields: object) -> Headers:
    """Return the header fields of an app's answer.

    Raises:
        RuntimeError: One is the server's business alone (RFC 9110 section 7.6.1).
        TypeError: They aren't a list of pairs of str.
        ValueError: One can't be sent, or the Content-Length is none.
    """
    if not isinstance(fields, list):
        raise TypeError(f"header fields are a list of tuples, not {fields!r:.80}")
    headers = Headers()
    for field in fields:
        if not isinstance(field, tuple) or len(field) != 2:
            raise TypeError(f"a header field is a tuple of a name and a value, not {field!r:.80}")
        headers.add(*field)
        if is_hop_by_hop(field[0]):
            raise RuntimeError(f"{field[0]} is between the server and its peer, not the app's")
    length = headers.get("content-length")
    if length is not None and not (length.isascii() and length.isdigit()):
        raise ValueError(f"a Content-Length that is none: {length!r:.80}")
    return headers


def check_part(part: object) -> None:
    """Refuse a part of a body that isn't bytes.

    Raises:
        TypeError: The message has what to write.
    """
    if not isinstance(part, bytes):
        raise TypeError(f"an app of WSGI gives bytes, as in [b'hello'], not {part!r:.80}")
