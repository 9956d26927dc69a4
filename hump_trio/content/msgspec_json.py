"""JSON by msgspec: values of any kind, and of a type that a text is checked against."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

from hump_trio.content.annotations import check_flag, types_in
from hump_trio.content.class_defaults import fill_in, filling, may_hold_lacking
from hump_trio.content.collisions import guard_of
from hump_trio.content.costly_numbers import guard_numbers
from hump_trio.facts.exceptions import HttpException

__all__ = ["MsgspecJson", "advice_for", "decode_unmarked"]

# A text with fewer commas has too few values for their hashing to take long.
COMMA_COUNT = 100
# So many types have their decoders kept: more than any app has, unless it makes types as it runs.
DECODER_COUNT = 256


class MsgspecJson:
    """A `JsonCodec` by msgspec: several times as fast as the standard library, and typed."""

    def __init__(self) -> None:
        import msgspec

        self._msgspec = msgspec
        self.encode_filled: Callable[[Any], bytes] = msgspec.json.Encoder().encode
        # `Guard` needs numbers as exact as they are written.
        self._decode_exactly = msgspec.json.Decoder(float_hook=Decimal).decode
        # Of the types that were decoded to lately; `lru_cache` would cost each body 1,000 more
        # instructions.
        self._decoders: dict[Any, Callable[[bytes], Any]] = {}

    def encode(self, value: Any) -> bytes:
        """Return the text of a value (see `JsonCodec.encode`)."""
        kind: Any = type(value)
        if may_hold_lacking(kind):
            fill_in(value)
        return self.encode_filled(value)

    def decode(self, text: bytes, expected: Any = Any) -> Any:
        """Return the value of a text, converted to the expected type."""
        try:
            decode = self._decoders.get(expected)
        except TypeError:  # an extra of `Annotated` has no hash
            decode = None
        if decode is None:
            decode = self._decoder_of(expected)
        try:
            return decode_unmarked(decode, text)
        except self._msgspec.ValidationError as error:
            if expected is Any:  # a number out of range
                raise HttpException(400, "the body is not valid JSON") from error
            raise HttpException(422, str(error)) from error
        except (self._msgspec.DecodeError, ValueError, RecursionError) as error:
            raise HttpException(400, "the body is not valid JSON") from error

    def _decoder_of(self, expected: Any) -> Callable[[bytes], Any]:
        """Return the decoder of a type, made anew; it is kept if the type has a hash.

        Raises:
            TypeError: JSON can't become such a type.
        """
        plain = expected is Any
        decode = self._msgspec.json.Decoder().decode if plain else self.decoder(expected)
        if len(self._decoders) >= DECODER_COUNT:
            self._decoders.clear()
        with suppress(TypeError):
            self._decoders[expected] = decode
        return decode

    def decoder(self, expected: Any, place: str = "body") -> Callable[[bytes], Any]:
        """Return a function that converts a text to a value of a type.

        The function raises ValueError (see `explain_mismatch`) or RecursionError for a text that
        doesn't fit the type, and `BindingError` for one that would keep the server busy (see
        `Guard`, `guard_numbers`).

        Args:
            expected: The type.
            place: What a `BindingError` calls the text.

        Raises:
            TypeError: JSON can't become such a type.
        """
        self.check_type(expected)
        decode: Callable[[bytes], Any] = self._msgspec.json.Decoder(expected).decode
        guarded = self._guarded(decode, expected, place)
        return filling(guard_numbers(guarded, expected, place), expected)

    def _guarded(
        self, decode: Callable[[bytes], Any], expected: Any, place: str
    ) -> Callable[[bytes], Any]:
        """Return a decoder that `Guard` protects; the same decoder if the type needs no guard."""
        guard = guard_of(expected)
        if guard is None:
            return decode

        def decode_guarded(text: bytes) -> Any:
            try:
                if text.count(b",") > COMMA_COUNT:
                    # Where a name comes twice, msgspec would convert both of its values.
                    value = self._decode_exactly(text)
                    guard.check(value, place)
                    text = guard.encode(value)
                return decode(text)
            except TypeError as error:  # a signaling NaN, or a list, has no hash
                raise self._msgspec.ValidationError("Not valid") from error

        return decode_guarded

    def converter(self, expected: Any, place: str = "body") -> Callable[[Any], Any]:
        """Return a function that converts a value of plain JSON kinds to a value of a type.

        The function and this method raise the same errors as with `decoder`.

        Args:
            expected: The type.
            place: The place that a `BindingError` names for such a value.
        """
        self.check_type(expected)
        return filling(partial(self.convert, expected=expected, place=place), expected)

    def convert(self, value: Any, expected: Any, place: str) -> Any:
        """Convert a value to a type that `check_type` has passed.

        Raises:
            BindingError: Converting the value would keep the server busy (see `Guard`).
            ValueError: The value doesn't fit the type.
        """
        guard = guard_of(expected)
        if guard is not None:
            guard.check(value, place)
        return self._msgspec.convert(value, expected, str_keys=True)

    def schemas(self, types: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the JSON schemas of types, and by name the schemas that they refer to.

        The references are those of an OpenAPI document's ``components``.

        Raises:
            TypeError: JSON can't become one of the types (see `check_type`).
        """
        found, named = self._msgspec.json.schema_components(
            types, schema_hook=refuse_class, ref_template="#/components/schemas/{name}"
        )
        return found, named

    def plain(self, value: Any) -> Any:
        """Return a value as plain JSON kinds: dicts, lists, texts, numbers, booleans and None."""
        return self._msgspec.to_builtins(value)

    def check_type(self, expected: Any) -> None:
        """Refuse a type that JSON can't become.

        Raises:
            TypeError: The message names the class that has no JSON form.
        """
        try:
            for each in types_in(expected):
                check_flag(each)
                if hasattr(each, "__attrs_attrs__"):  # msgspec reads them otherwise than attrs does
                    refuse_class(each)
            # Making a schema visits every part of the type; making a decoder takes any class.
            self._msgspec.json.schema(expected, schema_hook=refuse_class)
        except NameError as error:
            raise TypeError(f"{error} at run time") from error
        except RecursionError as error:
            raise TypeError(f"{expected!r:.80} holds ever larger types") from error


def decode_unmarked(decode: Callable[[bytes], Any], text: bytes) -> Any:
    """Decode a text, and ignore a byte order mark before it (RFC 8259 section 8.1).

    Few texts have a mark, so it is looked for only after a first failure.
    """
    try:
        return decode(text)
    except ValueError:
        if not text.startswith(BOM_UTF8):
            raise
        return decode(text[len(BOM_UTF8) :])


def refuse_class(kind: type) -> dict[str, Any]:
    """Refuse a class that msgspec doesn't know, except `object`: its schema allows anything."""
    if kind is object:
        return {"description": "anything"}
    raise TypeError(f"JSON has nothing for a {kind.__name__}{advice_for(kind)}")


def advice_for(annotation: Any) -> str:
    """Return advice for a class of another library that holds data; empty for other types."""
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
