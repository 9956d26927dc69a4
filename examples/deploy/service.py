"""A service behind a load balancer: health routes, who asks, and times that fit those in front.

The configurations beside this file run it; a test holds their numbers against these.

Try: hump-trio examples.deploy.service:app --bind :8342
     curl http://localhost:8342/ready (once more after Ctrl-C: 503, and for 5 s the rest goes on)
"""

import os
from collections.abc import AsyncIterator

import trio

from hump_trio import EventStream, Forwarded, Hump, Request, Response, Timeouts, statuses

TIMEOUTS = Timeouts(
    keep_alive=75,  # longer than proxies keep a connection: never do both sides end it at once
    ping=10,  # sooner than proxies give up a silent WebSocket
    handler=15,  # shorter than proxies wait: what is slow is answered, not asked a second time
    shutdown_delay=5,  # longer than health checks take to see that /ready is red
    shutdown=15,  # as long as a handler may take, so that none is cut
    cleanup=3,  # it has ended after 5 + 15 + 3 + 1 = 24 s, before anybody kills it
)
PROXIES = ["unix", "127.0.0.1", "10.0.0.1"]  # no wider: whoever is in here can be anybody
app = Hump("", 8342, timeouts=TIMEOUTS)
app.middleware(Forwarded(proxies=PROXIES, fields=["x-forwarded-for", "x-forwarded-proto"]))


@app.get("/ready")
async def ready() -> Response:
    return Response("draining", statuses.SERVICE_UNAVAILABLE) if app.draining else Response("ready")


@app.get("/live")  # which asks nobody else: a slow database would have every instance killed
async def live() -> str:
    return "alive"


@app.route("/", methods=["GET", "POST"])
async def index(request: Request) -> dict[str, str | int | None]:
    client = request.client and request.client[0]
    return {"process": os.getpid(), "client": client, "scheme": request.scheme}


@app.put("/upload", stream=True, body_limit=10_000_000)
async def upload(request: Request) -> dict[str, int]:
    return {"bytes": sum([len(part) async for part in request.stream])}


async def tick() -> AsyncIterator[int]:
    for number in range(10):
        yield number
        await trio.sleep(1)


@app.get("/events")
async def events() -> EventStream:
    return EventStream(tick())


if __name__ == "__main__":
    trio.run(app.serve)
