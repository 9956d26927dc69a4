"""The names of a form's part and of its file: one rule for all the ways in which clients send them.

Where the bytes come from isn't known here.
"""

import re
from urllib.parse import unquote_to_bytes

from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.grammar import TOKEN

__all__ = ["make_safe", "malformed", "parse_disposition", "parse_parameters"]

# A parameter's value is a token or a quoted string. Some clients don't quote a boundary that needs
# quotes, so every character that can't end a parameter may be part of a token.
PARAMETER = rf"[ \t]*;[ \t]*(?:({TOKEN.pattern})=(?:\"({{}})\"|([^\s;\"]+))[ \t]*)?"
# curl and Java write a quote within the string as backslash and quote (RFC 9110 section 5.6.4).
# Browsers write a quote as %22, and a backslash as it is, even at the string's end.
WITH_PAIRS = re.compile(PARAMETER.format(r"(?:[^\"\\]|\\.)*"))
WITHOUT_PAIRS = re.compile(PARAMETER.format(r"[^\"]*"))
QUOTED_PAIR = re.compile(r"\\([\"\\])")
# WHATWG HTML, multipart/form-data encoding algorithm.
BROWSERS_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
BROWSERS_ESCAPE = re.compile("|".join(BROWSERS_ESCAPES))
# RFC 8187 section 3.2.
EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE)
# A path of Windows: old browsers send the whole path. Elsewhere a name may have a backslash.
WINDOWS_PATH = re.compile(r"(?:[A-Za-z]:|\.{0,2})\\")
# Characters that no file's name should have: a backslash, controls, line ends, and those that turn
# the direction of text, so that a reader sees another extension than there is.
UNSAFE = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def parse_disposition(value: str) -> tuple[str, str | None]:
    """Return the name of a part, and the name of its file; None if the part is no file.

    ``filename*``, which .NET sends, is preferred to ``filename``, which then is only a substitute.
    A file's name that isn't UTF-8 is decoded as Windows-1252, which browsers mean by Latin-1. The
    name loses its folders, which old browsers send and attackers make up, and unsafe characters in
    it become ``_``.

    Args:
        value: The value of the ``Content-Disposition`` field, decoded as UTF-8 with
            ``surrogateescape``.

    Raises:
        HttpException: 400 for a malformed field, or a field that isn't that of a form's part.

    Source: RFC 7578 sections 4.2 and 5.1; WHATWG HTML, multipart/form-data encoding algorithm.
    """
    disposition, parameters = parse_parameters(value)
    if disposition != "form-data" or "name" not in parameters:
        raise malformed("a part doesn't say which field it is")
    name = unescape(parameters["name"])
    if not is_unicode(name):
        raise malformed("the name of a field is not utf-8")
    extended, filename = parameters.get("filename*"), parameters.get("filename")
    best = None if extended is None else decode_extended(extended)
    if best is None and filename is not None:
        best = unescape(filename)
        if not is_unicode(best):
            best = best.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    if best is None and extended is not None:
        raise malformed("a filename* can't be decoded")
    return name, None if best is None else make_safe(best)


def unescape(text: str) -> str:
    """Replace the escapes that browsers write by their characters."""
    return BROWSERS_ESCAPE.sub(lambda found: BROWSERS_ESCAPES[found[0]], text)


def is_unicode(text: str) -> bool:
    """Tell whether a text that was decoded with ``surrogateescape`` is valid UTF-8."""
    return not any("\udc80" <= each <= "\udcff" for each in text)


def decode_extended(value: str) -> str | None:
    """Decode the value of an extended parameter; None: it can't be decoded."""
    found = EXTENDED.fullmatch(value)
    try:
        return None if found is None else unquote_to_bytes(found[2]).decode(found[1])
    except UnicodeError:
        return None


def make_safe(filename: str) -> str:
    """Return a file's name without folders and unsafe characters; the result may be empty."""
    if WINDOWS_PATH.match(filename):
        filename = filename.replace("\\", "/")
    name = UNSAFE.sub("_", filename.rpartition("/")[2])
    return "" if name in (".", "..") else name


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    r"""Return a field's value without its parameters, in lower case, and the parameters by name.

    The value is read with quoted pairs. If that fails, it is read without them, since a name that a
    browser sends may end in ``\``. A backslash before any character but a quote or a backslash
    stands for itself, as in paths.

    Raises:
        HttpException: 400, a parameter is malformed or repeated.
    """
    first = value.partition(";")[0]
    found = match_parameters(value, len(first), WITH_PAIRS)
    if found is None:
        found = match_parameters(value, len(first), WITHOUT_PAIRS)
    else:
        found = [(name, QUOTED_PAIR.sub(r"\1", text)) for name, text in found]
    if found is None:
        raise malformed("a parameter is malformed")
    parameters = dict(found)
    if len(parameters) < len(found):
        raise malformed("a parameter is repeated")
    return first.strip().lower(), parameters


def match_parameters(
    value: str, at: int, parameter: re.Pattern[str]
) -> list[tuple[str, str]] | None:
    """Return the parameters of a field from an index on, names in lower case; None: malformed."""
    pairs: list[tuple[str, str]] = []
    while at < len(value):
        found = parameter.match(value, at)
        if found is None:
            return None
        at = found.end()
        if found[1] is not None:  # else a semicolon stands alone
            pairs.append((found[1].lower(), found[3] if found[2] is None else found[2]))
    return pairs


def malformed(reason: str) -> HttpException:
    """Return the error for a form that can't be read."""
    return HttpException(400, f"the form can't be read: {reason}")
