"""Sums of the figures of several processes, which send theirs as values of JSON."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

__all__ = ["Sums", "check_described", "describe"]

# The name and the labels of a sample.
Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]

# Kinds of figures that count something, which has happened even when the process has ended.
COUNTED = frozenset({"counter", "histogram", "summary"})


@dataclass(slots=True)
class Family:
    """Samples of one name.

    Args:
        kind: ``"counter"``, ``"gauge"``, ``"histogram"`` and so on.
        text: What it measures.
        samples: The values.
    """

    kind: str
    text: str
    samples: dict[Key, float] = field(default_factory=dict)


def describe(collector: Collector) -> list[Any]:
    """Return all figures of a collector as a value of JSON, which `Sums.add` takes."""
    return [
        [
            family.name,
            family.type,
            family.documentation,
            [[each.name, each.labels, each.value] for each in family.samples],
        ]
        for family in collector.collect()
    ]


def check_described(value: Any) -> list[Any]:
    """Return the figures that a process has sent, if they are such as `describe` returns.

    Raises:
        ArithmeticError, AttributeError, TypeError, ValueError: They aren't, and can't be shown.
    """
    for name, kind, text, samples in value:
        Metric(name, text, kind)
        texts = [name, kind, text]
        for sample, labels, number in samples:
            texts += [sample, *labels, *labels.values()]
            float(0 + number)
        "".join(texts).encode()  # no half of a surrogate pair
    return list(value)


class Sums(Collector):
    """Sums by name and labels.

    What tells a time is the earliest one, and what only has labels (``python_info``) stays 1.
    Exemplars are lost.
    """

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def add(self, described: list[Any], *, ended: bool = False) -> None:
        """Add the figures of a process.

        Args:
            described: They, as `describe` returns them and `check_described` accepts.
            ended: Whether the process has ended: then what it has counted is all that is left.
        """
        for name, kind, text, samples in described:
            if ended and kind not in COUNTED:
                continue
            family = self._families.get(name)
            if family is None or family.kind != kind:  # a new version means something else by it
                family = self._families[name] = Family(kind, text)
            for sample, labels, value in samples:
                key = sample, tuple(labels.items())
                present = family.samples.get(key)
                family.samples[key] = value if present is None else join(sample, present, value)

    def copy(self) -> Self:
        """Return sums that start from these."""
        other = type(self)()
        for name, family in self._families.items():
            other._families[name] = Family(family.kind, family.text, dict(family.samples))
        return other

    def collect(self) -> Iterator[Metric]:
        """Yield the sums."""
        for name, family in self._families.items():
            metric = Metric(name, family.text, family.kind)
            for (sample, labels), value in family.samples.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def join(name: str, one: float, other: float) -> float:
    """Return the value of a sample of two processes."""
    if name.endswith(("_created", "_start_time_seconds")):
        return min(one, other)
    return max(one, other) if name.endswith("_info") else one + other
