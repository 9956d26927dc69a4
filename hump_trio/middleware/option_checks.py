"""Checks of the options that middleware takes, where they are written."""

import math
from collections.abc import Iterable

from hump_trio.facts.grammar import is_integer

__all__ = ["check_flag", "check_number", "list_of_text"]


def list_of_text(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the values of an option that is a list of str.

    Raises:
        TypeError: The option is something else. A single str is refused, too: it would be taken
            letter by letter.
    """
    if isinstance(values, Iterable) and not isinstance(values, str | bytes):
        texts = tuple(values)
        if all(isinstance(text, str) for text in texts):
            return texts
    raise TypeError(f"{option} is a list of str, as in {option}=['a', 'b'], not {values!r:.80}")


def check_flag(option: str, value: bool) -> None:
    """Refuse a value that is neither True nor False: ``"no"`` would be taken for True.

    Raises:
        TypeError: The value isn't a bool.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{option} is True or False, not {value!r:.80}")


def check_number(option: str, value: int, least: int, most: float) -> None:
    """Refuse a value that isn't a whole number in a range.

    Args:
        option: The option's name, for the message.
        value: The value.
        least: The smallest number allowed.
        most: The largest number allowed; ``math.inf`` for no limit.

    Raises:
        ValueError: The value is something else.
    """
    if not is_integer(value) or not least <= value <= most:
        end = "" if most == math.inf else f" to {most}"
        raise ValueError(f"{option} is a whole number from {least}{end}, not {value!r:.80}")
