"""Reminders go to who owes something, say what, rise as the deadline nears, and never come twice."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.cli.status import _owing_lines
from flows.home import paths
from flows.office.owing import owing
from flows.remind import (
    NoReminder,
    remind,
    reminding_of_approval,
    reminding_of_call,
    reminding_of_district_round,
    reminding_of_re_review,
    reminding_of_scores,
)
from models import Assignment, Delivery, Message
from models.enums import CallState, DeliveryState, MilestoneState, SubmissionState, WorkbookKind
from models.queries import milestone_rows
from states.final_round.approval import approve, list_digest
from states.issued import number_of_issue
from states.machine import Act
from states.panel.aliases import Aliases
from states.panel.pairs import make_pairs
from states.submissions.corrections import ask_correction
from states.submissions.settle import withdraw
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_season, a_submission
from tests.support.panel import a_ranked_season, a_score, an_assignment, an_eligible_submission
from tests.support.playing import Player

M = Milestone
OTHER = "500101"


def pending(player: Player) -> None:
    """The builders settle reminders that lie behind; here they are still to come."""
    with player.writing() as session:
        for row in milestone_rows(session, 2026):
            if row.milestone.startswith("remind_"):
                row.state, row.settled_at = MilestoneState.PENDING, None


def play(player: Player, milestone: Milestone, ordinal: int = 1) -> dict[str, str]:
    bodies: dict[Milestone, Any] = {
        M.REMIND_CALL: reminding_of_call,
        M.REMIND_DISTRICT_ROUND: reminding_of_district_round,
        M.REMIND_EXPERTS: reminding_of_scores,
        M.REMIND_RE_REVIEW: reminding_of_re_review,
        M.REMIND_APPROVAL: reminding_of_approval,
    }
    pending(player)
    player.at(player.due_at(milestone, ordinal))
    result = player.play(milestone.value, bodies[milestone], milestone, ordinal=ordinal)
    assert result.outcome == "done"
    return dict(result.lines)


def body(player: Player, key: str) -> str:
    with player.reading() as session:
        return session.get_one(Message, f"2026/{key}").body


@pytest.mark.parametrize(("late", "outcome"), [(timedelta(hours=9), "done"), (timedelta(days=1), "not_due")])
def test_whoever_starts_it_a_reminder_whose_day_is_gone_writes_nothing(
    player: Player, late: timedelta, outcome: str
) -> None:
    with player.writing() as session:
        a_season(session)
    pending(player)
    player.at(player.due_at(M.REMIND_CALL, 1) + late)
    before = player.kept()

    result = player.play("remind_call", reminding_of_call, M.REMIND_CALL)

    assert result.outcome == outcome
    assert (player.kept() == before) is (outcome == "not_due")


def test_units_that_have_delivered_are_left_alone_unless_rows_came_back(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        a_submission(session)
        a_submission(session, unit=OTHER)
        session.add(
            Delivery(
                digest="a" * 64,
                sender=OTHER,
                season=2026,
                kind=WorkbookKind.SUBMISSIONS,
                file_name="x",
                arrived_at=season.dates.open_call,
                taken_at=season.dates.open_call,
                state=DeliveryState.PARTLY,
                rows_in=1,
                rows_back=3,
            )
        )

    lines = play(player, M.REMIND_CALL)

    assert lines["reminded"] == "38"
    assert f"call_reminder/{UNIT}/1" not in player.letters()
    assert "3" in body(player, f"call_reminder/{OTHER}/1")


def test_a_unit_whose_own_date_has_passed_is_not_reminded(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        early = season.dates.close_call - timedelta(days=20)
        how = {"reason": "示例", "act": Act(OFFICE, season.dates.open_call), "unit": UNIT, "at_once": True}
        move_date(session, 2026, "close_call", to=early, **how)

    play(player, M.REMIND_CALL)

    assert f"call_reminder/{UNIT}/1" not in player.letters()


def test_districts_are_told_which_verdicts_and_corrections_are_missing(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        unjudged, returned, withdrawn = (a_submission(session) for _ in range(3))
        a_submission(session, SubmissionState.DISTRICT_REVIEWED, OTHER)
        at = season.dates.close_call
        for number in (returned, withdrawn):
            ask_correction(session, season, number, Act(OFFICE, at), missing="缺附件")
        withdraw(session, withdrawn, Act(OFFICE, at), reason="示例")

    assert play(player, M.REMIND_DISTRICT_ROUND, 2)["reminded"] == "1"

    said = body(player, f"district_round_reminder/{UNIT}/2")
    assert "3项申报中，退回补正中的1项" in said
    assert unjudged in said
    assert returned in said
    assert withdrawn not in said
    assert player.letters("district_round_reminder") == [f"district_round_reminder/{UNIT}/2"]


def reached(player: Player) -> list[tuple[str, str]]:
    """(address, what it says of whom) of the letters about those who owe."""
    with player.reading() as session:
        rows = session.scalars(select(Message).where(Message.key.like("2026/owing/%")).order_by(Message.key))
        return [(row.recipient, next(line for line in row.body.splitlines() if line.startswith("1. "))) for row in rows]


def test_a_reminder_brings_its_date_and_grows_from_unit_to_office_to_coordination_group(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session)
    office = season.office

    play(player, M.REMIND_DISTRICT_ROUND, 1)
    assert reached(player) == []
    with player.reading() as session:
        letter = session.get_one(Message, f"2026/district_round_reminder/{UNIT}/1")
        (entry,) = json.loads(letter.attachments)
    calendar = (player.home / entry).read_text("utf-8")
    assert "DTSTART:20260529T100000Z" in calendar

    play(player, M.REMIND_DISTRICT_ROUND, 2)
    line = "1. 渝中区：1项没有初评意见"
    assert reached(player) == [(office.mail, line)]

    play(player, M.REMIND_DISTRICT_ROUND, 3)
    assert reached(player) == [(office.mail, line), (office.mail, line), (office.coordination_mail, line)]

    with player.writing() as session:
        withdraw(session, number, Act(OFFICE, player.settings.clock.now()), reason="示例")
    before = player.letters()
    play(player, M.REMIND_DISTRICT_ROUND, 3)
    assert player.letters() == before


def test_experts_are_told_what_they_owe_and_nobody_of_what_was_withdrawn(player: Player) -> None:
    with player.writing() as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        owed, gone = an_eligible_submission(session), an_eligible_submission(session)
        owing = an_assignment(session, owed, 1)
        a_score(session, owed, 2, 80)
        an_assignment(session, gone, 3)
        withdraw(session, gone, Act(OFFICE, player.settings.clock.now()), reason="示例")

    assert play(player, M.REMIND_EXPERTS, 3)["reminded"] == "1"

    assert player.letters("expert_reminder") == [f"expert_reminder/{owing}/3"]
    with player.reading() as session:
        alias = Aliases(session, player.season).of(owed)
    assert alias in body(player, f"expert_reminder/{owing}/3")
    assert owed not in body(player, f"expert_reminder/{owing}/3")
    assert f"1. 示例·专家1（{owing}）：还有1项" in body(player, "scores_owed/office/3")


def test_the_office_hears_of_owing_experts_from_the_second_reminder_on_and_status_counts_them(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        first, second = an_eligible_submission(session), an_eligible_submission(session)
        an_assignment(session, first, 1)
        an_assignment(session, first, 2)
        a_score(session, second, 1, 80)

    play(player, M.REMIND_EXPERTS, 1)

    assert player.letters("scores_owed") == []
    with player.reading() as session:
        (line,) = _owing_lines(owing(session, season, CallState.FINAL_REVIEW, {}))
    assert line.startswith("scores, 2 owing, 1 with nothing in: ")


def test_in_the_re_review_those_are_reminded_who_have_not_scored_again(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        tied = an_eligible_submission(session)
        a_score(session, tied, 1, 80)
        a_score(session, tied, 2, 80)
        owing = session.scalars(select(Assignment.expert).order_by(Assignment.expert)).first()
        make_pairs(session, season, {tied: (owing,)}, at=season.dates.close_final_round, round_number=2)
    for at, occasion in ((season.dates.draw_panel, ""), (season.dates.close_final_round, "re_review")):
        with player.writing() as session:
            number_of_issue(session, 2026, owing, WorkbookKind.SCORES, occasion, at)
    for issue in (1, 2):
        path = paths.issued(player.settings, 2026, owing, WorkbookKind.SCORES, issue)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    assert play(player, M.REMIND_EXPERTS, 3)["reminded"] == "0"
    assert play(player, M.REMIND_RE_REVIEW, 2)["reminded"] == "1"

    assert player.letters("expert_reminder") == [f"expert_reminder/{owing}/re_review/2"]
    assert "复评将于2026年7月24日" in body(player, f"expert_reminder/{owing}/re_review/2")
    with player.reading() as session:
        (sheet, _) = json.loads(session.get_one(Message, f"2026/expert_reminder/{owing}/re_review/2").attachments)
    assert sheet.endswith(f"评分表-{owing}-2.xlsx")
    assert "不补派候补专家" in body(player, "scores_owed/office/re_review/2")


def test_approval_is_asked_for_first_of_the_office_then_of_the_coordination_group(player: Player) -> None:
    with player.writing() as session:
        a_ranked_season(session)

    play(player, M.REMIND_APPROVAL, 1)
    assert player.letters("approval") == ["approval_wanted/office/reminder/1"]

    play(player, M.REMIND_APPROVAL, 2)
    assert player.letters("approval") == [
        "approval_escalated/2",
        "approval_wanted/office/reminder/1",
        "approval_wanted/office/reminder/2",
    ]


def test_after_the_approval_nobody_is_reminded(player: Player) -> None:
    with player.writing() as session:
        season, _ = a_ranked_season(session)
        approve(session, 2026, Act(OFFICE, season.dates.close_re_review), digest=list_digest(session, 2026))

    assert play(player, M.REMIND_APPROVAL, 2)["reminded"] == "0"
    assert player.letters() == []


def test_what_is_no_reminder_is_refused() -> None:
    with pytest.raises(NoReminder, match="open_call reminds of nothing"):
        remind.fn(2026, Milestone.OPEN_CALL)
