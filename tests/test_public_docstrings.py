"""An editor shows a text for every public name, which a user understands without further ones."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

import hump_trio
from hump_trio import testing

# They are no classes or functions of the package, and have no docstrings of their own.
ALIASES = {"statuses", "CallNext", "Send"}
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (hump_trio, testing)
    for name in module.__all__
    if name not in ALIASES
}
# A capital or a literal at the beginning, and a stop at the end.
FIRST_LINE = re.compile(r"(?:[A-Z]|``)[^\n]*[.:]")
# Nouns that an editor doesn't show are the subjects of these.
NO_SUBJECT = re.compile(r"(?:It|They|This|What|Who|Whoever|Of|As)\b")
SECTION = re.compile(r"^(Args|Attributes|Raises):\n((?: +\S.*\n)+)", re.MULTILINE)
ITEM = re.compile(r"^    \*{0,2}(\w+(?:\.\w+)*): ", re.MULTILINE)


def is_ours(value: Any) -> bool:
    """Tell whether a function or a property is defined in the package."""
    code = value.fget if isinstance(value, property) else value
    return inspect.isroutine(code) and str(getattr(code, "__module__", "")).startswith("hump_trio")


def members() -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of public classes."""
    for name, kind in PUBLIC.items():
        if isinstance(kind, type):
            for attribute, value in inspect.getmembers(kind, is_ours):
                if not attribute.startswith("_"):
                    yield f"{name}.{attribute}", value


MEMBERS = dict(members())
METHODS = {name: value for name, value in MEMBERS.items() if not isinstance(value, property)}


def listed(value: Any, *sections: str) -> set[str]:
    """Return the names that some sections of a docstring list."""
    found = SECTION.findall(f"{inspect.getdoc(value)}\n")
    return {name for title, text in found if title in sections for name in ITEM.findall(text)}


def parameters(function: Callable[..., Any]) -> tuple[set[str], set[str]]:
    """Return the parameters of a function, and those in place of which options may be listed."""
    found = dict(inspect.signature(function).parameters)
    names = {name for name in found if name not in {"self", "unknown", "given"} and name[0] != "_"}
    options = get_args(found["options"].annotation) if "options" in found else ()
    return names, names - {"options"} | set(inspect.get_annotations(options[0]) if options else ())


def errors_of(value: Any) -> set[str]:
    """Return the names of the errors that a function raises itself, or a class when it is made."""
    tree: ast.AST = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value))))
    if isinstance(value, type):
        makers = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
        tree = ast.Module(
            [each for each in makers if each.name in {"__init__", "__post_init__"}], []
        )
    raised = [
        node.exc.func
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    return {each.id for each in raised if isinstance(each, ast.Name)}


@pytest.mark.parametrize("name", PUBLIC | MEMBERS)
def test_a_public_name_has_a_text(name: str) -> None:
    """Its first line is whole, and has a subject."""
    first = (inspect.getdoc((PUBLIC | MEMBERS)[name]) or "").partition("\n")[0]
    assert FIRST_LINE.fullmatch(first), first
    assert not NO_SUBJECT.match(first), first


@pytest.mark.parametrize("name", PUBLIC)
def test_every_parameter_is_described(name: str) -> None:
    """Those of a function, and those that a class is made with."""
    value = PUBLIC[name]
    inherited = isinstance(value, type) and not is_ours(value.__init__)  # type: ignore[misc]
    if not inherited and not (isinstance(value, type) and issubclass(value, Exception)):
        assert parameters(value)[0] <= listed(value, "Args", "Attributes")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_describes_its_parameters_together(name: str) -> None:
    """All of them, or none where the first line says enough."""
    described = listed(METHODS[name], "Args")
    assert not described or described in parameters(METHODS[name])


@pytest.mark.parametrize("name", PUBLIC | METHODS)
def test_errors_are_described(name: str) -> None:
    """What a function raises itself stands in its text; more may come from below."""
    value = (PUBLIC | METHODS)[name]
    assert errors_of(value) <= listed(value, "Raises")
