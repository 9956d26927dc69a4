"""Path parameters: converted by the type in the template, passed to the handler by name.

A path that doesn't fit the type is another path: here /users/x is a 404.

Try: curl http://localhost:8342/users/7/files/music/song.ogg
"""

from uuid import UUID

import trio

from hump_trio import Hump, Request

app = Hump("", 8342)


@app.get("/users/me")
async def me() -> str:
    return "a static segment goes before a parameter"


@app.get("/users/{number:int}")
async def user(number: int) -> dict[str, int]:
    return {"user": number}


@app.get("/users/{number:int}/files/{file:path}")
async def user_file(number: int, file: str) -> str:
    return f"{file} of user {number}"


@app.get("/circles/{radius:float}")
async def circle(radius: float) -> str:
    return f"{radius * radius * 3.14159:.2f}"


@app.get("/orders/{order:uuid}")
async def order(order: UUID) -> str:
    return order.hex


@app.get("/greetings/{name}")
async def greet(request: Request, name: str) -> str:
    return f"{request.query.get('word', 'Hello')}, {name}!"


if __name__ == "__main__":
    trio.run(app.serve)
