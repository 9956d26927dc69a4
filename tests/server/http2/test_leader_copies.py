"""Rules that stand twice for speed (see `tests.support.copies`)."""

import pytest

from hump_trio.server.http2 import leader
from tests.support.copies import Copy, copies_of, every_copy_is_found, is_copy


@pytest.mark.parametrize("copy", copies_of(leader), ids=lambda copy: copy.rule)
def test_a_copy_is_the_rule(copy: Copy) -> None:
    """Statement by statement; a change of one of the two fails here."""
    assert is_copy(copy)


def test_every_copy_is_found() -> None:
    """None is declared in a way that isn't read."""
    assert every_copy_is_found(leader)
