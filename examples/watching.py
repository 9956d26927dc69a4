"""Watch requests: a plain function with one yield around each exchange, streams included.

What it sets in a context variable reaches the handler, its nurseries and its body. Behind the
`yield` it knows how the request has ended, as the access log does. It can't wait, and what it
raises is logged.

Try: curl http://localhost:8342/teas/green; curl http://localhost:8342/nothing
Then: curl http://localhost:8342/figures
"""

from collections import Counter
from collections.abc import AsyncIterator, Generator
from contextvars import ContextVar

import trio

from hump_trio import Ended, Hump, Request

app = Hump("", 8342)
figures: Counter[str] = Counter()
work: ContextVar[list[str]] = ContextVar("work")


@app.watch
def count(request: Request) -> Generator[None, Ended, None]:
    steps: list[str] = []
    token = work.set(steps)
    ended = yield
    work.reset(token)
    access = ended.access
    figures[f"{access.method} {access.route or '-'} {access.status} {access.outcome}"] += 1
    if ended.error is not None or access.seconds > 0.5:
        print(f"{access} {', then '.join(steps)}")


@app.get("/teas/{tea}")
async def brew(tea: str) -> AsyncIterator[str]:
    for step in ("heat the water", f"put in the {tea} tea", "wait"):
        work.get().append(step)
        yield f"{step}\n"
        await trio.sleep(0.2)


@app.get("/figures")
async def show() -> dict[str, int]:
    return dict(figures)


if __name__ == "__main__":
    trio.run(app.serve)
