"""A season's dates: planned as the file says, moved by a person with a reason, each move recorded."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.milestones import Milestone
from config.season_parts import UnitDates, UnitRules
from config.units import UnitNotInForce, UnknownUnit
from models import Call, History, Lease, MilestoneDate
from models.database import reading, writing
from models.enums import CallState, MilestoneState
from models.queries import SeasonNotPlanned, milestone_rows, season_in_force
from states.leases import take
from states.machine import Act
from states.timeline import (
    AlreadyPlanned,
    MoveRefused,
    TakesEffectAtOnce,
    UnknownMilestone,
    close_notice_after,
    move_date,
    notice_closes_at,
    plan_season,
    planned_dates,
    reopen_ranking,
)
from tests.support.builders import OFFICE, UNIT, a_season, season_rules, with_votes
from tests.support.entries import words

AT = datetime(2026, 4, 20, 9, tzinfo=ZONE)
M = Milestone


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def date_of(session: Session, milestone: Milestone, unit: str = "", ordinal: int = 1) -> MilestoneDate:
    return session.get_one(MilestoneDate, (2026, milestone.value, ordinal, unit), populate_existing=True)


def last_entry(session: Session) -> History:
    query = select(History).where(History.subject == "call/2026").order_by(History.sequence.desc()).limit(1)
    return session.scalars(query).one()


def test_every_milestone_of_the_year_has_its_dates_in_order() -> None:
    dates = planned_dates(with_votes(season_rules()))

    assert {milestone for milestone, *_ in dates} == set(Milestone)
    assert {milestone for milestone, *_ in planned_dates(season_rules())} == set(Milestone) - {M.CLOSE_VOTES}
    assert [instant for *_, instant in dates] == sorted(instant for *_, instant in dates)
    assert [(m.value, ordinal, f"{at:%m-%d %H:%M}") for m, ordinal, _, at in dates if m is M.REMIND_CALL] == [
        ("remind_call", 1, "04-16 09:00"),
        ("remind_call", 2, "04-27 09:00"),
        ("remind_call", 3, "04-29 09:00"),
    ]


def test_a_notice_ends_with_its_last_working_day_the_posting_day_counted() -> None:
    season = season_rules()

    assert notice_closes_at(season, local("2026-08-03T09:00")) == local("2026-08-08T00:00")
    # 1 to 7 October are holidays, Saturday the 10th is a make-up day: 30, 8, 9, 10, 12.
    assert notice_closes_at(season, local("2026-09-30T09:00")) == local("2026-10-13T00:00")


def test_planning_records_rules_and_dates(engine: Engine) -> None:
    season = season_rules()

    with writing(engine) as session:
        plan_season(session, season, Act(OFFICE, AT))

    with reading(engine) as session:
        facts = json.loads(last_entry(session).facts)
        assert season_in_force(session, 2026) == season
        assert json.loads(facts["rules"])["year"] == 2026
        assert facts["dates"]["close_call/1"] == "2026-04-30T10:00:00.000000+00:00"
        assert len(facts["dates"]) == len(milestone_rows(session, 2026)) == len(planned_dates(season))
        assert session.get_one(Call, 2026).state is CallState.PLANNED


def test_a_season_is_planned_once(engine: Engine) -> None:
    with writing(engine) as session:
        plan_season(session, season_rules(), Act(OFFICE, AT))

    with pytest.raises(AlreadyPlanned, match="Season 2026 is planned already"), writing(engine) as session:
        plan_season(session, season_rules(), Act(OFFICE, AT))


def test_a_units_own_dates_in_the_season_file_are_dates_of_its_own(engine: Engine) -> None:
    season = season_rules()
    own = UnitRules(dates=UnitDates(close_call=local("2026-05-08T18:00")))
    district_round = season.district_round.model_copy(update={"units": {UNIT: own}})

    with writing(engine) as session:
        plan_season(session, season.model_copy(update={"district_round": district_round}), Act(OFFICE, AT))

        assert date_of(session, M.CLOSE_CALL, UNIT).due_at == local("2026-05-08T18:00")
        assert date_of(session, M.CLOSE_CALL).due_at == local("2026-04-30T18:00")


def test_moving_a_date_for_all_is_recorded_with_its_reason(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        moved = move_date(session, 2026, "close_call", Act(OFFICE, AT), to=local("2026-05-08T18:00"), reason="示例理由")

        entry = last_entry(session)
        assert (moved.old, moved.new) == (local("2026-04-30T18:00"), local("2026-05-08T18:00"))
        assert date_of(session, M.CLOSE_CALL).due_at == moved.new
        assert (entry.trigger, words(session, entry), entry.actor) == ("move_date", "示例理由", str(OFFICE))
        assert json.loads(entry.facts) == {
            "milestone": "close_call/1",
            "new": "2026-05-08T10:00:00.000000+00:00",
            "old": "2026-04-30T10:00:00.000000+00:00",
        }


def test_one_district_gets_a_date_of_its_own(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        move_date(session, 2026, "close_call", Act(OFFICE, AT), to=local("2026-05-08T18:00"), reason="示例", unit=UNIT)

        assert date_of(session, M.CLOSE_CALL).due_at == local("2026-04-30T18:00")
        assert date_of(session, M.CLOSE_CALL, UNIT).due_at == local("2026-05-08T18:00")


def test_a_date_that_has_passed_can_still_be_moved_for_one_district(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        after = local("2026-05-02T10:00")

        with pytest.raises(MoveRefused, match="it is done already; give the districts concerned a date of their own"):
            move_date(session, 2026, "close_call", Act(OFFICE, after), to=local("2026-05-08T18:00"), reason="示例")
        move_date(
            session, 2026, "close_call", Act(OFFICE, after), to=local("2026-05-08T18:00"), reason="示例", unit=UNIT
        )

        assert date_of(session, M.CLOSE_CALL, UNIT).state is MilestoneState.PENDING


@pytest.mark.parametrize(
    ("milestone", "to", "more", "error", "words"),
    [
        ("lunch", "2026-05-08T18:00", {}, UnknownMilestone, "no milestone 'lunch'"),
        ("close_call", "2026-05-08T18:00", {"reason": " "}, MoveRefused, "a reason is needed"),
        ("archive", "2026-10-08T18:00", {"unit": UNIT}, MoveRefused, "only close_call and close_district_round"),
        ("close_call", "2026-05-08T18:00", {"unit": "999999"}, UnknownUnit, "'999999'"),
        ("close_call", "2026-05-08T18:00", {"unit": "500105"}, UnitNotInForce, "no reporting unit on 2026-03-02"),
        ("remind_call", "2026-04-28T09:00", {"ordinal": 9}, MoveRefused, "no remind_call number 9"),
        ("open_call", "2026-03-05T09:00", {}, MoveRefused, "it is done already"),
        ("close_call", "2026-05-29T18:00", {}, MoveRefused, "it would come after close_district_round"),
        ("close_district_round", "2026-04-30T18:00", {}, MoveRefused, "it would come before close_call"),
        ("close_call", "2026-03-02T09:00", {}, TakesEffectAtOnce, "2026-03-02 09:00 is not in the future"),
        ("close_call", "2026-04-20T09:00", {}, TakesEffectAtOnce, "2026-04-20 09:00 is not in the future"),
        ("remind_call", "2026-04-19T09:00", {}, TakesEffectAtOnce, "not in the future.*nobody is without anything in"),
        ("close_call", "2026-04-29T18:00", {}, TakesEffectAtOnce, "earlier than 2026-04-30 18:00.*39 with nothing in"),
        (
            "close_call",
            "2026-04-29T18:00",
            {"unit": UNIT},
            TakesEffectAtOnce,
            "earlier than.*1 with nothing in: 渝中区",
        ),
        ("close_final_round", "2026-07-01T18:00", {}, TakesEffectAtOnce, "takes time away from people"),
    ],
)
def test_a_move_that_cannot_be_says_why_and_changes_nothing(
    engine: Engine, milestone: str, to: str, more: dict[str, object], error: type[Exception], words: str
) -> None:
    with writing(engine) as session:
        a_season(session)
        before = [row.model_dump() for row in milestone_rows(session, 2026)]
    options = {"reason": "示例", **more}

    with pytest.raises(error, match=words), writing(engine) as session:
        move_date(session, 2026, milestone, Act(OFFICE, AT), to=local(to), **options)  # type: ignore[arg-type]

    with reading(engine) as session:
        assert [row.model_dump() for row in milestone_rows(session, 2026)] == before


def test_a_date_for_all_does_not_come_before_a_districts_own_earlier_step(engine: Engine) -> None:
    """A district whose call closes later must still have time to judge."""
    said = {"reason": "示例", "act": Act(OFFICE, AT)}
    with writing(engine) as session:
        a_season(session)
        move_date(session, 2026, "close_call", to=local("2026-05-20T18:00"), unit=UNIT, **said)

        with pytest.raises(MoveRefused, match=f"it would come before close_call of {UNIT} .2026-05-20 18:00"):
            move_date(session, 2026, "close_district_round", to=local("2026-05-15T18:00"), **said)

        move_date(session, 2026, "close_district_round", to=local("2026-05-25T18:00"), unit=UNIT, at_once=True, **said)
        move_date(session, 2026, "close_district_round", to=local("2026-05-15T18:00"), at_once=True, **said)
        with pytest.raises(MoveRefused, match=f"it would come before close_district_round of {UNIT}"):
            move_date(session, 2026, "check_eligibility", to=local("2026-05-25T09:00"), **said)


def test_a_districts_own_dates_are_held_against_one_another(engine: Engine) -> None:
    said = {"reason": "示例", "act": Act(OFFICE, AT), "unit": UNIT}
    with writing(engine) as session:
        a_season(session)
        with pytest.raises(MoveRefused, match=r"it would come after close_district_round \(2026-05-29"):
            move_date(session, 2026, "close_call", to=local("2026-05-30T18:00"), **said)
        move_date(session, 2026, "close_district_round", to=local("2026-05-31T18:00"), **said)

        move_date(session, 2026, "close_call", to=local("2026-05-30T18:00"), **said)

        with pytest.raises(MoveRefused, match=f"it would come before close_call of {UNIT}"):
            move_date(session, 2026, "close_district_round", to=local("2026-05-30T18:00"), **said)


def test_a_season_that_is_not_planned_cannot_be_moved(engine: Engine) -> None:
    with pytest.raises(SeasonNotPlanned), writing(engine) as session:
        move_date(session, 2026, "close_call", Act(OFFICE, AT), to=AT, reason="示例")


def test_moving_the_notice_takes_its_end_along(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)

        move_date(session, 2026, "open_public_notice", Act(OFFICE, AT), to=local("2026-08-06T09:00"), reason="示例")

        assert date_of(session, M.CLOSE_PUBLIC_NOTICE).due_at == local("2026-08-13T00:00")
        assert json.loads(last_entry(session).facts)["milestone"] == "close_public_notice/1"


def test_the_notices_end_follows_the_real_posting_day_and_is_recorded_once(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        posted = local("2026-08-05T14:00")

        ends = [close_notice_after(session, season, posted, Act(OFFICE, posted), reason="示例") for _ in range(2)]

        assert ends == [local("2026-08-12T00:00")] * 2
        moves = select(History).where(History.subject == "call/2026", History.trigger == "move_date")
        assert len(session.scalars(moves).all()) == 1


def test_a_moved_date_is_started_anew_by_the_clock(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        take(session, "start/2026/close_call/1", owner="clock", seconds=3600)

        move_date(session, 2026, "close_call", Act(OFFICE, AT), to=local("2026-05-08T18:00"), reason="示例")

        assert session.scalars(select(Lease.name)).all() == []


def test_a_ranking_sent_back_is_due_again_at_once(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        row = date_of(session, M.CLOSE_RE_REVIEW)
        row.state, row.settled_at, row.attempts = MilestoneState.DONE, row.due_at, 3
        at = local("2026-07-28T10:00")

        reopen_ranking(session, 2026, Act(OFFICE, at), reason="示例")

        row = date_of(session, M.CLOSE_RE_REVIEW)
        assert (row.state, row.settled_at, row.due_at, row.attempts) == (MilestoneState.PENDING, None, at, 0)
        assert json.loads(last_entry(session).facts)["reopened"] is True


def test_a_move_to_where_the_date_stands_already_is_recorded_once(engine: Engine) -> None:
    for _ in range(2):
        with writing(engine) as session:
            if session.get(Call, 2026) is None:
                a_season(session, state=CallState.OPEN)
            move_date(session, 2026, M.CLOSE_CALL, Act(OFFICE, AT), to=local("2026-05-08T18:00"), reason="示例")

    with reading(engine) as session:
        moves = session.scalars(select(History).where(History.trigger == "move_date")).all()
        assert len(moves) == 1


def test_a_move_by_a_second_is_a_move(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session)

        move_date(
            session,
            2026,
            "close_call",
            Act(OFFICE, AT),
            to=season.dates.close_district_round - timedelta(seconds=1),
            reason="示例",
        )

        assert date_of(session, M.CLOSE_CALL).due_at == local("2026-05-29T17:59:59")
