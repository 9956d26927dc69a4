"""Models of pydantic's, which it makes of JSON and writes by itself, under our rules for texts.

pydantic is never imported unless a program has done so: without it, no type is of its making. What
is a text of JSON decides msgspec, as it does for every body. Then pydantic reads the same text, by
its rules for JSON, and its errors are told by the places that all bodies have.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from re import findall
from typing import Any

from hump_trio.facts.exceptions import BindingError

__all__ = [
    "adapter_of",
    "dump_model",
    "has_schema",
    "paths_of",
    "read_text",
    "take_items",
    "validate_text",
]

# More errors than these are only counted: to tell half a million of them takes a second.
ERROR_COUNT = 1000


def adapter_of(annotation: Any) -> Any:
    """Return the `pydantic.TypeAdapter` of an annotation.

    Raises:
        TypeError: pydantic can't make values of such a type, or doesn't know all of its names.
    """
    try:
        return known_adapter(annotation)
    except TypeError:  # an extra of `Annotated` has no hash
        return new_adapter(annotation)


def new_adapter(annotation: Any) -> Any:
    """Make the adapter of an annotation (see `adapter_of`)."""
    from pydantic import PydanticUserError, TypeAdapter

    try:
        adapter: Any = TypeAdapter(annotation)
        adapter.rebuild()
    except (PydanticUserError, NameError) as error:
        raise TypeError(f"pydantic makes no {annotation!r:.80}: {error}") from error
    return adapter


known_adapter: Callable[[Any], Any] = lru_cache(maxsize=256)(new_adapter)


def has_schema(annotation: Any, mode: str) -> bool:
    """Tell whether pydantic can write the schema of a type that it makes.

    Args:
        annotation: The type.
        mode: Whether its values come or go: ``"validation"`` or ``"serialization"``.
    """
    from pydantic import PydanticUserError

    try:
        adapter_of(annotation).json_schema(mode=mode)
    except (PydanticUserError, TypeError):
        return False
    return True


def validate_text(adapter: Any, text: bytes, value: Any, place: str) -> Any:
    """Return what pydantic makes of a text that is JSON.

    Args:
        adapter: The adapter of the type.
        text: The text, which msgspec has decoded.
        value: What it was decoded to.
        place: What an error calls the text.

    Raises:
        BindingError: 422, with each place that doesn't fit; 400 where it is nested too deeply.
    """
    from pydantic import ValidationError

    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        # Without the cause, whose text has the values that came, secrets too.
        raise mismatches_of(error, value, place) from None


def take_items(adapter: Any, encode: Callable[[Any], bytes], value: Sequence[Any]) -> list[Any]:
    """Return the items that pydantic makes of those of an array, without those that don't fit.

    Where it makes a set, pydantic goes on behind an item that doesn't fit, too.

    Args:
        adapter: The adapter of a list.
        encode: Returns a value as JSON.
        value: The array, decoded.

    Raises:
        ValueError: Too many items don't fit, or the array is nested too deeply.
    """
    from pydantic import ValidationError

    items: list[Any] = []
    try:
        items = adapter.validate_json(encode(value))
    except ValidationError as error:
        count = error.error_count()
        if count > ERROR_COUNT:
            raise ValueError(f"{count} values in it are wrong") from None
        steps = [each["loc"] for each in error.errors(include_url=False, include_input=False)]
        if not all(steps):
            raise ValueError("nested too deeply") from None
        wrong = {each[0] for each in steps}
        right = [each for index, each in enumerate(value) if index not in wrong]
        items = adapter.validate_json(encode(right))
    return items


def mismatches_of(error: Any, value: Any, place: str) -> BindingError:
    """Return pydantic's error as ours.

    Args:
        error: The `pydantic.ValidationError`.
        value: The value that it is about, of plain JSON kinds.
        place: The place of that value.
    """
    count = error.error_count()
    if count > ERROR_COUNT:
        return BindingError([(place, f"{count} values in it are wrong")])
    found: list[tuple[str, str]] = []
    for each in error.errors(include_url=False, include_input=False):
        # msgspec has decoded it, and takes more depth. One with a place is a text within it.
        if each["type"] == "json_invalid" and not each["loc"]:
            return BindingError([(place, "nested too deeply")], 400)
        within = place_within(value, each["loc"], missing=each["type"] == "missing")
        found.append((place + within, reason_of(each)))
    return BindingError(dict.fromkeys(found))


def place_within(value: Any, steps: Sequence[int | str], *, missing: bool) -> str:
    """Return a place within a value as we write it.

    pydantic names the members of unions, and its own functions, as if they were steps into the
    value; these are left out.

    Args:
        value: The value, of plain JSON kinds.
        steps: The place as pydantic writes it.
        missing: Whether nothing is at the place.
    """
    place = ""
    for index, step in enumerate(steps):
        if isinstance(value, dict) and step in value:
            place, value = f"{place}.{step}", value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            place, value = f"{place}[{step}]", value[step]
        elif missing and index == len(steps) - 1:
            place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place


def reason_of(each: Mapping[str, Any]) -> str:
    """Return the reason of one of pydantic's errors, in words for a client."""
    if each["type"] == "missing":
        return "missing"
    raised = each.get("ctx", {}).get("error")
    if isinstance(raised, Exception):  # by a validator of the program
        return str(raised) or "not valid"
    message: str = each["msg"]
    reason = message[:1].lower() + message[1:]
    return f"{reason} in a key" if each["loc"][-1:] == ("[key]",) else reason


def dump_model(value: Any, kind: Any = None) -> bytes:
    """Return the JSON of a model by pydantic, with its aliases.

    Args:
        value: The model, or another object that pydantic can write.
        kind: The class whose fields are written; that of the value by default.

    Raises:
        TypeError: A field has a value of another type than annotated.
        ValueError: pydantic can't write the model.
    """
    from pydantic_core import PydanticSerializationError

    serializer = (kind or type(value)).__pydantic_serializer__
    try:
        text: bytes = serializer.to_json(value, by_alias=True, warnings="error")
    except PydanticSerializationError as error:
        names = dict.fromkeys(findall(r"field_name='(.*?)'", str(error)))
        if not names:
            raise
        # Without the cause, whose text has the values.
        name = (kind or type(value)).__name__
        raise TypeError(
            f"a {name} has a value of another type than annotated in {', '.join(names)}"
        ) from None
    return text


def paths_of(kind: Any) -> dict[str, list[tuple[int | str, ...]]]:
    """Return for each field of a model the paths by which its value may come."""
    found: dict[str, list[tuple[int | str, ...]]] = {}
    for name, info in kind.__pydantic_fields__.items():
        alias = info.validation_alias
        choices = getattr(alias, "choices", [alias] if alias else [])
        paths = [tuple(getattr(each, "path", (each,))) for each in choices]
        found[name] = [(name,), *paths]
    return found


def read_text(text: str) -> list[Any]:
    """Return what a text is as JSON, in a list; an empty one if pydantic won't take it either.

    pydantic takes ``NaN``, and leaves out what doesn't fit a set.
    """
    try:
        return [json.loads(text, parse_float=Decimal, strict=False)]
    except (ValueError, RecursionError):
        return []
