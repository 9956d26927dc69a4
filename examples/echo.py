"""A WebSocket that says again what it hears, until its client leaves.

Try: python -m websockets ws://localhost:8342/echo
     curl -s --http2-prior-knowledge http://localhost:8342/
"""

import trio

from hump_trio import Hump, WebSocket

app = Hump("", 8342)


@app.get("/")
async def index() -> str:
    return "speak to /echo\n"


@app.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


if __name__ == "__main__":
    trio.run(app.serve)
