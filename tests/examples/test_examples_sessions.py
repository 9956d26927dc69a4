"""The recipe of sessions in Redis, with a real one: all processes know them, and their end."""

import gc

import pytest
import trio
from coredis import Redis
from coredis.exceptions import ConnectionError

from examples.recipes.redis_sessions import (
    RedisSessions,
    answer_unavailable,
    app,
    index,
    log_in,
    log_out,
)
from hump_trio import Hump, Request, Sessions
from hump_trio.dispatch.router import layer_of
from hump_trio.testing import client
from tests.support import stores
from tests.support.session_stores import check_store

pytestmark = pytest.mark.program("redis-server")
SECRET = "secret--" * 4
SITE = "https://testserver"  # to which secure cookies go


def opened(redis: stores.Redis) -> Redis[str]:
    """Return a client of a Redis."""
    return Redis.from_url(redis.url, decode_responses=True)


def worker(raw: Redis[str]) -> Hump:
    """Return an app as one of the recipe's workers has it."""
    app = Hump()
    app.middleware(Sessions(secrets=[SECRET], store=RedisSessions(raw)))
    app.exception_handler(ConnectionError)(answer_unavailable)
    app.post("/login")(log_in)
    app.get("/")(index)
    app.post("/logout")(log_out)
    return app


async def test_redis_sessions__the_promises_of_a_store(redis: stores.Redis) -> None:
    """It is one as any other, and forgets what has ended."""
    async with opened(redis) as raw:
        await check_store(RedisSessions(raw))
        assert 9000 < await raw.pttl("session:a") <= 10000


async def test_redis_sessions__an_end_is_one_for_all_workers(redis: stores.Redis) -> None:
    """Also for copies of the cookie, and although a request is under way meanwhile."""
    async with opened(redis) as raw, opened(redis) as other_raw:
        one, other = worker(raw), worker(other_raw)
        begun, ended = trio.Event(), trio.Event()

        @one.post("/slow")
        async def note(request: Request) -> str:
            request.session["note"] = "written late"
            begun.set()
            await ended.wait()
            return "noted"

        async with client(one, base_url=SITE) as http, client(other, base_url=SITE) as elsewhere:
            await http.post("/login", data={"name": "Ada"})
            copied = dict(http.cookies)
            assert (await http.get("/")).text == "Hello, Ada!"
            elsewhere.cookies.update(copied)
            assert (await elsewhere.get("/")).text == "Hello, Ada!"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(http.post, "/slow")
                await begun.wait()
                await elsewhere.post("/logout")
                ended.set()
            assert [(await each.get("/")).text for each in (http, elsewhere)] == [
                "Hello, stranger!"
            ] * 2
            assert await raw.dbsize() == 0


# coredis leaves streams of anyio to the garbage collector where its server goes.
@pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")
async def test_redis_sessions__a_redis_that_goes_and_comes() -> None:
    """While it is gone who has a cookie gets a 503; then it is known again whose it is."""
    with stores.redis(lasting=True) as redis:
        async with opened(redis) as raw, client(worker(raw), base_url=SITE) as http:
            await http.post("/login", data={"name": "Ada"})
            assert (await http.get("/")).text == "Hello, Ada!"
            redis.stop()
            assert (await http.get("/")).status_code == 503
            assert (await http.post("/logout")).status_code == 503
            redis.start()
            while (answer := await http.get("/")).status_code == 503:
                pass
            assert answer.text == "Hello, Ada!"
    gc.collect()  # while what coredis leaves is ignored


def test_redis_sessions__the_app_has_sessions() -> None:
    """The recipe is an app that keeps them so."""
    assert isinstance(layer_of(app).middleware[0], Sessions)
