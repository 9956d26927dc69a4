"""An app's answer to a handshake opens a WebSocket by the rules, or is there to be looked at."""

import pytest
from trio.testing import MockClock

from hump_trio.testing import Refused, client, websocket
from tests.testing.apps import new_app
from tests.testing.scripted_app import ScriptedApp, echo


async def test_a_refusal_is_an_answer_of_http(autojump_clock: MockClock) -> None:
    """Status, fields and body, as any client sees them; the app goes on."""
    app = new_app()
    async with client(app) as http:
        with pytest.raises(Refused, match="404 Not Found: ") as refused:
            async with websocket(app, "/nowhere?x=1"):
                raise AssertionError
        response = refused.value.response
        assert response.status_code == 404
        assert response.text == (await http.get("/nowhere")).text
        assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.http1_only("over HTTP/2 nothing of that is said")
@pytest.mark.memory_only("its server is the tests' own, in memory")
@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (["Connection: close"], "without `connection: upgrade`"),
        (["Connection: upgrade", "Sec-WebSocket-Accept: x"], "an answer to another key"),
    ],
)
async def test_a_handshake_is_checked(
    fields: list[str], fault: str, autojump_clock: MockClock
) -> None:
    """As browsers do."""
    with pytest.raises(AssertionError, match=fault):
        async with websocket(ScriptedApp(echo, *fields), "/"):
            pass
