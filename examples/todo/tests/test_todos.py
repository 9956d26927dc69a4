"""What the routes of todos answer, with a fake in place of what they are kept in."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from hump_trio import Hump
from hump_trio.testing import client

from ..app import State, make_app
from ..settings import Settings
from ..todos import Change, Todo, Todos
from ..users import User

SECRETS = ("a secret that only these tests know",)
ADA = User("1", "ada", admin=False)


class FakeTodos(Todos):
    """Todos in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Todo] = {}

    async def all(self) -> list[Todo]:
        """Return all."""
        return list(self.kept.values())

    async def add(self, title: str) -> Todo:
        """Add one."""
        todo = Todo(str(uuid4()), title, done=False)
        self.kept[todo.id] = todo
        return todo

    async def change(self, number: UUID, change: Change) -> Todo | None:
        """Change one, whose title stays here."""
        if (todo := self.kept.get(str(number))) is not None:
            todo = self.kept[todo.id] = replace(todo, done=bool(change.done))
        return todo

    async def drop(self, number: UUID) -> bool:
        """Drop one."""
        return self.kept.pop(str(number), None) is not None


@pytest.fixture
def app() -> Hump[State]:
    return make_app(Settings("sqlite::memory:", SECRETS))


async def test_todos_come_and_go(app: Hump[State]) -> None:
    """What is added is listed, changed and dropped."""
    todos = FakeTodos()
    async with client(app, provide={Todos: todos}) as http:
        added = await http.post("/todos", json={"title": "drink tea"})
        path = f"/todos/{added.json()['id']}"
        changed = await http.patch(path, json={"done": True})
        listed = await http.get("/todos")
        dropped = await http.delete(path)
    assert added.status_code == 201
    assert changed.json() == {**added.json(), "done": True}
    assert listed.json() == [changed.json()]
    assert dropped.status_code == 204
    assert todos.kept == {}


@pytest.mark.parametrize("title", ["", "x" * 201, "\0", None])
async def test_a_title_has_a_few_characters(title: str | None, app: Hump[State]) -> None:
    """Anything else is refused."""
    todos = FakeTodos()
    async with client(app, provide={Todos: todos}) as http:
        assert (await http.post("/todos", json={"title": title})).status_code == 422
    assert todos.kept == {}


async def test_what_is_not_there_is_a_404(app: Hump[State]) -> None:
    """To change, and to drop."""
    async with client(app, provide={Todos: FakeTodos()}) as http:
        for path in (f"/todos/{uuid4()}", "/todos/7"):
            assert (await http.patch(path, json={"done": True})).status_code == 404
            assert (await http.delete(path)).status_code == 404


async def test_only_admins_see_all_users(app: Hump[State]) -> None:
    """Nobody else does, logged in or not."""
    async with client(app) as http:
        assert (await http.get("/users")).status_code == 401
    for user, status in [(ADA, 403), (replace(ADA, admin=True), 200)]:
        async with client(app, provide={User: user}) as http:
            assert (await http.get("/users")).status_code == status
