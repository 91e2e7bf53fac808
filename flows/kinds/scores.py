"""The experts' score workbooks: each with only their own submissions, blind where the season says so."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from flows import places
from flows.letters import LetterKind
from flows.post import post, post_to_office
from flows.review_material import material_of
from flows.stage import Run
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models import Assignment, Expert, Message
from models.enums import CallState, WorkbookKind
from models.queries import call_state
from states.cases import load_frame
from states.final import scores_are_frozen
from states.replacements import lacking_experts, replace_missing
from states.scores import round_deadline


def issue_sheet(
    session: Session,
    run: Run,
    expert: Expert,
    numbers: Sequence[str],
    *,
    issue: int,
    letter: LetterKind,
    round_number: int = 1,
) -> None:
    """Write one expert's workbook over some submissions, and the letter that brings it."""
    deadline = round_deadline(load_frame(session, run.year), round_number) or run.season.dates.close_final_round
    path = places.issued(run.settings, run.year, expert.id, WorkbookKind.SCORES, issue)
    if not run.dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_template(
            path,
            mark=Mark(run.year, expert.id, WorkbookKind.SCORES, issue),
            key=run.settings.signing_key(),
            season=run.season,
            recipient_name=expert.name,
            deadline=deadline,
            rows=material_of(session, run.season, numbers).rows,
            rubric=run.season.final_round.rubric,
            created_at=run.at,
        )
    count = {"count": len(numbers)} if letter is LetterKind.EXPERT_INVITATION else {"added": len(numbers)}
    post(
        session,
        run,
        letter,
        key=f"{expert.id}/{issue}",
        to=expert.mail,
        expert_name=expert.name,
        deadline=deadline,
        attachments=(path,),
        **count,
    )


def replace_lost_experts(session: Session, run: Run) -> None:
    """Find others for submissions that lost an expert; each of them gets a further workbook.

    In the transaction in which they were lost: nothing else would remember that others are needed.
    """
    if call_state(session, run.year) is not CallState.FINAL_REVIEW or scores_are_frozen(session, run.year):
        return
    if not lacking_experts(session, run.season):
        return
    added = replace_missing(session, run.season, actor=run.actor, at=run.at, flow_run=run.flow_run)
    for identifier, numbers in added.items():
        issue_further_sheet(session, run, identifier, numbers)
    run.tell("replacements", sum(len(numbers) for numbers in added.values()))
    _tell_office(session, run, added)


def issue_further_sheet(session: Session, run: Run, expert: str, numbers: Sequence[str]) -> None:
    """A further workbook to an expert who takes over some submissions."""
    issue_sheet(
        session,
        run,
        session.get_one(Expert, expert),
        numbers,
        issue=_next_issue(session, run.year, expert),
        letter=LetterKind.EXPERT_REPLACEMENT,
    )


def _tell_office(session: Session, run: Run, added: Mapping[str, Sequence[str]]) -> None:
    """Who took over what, and what nobody may take over; once for the same news."""
    items = sorted(
        (number, f"{session.get_one(Expert, expert).name}（{expert}）")
        for expert, numbers in added.items()
        for number in numbers
    )
    lacking = sorted(lacking_experts(session, run.season))
    news = hashlib.sha256(json.dumps([items, lacking], ensure_ascii=False).encode()).hexdigest()[:16]
    post_to_office(session, run, LetterKind.EXPERTS_REPLACED, key=news, items=items, lacking=lacking)


def assignments_of(session: Session, year: int, round_number: int = 1) -> dict[str, list[str]]:
    """Numbers by expert of a round."""
    found: dict[str, list[str]] = {}
    for expert, number in session.execute(
        select(Assignment.expert, Assignment.number)
        .where(Assignment.season == year, Assignment.round == round_number)
        .order_by(Assignment.expert, Assignment.number)
    ):
        found.setdefault(expert, []).append(number)
    return found


def _next_issue(session: Session, year: int, expert: str) -> int:
    """By the letters, not by the files: a run that died may have left a file that nobody was sent."""
    letters = (LetterKind.EXPERT_INVITATION, LetterKind.EXPERT_REPLACEMENT)
    keys = [col(Message.key).startswith(f"{year}/{letter.value}/{expert}/", autoescape=True) for letter in letters]
    return 1 + (session.scalar(select(func.count()).select_from(Message).where(or_(*keys))) or 0)
