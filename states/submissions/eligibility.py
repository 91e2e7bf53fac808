"""The eligibility check (形式审查) of what the districts recommend: who passes, who lacks what, who is out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config.season import Season
from models import Correction, DistrictVerdict, Submission, SubmissionVersion
from models.enums import Cause, CorrectionState, Outcome, SubmissionState, Trigger, Verdict
from models.forms import SubmissionForm
from models.queries import version_in_force
from states.guard_facts import Ask
from states.machine import Act
from states.rules.eligibility import shortcomings
from states.transitions import apply_to_many, note_submissions


@dataclass(frozen=True)
class Checked:
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


def check(session: Session, season: Season) -> list[Checked]:
    """Everything that is recommended and has not passed yet, by number."""
    rows = session.execute(
        select(Submission.number, Submission.unit, Submission.title, SubmissionVersion.content, Correction.state)
        .join(SubmissionVersion, version_in_force())
        .join(DistrictVerdict, DistrictVerdict.number == Submission.number)
        .outerjoin(Correction, Correction.number == Submission.number)
        .where(
            Submission.season == season.year,
            Submission.state == SubmissionState.DISTRICT_REVIEWED,
            Submission.eligible_at.is_(None),
            DistrictVerdict.verdict == Verdict.RECOMMENDED,
        )
        .order_by(Submission.number)
    )
    return [
        Checked(number, unit, title, "；".join(_faults(content, season)), correction)
        for number, unit, title, content, correction in rows
    ]


def _faults(content: str, season: Season) -> list[str]:
    return shortcomings(SubmissionForm.model_validate(json.loads(content)), season)


def pass_good(session: Session, year: int, checked: Iterable[Checked], act: Act) -> None:
    """What passes is eligible from now on."""
    numbers = [submission.number for submission in checked if submission.passes]
    if not numbers:
        return
    session.execute(
        update(Submission)
        .where(
            Submission.season == year,
            Submission.state == SubmissionState.DISTRICT_REVIEWED,
            Submission.eligible_at.is_(None),
            Submission.number.in_(numbers),
        )
        .values(eligible_at=act.at)
    )
    note_submissions(session, year, Ask(Trigger.PASS_ELIGIBILITY, act), Submission.number.in_(numbers))


def fail_faulty(session: Session, year: int, checked: Iterable[Checked], act: Act) -> None:
    """What lacks something and has had its one chance is out."""
    for submission in checked:
        if submission.missing:
            ask = Ask(
                Trigger.ARCHIVE, act, reason=submission.missing, cause=Cause.STILL_LACKING, outcome=Outcome.INELIGIBLE
            )
            apply_to_many(session, year, ask, Submission.number == submission.number)
