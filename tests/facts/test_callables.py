"""What callables are called in messages and in logs."""

from functools import partial
from typing import Any

import pytest

from hump_trio.facts.callables import Handler, name_of, without_partial


async def buy() -> None:
    """Do nothing."""


class Shop:
    """A handler that is an object."""

    async def __call__(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (buy, "buy"),
        (partial(partial(buy)), "buy"),
        (Shop(), "Shop"),
        (partial(Shop()), "Shop"),
        (Shop, "Shop"),
    ],
)
def test_name(function: Handler, name: str) -> None:
    """A callable goes by its own name, an object by its class's, and a partial by what it calls."""
    assert name_of(function) == name


@pytest.mark.parametrize("function", [buy, partial(buy), partial(partial(buy), 1)])
def test_without_partial(function: Any) -> None:
    """However many partials stand around a function, it is found."""
    assert without_partial(function) is buy
