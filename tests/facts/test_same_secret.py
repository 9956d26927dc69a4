"""Secrets are compared byte by byte, in a time that says nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import same_secret
from hump_trio.facts import same_secret as module


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("abc", "abc", True),
        ("abc", b"abc", True),
        (b"abc", b"abc", True),
        ("abc", "abd", False),
        ("abc", "ab", False),
        ("", "", True),
        ("\xe9", "\xe9", True),
        ("\xe9", "e\u0301", False),
        ("日本", "日本".encode(), True),
        ("\ud800", "\ud800", True),
        ("\ud800", "\udfff", False),
    ],
)
def test_secrets_are_compared_as_bytes(a: str | bytes, b: str | bytes, same: bool) -> None:
    """Text is UTF-8, and halves of characters are no error: a client may send them in JSON."""
    assert same_secret(a, b) is same_secret(b, a) is same


@given(st.text(), st.text())
def test_secrets_are_the_same_if_they_are_equal(a: str, b: str) -> None:
    """Whatever they hold."""
    assert same_secret(a, b) is (a == b)
    assert same_secret(a, a)


@pytest.mark.parametrize("other", [None, 5, ["a"], bytearray(b"a")])
def test_nothing_else_is_a_secret(other: Any) -> None:
    """Two that are missing aren't the same."""
    with pytest.raises(TypeError, match=f"not {type(other).__name__}$"):
        same_secret(other, other)


def test_the_comparison_is_the_one_of_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the standard library, with bytes, of which it takes any."""
    compared: list[tuple[Any, Any]] = []

    def compare(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return False

    monkeypatch.setattr(module, "compare_digest", compare)
    assert not same_secret("né", b"a")
    assert compared == [("né".encode(), b"a")]
