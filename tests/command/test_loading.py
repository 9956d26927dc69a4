"""Loading an app: what is found, and one clear line for what isn't."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hump_trio import Hump
from hump_trio.command.interface import Interface
from hump_trio.command.loading import LoadError, load_app
from hump_trio.dispatch.router import table_of

APP = "from hump_trio import Hump\napp = Hump()\n"
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module into the current directory; none of them stays imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    return write


def failure_of(specification: str) -> LoadError:
    """Return the error of an app that can't be loaded."""
    with pytest.raises(LoadError) as caught:
        load_app(specification)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("specification", ["tea_app", "tea_app:app", "tea_app:shop.api"])
def test_an_app_is_found(specification: str, write: Write) -> None:
    """In the current directory before others; without an attribute, ``app`` is meant."""
    write("tea_app.py", f"{APP}class shop:\n    api = app\n")
    assert isinstance(load_app(specification), Hump)
    assert isinstance(load_app(specification), Hump)


def test_the_current_directory_comes_first(write: Write, tmp_path: Path) -> None:
    """Before a module of the same name elsewhere."""
    write("elsewhere/tea_app.py", "app = None\n")
    sys.path.insert(0, str(tmp_path / "elsewhere"))
    write("tea_app.py", APP)
    assert isinstance(load_app("tea_app"), Hump)


@pytest.mark.parametrize(
    ("specification", "text"),
    [
        ("nothing_here:app", "there is no module named 'nothing_here'"),
        ("folder.nothing", "there is no module named 'folder.nothing'"),
        ("tea_app.nothing", "there is no module named 'tea_app.nothing'; 'tea_app' is not"),
        ("tea_app:api", "tea_app has no 'api'; there is tea_app:app, tea_app:other"),
        ("tea_app:app.api", "tea_app has no 'app.api'; there is tea_app:app"),
        ("tea_app:router", "tea_app:router is a Router, not a Hump app; there is tea_app:app"),
        ("tea_app:make", "tea_app:make is a function: if it makes the app, write --factory"),
        ("tea_app:make()", "write --factory tea_app:make"),
        ("empty", "empty has no 'app'"),
        ("tea_app.py", "give a module, not a file: tea_app:app"),
        ("./folder/tea_app.py:api", "give a module, not a file: folder.tea_app:api"),
        ("tea_app.py:app", "give a module, not a file: tea_app:app"),
        ("tea app", "an app is given as module:attribute, not 'tea app'"),
        ("a:b:c", "an app is given as module:attribute, not 'a:b:c'"),
    ],
)
def test_what_is_not_there(specification: str, text: str, write: Write) -> None:
    """One line, which says what there is instead; its author needs no traceback."""
    module = f"{APP}from hump_trio import Router\nother, router = Hump(), Router()\n"
    write("tea_app.py", f"{module}def make(): return app\n")
    write("empty.py", "")
    write("folder/__init__.py", "")
    error = failure_of(specification)
    assert text in str(error)
    assert error.traceback == ""


@pytest.mark.parametrize(
    ("program", "first", "last"),
    [
        ("def f():\n    1 / 0\nf()\n", '  File "PATH", line 3, in <module>', "ZeroDivisionError"),
        ("import nothing_here\n", '  File "PATH", line 1, in <module>', "ModuleNotFoundError"),
        ("x = (\n", '  File "PATH", line 1', "SyntaxError: '(' was never closed"),
        (f"{APP}app.get('/x/')(1)\n", '  File "PATH", line 3, in <module>', "TypeError"),
    ],
)
def test_errors_of_the_program(
    program: str, first: str, last: str, write: Write, tmp_path: Path
) -> None:
    """Its traceback begins with its own first line; no frame of ours or of the import is seen."""
    write("tea_app.py", program)
    error = failure_of("tea_app:app")
    assert str(error) == "tea_app can't be imported"
    lines = error.traceback.splitlines()
    assert first.replace("PATH", str(tmp_path / "tea_app.py")) == lines[not first.endswith("1")]
    assert lines[-1].startswith(last)
    assert "hump_trio/command" not in error.traceback
    assert "importlib" not in error.traceback


def test_a_route_that_is_wrong(write: Write) -> None:
    """Its own words stand in the line, too."""
    write("tea_app.py", f"{APP}@app.get('tea')\nasync def tea(): ...\n")
    error = failure_of("tea_app")
    assert str(error).startswith("tea_app can't be imported: ")
    assert "line 3" in error.traceback


@pytest.mark.parametrize(
    "serving",
    [
        "trio.run(app.serve)",
        "async def main():\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        await nursery.start(app.serve)\n"
        "trio.run(main)",
    ],
)
def test_a_program_that_serves_itself(serving: str, write: Write) -> None:
    """While it is imported it would serve for good; it is told what to write."""
    write("tea_app.py", f"import trio\n{APP}{serving}\n")
    error = failure_of("tea_app")
    assert str(error).startswith("tea_app serves its app while it is imported: write `if __name__")
    assert error.traceback == ""


