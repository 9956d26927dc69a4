"""Live events in a browser, and the same as lines of JSON for programs.

A page follows a stream of events with EventSource, which comes back by itself when the stream
breaks off, and then says which event it has seen last.

Try: open http://localhost:8342/ in a browser, or
     curl -N http://localhost:8342/events
     curl -N http://localhost:8342/events -H 'Last-Event-ID: 7'
     curl -N http://localhost:8342/lines
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import trio

from hump_trio import Event, EventStream, Header, HtmlResponse, Hump, JsonLines

app = Hump("", 8342)

PAGE = """<!doctype html>
<title>Laps</title>
<ol></ol>
<p>running</p>
<script>
  const source = new EventSource("/events");
  source.addEventListener("lap", event => {
    const item = document.createElement("li");
    item.textContent = event.lastEventId + ": " + JSON.parse(event.data).runner;
    document.querySelector("ol").append(item);
  });
  source.addEventListener("finish", event => {
    source.close();
    document.querySelector("p").textContent = event.data;
  });
</script>
"""


@dataclass(slots=True)
class Lap:
    runner: str
    number: int


async def run(first: int) -> AsyncIterator[Lap]:
    for number in range(first, 11):
        await trio.sleep(0.2)
        yield Lap("hare" if number % 3 else "tortoise", number)


async def tell(first: int) -> AsyncIterator[Event | str]:
    async for lap in run(first):
        yield Event(lap, event="lap", id=str(lap.number))
    yield Event("the hare sleeps,\nthe tortoise wins", event="finish")


@app.get("/")
async def index() -> HtmlResponse:
    return HtmlResponse(PAGE)


@app.get("/events")
async def events(last_event_id: Annotated[int, Header()] = 0) -> EventStream:
    return EventStream(tell(last_event_id + 1), retry=1000)


@app.get("/lines")
async def lines() -> JsonLines:
    return JsonLines(run(1))


if __name__ == "__main__":
    trio.run(app.serve)
