"""The places at which a JSON value doesn't fit a type, each with the reason.

msgspec stops at the first place. After a failure, and only then, the value is walked through
together with its type, and msgspec checks each part once more.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from hump_trio.content.annotations import (
    is_body,
    is_model,
    is_record,
    item_types,
    kinds_of,
)
from hump_trio.content.json_text import explain_mismatches, typed_codec
from hump_trio.content.records import inputs_of
from hump_trio.facts.exceptions import PLACE_COUNT
from hump_trio.handlers.reading import ABSENT

__all__ = ["find_mismatches"]

# With these a failure costs a few milliseconds at most, however large the body is.
VALUE_COUNT = 2000
DEPTH = 32
KEY_LENGTH = 80


def find_mismatches(
    value: Any, annotation: Any, place: str, error: ValueError
) -> list[tuple[str, str]]:
    """Return the places at which a value doesn't fit a type, and the reasons.

    Args:
        value: The value, as `json.loads` returns it.
        annotation: The type, which `MsgspecJson.check_type` has passed.
        place: The place of the value itself, such as ``body``.
        error: The error of msgspec. It is the only one returned if no fault is found in the first
            2,000 values, to a depth of 32.
    """
    search = Search()
    search.walk(value, annotation, place, DEPTH)
    if search.places:
        return search.places
    return [(place + path, reason) for path, reason in explain_mismatches(error)]


class Search:
    """One walk through a value.

    Attributes:
        places: The places and reasons found so far.
        left: The number of values that may still be looked at.
    """

    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []
        self.left: int = VALUE_COUNT
        self._fields_of = cache(inputs_of)

    def walk(self, value: Any, annotation: Any, place: str, depth: int) -> None:
        """Look at a value and at all that it holds."""
        found, before = len(self.places), self.left
        if not depth or found >= PLACE_COUNT:
            return
        for part, kind, where in self.parts(value, annotation, place):
            if self.left <= 0:
                return
            self.left -= 1
            self.walk(part, kind, where, depth - 1)
        if len(self.places) > found or self.left <= 0:
            return
        # Parts that are right may be wrong as a whole: too few items, or a field too many. This
        # check looks at every part again, so they count again.
        self.left -= before - self.left
        codec = typed_codec()
        try:
            codec.convert(value, annotation, place, codec.decode_other)
        except RecursionError:
            return  # nested too deeply for msgspec
        except TypeError:
            self.places.append((place, "not valid"))  # a signaling NaN has no hash
        except ValueError as error:
            self.places += [(place + path, why) for path, why in explain_mismatches(error)]

    def parts(self, value: Any, annotation: Any, place: str) -> Iterator[tuple[Any, Any, str]]:
        """Yield the parts of a value with their types and places; keep fields that are missing."""
        kinds = kinds_of(annotation)
        kind = kinds[0] if len(kinds) == 1 else None
        arguments, types = get_args(kind), item_types(kind)
        if isinstance(value, dict) and is_record(kind) and not is_model(kind):
            for field in self._fields_of(kind):
                where = f"{place}.{field.name}"
                if field.name in value:
                    yield value[field.name], field.annotation, where
                elif field.required:
                    self.places.append((where, ABSENT))
        elif isinstance(value, dict) and is_body(kind) and len(arguments) == 2:
            for key, part in value.items():
                yield part, arguments[1], f"{place}.{key:.{KEY_LENGTH}}"
        elif isinstance(value, list) and types is not None:
            kinds = [types[1]] * len(value) if types[0] is ... else list(types)
            for index, (part, kind) in enumerate(zip(value, kinds, strict=False)):
                yield part, kind, f"{place}[{index}]"
        else:  # its parts are only checked as a whole, with each value that holds it
            self.left -= count_in(value, self.left)


def count_in(value: Any, limit: int) -> int:
    """Return the number of values within a value, however deep; counting stops at a limit."""
    found: list[Any] = [value]
    for each in found:  # the list grows meanwhile
        if len(found) > limit:
            break
        if isinstance(each, list | dict):
            found += each.values() if isinstance(each, dict) else each
    return len(found) - 1
