"""What a route says of itself for a document: its tags, and the types and statuses of its answers.

They are hints for readers, checked where they are written; only the type of a success, and its
status, change what is answered (see `results_of`).
"""

from collections.abc import Collection, Mapping
from typing import Any, get_origin

from hump_trio.facts.exceptions import RouteError, phrase_of
from hump_trio.facts.grammar import is_integer

__all__ = ["describe", "join_raises", "parse_raises", "parse_returns", "parse_tags"]

# RFC 9110 sections 15.3.5 and 15.4.5.
WITHOUT_BODY = (204, 304)


def parse_returns(returns: Any) -> dict[int, Any]:
    """Return the types of a route's answers by their statuses; nothing for None.

    Args:
        returns: A type, which is that of 200, or types by status. None is a status without a body.

    Raises:
        RouteError: It is something else.
    """
    if returns is None:
        return {}
    if not isinstance(returns, Mapping):
        returns = {200: returns}
    for status, kind in returns.items():
        if not is_status(status, 200):
            raise RouteError(f"returns has statuses from 200 to 599, not {status!r:.80}")
        if not is_type(kind):
            raise RouteError(
                "returns is a type, or types by status such as {201: Item, 204: None},"
                f" not {kind!r:.80}"
            )
        if kind is not None and status in WITHOUT_BODY:
            raise RouteError(f"a {status} has no body: write {{{status:d}: None}}")
    return {int(status): kind for status, kind in returns.items()}


def parse_raises(raises: Any) -> dict[int, str]:
    """Return descriptions of a route's errors by their statuses.

    Args:
        raises: Statuses, or descriptions by status.

    Raises:
        RouteError: It is something else.
    """
    if not isinstance(raises, Collection) or isinstance(raises, str):
        raise RouteError(f"raises is a list of statuses, or descriptions by status, not {raises!r}")
    words = raises if isinstance(raises, Mapping) else {}
    errors: dict[int, str] = {}
    for status in raises:
        if not is_status(status, 300):
            raise RouteError(f"raises has statuses from 300 to 599, not {status!r:.80}")
        description = words.get(status, describe(status))
        if not isinstance(description, str):
            raise RouteError(f"raises describes {status} in words, not with {description!r:.80}")
        errors[int(status)] = description
    return errors


def join_raises(outer: Any, inner: Any) -> dict[int, str]:
    """Return the errors of a route and of the router that it is in, as `parse_raises` does.

    Args:
        outer: The router's. Its words for a status count where the route has none.
        inner: The route's.

    Raises:
        RouteError: One of them is something else.
    """
    words = inner if isinstance(inner, Mapping) else {}
    said = parse_raises(outer)
    return said | {
        status: description
        for status, description in parse_raises(inner).items()
        if status in words or status not in said
    }


def parse_tags(tags: Any) -> tuple[str, ...]:
    """Return the tags of a route, each once.

    Raises:
        RouteError: They are something else.
    """
    if isinstance(tags, str) or not isinstance(tags, Collection):
        raise RouteError(f"tags is a list of names, not {tags!r:.80}")
    for tag in tags:
        if not isinstance(tag, str) or not tag:
            raise RouteError(f"a tag is a name, not {tag!r:.80}")
    return tuple(dict.fromkeys(tags))


def describe(status: int) -> str:
    """Return a description of an answer that says no more than its status."""
    return phrase_of(status) or f"Status {status}"


def is_status(value: Any, least: int) -> bool:
    """Tell whether something is a status of an answer, from the least one on."""
    return is_integer(value) and least <= value <= 599


def is_type(value: Any) -> bool:
    """Tell whether something is a type as an annotation may have it, and no text or value."""
    named = hasattr(value, "__value__") or hasattr(value, "__supertype__")
    return (
        value is None or value is Any or named or isinstance(value, type) or bool(get_origin(value))
    )
