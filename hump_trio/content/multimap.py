"""The decoded pairs of a query or a form: a mapping that keeps repeated names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

from hump_trio.facts.exceptions import MissingFieldError

__all__ = ["MultiMap", "only_value", "parse_urlencoded"]

# The most fields of a query, more than any page has: each takes far more memory than its bytes.
FIELD_COUNT = 1000

if TYPE_CHECKING:  # a default, which the typing module has from Python 3.13 on
    from typing_extensions import TypeVar as DefaultTypeVar

    V = DefaultTypeVar("V", default=str)
else:
    V = TypeVar("V")


class MultiMap(Mapping[str, V]):
    """An immutable mapping from each name to its first value; `get_all` returns every value.

    A name that isn't there raises a KeyError; where a handler lets that through, the answer is
    400.

    Args:
        pairs: Names and values in order.
    """

    __slots__ = ("_all", "_first", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._first: dict[str, V] = dict(self._pairs)
        if len(self._first) < len(self._pairs):
            self._first = {}
            for name, value in self._pairs:
                self._first.setdefault(name, value)
        self._all: dict[str, list[V]] | None = None

    def __getitem__(self, name: str) -> V:
        try:
            return self._first[name]
        except KeyError:
            raise MissingFieldError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def __repr__(self) -> str:
        return f"MultiMap({list(self._pairs)!r})"

    def get_all(self, name: str) -> list[V]:
        """Return every value of a name, in order.

        The pairs are looked through once, however many names are asked for.
        """
        if name not in self._first:
            return []
        if len(self._first) == len(self._pairs):  # no name comes twice, as in most queries
            return [self._first[name]]
        if self._all is None:
            self._all = {}
            for present, value in self._pairs:
                self._all.setdefault(present, []).append(value)
        return self._all[name].copy()

    def pairs(self) -> tuple[tuple[str, V], ...]:
        """Return all pairs in order, repeats included."""
        return self._pairs


allocate: Callable[[type[MultiMap[str]]], MultiMap[str]] = object.__new__


def only_value(fields: MultiMap[V], name: str, absent: V) -> V | None:
    """Return the value of a name that comes once, or the one for a name that doesn't come.

    None where any name comes twice.
    """
    return fields._first.get(name, absent) if len(fields._first) == len(fields._pairs) else None


def parse_urlencoded(text: str, field_limit: int = FIELD_COUNT) -> MultiMap:
    """Parse a text such as ``a=1&b=2``, as browsers write it; blank values are kept.

    Args:
        text: A query, or the body of a form.
        field_limit: The most fields that the text may have.

    Raises:
        ValueError: An escape isn't UTF-8, or the text has too many fields.
    """
    if "%" not in text and "+" not in text:
        # The result is that of `parse_qsl`: of one field in a tenth of its instructions, and of
        # more in a quarter.
        if "&" not in text and text:
            name, _, value = text.partition("=")
            fields = allocate(MultiMap)
            fields._pairs = ((name, value),)
            fields._first = {name: value}
            fields._all = None
            return fields
        if text.count("&") < field_limit:
            return MultiMap([part.partition("=")[::2] for part in text.split("&") if part])
    return MultiMap(
        parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=field_limit)
    )
