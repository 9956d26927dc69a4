"""Jobs that outlive the request, the server and their worker, by streaq and Redis.

The server puts a job into a queue in Redis, and answers with where to ask for it. Workers are
processes of their own, on any machine. A job whose worker dies is run again by another one, after
half a minute, at most three times: let it do no harm if it is run twice.

While Redis is away, the server answers with 503. A worker ends with Redis, so let a process manager
start it again (``Restart=always``). With ``--appendonly`` jobs outlive Redis, too; else they are
gone with it, and their clients get a 404. It needs ``streaq``.

Try: redis-server --appendonly yes
     streaq run examples.recipes.redis_jobs:worker
     hump-trio examples.recipes.redis_jobs:app --bind :8342
     curl -i http://localhost:8342/cups -d '{"tea": "green", "seconds": 10}'
     curl http://localhost:8342/jobs/...  # whatever its location is
"""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import trio
from coredis.exceptions import ConnectionError
from coredis.retry import NoRetryPolicy
from streaq import Worker
from streaq.task import TaskStatus

from hump_trio import HttpException, Hump, JsonResponse, Request, Response, statuses

worker = Worker(
    os.environ.get("REDIS_URL", "redis://localhost:6379"),
    redis_kwargs={"retry_policy": NoRetryPolicy()},  # a client is answered at once
    # Instead of pickle, by which whoever can write to Redis could have a worker run anything.
    serializer=partial(json.dumps, default=str),
    deserializer=json.loads,
    idle_timeout=float(os.environ.get("IDLE_SECONDS", "30")),  # of a worker, until it is given up
    anyio_backend="trio",
)
app = Hump("", 8342)


@dataclass
class Order:
    tea: str
    seconds: float = 1


@worker.task(timeout=600)
async def brew(tea: str, seconds: float) -> str:
    await trio.sleep(seconds)
    return f"a cup of {tea} tea"


@app.lifespan
async def lifespan(app: Hump) -> AsyncIterator[None]:
    async with worker:  # to put jobs into the queue, not to do them
        yield


@app.exception_handler(ConnectionError)
async def answer_unavailable(request: Request, error: ConnectionError) -> Response:
    raise HttpException(statuses.SERVICE_UNAVAILABLE, "no job can be asked for now") from error


@app.post("/cups")
async def order(order: Order) -> Response:
    job = await brew.enqueue(order.tea, order.seconds)
    where = app.url_for("look", id=job.id)
    return JsonResponse({"job": job.id}, statuses.ACCEPTED, {"location": where})


@app.get("/jobs/{id}")
async def look(id: str) -> dict[str, str]:
    status = await worker.status_by_id(id)
    if status is TaskStatus.NOT_FOUND:
        raise HttpException(statuses.NOT_FOUND, "there is no such job, or it was long ago")
    if status is not TaskStatus.DONE:
        return {"status": status}
    done = await worker.result_by_id(id, timeout=5)
    if not done.success:
        return {"status": "failed"}
    return {"status": "done", "result": done.result}


if __name__ == "__main__":
    trio.run(app.serve)
