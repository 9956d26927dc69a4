"""The tree of errors, and the evidence that each carries."""

import copy
import pickle
from http import HTTPStatus
from typing import Any

import pytest

from hump_trio.facts.exceptions import (
    BindError,
    BindingError,
    HttpException,
    HttpParserError,
    HumpError,
    MissingFieldError,
    RouteError,
    StatusError,
    WebSocketClosed,
    phrase_of,
)
from hump_trio.messages.headers import Headers


@pytest.mark.parametrize(
    "kind", [BindError, BindingError, HttpException, HttpParserError, RouteError]
)
def test_one_tree(kind: type[Exception]) -> None:
    """A user can catch everything of ours by one name."""
    assert issubclass(kind, HumpError)


def test_an_http_exception_says_what_it_answers() -> None:
    """Status, detail and headers are attributes; the status is a plain number."""
    error = HttpException(HTTPStatus.CONFLICT, "taken", headers={"X-Of": "a"})
    assert (error.status, error.detail, error.headers) == (409, "taken", (("X-Of", "a"),))
    assert type(error.status) is int
    assert str(error) == "409 taken"


@pytest.mark.parametrize(
    ("status", "detail"),
    [(404, "Not Found"), (HTTPStatus.GONE, "Gone"), (499, ""), (422, "Unprocessable Content")],
)
def test_the_detail_is_the_phrase_by_default(status: int, detail: str) -> None:
    """A status without a standard phrase has an empty one."""
    assert HttpException(status).detail == detail
    assert phrase_of(status) == detail


def test_an_empty_detail_stays_empty() -> None:
    """Only a detail that was left out is filled in."""
    assert HttpException(404, "").detail == ""


@pytest.mark.parametrize("status", [100, 200, 204, 299, 600, -1])
def test_an_error_is_no_success(status: int) -> None:
    """An exception answers with 300 to 599; the message names the number given."""
    with pytest.raises(ValueError, match=f"from 300 to 599, not {status}"):
        HttpException(status)


@pytest.mark.parametrize("status", [300, 599])
def test_the_first_and_the_last_status(status: int) -> None:
    """Both ends belong to the range."""
    assert HttpException(status).status == status


def test_headers_may_be_given_in_any_form() -> None:
    """Pairs, a mapping or `Headers`, whose repeats are kept."""
    pairs = (("a", "1"), ("a", "2"))
    assert HttpException(401, headers=pairs).headers == pairs
    assert HttpException(401, headers=iter(pairs)).headers == pairs
    assert HttpException(401, headers=Headers(pairs)).headers == pairs
    assert HttpException(401, headers={"a": "1"}).headers == pairs[:1]


def test_a_parser_error_says_what_was_wrong() -> None:
    """Status and detail are attributes."""
    error = HttpParserError(HTTPStatus.BAD_REQUEST, "no Host")
    assert (error.status, error.detail, str(error)) == (400, "no Host", "400 no Host")
    assert type(error.status) is int


@pytest.mark.parametrize("error", [HttpException(404, "x"), HttpParserError(400, "x")])
def test_errors_with_a_status_of_their_own(error: StatusError) -> None:
    """What answers an error needs to know no more of it than its status and its detail."""
    assert str(error) == f"{error.status} {error.detail}"


def test_a_bind_error_names_the_address() -> None:
    """Address and reason are attributes, and both are in the message."""
    error = BindError("localhost:1", "permission denied")
    assert (error.address, error.reason) == ("localhost:1", "permission denied")
    assert str(error) == "cannot listen on localhost:1: permission denied"


@pytest.mark.parametrize(
    "error",
    [
        HttpException(404, "x", headers={"a": "b"}),
        HttpParserError(400, "x"),
        BindingError([("body.a", "missing"), ("body.b", "missing")], 400),
        BindError("a:1", "b"),
        RouteError("x"),
    ],
)
def test_errors_travel(error: HumpError) -> None:
    """An error can be copied and pickled, for example out of a worker process."""
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert (str(twin), vars(twin)) == (str(error), vars(error))


def test_a_binding_error_tells_each_place_once() -> None:
    """In order, no more than a hundred; the detail is the first."""
    error = BindingError([("a", "missing"), ("b", "wrong"), ("a", "missing")])
    assert error.places == (("a", "missing"), ("b", "wrong"))
    assert (error.status, error.detail) == (422, "a: missing (and 1 more)")
    assert str(error) == "422 a: missing (and 1 more)"
    assert len(BindingError((str(number), "wrong") for number in range(200)).places) == 100
    assert BindingError([("a" * 500, "b" * 200)]).places == ((f"{'a' * 197}...", "b" * 200),)
    assert BindingError([]).detail == "Unprocessable Content"


def test_a_detail_is_a_sentence() -> None:
    """Another kind of body is refused where it is raised, not when it is answered."""
    detail: Any = {"a": 1}
    with pytest.raises(TypeError, match=r"a detail is a sentence, not \{'a': 1\}; .*JsonResponse"):
        HttpException(404, detail)


def test_a_status_comes_first() -> None:
    """A sentence in its place is named."""
    status: Any = "nope"
    with pytest.raises(ValueError, match="not 'nope'"):
        HttpException(status)


def test_a_missing_field_is_the_clients_fault() -> None:
    """It is a KeyError for who looks for one, and 400 for who doesn't."""
    error = MissingFieldError("q")
    assert isinstance(error, KeyError)
    assert str(error) == "400 the field 'q' is missing"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (WebSocketClosed(1000, "", "client"), "1000 (client)"),
        (WebSocketClosed(1008, "too slow", "server"), "1008 too slow (server)"),
    ],
)
def test_the_end_of_a_websocket_says_who_has_ended_it(error: WebSocketClosed, text: str) -> None:
    """With its code, and the reason if there is one."""
    assert str(error) == text
