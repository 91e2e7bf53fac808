"""Closes the eligibility check: the last corrections in and checked again, what was not corrected lapses."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.intake.mail.taking import take_everything
from flows.outbox.corrections import let_lapse, send_back_faulty
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Correction, Submission
from models.enums import Cause, Outcome, SubmissionState, Trigger
from models.queries import mobilised, outstanding_corrections
from states.history.read import count_causes
from states.machine import CLOCK
from states.submissions.duplicates import drop_duplicates
from states.submissions.eligibility import check, fail_faulty, pass_good


@stage_flow(name="close-eligibility")
def close_eligibility(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the eligibility check: what was not corrected in time lapses (补正截止).

    Runs: at `close_eligibility`.
    Before: corrections were asked for; what was recommended only since then gets its chance now.
    After: every recommended submission is eligible or archived as ineligible; units know.
    Undo: `gangchuang decide reinstate` for one submission, with a reason.
    """
    return perform("close_eligibility", season, concluding, milestone=Milestone.CLOSE_ELIGIBILITY, dry_run=dry_run)


def concluding(run: Run) -> Ending:
    """Take the last corrections, check them again, let the rest lapse."""
    take_everything(run)
    with run.step() as session:
        let_lapse(session, run)
        drop_duplicates(session, run.year, run.act)
        checked = check(session, run.season)
        # What was recommended or brought back only since the check has its one chance too.
        send_back_faulty(session, run, checked)
        outstanding = outstanding_corrections(session, run.year)
        if outstanding:
            still = f"尚有{outstanding}项在补正期限内。"
            return Ending(waiting=f"{outstanding} correction(s) are still within their working days", chinese=still)
        pass_good(session, run.year, checked, run.act)
        fail_faulty(session, run.year, checked, run.act)
        _tell_result(session, run)
        archived = count_causes(session, run.year, run.act.actor, Trigger.ARCHIVE)
        facts: dict[str, object] = {
            "passed": count_causes(session, run.year, run.act.actor, Trigger.PASS_ELIGIBILITY).total(),
            "lapsed": _lapsed(session, run),
            "failed": archived.total() - archived[Cause.DUPLICATE],
            "duplicates": archived[Cause.DUPLICATE],
            "mobilised": mobilised(session, run.year),
        }
    run.tell("passed after correction", facts["passed"])
    run.tell("lapsed", facts["lapsed"])
    run.tell("ineligible after correction", facts["failed"])
    return Ending(facts=facts)


def _lapsed(session: Session, run: Run) -> int:
    """Of what the districts had reviewed: nearly all lapsed by itself, on the day after it was due."""
    counts = count_causes(session, run.year, CLOCK, Trigger.ARCHIVE, SubmissionState.DISTRICT_REVIEWED)
    return counts[Cause.CORRECTION_LAPSED]


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
            ((Submission.state == SubmissionState.DISTRICT_REVIEWED) & Submission.eligible_at.is_not(None))
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
