"""Errors that are answers: `HttpException`, and a handler for a type of one's own.

Both may be raised anywhere below the handler, in a nursery's task too. Anything else is a 500:
its traceback is logged, and the client learns nothing of it.

Try: curl -i http://localhost:8342/basket
     curl -i http://localhost:8342/members -H 'Accept: application/json'
"""

import trio

from hump_trio import HttpException, Hump, Request, Response, statuses

app = Hump("", 8342)


class SoldOutError(Exception):
    """There is nothing left of an article."""


@app.exception_handler(SoldOutError)
async def answer_sold_out(request: Request, error: SoldOutError) -> Response:
    return Response(f"no {error} left", statuses.CONFLICT)


@app.get("/members")
async def members(request: Request) -> str:
    if "authorization" not in request.headers:
        challenge = {"www-authenticate": "Bearer"}
        raise HttpException(statuses.UNAUTHORIZED, "members only", headers=challenge)
    return "Welcome!"


@app.get("/basket")
async def basket() -> str:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reserve, "tea")
        nursery.start_soon(reserve, "honey")
    return "all yours"


async def reserve(article: str) -> None:
    if article == "honey":
        raise SoldOutError(article)
    await trio.sleep(5)  # cancelled by the other task's error


@app.get("/bug")
async def bug() -> str:
    return f"{1 / 0}"


if __name__ == "__main__":
    trio.run(app.serve)
