"""A decorator of one's own: who is logged in is passed to handlers, and nobody else gets in.

`wrapper` is given what it names itself: the request. By `*args, **values` it passes on whatever
the handler takes. It gives `user` itself, and so leaves that out of the signature. The `/` lets a
handler, or another decorator, have the request as well.

Try: curl -c jar http://localhost:8342/login -d name=Ada
     curl -b jar http://localhost:8342/
     curl -b jar 'http://localhost:8342/orders/7?detailed=true'
     curl -i http://localhost:8342/
"""

import functools
import inspect
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from hump_trio import HttpException, Hump, RedirectResponse, Request

app = Hump("", 8342)
sessions: dict[str, "User"] = {}


@dataclass
class User:
    name: str


def login_required(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(handler)
    async def wrapper(request: Request, /, *args: Any, **values: Any) -> Any:
        user = sessions.get(request.cookies.get("session", ""))
        if user is None:
            raise HttpException(401, "log in first")
        return await handler(*args, user=user, **values)

    signature = inspect.signature(handler)
    asked = [each for each in signature.parameters.values() if each.name != "user"]
    vars(wrapper)["__signature__"] = signature.replace(parameters=asked)
    return wrapper


@app.post("/login")
async def log_in(request: Request) -> RedirectResponse:
    session = secrets.token_urlsafe()
    sessions[session] = User(request.form()["name"])
    response = RedirectResponse("/")
    response.set_cookie("session", session)  # over HTTPS: secure=True
    return response


@app.get("/")
@login_required
async def index(user: User) -> str:
    return f"Hello, {user.name}!"


@app.get("/orders/{order}")
@login_required
async def show(order: int, user: User, request: Request, detailed: bool = False) -> dict[str, Any]:
    return {"order": order, "for": user.name, "path": request.path, "detailed": detailed}


if __name__ == "__main__":
    trio.run(app.serve)
