"""What is said to a person who has started a server."""

import io

import pytest

from hump_trio.command.greeting import Greeting, reachable_url


@pytest.mark.parametrize(
    ("urls", "url"),
    [
        (("http://127.0.0.1:8342",), "http://127.0.0.1:8342"),
        (("http://0.0.0.0:8342", "http://[::]:8342"), "http://127.0.0.1:8342"),
        (("https://[::]:443",), "https://[::1]:443"),
        (("unix:/run/app.sock", "http://[::1]:80"), "http://[::1]:80"),
        (("unix:/run/app.sock",), ""),
        ((), ""),
    ],
)
def test_an_address_that_can_be_opened(urls: tuple[str, ...], url: str) -> None:
    """On this machine; of several the first that a browser takes."""
    assert reachable_url(urls) == url


@pytest.mark.parametrize(
    ("coloured", "text"),
    [
        (False, "Open http://127.0.0.1:80 (Ctrl-C stops it)\n"),
        (True, "Open \x1b[1mhttp://127.0.0.1:80\x1b[0m (Ctrl-C stops it)\n"),
    ],
)
def test_it_is_said_once_it_is_true(coloured: bool, text: str) -> None:
    """And nothing where there is no such address, or nobody to tell."""
    stream = io.StringIO()
    Greeting(stream, coloured=coloured).started(("http://0.0.0.0:80",))
    Greeting(stream, coloured=coloured).started()
    Greeting(None, coloured=coloured).started(("http://0.0.0.0:80",))
    assert stream.getvalue() == text
