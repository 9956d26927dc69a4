"""Types of parameters that many tests take from requests."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Annotated, Generic, TypeVar

import msgspec

T = TypeVar("T")
UUID_TEXT = "12345678-1234-5678-1234-567812345678"
Above = Annotated[int, msgspec.Meta(ge=1)]
# Reasons.
INT = "expected `int`"
BOOL = "expected `bool`: true or false"
STR_GOT_INT = "expected `str`, got `int`"
INT_GOT_STR = "expected `int`, got `str`"


class Word(Enum):
    """Texts, which the class takes in capitals too."""

    YES = "yes"

    @classmethod
    def _missing_(cls, value: object) -> "Word | None":
        return cls(str(value).lower()) if str(value).isupper() else None


class Grade(IntEnum):
    """Numbers, of which the class takes more than it lists."""

    BEST = 1
    WORST = 6

    @classmethod
    def _missing_(cls, value: object) -> "Grade | None":
        return cls.WORST if isinstance(value, int) and value > 6 else None


@dataclass
class Item:
    """A body with plain fields."""

    name: str
    price: float = 0.0
    tags: tuple[str, ...] = ()
    age: int | None = None


class Point(msgspec.Struct, rename="camel"):
    """A body with a field of another name."""

    at_x: int


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A body without further fields."""

    first_name: str
    few: Annotated[list[int], msgspec.Meta(max_length=2)] = []


@dataclass
class Setting(Generic[T]):
    """A class that doesn't know what its value is."""

    name: str
    value: T
    former: list[T] = field(default_factory=list)
