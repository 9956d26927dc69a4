"""A chat: a room is a topic, and all who are in it read the same lines in the same order.

Nobody waits for a slow page: it is closed when it is 64 KiB behind, and comes back by itself. A
page that is closed has left at once; so has one whose computer was switched off, within 40 seconds.

Try: open http://localhost:8342/?room=tea&name=Ada, and with another name in a second tab;
     curl -i http://localhost:8342/rooms/tea  # 426: it is a WebSocket
"""

from typing import Annotated

import trio
from msgspec import Meta, Struct

from hump_trio import HtmlResponse, HttpException, Hump, Topic, WebSocket

app = Hump("", 8342)

PAGE = """<!doctype html>
<title>Chat</title>
<form id="enter">
  room <input name="room" value="tea"> name <input name="name" required> <button>Enter</button>
</form>
<form id="say" hidden><input autofocus required> <button>Say</button></form>
<ul></ul>
<script>
  const asked = new URLSearchParams(location.search);
  const say = document.getElementById("say");
  const connect = () => {
    const [room, name] = ["room", "name"].map(each => encodeURIComponent(asked.get(each)));
    const host = location.origin.replace("http", "ws");
    const socket = new WebSocket(`${host}/rooms/${room}?name=${name}`);
    socket.onmessage = event => {
      const {name, text} = JSON.parse(event.data), item = document.createElement("li");
      item.textContent = `${name} ${text}`;
      document.querySelector("ul").prepend(item);
    };
    socket.onclose = () => setTimeout(connect, 1000);
    say.onsubmit = event => {
      event.preventDefault();
      socket.send(say.elements[0].value);
      say.reset();
    };
  };
  if (asked.get("name")) {
    document.getElementById("enter").hidden = true;
    say.hidden = false;
    connect();
  }
</script>
"""


class Line(Struct):
    name: str
    text: str


rooms = {name: Topic[Line]() for name in ("tea", "coffee")}


@app.get("/")
async def index() -> HtmlResponse:
    return HtmlResponse(PAGE)


@app.websocket("/rooms/{room}", message_limit=1000)
async def chat(
    ws: WebSocket[str, Line],
    room: str,
    name: Annotated[str, Meta(min_length=1, max_length=40)],
) -> None:
    if room not in rooms:
        raise HttpException(404, "there is no such room")  # in place of the handshake's answer
    topic = rooms[room]
    async with topic.subscribe(ws):
        await topic.publish(Line(name, "has come"))
        try:
            async for text in ws:
                await topic.publish(Line(name, f"says: {text}"))
        finally:
            topic.publish_nowait(Line(name, "has left"))  # cancelled or not: it never waits


if __name__ == "__main__":
    trio.run(app.serve)
