"""What is loaded for what: pure rules, help and `gangchuang status` start without the libraries they do not use."""

import subprocess
import sys
from pathlib import Path

import pytest

DATABASE = ("sqlalchemy", "sqlmodel", "alembic", "psycopg")
FORMS = ("pydantic", "pydantic_settings")
HEAVY = ("prefect", "fastapi", "httpx", "numpy", "scipy", "ortools", "highspy", "openpyxl", "xlsxwriter", "jinja2")
# Rules that judge a form or a season file take the pydantic model that it is.
JUDGE_FORMS = {"states.rules.eligibility", "states.rules.calendar.season_check", "states.rules.calendar.shifting"}

RULES = """
import importlib, pkgutil, sys
import states.rules
for module in pkgutil.walk_packages(states.rules.__path__, "states.rules."):
    if module.name in {judge_forms!r}:
        continue
    importlib.import_module(module.name)
    loaded = [name for name in {absent!r} if name in sys.modules]
    if loaded:
        sys.exit(f"{{module.name}} loads {{loaded}}")
"""
COMMAND = """
import sys
from flows.cli import main
try:
    main()
except SystemExit:
    pass
sys.exit(", ".join(name for name in {absent!r} if name in sys.modules) or None)
"""


def run(program: str, *words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "GANGCHUANG_HOME": str(home), "PATH": ""}
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize(
    ("judge_forms", "absent"),
    [(JUDGE_FORMS, (*DATABASE, *FORMS, "prefect", "typer")), (set(), (*DATABASE, "prefect", "typer"))],
    ids=["none loads forms but those that judge them", "none loads a database"],
)
def test_pure_rules_load_alone(judge_forms: set[str], absent: tuple[str, ...]) -> None:
    answer = run(RULES.format(judge_forms=judge_forms, absent=absent))

    assert (answer.stderr, answer.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (("--help",), (*DATABASE, *FORMS, *HEAVY)),
        (("--version",), (*DATABASE, *FORMS, *HEAVY)),
        (("decide", "--help"), (*DATABASE, *HEAVY)),
        (("status",), HEAVY),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_command_loads_only_what_it_uses(words: tuple[str, ...], absent: tuple[str, ...], tmp_path: Path) -> None:
    answer = run(COMMAND.format(absent=absent), *words, home=tmp_path)

    assert (answer.stderr, answer.returncode) == ("", 0)
    assert answer.stdout


def test_status_of_a_database_that_is_up_to_date_loads_no_migrations(tmp_path: Path) -> None:
    run(COMMAND.format(absent=()), "status", home=tmp_path)

    answer = run(COMMAND.format(absent=("alembic", *HEAVY)), "status", home=tmp_path)

    assert (answer.stderr, answer.returncode) == ("", 0)


def test_the_enums_and_one_table_come_from_the_same_package() -> None:
    answer = run(
        "import sys; from models import enums; assert 'sqlalchemy' not in sys.modules;"
        "from models import Score; from sqlmodel import SQLModel; import models.tables as tables;"
        "assert {getattr(tables, name).__tablename__ for name in tables.__all__} == {*SQLModel.metadata.tables}"
    )

    assert (answer.stderr, answer.returncode) == ("", 0)


def test_what_watches_the_others_all_year_is_small() -> None:
    answer = run(
        f"import sys, flows.engine.supervisor, flows.cli.run;"
        f"sys.exit(', '.join(name for name in {(*DATABASE, *HEAVY)!r} if name in sys.modules) or None)"
    )

    assert (answer.stderr, answer.returncode) == ("", 0)
