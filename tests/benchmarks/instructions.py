"""Instructions per request, counted by callgrind: a measure that a busy machine doesn't change.

    pip install -e '.[dev]' && apt-get install valgrind
    python -m tests.benchmarks instructions --check

What a server executes outside the kernel is counted. Sixteen connections ask in step, each request
with a head of its own, or over HTTP/2 as many connections and streams as a scenario says. Sixteen
WebSockets send messages, or 256 get one. What a long series of requests costs more than a short
one, divided by the requests that it has more, is the cost of one. Counts change with Python and the
C library; so what is kept, in ratios.json for each minor version of Python, are ratios to a server
with a fixed answer that is measured in the same run. `--check` fails where a scenario costs over
4 % more than its ratio says. Where it has to, or where it has become cheaper, `--renew` writes the
ratios for the Python that runs it: commit them with the change they belong to.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from platform import python_version
from tempfile import TemporaryDirectory

from tests.benchmarks import callgrind
from tests.benchmarks.callgrind import CountedServer
from tests.benchmarks.check import check_answers
from tests.benchmarks.client import CONNECTION_COUNT, connected
from tests.benchmarks.connecting_client import ConnectingClient
from tests.benchmarks.event_client import connected_to_events
from tests.benchmarks.goals import SELF
from tests.benchmarks.http2_client import connected_by_http2
from tests.benchmarks.peers import PEERS, list_versions, missing_packages
from tests.benchmarks.scenarios import LOADS, MESSAGES, STREAMS, TITLES
from tests.benchmarks.servers import write_certificate
from tests.benchmarks.websocket_client import (
    OPENING_BATCH,
    OpeningClient,
    connected_to_echo,
    connected_to_feed,
)

SCENARIOS = (
    *("hello", "browser", "item", "post_json", "post_typed", "echo_64k", "varied"),
    *("h2_hello_16x1", "h2_hello_16x10", "h2_hello_1x100", "h2_browser_16x10"),
    *("h2_varied_16x1", "h2_varied_16x10", "h2_waiting_16x10", "h2_echo_64k_16x1"),
    *("ws_echo", "ws_burst", "ws_cast", "ws_open"),
    *("asgi_bare", "asgi_starlette"),
    *("item_typed", "post_params", "connect", "tls_hello", "tls_connect"),
    *("log_text", "log_json", "middleware", "file_10k", "event_1000"),
)
# The scenarios of other apps of ours: the server, and what it is asked for.
OWN_OTHERS = {
    "asgi_bare": ("hump_asgi", "hello"),
    "asgi_starlette": ("hump_starlette", "hello"),
    "log_text": ("hump_log_text", "log_text"),
    "log_json": ("hump_log_json", "log_json"),
    "middleware": ("hump_middleware", "middleware"),
}
FLOOR = "fixed_epoll"
COUNTABLE = [
    name
    for name, peer in PEERS.items()
    if set(SCENARIOS) & set(peer.scenarios)
    and not name.startswith("hump")
    and not name.startswith(("granian", "robyn"))  # they serve in a child, which isn't counted
    and not peer.programs  # another program isn't counted, either
]
# What each of these may cost at most beside the fixed answer, whatever is renewed.
BOUNDS = {
    "hello": 1.5,
    "connect": 5.0,
    "item_typed": 2.79,  # 90,000 instructions
    "tls_hello": 2.6,
    "log_text": 3.2,
    "log_json": 4.0,
    "event_1000": 0.6,
    "h2_hello_16x1": 2.2,
    "h2_hello_16x10": 1.1,
    "h2_hello_1x100": 1.1,
    "h2_browser_16x10": 1.4,
    "h2_varied_16x1": 3.65,
    "h2_varied_16x10": 2.65,
    "h2_echo_64k_16x1": 12.0,
    "ws_echo": 2.2,
    "asgi_bare": 5.5,
    "asgi_starlette": 8.0,
}
# What each may cost at most beside another: streams side by side less than requests one after the
# other, a body that is asked for no more than one that is passed, and so on.
RELATIONS = {
    "post_json": ("post_params", 1.0),
    "h2_hello_16x10": ("hello", 0.9),
    "h2_hello_1x100": ("hello", 0.8),
    "h2_browser_16x10": ("browser", 0.8),
    "ws_burst": ("ws_echo", 0.4),
    "ws_cast": ("ws_echo", 0.08),
    "ws_open": ("ws_echo", 11),
}
RATIOS = Path(__file__).with_name("ratios.json")
RENEW = "python -m tests.benchmarks instructions --renew"
TOLERANCE = 0.04
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"

WARM_ROUNDS = 5
SHORT_ROUNDS = 5
# How many more a long series has. A garbage collection now and then is a larger part of what the
# floor does, which costs so little that it can do more.
MORE_ROUNDS = 40
FLOOR_MORE_ROUNDS = 400
SECURED_MORE_ROUNDS = 10  # where each request needs a handshake
STREAMS_MORE_ROUNDS = 10  # where a connection has many streams in each round
# Which lane leads when handlers that have waited go on differs from time to time, and the count
# does by up to 10 %. So it is measured so often, and the least counts.
UNSTEADY = {"h2_waiting_16x10": 4}
LISTENER_COUNT = 256  # fewer than under load, and enough to have several turns

Counts = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a scenario's ratio, and whether it fails the check."""

    text: str
    failed: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's options to its command line."""
    purpose = parser.add_mutually_exclusive_group()
    purpose.add_argument("--check", action="store_true", help="fail where a scenario costs more")
    purpose.add_argument("--renew", action="store_true", help="write ratios.json")
    names: dict[str, Iterable[str]] = {"--scenarios": SCENARIOS, "--peers": COUNTABLE}
    for option, choices in names.items():
        parser.add_argument(
            option,
            nargs="+",
            metavar="NAME",
            choices=choices,
            default=SCENARIOS if option == "--scenarios" else (),
            help=", ".join(choices),
        )


