"""See it: a live page of all requests, with the line that each task of theirs stands at.

The page is for operators, who say a password; the router that includes it asks for that. It shows
itself anew each second, and cancels a request at the press of a button.

Try: curl http://localhost:8342/teas/green &
Then: curl -u ops:secret http://localhost:8342/ops/inspect/state
Then: hump-trio top http://ops:secret@localhost:8342/ops/inspect
Then, in a browser, as "ops" with "secret": http://localhost:8342/ops/inspect
"""

from base64 import b64encode

import trio

from hump_trio import (
    CallNext,
    Headers,
    HttpException,
    Hump,
    Request,
    Response,
    Router,
    limit,
    same_secret,
)
from hump_trio.inspection import inspector

PASSWORD = "secret"  # a real one comes from the environment

app = Hump("", 8342)
ops = Router("/ops")


@ops.middleware
async def ask_who_it_is(request: Request, call_next: CallNext) -> Response:
    expected = f"Basic {b64encode(f'ops:{PASSWORD}'.encode()).decode()}"
    if not same_secret(request.headers.get("authorization") or "", expected):
        challenge = Headers({"www-authenticate": 'Basic realm="ops"'})
        raise HttpException(401, "who is it?", headers=challenge)
    return await call_next(request)


ops.include(inspector(app, actions=True, queries=False))
app.include(ops)


@app.get("/teas/{tea}")
@limit(10, wait=5)
async def brew(tea: str) -> str:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(heat_the_water)
        nursery.start_soon(find_the_leaves, tea)
    return f"a pot of {tea} tea"


async def heat_the_water() -> None:
    await trio.sleep(3)


async def find_the_leaves(tea: str) -> None:
    await trio.sleep(20)  # nobody knows where they are


if __name__ == "__main__":
    trio.run(app.serve)
