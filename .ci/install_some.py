"""Install this package, and what its tests take as far as it can be had for this Python.

For systems where some libraries have no wheels; the tests that need those are left out.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

extras = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
pip = [sys.executable, "-m", "pip", "install", "--quiet"]
subprocess.run([*pip, "-e", "."], check=True)
wanted = [
    each
    for name, requirements in extras.items()
    if name != "bench"
    for each in requirements
    if not each.startswith("hump-trio[")
]
left_out = [
    each
    for each in dict.fromkeys(wanted)
    if subprocess.run([*pip, "--only-binary=:all:", each], check=False).returncode
]
print("left out:", *left_out)
