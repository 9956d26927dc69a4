"""The contracts of the steps, kept by all that is made for a handler's parameters."""

from typing import Annotated, Any

import pytest

from hump_trio import BindingError, Body, Cookie, Header, Query
from hump_trio.handlers.reading import reader_of
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request
from tests.support.annotated import Above, Item
from tests.support.typed_handlers import JSON, form_of, parse, taking

GOT: list[Any] = [
    *(int, list[int], Annotated[int, Header()], Annotated[int, Cookie()]),
    *(Annotated[Item, Query()], Item, form_of(Item), Annotated[list[Above], Body()]),
]


@pytest.mark.parametrize("annotation", GOT)
@pytest.mark.parametrize("text", ["7", "x"])
def test_a_getter_does_the_same_again(annotation: Any, text: str) -> None:
    """So that, when one value is wrong, all are got once more to tell what else is."""
    request = Request(
        *("POST", "/", "/"),
        Headers({"value": text, "cookie": f"value={text}", "content-type": JSON}),
        body=text.encode(),
        query_string=f"value={text}&name={text}&price={text}",
    )
    parameter = parse(taking(annotation)).parameters[0]
    assert parameter.source.getter is not None
    get = parameter.source.getter(parameter)
    assert get is not None
    outcomes: list[Any] = []
    for _ in range(2):
        try:
            outcomes.append(get(request))
        except BindingError as error:
            outcomes.append((error.status, error.places))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("annotation", [int, list[int], set[int], tuple[int, int]])
def test_a_reader_leaves_its_texts_as_they_are(annotation: Any) -> None:
    """They belong to the request."""
    texts = ["1", "2"] if annotation is not int else ["1"]
    before = list(texts)
    reader_of(annotation, 5, of_form=True)(texts, "form.value")
    assert texts == before
