"""Pairs of a query or a form, held to a plain list."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.content.multimap import MultiMap, only_value, parse_urlencoded

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "ü", ""]) | TEXTS, TEXTS), max_size=20)


@given(PAIRS)
def test_agrees_with_a_list(pairs: list[tuple[str, str]]) -> None:
    """A mapping to each name's first value, with every value at hand."""
    found = MultiMap(pairs)
    assert found.pairs() == tuple(pairs)
    assert dict(found) == dict(reversed(pairs))
    assert list(found) == list(dict(pairs))
    assert len(found) == len(dict(pairs))
    assert repr(found) == f"MultiMap({pairs!r})"
    for name, _ in pairs:
        assert found.get_all(name) == [value for present, value in pairs if present == name]
        assert found[name] == found.get_all(name)[0]


def test_a_name_that_is_missing() -> None:
    """``[]`` raises, `get` gives the default and `get_all` nothing."""
    found = MultiMap()
    with pytest.raises(KeyError, match="a"):
        found["a"]
    assert found.get("a") is None
    assert found.get("a", "x") == "x"
    assert found.get_all("a") == []
    assert "a" not in found


class Counted(str):
    """A name that counts how often one of them is looked at."""

    __slots__ = ()
    looks = 0

    def __eq__(self, other: object) -> bool:
        Counted.looks += 1
        return super().__eq__(other)

    def __hash__(self) -> int:
        Counted.looks += 1
        return super().__hash__()


@pytest.mark.parametrize("repeats", [1, 2])
def test_asking_for_every_name_looks_at_each_a_few_times(repeats: int) -> None:
    """A form into a dict does so: its work grows with the form, and not with the square of it."""
    names = [Counted(number) for number in range(1000)] * repeats
    found = MultiMap([(name, "") for name in names])
    Counted.looks = 0
    for name in names:
        assert found.get_all(name) == [""] * repeats
    assert Counted.looks < 20 * len(names)


@given(PAIRS)
def test_parses_what_a_browser_writes(pairs: list[tuple[str, str]]) -> None:
    """Whatever was encoded comes back: any text, blanks and repeats."""
    assert parse_urlencoded(urlencode(pairs)).pairs() == tuple(pairs)


@given(st.lists(st.sampled_from(["x", "y", "=", "&", "%41", "%", "+", ";", "ü"])).map("".join))
def test_parses_as_the_standard_library_does(text: str) -> None:
    """Whatever the text is: what is read at once, too."""
    found = parse_urlencoded(text)
    pairs = parse_qsl(text, keep_blank_values=True)
    assert found.pairs() == tuple(pairs)
    assert dict(found) == dict(reversed(pairs))
    for name in ("x", "y"):
        assert found.get_all(name) == [value for present, value in pairs if present == name]
        only = found.get(name, "absent") if len(found) == len(pairs) else None
        assert only_value(found, name, "absent") == only


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("&", ()),
        ("a", (("a", ""),)),
        ("a=", (("a", ""),)),
        ("=a", (("", "a"),)),
        ("a=1&&b=2", (("a", "1"), ("b", "2"))),
        ("a=1;b=2", (("a", "1;b=2"),)),
        ("a=b=c", (("a", "b=c"),)),
        ("a+b=c%20d%2B", (("a b", "c d+"),)),
        ("a=%", (("a", "%"),)),
        ("a=%zz", (("a", "%zz"),)),
        ("%C3%BC=ü", (("ü", "ü"),)),
        ("a=%2500", (("a", "%00"),)),
    ],
)
def test_corners_of_the_form_encoding(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    """Only ``&`` separates, blanks are kept, escapes are decoded once, broken ones are left."""
    assert parse_urlencoded(text).pairs() == pairs


@pytest.mark.parametrize("text", ["a=%ff", "%ff=a", "a=%C3", "a=%ED%A0%80"])
def test_an_escape_that_is_not_utf8_is_refused(text: str) -> None:
    """Nothing is guessed and nothing replaced."""
    with pytest.raises(ValueError, match="codec"):
        parse_urlencoded(text)


def test_the_number_of_fields_is_bounded() -> None:
    """A field costs far more memory than it has bytes."""
    assert len(parse_urlencoded("&".join(f"a{i}=" for i in range(1000)))) == 1000
    with pytest.raises(ValueError, match="fields"):
        parse_urlencoded("&" * 1000)
