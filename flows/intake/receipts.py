"""The answers to deliveries: the row that is kept, the receipt, and the letter that brings it."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.units import all_units
from flows.home import paths
from flows.intake.inbox import Sealed
from flows.intake.senders import Sender
from flows.intake.standing import CHANGES, SenderStanding, remarks_of, standing_of
from flows.kinds.review_material import material_of
from flows.kinds.table import KINDS
from flows.kinds.verdicts import forms_of
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post, post_again, post_to_office
from flows.run import Run
from flows.workbooks.reader.findings import Note, Problem, Reading, place_of
from flows.workbooks.writer.receipt import write_receipt
from models import Delivery, Submission
from models.enums import CallState, DeliveryState, Role, WorkbookKind
from models.queries import call_state
from states.final_round.freeze import scores_are_frozen
from states.final_round.scores import closing_of
from states.guard_facts import load_season_facts
from states.panel.aliases import Aliases
from states.rules.grouping import grouped
from states.submissions.delivery import RowChange, keep_delivery

_SHOWN = 20
_CELLS_SHOWN = 10
_MOST_TITLES = 2000
_JUDGED = (WorkbookKind.VERDICTS, WorkbookKind.SCORES)
_Said = TypeVar("_Said", Problem, Note)


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
    changes: dict[tuple[str, int], RowChange] = field(default_factory=dict)
    refused: list[Problem] = field(default_factory=list)
    newest: Path | None = None

    @property
    def problems(self) -> list[Problem]:
        return sorted((*self.reading.all_problems, *self.refused), key=place_of)

    @property
    def state(self) -> DeliveryState:
        if self.problems and not self.accepted:
            return DeliveryState.REFUSED
        return DeliveryState.PARTLY if self.problems else DeliveryState.ACCEPTED

    def hidden(self, aliases: Aliases) -> "Answer":
        """The same in the words of somebody who must not learn numbers."""

        def said(found: Sequence[_Said]) -> list[_Said]:
            return [problem._replace(message=aliases.hide(problem.message)) for problem in found]

        rows = (
            replace(row, problems=tuple(said(row.problems)), notes=tuple(said(row.notes))) for row in self.reading.rows
        )
        reading = replace(self.reading, rows=tuple(rows), notes=tuple(said(self.reading.notes)))
        return replace(self, reading=reading, accepted=aliases.hide(self.accepted), refused=said(self.refused))


def keep_answer(session: Session, run: Run, brought: Brought, answer: Answer, known: Delivery | None) -> None:
    """Write the receipt, keep what became of the delivery, and answer its sender by mail."""
    # A letter that waits, or goes out again, must carry the answer that it was written for.
    sender, copy = brought.sender, brought.copy
    standing = _standing(session, run, sender, answer)
    aliases, remarks = Aliases.before(session, run.season, sender.code), _remarks(session, run, sender, answer)
    titles = _titles(session, run, answer.accepted.values(), masked=aliases is not None)
    target = paths.receipt(run.settings, run.year, sender.code, copy.digest, again=known is not None)
    if not run.dry_run:
        target.parent.mkdir(parents=True, exist_ok=True)
        seen, seen_remarks, stands, seen_titles = answer, remarks, standing, titles
        if aliases is not None:
            seen, seen_remarks = answer.hidden(aliases), aliases.hide(remarks)
            stands = SenderStanding(aliases.hide(standing.lines), aliases.hide(standing.owed))
            seen_titles = {aliases.of(number): title for number, title in titles.items()}
        write_receipt(
            copy.path,
            target,
            reading=seen.reading,
            problems=seen.problems,
            accepted=seen.accepted,
            written_at=run.at,
            season=run.season,
            remarks=seen_remarks,
            standing=stands.lines,
            owed=stands.owed,
            titles=seen_titles,
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
        run.act,
        kind=answer.reading.kind,
        state=answer.state,
        rows_in=len(answer.accepted),
        rows_back=rows_back_of(answer),
        problems=json.dumps([list(problem) for problem in answer.problems], ensure_ascii=False),
        receipt=str(target.relative_to(home)),
    )
    judged = answer.reading.kind in _JUDGED and [
        (number, titles.get(number, ""), remarks.get(line, "已接收"))
        for line, number in sorted(answer.accepted.items())
    ]
    _answer_by_mail(session, run, brought, answer, standing, target, judged or [], again=known is not None)


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


def _standing(session: Session, run: Run, sender: Sender, answer: Answer) -> SenderStanding:
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


def _titles(session: Session, run: Run, numbers: Collection[str], *, masked: bool) -> dict[str, str]:
    """The titles by number, as experts of a blind season see them where they are asked for so."""
    if len(numbers) > _MOST_TITLES:
        return {}
    if masked:
        material = material_of(session, run.season, list(numbers)).by_number
        return {number: str(row["title"]) for number, row in material.items()}
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
    standing: SenderStanding,
    receipt: Path,
    judged: Sequence[tuple[str, str, str]],
    *,
    again: bool,
) -> None:
    sender, copy = brought.sender, brought.copy
    problems, notes = gathered(answer.problems), gathered(sorted(answer.reading.all_notes, key=place_of))
    deadline = _deadline(session, run, sender.code, answer.reading.kind)
    said: dict[str, Any] = {
        "recipient_name": _greeted(sender),
        "file_name": brought.name,
        "arrived_at": copy.arrived_at,
        "rows_in": len(answer.accepted),
        "rows_back": rows_back_of(answer),
        "problems": [told.words for told in problems[:_SHOWN]],
        "more": sum(told.cells for told in problems[_SHOWN:]),
        "numbers": [] if judged else list(answer.accepted.values()),
        "judged": judged,
        "newest": answer.newest is not None,
        "deadline": deadline if deadline is not None and deadline > run.at else None,
        "over": deadline is not None and deadline <= run.at,
        "standing": standing.lines,
        "owed": standing.owed,
        "unread": len(answer.reading.unread),
        "notes": [told.words for told in notes[:_SHOWN]],
        "more_notes": sum(told.cells for told in notes[_SHOWN:]),
        "attachments": (
            receipt,
            *([answer.newest] if answer.newest else []),
            *_forms(session, run, sender, answer),
        ),
        "thread": brought.thread,
    }
    key = f"{sender.code}/{copy.digest[:16]}" + ("/admitted" if again else "")
    office = run.season.office.mail
    lies = f"收件文件夹：{brought.handed_in_by or sender.code}；报送方：{_who(sender)}"
    for index, to in enumerate(brought.addressees):
        post(
            session,
            run,
            LetterKind.RECEIPT,
            key=f"{key}/{index}" if index else key,
            to=to,
            **said,
            folder=lies if to == office else "",
        )
    if brought.handed_in_by == paths.OFFICE and answer.problems:
        # Who handed it in must know that its sender has to mend it.
        said["recipient_name"] = run.season.office.name
        told = lies if sender.problem else f"{lies}；报送方已另收到本回执，请督促其更正"
        post_to_office(session, run, LetterKind.RECEIPT, key=key, **said, folder=told)


def _forms(session: Session, run: Run, sender: Sender, answer: Answer) -> tuple[Path, ...]:
    """Once the call is closed the forms to be stamped are out: what changed since comes along anew."""
    lines = [line for line, change in answer.changes.items() if change in (RowChange.NEW, RowChange.UPDATED)]
    if not lines or answer.reading.kind is not WorkbookKind.SUBMISSIONS:
        return ()
    if call_state(session, run.year) is not CallState.DISTRICT_REVIEW:
        return ()
    return forms_of(session, run, sender.code, [answer.accepted[line] for line in lines])


def _greeted(sender: Sender) -> str:
    """What a letter calls whoever delivered."""
    titles = {Role.DISTRICT: "科协", Role.EXPERT: "专家"}
    return sender.name if sender.problem else sender.name + titles.get(sender.actor.role, "")


def _who(sender: Sender) -> str:
    if sender.problem:
        return "不明"
    return f"{_greeted(sender)}（{sender.code}）" if sender.code != paths.OFFICE else sender.name


def rows_back_of(answer: Answer) -> int:
    """How many of the delivery's rows were not accepted."""
    return sum(1 for row in answer.reading.rows if (row.sheet, row.line) not in answer.accepted)


class Gathered(NamedTuple):
    """What is said of one or several cells: the place in words and what is to be done, and of how many."""

    words: tuple[str, str]
    cells: int


def gathered(said: Iterable[Problem | Note]) -> list[Gathered]:
    """Problems or hints for a letter, what is said of several cells only once."""
    cells = grouped(((note.sheet, note.message), note.cell or "") for note in said)
    return [
        Gathered((_where(sheet, named), message if message.endswith("。") else f"{message}。"), len(named))
        for (sheet, message), named in cells.items()
    ]


def _where(sheet: str, cells: Sequence[str]) -> str:
    if not sheet:
        return "整份文件"
    shown = "、".join(cell for cell in cells[:_CELLS_SHOWN] if cell)
    more = f"等{len(cells)}处" if len(cells) > _CELLS_SHOWN else ""
    return f"“{sheet}”工作表" + (f"{shown}单元格{more}" if shown else "")
