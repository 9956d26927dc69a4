"""Path templates: their segments, the types of their parameters, and paths made of them."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from hump_trio.facts.exceptions import RouteError
from hump_trio.facts.grammar import match_float, match_int

__all__ = [
    "CONVERTERS",
    "DOT_SEGMENTS",
    "SAFE",
    "TYPES",
    "fill_template",
    "is_template_of",
    "parse_template",
]

PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}")
HYPHENATED_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def match_uuid(segment: str) -> UUID | None:
    """Return the UUID that a segment is, or None."""
    return UUID(segment) if HYPHENATED_UUID.fullmatch(segment) else None


def match_str(segment: str) -> str | None:
    """Return a segment that isn't empty, or None.

    One with an escaped slash isn't matched either: a program that joins it to a folder's path,
    or to a URL, takes it for one segment.
    """
    return None if "/" in segment else segment or None


# What RFC 3986 section 3.3 lets stand in a segment, besides what is never escaped.
SAFE = "!$&'()*+,;=:@"
# What clients resolve before they ask (RFC 3986 section 5.2.4), escaped or not.
DOT_SEGMENTS = frozenset({".", ".."})
# In the order in which they are tried; ``path`` takes all that is left and comes last.
CONVERTERS: dict[str, Callable[[str], Any]] = {
    "int": match_int,
    "float": match_float,
    "uuid": match_uuid,
    "str": match_str,
}


TYPES = (*CONVERTERS, "path")


def parse_template(template: str) -> list[tuple[str, str]]:
    """Return the segments of a template as (parameter, converter), or ("", literal).

    Raises:
        RouteError: The template can't be a path.
    """
    if not template.startswith("/"):
        raise RouteError(f"a path starts with a slash: {template!r}")
    if re.search(r"[%?#\x00-\x20]", template):
        raise RouteError(f"a path is written decoded and without a query: {template!r}")
    segments: list[tuple[str, str]] = []
    texts = template[1:].split("/")
    if not DOT_SEGMENTS.isdisjoint(texts):
        raise RouteError(f"clients resolve dot segments, and never ask for {template!r}")
    for index, text in enumerate(texts):
        found = PARAMETER.fullmatch(text)
        if found is None:
            if re.search("[{}<>]", text):
                raise RouteError(f"a parameter is a whole segment, {{name:type}}: {template!r}")
            segments.append(("", text))
            continue
        name, converter = found[1], found[2] or "str"
        if converter != "path" and converter not in CONVERTERS:
            known = ", ".join([*CONVERTERS, "path"])
            raise RouteError(f"no parameter type {converter!r} in {template!r}; there are {known}")
        if converter == "path" and index < len(texts) - 1:
            raise RouteError(f"a path parameter comes last: {template!r}")
        if any(name == present for present, _ in segments):
            raise RouteError(f"the parameter {name!r} comes twice in {template!r}")
        segments.append((name, converter))
    return segments


def is_template_of(template: list[tuple[str, str]], segments: list[str]) -> bool:
    """Tell whether a template takes a path.

    Args:
        template: The template, parsed.
        segments: The decoded segments of the path, the first of which is behind the first slash.
    """
    if template[-1][1] == "path" and template[-1][0]:
        template = template[:-1]
        is_long_enough = len(segments) > len(template)
    else:
        is_long_enough = len(segments) == len(template)
    return is_long_enough and all(
        CONVERTERS[text](segment) is not None if name else text == segment
        for (name, text), segment in zip(template, segments, strict=False)
    )


def fill_template(template: str, values: Mapping[str, Any]) -> str:
    """Return the path that a template makes of values, which leads back to the same values.

    Raises:
        TypeError: A value is missing, there is one too many, or the template wouldn't take one.
    """
    segments = parse_template(template)
    names = {name for name, _ in segments if name}
    if names != values.keys():
        expected = ", ".join(sorted(names)) or "no values"
        raise TypeError(
            f"{template} takes {expected}, not {', '.join(sorted(values)) or 'nothing'}"
        )
    path = ""
    for name, text in segments:
        if name:
            value = str(values[name])
            fits = text == "path" or CONVERTERS[text](value) is not None
            if not fits or not DOT_SEGMENTS.isdisjoint(value.split("/")):
                raise TypeError(f"{name}={values[name]!r:.80} doesn't fit {template}")
            text = quote(value, safe="/" * (text == "path") + SAFE)
            if not path and text.startswith("/"):
                text = f"%2F{text[1:]}"  # with two slashes it would begin with a host's name
        else:
            text = quote(text, safe=SAFE)
        path += f"/{text}"
    return path
