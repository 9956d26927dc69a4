"""One tree for everything that hump_trio raises, each with its evidence as attributes."""

from collections.abc import Iterable
from http import HTTPStatus
from itertools import islice
from typing import Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

from hump_trio.facts.outcomes import Outcome

__all__ = [
    "PLACE_COUNT",
    "BindError",
    "BindingError",
    "CredentialsError",
    "DeadlineError",
    "HttpException",
    "HttpParserError",
    "HumpError",
    "MissingFieldError",
    "OverloadError",
    "RouteError",
    "StartupError",
    "StatusError",
    "TlsError",
    "UnprovidedError",
    "UnresolvedError",
    "WebSocketClosed",
    "equal_error",
    "phrase_of",
]

E = TypeVar("E", bound="StatusError")
# Reason phrases that Python up to 3.12 has by their older names.
NEW_PHRASES: dict[int, str] = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
# Seconds after which a client that was told 503 may ask again; it adds its own jitter.
RETRY_AFTER = (("retry-after", "1"),)
# Caps on what a `BindingError` reports.
PLACE_COUNT = 100
TEXT_LENGTH = 200


class HumpError(Exception):
    """The base of all errors that hump_trio defines."""


class StatusError(HumpError):
    """An error that is answered with a status of its own.

    Args:
        status: The status to answer with.
        detail: A sentence for the client.
    """

    def __init__(self, status: int, detail: str) -> None:
        self.status: int = int(status)  # the number alone of an HTTPStatus, whatever it prints as
        self.detail: str = detail
        super().__init__(self.status, detail)

    def __str__(self) -> str:
        return f"{self.status} {self.detail}"


@runtime_checkable
class SupportsItems(Protocol):
    """A mapping, or anything else with pairs of names and values, such as `Headers`."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return the pairs."""
        ...


class HttpException(StatusError):
    """An answer with an error status, raised from anywhere below a handler.

    Args:
        status: The status to answer with, 300 to 599 (a redirect may be raised too).
        detail: A sentence for the client. If it is left out, the standard phrase of the status
            takes its place.
        headers: Further header fields of the answer.

    Raises:
        TypeError: The detail isn't text.
        ValueError: The status isn't between 300 and 599.
    """

    outcome: ClassVar[Outcome | None] = None

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: SupportsItems | Iterable[tuple[str, str]] = (),
    ) -> None:
        if not isinstance(status, int) or not 300 <= status <= 599:
            raise ValueError(f"an exception answers with a status from 300 to 599, not {status!r}")
        if detail is not None and not isinstance(detail, str):
            raise TypeError(
                f"a detail is a sentence, not {detail!r:.80}; for a body of another kind return a"
                " JsonResponse, or register an exception handler"
            )
        super().__init__(status, phrase_of(status) if detail is None else detail)
        pairs = headers.items() if isinstance(headers, SupportsItems) else headers
        self.headers: tuple[tuple[str, str], ...] = tuple(pairs)


class MissingFieldError(HttpException, KeyError):
    """A field that a handler needs and the client left out: a KeyError, answered with 400.

    Args:
        name: The name of the field of a query or a form, of the header field or of the cookie.
        kind: The word for it in the answer, such as ``"cookie"``.
    """

    def __init__(self, name: str, kind: str = "field") -> None:
        super().__init__(400, f"the {kind} {name!r} is missing")


class BindingError(HttpException):
    """A request that doesn't fit the parameters of its handler, with each place that is wrong.

    It is answered as ``application/problem+json`` with the places and reasons under ``errors``. A
    handler may raise it too, for faults that it finds by itself.

    Args:
        places: Pairs of a place, such as ``body.items[2].price``, ``form.name``, ``query.page``,
            ``header.x-token``, ``cookie.theme`` or ``path.number``, and the reason why the value
            there is refused. Reasons are for who writes the client; a page has words of its own by
            the place. Only the first hundred pairs are kept, and texts are cut at 200 characters,
            since a hostile body can be wrong in very many places.
        status: 422 for a value of the wrong type, 400 for bytes that can't be decoded, 415 for a
            body of the wrong media type.

    Attributes:
        places: The pairs that were kept, in order and each once.
    """

    outcome: ClassVar[Outcome | None] = "refused"

    def __init__(self, places: Iterable[tuple[str, str]], status: int = 422) -> None:
        short = [(shorten(place), shorten(reason)) for place, reason in islice(places, PLACE_COUNT)]
        self.places: tuple[tuple[str, str], ...] = tuple(dict.fromkeys(short))
        more = f" (and {len(self.places) - 1} more)" if len(self.places) > 1 else ""
        detail = ": ".join(self.places[0]) + more if self.places else None
        super().__init__(status, detail)
        # Copies and unpickled objects are built from these.
        self.args: tuple[Any, ...] = (self.places, self.status)


