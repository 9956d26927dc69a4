"""JSON by msgspec: values of any kind, and of a type that a text is checked against."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

from hump_trio.content.annotations import (
    check_flag,
    constructor_of,
    is_attrs,
    is_model,
    is_of_pydantic,
)
from hump_trio.content.class_defaults import fill_in, filling, may_hold_lacking
from hump_trio.content.collisions import guard_of
from hump_trio.content.costly_numbers import guard_numbers
from hump_trio.content.records import check_extras, types_in
from hump_trio.facts.exceptions import BindingError, HttpException

__all__ = ["ModelMismatch", "MsgspecJson", "decode_unmarked"]

# A text with fewer commas has too few values for their hashing to take long.
COMMA_COUNT = 100
# So many types have their decoders kept: more than any app has, unless it makes types as it runs.
DECODER_COUNT = 256


class ModelMismatch(ValueError):
    """A value within another that doesn't fit its model.

    Args:
        places: Pairs of a place in the value, empty for the value itself, and the reason why what
            is there is refused.
    """

    def __init__(self, places: Iterable[tuple[str, str]]) -> None:
        self.places: tuple[tuple[str, str], ...] = tuple(places)
        super().__init__(self.places[0][1])


class MsgspecJson:
    """A `JsonCodec` by msgspec: several times as fast as the standard library, and typed."""

    def __init__(self) -> None:
        import msgspec

        self._msgspec = msgspec
        self.encode_filled: Callable[[Any], bytes] = msgspec.json.Encoder(
            enc_hook=self._encode_other
        ).encode
        # `Guard` needs numbers as exact as they are written.
        self._decode_any = msgspec.json.Decoder().decode
        self._decode_exactly = msgspec.json.Decoder(float_hook=Decimal).decode
        # Of the types that were decoded to lately; `lru_cache` would cost each body 1,000 more
        # instructions.
        self._decoders: dict[Any, Callable[[bytes], Any]] = {}
        # Of the models that other types hold, and of what is made by a constructor.
        self._model_decoders: dict[Any, Callable[[bytes], Any]] = {}
        self._constructing: dict[Any, Callable[[Any], Any]] = {}

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
        decode = self._decode_any if plain else self.decoder(expected)
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
        if is_of_pydantic(expected):
            return self._model_decoder(expected, place)
        guarded = self._guarded(self._plain_decoder(expected), expected, place)
        return filling(guard_numbers(guarded, expected, place), expected)

    def _plain_decoder(self, expected: Any) -> Callable[[bytes], Any]:
        """Return a function that converts a text to a value of a type, without guards."""
        decode: Callable[[bytes], Any] = self._msgspec.json.Decoder(
            with_stand_ins(expected), dec_hook=self.decode_other
        ).decode
        return decode

    def _model_decoder(self, expected: Any, place: str) -> Callable[[bytes], Any]:
        """Return a function that lets pydantic convert a text to a value of a type.

        It raises the errors of `decoder`, but a `BindingError` for a text that doesn't fit.
        """
        from hump_trio.content.models import adapter_of, validate_text

        adapter, guard = adapter_of(expected), guard_of(expected, self._plain_decoder)

        def decode_model(text: bytes) -> Any:
            try:
                value = self._decode_any(text)
            except self._msgspec.ValidationError as error:  # a number out of range
                raise ValueError(str(error)) from None
            if guard is not None and (guard.reads_texts or text.count(b",") > COMMA_COUNT):
                value = self._decode_exactly(text)
                try:
                    guard.check(value, place)
                except (ValueError, TypeError) as error:
                    raise BindingError([(place, "not valid")]) from error
                text = guard.encode(value)  # as in `_guarded`
            return validate_text(adapter, text, value, place)

        return guard_numbers(decode_model, expected, place)

    def _guarded(
        self, decode: Callable[[bytes], Any], expected: Any, place: str
    ) -> Callable[[bytes], Any]:
        """Return a decoder that `Guard` protects; the same decoder if the type needs no guard."""
        guard = guard_of(expected, self._plain_decoder)
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
        if is_of_pydantic(expected):
            decode = self._model_decoder(expected, place)
            return lambda value: decode(self.encode_filled(value))
        others = any(map(is_made_elsewhere, types_in(expected)))
        hook = self.decode_other if others else None
        return filling(partial(self.convert, expected=expected, place=place, hook=hook), expected)

    def convert(
        self, value: Any, expected: Any, place: str, hook: Callable[[Any, Any], Any] | None = None
    ) -> Any:
        """Convert a value to a type that `check_type` has passed.

        Args:
            value: The value, of plain JSON kinds.
            expected: The type.
            place: The place that a `BindingError` names for such a value.
            hook: `decode_other`, where the type may hold what msgspec doesn't make.

        Raises:
            BindingError: Converting the value would keep the server busy (see `Guard`).
            ValueError: The value doesn't fit the type.
        """
        guard = guard_of(expected, self._plain_decoder)
        if guard is not None:
            guard.check(value, place)
        if hook is None:
            return self._msgspec.convert(value, expected, str_keys=True)
        return self._msgspec.convert(value, with_stand_ins(expected), str_keys=True, dec_hook=hook)

    def decode_other(self, kind: Any, value: Any) -> Any:
        """Convert a value within another to what msgspec doesn't make by itself.

        Args:
            kind: A model of pydantic's or a stand-in (see `stand_in_for`); `object` takes any
                value.
            value: The value, of plain JSON kinds.

        Raises:
            ValueError: The value doesn't fit; a `ModelMismatch` knows where.
        """
        if kind is object:
            return value
        constructor = constructor_of(kind)
        if constructor is not None:
            return self._construct(kind, constructor, value)
        decode = self._model_decoders.get(kind)
        if decode is None:
            decode = self._model_decoders[kind] = self._model_decoder(kind, "")
        try:
            return decode(self.encode_filled(value))
        except BindingError as error:
            raise ModelMismatch(error.places) from None

    def _construct(self, kind: Any, constructor: Any, value: Any) -> Any:
        """Convert a value to a class that its own constructor makes (see `decode_other`)."""
        convert = self._constructing.get(kind)
        if convert is None:
            convert = self._constructing[kind] = self.converter(constructor.struct, "")
        try:
            given = convert(value)
        except BindingError as error:
            raise ModelMismatch(error.places) from None
        try:
            return constructor.make(given)
        except (ValueError, TypeError) as error:
            from hump_trio.content.constructed import faults_of

            raise ModelMismatch(faults_of(constructor, given, error)) from error

    def schemas(
        self,
        types: Iterable[Any],
        reference: Callable[[Any], dict[str, Any]],
        *,
        going: bool = False,
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the JSON schemas of types, and by name the schemas that they refer to.

        The references are those of an OpenAPI document's ``components``.

        Args:
            types: The types.
            reference: Returns the schema of a model of pydantic's that a type holds.
            going: Whether their values go, rather than come (see `Constructor`).

        Raises:
            TypeError: JSON can't become one of the types (see `check_type`).
        """
        from hump_trio.content.type_schemas import schemas_of

        return schemas_of([with_stand_ins(each, going=going) for each in types], reference)

    def plain(self, value: Any) -> Any:
        """Return a value as plain JSON kinds: dicts, lists, texts, numbers, booleans and None."""
        return self._msgspec.to_builtins(
            value, enc_hook=lambda other: self._decode_any(self.encode_filled(other))
        )

    def embed(self, text: bytes) -> Any:
        """Return what stands for a JSON text in a value (see `JsonCodec.embed`)."""
        return self._msgspec.Raw(text)

    def _encode_other(self, value: Any) -> Any:
        """Return what is written for a value of a class that msgspec doesn't know.

        Raises:
            TypeError: pydantic doesn't know the class either.
        """
        if hasattr(type(value), "__pydantic_serializer__"):
            from hump_trio.content.models import dump_model

            return self.embed(dump_model(value))
        raise TypeError(f"JSON has nothing for a {type(value).__name__}")

    def check_type(self, expected: Any) -> None:
        """Refuse a type that JSON can't become.

        Raises:
            TypeError: The message names the class that has no JSON form.
        """
        from hump_trio.content.type_schemas import check_model

        try:
            for each in types_in(expected):
                check_flag(each)
            if is_of_pydantic(expected):
                check_model(expected)
                return
            check_extras(expected)
            # Making a schema visits every part of the type; making a decoder takes any class.
            self.schemas([expected], check_model)
        except NameError as error:
            raise TypeError(f"{error} at run time") from error
        except RecursionError as error:
            raise TypeError(f"{expected!r:.80} holds ever larger types") from error


def is_made_elsewhere(kind: Any) -> bool:
    """Tell whether a bare annotation is what msgspec doesn't make by itself."""
    return is_model(kind) or is_attrs(kind) or constructor_of(kind) is not None


def with_stand_ins(annotation: Any, *, going: bool = False) -> Any:
    """Do as `stand_in_for`; what that takes is only loaded where there is a class of attrs'."""
    if not any(map(is_attrs, types_in(annotation, in_models=False))):
        return annotation
    from hump_trio.content.constructed import stand_in_for

    return stand_in_for(annotation, going=going)


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
