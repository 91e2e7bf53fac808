"""Databases that are busy, stopped and started in the middle, or have no room on their disk."""

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, select

from config.milestones import Milestone
from flows.clock import Timekeeper
from flows.run import Ending, Run
from models import Call, History
from models.database import DatabaseBusy, DatabaseFull, make_engine, writing
from models.enums import CallState
from states.transitions import note_call
from tests.faults.compare import Picture
from tests.faults.season import HALT
from tests.faults.season_process import a_season, picture, played, wait_until_stopped
from tests.faults.test_hung_runs import BETWEEN_TWO_TRANSACTIONS, WITHIN_A_TRANSACTION
from tests.support.builders import a_season as a_planned_season
from tests.support.builders import season_rules
from tests.support.databases import TEMPLATE, Postgres
from tests.support.playing import Player

pytestmark = pytest.mark.faults

HOURS = 7200.0


@pytest.fixture
def planned(player_on_both: Player) -> Player:
    with player_on_both.writing() as session:
        a_planned_season(session, state=CallState.PLANNED)
    player_on_both.at(season_rules().dates.open_call)
    return player_on_both


def noting(run: Run) -> Ending:
    with run.step() as session:
        note_call(session, run.year, "commit_draw", run.act)
    return Ending("open_call", facts={"units": []})


def entries(player: Player) -> list[str]:
    with player.reading() as session:
        return list(session.scalars(select(History.trigger).order_by(History.subject, History.sequence)))


@contextmanager
def held(player: Player) -> Iterator[Callable[[], None]]:
    """Somebody else has the database and keeps it until the given function is called."""
    url = player.engine.url
    if player.engine.dialect.name == "sqlite":
        other: Any = sqlite3.connect(str(url.database), isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
    else:
        other = psycopg.connect(host=url.query["host"], user=url.username, dbname=url.database)
        other.execute("LOCK TABLE claim, history")
    try:
        yield other.rollback
    finally:
        other.close()


def impatient(player: Player) -> None:
    """Connections from here on wait a tenth of a second only, not a minute."""
    lite = player.engine.dialect.name == "sqlite"
    words = "PRAGMA busy_timeout=100" if lite else "SET lock_timeout='100ms'"

    def hurry(connection: Any, *_: object) -> None:
        connection.execute(words)
        connection.commit()

    player.engine.dispose()
    event.listen(player.engine, "checkout", hurry)


def test_a_busy_database_is_waited_for(planned: Player) -> None:
    with held(planned) as let_go:
        waiting = threading.Timer(0.5, let_go)
        waiting.start()

        assert planned.play("open_call", noting, Milestone.OPEN_CALL).outcome == "done"

        waiting.join()
    assert entries(planned)[-2:] == ["commit_draw", "open_call"]


def test_a_database_that_stays_busy_is_told_of_and_nothing_is_half_done(planned: Player) -> None:
    before = entries(planned)
    impatient(planned)
    with held(planned) as let_go:
        with pytest.raises(DatabaseBusy, match="held by somebody else for too long"):
            planned.play("open_call", noting, Milestone.OPEN_CALL)
        let_go()
        assert entries(planned) == before

    assert planned.play("open_call", noting, Milestone.OPEN_CALL).outcome == "done"
    assert entries(planned) == [*before, "commit_draw", "open_call"]


def test_a_database_that_may_not_grow_says_so(player: Player) -> None:
    with player.writing() as session:
        a_planned_season(session, state=CallState.PLANNED)
    event.listen(
        player.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA max_page_count=1").close()
    )
    before = entries(player)

    with pytest.raises(DatabaseFull, match="make room on its disk"), player.writing() as session:
        session.get_one(Call, 2026).draw_seed = "示例" * 2_000_000

    assert entries(player) == before


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT])
def test_postgresql_stopped_and_started_in_the_middle_of_a_run(
    how: signal.Signals, tmp_path: Path, undisturbed: Picture, postgres: Postgres
) -> None:
    home, url = tmp_path / "home", postgres.create("gangchuang_restarted")
    with a_season(home, url=url, **{HALT: WITHIN_A_TRANSACTION}) as process:
        wait_until_stopped(process)

        postgres.stop(how)
        postgres.start()
        os.kill(process.pid, signal.SIGCONT)

        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said
    assert "does not answer" in said, "the run that was cut off failed, and the clock went on"
    assert undisturbed.differences(picture(home, url)) == []


def test_postgresql_away_while_everything_dies(tmp_path: Path, undisturbed: Picture, postgres: Postgres) -> None:
    home, url = tmp_path / "home", postgres.create("gangchuang_away")
    with a_season(home, url=url, **{HALT: BETWEEN_TWO_TRANSACTIONS}) as process:
        wait_until_stopped(process)
        postgres.stop(signal.SIGQUIT)
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(120) != 0

    postgres.start()
    played(home, url=url, later=HOURS)

    assert undisturbed.differences(picture(home, url)) == []


def test_a_clock_outlives_its_database(fresh_home: Path, postgres: Postgres) -> None:
    engine, started = make_engine(postgres.create("gangchuang_clock", TEMPLATE)), []
    with writing(engine) as session:
        a_planned_season(session, state=CallState.PLANNED)
    player = Player(_settings(), engine)
    player.at(season_rules().dates.open_call)
    keeper = Timekeeper(player.settings, engine, lambda stage, parameters, key: started.append(key) or key)

    postgres.stop(signal.SIGQUIT)
    for _ in range(3):
        keeper.sweep()
    assert started == []
    postgres.start()
    keeper.sweep()

    assert started == ["2026/open_call/1/1"]
    engine.dispose()


def _settings() -> Any:
    from config.settings import settings

    return settings()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount; the fault points try a full disk by a limit on file sizes")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("halt", [BETWEEN_TWO_TRANSACTIONS, WITHIN_A_TRANSACTION, "file before replace taken/2026/"])
def test_a_disk_that_is_full_in_the_middle_of_a_run(halt: str, small_disk: Path, undisturbed: Picture) -> None:
    home = small_disk / "home"
    with a_season(home, **{HALT: halt}) as process:
        wait_until_stopped(process)
        ballast = small_disk / "ballast"
        _fill(ballast)
        os.kill(process.pid, signal.SIGCONT)
        process.communicate(timeout=240)
        assert process.returncode != 0

    ballast.unlink()
    played(home, later=HOURS)

    assert undisturbed.differences(picture(home)) == []


def _fill(ballast: Path) -> None:
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)
