"""The Starlette app of `starlette_theirs` with one route that has moved; all else is as it was.

Try: hump-trio examples.coming_from.starlette_mounted:app
     curl http://localhost:8342/teas/1   # answered by hump_trio
     curl http://localhost:8342/teas     # answered by Starlette
"""

import trio

from hump_trio import Hump, Router
from hump_trio.asgi import Asgi

from . import starlette_ours as ours
from . import starlette_theirs as theirs

# What stood around all routes stands around the moved ones by their router.
moved = Router()
moved.provide(ours.get_shelf)
moved.middleware(ours.name_the_shop)
moved.get("/teas/{number:int}")(ours.show_tea)

app = Hump("", 8342)
app.include(moved)
app.mount("", Asgi(theirs.app))

if __name__ == "__main__":
    trio.run(app.serve)
