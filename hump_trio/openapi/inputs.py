"""The parameters and bodies of requests that a document describes."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from hump_trio.content.annotations import item_types, kinds_of
from hump_trio.handlers.body_getters import FORM_TYPE
from hump_trio.handlers.parameter import EMPTY, LEFT_OUT, Parameter, Signature
from hump_trio.handlers.reading import is_switch
from hump_trio.messages.response import BYTES_TYPE, JSON_TYPE
from hump_trio.openapi.schemas import BINARY, Schemas
from hump_trio.routing.route import Route
from hump_trio.routing.template import parse_template

__all__ = ["body_of", "parameters_of"]

MULTIPART_TYPE = "multipart/form-data"
# The types of a template's parameters where the handler's annotation doesn't decide.
PATH_TYPES = {"int": int, "float": float, "uuid": UUID, "str": str, "path": str}


def parameters_of(
    route: Route, signature: Signature, names: Mapping[str, str], schemas: Schemas
) -> list[dict[str, Any]]:
    """Return the parameters in the path, the query, header fields and cookies.

    Args:
        route: The route.
        signature: The signature of its handler.
        names: The names in the document's path, by the names of the template's parameters.
        schemas: The document's schemas, to which the parameters' types are added.
    """
    listed = list(path_parameters(route, signature, names, schemas))
    names_listed: set[tuple[str, str]] = set()
    for parameter in signature.reads:
        if parameter.source.name not in ("query", "header", "cookie"):
            continue
        for each in parameter.parts or (parameter,):
            # No two may have one name; which is possible here, and then all of them get its value.
            if (each.source.name, each.field) not in names_listed:
                names_listed.add((each.source.name, each.field))
                required = parameter.required and each.required
                listed.append(parameter_of(each, schemas, required=required))
    return listed


def path_parameters(
    route: Route, signature: Signature, names: Mapping[str, str], schemas: Schemas
) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a template as the document describes them."""
    known = {each.field: each for each in reversed(signature.reads) if each.source.name == "path"}
    for name, converter in parse_template(route.template):
        if not name:
            continue
        annotation = known[name].annotation if name in known else Any
        if Any in kinds_of(annotation):
            annotation = PATH_TYPES[converter]
        parameter = {"name": names[name], "in": "path", "required": True}
        if converter == "path":  # OpenAPI has nothing that takes several segments
            parameter["description"] = "All that is left of the path, its slashes included."
        yield {**parameter, "schema": schemas.of(annotation, text=True)}


def parameter_of(parameter: Parameter, schemas: Schemas, *, required: bool) -> dict[str, Any]:
    """Return the description of a value from the query, a header field or a cookie."""
    schema = schemas.of(parameter.annotation, text=True)
    if not any(parameter.default is each for each in (EMPTY, LEFT_OUT, None)):
        with suppress(AttributeError, TypeError, ValueError):  # a default that isn't for JSON
            schema["default"] = schemas.codec.plain(parameter.default)
    described = {
        "name": parameter.field,
        "in": parameter.source.name,
        "required": required,
        "schema": schema,
    }
    kinds = kinds_of(parameter.annotation)
    if parameter.source.name == "query" and item_types(kinds[0]) is not None:
        described |= {"style": "form", "explode": True}
    if parameter.source.name == "query" and not (
        parameter.required or is_switch(parameter.annotation)
    ):
        described["allowEmptyValue"] = True
    return described


def body_of(route: Route, signature: Signature, schemas: Schemas) -> dict[str, Any]:
    """Return the description of a body; empty if nothing is known of it."""
    body = next((each for each in signature.reads if each.source.name == "body"), None)
    if signature.takes_files:
        schema = form_with_files(signature, body, schemas)
        parts = (each for each in signature.reads if each.source.form_getter)
        required = any(each.required for each in parts)
        return {"required": required, "content": {MULTIPART_TYPE: {"schema": schema}}}
    if body is not None:
        content = {JSON_TYPE: {"schema": schemas.of(body.annotation)}}
        if body.form:
            content[FORM_TYPE] = {"schema": schemas.of(body.annotation, text=True)}
        return {"required": body.required, "content": content}
    if route.stream and not {"POST", "PUT", "PATCH"}.isdisjoint(route.methods):
        return {"content": {BYTES_TYPE: {"schema": dict(BINARY)}}}
    return {}


def form_with_files(
    signature: Signature, texts: Parameter | None, schemas: Schemas
) -> dict[str, Any]:
    """Return the schema of a form with files and the texts beside them."""
    files = [each for each in signature.reads if each.source.name == "upload"]
    lists = {each.field for each in files if item_types(kinds_of(each.annotation)[0]) is not None}
    several = {"type": "array", "items": BINARY}
    some = {**several, "minItems": 1}  # no file at all is a list left out
    schema = {
        "type": "object",
        "properties": {
            each.field: (some if each.required else several) if each.field in lists else BINARY
            for each in files
        },
        "required": [each.field for each in files if each.required],
    }
    return schema if texts is None else schemas.of(texts.annotation, text=True, files=schema)
