"""What a unit asks for in its workbooks besides submitting and judging: to withdraw, to send back.

What a unit writes about a submission stays in tables that can be emptied; the history binds it by
the digest of the delivery and holds no free text of a unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from config.calendar import is_working_day, working_days_after
from config.local_time import ZONE, end_of_day, local_day
from config.milestones import Milestone
from models import Correction, Submission
from models.enums import Cause, CorrectionState, Outcome, SubmissionState, Trigger
from models.forms import SendBackForm, WithdrawalForm
from states.district_round.verdicts import round_is_over
from states.guard_facts import Ask, SeasonFacts, load_season_facts
from states.machine import Refusal, TransitionRefused
from states.submissions.corrections import keep_correction
from states.submissions.delivery import Delivered, RowChange, Taken
from states.transitions import apply_transition

WITHDRAWN = "已撤回"


@dataclass
class SentBack(Taken):
    """Also (number, title, missing) of what was newly sent back, until `due_at`."""

    sent_back: list[tuple[str, str, str]] = field(default_factory=list)
    due_at: datetime | None = None


def take_withdrawals(session: Session, delivered: Delivered, rows: Sequence[tuple[int, WithdrawalForm]]) -> Taken:
    """Take submissions back (撤回) at their unit's wish, at any time before the award."""
    taken = Taken()
    for position, form in rows:
        submission = _own(session, delivered, form.number)
        if submission is None:
            taken.refused[position] = _unknown(form.number)
            continue
        if submission.outcome is not Outcome.WITHDRAWN:
            refusal = _withdraw(session, delivered, form.number)
            if refusal is not None:
                taken.refused[position] = refusal
                continue
        taken.accept(position, form.number, RowChange.WITHDRAWN, WITHDRAWN)
    return taken


def send_back(session: Session, delivered: Delivered, rows: Sequence[tuple[int, SendBackForm]]) -> SentBack:
    """Send submissions back for correction (退回补正) once, until some working days have passed."""
    season_facts = load_season_facts(session, delivered.season)
    late = round_is_over(season_facts, delivered) if rows else None
    if late is not None:
        return SentBack.refusing((position for position, _ in rows), late)
    due_at = _due_at(season_facts, delivered)
    taken = SentBack(due_at=due_at)
    for position, form in rows:
        known = session.get(Correction, form.number)
        refusal = _not_to_be_sent_back(_own(session, delivered, form.number), form.number, known, due_at)
        if refusal is not None:
            taken.refused[position] = refusal
            continue
        if known is None and due_at is not None:
            known = keep_correction(
                session,
                form.number,
                delivered.act,
                missing=form.missing,
                due_at=due_at,
                told=delivered.facts,
            )
            title = session.get_one(Submission, form.number).title
            taken.sent_back.append((form.number, title, form.missing))
        told = f"已退回补正，{known.due_at.astimezone(ZONE):%Y年%m月%d日%H:%M}前补正" if known else ""
        taken.accept(position, form.number, remark=told)
    return taken


def _withdraw(session: Session, delivered: Delivered, number: str) -> Refusal | None:
    facts: dict[str, Any] = dict(delivered.facts)
    ask = Ask(
        Trigger.ARCHIVE,
        delivered.act,
        cause=Cause.WITHDRAWN_IN_WORKBOOK,
        outcome=Outcome.WITHDRAWN,
        facts=facts,
    )
    try:
        apply_transition(session, number, ask)
    except TransitionRefused as refused:
        return Refusal(refused.refusal.code, refused.refusal.english, f"编号 {number}：{refused.refusal.chinese}")
    return None


def _due_at(season_facts: SeasonFacts, delivered: Delivered) -> datetime | None:
    """The season's working days, but so that a working day is left to judge; None when none is left to correct."""
    today = local_day(delivered.act.at)
    due_at = end_of_day(working_days_after(today, season_facts.season.eligibility.correction_working_days))
    closes_at = season_facts.deadlines.at(Milestone.CLOSE_DISTRICT_ROUND, delivered.unit)
    if closes_at is None or due_at < closes_at:
        return due_at
    last = local_day(closes_at) - timedelta(days=1)
    while not is_working_day(last):
        last -= timedelta(days=1)
    return datetime.combine(last, time(23, 59, 59), ZONE) if last > today else None


def _not_to_be_sent_back(
    submission: Submission | None, number: str, known: Correction | None, due_at: datetime | None
) -> Refusal | None:
    if submission is None:
        return _unknown(number)
    if known is not None and known.state is CorrectionState.OUTSTANDING:
        return None
    if submission.state is not SubmissionState.SUBMITTED:
        label = submission.state.label
        return Refusal("state", f"it is {submission.state}", f"编号 {number} 当前为“{label}”，不能再退回补正")
    if known is not None:
        once = f"编号 {number} 已退回补正过一次（{known.state.label}），不能再次退回，请给出初评结论"
        return Refusal("had_its_chance", "it had its one chance already", once)
    if due_at is None:
        too_late = "初评即将截止，已来不及退回补正；请给出初评结论，或联系协调小组办公室调整本单位的截止时间"
        return Refusal("too_late_to_correct", "no working day is left before the round closes", too_late)
    return None


def _own(session: Session, delivered: Delivered, number: str) -> Submission | None:
    found = session.get(Submission, number, populate_existing=True)
    return found if found and (found.unit, found.season) == (delivered.unit, delivered.season) else None


def _unknown(number: str) -> Refusal:
    return Refusal("unknown_number", f"the unit has no submission {number}", f"本单位没有编号为“{number}”的申报")
