"""CPU, requests per second and latency under wrk and h2load, beside the peers, and more.

Each server is one process on one core, with its load on another, and first of all has to give the
same answers as the others. Rounds are interleaved and medians count, so that what else the machine
does hits all alike; in parentheses are the least and the most. Of the CPU times of WebSockets the
least counts. A ratio is hump_trio's figure divided by that of the row. With a TLS connection for
each request, wrk resumes its sessions where the server lets it; openssl shakes hands anew.
"""

import argparse
import os
import resource
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks import measure
from tests.benchmarks.chart import draw_chart
from tests.benchmarks.check import check_answers
from tests.benchmarks.goals import SELF, Figures
from tests.benchmarks.peers import PEERS, missing_packages
from tests.benchmarks.report import print_report, write_json
from tests.benchmarks.scenarios import IDLE_COUNT, LOADS, MESSAGES, STREAMS, TITLES
from tests.benchmarks.servers import Server, started

CHART_SCENARIO = "hello"
OTHER_LOADS = ("ws_cast", "ws_open", "event_1000", "tls_handshake")
WARM_UP_SECONDS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's options to its command line."""
    for option, names in {"--scenarios": list(TITLES), "--peers": list(PEERS)}.items():
        parser.add_argument(
            option,
            nargs="+",
            metavar="NAME",
            choices=names,
            default=names,
            help=", ".join(names),
        )
    for option, default, meaning in (
        ("--rounds", 5, "of which the median counts"),
        ("--seconds", 2, "of load, for each figure"),
        ("--connections", 64, "that wrk's load comes by"),
    ):
        text = f"{meaning} (default: {default})"
        parser.add_argument(option, type=positive, default=default, metavar="N", help=text)
    parser.add_argument("--json", type=Path, metavar="FILE", help="to write all figures to")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="to draw a chart to, as SVG")


def positive(text: str) -> int:
    """Parse a number of the command line that is at least one.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on is needed, not {text!r}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Measure, report, and return the exit status."""
    wanted, missing = choose_servers(options)
    obstacle = find_obstacle(wanted, options)
    if obstacle:
        print(obstacle, file=sys.stderr)
        return 1
    core = prepare_process()
    for name, scenarios in wanted.items():
        tell(f"asking {name}")
        for secured in sorted(set(map(is_secured, scenarios))):
            with started(name, core, secured=secured) as server:
                for scenario in scenarios:
                    if is_secured(scenario) == secured:
                        check_answers(name, scenario, server.port, server.log)
    figures: Figures = {scenario: {} for scenario in TITLES if scenario in options.scenarios}
    for number in range(options.rounds):
        for name, scenarios in wanted.items():
            tell(f"round {number + 1} of {options.rounds}: {name}")
            measure_round(name, scenarios, core, options, figures)
    print_report(figures)
    for text in missing:
        print(text)
    if options.json:
        write_json(options.json, figures, options)
    if options.chart:
        draw_chart(options.chart, figures[CHART_SCENARIO])
    return 0


def choose_servers(options: argparse.Namespace) -> tuple[dict[str, list[str]], list[str]]:
    """Return the servers that are measured, each with its scenarios, and what to say of others.

    Ours is always measured, and what another one needs may be missing.
    """
    wanted, missing = {}, []
    for name, peer in PEERS.items():
        scenarios = [one for one in peer.scenarios if one in options.scenarios]
        if name not in (SELF, *options.peers) or not scenarios:
            continue
        parts = [] if name.startswith("hump") else peer.missing()
        if parts:
            missing.append(f"not there: {peer.label} (without {', '.join(parts)})")
            tell(missing[-1])
        else:
            wanted[name] = scenarios
    return wanted, missing


