"""JSON texts to values and back: by msgspec where it is installed, else by the standard library.

Both read the same texts: what RFC 8259 refuses (NaN, any encoding but UTF-8), halves of surrogate
pairs and numbers out of range are refused; a byte order mark is ignored. Both write dataclasses,
enums, UUIDs, dates, decimals and sets, and write them alike. Only msgspec checks a text against a
type.
"""

import json
import math
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any, Protocol
from uuid import UUID

from hump_trio.content.annotations import check_flag, types_in
from hump_trio.content.class_defaults import fill_in, filling, may_hold_lacking
from hump_trio.content.collisions import guard_of
from hump_trio.content.costly_numbers import guard_numbers
from hump_trio.facts.exceptions import HttpException

__all__ = [
    "JsonCodec",
    "MsgspecJson",
    "StandardJson",
    "advice_for",
    "explain_mismatch",
    "json_codec",
    "typed_codec",
]

# A text with fewer values has no time to lose.
COMMA_COUNT = 100


class JsonCodec(Protocol):
    """What the framework asks of a JSON library."""

    def encode(self, value: Any) -> bytes:
        """Return the text of a value as UTF-8.

        Raises:
            TypeError: The value, or one in it, has no JSON form.
            ValueError: Text has no UTF-8 form. For a number that isn't finite too, but msgspec
                writes null, as JavaScript does.
            ValueError, RecursionError: The value holds itself.
        """
        ...

    def encode_filled(self, value: Any) -> bytes:
        """Return the same for a value whose objects lack no field: `fill_in` isn't needed."""
        ...

    def decode(self, text: bytes, expected: Any = Any) -> Any:
        """Return the value of a text, converted to the expected type.

        Raises:
            HttpException: 400 for what isn't JSON, 422 for JSON of another type.
            TypeError: This codec can't check types.
        """
        ...


class StandardJson:
    """JSON by the standard library; it decodes, but doesn't check types."""

    def encode(self, value: Any) -> bytes:
        """Return the text of a value (see `JsonCodec.encode`)."""
        text = json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain_value
        )
        return text.encode()

    encode_filled = encode

    def decode(self, text: bytes, expected: Any = Any) -> Any:
        """Return the value of a text; a type other than Any raises TypeError."""
        if expected is not Any:
            raise TypeError("json(Type) needs msgspec: pip install 'hump-trio[json]'")
        try:
            value = json.loads(
                text.decode("utf-8-sig"), parse_float=finite_float, parse_constant=refuse_constant
            )
            if rb"\ud" in text.lower():
                self.encode(value)  # half a surrogate pair has no UTF-8 form
            return value
        except (ValueError, RecursionError) as error:
            raise HttpException(400, "the body is not valid JSON") from error


