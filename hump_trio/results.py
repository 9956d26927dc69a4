"""What a return annotation promises: an answer, and perhaps a class that is written as JSON."""

from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from hump_trio.annotations import class_of, is_record, members
from hump_trio.class_defaults import may_hold_lacking
from hump_trio.exceptions import RouteError
from hump_trio.response import Response

__all__ = ["check_returns", "result_kinds"]

# Of these no answer can be made, unless they are those too.
NO_ANSWERS = (int, float, complex, set, frozenset, date, time, timedelta, UUID, Decimal, Enum)
TEXTS = (str, bytes, Response)


def check_returns(name: str, returns: Any) -> None:
    """Refuse a return annotation that no answer can be made of.

    Args:
        name: Of the handler.
        returns: Resolved.

    Raises:
        RouteError: With what to return instead.
    """
    for member in members(returns):
        kind = class_of(member)
        answers = is_record(member) or not isinstance(kind, type) or issubclass(kind, TEXTS)
        if not answers and issubclass(kind, NO_ANSWERS):
            raise RouteError(
                f"{name} returns {kind.__name__}, of which no answer can be made:"
                " return str, bytes, a dict, list or dataclass, an async iterable, None or a"
                " Response"
            )


def result_kinds(returns: Any) -> frozenset[type]:
    """Return the classes of a return annotation that are written as JSON, as they are."""
    kinds = (class_of(member) for member in members(returns) if is_record(member))
    return frozenset(
        kind for kind in kinds if not issubclass(kind, TEXTS) and not may_hold_lacking(kind)
    )
