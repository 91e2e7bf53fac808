"""The answers to deliveries: the row that is kept, the receipt, and the letter that brings it."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.units import all_units
from flows.home import paths
from flows.intake.inbox import Sealed
from flows.intake.senders import Sender
from flows.intake.standing import CHANGES, Standing, remarks_of, standing_of
from flows.kinds.table import KINDS
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post, post_again
from flows.run import Run
from flows.workbooks.reader.findings import Note, Problem, Reading
from flows.workbooks.writer.receipt import write_receipt
from models import Delivery, Submission
from models.enums import DeliveryState, WorkbookKind
from states.final_round.freeze import scores_are_frozen
from states.final_round.scores import closing_of
from states.guard_facts import load_season_facts
from states.submissions.delivery import Change, keep_delivery

_SHOWN = 20
_MOST_TITLES = 2000


@dataclass(frozen=True)
class Brought:
    """A delivery as it came: whose it is, our copy of it, its name, and who handed it in where not the sender.

    By mail: what of it nobody read (`notes`), to which addresses the answer goes, and which mails it answers.
    """

    sender: Sender
    copy: Sealed
    name: str
    handed_in_by: str = ""
    notes: tuple[Note, ...] = ()
    answer_to: tuple[str, ...] = ()
    thread: tuple[str, ...] = ()

    @property
    def addressees(self) -> tuple[str, ...]:
        """Where the receipt goes: to who sent it, and to the sender's own address where that is another."""
        return self.answer_to or (self.sender.mail,)


@dataclass
class Answer:
    """What becomes of one file."""

    reading: Reading
    accepted: dict[tuple[str, int], str] = field(default_factory=dict)
    remarks: dict[tuple[str, int], str] = field(default_factory=dict)
    changes: dict[tuple[str, int], Change] = field(default_factory=dict)
    refused: list[Problem] = field(default_factory=list)
    newest: Path | None = None

    @property
    def problems(self) -> list[Problem]:
        return [*self.reading.all_problems, *self.refused]

    @property
    def state(self) -> DeliveryState:
        if self.problems and not self.accepted:
            return DeliveryState.REFUSED
        return DeliveryState.PARTLY if self.problems else DeliveryState.ACCEPTED


def keep_answer(session: Session, run: Run, brought: Brought, answer: Answer, known: Delivery | None) -> None:
    """Write the receipt, keep what became of the delivery, and answer its sender by mail."""
    # A letter that waits, or goes out again, must carry the answer that it was written for.
    sender, copy = brought.sender, brought.copy
    standing = _standing(session, run, sender, answer)
    target = paths.receipt(run.settings, run.year, sender.code, copy.digest, again=known is not None)
    if not run.dry_run:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_receipt(
            copy.path,
            target,
            reading=answer.reading,
            problems=answer.problems,
            accepted=answer.accepted,
            written_at=run.at,
            season=run.season,
            remarks=_remarks(session, run, sender, answer),
            standing=standing.lines,
            owed=standing.owed,
            titles=_titles(session, answer.accepted.values()),
            file_name=brought.name,
        )
    home = run.settings.home.absolute()
    row = known or Delivery(
        digest=copy.digest,
        sender=sender.code,
        season=run.year,
        file_name=brought.name,
        arrived_at=copy.arrived_at,
        taken_at=run.at,
        state=answer.state,
        handed_in_by=brought.handed_in_by,
    )
    keep_delivery(
        session,
        row,
        taken_at=run.at,
        kind=answer.reading.kind,
        state=answer.state,
        rows_in=len(answer.accepted),
        rows_back=rows_back_of(answer),
        problems=json.dumps([list(problem) for problem in answer.problems], ensure_ascii=False),
        receipt=str(target.relative_to(home)),
    )
    _answer_by_mail(session, run, brought, answer, standing, target, again=known is not None)


