"""Markers in ``Annotated``, which say where a parameter's value is taken from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Never

from hump_trio.messages.request import Request

__all__ = ["Body", "Cookie", "Header", "Marker", "Query", "Secret"]


@dataclass(frozen=True, slots=True, init=False)
class Marker:
    """The part that all markers have in common.

    Args:
        alias: The value's name in the request, if it isn't the parameter's.
        unknown: Constraints and defaults, as other frameworks take them here; they are refused.

    Raises:
        TypeError: There is another argument than an alias; the error says what to write instead.
    """

    alias: str

    def __init__(self, alias: str = "", **unknown: Never) -> None:
        if unknown:
            name = type(self).__name__
            word = next(iter(unknown))
            raise TypeError(
                f"{name}() takes an alias alone, not {word}=: a constraint stands beside it, as in"
                f" `Annotated[int, msgspec.Meta(ge=1), {name}()]`, and a default behind the"
                f" annotation, as in `q: Annotated[str, {name}()] = 'x'`"
            )
        object.__setattr__(self, "alias", alias)


class Query(Marker):
    """Takes a parameter from the query: ``Annotated[int, Query(alias="per-page")]``.

    A dataclass, a `msgspec.Struct` or a TypedDict takes a value of the query for each of its
    fields: ``Annotated[Filter, Query()]``. `Header` and `Cookie` can mark such a class, too, and a
    field may have a marker of its own.

    Args:
        alias: The value's name in the query, if it isn't the parameter's.

    Raises:
        TypeError: There is another argument than an alias.
    """

    __slots__ = ()


class Header(Marker):
    """Takes a parameter from a header field: ``x_token: Annotated[str, Header()]``.

    Args:
        alias: The field's name. By default the parameter's, with ``-`` for ``_``.

    Raises:
        TypeError: There is another argument than an alias.
    """

    __slots__ = ()


class Cookie(Marker):
    """Takes a parameter from a cookie: ``session: Annotated[str, Cookie()]``.

    Args:
        alias: The cookie's name. By default the parameter's.

    Raises:
        TypeError: There is another argument than an alias.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True, init=False)
class Body(Marker):
    """Takes a parameter from the body: ``ids: Annotated[list[int], Body()]``.

    The body is JSON, and the type may be any. A parameter whose type has named values, such as a
    dataclass or a dict, is taken from the body without this marker, too.

    Args:
        form: Whether to accept a urlencoded form as well as JSON. False: pages of other sites can
            make a visitor's browser send a form with the visitor's cookies, but not JSON.
        given: Defaults and constraints, as other frameworks take them here; they are refused.

    Raises:
        TypeError: There is another argument than ``form``; the error says what to write instead.
    """

    alias: str = field(repr=False)
    form: bool

    def __init__(self, *given: Never, form: bool = False, **unknown: Never) -> None:
        if given or unknown or not isinstance(form, bool):
            raise TypeError(
                "Body() takes form=True or nothing: a default stands behind the annotation, as in"
                " `item: Annotated[Item | None, Body()] = None`, and a constraint beside it, as in"
                " `Annotated[int, msgspec.Meta(ge=1), Body()]`"
            )
        object.__setattr__(self, "alias", "")
        object.__setattr__(self, "form", form)


class Secret(Marker):
    """The part that the markers of credentials have in common; these are loaded when asked for.

    Attributes:
        challenge: What ``WWW-Authenticate`` asks for where the credentials are missing.
        scheme: That of the ``Authorization`` field, in lower case; empty for what isn't in it.
    """

    __slots__ = ()

    challenge: str
    scheme: ClassVar[str] = ""

    def __reader__(self, annotation: Any) -> Callable[[Request], Any]:
        """Return what reads the credentials of a request; it returns None where they are missing.

        It raises a ValueError for malformed ones, whose words repeat nothing that came.

        Args:
            annotation: That of the parameter.

        Raises:
            TypeError: The annotation says something else than the marker.
        """
        raise NotImplementedError
