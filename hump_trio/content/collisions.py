"""Values made up to have one hash, of which a set or a mapping is as slow as a list.

Python mixes a secret into the hashes of texts. Those of numbers, UUIDs, spans of time, and of what
is made of such values, anybody can choose. So whatever becomes a set, or the keys of a mapping, is
made into a list first, and hashed as Python will hash it.

Source: oCERT-2011-003.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args

from hump_trio.content.annotations import (
    class_of,
    fields_of,
    is_named_tuple,
    is_record,
    item_types,
    members,
    types_in,
)
from hump_trio.facts.exceptions import BindingError

__all__ = ["check_hashes", "guard_of"]

# Whose hashes nobody can choose, beside those of enums and literals, which are few.
SAFE: frozenset[Any] = frozenset({str, bytes, bool, NoneType, date})
# JSON has nothing but texts for the keys of such mappings.
SAFE_KEYS: frozenset[Any] = SAFE | {Any, object}
# So few need no look, whatever their hashes are.
FEW_COUNT = 8
# Unequal values of one hash are compared with each other. Honest ones seldom meet: -1 has the hash
# of -2, and so have tuples and classes of them. More than this, and four for each value and for
# each item of a tuple, are refused; 1 MiB of numbers of one hash would need a thousand million.
COMPARISON_COUNT = 1000
# Sets in sets are looked at once for each set that they are in.
SET_DEPTH = 8

Encode: TypeAlias = Callable[[Any], bytes]


def check_hashes(values: Collection[Any], place: str) -> None:
    """Refuse values of which a set, or the keys of a mapping, would take long to be made.

    Equal values are no collision: the first of them counts, as it does in Python.

    Args:
        values: All have a hash.
        place: Where they stand.

    Raises:
        BindingError: 422.
        TypeError: A value has no hash.
    """
    hashes = [hash(value) for value in values]
    counts = Counter(hashes)
    if len(counts) == len(hashes):
        return
    left = COMPARISON_COUNT + 4 * sum(map(weigh, values))
    unequal: dict[int, list[Any]] = {}
    for value, number in zip(values, hashes, strict=True):
        if counts[number] > 1:
            others = unequal.setdefault(number, [])
            left -= len(others) * weigh(value)
            if left < 0:
                raise BindingError([(place, "too many values of one hash")])
            if value not in others:
                others.append(value)


def weigh(value: Any) -> int:
    """Return how many comparisons one with a value is: of a tuple, as many as it has items."""
    return len(value) or 1 if isinstance(value, tuple) else 1


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where hashed values are in the JSON of a type that is no union.

    Args:
        kind: What JSON has for the type, a dict or a list.
        parts: Yields what such a value holds that leads to hashed values, with its plans.
        hashed: Returns what of the value is hashed, as it will be; None for nothing.
        is_set: Whether it is the parts that are hashed.
    """

    kind: type[list[Any]] | type[dict[Any, Any]]
    parts: Callable[[Any], Iterable[tuple[Any, "Plans"]]]
    hashed: Callable[[Any], list[Any]] | None = None
    is_set: bool = False


# One for each member of a union.
Plans: TypeAlias = list[Plan]


