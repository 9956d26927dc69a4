"""The recipe for work that keeps a processor busy does what its docstring says."""

import multiprocessing
import os
import signal
from functools import partial
from pathlib import Path

import pytest
import trio

from examples.recipes import cpu_work
from hump_trio import Hump, Timeouts
from hump_trio.testing import client, connect
from tests.support.jobs import never_end
from tests.support.loopback import wait_until
from tests.support.wire import request


def processes() -> set[int | None]:
    """Return the numbers of the processes that run for jobs."""
    return {process.pid for process in multiprocessing.active_children()}


def has_ended(process: int | None) -> bool:
    """Tell whether a process runs no more."""
    return process not in processes()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Hump:
    """The app of the recipe, whose jobs have as long as they like."""
    app = Hump(timeouts=Timeouts(disconnect_poll=0.02))
    app.lifespan(cpu_work.lifespan)
    app.get("/primes/{below}", timeout=None)(cpu_work.primes)
    monkeypatch.setattr(cpu_work, "app", app)
    return app


async def test_cpu_work__serves_one_job_after_the_other(app: Hump) -> None:
    """In one process, which is there before the first, and ends with the server."""
    async with client(app) as http:
        before = processes()
        for below, count in ((10, 4), (100, 25)):
            assert (await http.get(f"/primes/{below}")).json() == {"primes": count}
        assert processes() == before
        assert len(before) == 1
    assert processes() == set()


async def test_cpu_work__kills_what_takes_too_long() -> None:
    """At the time of the route, while others are answered; then there is a process again."""
    statuses = list[int]()
    async with client(cpu_work.app) as http:

        async def ask(path: str) -> None:
            statuses.append((await http.get(path)).status_code)

        before = processes()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "/primes/100000000")
            nursery.start_soon(ask, "/primes/x")
        assert sorted(statuses) == [422, 503]
        assert not before & processes()
        while (await http.get("/primes/100")).status_code != 200:  # 503: it isn't ready yet
            pass


async def test_cpu_work__outlives_its_processes(
    app: Hump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is killed in mid-job fails this job alone."""
    begun, statuses = tmp_path / "begun", list[int]()
    async with client(app) as http:

        async def ask() -> None:
            statuses.append((await http.get("/primes/1")).status_code)

        with monkeypatch.context() as patch:
            patch.setattr(cpu_work, "count_primes", partial(never_end, begun))
            [process] = processes()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await wait_until(begun.exists)
                patch.undo()
                assert process is not None
                os.kill(process, signal.SIGKILL)
        await ask()
        assert statuses == [503, 200]
        assert process not in processes()


async def test_cpu_work__outlives_a_process_that_has_no_job(app: Hump) -> None:
    """Another one does the next job; and the server ends well, whoever was killed before."""
    for jobs in (1, 0):
        async with client(app) as http:
            [process] = processes()
            assert process is not None
            os.kill(process, signal.SIGKILL)
            await wait_until(partial(has_ended, process))
            for _ in range(jobs):
                assert (await http.get("/primes/10")).json() == {"primes": 4}


async def test_cpu_work__works_for_nobody_who_has_gone(
    app: Hump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is killed, and the next client is served."""
    begun = tmp_path / "begun"
    async with connect(app) as raw, client(app) as http:
        with monkeypatch.context() as patch:
            patch.setattr(cpu_work, "count_primes", partial(never_end, begun))
            [process] = processes()
            await raw.send(request(path="/primes/1"))
            await wait_until(begun.exists)
        raw.reset()
        await wait_until(partial(has_ended, process))
        assert (await http.get("/primes/1")).status_code == 200
