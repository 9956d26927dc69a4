"""Figures for Prometheus: of each route, of the server, and some of the program's own.

How long requests take is counted to the end of their streams, by route, method, status and outcome;
what is in flight, open or refused the server tells when it is asked.

It takes the extra `prometheus`.

Try: curl http://localhost:8342/teas/green; curl http://localhost:8342/metrics
"""

from collections.abc import AsyncIterator

import trio
from prometheus_client import CollectorRegistry, Counter

from hump_trio import Hump
from hump_trio.prometheus import Metrics

registry = CollectorRegistry()
cups = Counter("tea_cups", "Cups that were brewed.", ["tea"], registry=registry)
TEAS = {"green", "black", "mint"}

app = Hump("", 8342)
metrics = app.watch(Metrics(registry))
app.get("/metrics", hidden=True)(metrics.scrape)


@app.get("/teas/{tea}")
async def brew(tea: str) -> AsyncIterator[str]:
    yield f"a cup of {tea} tea\n"
    await trio.sleep(0.2)
    cups.labels(tea if tea in TEAS else "other").inc()  # or clients could make up any number
    yield "it is ready\n"


if __name__ == "__main__":
    trio.run(app.serve)
