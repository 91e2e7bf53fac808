"""The pool is the office's: rows add and update, nobody is dropped; stepping back is never undone."""

import json
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Assignment, DeclaredConflict, Expert, History, Recusal, Seat
from models.database import writing
from models.enums import AssignmentState, CallState, Role, SeatState
from models.forms import ExpertForm
from states.history.seals import Seals
from states.machine import Act, Actor
from states.panel.pool import Changed, Imported, import_experts, pool_members
from states.panel.recusals import RecusalRefused, recuse
from states.submissions.delivery import Delivered
from tests.support.builders import OFFICE, a_season, season_rules
from tests.support.panel import a_score, an_assignment, an_eligible_submission

AT = datetime(2026, 6, 20, 9, tzinfo=ZONE)


def form(name: str = "示例·甲", **changes: Any) -> ExpertForm:
    fields = {"name": name, "organisation": "示例大学", "fields": ("机械制造",), "mail": "a@example.invalid"}
    return ExpertForm(**{**fields, **changes})


def bring(session: Session, *forms: ExpertForm, role: Role = Role.OFFICE) -> Imported:
    delivered = Delivered(2026, "office", "e" * 64, AT, Act(Actor(role, "office"), AT))
    return import_experts(session, delivered, list(enumerate(forms, start=1)))


def test_new_experts_are_numbered(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        brought = bring(session, form("示例·甲"), form("示例·乙", fields=("能源环保", "建筑交通")))

        assert brought.accepted == {1: "E0001", 2: "E0002"}
        assert brought.pool.added == (("示例·甲", "示例大学"), ("示例·乙", "示例大学"))
        assert session.get_one(Expert, "E0002").fields == "能源环保、建筑交通"
        entry = session.scalars(select(History).where(History.trigger == "import_experts")).one()
        assert "示例·甲" not in entry.facts


def test_known_experts_are_updated_and_the_change_is_told(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        bring(session, form("示例·甲"), form("示例·乙"))

        brought = bring(session, form(" 示例 甲", mail="new@example.invalid", statement_on=date(2026, 6, 15)))

        assert brought.accepted == {1: "E0001"}
        assert brought.pool.changed == (
            Changed("E0001", "示例·甲", "联系邮箱", "", "已更改"),
            Changed("E0001", "示例·甲", "承诺书签署日期", "（空）", "2026-06-15"),
        )
        assert brought.pool.unlisted == (("E0002", "示例·乙"),)
        assert session.get_one(Expert, "E0001").mail == "new@example.invalid"
        assert session.get(Expert, "E0002") is not None, "nobody is dropped by not being listed"


@pytest.mark.parametrize(("valid_until", "named"), [(date(2027, 9, 29), True), (date(2027, 9, 30), False)])
def test_whose_term_ends_before_the_season_is_named(engine: Engine, valid_until: date, named: bool) -> None:
    with writing(engine) as session:
        a_season(session)

        expiring = bring(session, form(valid_until=valid_until)).pool.expiring

        assert expiring == ((("示例·甲", valid_until),) if named else ())


def test_the_pool_says_who_may_be_drawn_and_who_stayed_away(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, 2025)
        a_season(session, state=CallState.FINAL_REVIEW)
        signed = date(2026, 6, 15)
        bring(session, form("示例·甲", statement_on=signed), form("示例·乙"))
        bring(session, form("示例·丙", statement_on=signed, valid_until=date(2026, 6, 19)))
        for year, absent in ((2025, True), (2026, False)):
            seat = Seat(
                season=year, expert="E0001", position=1, field="机械制造", state=SeatState.SEATED, absent=absent
            )
            session.add(seat)
        session.flush()

        standings = pool_members(session, season_rules(2026), AT)

        assert [
            (standing.expert.id, standing.problem, standing.seat, dict(standing.absences)) for standing in standings
        ] == [
            ("E0001", "", SeatState.SEATED, {2025: True, 2026: False}),
            ("E0002", "not signed", None, {}),
            ("E0003", "expired", None, {}),
        ]


def test_the_same_name_elsewhere_is_another_person(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        brought = bring(session, form(), form(organisation="示例学院"))

        assert brought.accepted == {1: "E0001", 2: "E0002"}


def test_the_same_rows_again_change_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        bring(session, form())

        assert not bring(session, form()).pool


def test_only_the_office_keeps_the_pool(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        brought = bring(session, form(), role=Role.DISTRICT)

        assert ({position: refusal.code for position, refusal in brought.refused.items()}, brought.accepted) == (
            {1: "role"},
            {},
        )
        assert session.scalars(select(Expert)).all() == []


def test_declared_conflicts_are_kept_by_their_key_once(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        bring(session, form(declared=("示例 公司", "示例·丙")))
        bring(session, form(declared=("示例公司",)))

        keys = session.execute(select(DeclaredConflict.expert, DeclaredConflict.key)).all()
        assert sorted(tuple(key) for key in keys) == [("E0001", "示例丙"), ("E0001", "示例公司")]


def test_an_expert_steps_back_before_scoring(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = an_assignment(session, number, 1)

        for _ in range(2):
            recuse(session, 2026, expert, number, Act(OFFICE, AT), reason="与完成人相识：示例·甲")

        assert session.get_one(Assignment, (number, expert, 1), populate_existing=True).state is AssignmentState.RECUSED
        assert len(session.scalars(select(Recusal)).all()) == 1
        entry = session.scalars(select(History).where(History.trigger == "recuse")).one()
        told = Seals(session, 2026).show(json.loads(entry.facts))
        assert ({"expert": expert}, entry.reason) == ({"expert": told["expert"]}, ""), "the reason may name people"
        assert (set(told), expert in entry.facts) == ({"expert", "sealed"}, False)


def test_who_has_scored_cannot_step_back(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = a_score(session, number, 1, 80)

        with pytest.raises(RecusalRefused, match=f"{expert} cannot step back from {number}: it is scored already"):
            recuse(session, 2026, expert, number, Act(OFFICE, AT), reason="示例")


@pytest.mark.parametrize(("expert", "number"), [("E9999", None), ("E0001", "2026-500103-0999"), ("", "")])
def test_nobody_unknown_steps_back(engine: Engine, expert: str, number: str | None) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        known = an_eligible_submission(session)
        an_assignment(session, known, 1)

        with pytest.raises(RecusalRefused, match="no such expert, or no such submission"):
            recuse(session, 2026, expert, known if number is None else number, Act(OFFICE, AT), reason="示例")
