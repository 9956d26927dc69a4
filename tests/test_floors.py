"""The floors of the package, as its map shows them: a module imports only what is below it."""

import ast
import re
from graphlib import TopologicalSorter

import pytest

from hump_trio import LOADED_LATER
from tests.support.sources import (
    MODULES,
    PATHS,
    ROOT,
    SOURCES,
    TESTS,
    TOP,
    imports_of,
    names_given,
    names_taken,
)

MAP = (ROOT / "README.md").read_text()
# The rows of the map's table, from the bottom to the top: the folder or the module at the door,
# its tower, what it holds, and what it must not know.
ROWS = [
    (name.rstrip("/"), tower, holds, unknown)
    for name, tower, holds, unknown in re.findall(
        r"^\| `([^`]+)` \| (\w*) ?\| (.+) \| (.+) \|$", MAP, re.MULTILINE
    )
]
# A folder imports from those before it, and within itself without a circle. A folder within another
# is on its floor. The empty name is the front door.
FLOORS = [name.removesuffix(".py").removesuffix("__init__") for name, *_ in ROWS if "/" not in name]
# Two towers stand on the lower floors side by side, and meet in the app alone.
WEB_TOWER = {name for name, tower, *_ in ROWS if tower == "web"}
WIRE_TOWER = {name for name, tower, *_ in ROWS if tower == "wire"}
# What knows neither Trio, nor sockets, nor clocks.
VALUES = {name for name, _, _, unknown in ROWS if unknown.startswith("Trio, sockets, clocks")}
# The protocols, each a folder of that name in the server.
PROTOCOLS = {name.partition("/")[2] for name, *_ in ROWS if name.startswith("server/")}
RIM_NAMES = {"trio", "socket", "ssl", "select", "selectors", "time", "threading", "asyncio", "os"}
# Imported where they are used, since a machine may not have them, or few programs need them.
OPTIONAL = {
    ("app", "hump_trio"),
    ("dispatch.router", "hump_trio"),
    ("handlers.endpoint", "hump_trio"),
    ("handlers.websocket_calling", "hump_trio"),
    ("server.http1.stream", "hump_trio"),
    ("server.http2.stream", "hump_trio"),
    ("transports.tls_source", "hump_trio"),
    ("content.collisions", "hump_trio"),
    ("content.collisions", "msgspec"),
    ("content.constructed", "msgspec"),
    ("content.json_text", "hump_trio"),
    ("content.models", "pydantic"),
    ("content.models", "pydantic_core"),
    ("content.msgspec_json", "hump_trio"),
    ("content.msgspec_json", "msgspec"),
    ("content.multipart", "python_multipart"),
    ("content.records", "attrs"),
    ("content.records", "msgspec"),
    ("content.records", "pydantic"),
    ("content.standard_json", "hump_trio"),
    ("content.type_schemas", "hump_trio"),
    ("handlers.shapes", "hump_trio"),
    ("listening.listeners", "resource"),
    ("middleware.session_cookie", "itsdangerous"),
    ("command.main", "hump_trio"),
    ("command.reload", "watchfiles"),
}

# `__all__` is a contract: what others may import of a module, and what they do import. Here is what
# users import: the public names themselves, and the modules that the front door loads later.
PUBLIC = {("", name) for name in names_given(SOURCES[""])}
PUBLIC |= {("testing", name) for name in names_given(SOURCES["testing"])}
PUBLIC |= {(module, name) for name, module in LOADED_LATER.items()}
TAKEN = {taken for tree in SOURCES.values() for taken in names_taken(tree)}
TAKEN_BY_TESTS = {
    taken for path in TESTS.rglob("*.py") for taken in names_taken(ast.parse(path.read_text()))
}


def inner_imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    found = set()
    for source, name in imports_of(SOURCES[module]):
        if source.partition(".")[0] == "hump_trio":
            inside = source.removeprefix("hump_trio").removeprefix(".")
            submodule = f"{inside}.{name}".strip(".")
            found.add(submodule if submodule in SOURCES else inside)
    return found


def floor_of(module: str) -> str:
    """Return the folder that a module is in; its own name where it stands at the door."""
    return module.partition(".")[0]


def test_every_folder_has_its_floor() -> None:
    """A new folder is given its place in the map, once."""
    assert sorted(FLOORS) == sorted({floor_of(module) for module in SOURCES})
    folders = {path.parent.relative_to(ROOT) for path in PATHS.values() if path.parent != ROOT}
    assert {name for name, *_ in ROWS if not name.endswith(".py")} == set(map(str, folders))


