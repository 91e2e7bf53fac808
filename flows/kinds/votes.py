"""Ballots for the panel's votes: a workbook to each expert to sign, or one for the office's count of secret ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from config.local_time import local_day
from config.milestones import Milestone
from flows import places
from flows.letters import LetterKind
from flows.post import post, post_to_office
from flows.review_material import material_of
from flows.stage import Run
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models import Expert, Message, Placing
from models.enums import WorkbookKind
from states.cases import load_frame
from states.panel_votes import OFFICE, Motion, owing_votes


def issue_ballots(session: Session, run: Run, motions: Sequence[Motion]) -> int:
    """A workbook to whoever has still to vote, over just what they have not voted on. Returns how many."""
    material = {one["number"]: one for one in material_of(session, run.season, [m.number for m in motions]).rows}
    rows = {one.number: _row(session, one, material[one.number]) for one in motions}
    owing = owing_votes(session, run.season)
    for caster, numbers in sorted(owing.items()):
        _issue(session, run, caster, [rows[number] for number in numbers])
    return len(owing)


def remind_of_ballots(session: Session, run: Run) -> int:
    """While a quorum is missing, a letter a day to whoever has still to vote."""
    owing, deadline = owing_votes(session, run.season), _deadline(session, run)
    for caster, numbers in sorted(owing.items()):
        key = f"{caster}/{local_day(run.at)}"
        _write(session, run, LetterKind.BALLOT_REMINDER, caster, key, deadline=deadline, owed=numbers)
    return len(owing)


def _issue(session: Session, run: Run, caster: str, rows: Sequence[Mapping[str, Any]]) -> None:
    number = _next_issue(session, run.year, caster)
    deadline = _deadline(session, run)
    path = places.issued(run.settings, run.year, caster, WorkbookKind.VOTES, number)
    if not run.dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_template(
            path,
            mark=Mark(run.year, caster, WorkbookKind.VOTES, number),
            key=run.settings.signing_key(),
            season=run.season,
            recipient_name=_name(session, run, caster),
            deadline=deadline,
            rows=rows,
            created_at=run.at,
        )
    _write(
        session,
        run,
        LetterKind.BALLOT,
        caster,
        f"{caster}/{number}",
        deadline=deadline,
        count=len(rows),
        attachments=(path,),
    )


def _write(session: Session, run: Run, kind: LetterKind, caster: str, key: str, **context: Any) -> None:
    name = _name(session, run, caster)
    if caster == OFFICE:
        post_to_office(session, run, kind, key=key, recipient_name=name, **context)
    else:
        mail = session.get_one(Expert, caster).mail
        post(session, run, kind, key=key, to=mail, recipient_name=f"{name}专家", **context)


def _name(session: Session, run: Run, caster: str) -> str:
    return run.season.office.name if caster == OFFICE else session.get_one(Expert, caster).name


def _row(session: Session, motion: Motion, material: Mapping[str, Any]) -> dict[str, Any]:
    placing = session.get_one(Placing, motion.number)
    return {
        "number": motion.number,
        "title": material["title"],
        "tier": motion.tier.label,
        "rank": str(placing.rank),
        "merit": f"{placing.merit:.2f}",
        "members": str(len(motion.members)),
    }


def _next_issue(session: Session, year: int, caster: str) -> int:
    """By the letters, not by the files: a run that died may have left a file that nobody was sent."""
    beginning = f"{year}/{LetterKind.BALLOT.value}/" + ("office/" if caster == OFFICE else "") + f"{caster}/"
    sent = col(Message.key).startswith(beginning, autoescape=True)
    return 1 + (session.scalar(select(func.count()).select_from(Message).where(sent)) or 0)


def _deadline(session: Session, run: Run) -> datetime:
    deadline = load_frame(session, run.year).deadlines.at(Milestone.CLOSE_VOTES)
    if deadline is None:
        raise LookupError("the season has no close_votes")
    return deadline
