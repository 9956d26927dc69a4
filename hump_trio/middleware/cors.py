"""Cross-origin resource sharing: which pages of other origins may read an app's answers."""

import math
from collections.abc import Iterable
from typing import ClassVar, Literal, Never

from hump_trio.dispatch.stepped import Stepped
from hump_trio.facts.grammar import TOKEN
from hump_trio.messages.headers import set_checked
from hump_trio.messages.negotiation import add_vary
from hump_trio.messages.request import Request, joined_values
from hump_trio.messages.response import Response
from hump_trio.middleware.option_checks import (
    check_flag,
    check_number,
    list_of_origins,
    list_of_text,
)

__all__ = ["Cors"]

FIELDS = frozenset({"origin", "access-control-request-method"})
DEFAULT_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Cors(Stepped):
    """Tells browsers which pages of other origins may read the app's answers.

    Register it as in ``app.middleware(Cors(origins=["https://shop.example"]))``. A preflight (the
    OPTIONS request by which a browser asks in advance) is answered 204 at any path, and no handler
    is called. Answers to an origin that isn't listed have no CORS fields; nor have answers to the
    origin ``null``, which any page can make its browser send. Pages may read answers to errors,
    too, also the 500 for an unexpected exception.

    Args:
        origins: The origins of the pages, as browsers write them, such as
            ``https://shop.example``; ``"*"`` for any page.
        methods: The methods that pages may use.
        headers: The request fields that pages may set besides those that are always allowed, e.g.
            ``content-type`` for JSON.
        credentials: Whether the browser may send cookies and other credentials.
        expose: The response fields that pages may read besides the common ones.
        max_age: Seconds for which a browser may remember a preflight. 600: a mistake doesn't last
            longer.

    Raises:
        TypeError: An option isn't a list of str, or isn't known.
        ValueError: An origin, a method or a name of a field can't be one; ``max_age`` isn't a whole
            number; or there is a ``*`` beside ``credentials``, with which any page could act as its
            visitors.

    Source: Fetch standard, section 3.3 (the CORS protocol).
    """

    __answers_errors__: ClassVar[bool] = True

    def __init__(
        self,
        *,
        origins: Iterable[str] | Literal["*"],
        methods: Iterable[str] = DEFAULT_METHODS,
        headers: Iterable[str] = (),
        credentials: bool = False,
        expose: Iterable[str] = (),
        max_age: int = 600,
        **unknown: Never,
    ) -> None:
        if unknown:  # so that it is `origins` that is missing where others call it otherwise
            options = "origins, methods, headers, credentials, expose and max_age"
            raise TypeError(f"Cors has the options {options}, not {', '.join(unknown)}")
        hint = "; any page is origins='*', without a list"
        self._origins = None if origins == "*" else list_of_origins("origins", origins, hint)
        if self._origins == ():
            raise ValueError("origins is empty: list some, or write '*' for any page")
        lists = {"methods": methods, "headers": headers, "expose": expose}
        names = {option: names_of(option, values) for option, values in lists.items()}
        if credentials and (self._origins is None or any("*" in each for each in names.values())):
            raise ValueError("with credentials all is listed by name: '*' would mean everybody")
        check_number("max_age", max_age, 0, math.inf)
        check_flag("credentials", credentials)
        shared = {"access-control-allow-credentials": "true"} if credentials else {}
        preflight = {
            "access-control-allow-methods": ", ".join(names["methods"]),
            "access-control-allow-headers": ", ".join(names["headers"]),
            "access-control-max-age": str(max_age),
        }
        actual = {"access-control-expose-headers": ", ".join(names["expose"])}
        self._preflight = [field for field in {**shared, **preflight}.items() if field[1]]
        self._actual = [field for field in {**shared, **actual}.items() if field[1]]

    def __begin__(self, request: Request) -> Response | str | None:
        """Answer a preflight; let any other request pass, and return its origin."""
        given = joined_values(request, FIELDS)
        origin = given.get("origin")
        if request.method == "OPTIONS" and len(given) == len(FIELDS):
            return self._share(Response(None, 204), origin, self._preflight)
        return origin

    def __finish__(self, request: Request, response: Response, begun: str | None) -> Response:
        """Add the fields to the answer."""
        return self._share(response, begun, self._actual)

    def _share(
        self, response: Response, origin: str | None, fields: list[tuple[str, str]]
    ) -> Response:
        """Return an answer with the fields for an origin."""
        headers = response.headers
        if self._origins is not None:
            add_vary(headers, "Origin")
        if origin is not None and (self._origins is None or origin in self._origins):
            allowed = "*" if self._origins is None else origin
            set_checked(headers, [("access-control-allow-origin", allowed), *fields])
        return response


def names_of(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the names of methods or fields that an option lists.

    Args:
        option: The option's name, for the message.
        values: The names.

    Raises:
        TypeError: The option isn't a list of str.
        ValueError: One of them can't be a name.
    """
    names = list_of_text(option, values)
    for name in names:
        if not TOKEN.fullmatch(name):
            raise ValueError(f"{option} lists names, and {name!r:.80} can't be one")
    return names
