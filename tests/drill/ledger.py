"""What clients have seen, step by step, and what of it breaks a promise."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

__all__ = ["PROTOCOLS", "Harm", "Kind", "Ledger", "Seen"]

Kind: TypeAlias = Literal["HTTP/1.1", "HTTP/2", "events", "sockets"]
PROTOCOLS: tuple[Kind, ...] = ("HTTP/1.1", "HTTP/2")
# Of requests: each that was asked is answered well, is answered with 5xx, or is lost, which is to
# say without an answer. Of event streams: each has ended well or was broken off, and each such end
# is followed by a stream that resumes. Of WebSockets: each was told by a close code, or was lost.
Seen: TypeAlias = Literal[
    "asked", "answered", "5xx", "lost", "lost GET", "again", "ended", "resumed", "told"
]


class Harm(Enum):
    """What a step may do to clients; the worse includes the better."""

    NONE = "everybody is answered, and told of each end"
    REFUSALS = "who needs the store is refused with 503"
    LOSSES = "who was under way in what was killed has no answer, but for a GET"


@dataclass
class Ledger:
    """The counts of each step, and what became of each order.

    Attributes:
        step: The title of the step that goes on.
        counts: How often which kind of client has seen what, in which step.
        told: The number of each order that a client was told, by its key.
        refused: The keys of orders that were refused, and not asked for again.
        read: What each event stream has told, in order.
        codes: How often WebSockets were closed with which code.
        faults: Promises that were broken, as sentences.
    """

    step: str = ""
    counts: dict[str, Counter[tuple[Kind, Seen]]] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    read: list[list[int]] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def newest(self) -> int:
        """The number of the newest order that a client was told."""
        return max(self.told.values(), default=0)

    def begin(self, step: str) -> None:
        """Count for another step from now on."""
        self.step = step
        self.counts[step] = Counter()

    def count(self, kind: Kind, seen: Seen) -> None:
        """Count what a client has seen."""
        self.counts[self.step][kind, seen] += 1

    def is_missed(self) -> bool:
        """Tell whether something was refused over each protocol, in the step that goes on."""
        return all(self.counts[self.step][kind, "5xx"] for kind in PROTOCOLS)

    def tell(self, key: str, number: int) -> None:
        """Note that a client was told that an order is made."""
        if self.told.setdefault(key, number) != number:
            self.faults.append(f"the order {key} was told twice, with two numbers")

    def total(self, seen: Seen, *kinds: Kind) -> int:
        """Return how often some kinds of clients have seen something, in all steps."""
        return sum(counts[kind, seen] for counts in self.counts.values() for kind in kinds)

    def judge_step(self, harm: Harm, clients: Mapping[Kind, int]) -> None:
        """Note what the step that goes on has done to clients, and must not.

        Args:
            harm: What it may do.
            clients: How many of each kind there are: each has one request under way at a time.
        """
        counts = self.counts[self.step]
        for kind, number in clients.items():
            most = number if harm is Harm.LOSSES else 0
            if counts[kind, "lost"] > most:
                self.faults.append(f"{self.step}: {counts[kind, 'lost']} lost of {kind}")
            if counts[kind, "lost GET"]:
                self.faults.append(f"{self.step}: {counts[kind, 'lost GET']} GET lost of {kind}")
            if harm is Harm.NONE and counts[kind, "5xx"]:
                self.faults.append(f"{self.step}: {counts[kind, '5xx']} refused of {kind}")

    def judge_orders(self, made: Mapping[str, int]) -> None:
        """Compare what clients were told with what is in the database.

        Args:
            made: The number of each order by its key.
        """
        missing = {key for key, number in self.told.items() if made.get(key) != number}
        ghosts = self.refused & set(made)
        unknown = set(made) - set(self.told)
        for keys, what in [
            (missing, "told as made, but not in the database"),
            (ghosts, "refused, but in the database"),
            (unknown, "in the database, but told to nobody"),
        ]:
            if keys:
                self.faults.append(f"{len(keys)} orders {what}")
        wanted = sorted(made.values())
        self.faults += [fault for read in self.read for fault in faults_of_stream(read, wanted)]


def faults_of_stream(read: Sequence[int], wanted: Sequence[int]) -> list[str]:
    """Return what is wrong with what an event stream has told."""
    faults = []
    if lost := set(wanted) - set(read):
        faults.append(f"{len(lost)} events were lost by a stream")
    if len(set(read)) < len(read):
        faults.append(f"{len(read) - len(set(read))} events came twice by a stream")
    if list(read) != sorted(read):
        faults.append("events came out of order by a stream")
    return faults
