"""Print what users may have at the oldest: each dependency of theirs at its floor, for pip -c."""

import re
import tomllib
from pathlib import Path

FLOOR = re.compile(r"(?P<name>[\w.-]+)>=(?P<version>[\w.]+)[^;]*(?P<condition>;.*)?")

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
asked = (
    *("json", "pydantic", "testing", "multipart", "zstd", "reload", "sessions"),
    *("opentelemetry", "prometheus"),
)
for requirement in (
    project["dependencies"]
    + [each for name in asked for each in extras[name] if not each.startswith("hump-trio[")]
    + [each for each in extras["dev"] if each.startswith(("httpx", "httpcore"))]  # in its place
):
    floor = FLOOR.fullmatch(requirement)
    assert floor is not None, requirement
    print(f"{floor['name']}=={floor['version']}{floor['condition'] or ''}")
