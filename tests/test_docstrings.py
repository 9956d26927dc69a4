"""A docstring or comment names only what there is."""

import ast
import builtins
import io
import keyword
import pkgutil
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.support.sources import MODULES, PATHS, SOURCES

# A name of the package, of a library or of the language stands between single back-ticks, as
# `Limits.head_bytes` does; double ones hold any other text.
NAME = re.compile(r"(?<!`)`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(\))?`(?!`)")


def names_defined(tree: ast.AST) -> Iterator[str]:
    """Yield what a module defines or imports: at its top, in its classes and functions."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.arg(arg=name):
                yield name
            case ast.alias():
                yield from (node.asname or node.name).split(".")


DEFINED = {name for tree in SOURCES.values() for name in names_defined(tree)}
DEFINED |= {part for module in SOURCES for part in module.split(".")} | {"hump_trio"}
DEFINED |= set(dir(builtins)) | set(keyword.kwlist)


def exists(name: str) -> bool:
    """Tell whether a name means something, in the package or in a library."""
    if all(part in DEFINED for part in name.split(".")):
        return True
    outermost = name.partition(".")[0]
    try:
        pkgutil.resolve_name(f"builtins.{name}" if hasattr(builtins, outermost) else name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("module", MODULES)
def test_names_in_text_exist(module: str) -> None:
    """A reader who searches for a back-ticked name finds it."""
    tokens = tokenize.generate_tokens(io.StringIO(PATHS[module].read_text()).readline)
    texts = [token.string for token in tokens if token.type in {tokenize.COMMENT, tokenize.STRING}]
    found = {name for text in texts for name in NAME.findall(text)}
    assert not [name for name in found if not exists(name)]


def test_a_name_that_is_gone_is_found() -> None:
    """A name that nothing defines doesn't exist, nor does one that a library hasn't got."""
    assert exists("Limits.head_bytes")
    assert exists("trio.CancelScope")
    assert not exists("Connection.enforced_deadlines")
    assert not exists("trio.deadline_of")


# Words by which a sentence leaves its noun to another one, which may stand a paragraph away.
DIALECT = re.compile(
    r"\b[Ll]ikewise\b|\b[Aa]s of (?=`)|^ *\w+: (?:As of|Of|See there)\b|\bOf the \w+\."
    r"|(?:^|(?<=\. ))Whoever\b|\bnobody foresaw\b",
    re.MULTILINE,
)


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("module", MODULES)
def test_sentences_have_their_nouns(module: str) -> None:
    """A reader who has found a line by a search understands it without those around it."""
    found = [match[0] for text in docstrings(SOURCES[module]) for match in DIALECT.finditer(text)]
    assert not found
