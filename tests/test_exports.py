"""``__all__`` is a contract: what others may import of a module, and what they do import."""

import ast

import pytest

from hump_trio import LOADED_LATER
from tests.support.sources import MODULES, SOURCES, TESTS, names_given, names_taken

# What users import: the public names themselves, and the modules that the front door loads later.
PUBLIC = {("", name) for name in names_given(SOURCES[""])}
PUBLIC |= {("testing", name) for name in names_given(SOURCES["testing"])}
PUBLIC |= {(module, name) for name, module in LOADED_LATER.items()}
TAKEN = {taken for tree in SOURCES.values() for taken in names_taken(tree)}
TAKEN_BY_TESTS = {
    taken for path in TESTS.rglob("*.py") for taken in names_taken(ast.parse(path.read_text()))
}


@pytest.mark.parametrize("module", MODULES)
def test_what_is_imported_is_offered(module: str) -> None:
    """A module of the package takes from another only what is in the other's ``__all__``."""
    taken = {name for source, name in TAKEN if source == module}
    assert taken <= names_given(SOURCES[module])


@pytest.mark.parametrize("module", MODULES)
def test_what_is_offered_is_imported(module: str) -> None:
    """A name in ``__all__`` has a user: another module, the front door or a test."""
    used = {name for source, name in TAKEN | TAKEN_BY_TESTS | PUBLIC if source == module}
    assert names_given(SOURCES[module]) <= used
