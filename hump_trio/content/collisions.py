"""Values made up to have the same hash, with which a set or a mapping is as slow as a list.

Python mixes a secret into the hashes of texts. A client can choose the hashes of numbers, UUIDs,
spans of time, and of tuples and objects made of such values. So values that will become a set, or
the keys of a mapping, are decoded into a list first, and their hashes are counted.

Source: oCERT-2011-003.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache, partial
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args

from hump_trio.content.annotations import (
    class_of,
    extras_of,
    is_attrs,
    is_model,
    is_named_tuple,
    is_of_pydantic,
    is_record,
    item_types,
    members,
)
from hump_trio.content.records import extras_of_model, fields_of, types_in
from hump_trio.facts.exceptions import BindingError

__all__ = ["check_hashes", "guard_of"]

# Types whose hashes no client can choose. Enums and literals have too few values to matter.
SAFE: frozenset[Any] = frozenset({str, bytes, bool, NoneType, date})
# The keys of mappings with such key types are texts, as in JSON.
SAFE_KEYS: frozenset[Any] = SAFE | {Any, object}
# So few values are never slow, whatever their hashes are.
FEW_COUNT = 8
# Unequal values of one hash are compared with each other. Honest values seldom share one: -1 has
# the hash of -2, and so have tuples and objects made of them. Allowed are this many comparisons,
# and four more for each value and for each item of a tuple. 1 MiB of numbers of one hash would need
# a thousand million.
COMPARISON_COUNT = 1000
# A set within sets is checked once for each of the sets around it, so their depth is capped.
SET_DEPTH = 8

Encode: TypeAlias = Callable[[Any], bytes]
DecoderOf: TypeAlias = Callable[[Any], Callable[[bytes], Any]]


def check_hashes(values: Collection[Any], place: str) -> None:
    """Refuse values that would take long to become a set, or the keys of a mapping.

    Equal values are no collision: only the first of them is kept, as in a set.

    Args:
        values: The values that will be hashed.
        place: The place that the error names.

    Raises:
        BindingError: 422, too many unequal values share a hash.
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
    """Return the cost of comparing with a value; a tuple costs as much as its items do."""
    return len(value) or 1 if isinstance(value, tuple) else 1


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where values that will be hashed are in the JSON of a type that isn't a union.

    Args:
        kind: The kind of the type's JSON value: a dict, a list, or a str that is JSON by itself.
        parts: Yields those parts of such a value in which values will be hashed, each with its
            plans.
        hashed: Returns the parts of the value that will be hashed, decoded to their type; None if
            none will be.
        is_set: Whether the value becomes a set, so that its parts are hashed.
    """

    kind: type[list[Any]] | type[dict[Any, Any]] | type[str]
    parts: Callable[[Any], Iterable[tuple[Any, "Plans"]]]
    hashed: Callable[[Any], list[Any]] | None = None
    is_set: bool = False


# One plan for each member of a union.
Plans: TypeAlias = list[Plan]


class Guard:
    """Refuses JSON values that would take long to become a value of a type.

    In a type that msgspec makes, what a hook makes has a guard of its own: models of pydantic's,
    and classes of attrs'.

    Args:
        annotation: The type, one that msgspec or pydantic can decode.
        decoder_of: Returns what decodes a text to a type of msgspec's.

    Attributes:
        encode: Encodes a JSON value with its numbers as exact as they were written, so that it can
            be decoded again in place of the text.
        reads_texts: Whether texts in a value may be JSON by themselves, as pydantic's ``Json`` is.
    """

    def __init__(self, annotation: Any, decoder_of: DecoderOf) -> None:
        import msgspec

        self._msgspec = msgspec
        self.encode: Encode = msgspec.json.Encoder(decimal_format="number").encode
        self._made: list[tuple[Any, Plans]] = []
        self._of_pydantic = is_of_pydantic(annotation)
        self._decoder_of = decoder_of
        self.reads_texts: bool = False
        self._plans = self._plans_of(annotation)

    def check(self, value: Any, place: str) -> None:
        """Refuse a value that would take long to become a value of the type.

        A part that is a set already is not checked.

        Args:
            value: The value, of plain JSON kinds.
            place: The place that the error names.

        Raises:
            BindingError: 422, too many unequal values share a hash.
            ValueError: A part of the value doesn't fit the type.
            TypeError: A part of the value has no hash.
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
        while found:  # sets within a set come before it
            hashed, whole = found.pop()
            try:
                values = hashed(whole)
            except ValueError as error:  # its place is relative to this part: left out
                reason = str(error).partition(" - at `")[0]
                raise self._msgspec.ValidationError(reason) from None
            check_hashes(values, place)

    def _plans_of(self, annotation: Any) -> Plans:
        """Return the plans of an annotation; an empty list if nothing in it is hashed."""
        made = next((plans for each, plans in self._made if each == annotation), None)
        if made is not None:
            return made
        plans: Plans = []
        self._made.append((annotation, plans))  # added first: its parts may lead back to it
        if any(is_hashed(each) for each in types_in(annotation)):
            kinds = list(members(annotation))
            alone = sum(map(is_record, kinds)) == 1
            plans += [plan for kind in kinds for plan in self._plan_of(kind, alone=alone)]
            if self._of_pydantic and any(map(is_json_text, extras_of(annotation))):
                from hump_trio.content.models import read_text

                self.reads_texts = True
                within = plans.copy()
                plans.append(Plan(str, lambda text: each_with(read_text(text), within)))
        return plans

    def _plan_of(self, kind: Any, *, alone: bool) -> Iterator[Plan]:
        """Yield the plan of a bare annotation whose JSON value is a dict or a list.

        Args:
            kind: The annotation, not a union.
            alone: Whether it is the only record in the union that it comes from.
        """
        types, arguments = item_types(kind), get_args(kind)
        if self._of_pydantic and types is None and is_collection(kind):
            types = (..., *(arguments[:1] or (Any,)))
        if is_model(kind):
            if self._of_pydantic:
                yield from self._plans_of_model(kind)
        elif is_record(kind) and not is_attrs(kind):
            yield self._plan_of_record(kind, alone=alone)
        elif is_mapping(kind) and arguments:  # a Counter has one argument
            values = self._plans_of(arguments[1]) if arguments[1:] else []
            hashed = self._keys_as(arguments[0]) if is_hashed(kind) else None
            yield Plan(dict, lambda value: each_with(value.values(), values), hashed)
        elif is_named_tuple(kind):
            fields = [self._plans_of(each.annotation) for each in fields_of(kind)]
            yield Plan(list, lambda value: zip(value, fields, strict=False))
            if self._of_pydantic:  # which takes objects for them, too
                yield self._plan_of_record(kind, alone=alone)
        elif types is not None and types[0] is ...:
            items = self._plans_of(types[1])
            hashed = self._items_as(types[1]) if is_hashed(kind) else None
            is_set = hashed is not None
            yield Plan(list, lambda value: each_with(value, items), hashed, is_set)
        elif types is not None:
            single = [self._plans_of(each) for each in types]
            yield Plan(list, lambda value: zip(value, single, strict=False))

    def _plan_of_record(self, record: Any, *, alone: bool) -> Plan:
        """Return the plan of a record."""
        config = getattr(record, "__struct_config__", None)
        tag: Any = getattr(config, "tag", None)
        tag_field: Any = getattr(config, "tag_field", None)
        fields = {each.name: self._plans_of(each.annotation) for each in fields_of(record)}

        def parts_by_index(value: list[Any]) -> Iterable[tuple[Any, Plans]]:
            if tag is None:
                return zip(value, fields.values(), strict=False)
            return zip(value[1:], fields.values(), strict=False) if value[:1] == [tag] else ()

        def parts_by_name(value: dict[str, Any]) -> Iterable[tuple[Any, Plans]]:
            if tag is None or value.get(tag_field, tag if alone else None) == tag:
                # Not filtered before: the plans of a type that holds itself are made meanwhile.
                return [
                    (value[name], plans)
                    for name, plans in fields.items()
                    if plans and name in value
                ]
            return ()

        if config is not None and config.array_like:
            return Plan(list, parts_by_index)
        return Plan(dict, parts_by_name)

    def _plans_of_model(self, model: Any) -> Iterator[Plan]:
        """Yield the plan of a model of pydantic's, or those of what a root model stands for."""
        from hump_trio.content.models import paths_of

        paths = paths_of(model)
        fields = [
            (paths[each.attribute], self._plans_of(each.annotation)) for each in fields_of(model)
        ]
        if getattr(model, "__pydantic_root_model__", False):
            yield from fields[0][1]
            return

        named = {path[0] for names, _ in fields for path in names}
        extras = [self._plans_of(each) for each in extras_of_model(class_of(model))]

        def parts(value: dict[str, Any]) -> Iterable[tuple[Any, Plans]]:
            found = [
                (part, plans)
                for names, plans in fields
                if plans
                for path in names
                for part in parts_at(value, path)
            ]
            for plans in extras:
                others = [part for name, part in value.items() if name not in named]
                found += each_with(others, plans)
            return found

        yield Plan(dict, parts)

    def _items_as(self, kind: Any) -> Callable[[Any], list[Any]]:
        """Return a function that decodes the items of an array to those of a set."""
        return self._array_decoder(list[kind])

    def _keys_as(self, kind: Any) -> Callable[[Any], list[Any]]:
        """Return a function that decodes the keys of an object to those of a mapping."""
        decode = self._array_decoder(list[dict[kind, None]])

        def keys(value: Any) -> list[Any]:
            return [key for each in decode([{key: None} for key in value]) for key in each]

        return keys

    def _array_decoder(self, kind: Any) -> Callable[[Any], list[Any]]:
        """Return a function that decodes an array, the kind of which is given."""
        if self._of_pydantic:
            from hump_trio.content.models import adapter_of, take_items

            return partial(take_items, adapter_of(kind), self.encode)
        decode = self._decoder_of(kind)
        return lambda value: decode(self.encode(value))


