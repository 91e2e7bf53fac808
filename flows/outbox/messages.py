"""Puts letters into the outgoing messages: rows in the stage's own transaction, mail later."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import ZONE, local_day
from config.milestones import Milestone
from config.season import Season
from config.settings import Settings
from config.units import heirs_on, name_on
from flows.engine.environment import office_url
from flows.home import paths
from flows.outbox.calendar_entry import calendar_entry
from flows.outbox.letters import LetterKind, compose
from flows.run import Run
from models import Call, Delivery, Message
from models.enums import MessageState, WorkbookKind
from states.issued import issues_since
from states.maintenance.stuck_messages import post_message
from states.panel.aliases import Aliases


def post(
    session: Session, run: Run, kind: LetterKind, *, key: str, to: str, attachments: Sequence[Path] = (), **context: Any
) -> None:
    """Write one letter to one address, once for ever for its key (the season and kind are added to it).

    `thread`, where given, holds the Message-IDs of the mails that it answers, directly the last.
    """
    run.messages += write_letter(
        session, run.season, run.settings, run.at, kind, key=key, to=to, attachments=attachments, **context
    )


def post_again(
    session: Session,
    run: Run,
    kind: LetterKind,
    year: int,
    earlier: Sequence[str],
    *,
    key: str,
    to: str,
    thread: Sequence[str] = (),
) -> None:
    """The newest of some letters of a season once more as it was, once for ever for the new key.

    Nothing where it was deleted.
    """
    keys = [f"{year}/{kind.value}/{known}" for known in earlier]
    query = select(Message).where(Message.key.in_(keys), Message.recipient != "")
    letter = session.scalars(query.order_by(Message.written_at.desc())).first()
    if letter is not None:
        same = letter.model_dump(include={"season", "subject", "body", "attachments"})
        anew = {"state": MessageState.WAITING, "written_at": run.at, "not_before": 0.0, "attempts": 0, "problem": ""}
        anew |= {"recipient": to, "thread": " ".join(thread)}
        run.messages += post_message(session, key=f"{run.year}/{kind.value}/{key}", **same, **anew)


def write_letter(
    session: Session,
    season: Season,
    own: Settings,
    at: datetime,
    kind: LetterKind,
    *,
    key: str,
    to: str,
    attachments: Sequence[Path] = (),
    thread: Sequence[str] = (),
    **context: Any,
) -> bool:
    """The same outside a stage. Returns whether it is new."""
    letter = compose(kind, season=season, office_page=office_url(own), **context)
    aliases = Aliases.before(session, season, key.partition("/")[0])
    subject, body = (letter.subject, letter.body) if aliases is None else aliases.hide((letter.subject, letter.body))
    return post_message(
        session,
        key=f"{season.year}/{kind.value}/{key}",
        season=season.year,
        recipient=to,
        subject=subject,
        body=body,
        attachments=json.dumps(
            [str(path.relative_to(own.home.absolute())) for path in attachments], ensure_ascii=False
        ),
        state=MessageState.WAITING,
        written_at=at,
        not_before=0.0,
        attempts=0,
        problem="",
        thread=" ".join(thread),
    )


def post_to_unit(
    session: Session,
    run: Run,
    kind: LetterKind,
    code: str,
    *,
    key: str = "",
    attachments: Sequence[Path] = (),
    **context: Any,
) -> None:
    """A letter to a reporting unit's office, at the address the season file gives; of one that is no more, to its heir."""
    name, mail = addressee(run.season, code, run.at)
    post(
        session,
        run,
        kind,
        key=f"{code}/{key}" if key else code,
        to=mail,
        attachments=attachments,
        unit_name=name,
        **context,
    )


def addressee(season: Season, code: str, at: datetime) -> tuple[str, str]:
    """What a unit of the season is called at an instant, and where its letters go."""
    name, heirs = name_on(code, local_day(at)), heirs_on(code, local_day(at))
    if not heirs:
        return name, season.mail_of(code)
    return f"原{name}（现{heirs[0].name}）", season.mail_of(heirs[0].code)


def post_to_office(
    session: Session, run: Run, kind: LetterKind, *, key: str, attachments: Sequence[Path] = (), **context: Any
) -> None:
    """A letter to the coordinating office."""
    post(session, run, kind, key=f"office/{key}", to=run.season.office.mail, attachments=attachments, **context)


def papers(
    session: Session,
    run: Run,
    who: str,
    kind: WorkbookKind,
    *,
    every_issue: bool = False,
    since: datetime | None = None,
) -> tuple[Path, ...]:
    """The workbook of a kind that is in force for somebody, or every one, and the last receipt that they got for one.

    `since`: where one is given, only what was issued or taken from then on.
    """
    issued = issues_since(session, run.year, who, kind, since)
    numbers = issued if every_issue else issued[-1:]
    workbooks = [paths.issued(run.settings, run.year, who, kind, number) for number in numbers]
    last = last_delivery(session, run, who, kind)
    answered = last is not None and last.receipt and (since is None or last.taken_at >= since)
    receipts = [run.settings.home.absolute() / last.receipt] if last and answered else []
    return tuple(path for path in (*workbooks, *receipts) if path.is_file())


def last_delivery(session: Session, run: Run, who: str, kind: WorkbookKind) -> Delivery | None:
    own = select(Delivery).where(Delivery.season == run.year, Delivery.sender == who, Delivery.kind == kind)
    return session.scalars(own.order_by(Delivery.taken_at.desc(), Delivery.digest)).first()


def deadline_entry(
    session: Session, run: Run, who: str, milestone: Milestone, deadline: datetime, occasion: object
) -> Path:
    """A deadline as a calendar entry for a letter; it replaces the one that came with an earlier letter.

    The `occasion` tells letters of one deadline apart: a letter once written keeps its attachments as they were.
    """
    name = f"{who}/{milestone.deadline}-{deadline.astimezone(ZONE):%m%d%H%M}-{occasion}"
    path = paths.calendar_file(run.settings, run.year, name)
    entry = calendar_entry(
        key=f"{milestone.value}/{who}",
        title=f"{run.season.title}{milestone.deadline}",
        at=deadline,
        written_at=run.at,
        season=run.season,
        # The later letter wins, also where a date moved forward: a move is an entry of the call.
        sequence=session.get_one(Call, run.year, populate_existing=True).sequence,
    )
    run.write(path, entry)
    return path
