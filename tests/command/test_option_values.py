"""The words and texts that stand for an option's value."""

import math
import os
from typing import Any

import pytest

from hump_trio.command.options import UsageError, parse_options


def test_lists() -> None:
    """Repeated on the command line, between commas or blanks in the environment."""
    binds = ("127.0.0.1:80", "unix:/run/a.sock", "fd://3")
    arguments = [part for bind in binds for part in ("--bind", bind)]
    assert parse_options(["a", *arguments], {}).bind == binds
    variable = f"{binds[0]}, {binds[1]} {binds[2]}"
    assert parse_options(["a"], {"HUMP_TRIO_BIND": variable}).bind == binds


@pytest.mark.parametrize(
    "address", ["127.0.0.1:9000", "[::1]:9000", "localhost:0", "unix:/run/a.sock", "127.8.9.1:1"]
)
def test_an_address_of_this_machine_alone(address: str) -> None:
    """A live page may be there."""
    assert parse_options(["a", "--inspect", address], {}).inspect == address


@pytest.mark.parametrize(
    "address",
    [":9000", "*:9000", "0.0.0.0:9000", "[::]:1", "10.0.0.1:9000", "example.com:80", "fd://3",
     "systemd", "localhost.example.com:1", "9000"],
)  # fmt: skip
def test_an_address_that_others_may_reach(address: str) -> None:
    """A live page is for operators alone, and has no password of its own."""
    with pytest.raises(UsageError, match="--inspect: "):
        parse_options(["a", "--inspect", address], {})


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
