"""Delivers the waiting messages: rows become mail, once each as far as mail allows."""

import json
import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.mail.transport import Envelope, PermanentFailure, TemporaryFailure, Transport, hashed, open_transport
from flows.perform import perform, stage_flow
from flows.stage import Ending, Run
from models import Message
from models.database import database_seconds
from models.enums import MessageState
from models.queries import messages_due

log = logging.getLogger("gangchuang.mail")
_BATCH = 50
_GIVE_UP_AFTER = 12


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
    """Send batch by batch; a message is marked before and after, so a crash in between is seen and counted."""
    counts = dict.fromkeys(("sent", "sent again after a crash", "put off", "stuck"), 0)
    if run.dry_run:
        with run.step() as session:
            run.tell("waiting", len(_next_batch(session)))
        return Ending()
    with run.step() as session:
        due = messages_due(session, run.year)
    with open_transport(run.settings) as transport:
        reachable = True
        while reachable and (batch := _begin(run)):
            for message in batch:
                run.show_progress(min(sum(counts.values()), due), due)
                # Once the server is gone, the rest of the batch is put off without trying.
                reachable = _send(run, transport if reachable else None, message, counts) and reachable
    run.show_progress(due, due)
    for name, count in counts.items():
        run.tell(name, count)
    return Ending()


def _next_batch(session: Session) -> list[Message]:
    return list(
        session.scalars(
            select(Message)
            .where(
                Message.state.in_((MessageState.WAITING, MessageState.SENDING)),
                Message.not_before <= database_seconds(session),
            )
            .order_by(Message.written_at, Message.key)
            .limit(_BATCH)
            .with_for_update()
        )
    )


def _begin(run: Run) -> list[Message]:
    with run.step() as session:
        batch = _next_batch(session)
        now = database_seconds(session)
        for message in batch:
            message.problem = "interrupted" if message.state is MessageState.SENDING else ""
            message.state = MessageState.SENDING
            message.attempts += 1
            message.not_before = now + _pause(message.attempts)
        session.flush()
        session.expunge_all()
    return batch


def _send(run: Run, transport: Transport | None, message: Message, counts: dict[str, int]) -> bool:
    """Send one message and keep what became of it. False when the server is gone."""
    again = message.problem == "interrupted"
    if transport is None:
        _mark(run, message, MessageState.WAITING, "the server was gone")
        counts["put off"] += 1
        return False
    try:
        transport.send(_envelope(run, message))
    except TemporaryFailure as failure:
        stuck = message.attempts >= _GIVE_UP_AFTER
        _mark(run, message, MessageState.STUCK if stuck else MessageState.WAITING, str(failure))
        counts["stuck" if stuck else "put off"] += 1
        return not failure.server_gone
    except PermanentFailure as failure:
        _mark(run, message, MessageState.STUCK, str(failure))
        counts["stuck"] += 1
    else:
        _mark(run, message, MessageState.SENT, "")
        counts["sent again after a crash" if again else "sent"] += 1
        log.info("sent %s to %s", message.key, hashed(message.recipient))
    return True


def _mark(run: Run, message: Message, state: MessageState, problem: str) -> None:
    with run.step() as session:
        kept = session.get_one(Message, message.key, with_for_update=True)
        kept.state, kept.problem = state, problem
        if state is MessageState.SENT:
            kept.sent_at = run.at


def _envelope(run: Run, message: Message) -> Envelope:
    home = run.settings.home.absolute()
    attachments = tuple(home / name for name in json.loads(message.attachments))
    return Envelope(message.key, message.recipient, message.subject, message.body, attachments, message.written_at)


def _pause(attempts: int) -> float:
    """Seconds until a message may be tried again: one minute, doubling up to four hours."""
    return float(min(60 * 2 ** (attempts - 1), 4 * 3600))
