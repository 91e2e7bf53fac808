"""Messages: a row first, mail later; once each as far as mail allows, and what is stuck is seen."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from config.local_time import ZONE
from flows import deliver_messages as module
from flows.deliver_messages import delivering
from flows.outbox.mail.transport import Envelope, PermanentFailure, TemporaryFailure
from flows.run import StageFailed
from models import Message
from models.database import database_seconds
from models.enums import MessageState
from states.maintenance.stuck_messages import post_message
from tests.support.builders import a_season
from tests.support.playing import Player

AT = datetime(2026, 4, 1, 9, tzinfo=ZONE)


class Post:
    """Stands where the mail server stands."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.failures: dict[str, Exception] = {}

    def __enter__(self) -> "Post":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, envelope: Envelope) -> None:
        if envelope.key in self.failures:
            raise self.failures[envelope.key]
        self.sent.append(envelope.key)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    made = Post()
    monkeypatch.setattr(module, "open_transport", lambda _: made)
    return made


@pytest.fixture
def waiting(player: Player) -> Player:
    """Three messages wait."""
    with player.writing() as session:
        a_season(session)
        for key in ("a", "b", "c"):
            post_message(
                session,
                key=key,
                season=2026,
                recipient=f"{key}@example.invalid",
                subject="示例",
                body="示例\n",
                attachments="[]",
                state=MessageState.WAITING,
                written_at=AT,
                not_before=0.0,
                attempts=0,
                problem="",
            )
    player.at(AT)
    return player


def deliver(player: Player, **options: Any) -> dict[str, str]:
    """What a run counts, whether it ends well or not."""
    try:
        return dict(player.play("deliver_messages", delivering, **options).lines)
    except StageFailed as failed:
        return {**failed.lines, "failed": failed.failures["mail"]}


def states(player: Player) -> dict[str, MessageState]:
    with player.reading() as session:
        return {message.key: message.state for message in session.scalars(select(Message))}


def may_go_now(player: Player) -> None:
    with player.writing() as session:
        session.execute(update(Message).values(not_before=database_seconds(session) - 1))


def test_every_message_goes_out_once(waiting: Player, post: Post) -> None:
    assert deliver(waiting)["sent"] == "3"
    assert deliver(waiting)["sent"] == "0"

    assert post.sent == ["a", "b", "c"]
    with waiting.reading() as session:
        assert {(message.state, message.sent_at, message.attempts) for message in session.scalars(select(Message))} == {
            (MessageState.SENT, AT, 1)
        }


def test_without_a_server_they_are_files_in_the_home(waiting: Player) -> None:
    deliver(waiting)

    assert len(list(waiting.home.rglob("*.eml"))) == 3


def test_a_dry_run_sends_nothing(waiting: Player, post: Post) -> None:
    before = waiting.kept()

    assert deliver(waiting, dry_run=True) == {"waiting": "3"}

    assert (post.sent, waiting.kept()) == ([], before)


def test_what_was_under_way_when_the_process_died_is_sent_again_and_counted(waiting: Player, post: Post) -> None:
    post.failures["b"] = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        deliver(waiting)
    assert states(waiting) == {"a": MessageState.SENT, "b": MessageState.SENDING, "c": MessageState.WAITING}

    post.failures.clear()
    may_go_now(waiting)
    lines = deliver(waiting)

    assert (lines["sent"], lines["sent again, may have come twice"]) == ("1", "1")
    assert set(states(waiting).values()) == {MessageState.SENT}


def test_what_was_under_way_waits_for_its_next_attempt(waiting: Player, post: Post) -> None:
    post.failures["a"] = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        deliver(waiting)

    lines = deliver(waiting)

    assert (lines["sent"], lines["sent again, may have come twice"], post.sent) == ("2", "0", ["b", "c"])


def test_a_text_that_a_broken_connection_may_have_left_there_is_sent_again_and_counted(
    waiting: Player, post: Post
) -> None:
    post.failures["a"] = TemporaryFailure("broke off", uncertain=True, server_gone=True)
    assert deliver(waiting)["put off"] == "3"
    assert states(waiting)["a"] is MessageState.SENDING
    assert deliver(waiting)["sent"] == "0", "they wait for the server"

    post.failures.clear()
    may_go_now(waiting)
    lines = deliver(waiting)

    assert (lines["sent"], lines["sent again, may have come twice"]) == ("2", "1")


def test_messages_of_another_season_are_left_to_its_own_run(waiting: Player, post: Post) -> None:
    with waiting.writing() as session:
        session.get_one(Message, "b").season = 2027

    assert deliver(waiting)["sent"] == "2"

    assert post.sent == ["a", "c"]
    assert states(waiting)["b"] is MessageState.WAITING


def test_a_refused_recipient_is_stuck_and_the_others_go_out(waiting: Player, post: Post) -> None:
    post.failures["b"] = PermanentFailure("550 no such mailbox")

    lines = deliver(waiting)

    assert (lines["sent"], lines["stuck"], states(waiting)["b"]) == ("2", "1", MessageState.STUCK)
    with waiting.reading() as session:
        assert "550 no such mailbox" in session.get_one(Message, "b").problem


def test_a_greylisted_message_is_tried_later_and_later(waiting: Player, post: Post) -> None:
    post.failures["b"] = TemporaryFailure("451 try later")
    pauses = []
    for _ in range(3):
        may_go_now(waiting)
        deliver(waiting)
        with waiting.reading() as session:
            pauses.append(round((session.get_one(Message, "b").not_before - database_seconds(session)) / 60))

    assert (post.sent, states(waiting)["b"]) == (["a", "c"], MessageState.WAITING)
    assert pauses == [1, 2, 4]


def test_after_many_attempts_a_person_must_look(waiting: Player, post: Post) -> None:
    post.failures["b"] = TemporaryFailure("451 try later")
    with waiting.writing() as session:
        session.get_one(Message, "b").attempts = 11

    assert deliver(waiting)["stuck"] == "1"


def test_when_the_server_is_gone_the_rest_is_put_off_without_trying(waiting: Player, post: Post) -> None:
    post.failures["a"] = TemporaryFailure("connection refused", server_gone=True)

    lines = deliver(waiting)

    assert (lines["put off"], post.sent) == ("3", [])
    assert lines["failed"] == "no message went out, 3 failed; the last: connection refused"
    assert set(states(waiting).values()) == {MessageState.WAITING}


def test_a_server_that_is_gone_for_days_makes_no_message_stuck(waiting: Player, post: Post) -> None:
    post.failures = dict.fromkeys("abc", TemporaryFailure("connection refused", server_gone=True))
    for _ in range(40):
        may_go_now(waiting)
        deliver(waiting)

    post.failures.clear()
    may_go_now(waiting)

    assert deliver(waiting)["sent"] == "3"
