"""What the tests of the command line share."""

from collections.abc import Iterator

import pytest

from examples import hello


@pytest.fixture(autouse=True)
def _hello_as_it_was() -> Iterator[None]:
    """Undo what options have changed of the example: other tests serve it too."""
    app = hello.app
    before = app.binds, app.sockets, app.limits, app.timeouts, app.tls
    yield
    app.binds, app.sockets, app.limits, app.timeouts, app.tls = before
