"""Log lines that say which request they are of, by structlog and its context variables.

A watcher binds what is known of a request, before middleware and handler. It is in the lines of the
handler, of its nurseries and threads, of a streamed body, and of what `app.start_soon` runs behind
the answer. What a task binds itself is in its own lines and in those of tasks that it starts later;
the next request begins with nothing.

It needs ``structlog``.

Try: curl http://localhost:8342/teas/green
"""

import secrets
from collections.abc import AsyncIterator, Generator

import structlog
import trio
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars

from hump_trio import Ended, Hump, Request

structlog.configure(
    processors=[
        merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ]
)
log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
app = Hump("", 8342)


@app.watch
def log_request(request: Request) -> Generator[None, Ended, None]:
    clear_contextvars()
    bind_contextvars(request_id=secrets.token_hex(8), method=request.method, route=request.route)
    ended = yield
    access = ended.access
    log.info("ended", status=access.status, outcome=access.outcome, seconds=access.seconds)


@app.get("/teas/{tea}")
async def brew(tea: str) -> AsyncIterator[str]:
    bind_contextvars(tea=tea)
    async with trio.open_nursery() as nursery:
        for pot in (1, 2):
            nursery.start_soon(boil, pot)
    log.info("boiled")
    yield f"a cup of {tea} tea\n"
    log.info("served")
    app.start_soon(clean_up)


async def boil(pot: int) -> None:
    bind_contextvars(pot=pot)  # in the lines of this task alone
    await trio.to_thread.run_sync(log.info, "boiling")


async def clean_up() -> None:
    log.info("cleaned up")


if __name__ == "__main__":
    trio.run(app.serve)
