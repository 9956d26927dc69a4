"""A page that shows a document: HTML and one style sheet, no script, nothing from other hosts."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["PAGE_POLICY", "render_page"]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
h1 small { font-weight: normal; opacity: .6 }
h2, h3 { border-top: 1px solid #8886; padding-top: 1rem; margin: 2rem 0 .5rem }
h4 { margin: 1rem 0 .25rem }
p { white-space: pre-line; margin: .5rem 0 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }
td { border-top: 1px solid #8883 }
code { font: .95em ui-monospace, monospace; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } a { color: #8bf } }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# The page loads nothing and runs nothing, so that no text of a document can do harm in it.
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
# Keys of a schema that aren't bounds on its values, or that the page writes in words.
WRITTEN_OUT = {
    *("$ref", "additionalProperties", "anyOf", "default", "description", "enum", "examples"),
    *("items", "prefixItems", "properties", "required", "title", "type"),
}


def render_page(document: Mapping[str, Any]) -> str:
    """Return the page of a document, whose every text is escaped."""
    info = document["info"]
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    components = document.get("components", {})
    named, schemes = components.get("schemas", {}), components.get("securitySchemes", {})
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
        f"{paragraph(info)}{render_links(operations, document.get('tags', ()))}"
        f"{''.join(render_operation(line, each, schemes) for line, each in operations)}"
        f"{''.join(render_type(name, schema) for name, schema in named.items())}"
        "</body></html>\n"
    )


def render_links(
    operations: Iterable[tuple[str, Mapping[str, Any]]], tags: Iterable[Mapping[str, str]]
) -> str:
    """Return links to operations below each of their tags; operations without tags come first.

    Args:
        operations: The method and path of each operation, and its description.
        tags: The tags that the document describes, in its order; other tags follow them.
    """
    described = {each["name"]: each for each in tags}
    links: dict[str, str] = dict.fromkeys(["", *described], "")
    for line, each in operations:
        link = (
            f'<li><a href="#{escape(each["operationId"])}"><code>{escape(line)}</code></a>'
            f" {escape(each.get('summary', ''))}</li>"
        )
        for tag in each.get("tags", [""]):
            links[tag] = links.get(tag, "") + link
    return "".join(
        (f"<h4>{escape(tag)}</h4>{paragraph(described.get(tag, {}))}" if tag else "")
        + (f"<ul>{found}</ul>" if found else "")
        for tag, found in links.items()
    )


def render_operation(
    line: str, operation: Mapping[str, Any], schemes: Mapping[str, Mapping[str, str]]
) -> str:
    """Return the part of the page for one method of a path.

    Args:
        line: The method and the path.
        operation: What the document says of it.
        schemes: The document's security schemes.
    """
    body = operation.get("requestBody", {})
    return (
        f'<h2 id="{escape(operation["operationId"])}"><code>{escape(line)}</code></h2>'
        f"<p>{escape(operation.get('summary', ''))}</p>{paragraph(operation)}"
        + table("Credentials", describe_credentials(operation.get("security", ()), schemes))
        + table(
            "Parameters",
            (
                [
                    f"<code>{escape(each['name'])}</code>",
                    each["in"],
                    describe_type(each["schema"]),
                    need_of(each["required"], each["schema"]),
                    escape(each.get("description", each["schema"].get("description", ""))),
                ]
                for each in operation.get("parameters", ())
            ),
        )
        + table("Body", describe_content(body))
        + table(
            "Answers",
            (
                [status, escape(answer["description"]), *cells]
                for status, answer in operation["responses"].items()
                for cells in describe_content(answer) or [["", ""]]
            ),
        )
    )


def describe_credentials(
    sets: Sequence[Mapping[str, Any]], schemes: Mapping[str, Mapping[str, str]]
) -> Iterable[list[str]]:
    """Yield the rows of the credentials that an operation takes.

    Args:
        sets: The sets of credentials of which a request has one.
        schemes: The document's security schemes.
    """
    for name in dict.fromkeys(name for each in sets for name in each):
        scheme = schemes[name]
        where = [f"header <code>Authorization: {escape(scheme.get('scheme', '').title())}</code>"]
        if scheme["type"] == "apiKey":
            where = [f"{escape(scheme['in'])} <code>{escape(scheme['name'])}</code>"]
        need = "required" if all(name in each for each in sets) else "may be missing"
        yield [*where, need, escape(scheme.get("description", ""))]


def render_type(name: str, schema: Mapping[str, Any]) -> str:
    """Return the part of the page for a type that has a name."""
    required = schema.get("required", ())
    fields = (
        [
            f"<code>{escape(field)}</code>",
            describe_type(each),
            need_of(field in required, each),
            escape(each.get("description", "")),
        ]
        for field, each in schema.get("properties", {}).items()
    )
    kind = "" if "properties" in schema else f"<p>{describe_type(schema)}</p>"
    return f'<h3 id="type-{escape(name)}">{escape(name)}</h3>{paragraph(schema)}{kind}' + table(
        "", fields
    )


def describe_content(content: Mapping[str, Any]) -> list[list[str]]:
    """Return two cells for each content type of a body or an answer."""
    return [
        [f"<code>{escape(kind)}</code>", describe_type(each.get("schema", {}))]
        for kind, each in content.get("content", {}).items()
    ]


def describe_type(schema: Mapping[str, Any]) -> str:
    """Return a schema in words, as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#type-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(describe_type, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(written(each))}</code>" for each in schema["enum"])
    text = escape(schema.get("type", "anything"))
    if schema.get("items"):
        text += f" of {describe_type(schema['items'])}"
    elif schema.get("prefixItems"):
        text += f" of {', '.join(map(describe_type, schema['prefixItems']))}"
    elif schema.get("additionalProperties"):
        text += f" of {describe_type(schema['additionalProperties'])}"
    elif "properties" in schema:
        each = schema["properties"].items()
        text += f" of {', '.join(f'{escape(key)}: {describe_type(kind)}' for key, kind in each)}"
    bounds = [f"{key} {written(value)}" for key, value in schema.items() if key not in WRITTEN_OUT]
    return text + (f" ({escape(', '.join(bounds))})" if bounds else "")


def need_of(required: bool, schema: Mapping[str, Any]) -> str:
    """Return ``required``, or the default of a value that may be left out."""
    if required:
        return "required"
    return f"<code>{escape(written(schema['default']))}</code>" if "default" in schema else ""


def written(value: Any) -> str:
    """Return a value as a client writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def paragraph(described: Mapping[str, Any]) -> str:
    """Return the description of an item as a paragraph; empty if it has none."""
    return f"<p>{escape(described['description'])}</p>" if described.get("description") else ""


def table(heading: str, rows: Iterable[list[str]]) -> str:
    """Return a table below a heading; empty if it has no rows."""
    lines = "".join(f"<tr><td>{'</td><td>'.join(cells)}</td></tr>" for cells in rows)
    title = f"<h4>{heading}</h4>" if heading else ""
    return f"{title}<table>{lines}</table>" if lines else ""
