"""Draws the panel and assigns every eligible submission; each expert gets a workbook of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.engine.tasks import PieceKind
from flows.kinds.review_material import NameInText, material_of
from flows.kinds.scores import assignments_of, issue_sheet
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office, post_to_unit
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Call, DistrictVerdict, Expert, MilestoneDate, Submission
from models.enums import MilestoneState, SubmissionState, Trigger, Verdict
from models.queries import outstanding_corrections
from states.history.canonical import call_subject
from states.history.read import latest_facts
from states.panel.draw import AssignmentQuality, assign_panel, draw, ready_to_draw
from states.panel.pool import seats_of
from states.rules.reviewers.draw import commitment

_SHOWN = 100


@stage_flow(name="draw-panel")
def draw_panel(season: int, dry_run: bool = False) -> dict[str, object]:
    """Draw the panel by the committed seed and assign the submissions (抽取评委并分配).

    Runs: at `draw_panel`.
    Before: every recommended submission is eligible or archived; the pool's workbook lies taken,
    with the experts' signed statements in it.
    After: the pool is frozen; where the season names public numbers, an officer enters them first; seats, seed
    and assignment are history; each expert has a score workbook and a letter;
    units can repeat the draw; the final round is open.
    Undo: none; an expert who cannot serve is replaced (`gangchuang decide replace_expert`).
    """
    return perform("draw_panel", season, drawing, milestone=Milestone.DRAW_PANEL, dry_run=dry_run)


def drawing(run: Run) -> Ending:
    """Draw, assign, issue."""
    with run.step() as session:
        open_questions = _open_questions(session, run)
        if any(open_questions.values()):
            # A draw cannot be taken back: nothing is drawn before everything that it depends on is known.
            return Ending(waiting=_sentence(open_questions), chinese=_chinese(open_questions))
        if not seats_of(session, run.year):
            secret = run.settings.draw_secret(run.year)
            waits_for = ready_to_draw(session, run.season, run.act, secret)
            if waits_for:
                return Ending(waiting=waits_for, chinese="专家库已冻结，请录入约定的公开随机数。")
            panel = draw(session, run.season, run.act, secret)
            assigned = assign_panel(session, run.season, run.act)
            run.tell("seated", len(panel.seated))
            run.tell("reserves", len(panel.reserves))
            for name, figure in _quality(assigned.quality):
                run.tell(name, figure)
        sheets = assignments_of(session, run.year)
        # Read and masked once, though each submission stands in several experts' workbooks.
        material = material_of(session, run.season, sorted({number for own in sheets.values() for number in own}))
        _tell_of_names(session, run, material.names)
        seed = session.get_one(Call, run.year).draw_seed
        public = latest_facts(session, call_subject(run.year), Trigger.DRAW_PANEL).get("public", "")
    rows = material.by_number
    run.each(
        sorted(sheets),
        lambda expert: _invite(run, expert, [rows[number] for number in sheets[expert]]),
        kind=PieceKind.SCORE_SHEET,
    )
    with run.step() as session:
        for unit in run.season.units():
            post_to_unit(
                session,
                run,
                LetterKind.PANEL_DRAWN,
                unit.code,
                seed=seed,
                commitment=commitment(bytes.fromhex(seed)),
                public=public,
            )
    run.tell("experts with a workbook", len(sheets))
    run.tell("assignments", sum(len(numbers) for numbers in sheets.values()))
    return Ending(Trigger.BEGIN_FINAL_REVIEW, case=open_questions, facts={"experts": len(sheets)})


def _quality(found: AssignmentQuality) -> tuple[tuple[str, str], ...]:
    """The assignment's figures, each beside what no other one could exceed."""
    proof = "proven best" if found.proven else "not proven best"
    first = "worst-served submission" if found.aim == "fair" else "worst share of own best experts"
    return (
        (first, f"{found.level} of at most {found.level_at_most}"),
        ("total affinity", f"{found.total} of at most {found.total_at_most}"),
        ("assignment", f"{proof}; largest total without fairness {found.largest_total}; worst share {found.share}"),
    )


def _tell_of_names(session: Session, run: Run, names: Sequence[NameInText]) -> None:
    """The office learns what is masked in blind texts: it may be too much, or ask for a better text."""
    run.tell("names masked in blind texts", len(names))
    if names:
        items = [(masked.number, masked.heading, masked.written) for masked in names[:_SHOWN]]
        more = max(0, len(names) - _SHOWN)
        post_to_office(session, run, LetterKind.NAMES_IN_TEXTS, key="final", items=items, count=len(names), more=more)


def _invite(run: Run, identifier: str, rows: Sequence[Mapping[str, Any]]) -> None:
    with run.step() as session:
        expert = session.get_one(Expert, identifier)
        issue_sheet(session, run, expert, rows, letter=LetterKind.EXPERT_INVITATION, occasion="")


def _sentence(open_questions: dict[str, Any]) -> str:
    return (
        f"before the draw, still open: {len(open_questions['rounds_open'])} district round(s), "
        f"{open_questions['corrections_outstanding']} correction(s), {open_questions['unreviewed']} unchecked submission(s)"
    )


def _chinese(open_questions: dict[str, Any]) -> str:
    return (
        f"抽取前尚未了结：{len(open_questions['rounds_open'])}个单位的初评、"
        f"{open_questions['corrections_outstanding']}项补正、{open_questions['unreviewed']}项未审查的申报。"
    )


def _open_questions(session: Session, run: Run) -> dict[str, Any]:
    """What the call's guard asks: rounds still open, corrections outstanding, submissions unchecked."""
    rounds = session.scalars(
        select(MilestoneDate.unit).where(
            MilestoneDate.season == run.year,
            MilestoneDate.milestone == Milestone.CLOSE_DISTRICT_ROUND.value,
            MilestoneDate.state == MilestoneState.PENDING,
        )
    )
    corrections = outstanding_corrections(session, run.year)
    unchecked = session.scalar(
        select(func.count())
        .select_from(Submission)
        .join(DistrictVerdict, DistrictVerdict.number == Submission.number)
        .where(
            Submission.season == run.year,
            Submission.state == SubmissionState.DISTRICT_REVIEWED,
            Submission.eligible_at.is_(None),
            DistrictVerdict.verdict == Verdict.RECOMMENDED,
        )
    )
    return {"rounds_open": tuple(rounds), "corrections_outstanding": corrections, "unreviewed": unchecked}
