"""What is said to a person who has started a server."""

import pytest

from hump_trio.command.greeting import Greeting


@pytest.mark.parametrize(
    ("coloured", "text"),
    [
        (False, "Open http://127.0.0.1:80 (Ctrl-C stops it)"),
        (True, "Open \x1b[1mhttp://127.0.0.1:80\x1b[0m (Ctrl-C stops it)"),
    ],
)
def test_it_is_said_once_it_is_true(coloured: bool, text: str) -> None:
    """And nothing where there is no such address, or nobody to tell."""
    said: list[str] = []
    Greeting(said.append, coloured=coloured).started(("http://0.0.0.0:80",))
    Greeting(said.append, coloured=coloured).started()
    Greeting(None, coloured=coloured).started(("http://0.0.0.0:80",))
    assert said == [text]
