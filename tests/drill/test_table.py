"""The drill's table shows what was counted, and fits into the reference."""

from collections import Counter

from tests.drill.ledger import Kind, Ledger, Seen
from tests.drill.script import SCRIPT
from tests.drill.table import HEADER, TITLE_WIDTH, line_of, summary
from tests.support.deployment import ROOT


def bars_of(line: str) -> list[int]:
    """Return where the columns of a line are parted."""
    return [place for place, sign in enumerate(line) if sign == "|"]


def test_columns_stand_under_their_headings() -> None:
    """Whatever a step is called, and however much was asked."""
    counts: Counter[tuple[Kind, Seen]] = Counter({("HTTP/2", "asked"): 1234})
    lines = [*HEADER.splitlines(), *(line_of(step.title, counts) for step in SCRIPT)]
    bars = [bars_of(line) for line in lines]
    assert bars == [bars[0]] * len(lines)
    assert max(map(len, lines)) <= 102
    assert lines[-1].split("|")[2].split() == ["1,234", "0", "0", "0"]


def test_summary_says_whether_promises_were_kept() -> None:
    """It adds the steps up, and ends with each promise that was broken."""
    ledger = Ledger(told={"a": 1, "b": 2}, refused={"c"}, read=[[1, 2], [1, 2]])
    for step in ("A: SIGHUP", "B: SIGHUP"):
        ledger.begin(step)
        ledger.count("events", "resumed")
        ledger.count("sockets", "told")
        ledger.codes[1001] += 1
    text = summary(ledger)
    assert "orders: 2 told as made, 1 refused" in text
    assert "events: 2 streams of 2, resumed 2 times" in text
    assert "closed 2 with 1001" in text
    assert "broken" not in text
    ledger.faults.append("A: SIGHUP: 1 lost of HTTP/2")
    assert summary(ledger).endswith("broken promises:\nA: SIGHUP: 1 lost of HTTP/2")


def test_the_reference_quotes_a_drill() -> None:
    """One of this script, in which every promise was kept."""
    page = (ROOT / "examples/reference/serving.md").read_text(encoding="utf-8")
    lines = page.partition(HEADER)[2].partition("\n\n")[0].splitlines()[1:]
    assert [line[:TITLE_WIDTH].strip() for line in lines] == [step.title for step in SCRIPT]
    assert {str(bars_of(line)) for line in lines} == {str(bars_of(HEADER.splitlines()[0]))}
    assert "nobody was left without an answer by a graceful step" in page


def test_the_readme_quotes_a_part_of_it() -> None:
    """As the reference has it."""
    page = (ROOT / "examples/reference/serving.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = readme.partition(HEADER)[2].partition("```")[0].splitlines()
    assert len(lines) > 5
    assert set(lines) <= set(page.splitlines())
