"""What was measured, as Markdown tables and as JSON, each figure with its rounds' spread."""

import argparse
import json
import platform
import ssl
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.goals import GOALS, MEASURES, SELF, Figures, settle
from tests.benchmarks.peers import PEERS, list_versions, program_version
from tests.benchmarks.scenarios import TITLES

WITHOUT_RATIO = {"growth_mib", "import_ms", "first_answer_ms"}  # their goals aren't ratios


def print_report(figures: Figures) -> None:
    """Print a table for each scenario, one of the goals, and what was measured."""
    for scenario, servers in figures.items():
        if servers:
            print(f"\n{scenario}: {TITLES[scenario]}\n")
            print("\n".join(table_rows(servers)))
    goals = goal_rows(figures)
    if len(goals) > 2:
        print("\ngoals\n")
        print("\n".join(goals))
    names = {name for servers in figures.values() for name in servers}
    print(f"\nCPython {platform.python_version()}, {openssl_version()}, {list_versions(names)}.")


def table_rows(servers: dict[str, dict[str, list[float]]]) -> list[str]:
    """Return the rows of a scenario's table; ratios are hump_trio's figure to the row's."""
    measures = [name for name in MEASURES if any(name in found for found in servers.values())]
    heads = ["server"]
    for name in measures:
        heads += [MEASURES[name], *(["ratio"] if name not in WITHOUT_RATIO else [])]
    rows = [row_of(heads), "|---" * len(heads) + "|"]
    own = next((found for peer, found in servers.items() if peer.startswith("hump")), {})
    for peer, found in servers.items():
        cells = [PEERS[peer].label]
        for name in measures:
            cells.append(spread(name, found.get(name)))
            if name not in WITHOUT_RATIO:
                cells.append(quotient(name, own.get(name), found.get(name)))
        rows.append(row_of(cells))
    return rows


def goal_rows(figures: Figures) -> list[str]:
    """Return the rows of the table of goals, of those that were measured."""
    rows = [row_of(["scenario", "measure", "beside", "goal", "reached", ""]), "|---" * 6 + "|"]
    for goal in GOALS:
        value = goal.reached(figures)
        if value is None:
            continue
        sign = "at least" if goal.at_least else "at most"
        more = " more" if goal.how == "difference" else ""
        of = f", {PEERS[goal.server].label}" if goal.server != SELF else ""
        beside = PEERS[goal.beside].label if goal.beside else ""
        beside += f", {goal.other_scenario}" if goal.other_scenario else ""
        cells = [goal.scenario, MEASURES[goal.measure] + of]
        cells += [beside, f"{sign} {goal.bound:g}{more}"]
        rows.append(row_of([*cells, f"{value:.2f}", "met" if goal.met(value) else "missed"]))
    return rows


def row_of(cells: Iterable[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def spread(measure: str, rounds: list[float] | None) -> str:
    """Return the figure of some rounds that counts, with the least and the most."""
    if not rounds:
        return ""
    settled = readable(settle(measure, rounds))
    if len(rounds) == 1:
        return settled
    return f"{settled} ({readable(min(rounds))} to {readable(max(rounds))})"


def readable(value: float) -> str:
    """Return a figure with as many digits as are worth reading."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def quotient(measure: str, own: list[float] | None, other: list[float] | None) -> str:
    """Return the quotient of two figures, as they are settled."""
    if not own or not other or not settle(measure, other):
        return ""
    return f"{settle(measure, own) / settle(measure, other):.2f}"


def write_json(path: Path, figures: Figures, options: argparse.Namespace) -> None:
    """Write every round's figures, with all that a reader has to know about them."""
    names = {name for servers in figures.values() for name in servers}
    report: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "connections": options.connections,
        "python": sys.version,
        "openssl": openssl_version(),
        "system": platform.platform(),
        "cpu": cpu_model(),
        "wrk": program_version("wrk"),
        "h2load": program_version("h2load"),
        "peers": {name: peer.versions() for name, peer in PEERS.items() if name in names},
        "figures": figures,
        "goals": [
            asdict(goal) | {"reached": value, "met": goal.met(value)}
            for goal in GOALS
            if (value := goal.reached(figures)) is not None
        ],
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def openssl_version() -> str:
    """Return the version of what Python does TLS by, without its date."""
    return " ".join(ssl.OPENSSL_VERSION.split()[:2])


def cpu_model() -> str:
    """Return the processor's name, as the kernel tells it."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return text.partition("model name")[2].partition("\n")[0].strip(" \t:")
