"""From what came under a name to a value of a type: one text, several, or none.

This module alone says that a value is missing, or that it comes twice.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from hump_trio.content.annotations import (
    BODY_TYPES,
    class_of,
    is_body,
    item_types,
    kinds_of,
    members,
)
from hump_trio.content.collisions import check_hashes
from hump_trio.content.json_text import explain_mismatch
from hump_trio.facts.exceptions import PLACE_COUNT, BindingError
from hump_trio.handlers.parameter import EMPTY
from hump_trio.handlers.parsing import checker_of, parser_of
from hump_trio.handlers.steps import Parse, Read

__all__ = [
    "ABSENT",
    "collection_reader",
    "default_or_absent",
    "is_switch",
    "only_one",
    "reader_of",
    "texts_for",
]

# The reason for a client where a value has to come and didn't.
ABSENT = "missing"
T = TypeVar("T")


def reader_of(annotation: Any, default: Any, *, many: bool = True, of_form: bool = False) -> Read:
    """Return what makes a value of the texts of a name.

    Args:
        annotation: The value's type.
        default: The value if no text came, or none that isn't empty: a page sends an empty text
            for what wasn't filled in. `EMPTY`: there has to be a text.
        many: Whether the name may come more than once, for a collection.
        of_form: Whether the texts are those of a form. There the last of several counts where one
            value is asked for, as of a hidden field and the checkbox behind it. Elsewhere they are
            refused, since either may be meant, and so is an empty text for a ``bool``: ``?dry`` may
            well mean ``?dry=true``.

    Raises:
        TypeError: No text is of the type.
    """
    read = collection_reader(annotation) if many else None
    last_counts = of_form and read is None
    if read is None:
        parse = parser_of(annotation)
        if parse is None:
            raise TypeError(why_no_text(annotation, many=many))
        read = one_reader(parse)
    read_given = read
    empty_counts = default is EMPTY or (not of_form and is_switch(annotation))

    def read_texts(texts: list[str], place: str) -> Any:
        if texts and (texts[0] or empty_counts or any(texts)):
            return read_given(texts, place)
        return default_or_absent(default, place)

    return (lambda texts, place: read_texts(texts[-1:], place)) if last_counts else read_texts


def one_reader(parse: Parse) -> Read:
    """Return what makes a value of the only text of a name."""

    def read_one(texts: list[str], place: str) -> Any:
        text = only_one(texts, place)
        try:
            return parse(text)
        except ValueError as error:
            raise BindingError([(place, explain_mismatch(error)[1])]) from None

    return read_one


def collection_reader(annotation: Any) -> Read | None:
    """Return what makes a collection of texts; None if the type is no collection of such.

    Raises:
        TypeError: The type takes msgspec, which isn't installed, or msgspec refuses the type.
    """
    kinds = kinds_of(annotation)
    types = item_types(kinds[0]) if len(kinds) == 1 else None
    if types is None:
        return None
    found = [parser_of(each) for each in types if each is not ...]
    parsers = [parse for parse in found if parse is not None]
    if len(parsers) < len(found):
        return None
    count = None if types[0] is ... else len(found)
    kind = class_of(kinds[0])
    build = kind if kind in (list, tuple, set, frozenset) else tuple
    check = checker_of(annotation)

    def read_collection(texts: list[str], place: str) -> Any:
        if count is not None and len(texts) != count:
            raise BindingError([(place, f"expected {count} values, got {len(texts)}")])
        values = parse_each(texts, parsers if count is not None else parsers * len(texts), place)
        if build in (set, frozenset):
            check_hashes(values, place)
        try:
            return build(values) if check is None else check(build(values))
        except ValueError as error:
            raise BindingError([(place, explain_mismatch(error)[1])]) from None

    return read_collection


def parse_each(texts: Sequence[str], parsers: Sequence[Parse], place: str) -> list[Any]:
    """Return the values of texts, each by a parser of its own; or raise all that are wrong."""
    values: list[Any] = []
    places: list[tuple[str, str]] = []
    for index, (text, parse) in enumerate(zip(texts, parsers, strict=True)):
        try:
            values.append(parse(text))
        except ValueError as error:
            places.append((f"{place}[{index}]", explain_mismatch(error)[1]))
            if len(places) >= PLACE_COUNT:
                break  # 15,000 items of a header field would take 0.3 s
    if places:
        raise BindingError(places)
    return values


def default_or_absent(default: Any, place: str) -> Any:
    """Return the default of what didn't come.

    Raises:
        BindingError: There is none.
    """
    if default is EMPTY:
        raise BindingError([(place, ABSENT)])
    return default


def only_one(found: Sequence[T], place: str) -> T:
    """Return the only one of the texts, or the files, that came under a name.

    Raises:
        BindingError: There are several, of which any may be meant.
    """
    if len(found) > 1:
        raise BindingError([(place, "comes twice")])
    return found[0]


def texts_for(annotation: Any) -> Any:
    """Return the type as which texts are read of which a model of pydantic's makes a value.

    Raises:
        TypeError: The value is an object in JSON, which no text is.
    """
    if is_body(annotation):
        raise TypeError(why_no_text(annotation, many=True))
    several = any(item_types(each) is not None for each in kinds_of(annotation))
    return list[str] if several else str


def is_switch(annotation: Any) -> bool:
    """Tell whether an annotation is ``bool`` alone: an empty text could mean either value of it."""
    return list(members(annotation)) == [bool]


def why_no_text(annotation: Any, *, many: bool) -> str:
    """Return that no text is of a type, and what to write instead."""
    lists = " and lists, sets and tuples of them" if many else ""
    return (
        f"no text is read as {annotation!r:.80}, and it is no body type; texts are read as str,"
        f" int, float, bool, Enum, Literal, date, datetime, time, timedelta, UUID, Decimal{lists};"
        f" {BODY_TYPES}, or any other type of JSON with `Body()` beside it; and for anything else"
        " there is the Request"
    )
