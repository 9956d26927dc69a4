"""Several values of one holder together: as a handler's arguments, or as one object's fields."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from hump_trio.content.json_text import explain_mismatches, typed_codec
from hump_trio.content.records import records_in
from hump_trio.facts.exceptions import BindingError
from hump_trio.handlers.parameter import LEFT_OUT
from hump_trio.handlers.steps import Get

__all__ = ["check_settable", "get_all", "join_errors", "object_builder"]

H = TypeVar("H")
K = TypeVar("K")


def get_all(getters: Mapping[K, Get[H]], holder: H) -> dict[K, Any]:
    """Return the values of a request, or of a form, by the names of their getters.

    Raises:
        BindingError: With all that is wrong, not the first alone.
    """
    try:
        return {name: get(holder) for name, get in getters.items()}
    except BindingError:
        raise join_errors(getters.values(), holder) from None


def join_errors(getters: Iterable[Get[H]], holder: H) -> BindingError:
    """Return one error for all that is wrong with what a request, or a form, holds.

    Args:
        getters: What gets its values; at least one of them raises a BindingError.
        holder: The request or the form.
    """
    places: list[tuple[str, str]] = []
    statuses = {422}
    for get in getters:
        try:
            get(holder)
        except BindingError as error:  # not kept: its traceback would hold what holds it
            places += error.places
            statuses.add(error.status)
    return BindingError(
        dict.fromkeys(places), next(each for each in (415, 400, 422) if each in statuses)
    )


def object_builder(annotation: Any, place: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return what makes an object of a class of its fields' values; `LEFT_OUT` is none of them.

    It raises `BindingError` for values that don't go together.

    Args:
        annotation: The class, or a dict.
        place: Where the values stand as a whole, such as ``query``.

    Raises:
        TypeError: msgspec isn't installed or refuses the class, or clients could set a field that
            no call of it can.
    """
    convert = typed_codec().converter(annotation, place)
    check_settable(annotation)

    def build(values: Mapping[str, Any]) -> Any:
        try:
            return convert({name: each for name, each in values.items() if each is not LEFT_OUT})
        except ValueError as error:
            found = explain_mismatches(error)
            raise BindingError([(place + path, why) for path, why in found]) from error

    return build


def check_settable(annotation: Any) -> None:
    """Refuse what a client could set, although no call of the class can.

    Raises:
        TypeError: With the field; msgspec reads those with ``init=False`` as any other.
    """
    for record in records_in(annotation):
        for field in getattr(record, "__dataclass_fields__", {}).values():
            if not field.init:
                raise TypeError(
                    f"clients could set {record.__name__}.{field.name}, for all its init=False:"
                    " make it a property"
                )
