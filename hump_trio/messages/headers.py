"""Header fields: in order, repeats kept, names case-insensitive, and safe to send."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Self, TypeAlias, overload

from hump_trio.facts.exceptions import MissingFieldError
from hump_trio.facts.grammar import TOKEN

__all__ = [
    "FieldLines",
    "Headers",
    "RequestHeaders",
    "add_missing",
    "check_field",
    "set_checked",
]

# Field lines in order of arrival: names in lower case, values stripped, repeats kept.
FieldLines: TypeAlias = list[tuple[str, str]]

# RFC 9110 section 5.5: visible characters, space, tab and obs-text. No octet stands for a character
# above 0xFF.
FIELD_VALUE = re.compile("[\t\x20-\x7e\x80-\xff]*")


def check_field(name: str, value: str) -> None:
    """Refuse a field that can't be sent as it is.

    Raises:
        TypeError: The name or the value isn't text.
        ValueError: The name isn't a token, or the value holds a control character (such as CR,
            LF or NUL) or a character that ISO 8859-1 lacks.
    """
    try:
        name_fits, value_fits = TOKEN.fullmatch(name), FIELD_VALUE.fullmatch(value)
    except TypeError:
        raise TypeError(f"a header's name and value are str: {name!r}: {value!r}") from None
    if not name_fits:
        raise ValueError(f"not a header name: {name!r}")
    if not value_fits:
        raise ValueError(f"a value of {name} that can't be sent: {value!r}")


class Headers:
    """The header fields of one message: an ordered multi-map with case-insensitive names.

    Names are stored in lower case. ``headers[name]`` joins the values of repeated fields with
    ``", "``, as RFC 9110 section 5.2 allows; `get_all` keeps them apart, which ``Set-Cookie``
    needs. ``headers[name] = value`` replaces all fields of that name; `add` keeps them.

    Args:
        fields: A mapping, pairs of names and values, or other headers.

    Raises:
        TypeError: A name or value isn't text. Every method that sets a field raises this too.
        ValueError: A name isn't a token, or a value can't be sent (see `check_field`). Every
            method that sets a field raises this too.
    """

    __slots__ = ("_fields",)

    def __init__(
        self, fields: "Headers | Mapping[str, str] | Iterable[tuple[str, str]]" = ()
    ) -> None:
        if isinstance(fields, Headers):
            self._fields: list[tuple[str, str]] = fields._fields.copy()
            return
        self._fields = []
        if fields:
            pairs = fields.items() if isinstance(fields, Mapping) else fields
            for name, value in pairs:
                self.add(name, value)

    @classmethod
    def received(cls, fields: list[tuple[str, str]]) -> Self:
        """Return headers over a list of fields that a parser has checked and lower-cased."""
        headers = cls.__new__(cls)
        headers._fields = fields
        return headers

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __setitem__(self, name: str, value: str) -> None:
        check_field(name, value)
        name = name.lower()
        for index, (present, _) in enumerate(self._fields):
            if present == name:
                rest = [field for field in self._fields[index + 1 :] if field[0] != name]
                self._fields[index:] = [(name, value), *rest]
                return
        self._fields.append((name, value))

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        name = name.lower()
        self._fields[:] = [field for field in self._fields if field[0] != name]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        name = name.lower()
        for present, _ in self._fields:  # noqa: SIM110 # a generator takes twice as long
            if present == name:
                return True
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._fields))

    def __len__(self) -> int:
        return len(dict(self._fields))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._fields == other._fields

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the joined values of a field, or the default if there is none."""
        values = self.get_all(name)
        return ", ".join(values) if values else default

    def get_all(self, name: str) -> list[str]:
        """Return every value of a field, in order of arrival."""
        name = name.lower()
        return [value for present, value in self._fields if present == name]

    def add(self, name: str, value: str) -> None:
        """Append a field, and keep all others of that name."""
        check_field(name, value)
        self._fields.append((name.lower(), value))

    def setdefault(self, name: str, value: str) -> None:
        """Append a field if there is none of that name."""
        lowered = name.lower()
        for present, _ in self._fields:
            if present == lowered:
                return
        self.add(name, value)

    def keys(self) -> list[str]:
        """Return each name once, in lower case; ``dict(headers)`` needs this."""
        return list(self)

    def items(self) -> list[tuple[str, str]]:
        """Return a list of all fields, repeats included, names in lower case."""
        return list(self._fields)


class RequestHeaders(Headers):
    """The header fields of a request; a KeyError for a missing one is answered with 400."""

    __slots__ = ()

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise MissingFieldError(name, "header")
        return value


def add_missing(headers: Headers, fields: Iterable[tuple[str, str]]) -> None:
    """Do `Headers.setdefault` for fields that are known to be safe, in a sixth of the instructions.

    Args:
        headers: Where they are added.
        fields: They have passed `check_field`, and their names are in lower case.
    """
    present = headers._fields
    names = [name for name, _ in present]
    for field in fields:
        if field[0] not in names:
            present.append(field)


def set_checked(headers: Headers, fields: Iterable[tuple[str, str]]) -> None:
    """Set fields that are known to be safe, as ``headers[name] = value`` does.

    Args:
        headers: Where they are set.
        fields: They have passed `check_field`, their names are in lower case, and none comes twice.
    """
    present = headers._fields
    names = [name for name, _ in present]
    for field in fields:
        if field[0] in names:
            headers[field[0]] = field[1]
        else:
            present.append(field)
