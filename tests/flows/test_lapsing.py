"""What is not corrected in time lapses by itself on the day after, and says the same whichever stage comes to it."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from config.clock import Clock
from config.local_time import ZONE
from config.milestones import Milestone
from flows import close_district_round, close_eligibility
from flows.clock import Timekeeper
from flows.collect import collecting
from flows.intake import deliveries
from flows.run import Ending, Run, StageFailed
from flows.workbooks.writer.filling import submission_row
from models import Correction, History, Message, Submission
from models.enums import CallState, CorrectionState, Outcome, SubmissionState, WorkbookKind
from models.queries import next_correction_due
from states.audit.verify import verify
from states.machine import Act
from states.submissions.corrections import ask_correction
from states.submissions.settle import withdraw
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission
from tests.support.entries import words
from tests.support.playing import Player

M, C = Milestone, CorrectionState
OTHER = "500101"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
ASKED_AT = datetime(2026, 5, 11, 10, tzinfo=ZONE)
DUE_AT = datetime(2026, 5, 18, 23, 59, 59, tzinfo=ZONE)


@pytest.fixture
def asked(player_on_both: Player) -> tuple[Player, str]:
    """The district round is open; the office has sent one submission back."""
    player = player_on_both
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session, form=a_form("一号成果"))
        ask_correction(session, season, number, Act(OFFICE, ASKED_AT), missing="缺附件")
    return player, number


def sweep(player: Player, at: datetime) -> list[str]:
    """The clock looks; of what it starts, deliveries are collected at once. Says which stages it started."""
    started = []

    def start(stage: str, parameters: dict[str, Any], key: str) -> str:
        started.append(stage)
        if stage == "collect":
            player.play(stage, collecting)
        return key

    player.at(at)
    Timekeeper(player.settings, player.engine, start)._housekeeping(2026, closed=False)
    return started


def standing(player: Player, number: str) -> tuple[Outcome | None, CorrectionState]:
    with player.reading() as session:
        return session.get_one(Submission, number).outcome, session.get_one(Correction, number).state


def entries(player: Player, number: str, *triggers: str) -> list[History]:
    query = select(History).where(History.subject == f"submission/{number}", History.trigger.in_(triggers))
    with player.reading() as session:
        assert verify(session) == []
        return list(session.scalars(query.order_by(History.sequence)))


@pytest.mark.parametrize(
    ("late", "lapsed"),
    [(-SECOND, False), (0 * SECOND, False), (SECOND, True), (9 * DAY, True)],
    ids=["a second before", "at its instant", "on the next day", "the server was down for days"],
)
def test_the_clock_lets_lapse_what_is_overdue(asked: tuple[Player, str], late: timedelta, lapsed: bool) -> None:
    player, number = asked

    started = sweep(player, DUE_AT + late)

    assert started == (["collect"] if lapsed else [])
    assert standing(player, number) == ((Outcome.INELIGIBLE, C.LAPSED) if lapsed else (None, C.OUTSTANDING))
    assert player.letters() == ([f"correction_lapsed/{UNIT}/{number}"] if lapsed else [])
    assert len(entries(player, number, "archive")) == lapsed


def test_looking_again_and_closing_the_round_change_nothing_of_it(asked: tuple[Player, str]) -> None:
    player, number = asked
    sweep(player, DUE_AT + SECOND)
    before = player.kept()

    for _ in range(2):
        player.play("collect", collecting)
    assert player.kept() == before
    assert "collect" not in sweep(player, DUE_AT + DAY)

    player.come_to(M.CLOSE_DISTRICT_ROUND)
    lines = dict(player.play("close_district_round", close_district_round.closing, M.CLOSE_DISTRICT_ROUND).lines)

    assert lines["corrections lapsed"] == "0"
    assert len(entries(player, number, "archive", "lapse_correction")) == 1
    assert player.letters("correction_lapsed") == [f"correction_lapsed/{UNIT}/{number}"]


@pytest.mark.parametrize(
    ("stage", "body", "milestone"),
    [
        ("collect", collecting, None),
        ("close_district_round", close_district_round.closing, M.CLOSE_DISTRICT_ROUND),
        ("close_eligibility", close_eligibility.concluding, M.CLOSE_ELIGIBILITY),
    ],
)
def test_the_record_says_the_same_whichever_stage_comes_to_it(
    asked: tuple[Player, str], stage: str, body: Callable[[Run], Ending], milestone: Milestone | None
) -> None:
    player, number = asked
    player.at(DUE_AT + SECOND)
    if milestone is not None:
        player.come_to(milestone)

    player.play(stage, body, milestone)

    (entry,) = entries(player, number, "archive")
    with player.reading() as session:
        assert words(session, entry) == "逾期未补正：缺附件"
    assert (entry.actor, entry.from_state) == ("system:clock", "submitted")
    assert datetime.fromisoformat(entry.at) == player.settings.clock.now()
    assert json.loads(entry.facts) == {
        "cause": "correction_lapsed",
        "correction": "lapsed",
        "due_at": "2026-05-18T15:59:59.000000+00:00",
        "outcome": "ineligible",
    }
    with player.reading() as session:
        (letter,) = session.scalars(select(Message).where(Message.key.contains("correction_lapsed")))
    assert letter.key == f"2026/correction_lapsed/{UNIT}/{number}"
    assert f"1. {number}《一号成果》" in letter.body


@pytest.mark.parametrize("why", ["it could not be taken", "it came just now"])
def test_an_answer_that_lies_in_the_inbox_spares_its_unit(
    asked: tuple[Player, str], monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """What came in time is in time, whenever it is taken; other units do not wait for it."""
    player, number = asked
    with player.writing() as session:
        other = a_submission(session, unit=OTHER, form=a_form("二号成果"))
        ask_correction(session, player.season, other, Act(OFFICE, ASKED_AT), missing="缺附件")
    player.issue(WorkbookKind.SUBMISSIONS, UNIT)
    player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(a_form("一号成果", number=number, abstract="补正"))])
    player.at(DUE_AT + SECOND)
    monkeypatch.setattr(Clock, "arrived_at", lambda *_: DUE_AT)

    with monkeypatch.context() as hindered:
        if why == "it came just now":
            hindered.setattr(Clock, "is_at_rest", lambda *_: False)
            player.play("collect", collecting)
        else:
            hindered.setattr(deliveries, "read_delivery", lambda *_, **__: 1 / 0)
            with pytest.raises(StageFailed):
                player.play("collect", collecting)

    assert standing(player, other) == (Outcome.INELIGIBLE, C.LAPSED)
    assert standing(player, number) == (None, C.OUTSTANDING)
    player.play("collect", collecting)
    assert standing(player, number) == (None, C.ANSWERED)


def test_of_what_was_withdrawn_meanwhile_only_the_record_is_told(asked: tuple[Player, str]) -> None:
    player, number = asked
    with player.writing() as session:
        withdraw(session, number, Act(OFFICE, ASKED_AT), reason="示例")

    assert sweep(player, DUE_AT + SECOND) == ["collect"]

    assert standing(player, number) == (Outcome.WITHDRAWN, C.LAPSED)
    assert [entry.actor for entry in entries(player, number, "lapse_correction")] == ["system:clock"]
    assert player.letters() == []


def test_nothing_lapses_in_a_closed_season(player_on_both: Player) -> None:
    player = player_on_both
    with player.writing() as session:
        a_season(session, state=CallState.CLOSED)
        number = a_submission(session, SubmissionState.ARCHIVED)
        session.add(Correction(number=number, asked_by="office:x", asked_at=ASKED_AT, missing="x", due_at=DUE_AT))

    assert sweep(player, DUE_AT + 500 * DAY) == []
    player.play("collect", collecting)

    assert standing(player, number)[1] is C.OUTSTANDING


def test_until_when_the_next_correction_can_still_come(asked: tuple[Player, str]) -> None:
    player, _ = asked
    with player.reading() as session:
        found = [next_correction_due(session, 2026, at) for at in (ASKED_AT, DUE_AT, DUE_AT + SECOND)]
        assert next_correction_due(session, 2025, ASKED_AT) is None

    assert found == [DUE_AT, DUE_AT, None]
