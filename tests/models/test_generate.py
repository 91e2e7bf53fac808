"""A revision is generated from the models: a new outcome is one member, one line of OUTCOMES and this command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from models.database import writing
from models.schema import revisions, upgrade
from tests.support.revision_data import fill

ROOT = Path(__file__).parents[2]
MEMBER = '    REVOKED = "revoked", "撤销获奖"\n'
LINE = "    Outcome.REVOKED: ("
NEXT = f"{int(revisions()[-1]) + 1:04}"

# What the program does that knows the outcome: comes up, ends a submission so, and finds its record whole.
CONTINUE = """
import sys
from datetime import UTC, datetime
from models.database import make_engine, reading, writing
from models.enums import Outcome, Role, Trigger
from models.schema import upgrade
from states.guard_facts import Ask
from states.transitions import apply_transition
from states.machine import Act, Actor
from states.audit.verify import verify

engine = make_engine(sys.argv[1])
upgrade(engine)
with writing(engine) as session:
    act = Act(Actor(Role.OFFICE, "示例·王主任"), datetime(2026, 9, 1, tzinfo=UTC))
    apply_transition(session, sys.argv[2], Ask(Trigger.ARCHIVE, act, reason="示例", outcome=Outcome("merged")))
with reading(engine) as session:
    assert verify(session) == []
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the rooms that a revision concerns."""
    for room in ("config", "models", "states"):
        shutil.copytree(ROOT / room, tmp_path / "source" / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "source"


def python(source: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    return subprocess.run(
        [sys.executable, *words], cwd=source, env=environment, capture_output=True, text=True, check=False
    )


def generate(source: Path, *name: str) -> subprocess.CompletedProcess[str]:
    return python(source, "-m", "models.migrations.generate", *name)


def test_there_is_nothing_to_migrate_where_the_models_say_the_same(source: Path) -> None:
    answer = generate(source, "nothing")

    assert answer.returncode == 1
    assert answer.stderr == "The models say what the newest revision says: there is nothing to migrate.\n"


def test_a_new_outcome_comes_into_a_database_that_holds_data(bare_engine: Engine, source: Path) -> None:
    upgrade(bare_engine)
    with writing(bare_engine) as session:
        fill(session)
    with bare_engine.connect() as connection:
        number = str(connection.scalar(text("SELECT number FROM submission WHERE state = 'submitted'")))
        before = connection.execute(text("SELECT * FROM history ORDER BY subject, sequence")).all()
    enums = source / "models" / "enums.py"
    words = enums.read_text("utf-8")
    assert words.count(MEMBER) == words.count(LINE) == 1
    words = words.replace(MEMBER, f'{MEMBER}    MERGED = "merged", "示例·并入"\n')
    line = f"    Outcome.MERGED: ((SubmissionState.SUBMITTED,), (Role.OFFICE,)),\n{LINE}"
    enums.write_text(words.replace(LINE, line), "utf-8")

    generated = generate(source, "an", "outcome")
    again = generate(source, "nothing")
    continued = python(source, "-c", CONTINUE, bare_engine.url.render_as_string(hide_password=False), number)

    assert generated.stdout.endswith(f"{NEXT}_an_outcome.py\n"), generated.stderr
    script = Path(generated.stdout.splitlines()[-1]).read_text("utf-8")
    assert script.count("add_rules(") == 1
    assert [rule in script for rule in ("outcome_known", "outcome_fits_origin", "tier_only")] == [True, True, False]
    assert again.stderr.startswith("The models say what the newest revision says")
    assert (continued.stderr, continued.returncode) == ("", 0)
    with bare_engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == NEXT
        assert connection.execute(text("SELECT number FROM submission WHERE outcome = 'merged'")).all() == [(number,)]
        after = connection.execute(text("SELECT * FROM history ORDER BY subject, sequence")).all()
    assert [entry for entry in after if entry in before] == before
    assert len(after) == len(before) + 1
    for statement in ("UPDATE history SET hash = hash", "DELETE FROM publication_leaf"):
        with pytest.raises(DBAPIError, match="append-only"), bare_engine.begin() as connection:
            connection.execute(text(statement))
    for unknown in ("outcome = 'nonsense'", "outcome = 'merged'"):  # the latter from another state than it may be
        with pytest.raises(IntegrityError), bare_engine.begin() as connection:
            connection.execute(text(f"UPDATE submission SET {unknown} WHERE outcome = 'no_prize'"))