def answer_again(session: Session, run: Run, known: Delivery, brought: Brought) -> None:
    """The same content came once more: its sender gets the earlier receipt again, once for that arrival."""
    key = f"{known.sender}/{known.digest[:16]}"
    again = f"{key}/again/{brought.copy.arrived_at:%Y%m%dT%H%M%S}"
    for index, to in enumerate(brought.addressees):
        post_again(
            session,
            run,
            LetterKind.RECEIPT,
            known.season,
            (key, f"{key}/admitted"),
            key=f"{again}/{index}" if index else again,
            to=to,
            thread=brought.thread,
        )


def _standing(session: Session, run: Run, sender: Sender, answer: Answer) -> Standing:
    numbers = set(answer.accepted.values())
    return standing_of(session, run.season, sender.code, answer.reading.kind, numbers, answer.changes.values())


def _remarks(session: Session, run: Run, sender: Sender, answer: Answer) -> dict[tuple[str, int], str]:
    """What became of each row: what was said of it, else what it changed, else how it stands now."""
    numbers = list(answer.accepted.values())
    known = (
        {}
        if len(numbers) > _MOST_TITLES
        else remarks_of(session, run.season, sender.code, answer.reading.kind, numbers)
    )
    stands = {line: known[number] for line, number in answer.accepted.items() if number in known}
    changed = {line: CHANGES[change] for line, change in answer.changes.items()}
    return {**stands, **changed, **answer.remarks}


def _titles(session: Session, numbers: Collection[str]) -> dict[str, str]:
    if len(numbers) > _MOST_TITLES:
        return {}
    rows = session.execute(select(Submission.number, Submission.title).where(Submission.number.in_(list(numbers))))
    return {row.number: row.title for row in rows}


def _deadline(session: Session, run: Run, code: str, kind: WorkbookKind | None) -> datetime | None:
    """Until when a sender may mend such a workbook; it may have passed. None where nothing says so."""
    if kind is WorkbookKind.SCORES:
        step: Milestone | None = closing_of(2 if scores_are_frozen(session, run.year) else 1)
    else:
        step = KINDS[kind].closes if kind and code in all_units() else None
    return load_season_facts(session, run.year).deadlines.at(step, code) if step else None


def _answer_by_mail(
    session: Session,
    run: Run,
    brought: Brought,
    answer: Answer,
    standing: Standing,
    receipt: Path,
    *,
    again: bool,
) -> None:
    sender, copy = brought.sender, brought.copy
    problems = [where_and_why(problem) for problem in answer.problems[:_SHOWN]]
    deadline = _deadline(session, run, sender.code, answer.reading.kind)
    said: dict[str, Any] = {
        "recipient_name": sender.name,
        "file_name": brought.name,
        "arrived_at": copy.arrived_at,
        "rows_in": len(answer.accepted),
        "rows_back": rows_back_of(answer),
        "problems": problems,
        "more": max(0, len(answer.problems) - _SHOWN),
        "numbers": list(answer.accepted.values()),
        "newest": answer.newest is not None,
        "deadline": deadline if deadline is not None and deadline > run.at else None,
        "over": deadline is not None and deadline <= run.at,
        "standing": standing.lines,
        "owed": standing.owed,
        "unread": len(answer.reading.unread),
        "notes": [where_and_why(note) for note in answer.reading.all_notes[:_SHOWN]],
        "more_notes": max(0, len(answer.reading.all_notes) - _SHOWN),
        "attachments": (receipt, *([answer.newest] if answer.newest else [])),
        "thread": brought.thread,
    }
    key = f"{sender.code}/{copy.digest[:16]}" + ("/admitted" if again else "")
    for index, to in enumerate(brought.addressees):
        post(session, run, LetterKind.RECEIPT, key=f"{key}/{index}" if index else key, to=to, **said)


def rows_back_of(answer: Answer) -> int:
    """How many of the delivery's rows were not accepted."""
    return sum(1 for row in answer.reading.rows if (row.sheet, row.line) not in answer.accepted)


def where_and_why(problem: Problem | Note) -> tuple[str, str]:
    """A problem for a letter: its place in words, and what is to be done."""
    where = (
        f"“{problem.sheet}”工作表" + (f"{problem.cell}单元格" if problem.cell else "") if problem.sheet else "整份文件"
    )
    return where, problem.message
