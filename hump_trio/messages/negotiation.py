"""Content negotiation: types and codings that a client prefers, and ``Vary`` (RFC 9110, 12.5)."""

from collections.abc import Iterable

from hump_trio.messages.headers import Headers, set_checked

__all__ = ["add_vary", "prefers_json", "quality_of", "rank_codings"]

# Items of an ``Accept`` or ``Accept-Encoding`` field that are looked at: no client sends more.
ITEM_COUNT = 32


def prefers_json(accept: str) -> bool:
    """Tell whether an ``Accept`` field names JSON, and ranks no text type above it.

    A wildcard alone is no preference.

    Source: RFC 9110 section 12.5.1.
    """
    accept = accept.lower()
    if "json" not in accept:
        return False
    json_rank = text_rank = (0.0, 0)
    for index, item in enumerate(accept.split(",", ITEM_COUNT)[:ITEM_COUNT]):
        media_type, _, parameters = item.partition(";")
        media_type = media_type.strip()
        rank = (quality_of(parameters), -index)
        if media_type == "application/json" or media_type.endswith("+json"):
            json_rank = max(json_rank, rank)
        elif media_type.startswith("text/"):
            text_rank = max(text_rank, rank)
    return json_rank[0] > 0 and json_rank > text_rank


def rank_codings(accept_encoding: str, available: Iterable[str]) -> list[str]:
    """Return the content codings that a client prefers to none, the best first.

    Args:
        accept_encoding: The client's ``Accept-Encoding`` field; empty if it sent none.
        available: Codings to choose from. Of codings that the client likes equally, the first one
            here comes first. ``*`` is taken to mean gzip alone, which every client that sends it
            can read.

    Source: RFC 9110 section 12.5.3.
    """
    qualities: dict[str, float] = {}
    for item in accept_encoding.lower().split(",", ITEM_COUNT)[:ITEM_COUNT]:
        name, _, parameters = item.partition(";")
        qualities[name.strip().removeprefix("x-")] = quality_of(parameters)
    least = qualities.get("identity", 0.0)
    qualities.setdefault("gzip", qualities.get("*", 0.0))
    ranked = [(qualities.get(coding, 0.0), coding) for coding in available]
    wanted = [(quality, coding) for quality, coding in ranked if quality and quality >= least]
    return [coding for _, coding in sorted(wanted, key=lambda pair: -pair[0])]


def quality_of(parameters: str) -> float:
    """Return the ``q`` among the parameters of an item: 1 if there is none, 0 if it is malformed.

    Source: RFC 9110 section 12.4.2.
    """
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(0.0, float(value)), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def add_vary(headers: Headers, name: str) -> None:
    """Say that an answer depends on a field of its request (RFC 9110 section 12.5.5).

    Args:
        headers: The answer's header fields.
        name: The name of the request's field, which can be sent.
    """
    if "vary" not in headers:
        set_checked(headers, [("vary", name)])
        return
    present = headers["vary"]
    names = [each.strip().lower() for each in present.split(",")]
    if "*" not in names and name.lower() not in names:
        headers["vary"] = f"{present}, {name}" if present else name
