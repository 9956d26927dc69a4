"""What is wrong with a message, and what only says that the client has gone."""

from typing import Any

import pytest
import trio

from hump_trio.asgi.mistakes import ClientGone, decode_fields, mistake_in, tells_of_leaving


def raised(error: Exception, cause: BaseException) -> Exception:
    """Return an error that was raised from another one."""
    error.__cause__ = cause
    return error


def while_handling(error: Exception, context: BaseException) -> Exception:
    """Return an error that was raised while another one was handled."""
    error.__context__ = context
    return error


def circle() -> BaseException:
    """Return an error that is its own cause, by another one."""
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    return first


@pytest.mark.parametrize(
    ("error", "tells"),
    [
        (ClientGone(), True),
        (BrokenPipeError(), False),
        (raised(ValueError(), ClientGone()), True),
        (while_handling(ValueError(), raised(KeyError(), ClientGone())), True),
        (circle(), False),
        (ExceptionGroup("", [ClientGone(), raised(ValueError(), ClientGone())]), True),
        (ExceptionGroup("", [ClientGone(), ValueError()]), False),
    ],
)
def test_what_tells_of_a_client_that_has_gone(error: BaseException, tells: bool) -> None:
    """What an app has made of that, each error of a group."""
    assert tells_of_leaving(error) == tells


def test_a_client_that_has_gone_is_an_error_of_the_system() -> None:
    """And one of Trio's, which the server knows."""
    assert issubclass(ClientGone, OSError)
    assert issubclass(ClientGone, trio.BrokenResourceError)


def test_fields_are_pairs_of_bytes() -> None:
    """In any iterables; each byte is a character."""
    assert decode_fields(([b"X-Tea", b"\xff"], (bytearray(b"a"), b""))) == [
        ("X-Tea", "\xff"),
        ("a", ""),
    ]
    for headers in ([("x", b"y")], [(b"x", "y")], [(b"x",)], [b"xyz"], 5, None, {b"xyz": b"y"}):
        with pytest.raises(TypeError, match="headers are pairs of bytes"):
            decode_fields(headers)


@pytest.mark.parametrize(
    ("message", "error", "kind", "text"),
    [
        ({}, KeyError("type"), TypeError, "an ASGI message is a dict with a 'type', not {}"),
        ({"type": 5}, TypeError("x"), TypeError, "an ASGI message is a dict"),
        ("start", TypeError("x"), TypeError, "an ASGI message is a dict"),
        ({"type": "a.b"}, KeyError("status"), RuntimeError, "a.b lacks its 'status'"),
        ({"type": "a.b"}, TypeError("x"), TypeError, "a.b: x"),
        ({"type": "a.b"}, ValueError("x"), RuntimeError, "a.b: x"),
    ],
)
def test_a_mistake_names_its_message(
    message: Any, error: Exception, kind: type[Exception], text: str
) -> None:
    """The app finds it by that."""
    mistake = mistake_in(message, error)
    assert type(mistake) is kind
    assert str(mistake).startswith(text)
