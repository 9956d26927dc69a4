"""The drill's script restarts all of it, and kills what is killed."""

from tests.drill.ledger import Harm
from tests.drill.script import SCRIPT, SHORT


def test_everything_has_its_turn() -> None:
    """Each part is restarted gracefully before anything is killed, but for Redis, which is."""
    titles = [step.title for step in SCRIPT]
    assert len(set(titles)) == len(titles)
    for part in ("A: SIGHUP", "B: SIGHUP", "A: SIGTERM", "B: SIGTERM", "HAProxy", "PostgreSQL"):
        [place] = [place for place, title in enumerate(titles) if title.startswith(part)]
        assert place < titles.index("worker: kill -9")
    assert {"A: kill -9", "Redis: kill -9"} < set(titles)


def test_only_what_is_killed_may_lose_requests() -> None:
    """A restart refuses nobody but for the store that is away."""
    for step in SCRIPT:
        graceful = "kill" not in step.title and "PostgreSQL" not in step.title
        assert (step.harm is Harm.NONE) == graceful
        assert step.harm is not Harm.LOSSES or "Redis" not in step.title


def test_the_short_script_has_each_kind() -> None:
    """So that the ordinary tests hold each promise."""
    assert {step.harm for step in SHORT} == set(Harm)
