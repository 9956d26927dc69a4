"""Texts of `hump-trio top`: their words, their width, and what a terminal may not obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.command.top_text import (
    count_of,
    count_words,
    cut,
    escape_all,
    escape_text,
    size,
    span,
    width_of,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 ms"),
        (0.0204, "20.4 ms"),
        (1, "1.0 s"),
        (59.9, "59.9 s"),
        (90, "1.5 min"),
        (7200, "2.0 h"),
        (86400 * 12.5, "12.5 d"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    """Each is in the unit that suits it."""
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**20, "1.0 MiB"), (2**33, "8.0 GiB")],
)
def test_sizes(count: int, text: str) -> None:
    """Each is in the unit that suits it."""
    assert size(count) == text


def test_counts() -> None:
    """One thing has no plural, and what there is none of is left out of a list."""
    assert [count_of(count, "line") for count in (0, 1, 2)] == ["0 lines", "1 line", "2 lines"]
    assert count_words({"ok": 3, "shed": 0, "crash": 1}) == "3 ok, 1 crash"
    assert count_words({"ok": 0}) == "none"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/tea?a=\\x", "/tea?a=\\x"),
        ("/tée/茶", "/tée/茶"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\r\nb\tc\x7f\x00", "a\\r\\nb\\tc\\x7f\\x00"),
        ("\x9b31m", "\\x9b31m"),  # CSI in one byte
        ("\u202egnp.exe", "\\u202egnp.exe"),  # from right to left
        ("\u200b\u2028\ufeff\xa0", "\\u200b\\u2028\\ufeff\\xa0"),
        ("\ud800", "\\ud800"),  # half a pair, which JSON may hold
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_hostile_texts(text: str, shown: str) -> None:
    """What controls a terminal, turns its direction or is unseen is shown as Python writes it."""
    assert escape_text(text) == shown
    assert escape_all({text: [text, {"a": text}, 1, None]}) == {
        shown: [shown, {"a": shown}, 1, None]
    }


@given(st.text(st.characters()))
def test_what_was_escaped_is_harmless(text: str) -> None:
    """It has printable characters alone, can be written as UTF-8, and isn't escaped again."""
    escaped = escape_text(text)
    assert escaped.isprintable()
    escaped.encode()
    assert escape_text(escaped) == escaped


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("a tea", 5, "a tea"),
        ("a teapot", 5, "a te…"),
        ("茶茶茶", 6, "茶茶茶"),
        ("茶茶茶", 5, "茶茶…"),
        ("茶茶茶", 4, "茶…"),
        ("e\u0301" * 9, 5, "e\u0301e\u0301…"),  # what is drawn upon another counts as well
        ("tea", 1, "…"),
        ("tea", 0, ""),
        ("tea", -3, ""),
        ("", 0, ""),
    ],
)
def test_cuts(text: str, width: int, shown: str) -> None:
    """A text that is too wide ends in an ellipsis."""
    assert cut(text, width) == shown
    assert width_of(shown) <= max(width, 0)


@given(st.text(st.characters()), st.integers(-1, 50))
def test_a_cut_text_is_as_wide_as_can_be(text: str, width: int) -> None:
    """No wider than it may be; and what is cut leaves no room for two characters."""
    shown = cut(text, width)
    assert width_of(shown) <= max(width, 0)
    if shown != text and width > 0:
        assert text.startswith(shown[:-1])
        assert width_of(shown) >= width - 1
