"""Every command: its help, and what it does in an ordinary year."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import ANY

import click
import pytest
import typer
from sqlalchemy import select, text

from config.local_time import ZONE
from config.milestones import Milestone
from flows.cli.commands import app
from flows.decisions import Decision
from flows.workbooks.writer.filling import submission_row
from models import Approval, Call, MilestoneDate, Placing, Submission
from models.enums import ApprovalDecision, CallState, Outcome, PublicationKind, WorkbookKind
from states.audit.bound import Gap
from states.final_round.approval import list_digest
from states.history import canonical
from states.machine import Act
from states.roots import record_root
from tests.flows.cli.conftest import Gangchuang
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission, season_rules
from tests.support.panel import a_ranked_season
from tests.support.playing import Player

BY = ("--by", "示例·王主任")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found += commands(command, (*path, name)) if inner else [((*path, name), command)]  # type: ignore[arg-type]
    return found


EVERY = commands(typer.main.get_command(app))  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "command"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_every_commands_help_says_when_one_needs_it(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help, path
    first, _, rest = command.help.partition("\n")
    assert first.endswith((".", ":")), first
    assert "When:" in rest, path
    for option in command.params:
        assert getattr(option, "help", None), f"{path}: {option.name} has no help"


def test_help_is_printed(gangchuang: Gangchuang) -> None:
    answer = gangchuang("move", "--help")

    assert answer.status == 0
    assert "When: whenever a date must change" in " ".join(answer.out.replace("│", " ").split())


def test_the_help_of_decide_names_every_decision_with_its_fields(gangchuang: Gangchuang) -> None:
    answer = gangchuang("decide", "--help")

    told = {line.split()[0]: line for line in answer.out.splitlines() if line.startswith("  ") and line.split()}
    for decision in Decision:
        asked = decision.asked
        fields = [field.title for field in (asked.subject, asked.other, asked.reason) if field]
        assert all(word in told[decision] for word in (asked.title, *fields)), decision


def test_a_season_is_checked(gangchuang: Gangchuang, player: Player) -> None:
    for own in ("reports/yearly.html.j2", "papers/certificate.typ"):
        path = player.home / "templates" / own
        path.parent.mkdir(parents=True)
        path.write_text("{{ reprt }}", "utf-8")

    answer = gangchuang("season", "check", 2026)

    assert answer.status == 0
    assert "2026-04-30 18:00" in answer.out
    assert "39 reporting units in force; zone Asia/Shanghai" in answer.out
    assert "the calendar of 2027 is provisional" in " ".join(answer.out.split())
    assert "calendar of 2026: official, chinesecalendar" in answer.out
    assert "calendar of 2027: PROVISIONAL 暂定, holidays" in answer.out
    assert f"own wording: {player.home}/templates/reports/yearly.html.j2" in answer.out
    assert f"own design: {player.home}/templates/papers/certificate.typ" in answer.out
    assert "yearly.html.j2 asks for reprt, which it is not given" in " ".join(answer.out.split())


@pytest.mark.parametrize(("days", "words"), [(-10, "in force; see"), (0, "in force, 1 of them over already")])
def test_a_season_is_planned_and_its_status_told(gangchuang: Gangchuang, player: Player, days: int, words: str) -> None:
    player.at(season_rules().dates.open_call + timedelta(days=days))
    planned = gangchuang("season", "plan", 2026, *BY)
    told = gangchuang("status", 2026)

    assert (planned.status, told.status) == (0, 0)
    assert f"35 dates are {words}" in " ".join(planned.out.split())
    assert "已计划 (planned)" in told.out
    with player.reading() as session:
        assert session.get_one(Call, 2026).state is CallState.PLANNED


def test_the_status_tells_who_owes_and_what_comes_next(gangchuang: Gangchuang, opened: Player) -> None:
    with opened.writing() as session:
        a_submission(session)

    (facts,) = json.loads(gangchuang("status", "--json").out)
    told = gangchuang("status").out

    assert (facts["state"], facts["submissions"]) == ("open", {"submitted": 1})
    owing = [debtor["name"] for debtor in facts["owing"] if debtor["what"] == "submissions"]
    assert len(owing) == 38
    assert "渝中区" not in owing
    ahead = [date["milestone"] for date in facts["timetable"] if date["standing"] in ("next", "ahead")]
    assert ahead[:5] == ["remind_call"] * 3 + ["close_call", "remind_district_round"]
    assert "万州区" in told
    assert "close_call" in told


def test_the_status_tells_what_waits_for_a_person(gangchuang: Gangchuang, player: Player) -> None:
    with player.writing() as session:
        season, _ = a_ranked_season(session)
        digest = list_digest(session, 2026)
    player.at(season.dates.close_re_review)

    (facts,) = json.loads(gangchuang("status", 2026, "--json").out)

    assert [waiting["sentence"] for waiting in facts["waits_for_a_person"]] == [
        f"approval of the proposed list, digest {digest[:16]}"
    ]


def test_a_date_is_moved(gangchuang: Gangchuang, opened: Player) -> None:
    answer = gangchuang(
        "move", "close_call", 2026, "--to", "2026-05-08T18:00", "--district", UNIT, *BY, "--reason", "示例理由"
    )

    assert answer.status == 0
    with opened.reading() as session:
        assert (
            session.get_one(MilestoneDate, (2026, "close_call", 1, UNIT)).due_at.isoformat().startswith("2026-05-08T")
        )
    assert opened.letters("date_moved") == [f"date_moved/{UNIT}/close_call/3"]


def test_a_stage_is_run_dry_and_for_real(gangchuang: Gangchuang, opened: Player) -> None:
    opened.at(opened.due_at(Milestone.CLOSE_CALL))
    before = opened.kept()

    dry = json.loads(gangchuang("run", "close-call", 2026, "--dry-run").out)
    assert (dry["outcome"], opened.kept()) == ("dry_run", before)
    real = json.loads(gangchuang("run", "close-call", 2026).out)

    assert (real["outcome"], real["units closed"]) == ("done", "39")
    with opened.reading() as session:
        assert session.get_one(Call, 2026).state is CallState.DISTRICT_REVIEW


def test_a_stage_takes_parameters(gangchuang: Gangchuang, opened: Player) -> None:
    answer = json.loads(gangchuang("run", "remind", 2026, "--set", "milestone=remind_call", "--set", "ordinal=2").out)

    assert answer["outcome"] in ("already_done", "not_due")


def test_the_history_of_a_submission_and_of_a_call(gangchuang: Gangchuang, opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)

    told = gangchuang("history", number)
    entries = [json.loads(line) for line in gangchuang("history", 2026, "--json").out.splitlines()]

    first, meaning, second, *facts = [line.strip() for line in told.out.splitlines()]
    assert first == "1  2026-03-02 10:00:00  submit 申报"
    assert meaning == "The submission came in and was taken."
    assert second == "– → submitted 已申报  by district:500103"
    assert facts[:2] == ["admitted: yes", "arrived_at: 2026-03-02 10:00 Asia/Shanghai"]
    assert facts[-1].startswith("hash ")
    assert [(entry["sequence"], entry["trigger"]) for entry in entries] == [(1, "plan"), (2, "open_call")]
    assert entries[0]["facts"]["dates"]["open_call/1"] == "2026-03-02T01:00:00.000000+00:00"


def test_a_whole_record_is_said_to_be_whole(gangchuang: Gangchuang, player: Player, opened: Player) -> None:
    assert opened is player
    answer = gangchuang("verify")

    said = "2026: no root was published yet; whoever owns the database can still rewrite the whole season."
    assert (answer.status, answer.out.splitlines(), answer.err) == (0, ["The record is whole.", said], "")


def test_what_the_record_of_an_earlier_version_does_not_prove_is_said(
    gangchuang: Gangchuang, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "VERSION", 1)
    with player.writing() as session:
        a_season(session)
        session.get_one(Call, 2026).seal_key = ""
        a_submission(session)

    told = json.loads(gangchuang("verify", "--json").out)
    answer = gangchuang("verify")

    assert told == {
        "findings": [],
        "stamps": [],
        "unstamped": [],
        "under_no_root": {"2026": ANY},
        "unproven": {"2026": ANY},
    }
    assert told["unproven"]["2026"] == [Gap.REACHED, Gap.WORDS, Gap.SENT_BACK]
    assert answer.status == 0
    assert answer.out.splitlines()[-1] == (
        "2026: an earlier version wrote part of its record, which does not prove: whom to reach about submissions,"
        " and what their files were called; comments, reasons to step back, objectors"
        " and their grounds; what units wrote when they sent something back."
    )


def test_a_season_that_does_not_exist_is_neither_whole_nor_recomputed(gangchuang: Gangchuang, opened: Player) -> None:
    for command in ("verify", "recompute"):
        answer = gangchuang(command, "2031")

        assert (answer.status, answer.out) == (1, "")
        assert "2031" in answer.err


def test_an_empty_record_is_said_to_be_empty(gangchuang: Gangchuang) -> None:
    answer = gangchuang("verify")

    assert (answer.status, answer.out) == (0, "The record is empty: no season is planned yet.\n")


def test_a_changed_entry_is_named(gangchuang: Gangchuang, opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)
        session.execute(text("DROP TRIGGER history_no_update"))
        session.execute(text(f"UPDATE history SET actor = 'office:x' WHERE subject = 'submission/{number}'"))

    answer = gangchuang("verify", 2026)

    assert answer.status == 1
    assert f"submission/{number}" in answer.err
    assert "the record was changed" in answer.err


def test_an_export_is_checked_by_the_file_beside_it(gangchuang: Gangchuang, opened: Player, tmp_path: Path) -> None:
    target = tmp_path / "out" / "history.jsonl"
    target.parent.mkdir()
    with opened.writing() as session:
        root = record_root(session, 2026, PublicationKind.PUBLIC_NOTICE, Act(OFFICE, opened.settings.clock.now())).root

    answer = gangchuang("history", "export", 2026, target)
    checked = subprocess.run(
        [sys.executable, "-I", target.parent / "verify_history.py", target, "--root", root],
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.status == 0
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_proof_before_any_publication_says_to_wait(gangchuang: Gangchuang, opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)

    answer = gangchuang("history", "proof", number)

    assert answer.status == 1
    assert f"{number} is not under a published root yet" in answer.err


def test_the_list_is_approved_with_one_struck(gangchuang: Gangchuang, player: Player) -> None:
    with player.writing() as session:
        season, (kept, struck, *_) = a_ranked_season(session)
        digest = list_digest(session, 2026)
    player.at(season.dates.close_re_review)

    answer = gangchuang("approve", 2026, "--digest", digest[:8], *BY, "--strike", f"{struck}，", "--reason", "材料不实")

    assert answer.status == 0
    assert "approved: 2" in answer.out
    with player.reading() as session:
        assert session.get_one(Placing, kept).approved
        assert session.get_one(Placing, struck).struck == "材料不实"


def test_the_list_is_sent_back(gangchuang: Gangchuang, player: Player) -> None:
    with player.writing() as session:
        season, _ = a_ranked_season(session)
        digest = list_digest(session, 2026)
    player.at(season.dates.close_re_review)

    answer = gangchuang("approve", 2026, "--digest", digest, *BY, "--send-back", "--reason", "核对分数")

    assert answer.status == 0
    with player.reading() as session:
        assert session.get_one(Approval, (2026, 1)).decision is ApprovalDecision.SENT_BACK
        assert session.get_one(MilestoneDate, (2026, "close_re_review", 1, "")).due_at == season.dates.close_re_review


def test_an_officer_withdraws_for_a_unit(gangchuang: Gangchuang, opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)

    answer = gangchuang("decide", "withdraw", 2026, number, *BY, "--reason", "单位申请")

    assert (answer.status, opened.letters("withdrawn")) == (0, [f"withdrawn/{UNIT}/{number}/2"])
    with opened.reading() as session:
        assert session.scalars(select(Submission.outcome)).all() == [Outcome.WITHDRAWN]


def test_a_delivery_of_another_unit_is_answered_with_what_is_wrong(gangchuang: Gangchuang, opened: Player) -> None:
    issued = opened.issue(WorkbookKind.SUBMISSIONS, "500101")
    (opened.inbox(UNIT) / "申报.xlsx").write_bytes(issued.read_bytes())

    answer = json.loads(gangchuang("run", "collect", 2026).out)

    assert (answer["taken"], answer["rows in"]) == ("1", "0")
    (facts,) = json.loads(gangchuang("status", "--json").out)
    assert [waiting for waiting in facts["waits_for_a_person"] if waiting["wait"] == "delivery"]


def test_a_refused_delivery_waits_until_the_unit_has_sent_a_good_one(gangchuang: Gangchuang, opened: Player) -> None:
    issued = opened.issue(WorkbookKind.SUBMISSIONS, "500101")
    opened.issue(WorkbookKind.SUBMISSIONS, UNIT)
    (opened.inbox(UNIT) / "申报.xlsx").write_bytes(issued.read_bytes())
    gangchuang("run", "collect", 2026)
    opened.at(datetime(2026, 4, 3, 10, tzinfo=ZONE))
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(a_form("改正后的成果"))])
    gangchuang("run", "collect", 2026)

    (facts,) = json.loads(gangchuang("status", "--json").out)

    assert facts["waits_for_a_person"] == []
