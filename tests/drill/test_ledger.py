"""The drill's bookkeeping finds each broken promise, and no other."""

import pytest

from tests.drill.ledger import Harm, Ledger, Seen


def ledger_with(**counts: int) -> Ledger:
    """Return a ledger of one step, in which clients of HTTP/1.1 have seen something."""
    ledger = Ledger()
    ledger.begin("A: SIGHUP")
    names: dict[str, Seen] = {"refused": "5xx", "lost": "lost", "lost_get": "lost GET"}
    for name, count in counts.items():
        for _ in range(count):
            ledger.count("HTTP/1.1", names[name])
    return ledger


@pytest.mark.parametrize(
    ("harm", "counts", "faults"),
    [
        (Harm.NONE, {}, 0),
        (Harm.NONE, {"refused": 1}, 1),
        (Harm.NONE, {"lost": 1}, 1),
        (Harm.REFUSALS, {"refused": 9}, 0),
        (Harm.REFUSALS, {"lost": 1}, 1),
        (Harm.LOSSES, {"refused": 9, "lost": 2}, 0),
        (Harm.LOSSES, {"lost": 3}, 1),
        (Harm.LOSSES, {"lost": 1, "lost_get": 1}, 1),
    ],
)
def test_a_step_does_no_more_harm_than_it_may(
    harm: Harm, counts: dict[str, int], faults: int
) -> None:
    """A kill costs each client one request at most, and never a GET."""
    ledger = ledger_with(**counts)
    ledger.judge_step(harm, {"HTTP/1.1": 2, "events": 2})
    assert len(ledger.faults) == faults


def test_a_step_counts_for_itself() -> None:
    """What was lost in one isn't held against the next."""
    ledger = ledger_with(lost=1)
    ledger.begin("B: SIGHUP")
    ledger.count("HTTP/1.1", "asked")
    ledger.judge_step(Harm.NONE, {"HTTP/1.1": 2})
    assert not ledger.faults
    assert (ledger.total("lost", "HTTP/1.1"), ledger.total("lost", "HTTP/2")) == (1, 0)


def test_a_store_is_missed_over_each_protocol() -> None:
    """One refusal over one of them isn't enough."""
    ledger = ledger_with(refused=3)
    assert not ledger.is_missed()
    ledger.count("HTTP/2", "5xx")
    assert ledger.is_missed()


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        ({"a": 1, "b": 2}, None),
        ({"a": 1}, "1 orders told as made, but not in the database"),
        ({"a": 1, "b": 3}, "1 orders told as made, but not in the database"),
        ({"a": 1, "b": 2, "c": 3}, "1 orders refused, but in the database"),
        ({"a": 1, "b": 2, "d": 3}, "1 orders in the database, but told to nobody"),
    ],
)
def test_orders_are_those_that_clients_were_told(made: dict[str, int], fault: str | None) -> None:
    """Each one that was told is there under its number, and each other key isn't."""
    ledger = Ledger()
    ledger.tell("a", 1)
    ledger.tell("b", 2)
    ledger.refused.add("c")
    ledger.judge_orders(made)
    assert (ledger.faults == []) if fault is None else (fault in ledger.faults)
    assert ledger.newest == 2


def test_an_order_has_one_number() -> None:
    """Whoever asks again by its key is told the same."""
    ledger = Ledger()
    ledger.tell("a", 1)
    ledger.tell("a", 1)
    assert not ledger.faults
    ledger.tell("a", 2)
    assert ledger.faults == ["the order a was told twice, with two numbers"]


@pytest.mark.parametrize(
    ("read", "faults"),
    [
        ([1, 2, 4], []),
        ([1, 4], ["1 events were lost by a stream"]),
        ([1, 2, 2, 4], ["1 events came twice by a stream"]),
        ([1, 4, 2], ["events came out of order by a stream"]),
    ],
)
def test_a_stream_tells_each_order_once(read: list[int], faults: list[str]) -> None:
    """In their order; numbers that were never committed aren't missed."""
    ledger = Ledger(told={"a": 1, "b": 2, "c": 4}, read=[read])
    ledger.judge_orders({"a": 1, "b": 2, "c": 4})
    assert ledger.faults == faults
