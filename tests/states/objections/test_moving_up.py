"""Who follows when an award is removed after an objection: the list cut anew, once the removal is final."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.season import Season
from models import MilestoneDate, Placing, Submission
from models.database import writing
from models.enums import CallState, MilestoneState, Role, SubmissionState, Tier
from states.audit.recompute import recompute
from states.audit.verify import verify
from states.call import CallCase
from states.final_round.approval import approve, list_digest
from states.history.read import read_entries
from states.machine import Act
from states.objections.process import close_objection
from states.objections.reading import moved_up, noticed_by_now
from states.rules.ranking.moving_up import TierStanding, who_moves_up
from states.submissions.reinstatement import reinstate
from states.submissions.settle import withdraw
from states.timeline import close_notice_after
from states.transitions import Ask, TransitionRefused, apply_to_many, move_call
from tests.support.builders import OFFICE, SYSTEM
from tests.support.decided import a_listed_season, small_rules
from tests.support.objections import answer, object_to

FIRST, SECOND, THIRD = Tier
SECOND_LATER = timedelta(seconds=1)
NOTICE_UNTIL = datetime(2026, 8, 26, 23, 59, 59, tzinfo=ZONE)
Entries = list[dict[str, Any]]


def rules(*, moves_up: bool = True) -> Season:
    season = small_rules()
    return season.model_copy(update={"objections": season.objections.model_copy(update={"next_moves_up": moves_up})})


def a_notice(session: Session, season: Season) -> list[str]:
    """Six ranked: 1 and 3 with a first prize, 2 with a second, 4 with a third; the notice of their list runs."""
    numbers = a_listed_season(session, season)
    at = season.dates.open_public_notice
    approve(session, 2026, Act(OFFICE, at - timedelta(days=3)), digest=list_digest(session, 2026))
    close_notice_after(session, season, at, Act(SYSTEM, at), reason="示例")
    case = CallCase(2026, at, Role.SYSTEM, CallState.FINAL_REVIEW, due_at=at, approved=True)
    move_call(session, 2026, "open_public_notice", Act(SYSTEM, at), case=case)
    return numbers


def remove(session: Session, season: Season, number: str) -> dict[str, Tier]:
    """An objection is upheld, and nobody asks for a reconsideration."""
    act = Act(OFFICE, season.dates.open_public_notice + timedelta(days=2))
    objection = object_to(session, season, number, act)
    answer(session, season, objection.id, act, upheld=True)
    assert moved_up(session, 2026) == [], "not before the removal is final"
    assert objection.reconsider_until is not None
    return close_objection(session, season, objection.id, Act(SYSTEM, objection.reconsider_until + SECOND_LATER))


def award(session: Session, at: datetime) -> tuple[str, ...]:
    settled = session.get_one(MilestoneDate, (2026, "close_public_notice", 1, ""))
    settled.state, settled.settled_at = MilestoneState.DONE, settled.due_at
    session.flush()
    ask = Ask("award", Act(SYSTEM, at))
    return apply_to_many(session, 2026, ask, Submission.state == SubmissionState.FINAL_REVIEWED).moved


@pytest.fixture
def moved(engine: Engine) -> Iterator[tuple[Session, list[str]]]:
    with writing(engine) as session:
        season = rules()
        numbers = a_notice(session, season)
        one, two, three, four, five, _ = numbers
        assert remove(session, season, one) == {two: FIRST, four: SECOND, five: THIRD}
        assert session.get_one(Placing, three).tier is FIRST
        yield session, numbers


def entries_of(session: Session) -> Entries:
    return [dict(entry) for entry in read_entries(session, 2026)]


def test_each_place_that_follows_moves_up_and_the_record_yields_it(moved: tuple[Session, list[str]]) -> None:
    session, (one, two, three, four, five, six) = moved

    assert [session.get_one(Placing, number).tier for number in (two, three, four, five, six)] == [
        *(FIRST, FIRST, SECOND, THIRD, None),
    ]
    assert [(line.number, line.before) for line in moved_up(session, 2026)] == [
        *((two, SECOND), (four, THIRD), (five, None)),
    ]
    assert verify(session) == []
    assert recompute(entries_of(session)) == []


def test_who_had_no_prize_is_awarded_after_a_notice_of_their_own(moved: tuple[Session, list[str]]) -> None:
    session, (_, two, three, four, five, _) = moved

    assert session.get_one(Placing, five).notice_until == NOTICE_UNTIL
    assert noticed_by_now(session, 2026, NOTICE_UNTIL) == []
    assert set(award(session, NOTICE_UNTIL)) == {two, three, four}
    assert noticed_by_now(session, 2026, NOTICE_UNTIL + SECOND_LATER) == [five]
    assert award(session, NOTICE_UNTIL + SECOND_LATER) == (five,)
    assert recompute(entries_of(session)) == []


def test_back_after_another_got_its_place_it_needs_one_that_is_free(moved: tuple[Session, list[str]]) -> None:
    session, (one, two, *_) = moved
    act = Act(OFFICE, NOTICE_UNTIL - timedelta(days=3))

    with pytest.raises(TransitionRefused, match="3 prizes of the first tier and better would stand") as refused:
        reinstate(session, one, act, reason="示例：查无实据")

    assert "一等奖及以上的名额已满（将有3项）" in refused.value.chinese
    withdraw(session, two, act, reason="示例")
    assert reinstate(session, one, act, reason="示例：查无实据") is SubmissionState.FINAL_REVIEWED
    assert verify(session) == []


def test_nobody_moves_where_the_season_says_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        season = rules(moves_up=False)
        numbers = a_notice(session, season)

        assert remove(session, season, numbers[0]) == {}
        assert session.get_one(Placing, numbers[1]).tier is SECOND
        assert recompute(entries_of(session)) == []


@pytest.mark.parametrize("break_it", ["another", "nobody", "forgotten", "the approver"])
def test_what_does_not_follow_is_named(moved: tuple[Session, list[str]], break_it: str) -> None:
    session, numbers = moved
    entries = deepcopy(entries_of(session))
    steps = [entry for entry in entries if entry["trigger"] == "move_up" and entry["subject"] == "call/2026"]
    facts = json.loads(steps[0]["facts"])
    if break_it == "another":
        facts["moved"][-1][0] = numbers[5]
    elif break_it == "nobody":
        facts["moved"] = []
    elif break_it == "forgotten":
        entries = [entry for entry in entries if entry["trigger"] != "move_up"]
    else:
        for entry in entries:
            entry["facts"] = entry["facts"].replace("示例·赵监督", OFFICE.name)
            entry["actor"] = entry["actor"].replace("示例·赵监督", OFFICE.name)
    steps[0]["facts"] = json.dumps(facts)

    found = {difference.what for difference in recompute(entries)}

    assert found >= ({"investigator"} if break_it == "the approver" else {"moving up"})


def test_nobody_enters_a_tier_on_which_the_panel_votes(moved: tuple[Session, list[str]]) -> None:
    from states.final_round.ranking import cut_without

    session, numbers = moved
    season = rules()
    ranking = cut_without(session, season, {numbers[2]})
    standing = {placed.submission: TierStanding(THIRD, may_move=True) for placed in ranking.placed}

    assert FIRST in who_moves_up(ranking, standing).values()
    assert FIRST not in who_moves_up(ranking, standing, [FIRST]).values()
    assert who_moves_up(ranking, {name: TierStanding(None, may_move=False) for name in standing}) == {}
