"""What a handler asks a request for: its parameters, each with the source of its value.

`Source` is the row that says all about one source; the rows stand in `hump_trio.handlers.sources`.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from hump_trio.content.form import Form
from hump_trio.facts.callables import Handler
from hump_trio.handlers.markers import Body, Marker
from hump_trio.handlers.steps import Get
from hump_trio.messages.request import Request
from hump_trio.routing.layer import Provider

__all__ = ["EMPTY", "LEFT_OUT", "Find", "Parameter", "Provision", "Signature", "Source"]

# The default of a parameter that has none.
EMPTY = inspect.Parameter.empty
# The value of a field that didn't come: its class knows the default.
LEFT_OUT: Any = object()

# Finds the texts that came for a name; raises BindingError 400 where none can be decoded.
Find: TypeAlias = Callable[[Request], list[str]]
# Both raise TypeError where no value can be of the parameter's type, with what to write instead.
# None instead of a getter: the value is `Request.path_params[name]` as it is.
MakeGetter: TypeAlias = Callable[["Parameter"], Get[Request] | None]
MakeFormGetter: TypeAlias = Callable[["Parameter"], Get[Form]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """Where the values of some parameters come from: how these are known, and how they are got.

    Args:
        name: What errors at registration and the document call it.
        place: What a `BindingError` calls it; the name if empty.
        marker: The class that names it in `Annotated`.
        takes: Whether a parameter without a marker is taken from it, by its annotation.
        refuse: Returns why no parameter of such an annotation and marker can be taken from it, in
            words that follow the parameter's name; empty if it can.
        outer_name: Returns what clients call a value, of the parameter's name and the marker's
            alias; raises ValueError for a name that can't be sent.
        optional: Whether a parameter's default counts; a value of the path is always there.
        find: Returns what finds the texts of a parameter, if its values are texts.
        repeats: Whether a name may come more than once, for a collection.
        getter: Makes what gets a value of a request; None if there is none to be had so.
        form_getter: Makes what gets a value of a form with files; None as for ``getter``.
        statuses: What a request may be refused with for such a value.
    """

    name: str
    place: str = ""
    marker: type[Marker] | None = None
    takes: Callable[[Any], bool] = lambda annotation: False
    refuse: Callable[[Any, Marker | None], str] = lambda annotation, marker: ""
    outer_name: Callable[[str, str], str] = lambda name, alias: alias or name
    optional: bool = True
    find: Callable[["Parameter"], Find] | None = None
    repeats: bool = False
    getter: MakeGetter | None = None
    form_getter: MakeFormGetter | None = None
    statuses: frozenset[int] = frozenset({422})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler that is given a value of the request.

    Args:
        name: The parameter's name in the handler.
        source: Where the value comes from.
        field: What clients call the value; empty for the request and a body.
        annotation: Its type, resolved and with what `Annotated` says; Any where there is none.
        default: Its value where the client sends none; `EMPTY` for none.
        by_position: Whether it is passed by position: the first one may be.
        marker: What `Annotated` says of where it comes from, if it says so.
        converter: What the template makes of a value of the path, such as ``int``.
        parts: Where it is a class of values of the query, the header or the cookies, the fields
            of that class: their names are those in the class.
        provider: What gives its value; None: the request does.
        taker: The function of the provider that takes it; None: the handler does.
        read_as: The type as which its texts are read, where the class that it is a field of makes
            the value of them; None: the annotation.
    """

    name: str
    source: Source
    field: str
    annotation: Any = Any
    default: Any = EMPTY
    by_position: bool = False
    marker: Marker | None = None
    converter: str = ""
    parts: tuple["Parameter", ...] = ()
    provider: Provider | None = None
    taker: Handler | None = None
    read_as: Any = None

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is EMPTY

    @property
    def texts(self) -> Any:
        """The type as which its texts are read."""
        return self.annotation if self.read_as is None else self.read_as

    @property
    def form(self) -> bool:
        """Whether it is a body that may be a urlencoded form."""
        return isinstance(self.marker, Body) and self.marker.form

    @property
    def place(self) -> str:
        """Where a `BindingError` says that its value stands."""
        whole = self.source.place or self.source.name
        return f"{whole}.{self.field}" if self.field else whole


class Provision(NamedTuple):
    """A provider as one route has it: the path decides what its parameters are.

    Attributes:
        provider: The provider.
        parameters: Its parameters that are given values, in order.
    """

    provider: Provider
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes and gives.

    Args:
        parameters: Those that are given values, in order.
        returns: The annotation of what it returns, resolved; Any where there is none.
        provisions: The providers that it takes values of, and those that they take values of, each
            once. A provider stands behind those that it takes values of itself.
    """

    parameters: tuple[Parameter, ...]
    returns: Any = Any
    provisions: tuple[Provision, ...] = ()

    @property
    def reads(self) -> list[Parameter]:
        """All that is taken of the request: by the handler, and by its providers however deep."""
        takers = (self.parameters, *(each.parameters for each in self.provisions))
        return [each for taken in takers for each in taken if each.provider is None]

    @property
    def values(self) -> list[Parameter]:
        """What it reads; instead of a parameter that is a class of values, that class's fields."""
        return [value for each in self.reads for value in each.parts or (each,)]

    @property
    def takes_files(self) -> bool:
        """Whether it takes a form with files, which is received before the handler is called."""
        return any(each.source.form_getter and not each.source.getter for each in self.reads)
