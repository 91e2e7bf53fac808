"""What became of the awarded achievements, a year later (成果转化跟踪): who is asked, what units answer.

The record has of an answer what figures are made of (in use, since when, benefit, how many places) and the delivery; the
words stand in the row and go with the season's personal data.
"""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import FollowUp, Submission
from models.enums import CallState, Outcome, Tier, Trigger, Use
from models.forms import FollowUpForm
from models.queries import call_state
from states.guard_facts import Ask
from states.history.canonical import canonical
from states.machine import Act, Refusal
from states.submissions.delivery import Change, Delivered, Taken
from states.transitions import note_submission


class Asked(NamedTuple):
    """An awarded achievement that a unit is asked about."""

    unit: str
    number: str
    title: str
    tier: Tier


def ask_about_awards(session: Session, year: int, act: Act) -> list[Asked]:
    """Keep that the units are asked what became of the awarded achievements."""
    awarded = select(Submission.unit, Submission.number, Submission.title, Submission.tier).where(
        Submission.season == year, Submission.outcome == Outcome.COMPLETED
    )
    told = session.execute(awarded.order_by(Submission.number))
    rows = [Asked(unit, number, title, tier) for unit, number, title, tier in told if tier]
    for asked in rows:
        if session.get(FollowUp, asked.number) is None:
            session.add(FollowUp(number=asked.number, asked_at=act.at))
    return rows


def unanswered(session: Session, year: int) -> dict[str, list[str]]:
    """Numbers about which nothing has come in yet, by unit; revoked awards owe nothing."""
    rows = session.execute(
        select(Submission.unit, Submission.number)
        .join(FollowUp, FollowUp.number == Submission.number)
        .where(Submission.season == year, Submission.outcome == Outcome.COMPLETED, FollowUp.answered_at.is_(None))
        .order_by(Submission.number)
    )
    owed: dict[str, list[str]] = {}
    for unit, number in rows:
        owed.setdefault(unit, []).append(number)
    return owed


def answer_of(row: FollowUp) -> FollowUpForm | None:
    """What was answered; None where nothing was, or it was deleted with the personal data."""
    return FollowUpForm(number=row.number, **json.loads(row.adoption)) if row.adoption else None


def take_answers(session: Session, delivered: Delivered, rows: Sequence[tuple[int, FollowUpForm]]) -> Taken:
    """Take a unit's answers; a later one replaces the one before, until the season closes."""
    if call_state(session, delivered.season) is CallState.CLOSED:
        return Taken.refusing((position for position, _ in rows), _CLOSED)
    taken = Taken()
    for position, form in rows:
        row = session.get(FollowUp, form.number)
        submission = session.get(Submission, form.number)
        if (
            row is None
            or submission is None
            or (submission.season, submission.unit) != (delivered.season, delivered.unit)
        ):
            taken.refused[position] = _NOT_ASKED
        elif submission.outcome is not Outcome.COMPLETED:
            taken.refused[position] = _NO_AWARD
        elif (refusal := _said_too_little(form)) is not None:
            taken.refused[position] = refusal
        else:
            taken.accept(position, form.number, _keep(session, delivered, form, row))
    return taken


def _said_too_little(form: FollowUpForm) -> Refusal | None:
    """What is in use is in use somewhere since some day; what is not has a reason."""
    if form.use is Use.IN_USE and (form.since is None or not form.where):
        return Refusal(
            "incomplete", "in use, but not since when or where", "填了“在用”，请同时填写开始应用时间和应用单位"
        )
    if form.use is not Use.IN_USE and not form.remark:
        return Refusal("incomplete", "not in use, without a reason", f"填了“{form.use.label}”，请在“说明”里写明原因")
    return None


def _keep(session: Session, delivered: Delivered, form: FollowUpForm, row: FollowUp) -> Change:
    said = form.model_dump(mode="json", exclude={"number"})
    text = canonical(said)
    if row.adoption == text:
        return Change.UNCHANGED
    change = Change.UPDATED if row.answered_at else Change.NEW
    row.answered_at, row.adoption = delivered.act.at, text
    session.flush()
    facts = {"use": form.use.value, **dict(_figures(form)), **delivered.facts}
    note_submission(session, form.number, Ask(Trigger.RECORD_FOLLOW_UP, delivered.act, facts=facts))
    return change


def _figures(form: FollowUpForm) -> Iterator[tuple[str, str | int]]:
    """What the record says of an answer: no words, which may name people."""
    if form.since is not None:
        yield "since", form.since.isoformat()
    if form.benefit_economic is not None:
        yield "benefit_economic", f"{form.benefit_economic:f}"
    if form.places is not None:
        yield "places", form.places


_CLOSED = Refusal("season_closed", "the season is closed", "本年度已结束，不再接收成果转化情况")
_NOT_ASKED = Refusal("not_asked", "the unit was not asked about it", "该编号不在贵单位的成果转化跟踪表内")
_NO_AWARD = Refusal("no_award", "its award was revoked", "该项目的获奖已撤销，不需要跟踪")
