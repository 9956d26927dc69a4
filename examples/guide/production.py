"""The tea shop as its guests meet it: behind a proxy, with its own secrets, asked for its health.

It takes SHOP_DATABASE, SHOP_SECRET and SHOP_TOKEN from the environment.

Try: hump-trio examples.guide.production:app --workers 2 --log-format json
     curl http://localhost:8342/ready
"""

import os
import sqlite3
from datetime import timedelta

import trio

from hump_trio import (
    Forwarded,
    Hump,
    Limits,
    RequestId,
    Response,
    SameOrigin,
    SecurityHeaders,
    Sessions,
    Timeouts,
)

from .database_and_providers import open_database, orders, transaction
from .live import board
from .login_and_rights import SECRET, answer_conflict, manager, people, staff

for name in ("SHOP_DATABASE", "SHOP_SECRET", "SHOP_TOKEN"):
    if name not in os.environ:
        raise RuntimeError(f"{name} isn't set, and no two processes would agree on one")
PROXIES = os.environ.get("SHOP_PROXIES", "").split()  # addresses, and "unix" for sockets

app = Hump[sqlite3.Connection](
    "",
    8342,
    timeouts=Timeouts(handler=15, shutdown=15, cleanup=3),
    limits=Limits(body_bytes=100_000, requests=1000),
)
app.lifespan(open_database)
app.middleware(RequestId())
if PROXIES:
    app.middleware(Forwarded(proxies=PROXIES, fields=["x-forwarded-for", "x-forwarded-proto"]))
app.middleware(SecurityHeaders())
app.middleware(Sessions(secrets=[SECRET], max_age=timedelta(hours=12)))
app.middleware(SameOrigin())
app.exception_handler(sqlite3.IntegrityError)(answer_conflict)
app.provide(transaction)
app.provide(staff)
app.provide(manager)
app.include(orders)
app.include(people)
app.include(board)


@app.get("/ready")
async def ready() -> Response:
    return Response("draining", 503) if app.draining else Response("ready")


@app.get("/live")
async def live() -> str:
    return "alive"


if __name__ == "__main__":
    trio.run(app.serve)