def test_the_map_is_a_page() -> None:
    """A reader has it at a glance."""
    assert len(MAP.splitlines()) <= 80


def test_the_map_names_what_there_is() -> None:
    """Each file and folder that it names exists, in the package or from the top on."""
    named = re.findall(r"`([\w./]+(?:/|\.py|\.md))`", MAP)
    assert named
    assert not [path for path in named if not any((top / path).exists() for top in (ROOT, TOP))]


@pytest.mark.parametrize("row", ROWS, ids=[name for name, *_ in ROWS])
def test_a_folder_says_its_contract(row: tuple[str, str, str, str]) -> None:
    """Its docstring begins with what the map says that it holds, and says what it must not know.

    The docstring of the test clients is for users, whom the second doesn't concern.
    """
    folder, _, holds, unknown = row
    if folder.endswith(".py"):
        return
    text = " ".join(
        (ast.get_docstring(SOURCES[folder.replace("/", ".")]) or "").replace("``", "`").split()
    )
    assert text.startswith(f"{holds}. ")
    assert f"must not know {unknown}." in text or folder == "testing"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    """To lower floors, and never from one tower into the other."""
    floor = floor_of(module)
    below = set(FLOORS[: FLOORS.index(floor) + 1])
    if floor in WIRE_TOWER:
        below -= WEB_TOWER
    if floor in WEB_TOWER:
        below -= WIRE_TOWER
    upward = {each for each in inner_imports(module) if floor_of(each) not in below}
    assert not upward


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("server.")])
def test_one_module_knows_the_protocols(module: str) -> None:
    """A protocol is a folder and a row: what serves all of them imports none."""
    if module.split(".")[1] not in {"protocols", *PROTOCOLS}:
        found = {each for each in inner_imports(module) if PROTOCOLS & set(each.split("."))}
        assert not found


def test_no_circle() -> None:
    """Modules of one folder can be put in an order in which each imports those before it."""
    TopologicalSorter({module: inner_imports(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_the_facade_is_for_users(module: str) -> None:
    """No module of the package imports from the package's own front door."""
    assert "" not in inner_imports(module)


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    """None hides in a function, but for what is `OPTIONAL`."""
    tree = SOURCES[module]
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    hidden = {
        source.partition(".")[0] for function in functions for source, _ in imports_of(function)
    }
    assert {(module, name) for name in hidden} <= OPTIONAL


@pytest.mark.parametrize("module", MODULES)
def test_typing_makes_no_exception(module: str) -> None:
    """No import of ours is for type checkers alone: a circle that only they see is a circle.

    What the front door loads later, and the app when it is served, stands below them all the same.
    """
    if module in ("", "app"):
        return
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            assert not [source for source, _ in imports_of(node) if source.startswith("hump_trio")]


@pytest.mark.parametrize("module", [name for name in MODULES if floor_of(name) in VALUES])
def test_values_and_protocols_do_not_wait(module: str) -> None:
    """Up to the protocols, nothing knows Trio, sockets or a clock.

    But for what a handler waits for: a request knows its own deadline, and uploads are on a disk,
    which threads wait for.
    """
    found = {source.partition(".")[0] for source, _ in imports_of(SOURCES[module])}
    allowed = {
        "messages.request": {"trio"},
        "content.open_files": {"threading"},
        "content.room": {"threading"},
        "content.upload": {"trio", "threading", "os"},
    }
    assert found & RIM_NAMES <= allowed.get(module, set())


@pytest.mark.parametrize("module", [name for name in MODULES if floor_of(name) in WEB_TOWER])
def test_no_socket_in_the_web_tower(module: str) -> None:
    """What a request means doesn't depend on how it came."""
    found = {source.partition(".")[0] for source, _ in imports_of(SOURCES[module])}
    assert not found & {"socket", "ssl", "select", "selectors"}


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_at_home(module: str) -> None:
    """``_x`` of another module is neither imported nor reached for."""
    for source, name in imports_of(SOURCES[module]):
        if source.partition(".")[0] == "hump_trio":
            assert not name.startswith("_")
    defined = {
        node.attr
        for node in ast.walk(SOURCES[module])
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    defined |= {
        node.name
        for node in ast.walk(SOURCES[module])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    used = {
        node.attr
        for node in ast.walk(SOURCES[module])
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    private = {name for name in used if name.startswith("_") and not name.endswith("__")}
    # A named tuple's own, so called lest they be taken for fields.
    assert private <= defined | {"_replace", "_fields", "_field_defaults"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_its_job(module: str) -> None:
    """Every module begins with a docstring."""
    assert ast.get_docstring(SOURCES[module])


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
