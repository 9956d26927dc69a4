"""The schemas of pydantic's models in a document: as pydantic writes them, with our references."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, Field, SecretStr, computed_field, create_model

from hump_trio import Body, Query
from tests.openapi.documented import documented, route


class Color(Enum):
    """A choice."""

    RED = "red"


class Cat(BaseModel):
    """One kind of pet."""

    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    """Another."""

    kind: Literal["dog"]
    color: Color = Color.RED


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Line(BaseModel):
    """Written otherwise than it is read."""

    name: str = Field(validation_alias="Name", min_length=1)
    tags: set[int] = set()
    pair: tuple[int, bool] = (1, True)
    switch: Literal[True, False] = True

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        """The name's."""
        return len(self.name)


class Odd(BaseModel):
    """What pydantic has no schema for."""

    call: Callable[[], int]


class Given(BaseModel):
    """Query values."""

    page: int = Field(default=1, ge=1)
    token: SecretStr = SecretStr("hunter2")
    odd: Any = object()


@dataclass
class Inner:
    """A class of ours around models."""

    line: Line
    cat: Cat


@dataclass
class Outer:
    """And one around that."""

    inner: Inner
    plain: "Plain"


@dataclass
class Plain:
    """One that holds no model."""

    text: str


def schemas_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the named schemas of a document that a validator finds nothing wrong with."""
    assert [str(each) for each in OpenAPIV31SpecValidator(document).iter_errors()] == []
    schemas: dict[str, Any] = document["components"]["schemas"]
    return schemas


def body_and_answer(document: dict[str, Any]) -> list[Any]:
    """Return the schemas of the only route's body and answer."""
    [operation] = document["paths"]["/"].values()
    parts = (operation["requestBody"], operation["responses"]["200"])
    return [part["content"]["application/json"]["schema"] for part in parts]


def ref(name: str) -> dict[str, str]:
    """Return a reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def test_a_model_has_a_schema_for_what_comes_and_one_for_what_goes() -> None:
    """Where these differ."""

    async def handler(line: Line) -> Line:
        return line

    document = documented(route("/", handler, "POST"))
    schemas = schemas_of(document)
    assert body_and_answer(document) == [ref("Line-Input"), ref("Line-Output")]
    assert schemas["Line-Input"]["required"] == ["Name"]
    assert schemas["Line-Output"]["required"] == ["name", "length"]
    read = schemas["Line-Input"]["properties"]
    assert read["Name"]["minLength"] == 1
    assert "uniqueItems" not in read["tags"]  # repeated items are taken
    assert "items" not in read["pair"]
    assert read["switch"]["type"] == "boolean"


def test_other_models_have_one_schema() -> None:
    """With discriminators that refer to it, in collections and unions."""

    async def handler(pets: list[Pet]) -> dict[str, Cat] | Dog:
        raise NotImplementedError

    document = documented(route("/", handler, "POST"))
    schemas = schemas_of(document)
    assert set(schemas) == {"Cat", "Dog", "Color", "Problem"}
    assert schemas["Color"] == {
        "title": "Color",
        "description": "A choice.",
        "type": "string",
        "enum": ["red"],
    }
    body, answer = body_and_answer(document)
    assert body["items"]["discriminator"]["mapping"] == {
        "cat": "#/components/schemas/Cat",
        "dog": "#/components/schemas/Dog",
    }
    assert answer["anyOf"][1] == ref("Dog")
    assert answer["anyOf"][0]["additionalProperties"] == ref("Cat")


def test_classes_around_models_have_both_schemas_too() -> None:
    """Those alone in which the schema of a model differs, directly or further below."""

    async def handler(outer: Outer) -> Outer:
        return outer

    document = documented(route("/", handler, "POST"))
    schemas = schemas_of(document)
    assert body_and_answer(document) == [ref("Outer"), ref("Outer-Output")]
    assert schemas["Outer"]["properties"] == {"inner": ref("Inner"), "plain": ref("Plain")}
    assert schemas["Outer-Output"]["properties"]["inner"] == ref("Inner-Output")
    assert schemas["Inner"]["properties"] == {"line": ref("Line-Input"), "cat": ref("Cat")}
    assert schemas["Inner-Output"]["properties"]["line"] == ref("Line-Output")
    assert "Plain-Output" not in schemas


def test_no_two_schemas_have_one_name() -> None:
    """A model's has a number behind it where a class of ours has the name."""
    of_pydantic = create_model("Plain", text=str)
    model = create_model("Model", plain=of_pydantic)

    async def handler(given: Any) -> Plain:
        raise NotImplementedError

    handler.__annotations__["given"] = model

    document = documented(route("/", handler, "POST"))
    schemas = schemas_of(document)
    assert body_and_answer(document) == [ref("Model"), ref("Plain")]
    assert schemas["Plain"]["description"] == "One that holds no model."
    assert schemas["Model"]["properties"]["plain"] == ref("Plain2")


def test_what_pydantic_has_no_schema_for_is_anything() -> None:
    """As for other types."""

    async def handler(odd: Odd) -> None: ...

    document = documented(route("/", handler, "POST"))
    [operation] = document["paths"]["/"].values()
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {}


def test_fields_of_a_model_are_parameters() -> None:
    """With their constraints and defaults; a secret's is none of a reader's business."""

    async def handler(given: Annotated[Given, Query()]) -> None: ...

    document = documented(route("/", handler))
    [operation] = document["paths"]["/"].values()
    found = {each["name"]: each["schema"] for each in operation["parameters"]}
    assert found["page"] == {"type": "integer", "minimum": 1, "default": 1}
    assert found["token"]["default"] == "**********"
    assert "default" not in found["odd"]


def test_a_model_may_be_a_form() -> None:
    """As a class of ours."""

    async def handler(dog: Annotated[Dog, Body(form=True)]) -> None: ...

    document = documented(route("/", handler, "POST"))
    [operation] = document["paths"]["/"].values()
    content = operation["requestBody"]["content"]
    form = content["application/x-www-form-urlencoded"]["schema"]
    assert list(form["properties"]) == ["kind", "color"]
    schemas_of(document)
