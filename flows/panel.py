"""Draws the panel and assigns every eligible submission; each expert gets a workbook of their own."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.letters import LetterKind
from flows.perform import perform, stage_flow
from flows.post import post_to_unit
from flows.score_sheets import assignments_of, issue_sheet
from flows.stage import Ending, Run
from models import Call, Correction, Expert, MilestoneDate, Submission
from models.enums import CorrectionState, MilestoneState, SubmissionState
from states.experts import seats_of
from states.panel import assign_panel, draw
from states.rules.draw import commitment


@stage_flow(name="draw-panel")
def draw_panel(season: int, dry_run: bool = False) -> dict[str, object]:
    """Draw the panel by the committed seed and assign the submissions (抽取评委并分配).

    Runs: at `draw_panel`.
    Before: every recommended submission is eligible or archived; the pool's workbook lies taken,
    with the experts' signed statements in it.
    After: seats, seed and assignment are history; each expert has a score workbook and a letter;
    units can repeat the draw; the final round is open.
    Undo: none; an expert who cannot serve is replaced (`gangchuang decide replace_expert`).
    """
    return perform("draw_panel", season, drawing, milestone=Milestone.DRAW_PANEL, dry_run=dry_run)


def drawing(run: Run) -> Ending:
    """Draw, assign, issue."""
    with run.step() as session:
        if not seats_of(session, run.year):
            panel = draw(session, run.season, actor=run.actor, at=run.at, flow_run=run.flow_run)
            assigned = assign_panel(session, run.season, actor=run.actor, at=run.at, flow_run=run.flow_run)
            run.tell("seated", len(panel.seated))
            run.tell("reserves", len(panel.reserves))
            run.tell("worst-served submission", assigned.worst)
        sheets = assignments_of(session, run.year)
        seed = session.get_one(Call, run.year).draw_seed
    run.each(sorted(sheets), lambda expert: _invite(run, expert, sheets[expert]))
    with run.step() as session:
        for unit in run.season.units():
            post_to_unit(
                session, run, LetterKind.PANEL_DRAWN, unit.code, seed=seed, commitment=commitment(bytes.fromhex(seed))
            )
        case = _open_questions(session, run)
    run.tell("experts with a workbook", len(sheets))
    run.tell("assignments", sum(len(numbers) for numbers in sheets.values()))
    return Ending("begin_final_review", case=case, facts={"experts": len(sheets)})


def _invite(run: Run, identifier: str, numbers: list[str]) -> None:
    with run.step() as session:
        expert = session.get_one(Expert, identifier)
        issue_sheet(session, run, expert, numbers, issue=1, letter=LetterKind.EXPERT_INVITATION)


def _open_questions(session: Session, run: Run) -> dict[str, object]:
    """What the call's guard asks: rounds still open, corrections outstanding, submissions unchecked."""
    rounds = session.scalars(
        select(MilestoneDate.unit).where(
            MilestoneDate.season == run.year,
            MilestoneDate.milestone == Milestone.CLOSE_DISTRICT_ROUND.value,
            MilestoneDate.state == MilestoneState.PENDING,
        )
    )
    corrections = session.scalar(
        select(func.count())
        .select_from(Correction)
        .join(Submission, Submission.number == Correction.number)
        .where(
            Submission.season == run.year,
            Submission.state != SubmissionState.ARCHIVED,
            Correction.state == CorrectionState.OUTSTANDING,
        )
    )
    unchecked = session.scalar(
        select(func.count())
        .select_from(Submission)
        .where(
            Submission.season == run.year,
            Submission.state == SubmissionState.DISTRICT_REVIEWED,
            Submission.eligible_at.is_(None),
        )
    )
    return {"rounds_open": tuple(rounds), "corrections_outstanding": corrections, "unreviewed": unchecked}
