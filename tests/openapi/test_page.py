"""The page shows what the document says, and does nothing else."""

import re
from typing import Any

import pytest

from hump_trio.openapi.page import PAGE_POLICY, STYLE, describe_type, render_page

HOSTILE = "\"'><script>alert(1)</script>&amp;"


def hostile(value: Any) -> Any:
    """Return a document with hostile words wherever a word of a program's may stand."""
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return HOSTILE if value == "?" else value


DOCUMENT: dict[str, Any] = {
    "info": {"title": "?", "version": "?", "description": "?"},
    "paths": {
        f"/{HOSTILE}": {
            "get": {
                "tags": ["?", "other"],
                "operationId": "?",
                "summary": "?",
                "description": "?",
                "security": [{HOSTILE: [], "Basic": []}, {HOSTILE: []}],
                "parameters": [
                    {"name": "?", "in": "query", "required": True, "schema": {"type": "integer"}},
                    {
                        "name": "?",
                        "in": "query",
                        "required": False,
                        "description": "?",
                        "schema": {"enum": ["?"], "default": "?"},
                    },
                ],
                "requestBody": {"content": {"?": {"schema": {"$ref": "#/components/schemas/?"}}}},
                "responses": {
                    "200": {"description": "?", "content": {"?": {"schema": {"pattern": "?"}}}},
                    "204": {"description": "nothing"},
                },
            },
            "post": {"operationId": "post_it", "responses": {"200": {"description": "OK"}}},
        },
    },
    "tags": [{"name": "?", "description": "?"}],
    "components": {
        "schemas": {
            HOSTILE: {
                "type": "object",
                "description": "?",
                "properties": {HOSTILE: {"type": "string", "description": "?", "default": "?"}},
                "required": [HOSTILE],
            },
            "Choice": {"enum": ["?", 1, None]},
        },
        "securitySchemes": {
            HOSTILE: {"type": "apiKey", "in": "?", "name": "?"},
            "Basic": {"type": "http", "scheme": "basic", "description": "?"},
        },
    },
}


def test_every_word_is_escaped() -> None:
    """No word of a document becomes part of the page's own text."""
    page = render_page(hostile(DOCUMENT))
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    tags = set(re.findall(r"<(?!/|!)([^\s>]*)([^>]*)>", page.replace(STYLE, "")))
    assert {name for name, _ in tags} <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "small", "ul"),
        *("li", "a", "code", "p", "table", "tr", "td"),
    }
    allowed = re.compile(r' (lang|charset|name|content|id|href)="[^"<>]*"')
    assert {allowed.sub("", rest) for _, rest in tags} == {""}


def test_page_loads_nothing() -> None:
    """It has neither scripts nor addresses, and its policy would let none do anything."""
    page = render_page(DOCUMENT)
    assert not re.search(r"https?:|//|url\(|@import|src=|<script|<link", page)
    assert PAGE_POLICY.startswith("default-src 'none'; style-src 'sha256-")


def test_page_lists_what_there_is() -> None:
    """Each method of a path has a link and a part; an empty document has neither."""
    page = render_page(DOCUMENT)
    assert '<a href="#post_it">' in page
    assert '<h2 id="post_it"><code>POST /' in page
    assert "required" in page
    empty = render_page({"info": {"title": "A", "version": "1"}, "paths": {}})
    assert "<h2" not in empty
    assert "<p>" not in empty


def test_page_says_what_credentials_are_needed() -> None:
    """Where each is, and whether a request without it is answered."""
    page = render_page(DOCUMENT)
    [rows] = re.findall(r"<h4>Credentials</h4><table>(.*?)</table>", page)
    assert re.findall(r"<td>(.*?)</td>", rows) == [
        *("? <code>?</code>", "required", ""),
        *("header <code>Authorization: Basic</code>", "may be missing", "?"),
    ]


def test_links_stand_below_their_tags() -> None:
    """Those without a tag first, then tags as the document describes them, then others."""
    page = render_page(DOCUMENT)
    links = page[page.index("<h1>") : page.index("<h2")]
    assert re.findall(r"<h4>(.*?)</h4>|<a href=\"#(.*?)\">", links) == [
        ("", "post_it"),
        ("?", ""),
        ("", "?"),
        ("other", ""),
        ("", "?"),
    ]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "anything"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer (minimum 1, maximum 9)"),
        ({"type": "string", "format": "date"}, "string (format date)"),
        ({"$ref": "#/components/schemas/Item"}, '<a href="#type-Item">Item</a>'),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"enum": ["a", 1, None]}, "<code>a</code> or <code>1</code> or <code>null</code>"),
        ({"type": "array", "items": {"type": "integer"}}, "array of integer"),
        ({"type": "array", "items": {}}, "array"),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}, {}], "items": False},
            "array of integer, anything",
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integer"),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, "object of a: string"),
    ],
)
def test_types_are_described(schema: dict[str, Any], words: str) -> None:
    """In words, with their bounds."""
    assert describe_type(schema) == words
