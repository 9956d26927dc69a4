"""Mistakes in tests, and what is said to them.

Try: python -m pytest --tb=line examples/guide/mistake_in_tests.py
"""

from examples.guide.live import app
from examples.guide.login_and_rights import Account, Staff
from hump_trio.testing import client


async def test_with_a_fake_that_nobody_asks_for() -> None:
    async with client(app, provide={Account: Account("ada", "0 1 1 2 3 5")}):
        pass


async def test_with_a_class_in_place_of_a_value() -> None:
    async with client(app, provide={Staff: Staff}):
        pass
