"""Field names and field lines that were read before: a look-up takes the place of most work."""

from typing import TypeAlias, TypeVar

__all__ = ["MEMO", "Memo", "remember"]

# A full dict is emptied, so that hostile clients can neither fill memory nor keep others out of
# it. Names, lines and hosts take 1 MiB each at the most.
ENTRY_COUNT = 1024
KEY_LENGTH = 256

Key = TypeVar("Key", str, bytes)
Value = TypeVar("Value")
# Lines that follow each other, and their names and values.
Run: TypeAlias = tuple[list[bytes], list[tuple[str, str]]]


class Memo:
    """Results of reading, by the text or bytes that were read.

    A memo changes the cost of a reading, and never its outcome: a reader that finds nothing here
    does the work itself. A memo holds no secret: of fields that may tell who somebody is, it keeps
    only the names.

    Attributes:
        names: Names of fields in lower case, by their spelling.
        lines: Names and values of fields that a client repeats in every request, by their lines.
        hosts: Name and value of each valid ``Host`` field, by its line.
        runs: Such lines as heads begin with them, and their names and values; by the second line.
    """

    __slots__ = ("hosts", "lines", "names", "runs")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.lines: dict[bytes, tuple[str, str]] = {}
        self.hosts: dict[bytes, tuple[str, str]] = {}
        self.runs: dict[bytes, tuple[Run, ...]] = {}


def remember(
    readings: dict[Key, Value], key: Key, value: Value, entry_count: int = ENTRY_COUNT
) -> None:
    """Keep the result of a reading, unless the text or bytes that were read are too long."""
    if len(readings) >= entry_count:
        readings.clear()
    if len(key) <= KEY_LENGTH:
        readings[key] = value


# One for the whole process: all of its servers read alike.
MEMO = Memo()
