"""The drill's table: a line for each step, and what all of it comes to."""

from collections import Counter
from collections.abc import Iterator

from tests.drill.ledger import PROTOCOLS, Kind, Ledger, Seen

__all__ = ["HEADER", "TITLE_WIDTH", "line_of", "summary"]

TITLE_WIDTH = 16
COLUMNS: dict[Kind, list[tuple[Seen, int]]] = {
    "HTTP/1.1": [("asked", 6), ("answered", 9), ("5xx", 4), ("lost", 5)],
    "HTTP/2": [("asked", 6), ("answered", 9), ("5xx", 4), ("lost", 5)],
    "events": [("ended", 6), ("lost", 5), ("resumed", 8)],
    "sockets": [("told", 5), ("lost", 5)],
}
TITLES: dict[Kind, str] = {"events": "event streams", "sockets": "WebSockets"}


def header() -> Iterator[str]:
    """Yield the two lines above the columns."""
    first, second = " " * TITLE_WIDTH, " " * TITLE_WIDTH
    for kind, columns in COLUMNS.items():
        width = sum(width for _, width in columns)
        first += " |" + f" {TITLES.get(kind, kind)}".ljust(width)
        second += " |" + "".join(f"{seen:>{width}}" for seen, width in columns)
    yield first.rstrip()
    yield second


HEADER = "\n".join(header())


def line_of(title: str, counts: Counter[tuple[Kind, Seen]]) -> str:
    """Return the line of a step."""
    line = title.ljust(TITLE_WIDTH)
    for kind, columns in COLUMNS.items():
        line += " |" + "".join(f"{counts[kind, seen]:>{width},}" for seen, width in columns)
    return line


def summary(ledger: Ledger) -> str:
    """Return what all steps come to, and the promises that were broken."""
    again = ledger.total("again", *PROTOCOLS)
    lost = ledger.total("lost", *PROTOCOLS)
    events = max(map(len, ledger.read), default=0)
    ends = ", ".join(f"{count:,} with {code}" for code, count in sorted(ledger.codes.items()))
    lines = [
        f"orders: {len(ledger.told):,} told as made, {len(ledger.refused):,} refused;"
        f" requests asked again: {lost:,} lost, {again:,} given back unbegun",
        f"events: {len(ledger.read)} streams of {events:,},"
        f" resumed {ledger.total('resumed', 'events'):,} times",
        f"WebSockets: {ledger.total('asked', 'sockets'):,} messages,"
        f" {ledger.total('answered', 'sockets'):,} sent back; closed {ends or 'by nobody'}",
    ]
    if ledger.faults:
        return "\n".join([*lines, "broken promises:", *ledger.faults])
    promise = (
        "every order that was told is in PostgreSQL once, and none that was refused; no event was\n"
        "lost or came twice; nobody was left without an answer by a graceful step"
    )
    return "\n".join([*lines, promise])