def find_obstacle(wanted: dict[str, list[str]], options: argparse.Namespace) -> str:
    """Return what is missing, with the command that helps; nothing if all is there."""
    needed = {"taskset": "util-linux"}
    if not LOADS.keys().isdisjoint(options.scenarios):
        needed["wrk"] = "wrk"
    if not STREAMS.keys().isdisjoint(options.scenarios) or "h2_download" in options.scenarios:
        needed |= {"h2load": "nghttp2-client", "curl": "curl"}
    if "tls_handshake" in options.scenarios:
        needed["openssl"] = "openssl"
    programs = [program for program in needed if shutil.which(program) is None]
    if programs:
        names = " ".join(needed[program] for program in programs)
        return f"{' and '.join(programs)} not found: apt-get install {names}"
    packages = missing_packages(wanted)
    if options.chart and find_spec("matplotlib") is None:
        packages.append("matplotlib")
    if packages:
        return f"{', '.join(packages)} not installed: pip install -e '.[bench]'"
    if options.chart and CHART_SCENARIO not in options.scenarios:
        return f"the chart is of {CHART_SCENARIO}, which isn't among the scenarios"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for name in options.scenarios:
        many = LOADS[name].connection_count if name in LOADS else 0
        count = (IDLE_COUNT if "idle" in name else many) + 100
        if hard < count:
            return f"{name} needs more than {hard} descriptors; as root: ulimit -Hn {count}"
    return ""


def prepare_process() -> int:
    """Keep this process and its clients on one core, and return another one for servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are ended then, too
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        tell("there is one core: clients take from it, too")
    os.sched_setaffinity(0, cores[:1])
    return cores[-1]


def measure_round(
    name: str, scenarios: list[str], core: int, options: argparse.Namespace, figures: Figures
) -> None:
    """Measure a server once in each scenario; what isn't load has a new process each."""
    loads = {
        scenario: is_secured(scenario)
        for scenario in scenarios
        if scenario in (*LOADS, *STREAMS, *MESSAGES, *OTHER_LOADS)
    }
    for secured in sorted(set(loads.values())):
        with started(name, core, secured=secured) as server:
            known = [scenario for scenario in loads if loads[scenario] == secured]
            warm_up(known[0], server)
            for scenario in known:
                round_of(scenario, server, options, figures)
    for scenario in scenarios:
        if scenario not in loads:
            with started(name, core) as server:
                round_of(scenario, server, options, figures)


def warm_up(scenario: str, server: Server) -> None:
    """Let a server do for a while what it is measured in, by a few connections."""
    if scenario in LOADS:
        measure.measure_load(LOADS[scenario], server, seconds=WARM_UP_SECONDS, connections=4)
    else:
        measure_any_load(scenario, server, seconds=WARM_UP_SECONDS, connections=4)


def is_secured(scenario: str) -> bool:
    """Return whether a load comes over TLS."""
    load = LOADS.get(scenario) or STREAMS.get(scenario)
    return load.secured if load else scenario == "tls_handshake"


def round_of(scenario: str, server: Server, options: argparse.Namespace, figures: Figures) -> None:
    """Measure a server that runs, and add to its figures."""
    match scenario:
        case "idle":
            found = measure.measure_idle(server)
        case "ws_idle":
            found = measure.measure_idle(server, "ws_echo")
        case "ws_idle_offered":
            found = measure.measure_idle(server, "ws_echo_offered")
        case "download":
            found = measure.measure_download(server)
        case "start":
            found = measure.measure_start(server)
        case "h2_download":
            found = measure.measure_h2_download(server)
        case _:
            found = measure_any_load(
                scenario, server, seconds=options.seconds, connections=options.connections
            )
    rounds = figures[scenario].setdefault(server.name, {})
    for measured, value in found.items():
        rounds.setdefault(measured, []).append(round(value, 3))


def measure_any_load(
    scenario: str, server: Server, *, seconds: int, connections: int
) -> dict[str, float]:
    """Measure a server under wrk or, over HTTP/2, under h2load, or with WebSockets."""
    if scenario in STREAMS:
        return measure.measure_streams(STREAMS[scenario], server, seconds=seconds)
    if scenario in MESSAGES:
        return measure.measure_messages(MESSAGES[scenario], server, seconds=seconds)
    if scenario == "ws_cast":
        return measure.measure_cast(server, seconds=seconds)
    if scenario == "event_1000":
        return measure.measure_events(server, seconds=seconds)
    if scenario == "tls_handshake":
        return measure.measure_handshakes(server, seconds=seconds)
    if scenario == "ws_open":
        return measure.measure_openings(server, seconds=seconds)
    load = LOADS[scenario]
    if load.connection_count:
        return measure.measure_busy(load, server, seconds=seconds)
    return measure.measure_load(load, server, seconds=seconds, connections=connections)


def tell(text: str) -> None:
    """Say how far it is, apart from the report."""
    print(text, file=sys.stderr, flush=True)
