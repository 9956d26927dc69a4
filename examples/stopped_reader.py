"""A reader that has stopped: how long its handler lives, what the handler learns, what is logged.

A client that takes nothing more looks like one that is slow. What tells them apart is what the
system at its other end acknowledges: nothing for `send_grace` seconds, here two, and the handler is
cancelled and the connection is reset. Nobody waits for a clean close, which would queue behind what
isn't read.

Try: asks='-H Connection:Upgrade -H Upgrade:websocket -H Sec-WebSocket-Version:13'
     key='Sec-WebSocket-Key:AAAAAAAAAAAAAAAAAAAAAA=='
     curl -sN $asks -H "$key" http://localhost:8342/film | sleep 10

The log says after two seconds, where `stalled` is the word for such a reader:
     film: 4 pictures, then 1006 by lost
     film: put away, since client-gone
     hump_trio.access: 127.0.0.1:47156 "GET /film" 101 4337793 2.6140 stalled
"""

import logging

import trio

from hump_trio import Hump, Timeouts, WebSocket, WebSocketClosed

app = Hump("", 8342, timeouts=Timeouts(send_grace=2))
log = logging.getLogger("film")


@app.websocket("/film")
async def film(ws: WebSocket) -> None:
    shown = 0
    try:
        while True:
            await ws.send(bytes(1_000_000))  # waits for a slow reader, and never for a stopped one
            shown += 1
            await trio.sleep(0.05)
    except WebSocketClosed as closed:  # where it sleeps just then, it is cancelled instead
        log.info("%d pictures, then %d by %s", shown, closed.code, closed.by)
        raise  # an end like any other: nothing more is logged for it
    finally:
        with trio.move_on_after(1, shield=True):  # what must be done has a time of its own
            await trio.sleep(0.1)
            log.info("put away, since %s", ws.request.cancel_reason)


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(name)s: %(message)s")
    trio.run(app.serve)
