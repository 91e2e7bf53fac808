"""Who may not look into an objection: whoever had a part in what it is about."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from config.units import all_units
from models import Approval, Assignment, Contributor, Expert, History, ObjectionRuling, Organisation, Submission
from models.enums import ApprovalDecision, Role, Trigger
from states.history.canonical import submission_subject
from states.machine import Actor
from states.rules.names import name_key
from states.rules.reviewers.organisations import organisation_key


def barred_as(session: Session, season: Season, number: str, person: str, *, objection: int, ordinal: int) -> str:
    """Why a person may not investigate an objection to a submission, in English; empty when they may."""
    return next(_parts(session, season, number, person, objection, ordinal), "")


def organisation_of(season: Season, person: str) -> str:
    """Where somebody who may investigate works: officers in the office, the others where the season file says."""
    outside = {investigator.name: investigator.organisation for investigator in season.objections.investigators}
    return outside.get(person, season.office.name)


def _parts(session: Session, season: Season, number: str, person: str, objection: int, ordinal: int) -> Iterator[str]:
    approved = select(Approval.ordinal).where(
        Approval.season == season.year, Approval.officer == person, Approval.decision == ApprovalDecision.APPROVED
    )
    if session.scalar(approved.limit(1)) is not None:
        yield "they approved the award list"
    struck = select(History.sequence).where(
        History.subject == submission_subject(number),
        History.trigger == Trigger.STRIKE,
        History.actor == str(Actor(Role.OFFICE, person)),
    )
    if session.scalar(struck.limit(1)) is not None:
        yield "they struck it from the award list"
    submission = session.get_one(Submission, number)
    named = session.scalars(select(Organisation.name).where(Organisation.number == number))
    theirs = organisation_key(organisation_of(season, person))
    office = organisation_key(f"{all_units()[submission.unit].name}科协")
    if theirs and (theirs.startswith(office) or theirs in map(organisation_key, named)):
        yield "they work for the unit or for an organisation of the submission"
    key = name_key(person)
    if key in session.scalars(select(Contributor.name_key).where(Contributor.number == number)).all():
        yield "they contributed to the achievement"
    experts = select(Expert.name_key).join(Assignment, Assignment.expert == Expert.id)
    if key in session.scalars(experts.where(Assignment.number == number)).all():
        yield "they reviewed the submission as an expert"
    before = select(ObjectionRuling.investigator).where(
        ObjectionRuling.objection == objection, ObjectionRuling.ordinal < ordinal
    )
    if person in session.scalars(before).all():
        yield "they investigated it the first time"