def guard_of(annotation: Any, decoder_of: DecoderOf) -> Guard | None:
    """Return the guard of a type; None if clients can choose no hashes in it.

    Args:
        annotation: The type.
        decoder_of: Returns what decodes a text to a type of msgspec's.
    """
    try:
        return known_guard(annotation, decoder_of)
    except TypeError:  # an extra of `Annotated` has no hash
        return new_guard(annotation, decoder_of)


def new_guard(annotation: Any, decoder_of: DecoderOf) -> Guard | None:
    """Make the guard of a type, or return None (see `guard_of`)."""
    hashed = any(is_hashed(each) for each in types_in(annotation))
    return Guard(annotation, decoder_of) if hashed else None


known_guard: Callable[[Any, DecoderOf], Guard | None] = lru_cache(maxsize=256)(new_guard)


def parts_at(value: Any, path: Iterable[int | str]) -> list[Any]:
    """Return the part of a value at a path, in a list; an empty one if there is no such part."""
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return []
    return [value]


def each_with(values: Iterable[Any], plans: Plans) -> list[tuple[Any, Plans]]:
    """Return values, each with the same plans; nothing if there are no plans."""
    return [(value, plans) for value in values] if plans else []


def is_json_text(extra: Any) -> bool:
    """Tell whether an extra of `Annotated` is pydantic's ``Json``: a text that is JSON."""
    kind = extra if isinstance(extra, type) else type(extra)
    return kind.__name__ == "Json" and kind.__module__.startswith("pydantic")