class Guard:
    """Refuses JSON values of which a value of a type would take long to be made.

    Args:
        annotation: The type, which msgspec takes.
    """

    def __init__(self, annotation: Any) -> None:
        import msgspec

        self._msgspec = msgspec
        # As exact as the text was, so that it is read again as the text would be.
        self.encode: Encode = msgspec.json.Encoder(decimal_format="number").encode
        self._made: list[tuple[Any, Plans]] = []
        self._plans = self._plans_of(annotation)

    def check(self, value: Any, place: str) -> None:
        """Refuse a value; what has become a set already isn't looked at.

        Args:
            value: As JSON has it.
            place: Where it stands.

        Raises:
            BindingError: 422.
            ValueError: A part of it isn't of the type.
            TypeError: A part of it has no hash.
        """
        found: list[tuple[Callable[[Any], list[Any]], Any]] = []
        left: list[tuple[Any, Plans, int]] = [(value, self._plans, 0)]
        while left:
            whole, plans, depth = left.pop()
            if depth > SET_DEPTH:
                raise BindingError([(place, "nested too deeply")])
            for plan in plans:
                if isinstance(whole, plan.kind):
                    if plan.hashed is not None and len(whole) > FEW_COUNT:
                        found.append((plan.hashed, whole))
                    below = depth + plan.is_set
                    left += [(part, others, below) for part, others in plan.parts(whole)]
        while found:  # the sets within a set before it
            hashed, whole = found.pop()
            try:
                values = hashed(whole)
            except ValueError as error:  # which names a place within the value alone
                reason = str(error).partition(" - at `")[0]
                raise self._msgspec.ValidationError(reason) from None
            check_hashes(values, place)

    def _plans_of(self, annotation: Any) -> Plans:
        """Return the plans of an annotation; none if nothing is hashed in it."""
        made = next((plans for each, plans in self._made if each == annotation), None)
        if made is not None:
            return made
        plans: Plans = []
        self._made.append((annotation, plans))  # before its parts, which may hold it again
        if any(is_hashed(each) for each in types_in(annotation)):
            kinds = list(members(annotation))
            alone = sum(map(is_record, kinds)) == 1
            plans += [plan for kind in kinds for plan in self._plan_of(kind, alone=alone)]
        return plans

    def _plan_of(self, kind: Any, *, alone: bool) -> Iterator[Plan]:
        """Yield the plan of a bare annotation that is no union, if JSON has a dict or list for it.

        Args:
            kind: The annotation.
            alone: Whether it is the only class with fields that may stand there.
        """
        types, arguments = item_types(kind), get_args(kind)
        if is_record(kind):
            yield self._plan_of_record(kind, alone=alone)
        elif is_mapping(kind) and arguments:
            values = self._plans_of(arguments[1])
            hashed = self._keys_as(arguments[0]) if is_hashed(kind) else None
            yield Plan(dict, lambda value: each_with(value.values(), values), hashed)
        elif is_named_tuple(kind):
            fields = [self._plans_of(each.annotation) for each in fields_of(kind)]
            yield Plan(list, lambda value: zip(value, fields, strict=False))
        elif types is not None and types[0] is ...:
            items = self._plans_of(types[1])
            hashed = self._items_as(types[1]) if is_hashed(kind) else None
            is_set = hashed is not None
            yield Plan(list, lambda value: each_with(value, items), hashed, is_set)
        elif types is not None:
            single = [self._plans_of(each) for each in types]
            yield Plan(list, lambda value: zip(value, single, strict=False))

    def _plan_of_record(self, record: Any, *, alone: bool) -> Plan:
        """Return the plan of a class with fields."""
        config = getattr(record, "__struct_config__", None)
        tag: Any = getattr(config, "tag", None)
        tag_field: Any = getattr(config, "tag_field", None)
        fields = {each.name: self._plans_of(each.annotation) for each in fields_of(record)}
        named = {name: plans for name, plans in fields.items() if plans}

        def parts_by_index(value: list[Any]) -> Iterable[tuple[Any, Plans]]:
            if tag is None:
                return zip(value, fields.values(), strict=False)
            return zip(value[1:], fields.values(), strict=False) if value[:1] == [tag] else ()

        def parts_by_name(value: dict[str, Any]) -> Iterable[tuple[Any, Plans]]:
            if tag is None or value.get(tag_field, tag if alone else None) == tag:
                return [(value[name], plans) for name, plans in named.items() if name in value]
            return ()

        if config is not None and config.array_like:
            return Plan(list, parts_by_index)
        return Plan(dict, parts_by_name)

    def _items_as(self, kind: Any) -> Callable[[Any], list[Any]]:
        """Return what makes the items of a set of an array's."""
        decode = self._msgspec.json.Decoder(list[kind]).decode
        return lambda value: decode(self.encode(value))

    def _keys_as(self, kind: Any) -> Callable[[Any], list[Any]]:
        """Return what makes the keys of a mapping of an object's, which are texts."""
        decode = self._msgspec.json.Decoder(list[dict[kind, None]]).decode

        def keys(value: Any) -> list[Any]:
            single = decode(self.encode([{key: None} for key in value]))
            return [key for each in single for key in each]

        return keys


def guard_of(annotation: Any) -> Guard | None:
    """Return the guard of a type; None if nothing is hashed in it that a client could choose."""
    try:
        return known_guard(annotation)
    except TypeError:  # what it says beside a type has no hash
        return new_guard(annotation)


def new_guard(annotation: Any) -> Guard | None:
    """Return the guard of a type, or None, made anew."""
    return Guard(annotation) if any(is_hashed(each) for each in types_in(annotation)) else None


known_guard: Callable[[Any], Guard | None] = lru_cache(maxsize=256)(new_guard)


def each_with(values: Iterable[Any], plans: Plans) -> list[tuple[Any, Plans]]:
    """Return values with their plans, if they have some."""
    return [(value, plans) for value in values] if plans else []


def is_mapping(kind: Any) -> bool:
    """Tell whether a bare annotation is a mapping, and no class with fields."""
    return isinstance(class_of(kind), type) and issubclass(class_of(kind), Mapping)


def is_hashed(kind: Any) -> bool:
    """Tell whether a bare annotation is a set or a mapping, of what a client can choose hashes."""
    arguments = get_args(kind)
    if is_mapping(kind):
        return bool(arguments) and not is_safe(arguments[0], SAFE_KEYS)
    is_set = isinstance(class_of(kind), type) and issubclass(class_of(kind), AbstractSet)
    return is_set and not is_safe(arguments[0] if arguments else Any)


def is_safe(annotation: Any, safe: frozenset[Any] = SAFE) -> bool:
    """Tell whether nobody can choose the hashes of a type's values."""
    for kind in members(annotation):
        of_class, types = class_of(kind), item_types(kind)
        if kind in safe or of_class is Literal:
            continue
        if isinstance(of_class, type) and issubclass(of_class, Enum):
            continue
        if types is None or not all(is_safe(each) for each in types if each is not ...):
            return False
    return True
