"""From the texts of one name to a value: none, one or several, empty ones, and a default."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
import pytest

from hump_trio import BindingError
from hump_trio.handlers.parameter import EMPTY
from hump_trio.handlers.reading import reader_of
from tests.support.annotated import BOOL, INT, Above

Few = Annotated[list[int], msgspec.Meta(max_length=1)]

TAKEN: dict[str, tuple[Any, Any, list[str], Any]] = {
    "a text": (str, EMPTY, ["a"], "a"),
    "an empty text": (str, EMPTY, [""], ""),
    "a default": (int, 5, [], 5),
    "a default overruled": (int, 5, ["6"], 6),
    "nothing for an optional one": (int | None, None, [], None),
    "an empty int is left out": (int, 5, [""], 5),
    "an empty str is left out": (str, "x", [""], "x"),
    "an empty optional one is left out": (bool | None, None, [""], None),
    "an empty list is left out": (list[str] | None, None, ["", ""], None),
    "what is filled in of a list": (tuple[str, ...], (), ["", "a"], ("", "a")),
    "list": (list[int], EMPTY, ["1", "2"], [1, 2]),
    "a plain list": (list, EMPTY, ["1", "2"], ["1", "2"]),
    "list of Any": (list[Any], EMPTY, ["1"], ["1"]),
    "set": (set[int], EMPTY, ["1", "1"], {1}),
    "frozenset": (frozenset[int], EMPTY, ["1"], frozenset({1})),
    "tuple": (tuple[int, ...], EMPTY, ["1", "2"], (1, 2)),
    "a plain tuple": (tuple, EMPTY, ["1"], ("1",)),
    "a pair": (tuple[int, str], EMPTY, ["1", "2"], (1, "2")),
    "a sequence": (Sequence[int], (), ["1"], (1,)),
    "a sequence left out": (Sequence[int], (), [], ()),
    "an optional list": (list[int] | None, None, ["1"], [1]),
    "a constrained list": (Few, EMPTY, ["1"], [1]),
}


@pytest.mark.parametrize("rule", TAKEN)
def test_texts_become_a_value(rule: str) -> None:
    """Or the default, where nothing was filled in."""
    annotation, default, texts, value = TAKEN[rule]
    assert repr(reader_of(annotation, default)(texts, "query.it")) == repr(value)


REFUSED: list[tuple[Any, list[str], dict[str, str]]] = [
    (str, [], {"": "missing"}),
    (int | None, [], {"": "missing"}),
    (list[int], [], {"": "missing"}),
    (str, ["a", "a"], {"": "comes twice"}),
    (int, ["x"], {"": INT}),
    (list[int], ["1", "x", ""], {"[1]": INT, "[2]": INT}),
    (list[Above], ["0"], {"[0]": "expected `int` >= 1"}),
    (tuple[int, str], ["1"], {"": "expected 2 values, got 1"}),
    (tuple[int, str], ["x", "y"], {"[0]": INT}),
    (Few, ["1", "2"], {"": "expected `array` of length <= 1"}),
]


@pytest.mark.parametrize(("annotation", "texts", "wrong"), REFUSED)
def test_texts_that_are_no_value(annotation: Any, texts: list[str], wrong: dict[str, str]) -> None:
    """422, with each place and its reason."""
    with pytest.raises(BindingError) as caught:
        reader_of(annotation, EMPTY)(texts, "query.it")
    assert caught.value.status == 422
    assert dict(caught.value.places) == {f"query.it{at}": why for at, why in wrong.items()}


def test_a_name_alone_is_no_truth_value() -> None:
    """It may well mean true: a default of False would be taken in silence; but in a form."""
    with pytest.raises(BindingError, match=BOOL):
        reader_of(bool, False)([""], "query.it")
    assert reader_of(bool, False, of_form=True)([""], "form.it") is False


def test_of_several_texts_of_a_form_the_last_counts() -> None:
    """A hidden field stands before its checkbox."""
    assert reader_of(bool, EMPTY, of_form=True)(["0", "1"], "form.it") is True
    assert reader_of(list[int], EMPTY, of_form=True)(["0", "1"], "form.it") == [0, 1]


@pytest.mark.parametrize(
    ("annotation", "many"),
    [(bytes, True), (list[list[int]], True), (list[int] | int, True), (list[int], False)],
)
def test_what_no_text_is_of_is_refused(annotation: Any, many: bool) -> None:
    """With the types that there are: collections only where a name may come more than once."""
    with pytest.raises(TypeError, match="no text is read as") as caught:
        reader_of(annotation, EMPTY, many=many)
    assert ("lists, sets and tuples of them" in str(caught.value)) is many


def test_no_more_is_read_than_is_told() -> None:
    """After a hundred bad values the others aren't looked at: a header field has thousands."""
    seen = 0

    class Texts(list[str]):
        def __iter__(self) -> Iterator[str]:
            nonlocal seen
            for text in super().__iter__():
                seen += 1
                yield text

    read = reader_of(list[int], EMPTY)
    with pytest.raises(BindingError) as caught:
        read(Texts(["1"] + ["x"] * 15_000), "header.ids")
    assert seen == 101
    assert caught.value.places[-1] == ("header.ids[100]", INT)
