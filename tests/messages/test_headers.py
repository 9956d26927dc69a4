"""Header fields, held to a plain list of pairs."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.messages.headers import Headers, add_missing, check_field, set_checked

TOKEN_TEXT = "!#$%&'*+-.^_`|~019azAZ"
NAMES = st.sampled_from(["a", "A", "b", "Set-Cookie", "SET-COOKIE", "x~1"])
VALUES = st.text(st.characters(max_codepoint=0xFF, exclude_categories=["Cc"]) | st.just("\t"))
PAIRS = st.lists(st.tuples(NAMES, VALUES))
# Every character that a value must not hold: controls but the tab, and what has no octet.
UNSENDABLE = [chr(code) for code in (*range(9), *range(10, 32), 127, 0x100, 0x2028, 0x1F600)]


def lowered(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the model: a list of pairs with lower-cased names."""
    return [(name.lower(), value) for name, value in pairs]


@given(PAIRS, NAMES)
def test_reading_agrees_with_a_list(pairs: list[tuple[str, str]], name: str) -> None:
    """Names are case-insensitive, order and repeats are kept, ``[]`` joins, iteration doesn't."""
    headers, model = Headers(pairs), lowered(pairs)
    values = [value for present, value in model if present == name.lower()]
    assert headers.items() == model
    assert headers.get_all(name) == values
    assert (name in headers) == bool(values)
    assert headers.get(name) == (", ".join(values) if values else None)
    assert headers.get(name, "none") == (", ".join(values) if values else "none")
    assert list(headers) == headers.keys() == list(dict(model))
    assert len(headers) == len(dict(model))
    assert dict(headers) == {present: headers[present] for present in headers}
    assert repr(headers) == f"Headers({model!r})"
    if values:
        assert headers[name] == ", ".join(values)
    else:
        with pytest.raises(KeyError, match=name):
            headers[name]


@given(PAIRS, NAMES, VALUES)
def test_writing_agrees_with_a_list(pairs: list[tuple[str, str]], name: str, value: str) -> None:
    """Setting replaces in place, adding appends, `setdefault` leaves what is there."""
    model, key = lowered(pairs), name.lower()
    others = [field for field in model if field[0] != key]
    present = len(others) < len(model)

    headers = Headers(pairs)
    headers[name] = value
    first = next((at for at, field in enumerate(model) if field[0] == key), len(model))
    before = [field for field in model[:first] if field[0] != key]
    assert headers.items() == [*before, (key, value), *others[len(before) :]]

    headers = Headers(pairs)
    headers.add(name, value)
    assert headers.items() == [*model, (key, value)]

    headers = Headers(pairs)
    headers.setdefault(name, value)
    assert headers.items() == (model if present else [*model, (key, value)])

    headers = Headers(pairs)
    if present:
        del headers[name]
    else:
        with pytest.raises(KeyError, match=name):
            del headers[name]
    assert headers.items() == others


@given(PAIRS)
def test_equal_by_fields_in_order(pairs: list[tuple[str, str]]) -> None:
    """Equal headers have the same fields in the same order; nothing else equals headers."""
    headers = Headers(pairs)
    assert headers == Headers(headers)
    assert headers == Headers((name.upper(), value) for name, value in pairs)
    assert headers != Headers([*pairs, ("z", "")])
    assert headers != headers.items()


def test_made_of_a_mapping_of_pairs_or_of_headers() -> None:
    """All three forms give the same, and a copy is independent of what it was made of."""
    headers = Headers({"A": "1"})
    copy = Headers(headers)
    copy["a"] = "2"
    assert headers.items() == Headers([("A", "1")]).items() == [("a", "1")]
    assert Headers().items() == []


def test_a_copy_of_the_items_is_not_the_fields() -> None:
    """What `items` returns can be changed without changing the headers."""
    headers = Headers({"a": "1"})
    headers.items().clear()
    assert headers.items() == [("a", "1")]


def test_received_fields_are_taken_as_they_are() -> None:
    """A parser has checked them; they aren't copied or checked again."""
    fields = [("a", "1")]
    headers = Headers.received(fields)
    fields.append(("b", "2"))
    assert headers.items() == fields


def test_only_text_is_a_name() -> None:
    """Anything else is simply not in there."""
    assert 1 not in Headers({"1": "1"})
    assert None not in Headers()


@pytest.mark.parametrize("character", UNSENDABLE)
def test_a_value_that_breaks_a_message_is_refused_where_it_is_set(character: str) -> None:
    """CR, LF, NUL, other controls and what has no octet raise in every setter."""
    value = f"a{character}b"
    headers = Headers()
    for refused in (
        lambda: check_field("x-a", value),
        lambda: Headers({"x-a": value}),
        lambda: headers.add("x-a", value),
        lambda: headers.setdefault("x-a", value),
        lambda: headers.__setitem__("x-a", value),
    ):
        with pytest.raises(ValueError, match="a value of x-a that can't be sent"):
            refused()
    assert headers.items() == []


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a:", "a\r\nb", "a\n", "\na", "a\0", "ä", "a\t", "(a)", '"a"', "a/b", "[a]"],
)
def test_a_name_that_is_no_token_is_refused_where_it_is_set(name: str) -> None:
    """RFC 9110 section 5.6.2; the message shows it with its escapes."""
    headers = Headers()
    for refused in (
        lambda: Headers([(name, "v")]),
        lambda: headers.add(name, "v"),
        lambda: headers.setdefault(name, "v"),
        lambda: headers.__setitem__(name, "v"),
    ):
        with pytest.raises(ValueError, match="not a header name: '"):
            refused()
    assert headers.items() == []


def test_every_token_character_is_fine_in_a_name() -> None:
    """And every visible character, space, tab and obs-text in a value."""
    value = "\t" + "".join(map(chr, (*range(0x20, 0x7F), *range(0x80, 0x100))))
    assert Headers({TOKEN_TEXT: value}).get(TOKEN_TEXT) == value


@pytest.mark.parametrize(("name", "value"), [("a", 5), ("a", b"b"), (b"a", "b"), ("a", None)])
def test_what_is_not_text_is_named(name: Any, value: Any) -> None:
    """A number as a value is a common slip: the message shows the field that it was given to."""
    with pytest.raises(TypeError, match=r"a header's name and value are str: b?'a'"):
        Headers().add(name, value)
    with pytest.raises(TypeError, match=r"str: b?'a'"):
        Headers(cast("dict[str, str]", {name: value}))


@given(PAIRS, st.dictionaries(st.sampled_from(["a", "b", "c", "set-cookie"]), VALUES))
def test_safe_fields_are_set_as_any_are(
    pairs: list[tuple[str, str]], fields: dict[str, str]
) -> None:
    """In place of others, or only where there are none."""
    replaced, plain = Headers(pairs), Headers(pairs)
    set_checked(replaced, list(fields.items()))
    for name, value in fields.items():
        plain[name] = value
    assert replaced == plain
    completed, plain = Headers(pairs), Headers(pairs)
    add_missing(completed, list(fields.items()))
    for name, value in fields.items():
        plain.setdefault(name, value)
    assert completed == plain


def test_a_copy_changes_alone() -> None:
    """Headers that are made of others have fields of their own."""
    first = Headers([("A", "1"), ("a", "2")])
    second = Headers(first)
    second.add("b", "3")
    assert (first.items(), second.items()[:2]) == ([("a", "1"), ("a", "2")], first.items())
