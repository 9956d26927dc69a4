"""Options of the middleware, checked where they are written."""

import math
from collections.abc import Iterable

from hump_trio.facts.grammar import is_integer

__all__ = ["check_flag", "check_number", "list_of_text"]


def list_of_text(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the values of an option that is a list of text.

    Raises:
        TypeError: It is something else; a single str would be taken letter by letter.
    """
    if isinstance(values, Iterable) and not isinstance(values, str | bytes):
        texts = tuple(values)
        if all(isinstance(text, str) for text in texts):
            return texts
    raise TypeError(f"{option} is a list of str, as in {option}=['a', 'b'], not {values!r:.80}")


def check_flag(option: str, value: bool) -> None:
    """Refuse what is neither True nor False: ``"no"`` would be taken for True.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{option} is True or False, not {value!r:.80}")


def check_number(option: str, value: int, least: int, most: float) -> None:
    """Refuse what isn't a whole number in a range.

    Raises:
        ValueError: It is something else.
    """
    if not is_integer(value) or not least <= value <= most:
        end = "" if most == math.inf else f" to {most}"
        raise ValueError(f"{option} is a whole number from {least}{end}, not {value!r:.80}")
