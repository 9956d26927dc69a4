"""The Quart-Trio app of `quart_trio_theirs` with one route that has moved; all else is as it was.

Try: hump-trio examples.coming_from.quart_trio_mounted:app
     curl http://localhost:8342/teas/1   # answered by hump_trio
     curl http://localhost:8342/teas     # answered by Quart-Trio
"""

import trio

from hump_trio import HttpException, Hump, Router
from hump_trio.asgi import Asgi

from . import quart_trio_ours as ours
from . import quart_trio_theirs as theirs

# What stood around all routes stands around the moved ones by their router.
moved = Router()
moved.provide(ours.get_shelf)
moved.middleware(ours.name_the_shop)
moved.exception_handler(HttpException)(ours.answer_in_json)
moved.get("/teas/{number:int}")(ours.show_tea)

app = Hump("", 8342)
app.include(moved)
app.mount("", Asgi(theirs.app))

if __name__ == "__main__":
    trio.run(app.serve)
