"""Which content codings a client takes, and likes best (RFC 9110 section 12.5.3)."""

from collections.abc import Iterable

from hump_trio.response import ACCEPT_ITEMS, quality_of

__all__ = ["rank_codings"]


def rank_codings(accept_encoding: str, available: Iterable[str]) -> list[str]:
    """Return the codings that a client takes rather than none, the best first.

    Args:
        accept_encoding: Its ``Accept-Encoding``. An empty one, and none, ask for no coding.
        available: Codings to choose from; only ``gzip`` is taken to be meant by ``*``. Of those
            it likes equally the first comes first.
    """
    qualities: dict[str, float] = {}
    for item in accept_encoding.lower().split(",", ACCEPT_ITEMS)[:ACCEPT_ITEMS]:
        name, _, parameters = item.partition(";")
        qualities[name.strip().removeprefix("x-")] = quality_of(parameters)
    qualities.setdefault("gzip", qualities.get("*", 0.0))
    least = qualities.get("identity", 0.0)
    ranked = sorted(available, key=lambda coding: -qualities.get(coding, 0.0))
    return [coding for coding in ranked if 0 < qualities.get(coding, 0.0) >= least]
