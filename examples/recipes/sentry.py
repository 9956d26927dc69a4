"""Crashes in Sentry: one event for each, which says what request it was.

The server logs a crash with its traceback, and Sentry's SDK makes an event of that log line. What
the event says of the request is in a scope, which a watcher opens: it lasts to the end of the
answer, and what the request does side by side, in nurseries and threads, is within it.

It needs ``sentry-sdk``, and the address of a project of yours in ``SENTRY_DSN``.

Try: SENTRY_DSN=https://... python examples/recipes/sentry.py
     curl http://localhost:8342/teas/green; curl http://localhost:8342/pots/3
"""

from collections.abc import AsyncIterator, Generator
from typing import Annotated

import sentry_sdk
import trio
from sentry_sdk.types import Event, Hint

from hump_trio import Ended, Header, Hump, Request, RequestId

app = Hump("", 8342)
app.middleware(RequestId())


@app.lifespan
async def report(app: Hump) -> AsyncIterator[None]:
    sentry_sdk.init()  # its settings are arguments, or variables such as SENTRY_DSN
    yield
    await trio.to_thread.run_sync(sentry_sdk.flush)  # what its thread hasn't sent yet


@app.watch
def describe(request: Request) -> Generator[None, Ended, None]:
    def add_request(event: Event, hint: Hint) -> Event:
        # Neither query nor fields: they may hold what nobody else should know.
        url = f"{request.scheme}://{request.host}{request.path}"
        event["request"] = {"method": request.method, "url": url}
        event.setdefault("tags", {})["request_id"] = request.state.get("request_id", "")
        return event

    with sentry_sdk.isolation_scope() as scope:
        scope.set_transaction_name(f"{request.method} {request.route or '-'}", source="route")
        scope.add_event_processor(add_request)
        yield


@app.get("/teas/{tea}")
async def brew(tea: str, user: Annotated[str, Header()] = "nobody") -> AsyncIterator[str]:
    sentry_sdk.set_tag("user", user)  # of this request alone
    yield f"a cup of {tea} tea\n"
    await trio.sleep(0.2)
    if tea == "green":
        raise ValueError("the water is too hot")


@app.get("/pots/{count}")
async def boil(count: int) -> dict[str, int]:
    async def heat(pot: int) -> None:
        raise OSError(f"pot {pot} is empty")

    async with trio.open_nursery() as nursery:
        for pot in range(count):
            nursery.start_soon(heat, pot)
    return {"pots": count}


if __name__ == "__main__":
    trio.run(app.serve)
