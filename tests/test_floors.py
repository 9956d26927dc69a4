"""The floors of the package: a module imports only what stands below it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hump_trio

ROOT = Path(hump_trio.__file__).parent

# From the bottom to the top; on one floor, a module may import those that stand before it.
FLOORS = [
    ["settings", "exceptions", "loggers", "hints"],
    [
        "bind",
        "headers",
        "http_date",
        "multimap",
        "cookies",
        "charset",
        "disposition",
        "multipart",
        "threads",
        "open_files",
        "room",
        "upload",
        "form",
        "annotations",
        "collisions",
        "costly_numbers",
        "class_defaults",
        "json_text",
        "request",
        "response",
        "redirect",
        "converted_body",
    ],
    [
        "http1",
        "http1.section",
        "http1.head",
        "http1.body",
        "http1.parser",
        "http1.response_head",
        "http1.whole_head",
        "proxy_header",
        "conditional",
        "content_coding",
    ],
    [
        "route_hints",
        "markers",
        "layer",
        "template",
        "routing",
        "text_values",
        "places",
        "body_values",
        "shapes",
        "results",
        "parameter",
        "decorated",
        "signature",
        "binding",
        "calling",
        "failures",
        "task_tree",
        "bounds",
        "dispatch",
        "opened_file",
        "file_names",
        "file_response",
        "static_files",
        "router",
        "middleware",
        "middleware.answers",
        "middleware.options",
        "middleware.coding",
        "middleware.compression",
        "middleware.cors",
        "middleware.forwarded",
        "middleware.https_redirect",
        "middleware.request_id",
        "middleware.security_headers",
        "middleware.trusted_hosts",
    ],
    [
        "line_writer",
        "console",
        "readiness",
        "transport",
        "memory",
        "tls_records",
        "tls_transport",
        "tls",
        "access_log",
        "phase",
        "server_state",
        "connection",
        "exchange",
        "sending",
        "fast_path",
        "serving",
        "watchdog",
        "compartment",
        "port_owner",
        "service_manager",
        "unix_socket",
        "turns",
        "bound_socket",
        "listeners",
        "statistics",
        "server",
    ],
    [
        "json_lines",
        "event_stream",
        "openapi",
        "openapi.schemas",
        "openapi.inputs",
        "openapi.answers",
        "openapi.document",
        "openapi.page",
        "openapi.documentation",
        "lifespan",
        "app",
        "",
        "autojump_clock",
        "memory_pool",
        "testing",
    ],
    [
        "command",
        "command.option_values",
        "command.option_table",
        "command.options",
        "command.log_format",
        "command.log_writer",
        "command.logs",
        "command.loading",
        "command.routes_table",
        "command.pid_file",
        "command.blocking_watch",
        "command.greeting",
        "command.control",
        "command.worker",
        "command.worker_process",
        "command.supervised_worker",
        "command.shared_sockets",
        "command.slot",
        "command.reload",
        "command.supervisor",
        "command.main",
        "__main__",
    ],
]
ORDER = [module for floor in FLOORS for module in floor]
FLOOR_OF = {module: number for number, floor in enumerate(FLOORS) for module in floor}
# The lowest floors know bytes and values, but no waiting, no sockets and no clock.
RIM_NAMES = {"trio", "socket", "ssl", "select", "selectors", "time", "threading", "asyncio", "os"}
# Imported where they are used, since a machine may not have them, or few programs need them.
OPTIONAL = {
    ("app", "hump_trio"),
    ("annotations", "msgspec"),
    ("collisions", "msgspec"),
    ("json_text", "msgspec"),
    ("multipart", "python_multipart"),
    ("listeners", "resource"),
    ("command.reload", "watchfiles"),
}


def module_name(path: Path) -> str:
    """Return a module's name within the package; empty for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


SOURCES = {module_name(path): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}


def imports_of(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield every import below a node as (module, name); the name may be empty."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from ((node.module or "", alias.name) for alias in node.names)


def inner_imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    found = set()
    for source, name in imports_of(SOURCES[module]):
        if source.partition(".")[0] == "hump_trio":
            inside = source.removeprefix("hump_trio").removeprefix(".")
            submodule = f"{inside}.{name}".strip(".")
            found.add(submodule if submodule in SOURCES else inside)
    return found


def test_every_module_has_its_floor() -> None:
    """A new module is given its place in the table, once."""
    assert sorted(ORDER) == sorted(SOURCES)
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_down(module: str) -> None:
    """To lower floors, or to siblings that stand before; so there is no circle either."""
    before = set(ORDER[: ORDER.index(module)])
    assert inner_imports(module) <= before


@pytest.mark.parametrize("module", ORDER)
def test_the_facade_is_for_users(module: str) -> None:
    """No module of the package imports from the package's own front door."""
    assert "" not in inner_imports(module)


@pytest.mark.parametrize("module", ORDER)
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


@pytest.mark.parametrize("module", ORDER)
def test_typing_makes_no_exception(module: str) -> None:
    """No import of ours is for type checkers alone: a circle that only they see is a circle.

    What the front door loads later stands below it all the same.
    """
    if module == "":
        return
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            assert not [source for source, _ in imports_of(node) if source.startswith("hump_trio")]


@pytest.mark.parametrize("module", [name for name in ORDER if FLOOR_OF[name] <= 2])
def test_values_and_protocols_do_not_wait(module: str) -> None:
    """Up to the protocols, nothing knows Trio, sockets or a clock.

    But for what a handler waits for: a request knows its own deadline, and uploads are on a disk,
    which threads wait for.
    """
    found = {source.partition(".")[0] for source, _ in imports_of(SOURCES[module])}
    allowed = {
        "request": {"trio"},
        "threads": {"trio", "os"},
        "open_files": {"threading"},
        "room": {"threading"},
        "upload": {"trio", "threading", "os"},
    }
    assert found & RIM_NAMES <= allowed.get(module, set())


@pytest.mark.parametrize("module", ORDER)
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


@pytest.mark.parametrize("module", ORDER)
def test_a_module_says_its_job(module: str) -> None:
    """Every module begins with a docstring, and says what is for others to use."""
    tree = SOURCES[module]
    assert ast.get_docstring(tree)
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in assigned or module in {"http1", "middleware", "openapi", "command"}