class MsgspecJson:
    """JSON by msgspec: several times as fast, and typed."""

    def __init__(self) -> None:
        import msgspec

        self._msgspec = msgspec
        self.encode_filled: Callable[[Any], bytes] = msgspec.json.Encoder().encode
        # Numbers as exact as they are written, for `Guard`.
        self._decode_exactly = msgspec.json.Decoder(float_hook=Decimal).decode

    def encode(self, value: Any) -> bytes:
        """Return the text of a value (see `JsonCodec.encode`)."""
        kind: Any = type(value)
        if may_hold_lacking(kind):
            fill_in(value)
        return self.encode_filled(value)

    def decode(self, text: bytes, expected: Any = Any) -> Any:
        """Return the value of a text, converted to the expected type."""
        decode = self._msgspec.json.decode if expected is Any else decoder_of(expected)
        try:
            return decode_unmarked(decode, text)
        except self._msgspec.ValidationError as error:
            if expected is Any:  # a number out of range
                raise HttpException(400, "the body is not valid JSON") from error
            raise HttpException(422, str(error)) from error
        except (self._msgspec.DecodeError, ValueError, RecursionError) as error:
            raise HttpException(400, "the body is not valid JSON") from error

    def decoder(self, expected: Any) -> Callable[[bytes], Any]:
        """Return what makes a value of a type of a text.

        It raises ValueError (see `explain_mismatch`) or RecursionError for other texts, and
        `BindingError` for those that would keep a server busy (see `Guard`, `guard_numbers`).

        Raises:
            TypeError: JSON can't become such a type.
        """
        self.check_type(expected)
        decode: Callable[[bytes], Any] = self._msgspec.json.Decoder(expected).decode
        return filling(guard_numbers(self._guarded(decode, expected), expected), expected)

    def _guarded(self, decode: Callable[[bytes], Any], expected: Any) -> Callable[[bytes], Any]:
        """Return a decoder that refuses what `Guard` does; the same one for most types."""
        guard = guard_of(expected)
        if guard is None:
            return decode

        def decode_guarded(text: bytes) -> Any:
            try:
                if text.count(b",") > COMMA_COUNT:
                    # Of a name that comes twice, msgspec would make both values.
                    value = self._decode_exactly(text)
                    guard.check(value, "body")
                    text = guard.encode(value)
                return decode(text)
            except TypeError as error:  # a signaling NaN, or a list, has no hash
                raise self._msgspec.ValidationError("Not valid") from error

        return decode_guarded

    def converter(self, expected: Any, place: str = "body") -> Callable[[Any], Any]:
        """Return what makes a value of a type of a value that JSON has; else as `decoder`.

        Args:
            expected: The type.
            place: Where the values will stand, for a `BindingError`.
        """
        self.check_type(expected)
        return filling(partial(self.convert, expected=expected, place=place), expected)

    def convert(self, value: Any, expected: Any, place: str) -> Any:
        """Return a value of a type that `check_type` has passed; else it raises ValueError."""
        guard = guard_of(expected)
        if guard is not None:
            guard.check(value, place)
        return self._msgspec.convert(value, expected, str_keys=True)

    def schemas(self, types: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return JSON schemas of types, and those they name, for a document's ``components``.

        Raises:
            TypeError: As of `check_type`.
        """
        found, named = self._msgspec.json.schema_components(
            types, schema_hook=refuse_class, ref_template="#/components/schemas/{name}"
        )
        return found, named

    def plain(self, value: Any) -> Any:
        """Return a value as JSON has it, of dicts, lists, texts and numbers."""
        return self._msgspec.to_builtins(value)

    def check_type(self, expected: Any) -> None:
        """Refuse a type that values of JSON can't become.

        Raises:
            TypeError: With the class that JSON has nothing for.
        """
        try:
            for each in types_in(expected):
                check_flag(each)
                if hasattr(each, "__attrs_attrs__"):  # msgspec's ways with them aren't attrs' own
                    refuse_class(each)
            # It walks through all that a type is made of, where a decoder takes any class.
            self._msgspec.json.schema(expected, schema_hook=refuse_class)
        except NameError as error:
            raise TypeError(f"{error} at run time") from error
        except RecursionError as error:
            raise TypeError(f"{expected!r:.80} holds ever larger types") from error


def decoder_of(expected: Any) -> Callable[[bytes], Any]:
    """Return the decoder of a type, which is made once.

    Raises:
        TypeError: As of `MsgspecJson.decoder`.
    """
    try:
        hash(expected)
    except TypeError:  # what it says beside a type has no hash
        return typed_codec().decoder(expected)
    return known_decoder(expected)


@lru_cache(maxsize=256)
def known_decoder(expected: Any) -> Callable[[bytes], Any]:
    """Return the decoder of a type that has a hash."""
    return typed_codec().decoder(expected)


def decode_unmarked(decode: Callable[[bytes], Any], text: bytes) -> Any:
    """Decode a text, and ignore a byte order mark before it (RFC 8259 section 8.1).

    Few texts have one: whoever has it is read twice.
    """
    try:
        return decode(text)
    except ValueError:
        if not text.startswith(BOM_UTF8):
            raise
        return decode(text[len(BOM_UTF8) :])


def typed_codec() -> MsgspecJson:
    """Return the codec that checks types.

    Raises:
        TypeError: It isn't installed.
    """
    if not isinstance(json_codec, MsgspecJson):
        raise TypeError("this takes msgspec: pip install 'hump-trio[json]'")
    return json_codec


def explain_mismatch(error: ValueError) -> tuple[str, str]:
    """Return where in a value a type was broken, and how, in words for a client.

    Args:
        error: Of msgspec's, or any other, whose words are the reason then.

    Returns:
        A place such as ``.items[2].price``, empty for the value itself, and the reason.
    """
    reason, _, path = str(error).rpartition(" - at `")
    if not path.startswith(("$", "key` in `$")):
        reason, path = str(error), ""
    elif path.startswith("key"):
        reason = f"{reason} in a key"
    if isinstance(error.__cause__, TypeError):
        reason = (
            "not valid"  # a bug's words, of a `__post_init__` perhaps, are no client's business
        )
    elif error.__cause__ is None:
        reason = reason[:1].lower() + reason[1:]
    return path.partition("$")[2].rstrip("`"), reason


def plain_value(value: Any) -> Any:
    """Return what JSON has for a value that it doesn't know."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, date | time):
        text = value.isoformat()
        return f"{text[:-6]}Z" if text.endswith("+00:00") else text
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def refuse_class(kind: type) -> dict[str, Any]:
    """Refuse what msgspec calls a custom type; `object` is anything."""
    if kind is object:
        return {"description": "anything"}
    raise TypeError(f"JSON has nothing for a {kind.__name__}{advice_for(kind)}")


def advice_for(annotation: Any) -> str:
    """Return what to write for a class of another library; nothing for other types."""
    for kind in types_in(annotation):
        if hasattr(kind, "model_validate_json"):
            made = f"a pydantic model is `{kind.__name__}.model_validate_json(request.body)`"
        elif hasattr(kind, "__attrs_attrs__"):
            made = f"an attrs class is `{kind.__name__}(**request.json())`"
        else:
            continue
        return (
            f": a body is a dataclass, a msgspec.Struct, a TypedDict or a dict; {made}, with the"
            " Request as a parameter"
        )
    return ""


def finite_float(text: str) -> float:
    """Return a number, and refuse what Python would take for infinity."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number out of range")
    return number


def refuse_constant(name: str) -> None:
    """Refuse ``NaN`` and its like, which Python's parser takes by default."""
    raise ValueError(f"{name} is not JSON")


json_codec: JsonCodec = MsgspecJson() if find_spec("msgspec") else StandardJson()