def run(options: argparse.Namespace) -> int:
    """Measure, print a table, and compare or renew; return the exit status."""
    committed = json.loads(RATIOS.read_text())
    obstacle = find_obstacle(options, committed)
    if obstacle:
        print(obstacle, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are ended then, too
    floor = measure(FLOOR, ["hello"], FLOOR_MORE_ROUNDS)["hello"]
    table = {SELF: measure_own(options.scenarios)}
    table |= {name: measure(name, options.scenarios, MORE_ROUNDS) for name in options.peers}
    print("\n".join(lines_of_table(floor, table)))
    ratios = {name: round(count / floor, 3) for name, count in table[SELF].items()}
    if options.renew:
        known = committed.get(MINOR, {}) | ratios
        committed[MINOR] = {name: known[name] for name in SCENARIOS if name in known}
        RATIOS.write_text(json.dumps(committed, indent=2) + "\n")
    if not options.check:
        return 0
    verdicts = [judge(name, ratio, committed[MINOR].get(name)) for name, ratio in ratios.items()]
    print("\n".join(["", *[verdict.text for verdict in verdicts]]))
    return 1 if any(verdict.failed for verdict in verdicts) else 0


def find_obstacle(options: argparse.Namespace, committed: Mapping[str, Counts]) -> str:
    """Return what is missing, with the command that helps; nothing if all is there."""
    if not callgrind.is_installed():
        return "valgrind not found: apt-get install valgrind"
    others = [name for scenario, (name, _) in OWN_OTHERS.items() if scenario in options.scenarios]
    packages = missing_packages([SELF, *others, *options.peers])
    if packages:
        return f"{', '.join(packages)} not installed: pip install -e '.[bench]'"
    if options.check and MINOR not in committed:
        return f"{RATIOS.name} has no ratios for Python {MINOR}; to add them: {RENEW}"
    return ""


def measure_own(scenarios: Iterable[str]) -> Counts:
    """Return the instructions per request of our own servers."""
    counts: dict[str, float] = {}
    if not OWN_OTHERS.keys() >= set(scenarios):
        counts |= measure(SELF, scenarios, MORE_ROUNDS)
    for scenario, (name, asked) in OWN_OTHERS.items():
        if scenario in scenarios:
            counts[scenario] = measure(name, [asked], MORE_ROUNDS)[asked]
    return counts


def measure(name: str, scenarios: Iterable[str], more_rounds: int) -> Counts:
    """Return the instructions per request of a server, in the scenarios it takes part in."""
    known = [scenario for scenario in scenarios if scenario in PEERS[name].scenarios]
    secured = [scenario for scenario in known if scenario in LOADS and LOADS[scenario].secured]
    counts: dict[str, float] = {}
    if known != secured:
        with callgrind.counted(*program_of(name)) as server:
            plain = [scenario for scenario in known if scenario not in secured]
            counts |= measure_counted(name, server, plain, more_rounds)
    if secured:
        with (
            TemporaryDirectory() as folder,
            callgrind.counted(*program_of(name), *write_certificate(Path(folder))) as server,
        ):
            counts |= measure_counted(name, server, secured, more_rounds)
    return counts


def program_of(name: str) -> tuple[str, ...]:
    """Return the program that a server is counted in, and what its command line has first."""
    return ("hump_slowly", name) if name.startswith("hump") else (name,)


def measure_counted(
    name: str, server: CountedServer, scenarios: Sequence[str], more_rounds: int
) -> Counts:
    """Return the instructions per request of a server that runs, in each scenario."""
    for scenario in scenarios:
        check_answers(name, scenario, server.port, server.log)
    server.start_counting()
    counts = measure_loads(server, scenarios, more_rounds)
    for scenario in filter(STREAMS.__contains__, scenarios):
        streams = STREAMS[scenario]
        more = more_rounds if streams.stream_count == 1 else STREAMS_MORE_ROUNDS
        with connected_by_http2(server, streams.connection_count) as http2:
            cost = min(
                cost_of_round(server, partial(http2.ask, streams), more)
                for _ in range(UNSTEADY.get(scenario, 1))
            )
        counts[scenario] = cost / streams.connection_count / streams.stream_count
    return counts | measure_messages(server, scenarios, more_rounds)


def measure_loads(
    server: CountedServer, scenarios: Iterable[str], more_rounds: int
) -> dict[str, float]:
    """Return the instructions per request in the scenarios of HTTP/1.1."""
    counts = {}
    for scenario in filter(LOADS.__contains__, scenarios):
        load = LOADS[scenario]
        if load.closes:
            one_time = ConnectingClient(server.port, load)
            steps = partial(repeat_steps, server, one_time.steps())
            more = SECURED_MORE_ROUNDS if load.secured else more_rounds
            cost = cost_of_round(server, steps, more)
        else:
            with connected(server, secured=load.secured) as client:
                cost = cost_of_round(server, partial(client.ask, load), more_rounds)
        counts[scenario] = cost / CONNECTION_COUNT
    return counts


def measure_messages(
    server: CountedServer, scenarios: Iterable[str], more_rounds: int
) -> dict[str, float]:
    """Return the instructions per message, event or opening, in the scenarios of these."""
    counts = {}
    for scenario in scenarios:
        if scenario in MESSAGES:
            messages = MESSAGES[scenario]
            with connected_to_echo(server.port, messages, CONNECTION_COUNT) as client:
                steps = [(client.send, client.receive)]
                cost = cost_of_round(server, partial(repeat_steps, server, steps), more_rounds)
            counts[scenario] = cost / CONNECTION_COUNT / messages.burst_count
        elif scenario == "ws_cast":
            with connected_to_feed(server.port, LISTENER_COUNT) as client:
                steps = [(client.send, client.receive)]
                cost = cost_of_round(server, partial(repeat_steps, server, steps), more_rounds)
            counts[scenario] = cost / LISTENER_COUNT
        elif scenario == "event_1000":
            with connected_to_events(server.port, LISTENER_COUNT) as followers:
                steps = [(followers.send, followers.receive)]
                cost = cost_of_round(server, partial(repeat_steps, server, steps), more_rounds)
            counts[scenario] = cost / LISTENER_COUNT
        elif scenario == "ws_open":
            opening = OpeningClient(server.port)
            openings = [
                (opening.ask, opening.receive_answers),
                (opening.close, opening.receive_ends),
            ]
            cost = cost_of_round(server, partial(repeat_steps, server, openings), more_rounds)
            opening.disconnect()
            counts[scenario] = cost / OPENING_BATCH
    return counts


def repeat_steps(
    server: CountedServer,
    steps: Iterable[tuple[Callable[[], object], Callable[[], object]]],
    rounds: int,
) -> None:
    """Take steps so many times: all that one sends is there before the server reads any of it."""
    for _ in range(rounds):
        for send, receive in steps:
            with server.stopped():
                send()
            receive()


def cost_of_round(server: CountedServer, ask: Callable[[int], None], more_rounds: int) -> float:
    """Return the instructions of a round, if ``ask`` asks for so many rounds."""
    costs = []
    for rounds in (WARM_ROUNDS, SHORT_ROUNDS, SHORT_ROUNDS + more_rounds):
        ask(rounds)
        costs.append(server.take_count())
    return (costs[2] - costs[1]) / more_rounds


def lines_of_table(floor: float, table: Mapping[str, Counts]) -> Iterator[str]:
    """Yield the lines of a Markdown table of counts, with their ratios to the floor."""
    yield f"Instructions per request, with CPython {python_version()}, {list_versions(table)}."
    yield f"In parentheses: ratio to the fixed answer, which takes {floor:,.0f}."
    yield ""
    yield f"| scenario | {' | '.join(PEERS[name].label for name in table)} |"
    yield f"|---|{'---|' * len(table)}"
    for scenario in table[SELF]:
        counts = [column.get(scenario) for column in table.values()]
        cells = [f"{count:,.0f} ({count / floor:.3f})" if count else "" for count in counts]
        yield f"| {title_of(scenario)} | {' | '.join(cells)} |"


def title_of(scenario: str) -> str:
    """Return what a scenario is, and of which app of ours if it isn't the usual one."""
    if scenario in TITLES:
        return TITLES[scenario]
    name, asked = OWN_OTHERS[scenario]
    return f"{TITLES[asked]}; {PEERS[name].label}"


def judge(scenario: str, ratio: float, committed: float | None) -> Verdict:
    """Compare a ratio with the committed one."""
    if committed is None:
        return Verdict(f"{scenario}: {RATIOS.name} has no ratio; to add it: {RENEW}", failed=True)
    change = ratio / committed - 1
    word = "more" if change > 0 else "less"
    text = (
        f"{scenario}: {ratio:.3f}, {abs(change):.1%} {word} than {committed:.3f} in {RATIOS.name}"
    )
    if change > TOLERANCE:
        return Verdict(f"{text}: TOO MUCH. If it has to be: {RENEW}", failed=True)
    if change < -TOLERANCE:
        return Verdict(f"{text}: well done. To keep it: {RENEW}")
    return Verdict(text)
