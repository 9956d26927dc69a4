"""What is known of a parameter once its signature was read."""

from typing import Annotated

from hump_trio import Body, Request, UploadFile
from hump_trio.handlers.parameter import EMPTY
from tests.support.annotated import Item
from tests.support.typed_handlers import form_of, parse, taking


def test_a_place_is_the_source_and_the_name_there() -> None:
    """As a client knows them: a file stands in a form."""
    places = {
        str: "query.value",
        UploadFile: "form.value",
        Item: "body",
        Request: "request",
    }
    for annotation, place in places.items():
        assert parse(taking(annotation)).parameters[0].place == place


def test_a_parameter_without_a_default_is_required() -> None:
    """None is a default as any other."""
    [parameter] = parse(taking(str)).parameters
    assert parameter.required
    assert parameter.default is EMPTY
    assert not parse(taking(str | None, None)).parameters[0].required


def test_a_body_may_be_a_form_if_its_marker_says_so() -> None:
    """Not otherwise."""
    forms = [parse(taking(each)).parameters[0].form for each in (Item, Annotated[Item, Body()])]
    assert forms == [False, False]
    assert parse(taking(form_of(Item))).parameters[0].form


def test_files_make_the_whole_signature_one_of_a_form() -> None:
    """The form is received before the handler is called."""
    assert parse(taking(list[UploadFile])).takes_files
    assert not parse(taking(Item)).takes_files
