"""Work that keeps a processor busy, in processes of their own, by trio-parallel.

The server goes on answering meanwhile, and as many jobs run at a time as there are processors. A
job whose client has gone, or whose route's time has passed, is killed, as no thread can be. A
process serves one job after the other. To start one takes a second, so one is kept ready: before
the first request, and again when one was killed. It needs ``trio-parallel``.

Try: curl http://localhost:8342/primes/5000
     curl -i http://localhost:8342/primes/1000000  # 503 after a second
"""

# trio-parallel has no types.
# pyright: basic

from collections.abc import AsyncIterator
from contextlib import suppress

import trio
import trio_parallel

from hump_trio import HttpException, Hump, statuses

app: Hump[trio_parallel.WorkerContext] = Hump("", 8342)


def count_primes(below: int) -> int:
    """Count prime numbers, slowly. A process imports this module to find the function."""
    return sum(all(number % each for each in range(2, number)) for number in range(2, below))


async def keep_one_ready(processes: trio_parallel.WorkerContext) -> None:
    await processes.run_sync(count_primes, 0)


@app.lifespan
async def lifespan(app: Hump) -> AsyncIterator[trio_parallel.WorkerContext]:
    with suppress(trio_parallel.BrokenWorkerError):  # at the end: one was killed as it had no job
        async with trio_parallel.open_worker_context() as processes:
            await keep_one_ready(processes)
            yield processes


@app.get("/primes/{below}", timeout=1)
async def primes(below: int) -> dict[str, int]:
    processes = app.state
    try:
        return {"primes": await processes.run_sync(count_primes, below, kill_on_cancel=True)}
    except trio_parallel.BrokenWorkerError as error:  # killed by somebody else, or out of memory
        raise HttpException(statuses.SERVICE_UNAVAILABLE, "the process has died") from error
    finally:
        if not processes.statistics().idle_workers:
            app.start_soon(keep_one_ready, processes)


if __name__ == "__main__":
    trio.run(app.serve)
