"""Deadlines: of a route, of a function, and of a caller; and how many may run at a time.

The soonest one wins, and `request.deadline` tells which that is. What must be finished when it has
passed is shielded, with a time of its own.

Try: curl -i http://localhost:8342/report
     curl -i -H 'X-Deadline-Ms: 500' http://localhost:8342/report
     curl -i http://localhost:8342/weather
     curl -i http://localhost:8342/sum & curl -i http://localhost:8342/sum
"""

import trio

from hump_trio import HttpException, Hump, Request, Timeouts, limit, timeout

app = Hump("", 8342, timeouts=Timeouts(handler=10, deadline_header="X-Deadline-Ms"))
log: list[str] = []


@app.get("/report", timeout=2)
async def report(request: Request) -> str:
    try:
        await trio.sleep(60)  # a database that doesn't answer
    finally:
        with trio.move_on_after(1, shield=True):
            await trio.sleep(0.1)  # give its lock back
            log.append(f"report: {request.cancel_reason}")
    return "all is well"


@app.get("/sum")
@timeout(3)
@limit(1, wait=1)
async def add_up() -> str:
    await trio.sleep(2)
    return "4\n"


@app.post("/payments", on_disconnect="finish")
async def pay() -> str:
    await trio.sleep(1)  # whether its client waits for it or not
    log.append("paid")
    return "paid"


@app.get("/weather", timeout=3)
async def weather(request: Request) -> str:
    try:
        with trio.fail_at(request.deadline - 0.5):  # earlier, so that the answer is our own
            await trio.sleep(60)  # as in `await http.get(url, timeout=None)` with httpx
    except trio.TooSlowError:
        raise HttpException(504, "the weather service took too long") from None
    return "sunny\n"


@app.get("/guess")
async def guess() -> str:
    try:
        with trio.fail_after(0.5):  # a scope of one's own is Trio as usual
            await trio.sleep(60)
    except trio.TooSlowError:
        return "probably\n"
    return "certainly\n"


if __name__ == "__main__":
    trio.run(app.serve)
