"""Installed from a wheel the program minds nobody's `config.py`: its packages lie below one name and come first."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from models.enums import CallState
from tests.flows.engine.engine_process import free_port, wait_for

ROOT = Path(__file__).parents[1]
HOUSE = ("config", "models", "states", "flows")
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since setuptools writes beside what it builds."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in (*HOUSE, "pyproject.toml", "setup.py", "README.md", "LICENSE"):
        copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copied(ROOT / name, source / name)
    subprocess.run([sys.executable, "-c", BUILD, str(made)], cwd=source, check=True, capture_output=True)
    return next(made.glob("*.whl"))


def test_the_wheel_holds_everything_below_one_name(wheel: Path) -> None:
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(["git", "ls-files", *HOUSE], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    # What nginx, systemd and Docker read is copied from the checkout to where they look.
    wanted = {f"gangchuang/{name}" for name in listed.splitlines() if not name.startswith("config/deploy/")}
    assert shipped == wanted


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command, in an environment that has the libraries and not this checkout."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(folder / "bin" / "python")]
    subprocess.run([*command, "--offline", "--no-deps", "--reinstall", str(wheel)], check=True, capture_output=True)
    return folder / "bin" / "gangchuang"


@pytest.mark.prefect
def test_a_folder_with_modules_of_our_names_changes_nothing(program: Path, tmp_path: Path) -> None:
    here, theirs, home, port = tmp_path / "here", tmp_path / "theirs", tmp_path / "home", free_port()
    for folder, names in ((here, (*HOUSE, "prefect", "sqlmodel")), (theirs, HOUSE)):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.py").write_text(f"raise SystemExit('{name}.py of {folder.name} was loaded')", "utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GANGCHUANG", "PREFECT"))}
    mine = {"GANGCHUANG_HOME": str(home), "GANGCHUANG_DASHBOARD_PORT": str(port), "PYTHONPATH": str(theirs)}

    def asked(*words: str) -> str:
        command = [program, *words]
        return subprocess.run(
            command, cwd=here, env=inherited | mine, capture_output=True, text=True, check=True
        ).stdout

    assert asked("--version") == "0.1.0\n"
    assert "Runs a yearly award" in asked("--help")
    assert "35 dates are in force" in asked("season", "plan", "2026", "--by", "示例·李干事")
    serving = subprocess.Popen([program, "serve"], cwd=here, env=inherited | mine, stdout=subprocess.DEVNULL)
    try:
        # The call has opened: the clock saw it, and the worker's process for the run knew its stage.
        wait_for("the call", lambda: state_of_call(home) != CallState.PLANNED)
    finally:
        serving.send_signal(signal.SIGTERM)
        ended = serving.wait(60)
    assert ended == 0


def state_of_call(home: Path) -> str:
    with sqlite3.connect(home / "gangchuang.db", timeout=30) as database:
        return str(database.execute("SELECT state FROM call").fetchone()[0])
