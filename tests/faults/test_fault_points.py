"""A fixed set of kills and full disks over a whole season, on each database and with each way for mail to leave.

Each set runs in a process of its own, because it forks. `make faults POINTS=2000 SEED=7` tries more of them.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.harness import table
from tests.faults.trials import Outcome

ROOT = Path(__file__).parents[2]
POINTS = 42
KINDS = {"commit", "statement", "file", "instant", "full"}

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("mail", ["files", "smtp"])
@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_whatever_dies_the_season_ends_as_if_nothing_had_happened(database: str, mail: str, tmp_path: Path) -> None:
    kept = tmp_path / "outcomes.json"
    command = [sys.executable, "-m", "tests.faults", "--points", str(POINTS), "--jobs", "1", "--json", str(kept)]

    done = subprocess.run(
        [*command, "--database", database, "--mail", mail], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert kept.exists(), done.stdout + done.stderr
    outcomes = [Outcome(**outcome) for outcome in json.loads(kept.read_text("utf-8"))]
    assert [outcome for outcome in outcomes if not outcome.is_well] == [], done.stdout
    assert len(outcomes) == POINTS
    assert {outcome.kind for outcome in outcomes} == KINDS | {"mail" if mail == "files" else "smtp"}
    # No kill may send more than the one mail that was on its way, twice if it was killed twice.
    assert max(outcome.mails_again for outcome in outcomes) <= (0 if mail == "files" else 2), table(outcomes)
