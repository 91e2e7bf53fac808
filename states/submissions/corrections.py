"""Corrections (退回补正): a submission goes back once, with what is missing and until when, or lapses."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.calendar import working_days_after
from config.errors import GangchuangError
from config.local_time import end_of_day, local_day
from config.milestones import Milestone
from config.season import Season
from models import Correction, Submission
from models.enums import CallState, Cause, CorrectionState, Outcome, Role, SubmissionState, Trigger
from models.queries import call_state, is_done, lock_call, milestone_rows
from states.guard_facts import Ask
from states.history.canonical import instant_text
from states.history.seals import Seals
from states.machine import CLOCK, Act
from states.numbers import Number
from states.transitions import apply_transition, note_submission


class CorrectionRefused(GangchuangError):
    def __init__(self, number: str, reason: str, chinese: str) -> None:
        self.number, self.chinese = number, f"不能将{number}退回补正：{chinese}。没有任何改动。"
        super().__init__(f"{number} cannot be sent back for correction: {reason}")


def ask_correction(session: Session, season: Season, number: str, act: Act, *, missing: str) -> datetime:
    """Send a submission back once, with what is missing and until when. Returns the due instant."""
    lock_call(session, season.year)
    submission = session.get(Submission, number, populate_existing=True)
    if submission is None or submission.season != season.year:
        raise CorrectionRefused(number, "there is no such submission in this season", "本年度没有这一项目")
    if submission.state not in (SubmissionState.SUBMITTED, SubmissionState.DISTRICT_REVIEWED):
        raise CorrectionRefused(number, f"it is {submission.state}", submission.state.label)
    if session.get(Correction, number) is not None:
        raise CorrectionRefused(number, "it had its one chance already", "补正只有一次机会，已经用过")
    if not missing.strip():
        raise CorrectionRefused(number, "say what is missing", "须写明缺少什么")
    if eligibility_is_closed(session, season.year):
        raise CorrectionRefused(
            number, "the eligibility check is closed, and nobody would look at it again", "形式审查已经结束"
        )
    due_at = end_of_day(working_days_after(local_day(act.at), season.eligibility.correction_working_days))
    keep_correction(session, number, act, missing=missing, due_at=due_at, told={"missing": missing})
    submission.eligible_at = None  # what passed before it was sent back is checked again
    session.flush()
    return due_at


def keep_correction(
    session: Session, number: str, act: Act, *, missing: str, due_at: datetime, told: Mapping[str, str]
) -> Correction:
    """Keep a submission's one chance to correct; `told` is what the history says of it besides its date."""
    correction = Correction(number=number, asked_by=str(act.actor), asked_at=act.at, missing=missing, due_at=due_at)
    session.add(correction)
    session.flush()
    sealed = Seals(session, Number.of(number).season).sealed("correction", number, missing)
    facts = {"due_at": instant_text(due_at), **told, **sealed}
    note_submission(session, number, Ask(Trigger.ASK_CORRECTION, act, facts=facts))
    return session.get_one(Correction, number)


def overdue_corrections(
    session: Session, year: int, at: datetime, *, sparing: Collection[str] = ()
) -> Sequence[Correction]:
    """What was asked of a season's units, other than those to be spared, and not answered in time; none once closed."""
    if call_state(session, year) is CallState.CLOSED:
        return ()
    overdue = (
        select(Correction)
        .join(Submission, Submission.number == Correction.number)
        .where(
            Submission.season == year,
            Submission.unit.not_in(sparing),
            Correction.state == CorrectionState.OUTSTANDING,
            Correction.due_at < at,
        )
    )
    return session.scalars(overdue.order_by(Correction.number).execution_options(populate_existing=True)).all()


def lapse_corrections(
    session: Session, year: int, act: Act, *, due_before: datetime | None = None, sparing: Collection[str] = ()
) -> list[str]:
    """Corrections whose time is over lapse, and their submissions are archived as ineligible.

    The record says the same of it whichever stage comes to it first: the day decides, not the stage.
    `sparing` are units whose answer may still lie with us, and what came since `due_before` may (the act's own instant
    unless another is given). Returns the numbers of what was archived.
    """
    lock_call(session, year)  # of two stages that come to it at one moment, the second finds it done
    archived = []
    for correction in overdue_corrections(session, year, due_before or act.at, sparing=sparing):
        correction.state, correction.settled_at = CorrectionState.LAPSED, act.at
        session.flush()
        facts = {"correction": "lapsed", "due_at": instant_text(correction.due_at)}
        ask = Ask(
            Trigger.ARCHIVE,
            act.by(CLOCK),
            reason=_lapsed(correction),
            cause=Cause.CORRECTION_LAPSED,
            outcome=Outcome.INELIGIBLE,
            facts=facts,
        )
        if session.get_one(Submission, correction.number).state is not SubmissionState.ARCHIVED:
            apply_transition(session, correction.number, ask)
            archived.append(correction.number)
        else:
            # Reinstated, it would have no correction outstanding any more: that must be known too.
            note_submission(session, correction.number, replace(ask, trigger=Trigger.LAPSE_CORRECTION, outcome=None))
    return archived


def eligibility_is_closed(session: Session, year: int) -> bool:
    """Whether nobody will look at a season's submissions for eligibility any more."""
    if call_state(session, year) not in (CallState.OPEN, CallState.DISTRICT_REVIEW):
        return True
    return is_done(milestone_rows(session, year), Milestone.CLOSE_ELIGIBILITY)


def _lapsed(correction: Correction) -> str:
    """What is said beyond the cause: a unit's free text stays out of the history."""
    by_unit = correction.asked_by.startswith(f"{Role.DISTRICT.value}:")
    return "" if by_unit else f"{Cause.CORRECTION_LAPSED.label}：{correction.missing}"
