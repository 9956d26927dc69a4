"""Options are checked where they are written."""

import math
import re
from typing import Any

import pytest

from hump_trio.middleware.option_checks import check_flag, check_number, list_of_text


@pytest.mark.parametrize("values", [["a", "b"], ("a", "b"), dict.fromkeys("ab"), iter("ab")])
def test_lists_of_text(values: Any) -> None:
    """Anything that yields text, once."""
    assert list_of_text("names", values) == ("a", "b")


@pytest.mark.parametrize("values", ["a", b"a", None, 7, ["a", 7], [None], [b"a"]])
def test_no_list_of_text(values: Any) -> None:
    """A single str above all."""
    message = re.escape("names is a list of str, as in names=['a', 'b'], not ")
    with pytest.raises(TypeError, match=message):
        list_of_text("names", values)


@pytest.mark.parametrize("value", ["yes", 1, 0, None, "False"])
def test_no_flag(value: Any) -> None:
    """What would be taken for one in a condition is none."""
    check_flag("trust", False)
    with pytest.raises(TypeError, match="trust is True or False"):
        check_flag("trust", value)


@pytest.mark.parametrize("value", ["1", 1.0, True, None, 0, 10, -1])
def test_no_number(value: Any) -> None:
    """A whole one in its range is."""
    check_number("level", 1, 1, 9)
    check_number("level", 9, 1, 9)
    with pytest.raises(ValueError, match="level is a whole number from 1 to 9, not"):
        check_number("level", value, 1, 9)


def test_a_number_without_an_end() -> None:
    """Its message doesn't speak of one."""
    check_number("size", 10**20, 0, math.inf)
    with pytest.raises(ValueError, match="a whole number from 0, not -1"):
        check_number("size", -1, 0, math.inf)
