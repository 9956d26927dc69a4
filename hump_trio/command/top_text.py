"""Texts for a terminal: short ones, how wide they are, and nothing in them that it would obey."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any
from unicodedata import east_asian_width

__all__ = [
    "CUT",
    "count_of",
    "count_words",
    "cut",
    "escape_all",
    "escape_text",
    "size",
    "span",
    "width_of",
]

CUT = "…"
SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def count_words(counts: Mapping[str, int]) -> str:
    """Return counts by their words, without those of none."""
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none"


def count_of(count: int, noun: str) -> str:
    """Return a number of things."""
    return f"{count} {noun}{'s' * (count != 1)}"


def span(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit_seconds, unit in SPANS:
        if seconds >= unit_seconds:
            return f"{seconds / unit_seconds:.1f} {unit}"
    return f"{seconds * 1000:.1f} ms"


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit_bytes, unit in SIZES:
        if count >= unit_bytes:
            return f"{count / unit_bytes:.1f} {unit}"
    return f"{count} B"


def escape_text(text: str) -> str:
    r"""Return a text without characters that control a terminal, turn its direction or are unseen.

    Each of them is shown as Python writes it, ``\x1b`` say.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def escape_all(value: Any) -> Any:
    """Return a JSON value in which each text is escaped, those of its keys too."""
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, list):
        return [escape_all(each) for each in value]
    if isinstance(value, dict):
        return {escape_text(key): escape_all(each) for key, each in value.items()}
    return value


def width_of(text: str) -> int:
    """Return how many columns a text takes at most.

    A character that is drawn upon the one before it counts as well: there may be any number.
    """
    return len(text) if text.isascii() else sum(map(columns_of, text))


def columns_of(character: str) -> int:
    """Return how many columns a character takes at most."""
    return 2 if east_asian_width(character) in ("W", "F") else 1


def cut(text: str, width: int) -> str:
    """Return a text that is no wider than so many columns, and tells where it was cut."""
    if width_of(text) <= width:
        return text
    kept = sum(end < width for end in accumulate(map(columns_of, text)))
    return text[:kept] + CUT[: max(width, 0)]
