"""How long and how much: for the whole app, for one route, and what is finished all the same.

When its time is over a handler is cancelled, as any Trio code is, and the answer is 503. What must
be finished then is shielded, with a time of its own.

Try: curl -i http://localhost:8342/slow
     curl -i -X POST http://localhost:8342/orders/tea
"""

import trio

from hump_trio import Hump, Limits, Request, Timeouts

app = Hump(
    "",
    8342,
    timeouts=Timeouts(handler=5, shutdown=3),
    limits=Limits(body_bytes=64 * 1024, requests=1000),
)
journal: list[str] = []


@app.get("/slow")
async def slow() -> None:
    await trio.sleep(60)


@app.get("/patient", timeout=None)
async def patient() -> str:
    await trio.sleep(60)
    return "well waited"


@app.post("/photos", body_limit=10 * 1024 * 1024)
async def photo(request: Request) -> str:
    return f"{len(request.body)} bytes"


@app.post("/orders/{article}", timeout=1)
async def order(article: str) -> str:
    outcome = "given up"
    try:
        await trio.sleep(60)  # a shop that doesn't answer
        outcome = "bought"
    finally:
        with trio.move_on_after(2, shield=True):
            await trio.sleep(0.5)  # a journal on a slow disk
            journal.append(f"{article}: {outcome}")
    return outcome


if __name__ == "__main__":
    trio.run(app.serve)
