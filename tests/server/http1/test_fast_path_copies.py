"""Rules that stand twice for speed (see `tests.support.copies`)."""

import pytest

from hump_trio.server.http1 import fast_path
from tests.support.copies import Copy, copies_of, every_copy_is_found, is_copy


@pytest.mark.parametrize("copy", copies_of(fast_path), ids=lambda copy: copy.rule)
def test_a_copy_is_the_rule(copy: Copy) -> None:
    """Statement by statement; a change of one of the two fails here."""
    assert is_copy(copy)


def test_every_copy_is_found() -> None:
    """None is declared in a way that isn't read."""
    assert every_copy_is_found(fast_path)


@pytest.mark.parametrize(
    "lines",
    ["clock.phase = ANSWERED", "clock.phase = ANSWERED\nclock.deadline = math.inf", ""],
)
def test_another_code_is_no_copy(lines: str) -> None:
    """A statement that is left out, or that differs in one name, is seen."""
    assert not is_copy(Copy("Clock.enter_answered()", "", lines))
