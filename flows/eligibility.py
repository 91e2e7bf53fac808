"""The eligibility check (形式审查) of what the districts recommend, with one chance to correct."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from config.milestones import Milestone
from flows.corrections import let_lapse, tell_correction
from flows.deliveries import take_deliveries
from flows.letters import LetterKind
from flows.perform import perform, stage_flow
from flows.post import post_to_unit
from flows.stage import Ending, Run
from models import Correction, DistrictVerdict, Duplicate, Submission, SubmissionVersion
from models.enums import CorrectionState, DuplicateDecision, Outcome, SubmissionState, Trigger, Verdict
from models.forms import SubmissionForm
from models.queries import outstanding_corrections
from states.corrections import LAPSED, ask_correction
from states.door import Ask, apply_to_many, note_submissions
from states.entries import count_entries
from states.machine import CLOCK
from states.office import DUPLICATE
from states.rules.eligibility import shortcomings


@stage_flow(name="check-eligibility")
def check_eligibility(season: int, dry_run: bool = False) -> dict[str, object]:
    """Check what the districts recommend (形式审查).

    Runs: at `check_eligibility`, a few days after the district round.
    Before: the district round is closed for every district.
    After: each recommended submission has passed, or is sent back once with what is missing and
    until when, or is archived as ineligible (a duplicate by the office's decision).
    Undo: `gangchuang decide reinstate` for one submission, with a reason.
    """
    return perform("check_eligibility", season, checking, milestone=Milestone.CHECK_ELIGIBILITY, dry_run=dry_run)


@stage_flow(name="close-eligibility")
def close_eligibility(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the eligibility check: what was not corrected in time lapses (补正截止).

    Runs: at `close_eligibility`.
    Before: corrections were asked for; what was recommended only since then gets its chance now.
    After: every recommended submission is eligible or archived as ineligible; units know.
    Undo: `gangchuang decide reinstate` for one submission, with a reason.
    """
    return perform("close_eligibility", season, concluding, milestone=Milestone.CLOSE_ELIGIBILITY, dry_run=dry_run)


@dataclass(frozen=True)
class _Checked:
    """One submission under the check."""

    number: str
    unit: str
    title: str
    missing: str
    correction: CorrectionState | None

    @property
    def passes(self) -> bool:
        """Nothing is missing, and nothing that the office or the unit asked for is still owed."""
        return not self.missing and self.correction is not CorrectionState.OUTSTANDING


def checking(run: Run) -> Ending:
    """Pass the good, send back the others, drop the duplicates."""
    with run.step() as session:
        _drop_duplicates(session, run)
        checked = _check(session, run)
        _pass(session, run, [one.number for one in checked if one.passes])
        _send_back(session, run, checked, key="eligibility")
        facts = {
            "passed": _noted(session, run, Trigger.PASS_ELIGIBILITY),
            "corrections": _noted(session, run, Trigger.ASK_CORRECTION),
            "duplicates": _noted(session, run, Trigger.ARCHIVE, DUPLICATE),
        }
    run.tell("passed", facts["passed"])
    run.tell("sent back for correction", facts["corrections"])
    run.tell("dropped as duplicates", facts["duplicates"])
    return Ending(facts=facts)


def concluding(run: Run) -> Ending:
    """Take the last corrections, check them again, let the rest lapse."""
    take_deliveries(run)
    with run.step() as session:
        let_lapse(session, run)
        _drop_duplicates(session, run)
        checked = _check(session, run)
        # What was recommended or brought back only since the check has its one chance too.
        _send_back(session, run, checked)
        outstanding = outstanding_corrections(session, run.year)
        if outstanding:
            return Ending(waiting=f"{outstanding} correction(s) are still within their working days")
        _pass(session, run, [one.number for one in checked if one.passes])
        failed = {one.number: one.missing for one in checked if one.missing}
        for number, missing in failed.items():
            ask = Ask(Trigger.ARCHIVE, run.act, reason=missing, outcome=Outcome.INELIGIBLE)
            apply_to_many(session, run.year, ask, Submission.number == number)
        _tell_result(session, run)
        duplicates = _noted(session, run, Trigger.ARCHIVE, DUPLICATE)
        facts = {
            "passed": _noted(session, run, Trigger.PASS_ELIGIBILITY),
            "lapsed": _lapsed(session, run),
            "failed": _noted(session, run, Trigger.ARCHIVE) - duplicates,
            "duplicates": duplicates,
        }
    run.tell("passed after correction", facts["passed"])
    run.tell("lapsed", facts["lapsed"])
    run.tell("ineligible after correction", facts["failed"])
    return Ending(facts=facts)


def _send_back(session: Session, run: Run, checked: Sequence[_Checked], *, key: str = "") -> None:
    """Send back once what lacks something; without a `key` each letter bears its first number."""
    faulty = [one for one in checked if one.missing and one.correction is None]
    due_at = [ask_correction(session, run.season, one.number, run.act, missing=one.missing) for one in faulty]
    for code in sorted({one.unit for one in faulty}):
        items = [(one.number, one.title, one.missing) for one in faulty if one.unit == code]
        tell_correction(session, run, code, items, due_at[0], key=key or items[0][0])


def _noted(session: Session, run: Run, trigger: Trigger, reason: str = "") -> int:
    """Counted by the record: a run that follows a killed one finds the work done, and tells the same of it."""
    session.flush()
    return count_entries(session, run.year, str(run.act.actor), trigger, reason=reason)


def _lapsed(session: Session, run: Run) -> int:
    """Of what the districts had reviewed: nearly all lapsed by itself, on the day after it was due."""
    source = SubmissionState.DISTRICT_REVIEWED.value
    return count_entries(session, run.year, str(CLOCK), Trigger.ARCHIVE, source=source, reason=LAPSED)


def _check(session: Session, run: Run) -> list[_Checked]:
    rows = session.execute(
        select(Submission.number, Submission.unit, Submission.title, SubmissionVersion.content, Correction.state)
        .join(
            SubmissionVersion,
            (SubmissionVersion.number == Submission.number) & (SubmissionVersion.version == Submission.version),
        )
        .join(DistrictVerdict, DistrictVerdict.number == Submission.number)
        .outerjoin(Correction, Correction.number == Submission.number)
        .where(
            Submission.season == run.year,
            Submission.state == SubmissionState.DISTRICT_REVIEWED,
            Submission.eligible_at.is_(None),
            DistrictVerdict.verdict == Verdict.RECOMMENDED,
        )
        .order_by(Submission.number)
    )
    return [
        _Checked(number, unit, title, "；".join(_faults(content, run)), correction)
        for number, unit, title, content, correction in rows
    ]


def _faults(content: str, run: Run) -> list[str]:
    return shortcomings(SubmissionForm.model_validate(json.loads(content)), run.season)


def _pass(session: Session, run: Run, numbers: list[str]) -> None:
    if not numbers:
        return
    session.execute(
        update(Submission)
        .where(
            Submission.season == run.year,
            Submission.state == SubmissionState.DISTRICT_REVIEWED,
            Submission.eligible_at.is_(None),
            Submission.number.in_(numbers),
        )
        .values(eligible_at=run.at)
    )
    ask = Ask(Trigger.PASS_ELIGIBILITY, run.act)
    note_submissions(session, run.year, ask, Submission.number.in_(numbers))


def _drop_duplicates(session: Session, run: Run) -> None:
    # What an officer has brought back since the decision stays.
    still = or_(Submission.eligible_at.is_(None), col(Duplicate.decided_at) >= col(Submission.eligible_at))
    same = exists().where(Duplicate.other == Submission.number, Duplicate.decision == DuplicateDecision.SAME, still)
    ask = Ask(Trigger.ARCHIVE, run.act, reason=DUPLICATE, outcome=Outcome.INELIGIBLE)
    apply_to_many(
        session,
        run.year,
        ask,
        Submission.state == SubmissionState.DISTRICT_REVIEWED,
        same,
    )


def _tell_result(session: Session, run: Run) -> None:
    rows = session.execute(
        select(
            Submission.unit,
            Submission.number,
            Submission.title,
            Submission.state,
            Submission.outcome,
            Correction.missing,
        )
        .outerjoin(Correction, Correction.number == Submission.number)
        .where(
            Submission.season == run.year,
            ((col(Submission.state) == SubmissionState.DISTRICT_REVIEWED) & col(Submission.eligible_at).is_not(None))
            | (
                (Submission.outcome == Outcome.INELIGIBLE)
                & (Submission.archived_from == SubmissionState.DISTRICT_REVIEWED)
            ),
        )
        .order_by(Submission.number)
    ).all()
    for code in sorted({row.unit for row in rows}):
        own = [row for row in rows if row.unit == code]
        post_to_unit(
            session,
            run,
            LetterKind.ELIGIBILITY_RESULT,
            code,
            passed=[row.number for row in own if row.outcome is None],
            ineligible=[(row.number, row.title, row.missing or "与其他申报重复") for row in own if row.outcome],
        )
