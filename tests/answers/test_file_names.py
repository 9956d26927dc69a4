"""What the name of a file tells: its type, and what it is saved as."""

import re

import pytest

from hump_trio import FileResponse
from hump_trio.answers.file_names import KINDS, TYPES, content_type_of


@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        ("report 1.pdf", 'attachment; filename="report 1.pdf"'),
        ("é.pdf", "attachment; filename=\"_.pdf\"; filename*=UTF-8''%C3%A9.pdf"),
        ('a"b.pdf', "attachment; filename=\"a_b.pdf\"; filename*=UTF-8''a%22b.pdf"),
        ("50%.pdf", "attachment; filename=\"50_.pdf\"; filename*=UTF-8''50%25.pdf"),
        ("a\\b.pdf", "attachment; filename=\"a_b.pdf\"; filename*=UTF-8''a%5Cb.pdf"),
        (
            "a\r\nb: c.pdf",
            "attachment; filename=\"a__b_ c.pdf\"; filename*=UTF-8''a%0D%0Ab%3A%20c.pdf",
        ),
        ("../../etc/x.pdf", 'attachment; filename="x.pdf"'),
        ("\ud800.pdf", "attachment; filename=\"_.pdf\"; filename*=UTF-8''%3F.pdf"),
        ("", "attachment"),
    ],
)
def test_a_file_to_be_saved(filename: str, disposition: str) -> None:
    """Under any name whatever, as every client reads it; the name tells the type."""
    headers = FileResponse("ten.txt", filename=filename).headers
    assert headers["content-disposition"] == disposition
    kind = "application/pdf" if filename else "text/plain; charset=utf-8"
    assert headers["content-type"] == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.JS", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.webp", "image/webp"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.tar.gz", "application/gzip"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.ogg", "audio/ogg"),
        ("a.flac", "audio/flac"),
        ("a.rss", "application/rss+xml"),
        ("a.xml", "application/xml"),
        ("a.yaml", "application/yaml"),
        ("a.ics", "text/calendar; charset=utf-8"),
        ("a.jsonl", "application/jsonl"),
        ("a.epub", "application/epub+zip"),
        ("a.mkv", "video/matroska"),
        ("a.js.br", "application/octet-stream"),
        ("a", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("data:text/html,a", "application/octet-stream"),
    ],
)
def test_types(name: str, kind: str) -> None:
    """By the end of the name alone, alike on every machine."""
    assert content_type_of(name) == kind


def test_the_table_is_well_kept() -> None:
    """Each end of a name stands there once, and each type is one that a field can hold."""
    rows = [line.split() for line in KINDS.strip().split("\n")]
    ends = [end for _, *each in rows for end in each]
    assert len(ends) == len(set(ends)) == len(TYPES) > 150
    assert all(re.fullmatch(r"[a-z]+/[A-Za-z0-9.+-]+", kind) for kind, *_ in rows)
