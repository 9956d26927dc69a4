"""The example of what goes before and behind an answer does what its docstring says."""

from hashlib import sha256

import pytest
import trio
from trio.testing import MockClock

from examples import hints_and_trailers
from hump_trio.testing import client, connect
from tests.support.wire import ask, parse_answers, read_to_end, request


async def test_hints_and_trailers__sends_hints_first(autojump_clock: MockClock) -> None:
    """The page comes when it is made; it is the same where no hints go out."""
    app, began = hints_and_trailers.app, trio.current_time()
    async with connect(app) as raw:
        await raw.send(request("GET", "/", "User-Agent: curl/8", "Connection: close"))
        [page] = parse_answers(await read_to_end(raw))
    assert (page.informational, page.status, trio.current_time() - began) == ([103], 200, 1)
    async with client(app) as http:
        assert (await http.get("/")).text == page.text
        assert (await http.get("/style.css")).headers["content-type"] == "text/css"


@pytest.mark.parametrize("path", ["/numbers", "/letters"])
async def test_hints_and_trailers__sends_a_checksum_last(
    path: str, autojump_clock: MockClock
) -> None:
    """It is that of all bytes; who doesn't ask for it gets these alone."""
    asked = request("GET", path, "TE: trailers", "Connection: close")
    [answer] = await ask(hints_and_trailers.app, asked)
    assert answer.trailers == [("x-sha256", sha256(answer.body).hexdigest())]
    [answer] = await ask(hints_and_trailers.app, request("GET", path, "Connection: close"))
    assert (len(answer.body), answer.whole, answer.trailers) == (6, True, [])
