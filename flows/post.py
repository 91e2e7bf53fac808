"""Puts letters into the outgoing messages: rows in the stage's own transaction, mail later."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from config.units import all_units
from flows.letters import LetterKind, compose
from flows.stage import Run
from models.enums import MessageState
from models.queries import post_message


def post(
    session: Session, run: Run, kind: LetterKind, *, key: str, to: str, attachments: Sequence[Path] = (), **context: Any
) -> None:
    """Write one letter to one address, once for ever for its key (the season and kind are added to it)."""
    letter = compose(kind, season=run.season, **context)
    home = run.settings.home.absolute()
    new = post_message(
        session,
        key=f"{run.year}/{kind.value}/{key}",
        season=run.year,
        recipient=to,
        subject=letter.subject,
        body=letter.body,
        attachments=json.dumps([str(path.relative_to(home)) for path in attachments], ensure_ascii=False),
        state=MessageState.WAITING,
        written_at=run.at,
        not_before=0.0,
        attempts=0,
        problem="",
    )
    run.messages += new


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
    """A letter to a reporting unit's office, at the address the season file gives."""
    post(
        session,
        run,
        kind,
        key=f"{code}/{key}" if key else code,
        to=run.season.mail_of(code),
        attachments=attachments,
        unit_name=all_units()[code].name,
        **context,
    )


def post_to_office(
    session: Session, run: Run, kind: LetterKind, *, key: str, attachments: Sequence[Path] = (), **context: Any
) -> None:
    """A letter to the coordinating office."""
    post(session, run, kind, key=f"office/{key}", to=run.season.office.mail, attachments=attachments, **context)
