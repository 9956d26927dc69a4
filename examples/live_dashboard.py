"""A live dashboard: every page shows the newest figures, over a WebSocket or an event stream.

The figures are published to one topic: once a second, and whenever a page comes or its button is
pressed. A page that doesn't keep up skips some: with ``slow="latest"`` only the newest figures wait
for it, and no other page waits for anything.

Try: open http://localhost:8342/ in two browsers: they use a WebSocket;
     open http://localhost:8342/?events, which uses an event stream; or
     curl -N http://localhost:8342/events
     curl -X POST http://localhost:8342/presses
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import trio

from hump_trio import EventStream, HtmlResponse, Hump, Topic, WebSocket

app = Hump("", 8342)

PAGE = """<!doctype html>
<title>Dashboard</title>
<p><b id="presses">?</b> presses of <button>this button</button></p>
<p><b id="watchers">?</b> pages watch, <b id="seconds">?</b> seconds after the start</p>
<script>
  const show = event => {
    for (const [name, figure] of Object.entries(JSON.parse(event.data)))
      document.getElementById(name).textContent = figure;
  };
  const button = document.querySelector("button");
  const connect = () => {
    const socket = new WebSocket(location.origin.replace("http", "ws") + "/live");
    socket.onmessage = show;
    socket.onclose = () => setTimeout(connect, 1000);  // EventSource does so by itself
    button.onclick = () => socket.send("press");
  };
  if (location.search == "?events") {
    new EventSource("/events").onmessage = show;
    button.onclick = () => fetch("/presses", {method: "POST"});
  } else connect();
</script>
"""


@dataclass(slots=True)
class Figures:
    presses: int
    watchers: int
    seconds: int


class Dashboard:
    def __init__(self) -> None:
        self.topic = Topic[Figures](slow="latest")
        self.presses = 0
        self.seconds = 0

    async def tell(self) -> None:
        """Show all pages the newest figures, without waiting for any."""
        await self.topic.publish(Figures(self.presses, len(self.topic), self.seconds))

    async def press(self) -> None:
        """Count a press of a button."""
        self.presses += 1
        await self.tell()

    async def count_seconds(self) -> None:
        """Go on until cancelled."""
        while True:
            await trio.sleep(1)
            self.seconds += 1
            await self.tell()


dashboard = Dashboard()


@app.lifespan
async def run_dashboard(app: Hump) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dashboard.count_seconds)
        yield
        nursery.cancel_scope.cancel()


@app.get("/")
async def index() -> HtmlResponse:
    return HtmlResponse(PAGE)


@app.websocket("/live")
async def live(ws: WebSocket[str, Figures]) -> None:
    async with dashboard.topic.subscribe(ws):
        await dashboard.tell()
        async for _ in ws:
            await dashboard.press()


@app.get("/events")
async def events() -> EventStream:
    figures = dashboard.topic.listen()
    await dashboard.tell()
    return EventStream(figures, retry=1000)


@app.post("/presses")
async def press() -> None:
    await dashboard.press()


if __name__ == "__main__":
    trio.run(app.serve)
