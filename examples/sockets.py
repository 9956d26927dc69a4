"""Several places to listen at: a port, and a Unix socket for a proxy on the same machine.

Try: curl http://localhost:8342/
     curl --unix-socket /tmp/hump.sock http://localhost:8342/
"""

import trio

from hump_trio import Hump, Request, Sockets

app = Hump(binds=["*:8342", "unix:/tmp/hump.sock"], sockets=Sockets(unix_mode=0o600))


@app.get("/")
async def index(request: Request) -> str:
    who = "a program of this machine" if request.client is None else request.client[0]
    return f"hello, {who}, here are {' and '.join(app.addresses)}"


if __name__ == "__main__":
    trio.run(app.serve)
