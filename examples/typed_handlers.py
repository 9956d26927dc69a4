"""Typed handlers: what a handler's annotations ask for is read, checked and passed by name.

Without the extra ``json`` (msgspec) the class `Task` can't be a body, and registering says so.

Try: curl -i 'http://localhost:8342/tasks?done=maybe'
Try: curl -i http://localhost:8342/tasks --json '{"title": "", "steps": [{"text": 1}]}'
Try: curl -X PUT http://localhost:8342/tasks/0/done --json true
Try: curl http://localhost:8342/feedback -d text=Nice -d stars=4
"""

from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated

import trio
from msgspec import Meta

from hump_trio import (
    BindingError,
    Body,
    Cookie,
    Header,
    HttpException,
    Hump,
    JsonResponse,
    Query,
)

app = Hump("", 8342)


class Order(Enum):
    """What tasks are sorted by."""

    TITLE = "title"
    DUE = "due"


@dataclass(slots=True)
class Step:
    """A part of a task."""

    text: str
    minutes: Annotated[int, Meta(ge=1)] = 5


@dataclass(slots=True)
class Task:
    """What is to be done."""

    title: Annotated[str, Meta(min_length=1)]
    due: date | None = None
    done: bool = False
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Search:
    """Which tasks are listed, and how they are sorted: each field is a value of the query."""

    done: bool | None = None
    order: Order = Order.TITLE
    words: Annotated[tuple[str, ...], Query(alias="word")] = ()


@dataclass(slots=True)
class Feedback:
    """What somebody thinks of all this."""

    text: str
    stars: Annotated[int, Meta(ge=1, le=5)] = 5


tasks: list[Task] = []


@app.get("/tasks")
async def all_tasks(search: Annotated[Search, Query()]) -> list[Task]:
    found = [task for task in tasks if search.done is None or task.done is search.done]
    found = [task for task in found if all(word in task.title for word in search.words)]
    return sorted(found, key=lambda task: str(getattr(task, search.order.value)))


@app.get("/tasks/{index}")
async def one_task(index: Annotated[int, Meta(ge=0)]) -> Task:
    if index >= len(tasks):
        raise HttpException(404, "no such task")
    return tasks[index]


@app.post("/tasks")
async def add_task(
    task: Task,
    user: Annotated[str, Cookie()] = "",
    x_client: Annotated[str, Header()] = "",
) -> JsonResponse:
    if task.title in (known.title for known in tasks):
        raise BindingError([("body.title", "there is one of this title")])
    tasks.append(task)
    return JsonResponse({"index": len(tasks) - 1, "of": user or "nobody", "by": x_client}, 201)


@app.put("/tasks/{index}/done")
async def set_done(index: int, done: Annotated[bool, Body()]) -> Task:
    task = await one_task(index)
    task.done = done
    return task


@app.post("/feedback")
async def take_feedback(feedback: Annotated[Feedback, Body(form=True)]) -> str:
    return f"{feedback.stars} of 5 stars: {feedback.text}"


if __name__ == "__main__":
    trio.run(app.serve)