@pytest.mark.parametrize("specification", ["tea_app:make", "tea_app:Shop.make", "tea_app:Shop"])
def test_a_factory(specification: str, write: Write) -> None:
    """Makes the app: a function, a method, a class."""
    shop = "class Shop(Hump):\n    make = staticmethod(make)\n"
    write("tea_app.py", f"{APP}def make(): return app\n{shop}")
    assert isinstance(load_app(specification, factory=True), Hump)


@pytest.mark.parametrize(
    ("factory", "text", "last"),
    [
        ("async def make(): ...", "tea_app:make is async: write `def`, and open what needs", ""),
        ("make = app", "tea_app:make is an app already: leave out --factory", ""),
        ("make = 1", "tea_app:make is no function that --factory can call: 1", ""),
        (
            "def make(): ...",
            "tea_app:make() is a NoneType, not a Hump app; there is tea_app:app",
            "",
        ),
        (
            "def make(): 1 / 0",
            "tea_app:make can't be called",
            "ZeroDivisionError: division by zero",
        ),
        (
            "import trio\ndef make(): trio.run(app.serve)",
            "tea_app:make serves its app while it is called: it returns the app, and leaves",
            "",
        ),
    ],
)
def test_a_factory_that_makes_none(factory: str, text: str, last: str, write: Write) -> None:
    """One line, and the traceback of the program's own error."""
    write("tea_app.py", f"{APP}{factory}\n")
    with pytest.raises(LoadError) as caught:
        load_app("tea_app:make", factory=True)
    assert str(caught.value).startswith(text)
    assert caught.value.traceback.strip().rpartition("\n")[2] == last


OTHERS = """
async def asgi(scope, receive, send): ...
def wsgi(environ, start_response): ...
class Asgi:
    async def __call__(self, scope, receive, send): ...
other = Asgi()
def make(): return asgi
async def make_slowly(): return asgi
"""


@pytest.mark.parametrize(
    ("specification", "interface", "factory"),
    [
        ("tea_app:asgi", "asgi", False),
        ("tea_app:other", "asgi", False),
        ("tea_app:make", "asgi", True),
        ("tea_app:Asgi", "asgi", True),
        ("tea_app:wsgi", "wsgi", False),
    ],
)
def test_an_app_of_another_interface(
    specification: str, interface: Interface, factory: bool, write: Write
) -> None:
    """Comes within a Hump app, in which it is mounted for all that is asked."""
    write("tea_app.py", OTHERS)
    app = load_app(specification, factory=factory, interface=interface)
    assert table_of(app).routes[0].template == "/{rest:path}"


@pytest.mark.parametrize(
    ("specification", "interface", "factory", "text"),
    [
        ("tea_app:asgi", "hump", False, "is an ASGI app: write --asgi"),
        ("tea_app:make", "hump", True, "tea_app:make() is an ASGI app: write --asgi"),
        ("tea_app:app", "asgi", False, "is a Hump app: leave out --asgi; there is tea_app:other"),
        ("tea_app:none", "asgi", False, "tea_app has no 'none'; there is tea_app:other"),
        ("tea_app:asgi", "asgi", True, "tea_app:asgi is an app already: leave out --factory"),
        ("tea_app:make_slowly", "asgi", True, "tea_app:make_slowly is async: write `def`"),
        ("tea_app:make", "asgi", False, "is a function: if it makes the app, write --factory"),
        ("tea_app:make", "wsgi", True, "make() is an ASGI app: write --asgi instead of --wsgi"),
    ],
)
def test_an_app_of_the_wrong_interface(
    specification: str, interface: Interface, factory: bool, text: str, write: Write
) -> None:
    """One line says what it is, and what to write."""
    write("tea_app.py", f"{APP}{OTHERS}")
    with pytest.raises(LoadError) as caught:
        load_app(specification, factory=factory, interface=interface)
    assert text in str(caught.value)


def test_a_proxy_of_the_program_is_left_alone(write: Write) -> None:
    """As those of Flask, which fail wherever one looks at them outside of a request."""
    proxy = """
class Proxy:
    def __getattr__(self, name): raise RuntimeError("outside of a request")
    def __call__(self, *args): ...
request = Proxy()
"""
    write("tea_app.py", f"{APP}{proxy}")
    assert "there is tea_app:app" in str(failure_of("tea_app:nothing"))


def test_serving_works_again(write: Write) -> None:
    """After an import, apps are served as ever."""
    serve = Hump.serve
    write("tea_app.py", APP)
    load_app("tea_app")
    assert Hump.serve is serve
