"""Rules that stand twice for speed: each copy says whose it is, and is the same code.

A copy stands between ``# copy of Class.method(arguments)`` and ``# end of the copy``. In the
method the arguments take the place of its parameters, and the local names of the copy that of
``self`` and of what it holds. Behind ``as`` stands the name for ``self``, if it is another one.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from hump_trio.server.clock import Clock
from hump_trio.server.http1.peer import Http1Peer
from hump_trio.server.http2.multiplexer import Multiplexer
from hump_trio.server.lane import Lane
from hump_trio.server.state import ServerState

COPY = re.compile(
    r"^ *# copy of ([^\n]+?\))(?: as (\w+))?\n(.*?)^ *# end of the copy$", re.DOTALL | re.MULTILINE
)
SAME = re.compile(r"^ *# the same in \S+\n(.*?)^ *# end of the same$", re.DOTALL | re.MULTILINE)
RULES = {
    "Clock": Clock,
    "Http1Peer": Http1Peer,
    "Lane": Lane,
    "ServerState": ServerState,
    "Multiplexer": Multiplexer,
}
# What copies call the objects of these classes, and what they hold.
NAMES = {
    "Clock": {"self": "clock"},
    "Http1Peer": {"self": "peer", "peer.clock": "clock"},
    "Lane": {"self": "lane", "lane.context": "context"},
    "ServerState": {"self": "state"},
    "Multiplexer": {"self": "mux", "mux.keeper": "keeper"},
}


class Copy(NamedTuple):
    """A copy: of which rule it is, what it calls the rule's object, and its lines."""

    rule: str
    name: str
    lines: str


def source_of(module: ModuleType) -> str:
    """Return the source of a module."""
    assert module.__file__ is not None
    return Path(module.__file__).read_text()


def copies_of(module: ModuleType) -> list[Copy]:
    """Return the copies in a module."""
    return [
        Copy(rule, name, textwrap.dedent(lines))
        for rule, name, lines in COPY.findall(source_of(module))
    ]


def same_code_in(module: ModuleType) -> list[str]:
    """Return what a module says to stand in another one too, as code without comments."""
    return [
        ast.unparse(ast.parse(textwrap.dedent(lines))) for lines in SAME.findall(source_of(module))
    ]


def every_copy_is_found(module: ModuleType) -> bool:
    """Tell whether none is declared in a way that isn't read."""
    source = source_of(module)
    count = len(copies_of(module))
    return source.count("# copy of ") == source.count("# end of the copy") == count >= 5


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


def expected(rule: str, name: str = "") -> list[str]:
    """Return the statements that a copy of a rule must have."""
    return list(statements_of(rule, name))


def is_copy(copy: Copy) -> bool:
    """Tell whether a copy is its rule, statement by statement."""
    found = [ast.unparse(each) for each in ast.parse(copy.lines).body]
    return found == expected(copy.rule, copy.name)


def statements_of(rule: str, name: str) -> Iterator[str]:
    """Yield the statements of a rule, in the words of a copy."""
    call = ast.parse(rule, mode="eval").body
    assert isinstance(call, ast.Call)
    owner, _, method = ast.unparse(call.func).partition(".")
    [function] = ast.parse(textwrap.dedent(inspect.getsource(getattr(RULES[owner], method)))).body
    assert isinstance(function, ast.FunctionDef)
    parameters = [each.arg for each in function.args.args[1:]]
    given = dict(zip(parameters, map(ast.unparse, call.args), strict=True))
    names = {**NAMES[owner], **({"self": name} if name else {})}
    substitution = Substitution({**names, **given})
    for statement in function.body:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield ast.unparse(substitution.visit(statement))
