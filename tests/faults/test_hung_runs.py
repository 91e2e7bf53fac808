"""A run that hangs for ever: its work is taken over, and the old one can do no harm when it wakes."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.compare import Picture
from tests.faults.season import HALT, MACHINE
from tests.faults.season_process import a_season, picture, played, wait_until_stopped
from tests.support.databases import Postgres

pytestmark = pytest.mark.faults

BETWEEN_TWO_TRANSACTIONS = "file before mkdir mail"
WITHIN_A_TRANSACTION = "file before open outbox/2026/500102"
HOURS = 7200.0


def test_a_sleeper_on_another_machine_that_wakes_after_its_work_was_taken_over_does_no_harm(
    tmp_path: Path, undisturbed: Picture
) -> None:
    home = tmp_path / "home"
    with a_season(home, **{HALT: BETWEEN_TWO_TRANSACTIONS, MACHINE: "elsewhere"}) as sleeper:
        wait_until_stopped(sleeper)

        played(home, later=HOURS)
        assert undisturbed.differences(picture(home)) == []

        os.kill(sleeper.pid, signal.SIGCONT)
        said, _ = sleeper.communicate(timeout=120)

    assert (
        "stage/2026/deliver_messages: another run took over while this one was silent. Nothing more was written."
        in said
    )
    assert undisturbed.differences(picture(home)) == []


@pytest.mark.parametrize("halt", [BETWEEN_TWO_TRANSACTIONS, WITHIN_A_TRANSACTION])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_run_that_hangs_is_killed_and_its_work_done(
    database: str, halt: str, tmp_path: Path, undisturbed: Picture, request: pytest.FixtureRequest
) -> None:
    home, url = tmp_path / "home", ""
    if database == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create("gangchuang_hung")
    with a_season(home, url=url, **{HALT: halt}) as hung:
        wait_until_stopped(hung)

        played(home, url=url, later=HOURS)

        assert hung.wait(60) == -signal.SIGKILL
    assert undisturbed.differences(picture(home, url)) == []
