"""JSON by the standard library: values of any kind, and no check against a type."""

import json
import math
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from hump_trio.facts.exceptions import HttpException

__all__ = ["StandardJson"]


class StandardJson:
    """A `JsonCodec` by the standard library, which can't check types."""

    def encode(self, value: Any) -> bytes:
        """Return the text of a value (see `JsonCodec.encode`)."""
        text = json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain_value
        )
        return text.encode()

    encode_filled = encode

    def embed(self, text: bytes) -> Any:
        """Return what stands for a JSON text in a value (see `JsonCodec.embed`)."""
        return json.loads(text)

    def decode(self, text: bytes, expected: Any = Any) -> Any:
        """Return the value of a text (see `JsonCodec.decode`)."""
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


def plain_value(value: Any) -> Any:
    """Return the plain JSON kind for a value that the standard library can't encode.

    Raises:
        TypeError: The value has no JSON form.
    """
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
    if hasattr(type(value), "__pydantic_serializer__"):
        from hump_trio.content.models import dump_model

        return json.loads(dump_model(value))
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def finite_float(text: str) -> float:
    """Return a number, and refuse one that Python would round to infinity."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number out of range")
    return number


def refuse_constant(name: str) -> None:
    """Refuse ``NaN`` and infinities, which Python's parser takes by default."""
    raise ValueError(f"{name} is not JSON")
