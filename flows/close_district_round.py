"""Closes the district round: what a district did not judge or recommend is archived, and it is told."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.intake.mail.taking import take_everything
from flows.outbox.corrections import let_lapse
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import DistrictVerdict, Submission
from models.enums import Cause, Outcome, SubmissionState, Trigger, Verdict
from states.guard_facts import load_season_facts
from states.numbers import Number
from states.transitions import Applied, Ask, apply_to_many


@stage_flow(name="close-district-round")
def close_district_round(season: int, unit: str = "", dry_run: bool = False) -> dict[str, object]:
    """Close the district round, for all or for one district with a date of its own (初评截止).

    Runs: at `close_district_round`; for a district with its own date, then.
    Before: verdict workbooks were issued when the call closed.
    After: submissions without a verdict are archived as not reviewed, those not recommended as
    not recommended; corrections whose time is over have lapsed; units know the result.
    Undo: `gangchuang decide reinstate` for one submission, with a reason; `gangchuang decide
    admit_late` for a late verdict workbook.
    """
    return perform(
        "close_district_round", season, closing, milestone=Milestone.CLOSE_DISTRICT_ROUND, unit=unit, dry_run=dry_run
    )


def closing(run: Run) -> Ending:
    """Take the last verdicts, archive set by set, tell each unit."""
    take_everything(run)
    with run.step() as session:
        deadlines = load_season_facts(session, run.year).deadlines
        let_lapse(session, run)
    codes = (
        [run.unit]
        if run.unit
        else [
            unit.code
            for unit in run.season.units()
            if (own := deadlines.at(Milestone.CLOSE_DISTRICT_ROUND, unit.code)) is not None and own <= run.at
        ]
    )
    with run.step() as session:
        here = (Submission.unit.in_(codes),)
        unjudged = apply_to_many(
            session,
            run.year,
            Ask(Trigger.ARCHIVE, run.act, cause=Cause.NOT_REVIEWED, outcome=Outcome.NOT_REVIEWED),
            *here,
            Submission.state == SubmissionState.SUBMITTED,
        )
        rejected = exists().where(
            DistrictVerdict.number == Submission.number, DistrictVerdict.verdict == Verdict.NOT_RECOMMENDED
        )
        not_recommended = apply_to_many(
            session,
            run.year,
            Ask(Trigger.ARCHIVE, run.act, cause=Cause.NOT_RECOMMENDED, outcome=Outcome.NOT_RECOMMENDED),
            *here,
            Submission.state == SubmissionState.DISTRICT_REVIEWED,
            rejected,
        )
        recommended = list(
            session.scalars(
                select(Submission.number)
                .where(Submission.season == run.year, *here, Submission.state == SubmissionState.DISTRICT_REVIEWED)
                .order_by(Submission.number)
            )
        )
        _tell_units(session, run, recommended, not_recommended, unjudged)
    run.tell("recommended", len(recommended))
    run.tell("not recommended", len(not_recommended.moved))
    run.tell("not reviewed", len(unjudged.moved))
    return Ending(facts={"units": codes, "recommended": len(recommended)})


def _tell_units(session: Session, run: Run, recommended: list[str], rejected: Applied, unjudged: Applied) -> None:
    by_unit: dict[str, tuple[list[str], list[str], list[str]]] = {}
    for column, numbers in enumerate((recommended, rejected.moved, unjudged.moved)):
        for number in numbers:
            by_unit.setdefault(Number.of(number).unit, ([], [], []))[column].append(number)
    for code, (good, poor, unread) in sorted(by_unit.items()):
        post_to_unit(
            session,
            run,
            LetterKind.DISTRICT_ROUND_CLOSED,
            code,
            recommended=good,
            not_recommended=poor,
            not_reviewed=unread,
        )
