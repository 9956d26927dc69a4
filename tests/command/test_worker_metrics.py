"""Figures of workers, summed at each scrape."""

import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import trio
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from hump_trio import Ended, Hump, Request
from hump_trio.command.worker_metrics import (
    WorkerMetrics,
    answers_of,
    app_of_process,
    app_of_workers,
)
from hump_trio.prometheus import Metrics
from hump_trio.testing import client
from tests.command.fake_process import (
    Behaviour,
    FakeProcess,
    Rig,
    beat,
    hello,
    import_for_ever,
    serve,
    supervising,
)
from tests.command.programs import Program, started
from tests.command.test_supervisor_processes import address, ask_once, children_of
from tests.support.loopback import address_of, ask

APP = "tests.command.measured_app:app"
DURATION = "http_server_request_duration_seconds"
ASKED = f'{DURATION}_count{{method="GET",outcome="ok",route="/",status="200"}}'
LAST = ASKED.replace('"/"', '"/last"')
ANSWERED = 'hump_trio_workers{state="answered"}'
ENDS = "hump_trio_worker_ends_total{how="
COMMON = ("status 0", "other status", "SIGKILL", "SIGABRT", "SIGSEGV")
ACCEPTED = "hump_trio_accepted_connections_total"


def read(text: str) -> dict[str, float]:
    """Return the value of each line."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    assert list(text_string_to_metric_families(text))
    return {name: float(value) for name, _, value in lines}


async def test_a_program_may_have_metrics_of_its_own() -> None:
    """They are taken, with the registry that they have; others of its watchers are no matter."""
    app, registry = Hump(), CollectorRegistry()
    Counter("cups", "Cups.", registry=registry).inc(3)

    @app.watch
    def watch(request: Request) -> Generator[None, Ended, None]:
        yield

    app.watch(Metrics(registry))
    figures = app_of_process(app, "127.0.0.1:0")
    [(name, answer)] = answers_of(app).items()
    assert name == "metrics"
    assert "cups" in [family[0] for family in await answer("")]
    async with client(app), client(figures) as prometheus:
        found = read((await prometheus.get("/metrics")).text)
    assert found["cups_total"] == 3
    assert "process_cpu_seconds_total" not in found


async def test_a_process_alone_has_its_figures() -> None:
    """At an address of their own, without a line of the program's."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        return "hello"

    figures = app_of_process(app, "127.0.0.1:0")
    async with client(app) as http, client(figures) as prometheus:
        await http.get("/")
        found = read((await prometheus.get("/metrics")).text)
    assert found[ASKED] == 1


