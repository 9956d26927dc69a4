"""What a route says of its WebSockets."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from types import EllipsisType

from hump_trio.facts.exceptions import RouteError
from hump_trio.facts.grammar import TOKEN, is_integer
from hump_trio.routing.origins import Origin, parse_origins

__all__ = ["ChannelOptions"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelOptions:
    """What a route says of its WebSockets, beside what it says as any other route does.

    Args:
        origins: The origins of pages that may open one; ``["*"]`` for all, None for those from the
            host and port that were asked for.
        subprotocols: Those that are spoken, the preferred one first.
        compress: Whether messages may be compressed.
        message_limit: The most bytes of a message; None for no limit, ``...`` for the app's.
        binary: Whether typed messages go in binary ones instead of text.

    Attributes:
        let_in: The origins, parsed; None if none were given.
        checked: Whether the origin is looked at.

    Raises:
        RouteError: An option makes no sense.
    """

    origins: Collection[str] | None = None
    subprotocols: Sequence[str] = ()
    compress: bool = False
    message_limit: int | EllipsisType | None = ...
    binary: bool = False
    let_in: frozenset[Origin] | None = field(default=None, init=False, repr=False)
    checked: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.origins is not None:
            let_in = parse_origins(self.origins)
            object.__setattr__(self, "let_in", let_in)
            object.__setattr__(self, "checked", let_in is not None)
        names = self.subprotocols
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise RouteError(f"subprotocols is a list such as ['chat.v2'], not {names!r:.80}")
        for name in names:
            if not isinstance(name, str) or not TOKEN.fullmatch(name) or names.count(name) > 1:
                raise RouteError(f"a subprotocol is a token, named once, not {name!r:.80}")
        for word, flag in (("compress", self.compress), ("binary", self.binary)):
            if not isinstance(flag, bool):
                raise RouteError(f"{word} must be True or False, not {flag!r}")
        limit = self.message_limit
        if limit is not ... and limit is not None and not (is_integer(limit) and limit > 0):
            raise RouteError(f"message_limit must be a positive number or None, not {limit!r}")
