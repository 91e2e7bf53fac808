"""What is installed is pinned with its hashes, from whatever registry it comes, and the list is the project's."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]


def pinned(name: str) -> dict[str, list[str]]:
    """The hashes of each requirement, by its line; conditions make two lines of one library."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    return {line.split(" --hash")[0].strip(): re.findall(r"--hash=(\S+)", line) for line in text.splitlines()}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_one_version_with_its_hashes(name: str) -> None:
    for requirement, hashes in pinned(name).items():
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+( ; .+)?$", requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), requirement
    assert "://" not in (ROOT / name).read_text("utf-8")
    assert "index" not in (ROOT / name).read_text("utf-8")


def test_every_dependency_of_the_project_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    names = {line.partition("==")[0].partition("[")[0] for line in pinned("requirements-dev.txt")}

    for wanted in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]:
        assert re.match(r"[A-Za-z0-9._-]+", wanted)[0].lower() in names, wanted


def test_make_installs_nothing_without_its_hash() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    installs = [line for line in makefile.splitlines() if "pip install" in line and "--no-deps" not in line]

    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)


def test_every_python_that_is_allowed_is_checked_by_the_forge_and_taken_by_make() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    allowed = [
        f"3.{minor}" for minor in range(30) if f"3.{minor}" in SpecifierSet(project["project"]["requires-python"])
    ]
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"].values()
    makefile = (ROOT / "Makefile").read_text("utf-8")

    assert job["strategy"]["matrix"]["python"] == allowed
    assert job["steps"][-1]["run"] == ".ci/run"
    assert f"(3, {allowed[0][2:]}) <= v <= (3, {allowed[-1][2:]})" in makefile
