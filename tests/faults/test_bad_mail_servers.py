"""Letters of a season against real mail servers that refuse, hang, break off, greylist or take only some."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from config.local_time import ZONE
from flows import deliver_messages as module
from flows.deliver_messages import delivering
from flows.outbox.mail.transport import open_transport
from flows.run import StageFailed
from models import Message
from models.database import database_seconds
from models.enums import MessageState
from states.maintenance.stuck_messages import post_message
from tests.support.builders import a_season
from tests.support.mail import HOST, Post, serving
from tests.support.playing import Player

pytestmark = pytest.mark.faults

AT = datetime(2026, 4, 1, 9, tzinfo=ZONE)
KEYS = ("a", "b", "c")
AGAIN = "sent again, may have come twice"
S = MessageState


@pytest.fixture
def server() -> Iterator[Post]:
    with serving(Post()) as post:
        yield post


@pytest.fixture
def waiting(player: Player, server: Post, monkeypatch: pytest.MonkeyPatch) -> Player:
    """Three letters wait; a server that is silent for a moment is given up."""
    with player.writing() as session:
        a_season(session)
        for key in KEYS:
            post_message(
                session,
                key=key,
                season=2026,
                recipient=f"{key}@example.invalid",
                subject="示例",
                body=f"示例{key}\n",
                attachments="[]",
                state=S.WAITING,
                written_at=AT,
                not_before=0.0,
                attempts=0,
                problem="",
            )
    player.at(AT)
    monkeypatch.setattr(player.settings, "smtp_url", SecretStr(f"smtp://{HOST}:{server.port}"))
    monkeypatch.setattr(module, "open_transport", lambda own: open_transport(own, seconds=0.5))
    return player


def deliver(player: Player) -> dict[str, str]:
    """What one delivery counts, without its zeros, whether it ends well or not."""
    with player.writing() as session:
        session.execute(update(Message).values(not_before=database_seconds(session) - 1))
    try:
        lines = dict(player.play("deliver_messages", delivering).lines)
    except StageFailed as failed:
        lines = dict(failed.lines)
    return {name: count for name, count in lines.items() if count != "0" and name != "release"}


def states(player: Player) -> str:
    with player.reading() as session:
        return " ".join(message.state for message in session.scalars(select(Message).order_by(Message.key)))


def received(server: Post) -> Counter[tuple[str, bytes]]:
    """How often each mail came in, whole."""
    return Counter((mail.get_content().strip(), mail.as_bytes()) for _, mail in server.received)


def texts(server: Post) -> dict[str, int]:
    """The same by text; one text under two Message-IDs would be an error here."""
    found = {text: count for (text, _), count in received(server).items()}
    assert len(found) == len(received(server))
    return found


def _refuses(server: Post) -> None:
    server.on_mail = "421 going down"


def _refuses_the_sender(server: Post) -> None:
    server.on_mail = "550 not you"


def _hangs(server: Post) -> None:
    server.hang_on_data = True


def _breaks_off(server: Post) -> None:
    server.drop_after_data = True


@pytest.mark.parametrize("fault", [_refuses, _refuses_the_sender])
def test_a_server_that_refuses_everything_loses_nothing(
    waiting: Player, server: Post, fault: Callable[[Post], None]
) -> None:
    fault(server)
    assert deliver(waiting) == {"put off": "3"}
    assert states(waiting) == "waiting waiting waiting"

    server.on_mail = ""

    assert deliver(waiting) == {"sent": "3"}
    assert texts(server) == {"示例a": 1, "示例b": 1, "示例c": 1}


@pytest.mark.parametrize("fault", [_hangs, _breaks_off])
def test_a_server_that_has_the_text_and_does_not_say_so_gets_one_letter_twice_and_it_is_counted(
    waiting: Player, server: Post, fault: Callable[[Post], None]
) -> None:
    fault(server)
    assert deliver(waiting) == {"put off": "3"}
    assert states(waiting) == "sending waiting waiting"

    server.hang_on_data = server.drop_after_data = False

    assert deliver(waiting) == {"sent": "2", AGAIN: "1"}
    assert texts(server) == {"示例a": 2, "示例b": 1, "示例c": 1}


def test_a_server_that_greylists_has_its_way(waiting: Player, server: Post) -> None:
    server.on_recipient = {f"{key}@example.invalid": "451 greylisted, come again" for key in KEYS}
    assert deliver(waiting) == {"put off": "3"}

    server.on_recipient = {}

    assert deliver(waiting) == {"sent": "3"}
    assert texts(server) == {"示例a": 1, "示例b": 1, "示例c": 1}


def test_a_server_that_takes_only_some_recipients_does_not_keep_the_others_waiting(
    waiting: Player, server: Post
) -> None:
    server.on_recipient = {"b@example.invalid": "550 no such mailbox"}

    assert deliver(waiting) == {"sent": "2", "stuck": "1"}

    assert states(waiting) == "sent stuck sent"
    assert texts(server) == {"示例a": 1, "示例c": 1}
    assert deliver(waiting) == {}
