"""The Flask app of `flask_theirs` with one route that has moved; all else is as it was.

Try: hump-trio --factory examples.coming_from.flask_mounted:make_app
     curl http://localhost:8342/teas/1   # answered by hump_trio
     curl http://localhost:8342/teas     # answered by Flask
"""

import trio

from hump_trio import HttpException, Hump, Router
from hump_trio.wsgi import Wsgi

from . import flask_ours as ours
from . import flask_theirs as theirs

# What stood around all routes stands around the moved ones by their router.
moved = Router()
moved.provide(ours.get_shelf)
moved.middleware(ours.name_the_shop)
moved.exception_handler(HttpException)(ours.answer_in_json)
moved.get("/teas/{number:int}")(ours.show_tea)


def make_app() -> Hump:
    app = Hump("", 8342)
    app.lifespan(ours.lifespan)
    app.include(moved)
    app.mount("", Wsgi(theirs.make_app(), threads=20))
    return app


if __name__ == "__main__":
    trio.run(make_app().serve)
