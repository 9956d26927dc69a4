"""Rules that stand twice for speed: each copy says whose it is, and is the same code.

A copy stands between ``# copy of Class.method(arguments)`` and ``# end of the copy``. In the
method the arguments take the place of its parameters, and the local names of the copy that of
``self`` and of what it holds.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hump_trio.server.clock import Clock
from hump_trio.server.http1 import fast_path
from hump_trio.server.lane import Lane
from hump_trio.server.state import ServerState

SOURCE = Path(fast_path.__file__).read_text()
COPY = re.compile(r"^ *# copy of ([^\n]+)\n(.*?)^ *# end of the copy$", re.DOTALL | re.MULTILINE)
RULES = {"Clock": Clock, "Lane": Lane, "ServerState": ServerState}
# What the fast path calls the objects of these classes, and what they hold.
NAMES = {
    "Clock": {"self": "clock"},
    "Lane": {"self": "lane", "lane.context": "context"},
    "ServerState": {"self": "state"},
}


class Copy(NamedTuple):
    """A copy: of which rule it is, and its lines."""

    rule: str
    lines: str


COPIES = [Copy(rule, textwrap.dedent(lines)) for rule, lines in COPY.findall(SOURCE)]


class Substitution(ast.NodeTransformer):
    """Puts expressions in the place of names, and of attributes of names."""

    def __init__(self, expressions: dict[str, str]) -> None:
        self._expressions = expressions

    def put(self, node: ast.expr) -> ast.AST:
        """Return what stands for an expression."""
        text = ast.unparse(node)
        found = self._expressions.get(text)
        return node if found is None else ast.parse(found, mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Put what stands for a name."""
        return self.put(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Put what stands for an attribute, once its object has its name."""
        self.generic_visit(node)
        return self.put(node)


def expected(rule: str) -> Iterator[str]:
    """Yield the statements that a copy of a rule must have."""
    call = ast.parse(rule, mode="eval").body
    assert isinstance(call, ast.Call)
    owner, _, method = ast.unparse(call.func).partition(".")
    [function] = ast.parse(textwrap.dedent(inspect.getsource(getattr(RULES[owner], method)))).body
    assert isinstance(function, ast.FunctionDef)
    parameters = [each.arg for each in function.args.args[1:]]
    given = dict(zip(parameters, map(ast.unparse, call.args), strict=True))
    substitution = Substitution({**NAMES[owner], **given})
    for statement in function.body:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield ast.unparse(substitution.visit(statement))


@pytest.mark.parametrize("copy", COPIES, ids=[each.rule for each in COPIES])
def test_a_copy_is_the_rule(copy: Copy) -> None:
    """Statement by statement; a change of one of the two fails here."""
    assert [ast.unparse(each) for each in ast.parse(copy.lines).body] == list(expected(copy.rule))


def test_every_copy_is_found() -> None:
    """None is declared in a way that isn't read."""
    assert SOURCE.count("# copy of ") == SOURCE.count("# end of the copy") == len(COPIES) >= 5


@pytest.mark.parametrize(
    "lines",
    ["clock.phase = ANSWERED", "clock.phase = ANSWERED\nclock.deadline = math.inf", ""],
)
def test_another_code_is_no_copy(lines: str) -> None:
    """A statement that is left out, or that differs in one name, is seen."""
    assert lines.split("\n") != list(expected("Clock.enter_answered()"))
