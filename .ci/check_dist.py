"""Check the two distributions of a folder as PyPI would show and unpack them.

Run in the checkout that they were built of. Usage: python .ci/check_dist.py FOLDER
"""

import re
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

from readme_renderer.markdown import render

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
source = project["urls"]["Source"]
folder = Path(sys.argv[1])
[stem] = [path.name.removesuffix(".tar.gz") for path in folder.glob("*.tar.gz")]
version = stem.removeprefix("hump_trio-")
names = {f"{stem}-py3-none-any.whl", f"{stem}.tar.gz"}
assert {path.name for path in folder.iterdir()} == names, list(folder.iterdir())

with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl") as wheel:
    files = wheel.namelist()
    text = wheel.read(f"{stem}.dist-info/METADATA")
assert {name.partition("/")[0] for name in files} == {"hump_trio", f"{stem}.dist-info"}
assert {"hump_trio/py.typed", f"{stem}.dist-info/licenses/LICENSE"} <= set(files)

with tarfile.open(folder / f"{stem}.tar.gz") as sdist:
    tops = {path.split("/")[1] for path in sdist.getnames()}
    information = sdist.extractfile(f"{stem}/PKG-INFO")
    assert information is not None
    assert information.read() == text, "the two say different things"
added = {"PKG-INFO", ".gitignore"}  # by the one that builds
assert tops - added == {
    *(".ci", ".github", "LICENSE", "README.md", "examples", "hump_trio", "pyproject.toml", "tests")
}, tops

metadata = message_from_bytes(text)
assert (metadata["Metadata-Version"], metadata["Version"]) == ("2.4", version)
assert metadata["License-Expression"] == "MIT"
assert metadata.get_all("License-File") == ["LICENSE"]
assert not [each for each in metadata.get_all("Classifier", []) if each.startswith("License")]
assert len(metadata.get_all("Project-URL", [])) == len(project["urls"])
assert metadata["Description-Content-Type"].startswith("text/markdown")

# The page, by the renderer of PyPI: each link has its end, in the page or at the version's tag.
page = render(text.partition(b"\n\n")[2].decode())
assert page is not None
anchors = set(re.findall(r'\bid="(?:user-content-)?([^"]+)"', page))
links = re.findall(r'\b(?:href|src)="([^"]+)"', page)
assert links
for link in links:
    if link.startswith("#"):
        assert link[1:].removeprefix("user-content-") in anchors, link
    elif link.startswith(source):
        found = re.fullmatch(
            rf"/(?:blob|raw)/v{re.escape(version)}/([^#]+)(?:#.*)?", link[len(source) :]
        )
        assert found is not None, link
        assert Path(found[1]).exists(), link
    else:
        assert link.startswith("https://"), link
print(f"{stem}: {len(links)} links of the page have their ends")
