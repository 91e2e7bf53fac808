"""What a person may do about a message that does not go out: have it tried again, or give it up. Both are recorded."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models import Message
from models.enums import MessageState, Trigger
from states.claims import is_live
from states.door import note_call
from states.machine import Act
from states.office import DecisionRefused

_OPEN = (MessageState.WAITING, MessageState.SENDING, MessageState.STUCK)


def troubled_messages(session: Session, year: int) -> Sequence[Message]:
    """Messages of a season that are stuck, or were tried without success, the stuck first."""
    trouble = (Message.state == MessageState.STUCK) | (Message.state.in_(_OPEN) & (Message.attempts > 0))
    query = select(Message).where(Message.season == year, trouble)
    return session.scalars(query.order_by(Message.state != MessageState.STUCK, Message.written_at, Message.key)).all()


def retry_message(session: Session, year: int, key: str, act: Act, *, reason: str) -> Message:
    """Release one message: it is tried again at once, with all its attempts. `key` may be a unique part of it.

    Raises DecisionRefused.
    """
    message = _open_message(session, year, key, reason)
    message.state, message.attempts, message.not_before, message.problem = MessageState.WAITING, 0, 0.0, ""
    _note(session, message, Trigger.RELEASE_MESSAGE, act, reason)
    return message


def give_up_message(session: Session, year: int, key: str, act: Act, *, reason: str) -> Message:
    """Give one message up: it is never sent. `key` may be a unique part of it. Raises DecisionRefused."""
    message = _open_message(session, year, key, reason)
    message.state = MessageState.GIVEN_UP
    _note(session, message, Trigger.GIVE_UP_MESSAGE, act, reason)
    return message


def _open_message(session: Session, year: int, key: str, reason: str) -> Message:
    part = col(Message.key).contains(key, autoescape=True)
    of_season = select(Message).where(Message.season == year)
    exact = session.scalar(of_season.where(Message.key == key).with_for_update())
    found = [exact] if exact else session.scalars(of_season.where(part).limit(3).with_for_update()).all()
    if len(found) != 1:
        count = "no" if not found else "more than one"
        raise DecisionRefused(f"message {key}", f"{count} message of season {year} has this in its key")
    message = found[0]
    if message.state not in _OPEN:
        raise DecisionRefused(f"message {message.key}", f"it is {message.state.value} already")
    if message.state is MessageState.SENDING and is_live(session, f"stage/{year}/deliver_messages"):
        raise DecisionRefused(f"message {message.key}", "it is being sent at this moment; look again in a minute")
    if not reason.strip():
        raise DecisionRefused(f"message {message.key}", "a reason is needed")
    return message


def _note(session: Session, message: Message, trigger: Trigger, act: Act, reason: str) -> None:
    session.flush()
    facts = {"message": message.key}
    note_call(session, message.season, trigger, act, reason=reason, facts=facts)
