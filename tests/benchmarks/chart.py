"""Draws the requests per second of one scenario as bars."""

from pathlib import Path
from statistics import median

from tests.benchmarks.goals import SELF
from tests.benchmarks.peers import PEERS

INK = "#7d8590"  # can be read on white and on black
COLOURS = {"own": "#d9480f", "peer": "#4c8dae", "compiled": "#7a6fb0", "limit": "#9aa5ad"}
MEANINGS = {
    "peer": "Python",
    "compiled": "C, C++, Rust or JavaScript",
    "limit": "answers without reading",
}


def draw_chart(path: Path, servers: dict[str, dict[str, list[float]]]) -> None:
    """Draw a bar for each server, the fastest on top, to an SVG without a background."""
    import matplotlib as mpl  # of the extra `bench`, as the peers are
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    # Text stays text, and nothing changes from one run to the next but the figures.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hump_trio", "font.size": 11})
    rates = {name: median(found["per_second"]) for name, found in servers.items()}
    names = sorted(rates, key=rates.__getitem__)
    figure = Figure(figsize=(8, 0.6 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(
        [PEERS[name].label for name in names],
        [rates[name] for name in names],
        color=[COLOURS[role_of(name)] for name in names],
    )
    axes.bar_label(bars, [f"{rates[name]:,.0f}" for name in names], padding=4, color=INK)
    roles = {role_of(name) for name in names}
    patches = [
        Patch(color=COLOURS[role], label=meaning)
        for role, meaning in MEANINGS.items()
        if role in roles
    ]
    axes.legend(handles=patches, loc="lower right", frameon=False, labelcolor=INK)
    axes.set_title("GET / on one core, requests per second", loc="left", color=INK)
    axes.tick_params(left=False, bottom=False, labelbottom=False, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.margins(x=0.12, y=0.01)
    figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def role_of(name: str) -> str:
    """Return which colour a server has."""
    if name == SELF:
        return "own"
    if name.startswith("fixed"):
        return "limit"
    return "compiled" if PEERS[name].compiled else "peer"
