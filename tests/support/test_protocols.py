"""The protocols that the tests' client speaks: each is the one that was asked for."""

import pytest

from hump_trio import Hump, Request
from hump_trio.testing import client


async def test_it_is_the_one_that_was_asked_for(pytestconfig: pytest.Config) -> None:
    """The app and the client agree on it."""
    app = Hump()

    @app.get("/")
    async def index(request: Request) -> str:
        return request.http_version

    async with client(app) as http:
        answer = await http.get("/")
    versions = {"http1": ("HTTP/1.1", "1.1"), "h2": ("HTTP/2", "2")}
    assert (answer.http_version, answer.text) == versions[pytestconfig.getoption("protocol")]
