"""Delivers the waiting messages: rows become mail, once each as far as mail allows."""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from config.errors import MayPass
from flows.engine.tasks import PieceKind
from flows.outbox.attached import attached_to
from flows.outbox.links import links_for_letter, with_links
from flows.outbox.mail.envelope import answers_to
from flows.outbox.mail.transport import Envelope, PermanentFailure, TemporaryFailure, Transport, hashed, open_transport
from flows.publish.timestamps import stamp_roots
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Message
from models.enums import MessageState
from models.queries import messages_due
from states.maintenance.stuck_messages import Fate, keep_fate, keys_due, put_off, take_up

log = logging.getLogger("gangchuang.mail")
_BATCH = 200
_GIVE_UP_AFTER = 12
_AGAIN = "sent again, may have come twice"
_MAIL = "mail"
# Under which word a message that was tried is counted.
_COUNTED = {
    MessageState.SENT: "sent",
    MessageState.STUCK: "stuck",
    MessageState.WAITING: "put off",
    MessageState.SENDING: "put off",
}


@stage_flow(name="deliver-messages")
def deliver_messages(season: int, dry_run: bool = False) -> dict[str, object]:
    """Deliver the waiting messages (发送邮件).

    Runs: whenever messages or roots without their time stamp wait, or by hand.
    Before: stages have written messages.
    After: each message is sent, waits for its next attempt, or is stuck with the server's reason. Roots that were
    published have their time stamps, where the season names a service for them (`record.timestamp_service`).
    Undo: none; mail cannot be called back.
    """
    return perform("deliver_messages", season, delivering, dry_run=dry_run)


def delivering(run: Run) -> Ending:
    """Send one by one. Each is marked before it goes out, together with what became of the one before it.

    So whenever this process dies, at most one message may go out a second time, under the same
    Message-ID and with the same text; it is counted as sent again.
    """
    with run.step() as session:
        due = messages_due(session, run.year)
    if run.dry_run:
        run.tell("waiting", due)
        return Ending()
    stamp_roots(run)
    posting = _Posting(run, due)
    for number in itertools.count(1):
        with run.step() as session:
            keys = keys_due(session, run.year, _BATCH)
        if not keys:
            break
        try:
            run.piece(PieceKind.LETTERS, f"第{number}批", partial(posting.send, keys))
        except ServerGone:
            break
    counts, last = posting.counts, posting.last
    if last is not None and last.server_gone:
        with run.step() as session:
            counts["put off"] += put_off(session, run.year, last.not_before)
    for name, count in counts.items():
        run.tell(name, count)
    if last is None:
        run.resting.add(_MAIL)
    elif not counts["sent"] + counts[_AGAIN] and (last.server_gone or counts["stuck"] or counts["put off"] > 1):
        run.failures[_MAIL] = f"no message went out, {sum(counts.values())} failed; the last: {last.problem}"
    return Ending()


class ServerGone(MayPass):
    """The mail server cannot be used at the moment; what was not tried waits unharmed."""


@dataclass
class _Posting:
    """The sending of what is due, a batch at a time; what became of the last message that was tried."""

    run: Run
    due: int
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("sent", _AGAIN, "put off", "stuck"), 0))
    last: Fate | None = None

    def send(self, keys: Sequence[str]) -> None:
        """Send those of a batch that may still go. Raises ServerGone."""
        fate: Fate | None = None
        with open_transport(self.run.settings) as transport:
            for key in keys:
                taken, fate = _next(self.run, fate, key), None
                if taken is not None:
                    message, attached, may_be_out = taken
                    self.last = fate = _send(transport, message, attached, self.run)
                    sent_again = may_be_out and fate.state is MessageState.SENT
                    self.counts[_AGAIN if sent_again else _COUNTED[fate.state]] += 1
                    self.run.show_progress(sum(self.counts.values()), self.due)
                    if fate.server_gone:
                        break
            if fate is not None:
                with self.run.step() as session:
                    keep_fate(session, fate, self.run.at)
        if fate is not None and fate.server_gone:
            raise ServerGone(fate.problem)


def _next(run: Run, before: Fate | None, key: str) -> tuple[Message, dict[Path, str], bool] | None:
    """Keep what became of the one before, and mark this one as on its way; None when it may not go any more.

    With what it brings, by the names that the mail gives them.
    """
    with run.step() as session:
        if before is not None:
            keep_fate(session, before, run.at)
        taken = take_up(session, run.year, key)
        if taken is None:
            return None
        taken[0].body = with_links(taken[0].body, links_for_letter(session, run.settings, run.season, taken[0]))
        return taken[0], attached_to(session, run.settings.home, taken[0]), taken[1]


def _send(transport: Transport, message: Message, attached: dict[Path, str], run: Run) -> Fate:
    try:
        transport.send(_envelope(run, message, attached))
    except TemporaryFailure as failure:
        return _failed(message, failure)
    except PermanentFailure as failure:
        return Fate(message.key, MessageState.STUCK, str(failure), message.not_before)
    log.info("sent %s to %s", message.key, hashed(message.recipient))
    return Fate(message.key, MessageState.SENT, "", message.not_before)


def _failed(message: Message, failure: TemporaryFailure) -> Fate:
    """A server that is gone is not the message's fault; one that broke off within the text may have taken it."""
    if failure.server_gone:
        state = MessageState.SENDING if failure.uncertain else MessageState.WAITING
    else:
        state = MessageState.STUCK if message.attempts >= _GIVE_UP_AFTER else MessageState.WAITING
    return Fate(message.key, state, str(failure), message.not_before, failure.server_gone)


def _envelope(run: Run, message: Message, attached: dict[Path, str]) -> Envelope:
    return Envelope(
        message.key,
        message.recipient,
        message.subject,
        message.body,
        tuple(attached),
        message.written_at,
        answers_to(run.settings, run.season),
        message.thread,
        tuple(attached.values()),
    )
