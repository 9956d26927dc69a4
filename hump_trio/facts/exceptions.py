"""One tree for everything that hump_trio raises, each with its evidence as attributes."""

from collections.abc import Iterable
from http import HTTPStatus
from itertools import islice
from typing import Any, ClassVar, Protocol, runtime_checkable

from hump_trio.facts.outcomes import Outcome

__all__ = [
    "PLACE_COUNT",
    "BindError",
    "BindingError",
    "DeadlineError",
    "HttpException",
    "HttpParserError",
    "HumpError",
    "MissingFieldError",
    "OverloadError",
    "RouteError",
    "StatusError",
    "TlsError",
    "UnresolvedError",
    "phrase_of",
]

# What Python calls otherwise up to 3.12.
NEW_PHRASES: dict[int, str] = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
# For a client that was told 503; jitter is its own business.
RETRY_AFTER = (("retry-after", "1"),)


# Of a binding error.
PLACE_COUNT = 100
TEXT_LENGTH = 200


class HumpError(Exception):
    """Anything that hump_trio raises on its own account."""


class StatusError(HumpError):
    """An error that is answered with a status of its own.

    Attributes:
        status: The status to answer with.
        detail: A sentence for the client.
    """

    status: int
    detail: str

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
        detail: A sentence for the client; the status's own phrase if left out.
        headers: Further header fields of the answer.

    Raises:
        TypeError: The detail isn't text.
        ValueError: The status is none that an exception can answer with.
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
        self.status = int(status)
        self.detail = phrase_of(status) if detail is None else detail
        pairs = headers.items() if isinstance(headers, SupportsItems) else headers
        self.headers: tuple[tuple[str, str], ...] = tuple(pairs)
        super().__init__(self.status, self.detail)


class MissingFieldError(HttpException, KeyError):
    """A field that a handler needs and its client left out: 400, and a KeyError.

    Args:
        name: The field of a query or a form, the header field or the cookie.
        kind: What is missing.
    """

    def __init__(self, name: str, kind: str = "field") -> None:
        super().__init__(400, f"the {kind} {name!r} is missing")


class BindingError(HttpException):
    """What a client sent doesn't fit the parameters of its handler, and where.

    Answered as ``application/problem+json`` with the places and reasons under ``errors``. A
    handler may raise it too, for what it finds wrong by itself.

    Args:
        places: Where something is wrong, such as ``body.items[2].price``, ``query.page`` or
            ``header.x-token``, and the reason, in words for the client. More than a hundred, and
            texts of more than 200 characters, are cut: a hostile body has room for many.
        status: 422 for what breaks a type, 400 for what can't be decoded, 415 for a body of
            another type.

    Attributes:
        places: They, in order and each once.
    """

    outcome: ClassVar[Outcome | None] = "refused"

    def __init__(self, places: Iterable[tuple[str, str]], status: int = 422) -> None:
        short = [(shorten(place), shorten(reason)) for place, reason in islice(places, PLACE_COUNT)]
        self.places: tuple[tuple[str, str], ...] = tuple(dict.fromkeys(short))
        more = f" (and {len(self.places) - 1} more)" if len(self.places) > 1 else ""
        detail = ": ".join(self.places[0]) + more if self.places else None
        super().__init__(status, detail)
        self.args: tuple[Any, ...] = (self.places, self.status)  # which it can be made of again


class DeadlineError(HttpException):
    """A deadline that has cancelled a handler: 503.

    Args:
        place: The line of the program that it was cancelled in; empty if unknown.
    """

    outcome: ClassVar[Outcome | None] = "deadline"

    def __init__(self, place: str = "") -> None:
        self.place: str = place
        super().__init__(503, "the answer took too long")


class OverloadError(HttpException):
    """More than there is room for: 503, or another status, with ``Retry-After``.

    Args:
        detail: Of what there is too much.
        status: 507 where it is a disk that has no room.
    """

    outcome: ClassVar[Outcome | None] = "shed"

    def __init__(self, detail: str, status: int = 503) -> None:
        super().__init__(status, detail, headers=RETRY_AFTER)


class HttpParserError(StatusError):
    """Bytes that aren't a request this server takes; the connection ends with the answer.

    Args:
        status: The status to answer with.
        detail: What was wrong, in words that repeat nothing of the input.
    """

    def __init__(self, status: int, detail: str) -> None:
        self.status = int(status)
        self.detail = detail
        super().__init__(self.status, detail)


class RouteError(HumpError):
    """A route that can't be registered: a bad template, a conflict, parameters that don't fit."""


class UnresolvedError(RouteError):
    """A name in a handler's annotations that is nowhere, or not yet defined below the handler."""


class BindError(HumpError):
    """An address that can't be listened on.

    Args:
        address: The address as a user writes it, e.g. ``localhost:8342``.
        reason: The operating system's words.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(address, reason)

    def __str__(self) -> str:
        return f"cannot listen on {self.address}: {self.reason}"


class TlsError(HumpError):
    """A certificate or a key that can't be used.

    Args:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(self.path, reason)

    def __str__(self) -> str:
        return f"cannot use {self.path} for TLS: {self.reason}"


def shorten(text: str) -> str:
    """Return a text, cut where it is long."""
    return text if len(text) <= TEXT_LENGTH else f"{text[: TEXT_LENGTH - 3]}..."


def phrase_of(status: int) -> str:
    """Return the reason phrase of a status (RFC 9110 section 15), or nothing if it has none."""
    try:
        return NEW_PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""
