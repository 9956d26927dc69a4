"""The service in several files keeps its promises with a real PostgreSQL, and with SQLite."""

import subprocess
import sys
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import psycopg
import pytest
import trio

from examples.todo import passwords
from examples.todo.app import State, make_app
from examples.todo.database import Transaction, open_database
from examples.todo.settings import Settings
from examples.todo.users import User
from hump_trio import Hump, Timeouts
from hump_trio.testing import client, connect
from tests.support.loopback import PATIENCE_SECONDS, wait_until
from tests.support.wire import request

ROOT = Path(__file__).parents[2]
SECRETS = ("a secret that only these tests know",)
ACCOUNT = {"name": "ada", "password": "0 1 1 2 3 5"}
KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.program("initdb"))]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of the kind that the test is parametrized with."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/todo.db"
    database: str = request.getfixturevalue("database")
    return database


def rows_of(database: str, sql: str) -> list[tuple[object, ...]]:
    """Return what somebody else sees in a database of PostgreSQL."""
    with psycopg.connect(database) as connection:
        return connection.execute(sql.encode()).fetchall()


def is_busy(database: str) -> bool:
    """Tell whether the server carries out a statement that never ends by itself."""
    sql = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep($1)'"
    return bool(rows_of(database, sql))


def with_sloth(database: str, timeout: float = 0.2) -> Hump[State]:
    """Return the service with one more route: it adds a user, and then waits in the server."""
    app = make_app(Settings(database, SECRETS))
    app.timeouts = Timeouts(disconnect_poll=0.02)

    @app.post("/sloth", timeout=timeout)
    async def sloth(transaction: Transaction) -> None:
        sql = "INSERT INTO users (id, name, password, admin) VALUES ('1', 'sloth', '', false)"
        await transaction.fetch(sql)
        await transaction.fetch("SELECT pg_sleep($1)", 3600)

    return app


@pytest.mark.memory_only("its clients are its own")
@pytest.mark.http1_only("its clients are its own")
def test_todo__is_tested_by_its_own_tests() -> None:
    """They lie beside it, and pass."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "examples/todo"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "13 passed" in done.stdout


@pytest.mark.parametrize("url", KINDS, indirect=True)
async def test_todo__keeps_what_it_was_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a restart: the second start finds its tables, and a session goes on."""
    monkeypatch.setattr(passwords, "COST", 2)
    cookies = None
    for todos in (["drink tea"], ["drink tea", "drink tea"]):
        app = make_app(Settings(url, SECRETS))
        async with client(app, base_url="https://testserver", cookies=cookies) as http:
            if cookies is None:
                assert (await http.post("/users", json=ACCOUNT)).json()["admin"] is True
                assert (await http.post("/users", json=ACCOUNT)).status_code == 409
                assert (await http.post("/session", json=ACCOUNT)).status_code == 200
            added = (await http.post("/todos", json={"title": "drink tea"})).json()
            path = f"/todos/{added['id']}"
            assert (await http.patch(path, json={"done": True})).json()["done"] is True
            found = (await http.get("/todos")).json()
            cookies = http.cookies
        assert [todo["title"] for todo in found] == todos
        assert all(todo["done"] is True for todo in found)


@pytest.mark.parametrize("url", KINDS, indirect=True)
async def test_todo__says_nothing_is_done_that_is_not_committed(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A commit that fails is a 500: here of a todo whose owner doesn't exist."""
    app = make_app(Settings(url, SECRETS))
    nobody = User("nobody", "nobody", admin=False)
    async with client(app, provide={User: nobody}) as http:
        assert (await http.post("/todos", json={"title": "drink tea"})).status_code == 500
        assert (await http.get("/todos")).json() == []
    assert "foreign key constraint" in caplog.text.lower()


@pytest.mark.parametrize("url", KINDS, indirect=True)
async def test_todo__migrates_once(url: str) -> None:
    """However many processes start at a time."""
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(stack.enter_async_context, open_database(url))


class CancelAt(trio.abc.Instrument):
    """Cancels a scope when this task goes on for the nth time."""

    def __init__(self, nth: int, scope: trio.CancelScope) -> None:
        self._left = nth
        self._scope = scope
        self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the steps of the task."""
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


@pytest.mark.parametrize("url", KINDS, indirect=True)
async def test_todo__does_all_or_nothing_wherever_it_is_cancelled(url: str) -> None:
    """And the next transaction finds the database as it should be."""
    sql = "INSERT INTO users (id, name, password, admin) VALUES ($1, $2, '', $3)"
    async with open_database(url) as database:
        for nth in count(1):
            done = False
            with trio.CancelScope() as scope:
                instrument = CancelAt(nth, scope)
                trio.lowlevel.add_instrument(instrument)
                try:
                    async with database.transaction() as transaction:
                        await transaction.fetch(sql, f"{nth} a", f"{nth} ada", True)
                        await transaction.fetch(sql, f"{nth} b", f"{nth} bob", False)
                    done = True
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            async with database.transaction() as transaction:
                found = await transaction.fetch(
                    "SELECT * FROM users WHERE name LIKE $1", f"{nth} %"
                )
            assert len(found) == 2 if done else len(found) in (0, 2)
            if not scope.cancel_called:
                break
    assert nth > 4


@pytest.mark.program("initdb")
async def test_todo__rolls_back_at_a_deadline(database: str) -> None:
    """The statement that it stands at is cancelled in the server, too."""
    async with client(with_sloth(database)) as http:
        assert (await http.post("/sloth")).status_code == 503
        assert not is_busy(database)
        assert rows_of(database, "SELECT * FROM users") == []
        assert (await http.post("/users", json=ACCOUNT)).status_code == 201


@pytest.mark.program("initdb")
async def test_todo__rolls_back_when_the_client_has_gone(database: str) -> None:
    """The server works for nobody any more."""
    app = with_sloth(database, timeout=PATIENCE_SECONDS)
    async with connect(app) as raw:
        await raw.send(request("POST", "/sloth", "Content-Length: 0"))
        await wait_until(lambda: is_busy(database))
        raw.reset()
        await wait_until(lambda: not is_busy(database))
        await wait_until(lambda: not app.statistics().requests)
        assert rows_of(database, "SELECT * FROM users") == []
