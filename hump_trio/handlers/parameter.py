"""What a handler asks a request for: its parameters, each with the place of its value."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from hump_trio.handlers.text_values import EMPTY

__all__ = ["Parameter", "Signature", "Source"]

Source: TypeAlias = Literal["request", "path", "query", "header", "cookie", "body", "upload"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler that is given a value of the request.

    Args:
        name: The handler's.
        source: Where the value comes from.
        field: Its name there, empty for the request and a body.
        annotation: Its type, resolved and with what `Annotated` says; Any where there is none.
        default: Its value where the client sends none; `inspect.Parameter.empty` for none.
        by_position: Whether it is passed by position: the first one may be.
        parts: Where it is a class of values of the query, the header or the cookies, its fields:
            their names are those in the class.
        form: Whether a body may be a urlencoded form.
    """

    name: str
    source: Source
    field: str
    annotation: Any = Any
    default: Any = EMPTY
    by_position: bool = False
    parts: tuple["Parameter", ...] = ()
    form: bool = False

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is EMPTY

    @property
    def place(self) -> str:
        """How a `BindingError` names it."""
        source = "form" if self.source == "upload" else self.source
        return f"{source}.{self.field}" if self.field else source


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes and gives.

    Args:
        parameters: Those that are given values of the request, in order.
        returns: The annotation of what it returns, resolved; Any where there is none.
    """

    parameters: tuple[Parameter, ...]
    returns: Any = Any

    @property
    def values(self) -> list[Parameter]:
        """Its parameters, and for one that is a class of values the fields of that."""
        return [value for each in self.parameters for value in each.parts or (each,)]

    @property
    def takes_files(self) -> bool:
        """Whether it takes a form with files, which is read before the handler is called."""
        return any(each.source == "upload" for each in self.parameters)
