"""Values of options, from their text on the command line or in the environment.

A text that can't be a value raises a `ValueError` that says what is expected. Which option the
text is for is not known here.
"""

import os
import re
from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Any, get_type_hints

from hump_trio.listening.bind import parse_bind

__all__ = [
    "parse_address",
    "parse_boolean",
    "parse_private_address",
    "parse_seconds",
    "parse_setting",
    "parse_word",
    "parse_workers",
]

BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def parse_boolean(text: str) -> bool:
    """Return the value of an option that is yes or no, from the text of its variable."""
    if text.lower() not in BOOLEANS:
        raise ValueError(f"1, 0, true or false, not {text!r}")
    return BOOLEANS[text.lower()]


def parse_workers(text: str) -> int:
    """Return a number of processes; ``auto`` means one for each processor that may be used."""
    if text == "auto":
        every = os.cpu_count() or 1
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else every
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise ValueError(f"a number of processes, or auto, not {text!r}")
    return int(text)


def parse_seconds(text: str) -> float:
    """Return a number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ValueError(f"a number of seconds, not {text!r}")
    return seconds


def parse_word(words: Collection[str]) -> Callable[[str], str]:
    """Return a parser that accepts one of some words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"{' or '.join(words)}, not {text!r}")
        return text.lower()

    return parse


def parse_address(text: str) -> str:
    """Return a text that names an address to listen on, unchanged."""
    parse_bind(text)
    return text


def parse_private_address(text: str) -> str:
    """Return a text that names an address which this machine alone can reach, unchanged."""
    bind = parse_bind(text)
    if bind.path is None and not (bind.host and is_loopback(bind.host)):
        raise ValueError(
            "an address of this machine alone, such as 127.0.0.1:9000 or unix:/run/app.sock,"
            f" not {text!r}"
        )
    return text


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, and no other one can reach it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def parse_setting(settings: type[Any], name: str) -> Callable[[str], Any]:
    """Return a parser for a field of settings, whose class checks the value.

    Args:
        settings: The class, e.g. `Timeouts`.
        name: The field.
    """
    annotation = get_type_hints(settings)[name]

    def parse(text: str) -> Any:
        value = convert(text, annotation, base=8 if name == "unix_mode" else 10)
        try:
            settings(**{name: (value,) if annotation == tuple[str, ...] else value})
        except (TypeError, ValueError) as error:
            raise ValueError(str(error).removeprefix(f"{settings.__name__}.{name} ")) from None
        return value

    return parse


def convert(text: str, annotation: Any, *, base: int) -> Any:
    """Return the value of a type that a text stands for.

    Args:
        text: The text.
        annotation: The type.
        base: The base in which whole numbers are written.
    """
    if text == "none" and annotation in (int | None, str | None):
        return None
    try:
        if annotation in (int, int | None):
            return int(text, base)
        return float(text) if annotation is float else text
    except ValueError:
        raise ValueError(f"a number, not {text!r}") from None
