"""A short drill with all programs: clients are served as the reference says."""

import pytest

from tests.drill.drill import drill
from tests.drill.ledger import PROTOCOLS
from tests.drill.script import SHORT
from tests.drill.site import built

# httpx leaves generators to the garbage collector, wherever a stream isn't read to its end.
pytestmark = [
    pytest.mark.program("haproxy"),
    pytest.mark.program("initdb"),
    pytest.mark.program("redis-server"),
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]


async def test_clients_are_served_while_all_else_comes_and_goes() -> None:
    """Both instances are restarted, PostgreSQL too, and a worker is killed: no promise is broken.

    Each stream and each WebSocket has been told of an end at least once.
    """
    lines: list[str] = []
    with built() as site:
        ledger = await drill(site, SHORT, lines.append)
        assert not ledger.faults, site.read_logs()
    assert len(lines) == len(SHORT)
    assert ledger.told
    assert ledger.total("5xx", *PROTOCOLS)
    assert ledger.total("resumed", "events") >= len(ledger.read)
    assert set(ledger.codes) == {1001}
