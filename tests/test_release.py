"""What a release says of itself: its version, its promises, and who builds and publishes it."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

import hump_trio
from tests.support.pages import anchors_of, links_of
from tests.support.sources import TOP

PROJECT: dict[str, Any] = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
METADATA = PROJECT["project"]
VERSIONS = (TOP / "examples/reference/versions.md").read_text(encoding="utf-8")
WORKFLOWS = sorted((TOP / ".github/workflows").glob("*.yml"))
SECTION = re.compile(r"^## What is stable\n(.*?)^## ", re.MULTILINE | re.DOTALL)


def workflow(name: str) -> dict[str, Any]:
    """Return a workflow as a value."""
    text = (TOP / f".github/workflows/{name}.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def classified(kind: str) -> list[str]:
    """Return the ends of the classifiers that begin with a kind."""
    names = [name.removeprefix(f"{kind} :: ") for name in METADATA["classifiers"]]
    return [
        name for name, whole in zip(names, METADATA["classifiers"], strict=True) if name != whole
    ]


def test_the_newest_change_is_that_of_the_version() -> None:
    """The version has its changes, above those of all before it."""
    changed = re.findall(r"^### (\d+)\.(\d+)\.(\d+)$", VERSIONS, re.MULTILINE)
    assert ".".join(changed[0]) == hump_trio.__version__
    assert changed == sorted(changed, key=lambda parts: [*map(int, parts)], reverse=True)


def test_pythons_and_systems_are_those_that_are_tested() -> None:
    """A classifier claims what tests must pass on; what is tried as far as it goes has none."""
    matrix = workflow("ci")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["best_effort"] == [False]
    assert all(each["best_effort"] for each in matrix["include"])
    pythons = [name for name in classified("Programming Language :: Python") if "." in name]
    assert pythons == matrix["python"]
    assert METADATA["requires-python"] == f">={pythons[0]}"
    gate = (TOP / ".ci/run").read_text(encoding="utf-8")
    assert f"v >= ({pythons[0].replace('.', ', ')})" in gate
    assert classified("Operating System") == ["POSIX :: Linux"]
    assert {system.partition("-")[0] for system in matrix["system"]} == {"ubuntu"}
    assert ", ".join(pythons[:-1]) + f" and {pythons[-1]}" in VERSIONS


def test_the_oldest_trio_is_the_one_that_is_told() -> None:
    """The page of versions names the floor."""
    [trio] = METADATA["dependencies"]
    assert f"| Trio | {trio.removeprefix('trio>=')} and the newest |" in VERSIONS


def test_addresses_are_of_one_repository() -> None:
    """All links of the metadata go to the repository, and those to its files have their ends."""
    source = METADATA["urls"]["Source"]
    text = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    addresses = re.findall(r"https://github\.com[^'\"]*", text)
    assert len(addresses) > len(METADATA["urls"])
    assert [address for address in addresses if not address.startswith(source)] == []
    for address in METADATA["urls"].values():
        found = re.search(r"/(?:blob|tree)/main/(.+)", address)
        assert found is None or (TOP / found[1]).exists(), address


def test_what_is_stable_is_what_can_be_imported() -> None:
    """The table names the modules that users import from, and each says its names."""
    section = SECTION.search(VERSIONS)
    assert section is not None
    named = set(re.findall(r"^\| `(hump_trio[.\w]*)` \|", section[1], re.MULTILINE))
    for name in named:
        assert import_module(name).__all__
    texts = [path.read_text(encoding="utf-8") for path in (TOP / "examples").rglob("*.py")]
    taken = {
        name
        for text in texts
        for name in re.findall(r"^\s*(?:from|import) (hump_trio[.\w]*)", text, re.MULTILINE)
    }
    assert taken <= named


@pytest.mark.parametrize("page", sorted((TOP / ".github").glob("*.md")), ids=lambda path: path.name)
def test_links_of_rules_lead_somewhere(page: Path) -> None:
    """A link within the repository leads to a file that is there, and to a heading of it."""
    for path, anchor in links_of(page):
        assert path.exists(), path
        assert not anchor or anchor in anchors_of(path), f"{path}#{anchor}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_take_what_was_looked_at(path: Path) -> None:
    """An action is a commit, which nobody can move, beside the version that it is."""
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert uses
    for each in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_workflows_may_do_no_more_than_they_need() -> None:
    """Tests may read; what publishes may prove who it is, and what builds may not."""
    assert workflow("ci")["permissions"] == {"contents": "read"}
    release = workflow("release")
    assert release["permissions"] == {}
    permissions = {name: job["permissions"] for name, job in release["jobs"].items()}
    assert permissions == {"build": {"contents": "read"}, "publish": {"id-token": "write"}}
    assert release["jobs"]["publish"]["needs"] == "build"


def test_what_is_released_is_checked_as_in_the_gate() -> None:
    """One script builds and checks, here and there."""
    steps = [step.get("run", "") for step in workflow("release")["jobs"]["build"]["steps"]]
    assert ".ci/package package" in steps
    assert '.ci/package "$work/package"' in (TOP / ".ci/run").read_text(encoding="utf-8")
    assert "bash .ci/run" in [s.get("run") for s in workflow("ci")["jobs"]["gate"]["steps"]]
