"""What lives as long as the server: a nursery around it, its state, and work of its own.

The lifespan is entered in the task of `serve`: its nursery encloses every connection, and if a task
in it crashes, the server ends with its error. Work started with `app.start_soon` is awaited at
shutdown; if it crashes, that is logged and nothing else happens.

Try: curl http://localhost:8342/; curl -X POST http://localhost:8342/letters/Ada
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import trio

from hump_trio import Hump


@dataclass(slots=True)
class Office:
    """What the lifespan makes for handlers."""

    days: int = 0
    sent: list[str] = field(default_factory=list)


app = Hump[Office]("", 8342)


@app.lifespan
async def open_office(app: Hump[Office]) -> AsyncIterator[Office]:
    office = Office()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_days, office)
        yield office  # as app.state; the server runs here
        nursery.cancel_scope.cancel()


async def count_days(office: Office) -> None:
    while True:
        await trio.sleep(1)
        office.days += 1


@app.get("/")
async def index() -> dict[str, object]:
    return {"days": app.state.days, "sent": app.state.sent}


@app.post("/letters/{name}")
async def write(name: str) -> str:
    app.start_soon(send_letter, name)
    return f"{name} will get a letter"


async def send_letter(name: str) -> None:
    await trio.sleep(2)
    app.state.sent.append(name)


if __name__ == "__main__":
    trio.run(app.serve)
