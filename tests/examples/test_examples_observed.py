"""The recipes that tell of requests do what their docstrings say: Sentry's SDK, and structlog."""

import gzip
import json
from collections import defaultdict
from typing import Any

import httpx2
import pytest
import trio
from structlog.contextvars import get_contextvars

from examples.recipes import structlog_context
from hump_trio import Hump, Request
from hump_trio.testing import client
from tests.support.deployment import Instance, started
from tests.support.loopback import PATIENCE_SECONDS, served, wait_until

Event = dict[str, Any]


def make_sentry(events: list[Event]) -> Hump:
    """Return an app that takes events as Sentry does, in envelopes of several lines."""
    app = Hump("127.0.0.1", 0)

    @app.post("/api/1/envelope/")
    async def take(request: Request) -> dict[str, str]:
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        _, *lines = map(json.loads, body.splitlines())
        for item, payload in zip(lines[::2], lines[1::2], strict=True):
            if item["type"] == "event":
                events.append(payload)
        return {}

    return app


def failures_of(event: Event) -> list[tuple[str, str]]:
    """Return kinds and texts of the errors in an event, the outermost last."""
    return [(error["type"], error["value"]) for error in event["exception"]["values"]]


@pytest.mark.memory_only("its app is another process")
@pytest.mark.http1_only("its client is its own")
async def test_sentry__tells_each_crash_once_and_of_which_request() -> None:
    """In a handler, in a nursery and in a stream; requests that run side by side are told apart."""
    events = list[Event]()
    users = [f"user{number}" for number in range(8)]
    async with served(make_sentry(events)) as url:
        dsn = url.replace("://", "://key@") + "/1"
        instance = Instance(
            "127.0.0.1:0", app="examples.recipes.sentry:app", environment={"SENTRY_DSN": dsn}
        )
        async with started(instance):
            http = httpx2.AsyncClient(
                base_url=f"http://{instance.bind}", timeout=PATIENCE_SECONDS, trust_env=False
            )

            async def ask(user: str) -> None:
                with pytest.raises(httpx2.TransportError):  # the answer breaks off
                    await http.get("/teas/green?secret=1", headers={"user": user})
                assert (await http.get("/teas/black", headers={"user": user})).status_code == 200

            async with http:
                async with trio.open_nursery() as nursery:
                    for user in users:
                        nursery.start_soon(ask, user)
                refused = await http.get("/pots/many")
                failed = await http.get("/pots/3")
            await wait_until(lambda: len(events) >= len(users) + 1)
            assert await instance.stop() == 0
    assert (refused.status_code, failed.status_code) == (422, 500)
    [group] = [event for event in events if event["transaction"] == "GET /pots/{count}"]
    streams = [event for event in events if event is not group]
    leaves = sorted(failures_of(group)[:-1])
    assert leaves == [("OSError", f"pot {number} is empty") for number in range(3)]
    assert failures_of(group)[-1][0] == "ExceptionGroup"
    assert "user" not in group["tags"]
    assert group["tags"]["request_id"] == failed.headers["x-request-id"]
    assert sorted(event["tags"]["user"] for event in streams) == users
    assert len({event["tags"]["request_id"] for event in events}) == len(users) + 1
    for event in streams:
        assert event["transaction"] == "GET /teas/{tea}"
        assert failures_of(event) == [("ValueError", "the water is too hot")]
        url = f"http://{instance.bind}/teas/green"
        assert event["request"] == {"method": "GET", "url": url}


def lines_by_request(output: str) -> list[list[dict[str, Any]]]:
    """Return what was logged for each request, in order."""
    found = defaultdict[str, list[dict[str, Any]]](list)
    for line in map(json.loads, output.splitlines()):
        found[line["request_id"]].append(line)
    return list(found.values())


async def test_structlog_context__each_line_says_of_which_request_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of handler, nursery, thread, stream and background task, for requests side by side."""
    teas = [f"tea{number}" for number in range(5)]
    async with client(structlog_context.app) as http, trio.open_nursery() as nursery:
        for tea in teas:
            nursery.start_soon(http.get, f"/teas/{tea}")
    logged = lines_by_request(capsys.readouterr().out)
    assert sorted(lines[0]["tea"] for lines in logged) == teas
    for lines in logged:
        [tea] = {line["tea"] for line in lines}
        assert tea in teas
        assert {(line["method"], line["route"]) for line in lines} == {("GET", "/teas/{tea}")}
        found = [(line["event"], line.get("pot")) for line in lines]
        assert sorted(found[:2]) == [("boiling", 1), ("boiling", 2)]
        assert found[2:4] == [("boiled", None), ("served", None)]
        assert sorted(found[4:]) == [("cleaned up", None), ("ended", None)]
        [ended] = [line for line in lines if line["event"] == "ended"]
        assert (ended["status"], ended["outcome"]) == (200, "ok")


async def test_structlog_context__the_next_request_begins_with_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not even with what the request before has bound, on the same connection."""
    async with client(structlog_context.app) as http:
        await http.get("/teas/green")
        await http.get("/nothing")
    *_, last = lines_by_request(capsys.readouterr().out)
    [line] = last
    assert (line["event"], line["status"], line["route"]) == ("ended", 404, "")
    assert "tea" not in line
    assert get_contextvars() == {}
