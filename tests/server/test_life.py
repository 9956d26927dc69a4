"""The states of a server's life."""

import inspect

from hump_trio.server.life import Life


def test_a_later_state_is_greater() -> None:
    """A decision compares the life of a server with the state from which it is another one."""
    assert list(Life) == sorted(Life)
    assert Life.SERVING < Life.DRAINING < Life.CLOSING < Life.CLEANUP


def test_each_state_says_what_may_be_trusted_in_it() -> None:
    """Who reads the life of a server finds there what the state promises."""
    text = inspect.getdoc(Life) or ""
    assert all(f"\n    {each.name}: " in text for each in Life)
