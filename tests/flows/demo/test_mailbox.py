"""The demo's own mail server gives our reader what a real one would."""

from pathlib import Path

from imap_tools import MailBoxUnencrypted
from pydantic import SecretStr

from config.settings import Settings
from flows.demo.mailbox import DemoMailbox
from flows.intake.mail.server import open_mailbox


def test_what_is_laid_into_it_is_read_by_number_head_and_whole(home_settings: Settings, tmp_path: Path) -> None:
    server = DemoMailbox(tmp_path / "mails", 0)
    server.begin()
    port = server.server_address[1]
    own = home_settings.model_copy(update={"imap_url": SecretStr(f"imap://demo:demo@127.0.0.1:{port}/INBOX")})
    mails = [f"From: a{n}@example.invalid\r\nSubject: {n}\r\n\r\nbody {n}\r\n".encode() for n in range(3)]
    try:
        with open_mailbox(own) as box:
            before = box.newest
        with MailBoxUnencrypted("127.0.0.1", port).login("demo", "demo") as box:
            for mail in mails:
                box.append(mail, "INBOX")
        with open_mailbox(own) as box:
            assert box.newest != before
            numbers = box.numbers(None)
            heads = list(box.heads(numbers))
            assert [box.whole(number) for number in numbers] == mails
    finally:
        server.shutdown()
        server.server_close()

    assert [head.size for head in heads] == list(map(len, mails))
    assert [head.head for head in heads] == [mail.partition(b"body")[0] for mail in mails]
