"""The example of a live page does what its docstring says."""

import trio
from trio.testing import MockClock

from examples import inspecting
from hump_trio.testing import client

OPERATOR = ("ops", "secret")


async def test_inspecting__shows_operators_where_a_request_stands(
    autojump_clock: MockClock,
) -> None:
    """Nobody else; and the button ends it."""
    async with client(inspecting.app) as http, trio.open_nursery() as nursery:
        nursery.start_soon(http.get, "/teas/green?key=1")
        await trio.sleep(5)
        for path in ("/ops/inspect", "/ops/inspect/state"):
            refused = await http.get(path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == 'Basic realm="ops"'
        page = (await http.get("/ops/inspect", auth=OPERATOR)).text
        found = (await http.get("/ops/inspect/state", auth=OPERATOR)).json()
        brewing = found["requests"][0]
        url = f"/ops/inspect/requests/{brewing['id']}/cancel"
        assert (await http.post(url, auth=OPERATOR)).status_code == 303
        after = (await http.get("/ops/inspect/state", auth=OPERATOR)).json()
    assert brewing["target"] == "/teas/green?…"
    [line] = [each["line"] for each in brewing["tasks"] if each["innermost"]]
    assert line.endswith("in find_the_leaves")
    assert f"<mark>{line}</mark>" in page
    [limit] = [each for each in found["limits"] if each["name"] == "@limit of brew"]
    assert (limit["used"], limit["total"]) == (1, 10)
    [route] = [each for each in after["routes"] if each["route"] == "/teas/{tea}"]
    assert route["outcomes"] == {"deadline": 1}
