"""Bad input: one clear sentence that names the thing and the way out, exit status not 0, nothing changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from config.settings import HomeMissing, settings
from flows.cli.commands import app
from flows.stage import open_database
from states.leases import take
from tests.flows.cli.conftest import Gangchuang
from tests.support.builders import UNIT
from tests.support.playing import Player

BY = ("--by", "示例·王主任")
WHY = ("--reason", "示例")
MOVE = ("move", "close_call", 2026, *BY, *WHY)
NUMBER = f"2026-{UNIT}-0001"

REFUSED = [
    (("season", "check", 2031), "There is no season 2031 (known: 2026)"),
    (("season", "plan", 2031, *BY), "There is no season 2031"),
    (("season", "plan", 2026, *BY), "Season 2026 is planned already"),
    (("season", "plan", 2026, "--by", "示例·路人"), "'示例·路人' is no officer of this season"),
    (("status", 2031), "Season 2031 is not planned in this database"),
    (("verify", 2031), "Season 2031 is not planned"),
    (("history", "export", 2031, "out.jsonl"), "Season 2031 is not planned"),
    (("history", 2031), "There is no submission '2031'"),
    (("history", NUMBER), f"There is no submission '{NUMBER}'"),
    (("history", "proof", NUMBER), f"There is no submission '{NUMBER}'"),
    (("run", "close-call", 2031), "Season 2031 is not planned"),
    (("run", "lunch", 2026), "There is no stage 'lunch'. Stages, in the order of the year: open_call, collect"),
    (("run", "remind", 2026), "remind needs --set milestone=…"),
    (("run", "remind", 2026, "--set", "milestone=lunch"), "lunch reminds of nothing. Reminders: remind_call"),
    (("run", "remind", 2026, "--set", "milestone=open_call"), "open_call reminds of nothing. Reminders: remind_call"),
    (
        ("run", "remind", 2026, "--set", "milestone=remind_call", "--set", "ordinal=x"),
        "remind cannot take 'x' as ordinal",
    ),
    (("run", "collect", 2026, "--set", "speed=9"), "collect has no parameter 'speed'; it has: none"),
    (("run", "collect", 2026, "--set", "season=2027"), "collect has no parameter 'season'"),
    (("run", "collect", 2026, "--set", "speed"), "'speed' is not of the form name=value"),
    (("run", "approve-list", 2026), "approve_list needs --set officer_name=…"),
    (("move", "lunch", 2026, "--to", "2026-05-08T18:00", *BY, *WHY), "There is no milestone 'lunch'"),
    (("move", "close_call", 2031, "--to", "2026-05-08T18:00", *BY, *WHY), "Season 2031 is not planned"),
    ((*MOVE, "--to", "2026-05-08T18:00Z"), "is written in another zone than the season's"),
    ((*MOVE, "--to", "明天"), "'明天' is no date and time"),
    ((*MOVE, "--to", "2026-06-08T18:00"), "it would come after close_district_round"),
    ((*MOVE, "--to", "2026-05-08T18:00", "--district", "999999"), "No reporting unit has the code '999999'"),
    (
        ("move", "close_call", 2026, "--to", "2026-05-08T18:00", "--by", "示例·路人", *WHY),
        "is no officer of this season",
    ),
    (("move", "close_call", 2026, "--to", "2026-05-08T18:00", *BY, "--reason", " "), "a reason is needed"),
    (("approve", 2026, "--digest", "0" * 8, *BY), "no ranking waits for a decision"),
    (("approve", 2026, "--digest", "0" * 8, "--by", "示例·路人"), "is no officer of this season"),
    (("decide", "lunch", 2026, NUMBER, *BY, *WHY), "is none of: withdraw, reinstate"),
    (("decide", "withdraw", 2026, NUMBER, *BY, *WHY), f"There is no submission '{NUMBER}'"),
    (("decide", "withdraw", 2026, "示例", *BY, *WHY), "There is no submission '示例'"),
    (("decide", "uphold_objection", 2026, "x", *BY, *WHY), "an objection is named by its number"),
    (("decide", "dismiss_objection", 2026, 7, *BY, *WHY), "there is no such objection"),
    (("decide", "admit_late", 2026, "abcd", *BY, *WHY), "at least 8 characters"),
    (("decide", "recuse", 2026, NUMBER, *BY, *WHY), "no such expert, or no such submission"),
    (("decide", "replace_expert", 2026, "E0001", *BY, *WHY), "nobody of this id has a seat"),
    (("decide", "ask_correction", 2026, NUMBER, *BY, *WHY), "there is no such submission in this season"),
    (("decide", "same_achievement", 2026, NUMBER, "--other", NUMBER, *BY, *WHY), "never shown as alike"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=[" ".join(map(str, words[:4])) for words, _ in REFUSED])
def test_a_command_that_cannot_be_carried_out(
    gangchuang: Gangchuang, opened: Player, words: tuple[object, ...], said: str
) -> None:
    before = opened.kept()

    answer = gangchuang(*words)

    assert answer.status != 0
    assert said in " ".join(answer.err.replace("│", " ").split()), answer
    assert "Traceback" not in answer.err
    assert opened.kept() == before


@pytest.mark.parametrize(
    "words", [("status",), ("run", "collect", 2026), (*MOVE, "--to", "2026-05-08T18:00"), ("history", 2026)]
)
def test_a_database_of_a_newer_version(gangchuang: Gangchuang, opened: Player, words: tuple[object, ...]) -> None:
    open_database.cache_clear()
    with opened.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = opened.kept()

    answer = gangchuang(*words)

    assert (answer.status, opened.kept()) == (1, before)
    assert "written by a newer version (schema 9999" in answer.err
    open_database.cache_clear()


def test_a_file_that_is_no_database(gangchuang: Gangchuang, player: Player) -> None:
    player.engine.dispose()
    for old in player.home.glob("gangchuang.db*"):
        old.unlink()
    (player.home / "gangchuang.db").write_bytes(b"a shopping list " * 100)

    answer = gangchuang("status")

    assert answer.status == 1
    assert "not a database" in answer.err


@pytest.mark.parametrize("stage", ["close-call", "draw_panel", "publish-results"])
def test_a_stage_that_is_not_due_says_so_and_changes_nothing(
    gangchuang: Gangchuang, opened: Player, stage: str
) -> None:
    before = opened.kept()

    answer = gangchuang("run", stage, 2026)

    assert (answer.status, opened.kept()) == (1, before)
    assert '"outcome": "not_due"' in answer.out
    assert "nothing was changed. `gangchuang status 2026` tells what is due" in answer.err


def test_a_second_call_of_a_stage_at_the_same_moment(gangchuang: Gangchuang, opened: Player) -> None:
    with opened.writing() as session:
        take(session, "stage/2026/collect", owner="another run", seconds=60)

    answer = gangchuang("run", "collect", 2026)

    assert answer.status == 1
    assert "stage/2026/collect is being worked on by another run" in answer.err


def test_a_season_file_that_cannot_be_used_names_its_keys(gangchuang: Gangchuang, player: Player) -> None:
    folder = player.home / "seasons"
    folder.mkdir()
    (folder / "2026.toml").write_text("year = 2026\nlunch = 12", "utf-8")

    answer = gangchuang("season", "check", 2026)

    assert answer.status == 1
    assert "2026.toml cannot be used:" in answer.err
    assert "lunch: Extra inputs are not permitted" in answer.err
    assert "title: Field required" in answer.err


def run_elsewhere(home: Path, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    environment = {**os.environ, "GANGCHUANG_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"}
    environment.pop("PREFECT_API_URL", None)
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize(
    "words",
    [
        ("run", "close-call", "2026"),
        ("move", "close_call", "2026", "--to", "2026-05-08T18:00", "--by", "示例·王主任", "--reason", "示例"),
    ],
    ids=["run", "move"],
)
def test_a_stage_in_a_home_that_does_not_exist(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = run_elsewhere(tmp_path / "new" / "home", *words)

    assert answer.returncode == 1
    assert answer.stderr.startswith("gangchuang: There is no home folder")
    assert not (tmp_path / "new").exists()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("a file where the home should be")

    answer = run_elsewhere(in_the_way / "home", "season", "plan", "2026", "--by", "示例·王主任")

    assert answer.returncode == 1
    assert answer.stderr.startswith("gangchuang: The home folder")
    assert "cannot be written" in answer.stderr
    assert "GANGCHUANG_HOME" in answer.stderr


def test_an_ordinary_answer_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()

    answer = run_elsewhere(tmp_path / "home", "status")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "No season is planned yet. Next: `gangchuang season check YEAR`" in answer.stdout


def test_a_home_that_is_not_there_is_named_and_not_made(fresh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANGCHUANG_HOME", str(fresh_home / "mistyped"))
    settings.cache_clear()

    with pytest.raises(HomeMissing, match="There is no home folder .*mistyped"):
        app(["status"], standalone_mode=False)

    assert not (fresh_home / "mistyped").exists()
    app(["season", "check", "2026"], standalone_mode=False)
