"""The ten-line program: run it, then open http://localhost:8342/ in a browser.

Try: curl -i http://localhost:8342/teapot
"""

import trio

from hump_trio import Hump, Request, Response, statuses

app = Hump("", 8342)


@app.get("/")
async def index(request: Request) -> str:
    return "Hello, world!"


@app.get("/teapot")
async def teapot(request: Request) -> Response:
    return Response("Howdy!", statuses.IM_A_TEAPOT)


if __name__ == "__main__":
    trio.run(app.serve)
