"""Tests have a real PostgreSQL and a real Redis, whoever runs them."""

import signal
from pathlib import Path

import psycopg
import pytest
from coredis import Redis

from tests.support import stores


@pytest.mark.program("initdb")
def test_a_test_has_a_database_of_its_own(database: str, postgres: Path) -> None:
    """What another test writes isn't there."""
    other = stores.create_database(postgres, "another")
    with psycopg.connect(other) as connection:
        connection.execute("CREATE TABLE cups (name text)")
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM cups")


@pytest.mark.program("initdb")
def test_postgres_is_gone_afterwards() -> None:
    """With its folder, whoever is still connected."""
    with stores.postgres() as server:
        connection = psycopg.connect(f"host={server.folder} user=postgres")
    with pytest.raises(psycopg.OperationalError), connection:
        connection.execute("SELECT 1")
    assert not server.folder.exists()


@pytest.mark.program("initdb")
def test_postgres_can_be_killed_and_started_again() -> None:
    """At the same address, with its databases."""
    with stores.postgres() as server:
        database = stores.create_database(server.folder, "tea")
        server.stop(signal.SIGQUIT)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(database)
        server.start()
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.program("redis-server")
async def test_redis_can_be_killed_and_started_again(redis: stores.Redis) -> None:
    """At the same address."""
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        await client.set("cup", "tea")
        assert await client.get("cup") == "tea"
    redis.stop()
    redis.start()
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        assert await client.get("cup") is None


@pytest.mark.program("redis-server")
def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    """By its log."""
    program = stores.Program(tmp_path, ["redis-server", "--no-such-option"], "never")
    with pytest.raises(AssertionError, match="no-such-option"):
        program.start()
