"""A board that many pages watch, without one of them holding up the others.

Each page has a memory channel of its own. Who posts a note never waits for a page: one that doesn't
keep up is let go, comes back by itself, and is told what it has missed. A page that was closed
takes its channel off the board, so nobody sends to it any more.

Try: open http://localhost:8342/ in two browsers, or
     curl -N http://localhost:8342/events
     curl http://localhost:8342/notes -d 'text=Tea is ready'
"""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import trio

from hump_trio import Body, Event, EventStream, Header, HtmlResponse, Hump

app = Hump("", 8342)

PAGE = """<!doctype html>
<title>Board</title>
<form action="/notes" method="post" target="sink"><input name="text" required></form>
<iframe name="sink" hidden></iframe>
<ul></ul>
<script>
  new EventSource("/events").onmessage = event => {
    const item = document.createElement("li");
    item.textContent = event.data;
    document.querySelector("ul").prepend(item);
  };
</script>
"""


@dataclass(slots=True)
class Note:
    text: str


class Board:
    def __init__(self) -> None:
        self.count = 0
        self.latest: deque[tuple[int, str]] = deque(maxlen=100)
        self.listeners: set[trio.MemorySendChannel[Event]] = set()

    def post(self, text: str) -> None:
        """Tell everybody, without waiting for anybody."""
        self.count += 1
        self.latest.append((self.count, text))
        for listener in list(self.listeners):
            try:
                listener.send_nowait(Event(text, id=str(self.count)))
            except trio.WouldBlock:  # ten notes behind
                self.listeners.discard(listener)
                listener.close()  # its stream ends when it has sent these

    async def listen(self, seen: int) -> AsyncIterator[Event]:
        """Yield the notes after the last one that was seen, then those to come."""
        send, receive = trio.open_memory_channel[Event](10)
        self.listeners.add(send)  # nothing is waited for from here to the next line: no gap
        missed = [Event(text, id=str(number)) for number, text in self.latest if number > seen]
        try:
            for event in missed:
                yield event
            async for event in receive:
                yield event
        finally:
            self.listeners.discard(send)


board = Board()


@app.get("/")
async def index() -> HtmlResponse:
    return HtmlResponse(PAGE)


@app.get("/events")
async def events(last_event_id: Annotated[int, Header()] = 0) -> EventStream:
    return EventStream(board.listen(last_event_id), retry=1000)


@app.post("/notes")
async def post(note: Annotated[Note, Body(form=True)]) -> None:
    board.post(note.text)


if __name__ == "__main__":
    trio.run(app.serve)
