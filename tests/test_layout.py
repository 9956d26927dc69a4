"""The tests of a module are where a reader looks for them."""

import ast
from pathlib import Path

import pytest

from tests.support.sources import MODULES, PATHS, ROOT, SOURCES, TESTS

# Modules whose tests have another name, with the reason.
ELSEWHERE = {
    "handlers.parameter": "values that `test_signature` compares",
    "handlers.rules": "rows of the tables in `test_signature`",
    "handlers.shapes": "what `test_shape_maker` makes of annotations",
    "handlers.signature_checks": "rows of the table of refusals in `test_signature`",
    "http2.failures": "codes, and errors that hold them",
}
FOLDERS = {path.relative_to(ROOT) for path in ROOT.rglob("*") if (path / "__init__.py").exists()}


def stem_of(module: str) -> Path:
    """Return where the tests of a module begin, from the tests' folder on, without an ending."""
    path = PATHS[module].relative_to(ROOT)
    return path.with_name(f"test_{path.stem.strip('_')}")


def does_something(module: str) -> bool:
    """Tell whether a module defines a function that has more than a docstring or dots."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not all(
            isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
            for line in node.body
        )
        for node in ast.walk(SOURCES[module])
    )


@pytest.mark.parametrize("module", [module for module in MODULES if does_something(module)])
def test_a_module_has_its_tests(module: str) -> None:
    """In the folder of the same name, in one file or several that begin with its name."""
    stem = TESTS / stem_of(module)
    found = [*stem.parent.glob(f"{stem.name}.py"), *stem.parent.glob(f"{stem.name}_*.py")]
    assert found or module in ELSEWHERE


@pytest.mark.parametrize("folder", sorted(FOLDERS), ids=str)
def test_a_test_file_is_that_of_a_module(folder: Path) -> None:
    """What many modules keep together is tested in `tests/promises`."""
    stems = [str(stem_of(module)) for module in MODULES]
    files = [str(path.relative_to(TESTS)) for path in (TESTS / folder).glob("test_*.py")]
    assert not [
        name for name in files if not any(name.startswith((f"{s}.", f"{s}_")) for s in stems)
    ]
