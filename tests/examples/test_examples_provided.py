"""The example of providers does what its docstring says."""

from examples import providers
from hump_trio.testing import client

ADA = {"authorization": "Bearer a-token-of-ada"}
MAX = {"authorization": "Bearer a-token-of-max"}


async def test_providers__enclose_handlers() -> None:
    """What was added is there for its owner alone; what failed is not."""
    async with client(providers.app) as http:
        assert (await http.post("/todos", json="boil water", headers=ADA)).status_code == 204
        assert (await http.post("/todos", json="", headers=ADA)).status_code == 400
        assert (await http.post("/todos", json="sleep", headers=MAX)).status_code == 204
        assert (await http.get("/todos", headers=ADA)).json() == ["boil water"]
        assert (await http.get("/todos")).status_code == 401
        unknown = {"authorization": "Bearer mine"}
        assert (await http.get("/todos", headers=unknown)).status_code == 401


class FakeTodos:
    """Keeps what is to be done in a list."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def add(self, owner: str, title: str) -> None:
        """Add one."""
        self.kept.append(f"{owner}: {title}")

    def of(self, owner: str) -> list[str]:
        """Return all."""
        return self.kept


async def test_providers__stand_aside_in_tests() -> None:
    """There is no token then, and no transaction."""
    todos = FakeTodos()
    fakes = {providers.Todos: todos, providers.User: providers.User("eva")}
    async with client(providers.app, provide=fakes) as http:
        assert (await http.post("/todos", json="read")).status_code == 204
        assert (await http.get("/todos")).json() == ["eva: read"]
    assert todos.kept == ["eva: read"]
