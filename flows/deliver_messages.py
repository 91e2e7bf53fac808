"""Delivers the waiting messages: rows become mail, once each as far as mail allows."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from flows.mail.transport import Envelope, PermanentFailure, TemporaryFailure, Transport, hashed, open_transport
from flows.perform import perform, stage_flow
from flows.stage import Ending, Run
from models import Message
from models.database import database_seconds
from models.enums import MessageState
from models.queries import messages_due

log = logging.getLogger("gangchuang.mail")
_BATCH = 500
_GIVE_UP_AFTER = 12
# Attempts that found no server count up to here: a quarter of an hour between two, and never a reason to give up.
_GONE_AT_MOST = 5
_AGAIN = "sent again, may have come twice"
_MAIL = "mail"
_MAY_BE_OUT = "may be out already"


@stage_flow(name="deliver-messages")
def deliver_messages(season: int, dry_run: bool = False) -> dict[str, object]:
    """Deliver the waiting messages (发送邮件).

    Runs: whenever messages wait, or by hand.
    Before: stages have written messages.
    After: each message is sent, waits for its next attempt, or is stuck with the server's reason.
    Undo: none; mail cannot be called back.
    """
    return perform("deliver_messages", season, delivering, dry_run=dry_run)


def delivering(run: Run) -> Ending:
    """Send one by one. Each is marked before it goes out, together with what became of the one before it.

    So whenever this process dies, at most one message may go out a second time, under the same
    Message-ID and with the same text; it is counted as sent again.
    """
    counts = dict.fromkeys(("sent", _AGAIN, "put off", "stuck"), 0)
    with run.step() as session:
        due = messages_due(session, run.year)
    if run.dry_run:
        run.tell("waiting", due)
        return Ending()
    fate: _Fate | None = None
    with open_transport(run.settings) as transport:
        for key in _keys_due(run):
            message = _next(run, fate, key)
            fate = _send(transport, message, run) if message is not None else None
            if fate is not None:
                counts[fate.word] += 1
                run.show_progress(sum(counts.values()), due)
                if fate.server_gone:
                    break
        with run.step() as session:
            _keep(session, run, fate)
            if fate is not None and fate.server_gone:
                counts["put off"] += _put_off(session, run, fate.not_before)
    for name, count in counts.items():
        run.tell(name, count)
    if fate is None:
        run.resting.add(_MAIL)
    elif not counts["sent"] + counts[_AGAIN] and (fate.server_gone or counts["stuck"] or counts["put off"] > 1):
        run.failures[_MAIL] = f"no message went out, {sum(counts.values())} failed; the last: {fate.problem}"
    return Ending()


@dataclass(frozen=True)
class _Fate:
    """What became of a message that was tried, and the word under which it is counted."""

    key: str
    state: MessageState
    problem: str
    word: str
    not_before: float
    server_gone: bool = False


def _due(run: Run, session: Session) -> Any:
    return (
        col(Message.season) == run.year,
        col(Message.state).in_((MessageState.WAITING, MessageState.SENDING)),
        col(Message.not_before) <= database_seconds(session),
    )


def _keys_due(run: Run) -> Iterator[str]:
    """The oldest first, until none is due."""
    while True:
        with run.step() as session:
            query = select(Message.key).where(*_due(run, session)).order_by(Message.written_at, Message.key)
            keys = session.scalars(query.limit(_BATCH)).all()
        if not keys:
            return
        yield from keys


def _next(run: Run, before: _Fate | None, key: str) -> Message | None:
    """Keep what became of the one before, and mark this one as on its way; None when it may not go any more."""
    with run.step() as session:
        _keep(session, run, before)
        message = session.scalar(select(Message).where(Message.key == key, *_due(run, session)).with_for_update())
        if message is None:
            return None
        may_be_out = message.state is MessageState.SENDING
        message.state, message.attempts = MessageState.SENDING, message.attempts + 1
        message.not_before = database_seconds(session) + _pause(message.attempts)
        session.flush()
        session.expunge(message)
        message.problem = _MAY_BE_OUT if may_be_out else ""
    return message


def _send(transport: Transport, message: Message, run: Run) -> _Fate:
    again = message.problem == _MAY_BE_OUT
    try:
        transport.send(_envelope(run, message))
    except TemporaryFailure as failure:
        return _failed(message, failure)
    except PermanentFailure as failure:
        return _Fate(message.key, MessageState.STUCK, str(failure), "stuck", message.not_before)
    log.info("sent %s to %s", message.key, hashed(message.recipient))
    return _Fate(message.key, MessageState.SENT, "", _AGAIN if again else "sent", message.not_before)


def _failed(message: Message, failure: TemporaryFailure) -> _Fate:
    """A server that is gone is not the message's fault; one that broke off within the text may have taken it."""
    if failure.server_gone:
        state = MessageState.SENDING if failure.uncertain else MessageState.WAITING
    else:
        state = MessageState.STUCK if message.attempts >= _GIVE_UP_AFTER else MessageState.WAITING
    word = "stuck" if state is MessageState.STUCK else "put off"
    return _Fate(message.key, state, str(failure), word, message.not_before, failure.server_gone)


def _keep(session: Session, run: Run, fate: _Fate | None) -> None:
    if fate is None:
        return
    kept = session.get_one(Message, fate.key, with_for_update=True)
    kept.state, kept.problem = fate.state, fate.problem
    if fate.server_gone:
        kept.attempts = min(kept.attempts, _GONE_AT_MOST)
    if fate.state is MessageState.SENT:
        kept.sent_at = run.at


def _put_off(session: Session, run: Run, until: float) -> int:
    """Once the server is gone, the rest waits as long as the one that found out, without trying."""
    rest = update(Message).where(*_due(run, session)).values(not_before=until, problem="the server was gone")
    return int(session.execute(rest).rowcount)


def _envelope(run: Run, message: Message) -> Envelope:
    home = run.settings.home.absolute()
    attachments = tuple(home / name for name in json.loads(message.attachments))
    return Envelope(message.key, message.recipient, message.subject, message.body, attachments, message.written_at)


def _pause(attempts: int) -> float:
    """Seconds until a message may be tried again: one minute, doubling up to four hours."""
    return float(min(60 * 2 ** (attempts - 1), 4 * 3600))
