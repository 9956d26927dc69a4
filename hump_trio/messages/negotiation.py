"""Which content codings a client takes, and likes best (RFC 9110 section 12.5.3)."""

from collections.abc import Iterable

from hump_trio.messages.response import ACCEPT_ITEMS, quality_of

__all__ = ["rank_codings"]


def rank_codings(accept_encoding: str, available: Iterable[str]) -> list[str]:
    """Return the codings that a client takes rather than none, the best first.

    Args:
        accept_encoding: Its ``Accept-Encoding``; empty for none.
        available: Codings to choose from. Of those it likes equally the first comes first. By
            ``*`` only gzip is taken to be meant, which every client can read that says so.
    """
    qualities: dict[str, float] = {}
    for item in accept_encoding.lower().split(",", ACCEPT_ITEMS)[:ACCEPT_ITEMS]:
        name, _, parameters = item.partition(";")
        qualities[name.strip().removeprefix("x-")] = quality_of(parameters)
    least = qualities.get("identity", 0.0)
    qualities.setdefault("gzip", qualities.get("*", 0.0))
    ranked = [(qualities.get(coding, 0.0), coding) for coding in available]
    wanted = [(quality, coding) for quality, coding in ranked if quality and quality >= least]
    return [coding for _, coding in sorted(wanted, key=lambda pair: -pair[0])]