class CredentialsError(HttpException):
    """Credentials that are missing or malformed, answered with 401.

    Args:
        detail: A sentence that says which of both it is.
        challenge: The value of ``WWW-Authenticate``.
    """

    outcome: ClassVar[Outcome | None] = "refused"

    def __init__(self, detail: str, challenge: str) -> None:
        super().__init__(401, detail, headers=[("www-authenticate", challenge)])
        self.args: tuple[Any, ...] = (detail, challenge)


class DeadlineError(HttpException):
    """A deadline that has cancelled a handler, answered with 503.

    Args:
        source_line: The line of the program at which the handler was cancelled; empty if unknown.
    """

    outcome: ClassVar[Outcome | None] = "deadline"

    def __init__(self, source_line: str = "") -> None:
        self.source_line: str = source_line
        super().__init__(503, "the answer took too long")


class OverloadError(HttpException):
    """A request that there is no room for, answered with 503 or 507 and ``Retry-After``.

    Args:
        detail: A sentence that says which resource is used up.
        status: 503, or 507 if the disk is full.
    """

    outcome: ClassVar[Outcome | None] = "shed"

    def __init__(self, detail: str, status: int = 503) -> None:
        super().__init__(status, detail, headers=RETRY_AFTER)


class HttpParserError(StatusError):
    """Bytes that aren't a request this server takes; the connection ends with the answer.

    Args:
        status: The status to answer with.
        detail: The fault, in words that repeat nothing of the input.
    """


class WebSocketClosed(HumpError):
    """The end of a WebSocket: nothing more can be received from its client, or sent to it.

    A handler may let it pass: that is an end like any other, and no crash.

    Args:
        code: The code of the closing frame (RFC 6455 section 7.4); 1005 if it had none, 1006 if the
            client has gone without one.
        reason: The reason of that frame; empty without one.
        by: Who has closed: ``"client"``, ``"server"`` (the handler, or the server for it), or
            ``"lost"`` if the connection broke.
    """

    def __init__(
        self, code: int, reason: str = "", by: Literal["client", "server", "lost"] = "client"
    ) -> None:
        self.code: int = code
        self.reason: str = reason
        self.by: Literal["client", "server", "lost"] = by
        super().__init__(code, reason, by)

    def __str__(self) -> str:
        return f"{self.code} {self.reason}".rstrip() + f" ({self.by})"


class RouteError(HumpError):
    """A route that can't be registered: a bad template, a conflict, parameters that don't fit."""


class UnresolvedError(RouteError):
    """A name in a handler's annotations that isn't defined, or only below the handler."""


class UnprovidedError(RouteError):
    """A parameter that can't be given a value, unless a router around the handler's provides it."""


class BindError(HumpError):
    """An address that can't be listened on.

    Args:
        address: The address as a user writes it, such as ``localhost:8342``.
        reason: The operating system's message.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(address, reason)

    def __str__(self) -> str:
        return f"cannot listen on {self.address}: {self.reason}"


class StartupError(HumpError):
    """A mounted app that says that it can't start, such as by ``lifespan.startup.failed`` of ASGI.

    Args:
        name: What a person calls the app.
        message: What it says, perhaps a whole traceback.
    """

    def __init__(self, name: str, message: str) -> None:
        self.name: str = name
        self.message: str = message
        super().__init__(name, message)

    def __str__(self) -> str:
        last = self.message.rstrip().rpartition("\n")[2].strip()
        return f"{self.name} has failed to start" + (f": {last}" if last else "")


class TlsError(HumpError):
    """A certificate or a key that can't be used.

    Args:
        path: The path of the file.
        reason: The reason why it can't be used.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(self.path, reason)

    def __str__(self) -> str:
        return f"cannot use {self.path} for TLS: {self.reason}"


def shorten(text: str) -> str:
    """Return a text, cut to the most characters that a `BindingError` reports."""
    return text if len(text) <= TEXT_LENGTH else f"{text[: TEXT_LENGTH - 3]}..."


def phrase_of(status: int) -> str:
    """Return the reason phrase of a status (RFC 9110 section 15), or nothing if it has none."""
    try:
        return NEW_PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""


def equal_error(error: E) -> E:
    """Return a copy of an error that has been raised nowhere."""
    equal = type(error).__new__(type(error), *error.args)
    vars(equal).update(vars(error))
    return equal
