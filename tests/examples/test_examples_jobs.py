"""The recipe for jobs keeps its promises with a real Redis, and with workers that are killed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial

import httpx2
import pytest
import trio
from streaq import Worker

from tests.support import stores
from tests.support.deployment import ROOT, Instance, started
from tests.support.loopback import PATIENCE_SECONDS

AGAIN_SECONDS = 0.05  # between two looks at a job
LONG_SECONDS = 5  # a job that takes so long is found while it is done, unless a machine is busy


@pytest.fixture
def redis() -> Iterator[stores.Redis]:
    """A Redis, which forgets nothing if it is killed."""
    with stores.redis(lasting=True) as server:
        yield server


class Manager:
    """Has a worker run, and starts it again when it has ended, as a process manager does."""

    def __init__(self) -> None:
        self._process: trio.Process | None = None

    async def run(self, environment: Mapping[str, str]) -> None:
        """Run workers, one after the other."""
        command = [sys.executable, "-m", "streaq", "run", "examples.recipes.redis_jobs:worker"]
        # Its own colourful traceback takes seconds.
        environment = {**os.environ, **environment, "TYPER_STANDARD_TRACEBACK": "1"}
        run = partial(
            trio.run_process,
            cwd=ROOT,
            env=environment,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            async with trio.open_nursery() as nursery:
                self._process = await nursery.start(run, command)

    def kill(self) -> None:
        """Kill the worker that runs."""
        assert self._process is not None
        self._process.kill()


async def wait_for(http: httpx2.AsyncClient, job: str, *statuses: str) -> dict[str, str]:
    """Look at a job until its status is one of these, whatever happens to Redis meanwhile."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            answer = await http.get(job)
            if answer.status_code != 503:
                found: dict[str, str] = answer.json()
                if found["status"] in statuses:
                    return found
            await trio.sleep(AGAIN_SECONDS)


async def order(http: httpx2.AsyncClient, tea: str, seconds: float) -> str:
    """Order a cup, and return where its job can be looked at."""
    answer = await http.post("/cups", json={"tea": tea, "seconds": seconds})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/jobs/{answer.json()['job']}"
    return answer.headers["location"]


async def order_and_see(http: httpx2.AsyncClient, tea: str) -> str:
    """Order cups until one of them is found while a worker is at it."""
    while True:
        job = await order(http, tea, LONG_SECONDS)
        if (await wait_for(http, job, "running", "done"))["status"] == "running":
            return job


async def tries_of(redis: stores.Redis, job: str) -> int:
    """Return how often a job was begun, as streaq tells it."""
    decode = json.loads
    worker = Worker(redis.url, serializer=json.dumps, deserializer=decode, anyio_backend="trio")
    async with worker:
        return (await worker.result_by_id(job.removeprefix("/jobs/"), timeout=5)).tries


@pytest.mark.program("redis-server")
async def test_redis_jobs__outlive_their_worker_and_redis(redis: stores.Redis) -> None:
    """A job is run again; while Redis is away, clients are told so at once."""
    environment = {"REDIS_URL": redis.url, "IDLE_SECONDS": "3"}
    instance = Instance(
        "127.0.0.1:0", app="examples.recipes.redis_jobs:app", environment=environment
    )
    manager = Manager()
    async with started(instance), trio.open_nursery() as nursery:
        nursery.start_soon(manager.run, environment)
        url, patience = f"http://{instance.bind}", PATIENCE_SECONDS
        async with httpx2.AsyncClient(base_url=url, timeout=patience, trust_env=False) as http:
            assert (await http.get("/jobs/none")).status_code == 404
            job = await order(http, "mint", 0)
            assert await wait_for(http, job, "done") == {
                "status": "done",
                "result": "a cup of mint tea",
            }

            job = await order_and_see(http, "green")
            manager.kill()
            assert (await wait_for(http, job, "done"))["result"] == "a cup of green tea"
            assert await tries_of(redis, job) > 1

            job = await order_and_see(http, "black")
            redis.stop()
            assert (await http.get(job)).status_code == 503
            assert (await http.post("/cups", json={"tea": "black"})).status_code == 503
            redis.start()
            assert (await wait_for(http, job, "done"))["result"] == "a cup of black tea"
        assert await instance.stop() == 0
        nursery.cancel_scope.cancel()
