"""The package's own sources, for the tests that read them."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import hump_trio

ROOT = Path(hump_trio.__file__).parent
TOP = ROOT.parent
TESTS = TOP / "tests"


def module_name(path: Path) -> str:
    """Return a module's name within the package; empty for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


PATHS = {module_name(path): path for path in ROOT.rglob("*.py")}
SOURCES = {module: ast.parse(path.read_text()) for module, path in PATHS.items()}
MODULES = sorted(SOURCES)


@cache  # the imports of each module are asked for again and again
def imports_of(tree: ast.AST) -> Sequence[tuple[str, str]]:
    """Return every import below a node as (module, name); the name may be empty."""
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            found += ((node.module or "", alias.name) for alias in node.names)
    return found


def names_taken(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield every name that a file imports from a module of the package, as (module, name)."""
    for source, name in imports_of(tree):
        package, _, inside = source.partition(".")
        if package == "hump_trio" and name and f"{inside}.{name}".strip(".") not in SOURCES:
            yield inside, name


def names_given(tree: ast.Module) -> set[str]:
    """Return a module's ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()
