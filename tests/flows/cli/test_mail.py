"""`gangchuang mail`: a person sees what is stuck, releases it or gives it up, and the record says so."""

import json

import pytest
from sqlalchemy import update

from flows.deliver_messages import delivering
from flows.outbox.mail.failures import hashed
from models import History, Message
from models.enums import MessageState
from states.history.canonical import call_subject
from states.leases import take
from states.maintenance.stuck_messages import post_message
from tests.flows.cli.conftest import Gangchuang
from tests.support.entries import words
from tests.support.playing import Player

BY = ("--by", "示例·王主任", "--reason", "地址已更正")
UNIT_MAIL = "kexie-500101@example.invalid"
STUCK, WAITING, SENT = "2026/call_opened/500101", "2026/receipt/office/0a1b", "2026/call_opened/500103"


@pytest.fixture
def post(opened: Player) -> Player:
    """A season with a stuck message, one put off, one sent and one fresh."""
    said = "mail:0 said 550 no such user"
    with opened.writing() as session:
        for key, recipient, values in (
            (STUCK, UNIT_MAIL, {"state": MessageState.STUCK, "attempts": 12, "problem": said}),
            (
                WAITING,
                "office@example.invalid",
                {"state": MessageState.WAITING, "attempts": 2, "problem": "greylisted"},
            ),
            (
                SENT,
                "kexie-500103@example.invalid",
                {
                    "state": MessageState.SENT,
                    "attempts": 1,
                    "problem": "",
                    "sent_at": opened.settings.clock.now(),
                },
            ),
            (
                "2026/fresh/office",
                "office@example.invalid",
                {"state": MessageState.WAITING, "attempts": 0, "problem": ""},
            ),
        ):
            post_message(
                session,
                key=key,
                season=2026,
                recipient=recipient,
                subject="示例",
                body="示例",
                attachments="[]",
                written_at=opened.settings.clock.now(),
                not_before=4e9 if values["attempts"] == 2 else 0.0,
                **values,
            )
    return opened


def state_of(player: Player, key: str) -> MessageState:
    with player.reading() as session:
        return session.get_one(Message, key).state


def last_entry(player: Player) -> tuple[str, str, str, dict[str, str]]:
    with player.reading() as session:
        rows = session.query(History).filter_by(subject=call_subject(2026)).order_by(History.sequence.desc())
        last = rows.first()
        assert last is not None
        return last.trigger, last.actor, words(session, last), json.loads(last.facts)


def test_what_is_stuck_is_listed_without_an_address(gangchuang: Gangchuang, post: Player) -> None:
    answer = gangchuang("mail", 2026)

    assert answer.status == 0
    assert answer.out.splitlines() == [
        STUCK,
        f"    stuck, to 万州区 (500101) [{hashed(UNIT_MAIL)}]; 12 attempt(s), not tried again by itself",
        "    last error: mail:0 said 550 no such user",
        WAITING,
        f"    waiting, to 岗位创新争先行动协调小组办公室 [{hashed('office@example.invalid')}]; 2 attempt(s), "
        "next try from 2096-10-02 15:06 Asia/Shanghai",
        "    last error: greylisted",
        "1 message(s) stuck, 1 put off.",
    ]
    assert "@" not in answer.out


def test_the_status_points_to_what_is_stuck(gangchuang: Gangchuang, post: Player) -> None:
    (facts,) = json.loads(gangchuang("status", 2026, "--json").out)

    said = {trouble["level"]: trouble["sentence"] for trouble in facts["troubles"]}
    assert said["watch"] == "1 message(s) stuck: see `gangchuang mail 2026`"
    assert "note: 1 message(s) stuck: see `gangchuang mail 2026`" in gangchuang("status", 2026).out


def test_a_released_message_goes_out_at_once(gangchuang: Gangchuang, post: Player) -> None:
    answer = gangchuang("mail", 2026, "--retry", "call_opened/500101", *BY)

    assert (answer.status, answer.out) == (0, f"{STUCK}: is tried again at once; recorded.\n")
    assert last_entry(post) == ("release_message", "office:示例·王主任", "地址已更正", {"message": STUCK})
    post.play("deliver_messages", delivering)
    assert state_of(post, STUCK) is MessageState.SENT
    assert state_of(post, WAITING) is MessageState.WAITING
    assert gangchuang("status", 2026).out.count("stuck") == 0


def test_a_message_given_up_is_never_sent(gangchuang: Gangchuang, post: Player) -> None:
    assert gangchuang("mail", 2026, "--give-up", STUCK, *BY).status == 0
    assert gangchuang("mail", 2026, "--give-up", WAITING, *BY).status == 0

    post.play("deliver_messages", delivering)

    assert (state_of(post, STUCK), state_of(post, WAITING)) == (MessageState.GIVEN_UP, MessageState.GIVEN_UP)
    assert last_entry(post)[0] == "give_up_message"
    assert gangchuang("mail", 2026).out == "0 message(s) stuck, 0 put off.\n"
    assert gangchuang("verify").out.startswith("The record is whole.\n2026: no root was published yet;")


REFUSED = [
    (("--retry", "call_opened/5001", *BY), "more than one message of season 2026 has this in its key"),
    (("--retry", "no-such", *BY), "no message of season 2026 has this in its key"),
    (("--retry", SENT, *BY), "it is sent already"),
    (("--retry", STUCK, "--by", "示例·王主任"), "a reason is needed"),
    (("--retry", STUCK, "--by", "示例·路人", "--reason", "x"), "is no officer of this season"),
    (("--retry", STUCK, "--give-up", STUCK, *BY), "either --retry or --give-up"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_what_cannot_be_released_says_why(
    gangchuang: Gangchuang, post: Player, words: tuple[str, ...], sentence: str
) -> None:
    before = post.kept()

    answer = gangchuang("mail", 2026, *words)

    assert answer.status != 0
    assert sentence in " ".join(answer.err.replace("│", " ").split())
    assert post.kept() == before


def test_a_message_on_its_way_is_left_alone(gangchuang: Gangchuang, post: Player) -> None:
    with post.writing() as session:
        session.execute(update(Message).where(Message.key == STUCK).values(state=MessageState.SENDING))
        take(session, "stage/2026/deliver_messages", owner="a run", seconds=60)

    answer = gangchuang("mail", 2026, "--give-up", STUCK, *BY)

    assert "it is being sent at this moment" in answer.err
    assert state_of(post, STUCK) is MessageState.SENDING


def test_a_season_that_is_not_planned_has_no_mail(gangchuang: Gangchuang) -> None:
    assert "Season 2031 is not planned" in gangchuang("mail", 2031).err
