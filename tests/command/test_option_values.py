"""The words and texts that stand for an option's value."""

import math
import os
from typing import Any

import pytest

from hump_trio.command.options import parse_options


def test_lists() -> None:
    """Repeated on the command line, between commas or blanks in the environment."""
    binds = ("127.0.0.1:80", "unix:/run/a.sock", "fd://3")
    arguments = [part for bind in binds for part in ("--bind", bind)]
    assert parse_options(["a", *arguments], {}).bind == binds
    variable = f"{binds[0]}, {binds[1]} {binds[2]}"
    assert parse_options(["a"], {"HUMP_TRIO_BIND": variable}).bind == binds


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--timeout-head", "inf"], "timeouts", {"head": math.inf}),
        (["--timeout-deadline-header", "none"], "timeouts", {"deadline_header": None}),
        (["--limit-requests", "none"], "limits", {"requests": None}),
        (["--workers", "auto"], "workers", len(os.sched_getaffinity(0))),
        (["--tls-key", "none", "--tls-cert", "x"], "tls_key", "none"),
    ],
)
def test_words_for_values(arguments: list[str], name: str, value: Any) -> None:
    """No limit, nothing, and as many as fit, where a field takes that."""
    assert getattr(parse_options(["a", *arguments], {}), name) == value
