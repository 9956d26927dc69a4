"""Rules that stand twice for speed (see `tests.support.copies`)."""

import pytest

from hump_trio.server.http1 import fast_path
from hump_trio.server.http2 import leader
from tests.support.copies import Copy, copies_of, every_copy_is_found, is_copy, same_code_in


@pytest.mark.parametrize("copy", copies_of(leader), ids=lambda copy: copy.rule)
def test_a_copy_is_the_rule(copy: Copy) -> None:
    """Statement by statement; a change of one of the two fails here."""
    assert is_copy(copy)


def test_every_copy_is_found() -> None:
    """None is declared in a way that isn't read."""
    assert every_copy_is_found(leader)


def test_handlers_are_called_alike() -> None:
    """By both protocols, where a request is answered as it is read.

    One function for both would cost each request 2,000 instructions.
    """
    [here], [there] = same_code_in(leader), same_code_in(fast_path)
    assert here == there
