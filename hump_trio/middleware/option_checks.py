"""Checks of the options that middleware takes, where they are written."""

import math
import re
from collections.abc import Iterable
from datetime import timedelta

from hump_trio.facts.grammar import is_integer

__all__ = ["check_flag", "check_number", "list_of_origins", "list_of_text", "seconds_of"]

# An origin as browsers write it: in lower case, an ASCII host, no path, no default port.
ORIGIN = re.compile(
    r"(?!http://.*:80$|https://.*:443$)[a-z][a-z0-9+.-]*://"
    r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)


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


def list_of_origins(option: str, values: Iterable[str], hint: str = "") -> tuple[str, ...]:
    """Return the values of an option that is a list of origins.

    Args:
        option: The option's name, for the message.
        values: The values.
        hint: The end of the message.

    Raises:
        TypeError: The option is no list of str.
        ValueError: One of them isn't what a browser would send.
    """
    origins = list_of_text(option, values)
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{option} are written as browsers do, as in 'https://shop.example', {origin!r:.80}"
                " isn't: lower case, no path, no default port, no pattern, not null"
                f"{hint}"
            )
    return origins


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


def seconds_of(option: str, value: int | timedelta) -> int:
    """Return the whole seconds of an option that is a time, at least one.

    Raises:
        ValueError: The value is something else.
    """
    seconds = value // timedelta(seconds=1) if isinstance(value, timedelta) else value
    if not is_integer(seconds) or seconds < 1:
        raise ValueError(
            f"{option} is a whole number of seconds, or a timedelta, from 1 second on, not"
            f" {value!r:.80}"
        )
    return seconds