async def measured(process: FakeProcess, *told: str, seconds: float = 0) -> None:
    """Serve as a worker that tells its figures, the last ones at its end.

    Args:
        process: Itself.
        told: Its figures, for one scrape each; it is silent at the others.
        seconds: Time that it takes to answer.
    """
    figures = list(told)

    async def tell() -> None:
        await process.channel.send("answer", what="metrics", text=figures.pop(0), more=False)

    message = await hello(process)
    await process.channel.send("ready", addresses=["http://x"], answers=["metrics"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(beat, process, message["beat_seconds"])
        while True:
            received = await process.channel.receive()
            assert received is not None
            if received[0]["kind"] == "drain":
                break
            if len(figures) > 1:
                await trio.sleep(seconds)
                await tell()
        nursery.cancel_scope.cancel()
    await tell()
    process.end(0)


def cups(count: int) -> str:
    """Return figures of a worker, as they are told."""
    return (
        f'[["cups", "counter", "Cups.", [["cups_total", {{}}, {count}]]],'
        f' ["pots", "gauge", "Pots.", [["pots", {{}}, {count}]]]]'
    )


@asynccontextmanager
async def supervising_measured(
    workers: int, *behaviours: Behaviour
) -> AsyncIterator[tuple[Rig, Callable[[], Awaitable[dict[str, float]]]]]:
    """Run a supervisor; yield it, and what scrapes it: the counter, the gauge, and who answered."""
    metrics = WorkerMetrics()
    figures = app_of_workers(metrics, "127.0.0.1:0")

    async with (
        supervising(workers, *behaviours, observers=[metrics]) as rig,
        client(figures) as prometheus,
    ):

        async def scrape() -> dict[str, float]:
            found = read((await prometheus.get("/metrics")).text)
            found = {name: found[name] for name in found if not name.startswith(ENDS)}
            for state in ("answered", "silent", "starting"):
                found[state] = found.pop(f'hump_trio_workers{{state="{state}"}}')
            return found

        await trio.sleep(1)
        yield rig, scrape


async def test_what_workers_have_counted_stays(autojump_clock: MockClock) -> None:
    """When one is killed, what it had told last; when one ends, what it tells at its end."""

    async def first(process: FakeProcess) -> None:
        await measured(process, cups(3), cups(5), cups(1000))

    async def second(process: FakeProcess) -> None:
        await measured(process, cups(10), cups(20), cups(50))

    async with supervising_measured(2, first, second) as (rig, scrape):
        assert await scrape() == {
            "cups_total": 13, "pots": 13, "answered": 2, "silent": 0, "starting": 0,
        }  # fmt: skip
        assert (await scrape())["cups_total"] == 25
        rig.processes[0].kill(signal.SIGKILL)
        rig.behaviours += [import_for_ever, serve, serve]
        await trio.sleep(1)
        found = await scrape()
        assert (found["cups_total"], found["pots"], found["starting"]) == (25, 20, 1)
        assert found["silent"] == 1
        rig.processes[2].kill(signal.SIGKILL)
        await trio.sleep(10)
        rig.send(signal.SIGHUP)
        await trio.sleep(10)
        found = await scrape()
        assert found["cups_total"] == 55
        assert "pots" not in found
        assert (found["answered"], found["silent"]) == (0, 2)
        rig.send(signal.SIGTERM)


async def test_ends_of_workers_are_counted(autojump_clock: MockClock) -> None:
    """By signal or status; all but 0 are one, so that no program makes up series."""
    metrics = WorkerMetrics()
    figures = app_of_workers(metrics, "127.0.0.1:0")
    async with supervising(3, observers=[metrics]) as rig, client(figures) as prometheus:

        async def ends() -> dict[str, float]:
            found = read((await prometheus.get("/metrics")).text)
            return {name: value for name, value in found.items() if name.startswith(ENDS)}

        await trio.sleep(1)
        assert await ends() == {f'{ENDS}"{how}"}}': 0 for how in COMMON}
        for process, status in zip(list(rig.processes), (7, -signal.SIGKILL, -64), strict=True):
            process.end(status)
        await trio.sleep(5)
        rig.processes[-1].end(8)
        await trio.sleep(5)
        rig.send(signal.SIGHUP)
        await trio.sleep(5)
        counts = {"status 0": 3, "other status": 2, "SIGKILL": 1, "SIGABRT": 0, "SIGSEGV": 0}
        counts |= {signal.Signals(64).name: 1}
        assert await ends() == {f'{ENDS}"{how}"}}': count for how, count in counts.items()}
        rig.send(signal.SIGTERM)


async def test_a_worker_that_is_late(autojump_clock: MockClock) -> None:
    """A scrape waits for two seconds, and then what the worker has told before stands."""

    async def late(process: FakeProcess) -> None:
        await measured(process, cups(3), cups(4), cups(5), seconds=3)

    async def quick(process: FakeProcess) -> None:
        await measured(process, *map(cups, range(10, 19)))

    async with supervising_measured(2, late, quick) as (rig, scrape):
        begun = trio.current_time()
        found = await scrape()
        assert (found["cups_total"], found["silent"], found["answered"]) == (10, 1, 1)
        assert trio.current_time() - begun == pytest.approx(2, abs=0.1)
        await trio.sleep(2)
        found = await scrape()
        assert (found["cups_total"], found["silent"]) == (14, 1)
        rig.send(signal.SIGTERM)


@asynccontextmanager
async def working(*arguments: str) -> AsyncIterator[Program]:
    """Start a supervisor with workers that are ready."""
    async with started(APP, "--bind", "127.0.0.1:0", *arguments) as program:
        await program.wait_said(" workers serve at ")
        yield program


async def scrape_real(program: Program) -> dict[str, float]:
    """Return the figures of a real process or its workers."""
    url = (await program.wait_said(r"figures for Prometheus at (http[^\s]+)"))[1]
    async with httpx2.AsyncClient() as http:
        return read((await http.get(url)).text)


async def ask_often(program: Program, count: int) -> set[int]:
    """Ask on a connection each, and return who has answered."""
    found = set()
    for _ in range(count):
        found.add(int(await ask_once(program)))
    return found


async def test_real_workers_are_summed_through_restarts_and_kills() -> None:
    """The sums are what was asked, whoever has answered; a stream that ends last counts, too."""
    async with working("--workers", "2", "--metrics-bind", "127.0.0.1:0") as program:
        first = children_of(program.process.pid)
        await ask_often(program, 20)
        found = await scrape_real(program)
        assert (found[ASKED], found["asked_total"], found[ANSWERED]) == (20, 20, 2)
        async with await trio.open_tcp_stream(*await address(program)) as stream:
            await stream.send_all(b"GET /last HTTP/1.1\r\nhost: a\r\n\r\n")
            assert b"begun" in await stream.receive_some()
            await ask_often(program, 10)
            program.process.send_signal(signal.SIGHUP)
            await program.wait_said(r"(?s)(has ended with status 0.*){2}")
        second = children_of(program.process.pid)
        assert not first & second
        found = await scrape_real(program)
        assert (found[ASKED], found["asked_total"], found[LAST]) == (30, 30, 1)
        assert found[ACCEPTED] >= 31
        await ask_often(program, 10)
        assert (await scrape_real(program))[ASKED] == 40
        os.kill(min(second), signal.SIGKILL)
        await program.wait_said("has ended by SIGKILL")
        await ask_often(program, 10)
        found = await scrape_real(program)
        assert (found[ASKED], found["asked_total"]) == (50, 50)
        assert await program.end() == 0


async def test_a_real_process_alone(tmp_path: Path) -> None:
    """It serves its figures at a Unix socket, say, which is gone afterwards."""
    path = tmp_path / "figures"
    async with started(APP, "--bind", "127.0.0.1:0", "--metrics-bind", f"unix:{path}") as program:
        url = (await program.wait_said(r"serving at (http://127[^\s]+)"))[1]
        async with await trio.open_tcp_stream(*address_of(url)) as stream:
            for _ in range(3):
                await ask(stream)
        transport = httpx2.AsyncHTTPTransport(uds=str(path))
        async with httpx2.AsyncClient(transport=transport) as http:
            found = read((await http.get("http://a/metrics")).text)
        assert (found[ASKED], found["asked_total"]) == (3, 3)
        assert await program.end() == 0
    assert not path.exists()


async def test_an_address_that_is_taken() -> None:
    """One line says so, and nothing is served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        async with started(APP, "--metrics-bind", bind, "--workers", "2") as program:
            assert await program.wait() == 1
    assert f"hump-trio: cannot listen on {bind}" in program.said
    assert "Traceback" not in program.said


@pytest.mark.parametrize(
    "told",
    [
        "[7]",
        "7",
        '[["cups", "counter", "Cups.", [["cups_total", {}, "x"]]]]',
        '[["cups", "counter", "Cups.", [["cups_total", [], 1]]]]',
        '[["cups", "mug", "Cups.", []]]',
        '[["cups", "counter", "Cups.", [["cups_total", {"tea": "\\ud800"}, 1]]]]',
        f'[["cups", "counter", "Cups.", [["cups_total", {{}}, 1{"0" * 400}]]]]',
    ],
)
async def test_figures_that_are_none_are_left_out(told: str, autojump_clock: MockClock) -> None:
    """Now, and when the worker has ended; those of others are told, and the server goes on."""

    async def ramble(process: FakeProcess) -> None:
        await measured(process, told, told)

    async def count(process: FakeProcess) -> None:
        await measured(process, *[cups(3)] * 9)

    metrics = WorkerMetrics()
    figures = app_of_workers(metrics, "unix:/figures")
    async with (
        supervising(2, ramble, count, observers=[metrics]) as rig,
        client(figures) as prometheus,
    ):
        await trio.sleep(1)
        for _ in range(2):
            assert read((await prometheus.get("/metrics")).text)["cups_total"] == 3
            rig.processes[0].end(1)
            await trio.sleep(1)
        rig.send(signal.SIGTERM)
    assert (rig.status, rig.error) == (0, None)
