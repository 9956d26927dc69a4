"""Where a parameter's value is taken from, said in `Annotated` beside its type."""

from dataclasses import dataclass, field
from typing import Never

__all__ = ["Body", "Cookie", "Header", "Marker", "Query"]


@dataclass(frozen=True, slots=True, init=False)
class Marker:
    """What the markers have in common.

    Args:
        alias: The value's name where it is taken from, if it isn't the parameter's.
        unknown: Refused with what to write instead; other frameworks put constraints there.

    Raises:
        TypeError: There is more than an alias.
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

    Of a dataclass, a `msgspec.Struct` or a TypedDict, each field is a value of the query:
    ``Annotated[Filter, Query()]``. `Header` and `Cookie` take such a class too, and a field may
    have a marker of its own.

    Args:
        alias: Its name there, if it isn't the parameter's.
    """

    __slots__ = ()


class Header(Marker):
    """Takes a parameter from a header field: ``x_token: Annotated[str, Header()]``.

    Args:
        alias: The field's name, if it isn't the parameter's with ``-`` for ``_``.
    """

    __slots__ = ()


class Cookie(Marker):
    """Takes a parameter from a cookie: ``session: Annotated[str, Cookie()]``.

    Args:
        alias: The cookie's name, if it isn't the parameter's.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True, init=False)
class Body(Marker):
    """Takes a parameter from the body: ``ids: Annotated[list[int], Body()]``.

    A body is JSON of any type. What has names in it, such as a dataclass or a dict, is the body
    without a marker too.

    Args:
        form: Whether a urlencoded form is taken as well as JSON. Pages of other sites can send one
            with the cookies of whoever looks at them, but no JSON: so it has to be asked for.
        given: Refused with what to write instead, as is what else other frameworks take there.

    Raises:
        TypeError: There is more than that.
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
