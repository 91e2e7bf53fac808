"""Imports run one way, stages do not know one another, rules are pure: and a breach would be seen."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows.year import STAGES

ROOT = Path(__file__).parents[1]
PACKAGES = ("config", "models", "states", "flows")
BREACHES = {
    "config/errors.py": "import models.enums\n",
    "models/enums.py": "import states.record\n",
    "states/door.py": "import flows.files\n",
    "flows/remind.py": "import flows.close_call\n",
    "states/rules/names.py": "import sqlalchemy\n",
    "states/rules/merkle.py": "from config.clock import Clock\n",
    "states/record.py": "import prefect\n",
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from importlinter.cli import lint_imports_command; "
        "sys.argv[1:] = ['--no-cache', '--config', sys.argv[1] + '/pyproject.toml']; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_contract_is_kept() -> None:
    checked = lint(ROOT)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


def test_the_contract_names_every_stage_of_the_year() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (independent,) = [one for one in settings["contracts"] if one["type"] == "independence"]

    assert set(independent["modules"]) == {stage.flow.fn.__module__ for stage in STAGES}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages' sources elsewhere, to be spoilt."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_every_breach_is_seen(checkout: Path) -> None:
    for name, line in BREACHES.items():
        path = checkout / name
        path.write_text(path.read_text("utf-8") + f"\n{line}", "utf-8")

    checked = lint(checkout)

    assert checked.returncode == 1
    assert "4 broken" in checked.stdout
    for name in BREACHES:
        assert name.removesuffix(".py").replace("/", ".") in checked.stdout
