"""What the guards may look at of an objection, loaded at one instant."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from models import Objection, ObjectionRuling, Placing, Submission
from models.enums import ObjectionState, Outcome, SubmissionState, Trigger
from models.queries import lock_call
from states.guard_facts import load_season_facts
from states.history.canonical import call_subject
from states.history.read import latest_entry
from states.history.seals import Seals
from states.machine import Act
from states.objection import ObjectionCase
from states.objections.encryption import reveal
from states.objections.impartiality import barred_as
from states.officers import DecisionRefused

_SECOND = timedelta(seconds=1)


def objection_of(session: Session, season: Season, objection: int) -> Objection:
    """One objection of the season, held until the commit. Raises DecisionRefused."""
    lock_call(session, season.year)
    row = session.get(Objection, objection, with_for_update=True, populate_existing=True)
    if row is None or row.season != season.year:
        raise DecisionRefused(f"objection {objection}", "there is no such objection", f"没有编号为{objection}的异议")
    return row


def rulings_of(session: Session, objection: int) -> list[ObjectionRuling]:
    """The investigations of an objection: the first, and the reconsideration if there was one."""
    query = select(ObjectionRuling).where(ObjectionRuling.objection == objection)
    return list(session.scalars(query.order_by(ObjectionRuling.ordinal).execution_options(populate_existing=True)))


def place_of(objection: int, column: str) -> str:
    """The one place where an encrypted text can be read."""
    return f"objection {objection}, {column}"


def sealed_person(session: Session, objection: Objection) -> dict[str, str]:
    """The fact that binds who objected and why until it is deleted."""
    seals = Seals(session, objection.season)
    return seals.sealed("objection", objection.id, objection.objector, objection.contact, objection.grounds)


def case_of(
    session: Session, season: Season, objection: Objection, act: Act, *, key: bytes = b"", **request: Any
) -> ObjectionCase:
    """The facts of one objection, and of what is asked of it. `key` is needed where its objector is compared."""
    submission = session.get(Submission, objection.number) if objection.number else None
    award = _award(session, season, submission, objection.received_on or local_day(objection.received_at))
    ordinal, investigator = request.pop("ordinal", 1), str(request.get("investigator", ""))
    barred = ""
    if investigator and submission is not None:
        asked = {"objection": objection.id, "ordinal": ordinal}
        barred = barred_as(session, season, submission.number, investigator, **asked)
    return ObjectionCase(
        at=act.at,
        role=act.actor.role,
        acting=act.actor.name,
        state=objection.state,
        grounds=objection.grounds,
        comes_from_the_future=(objection.received_on or local_day(act.at)) > local_day(act.at),
        is_anonymous=not objection.objector,
        repeats=_repeated(session, objection, key) if key else None,
        reconsider_until=objection.reconsider_until,
        barred_as=barred,
        **award,
        **request,
    )


def _award(session: Session, season: Season, submission: Submission | None, received: date) -> Mapping[str, Any]:
    """Of the award: where it stands, and whether the day of receipt is one on which it could be objected to."""
    if submission is None:
        return {}
    placing = session.get(Placing, submission.number, populate_existing=True)
    given = submission.state is SubmissionState.AWARDED or submission.outcome is Outcome.COMPLETED
    concerned = given or submission.state is SubmissionState.FINAL_REVIEWED
    in_notice = _in_notice(session, season, placing, received)
    return {
        "standing": submission.state,
        "current_tier": submission.tier or (placing.tier if placing else None),
        "concerns_an_award": concerned,
        "is_late": concerned and not (in_notice or (given and _after_results(session, season, received))),
    }


def _in_notice(session: Session, season: Season, placing: Placing | None, received: date) -> bool:
    opened = _day_of(session, season, Trigger.OPEN_PUBLIC_NOTICE)
    closes_at = load_season_facts(session, season.year).deadlines.at(Milestone.CLOSE_PUBLIC_NOTICE)
    if opened is None or closes_at is None:
        return False
    last = last_day(closes_at)
    if placing is not None and placing.notice_until is not None:
        last = max(last, local_day(placing.notice_until))
    return opened <= received <= last


def last_day(closes_at: datetime) -> date:
    """Of a notice, which closes when that day is over."""
    return local_day(closes_at - _SECOND)


def _after_results(session: Session, season: Season, received: date) -> bool:
    first, days = _day_of(session, season, Trigger.PUBLISH_RESULTS), season.objections.after_award_days
    return first is not None and first <= received and (days is None or received <= first + timedelta(days=days))


def _day_of(session: Session, season: Season, trigger: Trigger) -> date | None:
    """The day of a step of the season's call, or None when it was not taken yet."""
    at = latest_entry(session, call_subject(season.year), trigger)[0]
    return local_day(datetime.fromisoformat(at)) if at else None


def _repeated(session: Session, objection: Objection, key: bytes) -> int | None:
    """An earlier objection by the same person, of the same kind and words, that was not refused."""
    alike = select(Objection).where(
        Objection.id < objection.id,
        Objection.season == objection.season,
        Objection.number.is_not_distinct_from(objection.number),
        Objection.kind.is_not_distinct_from(objection.kind),
        Objection.grounds == objection.grounds,
        Objection.state != ObjectionState.NOT_ACCEPTED,
        Objection.grounds != "",
    )
    name = _name(objection, key)
    found = (other.id for other in session.scalars(alike.order_by(Objection.id)) if _name(other, key) == name)
    return next(found, None)


def _name(objection: Objection, key: bytes) -> str:
    return reveal(key, objection.objector, place_of(objection.id, "objector"))
