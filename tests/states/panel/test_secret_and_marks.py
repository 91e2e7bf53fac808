"""The panel's draw cannot be steered: not by rows or ids, and where the season names public numbers, not by the seed."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from config.season import Season
from models import Expert, History, Seat
from models.database import writing
from models.enums import CallState, Trigger
from states.audit.recompute import recompute
from states.history.read import read_entries
from states.machine import Act
from states.officers import DecisionRefused
from states.panel.draw import SecretLost, assign_panel, draw, enter_randomness, ready_to_draw
from states.rules.reviewers.draw import commitment
from states.transitions import note_call
from tests.support.builders import OFFICE, SYSTEM, a_season, an_expert, season_rules
from tests.support.decided import SIGNED, small_rules
from tests.support.panel import an_eligible_submission

SECRET = hashlib.sha512("示例".encode()).digest()
LOTTERY = "专家库封存之后第一期双色球开奖号码"


def rules(public: str = "") -> Season:
    return small_rules(season_rules(), public_randomness=public)


def a_pool(session: Session, season: Season, order: list[int]) -> Act:
    """Eight people who came in this order, and so have ids in this order; the draw is committed to."""
    a_season(session, state=CallState.FINAL_REVIEW, rules=season)
    act = Act(SYSTEM, season.dates.draw_panel)
    facts = {"commitment": commitment(SECRET[:32]), "marks": commitment(SECRET[32:])}
    note_call(session, season.year, Trigger.COMMIT_DRAW, act, facts=facts)
    for position, person in enumerate(order, start=1):
        who = {"name": f"示例·{person}", "name_key": f"示例·{person}"}
        where = {"organisation": f"示例院{person}", "organisation_key": f"示例院{person}"}
        an_expert(session, position, statement_on=SIGNED, **who, **where)
    for _ in range(4):
        an_eligible_submission(session)
    return act


def seated(session: Session) -> list[str]:
    query = select(Expert.name).join(Seat, Seat.expert == Expert.id).order_by(Seat.position)
    return list(session.scalars(query))


def by_formula(seed: bytes) -> list[str]:
    """The first seven of the eight, all of whom know every field: five seats and two reserves."""

    def place(person: int) -> bytes:
        identity = f"2026\0示例·{person}\0示例院{person}".encode()
        return hashlib.sha256(seed + hmac.new(SECRET[32:], identity, "sha256").hexdigest().encode()).digest()

    return [f"示例·{person}" for person in sorted(range(1, 9), key=place)][:7]


@pytest.mark.parametrize("order", [[1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1], [3, 1, 4, 8, 5, 2, 7, 6]])
def test_the_order_of_rows_and_ids_changes_nothing(engine: Engine, order: list[int]) -> None:
    season = rules()
    with writing(engine) as session:
        act = a_pool(session, season, order)
        assert ready_to_draw(session, season, act, SECRET) == ""
        draw(session, season, act, SECRET)

        assert seated(session) == by_formula(SECRET[:32])
        assert recompute(read_entries(session, 2026)) == []


def test_public_numbers_that_come_after_the_freeze_decide_too(engine: Engine) -> None:
    season = rules(LOTTERY)
    with writing(engine) as session:
        act = a_pool(session, season, [1, 2, 3, 4, 5, 6, 7, 8])
        with pytest.raises(DecisionRefused, match="not frozen yet"):
            enter_randomness(session, season, Act(OFFICE, act.at), "1", reason="示例")
        assert LOTTERY in ready_to_draw(session, season, act, SECRET)
        enter_randomness(session, season, Act(OFFICE, act.at), "03 12 22 33", reason="示例：开奖公告")
        with pytest.raises(DecisionRefused, match="entered already"):
            enter_randomness(session, season, Act(OFFICE, act.at), "2", reason="示例")

        assert ready_to_draw(session, season, act, SECRET) == ""
        draw(session, season, act, SECRET)

        mixed = hashlib.sha256(SECRET[:32] + b"\0public/03122233").digest()
        assert seated(session) == by_formula(mixed) != by_formula(SECRET[:32])
        assert recompute(read_entries(session, 2026)) == []


def test_a_pool_changed_after_its_freeze_needs_other_numbers(engine: Engine) -> None:
    season = rules(LOTTERY)
    with writing(engine) as session:
        act = a_pool(session, season, [1, 2, 3, 4, 5, 6, 7, 8])
        ready_to_draw(session, season, act, SECRET)
        enter_randomness(session, season, Act(OFFICE, act.at), "03122233", reason="示例")
        session.execute(update(Expert).where(Expert.id == "E0003").values(statement_on=None))
        session.expire_all()

        assert LOTTERY in ready_to_draw(session, season, act, SECRET)


def test_another_secret_than_the_one_committed_to_draws_nothing(engine: Engine) -> None:
    season = rules()
    with writing(engine) as session:
        act = a_pool(session, season, [1, 2, 3, 4, 5, 6, 7, 8])
        for secret in (b"", SECRET[::-1], SECRET[:32] + bytes(32)):
            with pytest.raises(SecretLost):
                draw(session, season, act, secret)


@pytest.mark.parametrize(
    ("trigger", "changes", "named"),
    [
        ("draw_panel", {"public": "1"}, "public numbers"),
        ("enter_randomness", {"public": "1"}, "public numbers"),
        ("freeze_pool", {"pool": "0" * 64}, "pool"),
    ],
)
def test_what_was_changed_of_the_draw_is_named(
    engine: Engine, trigger: str, changes: dict[str, Any], named: str
) -> None:
    season = rules(LOTTERY)
    with writing(engine) as session:
        act = a_pool(session, season, [1, 2, 3, 4, 5, 6, 7, 8])
        ready_to_draw(session, season, act, SECRET)
        enter_randomness(session, season, Act(OFFICE, act.at), "03122233", reason="示例")
        draw(session, season, act, SECRET)
        assign_panel(session, season, act)
        entries = list(read_entries(session, 2026))
        assert session.scalar(select(History.trigger).where(History.trigger == trigger)) == trigger
    bent = [
        {**entry, "facts": json.dumps({**json.loads(entry["facts"]), **changes})}
        if entry["trigger"] == trigger
        else entry
        for entry in entries
    ]

    assert named in {difference.what for difference in recompute(bent)}
