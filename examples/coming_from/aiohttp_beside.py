"""The aiohttp app of `aiohttp_theirs` behind hump_trio, with two routes that have moved.

An app of aiohttp is a server of its own, so it can't be mounted: what hasn't moved is passed on to
it by the recipe of a reverse proxy.

Try: PORT=8343 python -m examples.coming_from.aiohttp_theirs
     UPSTREAM=http://127.0.0.1:8343 hump-trio examples.coming_from.aiohttp_beside:app
     curl http://localhost:8342/teas/1   # answered by hump_trio
     curl http://localhost:8342/teas     # answered by aiohttp
"""

import trio

from hump_trio import HttpException, Router

from ..recipes.reverse_proxy import app
from . import aiohttp_ours as ours

moved = Router()
moved.provide(ours.get_shelf)
moved.middleware(ours.name_the_shop)
moved.exception_handler(HttpException)(ours.answer_in_json)
moved.get("/teas/{number:int}")(ours.show_tea)
moved.websocket("/scale")(ours.weigh)

app.include(moved)

if __name__ == "__main__":
    trio.run(app.serve)
