"""The FastAPI app of `fastapi_theirs` with one route that has moved; all else is as it was.

Try: hump-trio examples.coming_from.fastapi_mounted:app
     curl http://localhost:8342/teas/1   # answered by hump_trio
     curl http://localhost:8342/teas     # answered by FastAPI
"""

import trio
from fastapi import HTTPException

from hump_trio import BindingError, HttpException, Hump, JsonResponse, Request, Router
from hump_trio.asgi import Asgi

from . import fastapi_ours as ours
from . import fastapi_theirs as theirs


# A function that both share may raise it in a moved route.
async def answer_theirs(request: Request, error: HTTPException) -> JsonResponse:
    return JsonResponse({"detail": error.detail}, error.status_code, error.headers or {})


# What stood around all routes stands around the moved ones by their router.
moved = Router()
moved.provide(ours.get_shelf)
moved.middleware(ours.name_the_shop)
moved.exception_handler(HttpException)(ours.keep_the_form_of_errors)
moved.exception_handler(BindingError)(ours.keep_the_form_of_422)
moved.exception_handler(HTTPException)(answer_theirs)
moved.get("/teas/{number}")(ours.show_tea)

app = Hump("", 8342)
app.include(moved)
app.mount("", Asgi(theirs.app))

if __name__ == "__main__":
    trio.run(app.serve)
