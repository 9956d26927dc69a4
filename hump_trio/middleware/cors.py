"""Which pages of other origins may read the answers: cross-origin resource sharing."""

import math
import re
from collections.abc import Iterable
from typing import Literal, Never

from hump_trio.facts.grammar import TOKEN
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response
from hump_trio.middleware.answers import add_vary, answer_to
from hump_trio.middleware.options import check_flag, check_number, list_of_text
from hump_trio.routing.layer import CallNext

__all__ = ["Cors"]

# As browsers write it: in lower case, an ASCII host, no path, and no port that goes without saying.
ORIGIN = re.compile(
    r"(?!http://.*:80$|https://.*:443$)[a-z][a-z0-9+.-]*://"
    r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
DEFAULT_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Cors:
    """Tells browsers which pages of other origins may read the answers.

    A browser's question in advance (preflight) is answered 204 at any path, without a handler. An
    origin that isn't listed is told nothing; neither is ``null``, which any page can have itself
    called. Answers to errors may be read too, those that nobody foresaw included.

    Args:
        origins: Of the pages, as browsers write them, such as ``https://shop.example``; ``"*"``
            for any page.
        methods: What pages may ask for.
        headers: The fields that pages may send besides those that are always allowed, such as
            ``content-type`` for JSON.
        credentials: Whether cookies may come along.
        expose: The fields of answers that pages may read besides the common ones.
        max_age: Seconds for which a browser needn't ask again. 600: a mistake doesn't last.

    Raises:
        TypeError: An option is no list of str.
        ValueError: What isn't an origin, a method or a name; ``*`` beside credentials, which would
            lend every page there is the rights of its visitors; an age that is no number.

    Source: Fetch standard, section 3.3 (the CORS protocol).
    """

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
        self._origins = None if origins == "*" else list_of_text("origins", origins)
        for origin in self._origins or ():
            if not ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"an origin is written as browsers do, as in 'https://shop.example', {origin!r}"
                    " isn't: lower case, no path, no default port, no pattern, not null; any page"
                    " is origins='*', without a list"
                )
        if self._origins == ():
            raise ValueError("origins is empty: list some, or write '*' for any page")
        lists = {"methods": methods, "headers": headers, "expose": expose}
        names = {option: names_of(option, values) for option, values in lists.items()}
        if credentials and (self._origins is None or any("*" in each for each in names.values())):
            raise ValueError("with credentials all is listed by name: '*' would mean everybody")
        check_number("max_age", max_age, 0, math.inf)
        check_flag("credentials", credentials)
        self._shared = {"access-control-allow-credentials": "true"} if credentials else {}
        self._preflight = {
            "access-control-allow-methods": ", ".join(names["methods"]),
            "access-control-allow-headers": ", ".join(names["headers"]),
            "access-control-max-age": str(max_age),
        }
        self._actual = {"access-control-expose-headers": ", ".join(names["expose"])}

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Answer a preflight, or let the request pass and say who may read its answer."""
        origin = request.headers.get("origin")
        asked = "access-control-request-method" in request.headers
        if request.method == "OPTIONS" and asked and origin is not None:
            response, fields = Response(None, 204), self._preflight
        else:
            response, fields = await answer_to(request, call_next), self._actual
        if self._origins is not None:
            add_vary(response.headers, "Origin")
        if origin is not None and (self._origins is None or origin in self._origins):
            allowed = "*" if self._origins is None else origin
            fields = {"access-control-allow-origin": allowed, **self._shared, **fields}
            for name, value in fields.items():
                if value:
                    response.headers[name] = value
        return response


def names_of(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the methods or names of fields that an option lists.

    Raises:
        TypeError: It is no list of str.
        ValueError: One can't be a name.
    """
    names = list_of_text(option, values)
    for name in names:
        if not TOKEN.fullmatch(name):
            raise ValueError(f"{option} lists names, and {name!r:.80} can't be one")
    return names
