"""Outgoing messages: written once for their key, tried until they are out, and what a person may do about one.

What a person does (have it tried again, give it up) is recorded; the trying is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from models import Message
from models.database import database_seconds
from models.enums import MessageState, Trigger
from states.leases import is_live
from states.machine import Act
from states.officers import DecisionRefused, require_reason
from states.transitions import note_call

# Attempts that found no server count up to here: a quarter of an hour between two, and never a reason to give up.
_GONE_AT_MOST = 5
_OPEN = (MessageState.WAITING, MessageState.SENDING, MessageState.STUCK, MessageState.BOUNCED)


@dataclass(frozen=True)
class Fate:
    """What became of a message that was tried."""

    key: str
    state: MessageState
    problem: str
    not_before: float
    server_gone: bool = False


def post_message(session: Session, **values: object) -> bool:
    """Keep a message unless one with its key exists already. Returns whether it is new."""
    # Each brings a dialect of its own, and who only looks at messages needs neither.
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(Message).values(**values).on_conflict_do_nothing(index_elements=["key"])
    # Counted by what comes back: the drivers do not agree how to count an insert's rows.
    return session.scalar(statement.returning(Message.key)) is not None


def keys_due(session: Session, year: int, most: int) -> Sequence[str]:
    """Messages of a season that may go out now, the oldest first."""
    query = select(Message.key).where(*_due(session, year)).order_by(Message.written_at, Message.key)
    return session.scalars(query.limit(most)).all()


def take_up(session: Session, year: int, key: str) -> tuple[Message, bool] | None:
    """Mark a message as on its way; and whether it may be out already. None when it may not go any more."""
    message = session.scalar(select(Message).where(Message.key == key, *_due(session, year)).with_for_update())
    if message is None:
        return None
    may_be_out = message.state is MessageState.SENDING
    message.state, message.attempts = MessageState.SENDING, message.attempts + 1
    message.not_before = database_seconds(session) + _pause(message.attempts)
    session.flush()
    session.expunge(message)
    return message, may_be_out


def keep_fate(session: Session, fate: Fate, at: datetime) -> None:
    kept = session.get_one(Message, fate.key, with_for_update=True)
    kept.state, kept.problem = fate.state, fate.problem
    if fate.server_gone:
        kept.attempts = min(kept.attempts, _GONE_AT_MOST)
    if fate.state is MessageState.SENT:
        kept.sent_at = at


def put_off(session: Session, year: int, until: float) -> int:
    """Once the server is gone, the rest waits as long as the one that found out, without trying. Returns how many."""
    rest = update(Message).where(*_due(session, year)).values(not_before=until, problem="the server was gone")
    put_off: Any = session.execute(rest)
    return int(put_off.rowcount)


def troubled_messages(session: Session, year: int) -> Sequence[Message]:
    """Messages of a season that are stuck, came back, or were tried without success, the stuck first."""
    trouble = (Message.state == MessageState.STUCK) | (Message.state.in_(_OPEN) & (Message.attempts > 0))
    query = select(Message).where(Message.season == year, trouble)
    return session.scalars(query.order_by(Message.state != MessageState.STUCK, Message.written_at, Message.key)).all()


def retry_message(session: Session, year: int, key: str, act: Act, *, reason: str) -> Message:
    """Release one message: it is tried again at once, with all its attempts. `key` may be a unique part of it.

    Raises DecisionRefused.
    """
    message = _open_message(session, year, key, reason)
    message.state, message.attempts, message.not_before, message.problem = MessageState.WAITING, 0, 0.0, ""
    message.sent_at = None
    _note(session, message, Trigger.RELEASE_MESSAGE, act, reason)
    return message


def give_up_message(session: Session, year: int, key: str, act: Act, *, reason: str) -> Message:
    """Give one message up: it is never sent. `key` may be a unique part of it. Raises DecisionRefused."""
    message = _open_message(session, year, key, reason)
    message.state, message.sent_at = MessageState.GIVEN_UP, None
    _note(session, message, Trigger.GIVE_UP_MESSAGE, act, reason)
    return message


def _open_message(session: Session, year: int, key: str, reason: str) -> Message:
    part = Message.key.contains(key, autoescape=True)
    of_season = select(Message).where(Message.season == year)
    exact = session.scalar(of_season.where(Message.key == key).with_for_update())
    found = [exact] if exact else session.scalars(of_season.where(part).limit(3).with_for_update()).all()
    if len(found) != 1:
        count = "no" if not found else "more than one"
        raise DecisionRefused(
            f"message {key}",
            f"{count} message of season {year} has this in its key",
            f"{year}年度有{count}封信的编号含有“{key}”",
        )
    message = found[0]
    if message.state not in _OPEN:
        raise DecisionRefused(
            f"message {message.key}", f"it is {message.state.value} already", f"这封信{message.state.label}"
        )
    if message.state is MessageState.SENDING and is_live(session, f"stage/{year}/deliver_messages"):
        raise DecisionRefused(
            f"message {message.key}",
            "it is being sent at this moment; look again in a minute",
            "这封信正在发送，请稍后再看",
        )
    require_reason(f"message {message.key}", reason)
    return message


def _note(session: Session, message: Message, trigger: Trigger, act: Act, reason: str) -> None:
    session.flush()
    facts = {"message": message.key}
    note_call(session, message.season, trigger, act, reason=reason, facts=facts)


def _due(session: Session, year: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Message.season == year,
        Message.state.in_((MessageState.WAITING, MessageState.SENDING)),
        Message.not_before <= database_seconds(session),
    )


def _pause(attempts: int) -> float:
    """Seconds until a message may be tried again: one minute, doubling up to four hours."""
    return float(min(60 * 2 ** (attempts - 1), 4 * 3600))
