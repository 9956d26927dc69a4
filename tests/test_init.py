"""What ``import hump_trio`` gives, and what it costs."""

import ast
import subprocess
import sys
from http import HTTPStatus
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest

import hump_trio


def run(program: str) -> set[str]:
    """Return the words that a program prints."""
    command = [sys.executable, "-c", program]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_public_names_are_sorted_and_there() -> None:
    """``__all__`` is the whole public surface, in order: an abbreviation comes first."""
    assert hump_trio.__all__ == sorted(hump_trio.__all__, key=lambda name: (name != "TLS", name))
    assert len(set(hump_trio.__all__)) == len(hump_trio.__all__)
    assert all(hasattr(hump_trio, name) for name in hump_trio.__all__)


def test_nothing_else_is_public() -> None:
    """Every other name is a module of the package, or what loads them."""
    public = {name for name in vars(hump_trio) if not name.startswith("_")}
    others = public - {*hump_trio.__all__, "Any", "TYPE_CHECKING", "LOADED_LATER", "import_module"}
    assert {f"hump_trio.{name}" for name in others} <= set(sys.modules)


def test_public_names_say_where_they_come_from() -> None:
    """Each class of ours is documented and defined within the package; an alias has neither."""
    for name in set(hump_trio.__all__) - {"statuses", "CallNext", "Send"}:
        value = getattr(hump_trio, name)
        assert value.__module__.startswith("hump_trio."), name
        assert value.__doc__, name


def test_what_is_loaded_later_is_what_checkers_see() -> None:
    """Each name comes from the module that type checkers are told, when it is first asked for."""
    tree = ast.parse(Path(hump_trio.__file__).read_text())
    told = {
        alias.name: statement.module
        for node in tree.body
        if isinstance(node, ast.If)
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    later = {name: f"hump_trio.{module}" for name, module in hump_trio.LOADED_LATER.items()}
    assert told == later
    program = "import sys, hump_trio; print(*sys.modules); hump_trio.Cors, hump_trio.EventStream"
    loaded = run(program)
    assert not loaded & set(later.values())
    assert run(f"{program}; print(*sys.modules)") >= {"hump_trio.middleware.cors"}
    assert dir(hump_trio) == sorted(hump_trio.__all__)
    missing = "Corse"
    with pytest.raises(AttributeError, match="has no attribute 'Corse'"):
        getattr(hump_trio, missing)


def test_statuses_are_the_standard_librarys() -> None:
    """A status is a number with a name, nothing of our own."""
    assert hump_trio.statuses is HTTPStatus


def test_the_facade_loads_no_extras() -> None:
    """Serving needs trio alone: httpx stays out, and so does the client that needs it."""
    loaded = run("import hump_trio, sys; print(*sys.modules)")
    assert "hump_trio.app" in loaded
    assert not loaded & {
        "httpx",
        "httpx2",
        "httpcore",
        "h11",
        "hump_trio.testing",
        "asyncio",
        "pytest",
    }


# What an import may load beside Trio, and how many functions may be written and compiled meanwhile,
# as dataclasses do, which takes most of the time.
MODULE_COUNT = 135
WRITTEN_COUNT = 170
LOOK = """
import sys
import trio

def note(event, details):
    if event == "exec" and details[0].co_filename == "<string>":
        written.append(event)

written, known = [], set(sys.modules)
sys.addaudithook(note)
import hump_trio
print(len(written), *set(sys.modules) - known)
"""


def test_an_app_that_is_not_served_is_light() -> None:
    """No server, protocol or second JSON library is loaded; counts hold the rest, not times."""
    loaded = run(LOOK)
    [written] = [word for word in loaded if word.isdecimal()]
    folders = {name.split(".")[1] for name in loaded if name.startswith("hump_trio.")}
    assert not folders & {"server", "http1", "http2", "testing", "command", "asgi", "wsgi"}
    assert "inspection" not in folders
    assert not loaded & {"json", "ssl", "email", "tempfile", "zlib", "hump_trio.openapi"}
    assert len(loaded) - 1 <= MODULE_COUNT
    assert int(written) <= WRITTEN_COUNT


@pytest.mark.parametrize(
    ("part", "missing", "told"),
    [
        (
            "hump_trio.opentelemetry",
            "opentelemetry",
            "needs opentelemetry-api: pip install 'hump-trio[opentelemetry]'",
        ),
        (
            "hump_trio.prometheus",
            "hump_trio.prometheus.metrics",  # it imports the library, and may be imported already
            "needs prometheus_client: pip install 'hump-trio[prometheus]'",
        ),
    ],
)
def test_a_missing_library_is_told_by_its_extra(
    part: str, missing: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the package that needs one says what to install, when it is imported."""
    monkeypatch.setitem(sys.modules, missing, None)
    spec = find_spec(part)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError) as caught:
        spec.loader.exec_module(module_from_spec(spec))
    assert (caught.value.msg, caught.value.name) == (f"{part} {told}", missing)


def test_an_api_document_is_told_its_extra() -> None:
    """Without msgspec its modules can't even be imported."""
    program = (
        "import sys; sys.modules['msgspec'] = None;"
        "import hump_trio; hump_trio.Hump().openapi(title='Shop', version='1')"
    )
    failed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    told = "TypeError: this takes msgspec: pip install 'hump-trio[json]'"
    assert failed.stderr.splitlines()[-1:] == [told]