def is_collection(kind: Any) -> bool:
    """Tell whether a bare annotation is a collection of the standard library, such as a deque."""
    of_class = class_of(kind)
    return (
        isinstance(of_class, type)
        and of_class.__module__.startswith("collections")
        and issubclass(of_class, Iterable)
        and not issubclass(of_class, Mapping)
    )


def is_mapping(kind: Any) -> bool:
    """Tell whether a bare annotation is a mapping; a TypedDict isn't one."""
    return isinstance(class_of(kind), type) and issubclass(class_of(kind), Mapping)


def is_hashed(kind: Any) -> bool:
    """Tell whether a bare annotation is a set or mapping in which a client can choose hashes."""
    arguments = get_args(kind)
    if is_mapping(kind):
        return bool(arguments) and not is_safe(arguments[0], SAFE_KEYS)
    is_set = isinstance(class_of(kind), type) and issubclass(class_of(kind), AbstractSet)
    return is_set and not is_safe(arguments[0] if arguments else Any)


def is_safe(annotation: Any, safe: frozenset[Any] = SAFE) -> bool:
    """Tell whether clients can't choose the hashes of a type's values."""
    for kind in members(annotation):
        of_class, types = class_of(kind), item_types(kind)
        if kind in safe or of_class is Literal:
            continue
        if isinstance(of_class, type) and issubclass(of_class, Enum):
            continue
        if types is None or not all(is_safe(each) for each in types if each is not ...):
            return False
    return True
