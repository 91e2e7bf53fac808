"""The way in by mail, on a real IMAP server: each mail is dealt with once, and whoever wrote knows what became of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.clock import Clock
from config.settings import Settings
from flows.collect import collecting
from flows.deliver_messages import delivering
from flows.intake.mail import taking
from flows.intake.mail.server import ImapUrlBroken, MailAccount, MailboxAway, open_mailbox
from flows.links.receiving import a_run, take_upload
from flows.outbox.mail.envelope import message_digest
from flows.read_mail import reading_mail
from flows.run import StageFailed
from flows.workbooks.writer.filling import fill_template, submission_row
from models import BouncedAddress, Delivery, IncomingMail, Message, Submission
from models.enums import CallState, DeliveryState, IncomingState, MailDoubt, MessageState, WorkbookKind
from states.audit.verify import verify
from states.incoming_mail import bounced_addresses, decide_held, looked_at
from states.machine import Act
from states.officers import DecisionRefused
from tests.support.builders import OFFICE, UNIT, a_form, a_season
from tests.support.dovecot import Dovecot, serving_mailbox
from tests.support.mail import HOST, SENDER, Post, serving
from tests.support.playing import Player
from tests.support.replies import a_bounce, a_reply, raw_mail
from tests.support.threads import at_once

CLERK = f"kexie-{UNIT}@example.invalid"
OTHER = "500101"
STRANGER = "somebody@people.invalid"


@pytest.fixture(scope="module")
def _server() -> Iterator[Dovecot]:
    with serving_mailbox() as server:
        yield server


@pytest.fixture
def mailbox(_server: Dovecot) -> Dovecot:
    """An empty mailbox; its numbers go on from test to test, as they do in life."""
    _server.empty()
    return _server


def with_mail(player: Player, server: Dovecot, state: CallState = CallState.OPEN) -> Player:
    own = player.settings.model_copy(update={"imap_url": SecretStr(server.url)})
    with player.writing() as session:
        season = a_season(session, state=state)
    player.at(season.dates.open_call.replace(month=4))
    found = Player(own, player.engine)
    for unit in (UNIT, OTHER):
        found.issue(WorkbookKind.SUBMISSIONS, unit)
    return found


@pytest.fixture
def opened(player: Player, mailbox: Dovecot) -> Player:
    return with_mail(player, mailbox)


@pytest.fixture
def opened_on_both(player_on_both: Player, mailbox: Dovecot) -> Player:
    return with_mail(player_on_both, mailbox)


def a_workbook(player: Player, folder: Path, *titles: str, unit: str = UNIT, **changes: Any) -> Path:
    from flows.home import paths

    rows = [submission_row(a_form(title, **changes)) for title in titles]
    source = paths.issued(player.settings, player.year, unit, WorkbookKind.SUBMISSIONS)
    return fill_template(source, folder / f"申报汇总表-{titles[0]}.xlsx", rows)


def read(player: Player) -> dict[str, str]:
    return dict(player.play("read_mail", reading_mail).lines)


def rows_of(player: Player, table: Any) -> list[Any]:
    with player.reading() as session:
        return list(session.scalars(select(table)))


def numbers(player: Player) -> list[str]:
    return sorted(row.number for row in rows_of(player, Submission))


def messages(player: Player, beginning: str = "") -> list[Message]:
    return [row for row in rows_of(player, Message) if row.key.partition("/")[2].startswith(beginning)]


def test_a_reply_with_a_workbook_is_taken_once_and_answered_in_its_thread(
    opened_on_both: Player, mailbox: Dovecot, tmp_path: Path
) -> None:
    player = opened_on_both
    mail = a_reply(CLERK, a_workbook(player, tmp_path, "一号成果", "二号成果"), answers="<letter@example.invalid>")
    mailbox.put(bytes(mail))

    lines, again = read(player), read(player)

    assert (lines["taken"], lines["rows in"], again["taken"]) == ("1", "2", "0")
    (delivery,), (receipt,), (kept,) = rows_of(player, Delivery), messages(player), rows_of(player, IncomingMail)
    assert (delivery.sender, delivery.state, delivery.handed_in_by) == (UNIT, DeliveryState.ACCEPTED, "")
    assert (receipt.recipient, receipt.thread) == (CLERK, f"<letter@example.invalid> {mail['Message-ID']}")
    assert (kept.state, kept.sender, kept.recipient) == (IncomingState.TAKEN, CLERK, UNIT)
    assert (player.home / "taken" / "2026" / UNIT / f"{delivery.digest[:16]}-申报汇总表-一号成果.xlsx").is_file()
    with player.reading() as session:
        assert verify(session) == []
    with mailbox.opened() as box:
        assert [message.flags for message in box.fetch(mark_seen=False)] == [()], "the mailbox is left as it is"


def test_the_receipt_arrives_as_a_reply_by_real_servers(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    mail = a_reply(CLERK, a_workbook(opened, tmp_path, "一号成果"), answers="<letter@example.invalid>")
    mailbox.put(bytes(mail))
    read(opened)

    with serving(Post()) as post:
        own = opened.settings.model_copy(update={"smtp_url": SecretStr(f"smtp://{HOST}:{post.port}")})
        Player(own, opened.engine).play("deliver_messages", delivering)

    ((to, receipt),) = post.received
    assert (to, receipt["In-Reply-To"], receipt["Reply-To"]) == (CLERK, mail["Message-ID"], SENDER)
    assert receipt["References"] == f"<letter@example.invalid> {mail['Message-ID']}"
    assert "直接回复本邮件" not in receipt.get_body().get_content()  # type: ignore[union-attr]
    assert "已全部接收" in receipt["Subject"]


def test_loose_attachments_beside_a_workbook_count_as_its_zip(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    import zipfile

    workbook = a_workbook(opened, tmp_path, "一号成果", attachments=("证明.pdf", "照片.jpg"))
    packed = tmp_path / "照片们.zip"
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr("照片.jpg", b"\xff\xd8\xff a photo")
    mailbox.put(bytes(a_reply(CLERK, workbook, ("证明.pdf", b"%PDF-1.7"), packed)))

    assert read(opened)["rows in"] == "1"

    with opened.reading() as session:
        assert verify(session) == []
    kept = {path.suffix for path in (opened.home / "attachments" / "2026").iterdir()}
    assert kept == {".pdf", ".jpg"}
    (receipt,) = messages(opened)
    assert "有2个" in receipt.body


def test_several_workbooks_in_one_mail_are_several_deliveries(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    first, second = a_workbook(opened, tmp_path, "一号成果"), a_workbook(opened, tmp_path, "二号成果")
    mailbox.put(bytes(a_reply(CLERK, first, second)))

    assert read(opened)["taken"] == "2"
    assert len(numbers(opened)) == 2
    assert len(messages(opened, "receipt")) == 2


@pytest.mark.parametrize("wrapping", ["gbk", "forwarded"])
def test_awkward_mails_are_taken(opened: Player, mailbox: Dovecot, tmp_path: Path, wrapping: str) -> None:
    workbook = a_workbook(opened, tmp_path, "一号成果")
    if wrapping == "gbk":
        from base64 import encodebytes

        about = b'Content-Disposition: attachment; filename="' + "申报汇总表.xlsx".encode("gbk") + b'"'
        raw = raw_mail(CLERK, [(about + b"\r\nContent-Transfer-Encoding: base64", encodebytes(workbook.read_bytes()))])
    else:
        mail = a_reply(CLERK)
        mail.add_attachment(a_reply("village@people.invalid", workbook))
        raw = bytes(mail)
    mailbox.put(raw)

    assert read(opened)["rows in"] == "1"


AWKWARD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: bytes(a_reply(CLERK)), "没有可以接收的填报表"),
    "photos only": (lambda: bytes(a_reply(CLERK, ("照片.jpg", b"\xff\xd8\xff"))), "收到的附件：照片.jpg"),
    "winmail.dat": (
        lambda: raw_mail(CLERK, [(b"Content-Type: application/ms-tnef; name=winmail.dat", b"eJ8+")]),
        "请在 Outlook 里把邮件格式改为",
    ),
    "a large attachment's link": (
        lambda: bytes(a_reply(CLERK, text="超大附件：https://mail.qq.com/ftn/download?x=1")),
        "请改用普通附件",
    ),
}


@pytest.mark.parametrize(("mail", "told"), AWKWARD.values(), ids=AWKWARD)
def test_what_cannot_be_taken_is_answered_with_what_to_do(
    opened: Player, mailbox: Dovecot, mail: Callable[[], bytes], told: str
) -> None:
    mailbox.put(mail())

    assert read(opened)["mails answered"] == "1"
    assert read(opened)["mails answered"] == "0"

    (answer,) = messages(opened)
    assert answer.recipient == CLERK
    assert told in answer.body
    assert rows_of(opened, Delivery) == []


def test_a_rar_is_refused_with_the_way_out(opened: Player, mailbox: Dovecot) -> None:
    mailbox.put(bytes(a_reply(CLERK, ("申报.rar", b"Rar!\x1a\x07\x00"))))
    read(opened)

    (receipt,) = messages(opened)
    assert "请改用 .zip 格式压缩" in receipt.body


def test_a_link_beside_a_workbook_keeps_the_receipt_from_being_green(
    opened: Player, mailbox: Dovecot, tmp_path: Path
) -> None:
    text = "附件太大，见云附件 https://mail.qq.com/ftn/download?x=1"
    mailbox.put(bytes(a_reply(CLERK, a_workbook(opened, tmp_path, "一号成果"), text=text)))
    read(opened)

    (receipt,) = messages(opened)
    assert "有内容没有读取" in receipt.subject
    assert "链接里的文件没有收到" in receipt.body


def test_machines_get_no_answer(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    workbook = a_workbook(opened, tmp_path, "一号成果")
    mailbox.put(bytes(a_reply(CLERK, headers={"Auto-Submitted": "auto-replied"})))
    mailbox.put(bytes(a_reply(CLERK, workbook, headers={"Precedence": "bulk"})))
    mailbox.put(bytes(a_reply(SENDER, workbook)))

    assert read(opened)["mails without need"] == "3"
    assert messages(opened) == []
    assert numbers(opened) == []


def test_strangers_are_answered_once_a_day_and_forgers_never(opened: Player, mailbox: Dovecot) -> None:
    for _ in range(3):
        mailbox.put(bytes(a_reply(STRANGER)))
    mailbox.put(bytes(a_reply("forged@people.invalid", headers={"Authentication-Results": "mx.our; dmarc=fail"})))
    read(opened)

    assert [message.recipient for message in messages(opened)] == [STRANGER]
    assert STRANGER not in messages(opened)[0].key


HELD = {
    "a private address": (STRANGER, {}, MailDoubt.UNKNOWN_ADDRESS, True),
    "another unit's": (f"kexie-{OTHER}@example.invalid", {}, MailDoubt.OTHERS_ADDRESS, True),
    "forged": (CLERK, {"Authentication-Results": "mx.our; dmarc=fail"}, MailDoubt.NOT_AUTHENTIC, False),
}


@pytest.mark.parametrize(("sender", "headers", "doubt", "told"), HELD.values(), ids=HELD)
def test_a_doubtful_sender_is_held_until_one_decision_admits_it(
    opened: Player, mailbox: Dovecot, tmp_path: Path, sender: str, headers: dict[str, str], doubt: MailDoubt, told: bool
) -> None:
    mail = a_reply(sender, a_workbook(opened, tmp_path, "一号成果"), headers=headers)
    mailbox.put(bytes(mail))

    assert read(opened)["mails held"] == "1"
    assert read(opened)["mails held"] == "0"
    assert numbers(opened) == []
    (kept,) = rows_of(opened, IncomingMail)
    assert (kept.state, kept.doubt, kept.recipient) == (IncomingState.HELD, doubt, UNIT)
    assert {message.recipient for message in messages(opened)} == {
        opened.season.office.mail,
        *([sender] if told else []),
    }

    mailbox.empty()
    with opened.writing() as session:
        decide_held(session, 2026, kept.digest[:12], Act(OFFICE, kept.arrived_at), admit=True, reason="已电话核实")
    assert read(opened)["rows in"] == "1"
    assert read(opened)["rows in"] == "0"

    receipts = messages(opened, "receipt")
    assert {message.recipient for message in receipts} == {sender, CLERK}
    assert {message.thread for message in receipts} == {str(mail["Message-ID"])}
    with opened.reading() as session:
        assert verify(session) == []


def test_a_held_mail_that_is_turned_away_stays_away(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    mailbox.put(bytes(a_reply(STRANGER, a_workbook(opened, tmp_path, "一号成果"))))
    read(opened)
    (kept,) = rows_of(opened, IncomingMail)
    act = Act(OFFICE, kept.arrived_at)

    def decide(digest: str, *, admit: bool, reason: str) -> None:
        with opened.writing() as session:
            decide_held(session, 2026, digest, act, admit=admit, reason=reason)

    for digest, reason in ((kept.digest[:4], "示例"), ("0" * 12, "示例"), (kept.digest, " ")):
        with pytest.raises(DecisionRefused):
            decide(digest, admit=False, reason=reason)
    decide(kept.digest, admit=False, reason="不是本单位发送")
    with pytest.raises(DecisionRefused, match="dismissed"):
        decide(kept.digest, admit=True, reason="示例")
    read(opened)
    assert numbers(opened) == []


def test_the_office_hands_in_by_mail_for_whoever_a_mark_names(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    office = opened.season.office.mail
    mailbox.put(bytes(a_reply(office, a_workbook(opened, tmp_path, "一号成果"))))

    assert read(opened)["rows in"] == "1"

    (delivery,) = rows_of(opened, Delivery)
    assert (delivery.sender, delivery.handed_in_by) == (UNIT, "office")
    assert {message.recipient for message in messages(opened)} == {office, CLERK}


def test_a_letter_that_came_back_marks_its_address_until_mail_comes_from_there(
    opened: Player, mailbox: Dovecot, tmp_path: Path
) -> None:
    mailbox.put(bytes(a_reply(CLERK, a_workbook(opened, tmp_path, "一号成果"))))
    read(opened)
    (receipt,) = messages(opened)
    opened.play("deliver_messages", delivering)
    letter = a_reply(SENDER, to=CLERK)
    del letter["Message-ID"]
    letter["Message-ID"] = f"<{message_digest(receipt.key)}@example.invalid>"
    mailbox.put(a_bounce(letter, address=CLERK, action="delayed"))
    read(opened)
    assert rows_of(opened, BouncedAddress) == []
    mailbox.put(a_bounce(letter, address=CLERK))

    assert read(opened)["mails that came back"] == "1"

    (receipt,) = messages(opened)
    assert (receipt.state, receipt.problem) == (MessageState.BOUNCED, "550 5.1.1 User unknown")
    with opened.reading() as session:
        ((who, bounced),) = bounced_addresses(session, opened.season, opened.settings.clock.now())
    assert (who, bounced.problem) == (UNIT, "550 5.1.1 User unknown")
    mailbox.put(bytes(a_reply(CLERK)))
    read(opened)
    assert rows_of(opened, BouncedAddress) == []


def test_mail_renumbered_by_its_server_is_not_taken_twice(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    for title in ("一号成果", "二号成果"):
        mailbox.put(bytes(a_reply(CLERK, a_workbook(opened, tmp_path, title))))
    mailbox.put(bytes(a_reply(STRANGER)))
    read(opened)
    before = len(messages(opened))
    mailbox.stop()
    mailbox.number_anew()
    mailbox.start()

    lines = read(opened)

    assert (lines["taken"], lines["taken before"], lines["mails answered"]) == ("0", "0", "0")
    assert len(messages(opened)) == before
    assert len({row.validity for row in rows_of(opened, IncomingMail)}) == 2
    assert len(numbers(opened)) == 2


class Killed(BaseException):
    """What a kill leaves: nothing after it runs, and what was not committed is gone."""


@pytest.mark.parametrize("step", ["lay_out", "take_brought", "keep_mail", "_judge", "keep_look"])
def test_killed_between_any_two_steps_nothing_is_lost_or_taken_twice(
    opened: Player, mailbox: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Given a mail with two workbooks and one without any, when the process dies before or after a step, then the next
    run ends as if nothing had happened."""
    mails = [
        a_reply(CLERK, a_workbook(opened, tmp_path, "一号成果"), a_workbook(opened, tmp_path, "二号成果")),
        a_reply(CLERK),
    ]
    for mail in mails:
        mailbox.put(bytes(mail))
    calls = Counter[str]()
    real = getattr(taking, step)

    def dying(*args: Any, **given: Any) -> Any:
        calls[step] += 1
        if calls[step] in (1, 3):
            raise Killed
        result = real(*args, **given)
        if calls[step] == 2:
            raise Killed
        return result

    monkeypatch.setattr(taking, step, dying)
    for _ in range(3):
        with pytest.raises(Killed):
            read(opened)
    for _ in range(2):
        read(opened)

    assert len(numbers(opened)) == 2
    assert [row.state for row in rows_of(opened, IncomingMail)] == [IncomingState.TAKEN, IncomingState.ANSWERED]
    keys = sorted(message.key.split("/")[1] for message in messages(opened))
    assert keys == ["mail_without_workbook", "receipt", "receipt"]
    assert not list((opened.home / "taken").glob(".sealing-*"))
    with opened.reading() as session:
        assert verify(session) == []


def test_two_readers_and_twenty_uploads_at_one_moment_take_everything_once(
    opened_on_both: Player, mailbox: Dovecot, tmp_path: Path
) -> None:
    """Twenty mails come at one moment, two stages read them at once, and twenty uploads come in by the link page."""
    player = opened_on_both
    titles = [f"{number}号成果" for number in range(20)]
    mails = [bytes(a_reply(CLERK, a_workbook(player, tmp_path, title))) for title in titles]
    at_once(lambda index: mailbox.put(mails[index]), 20)

    uploads = [a_workbook(player, tmp_path, f"{number}号上传") for number in range(20)]

    def come(index: int) -> None:
        if index < 2:
            player.play(("read_mail", "close_call")[index], reading_mail)
        else:
            take_upload(a_run(player.settings, player.engine, 2026), UNIT, f"{index}.xlsx", uploads[index - 2])

    through, failed = at_once(come, 22)

    assert (len(through), failed) == (22, [])

    assert len(numbers(player)) == 40
    assert len(messages(player, "receipt")) == 40
    assert Counter(row.state for row in rows_of(player, IncomingMail)) == {IncomingState.TAKEN: 20}


def test_a_mail_that_makes_us_fail_holds_nobody_up(
    opened: Player, mailbox: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.put(bytes(a_reply(CLERK, ("坏.xlsx", b"broken"))))
    mailbox.put(bytes(a_reply(CLERK, a_workbook(opened, tmp_path, "一号成果"))))
    real = taking.lay_out

    def failing(enclosed: Any, *rest: Any) -> Any:
        if any(file.name == "坏.xlsx" for file in enclosed):
            raise ZeroDivisionError
        return real(enclosed, *rest)

    monkeypatch.setattr(taking, "lay_out", failing)
    with pytest.raises(StageFailed, match="could not be dealt with"):
        read(opened)
    assert len(numbers(opened)) == 1
    with opened.reading() as session:
        assert looked_at(session, 2026) is None
    monkeypatch.undo()
    read(opened)
    assert len(rows_of(opened, IncomingMail)) == 2


@pytest.mark.parametrize(("sent", "taken"), [(-60, "1"), (60, "0")])
def test_what_the_server_had_before_the_deadline_is_in_time_whenever_it_is_read(
    player: Player, mailbox: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: int, taken: str
) -> None:
    """Given mail from 17:59 and 18:01, when it is read at 18:20, then INTERNALDATE decides."""
    monkeypatch.setattr(Clock, "received_at", lambda clock, instant: min(clock.now(), instant))
    opened = with_mail(player, mailbox, state=CallState.DISTRICT_REVIEW)
    closed = opened.season.dates.close_call
    opened.at(closed + timedelta(minutes=20))
    mailbox.put(bytes(a_reply(CLERK, a_workbook(opened, tmp_path, "一号成果"))), at=closed + timedelta(seconds=sent))

    assert read(opened)["rows in"] == taken

    (delivery,) = rows_of(opened, Delivery)
    assert delivery.arrived_at == closed + timedelta(seconds=sent)


def test_while_the_server_is_away_nothing_that_may_have_come_lapses(
    opened: Player, mailbox: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    from flows.outbox import corrections

    def lapse(session: Session, year: int, act: Act, *, due_before: datetime, sparing: object = ()) -> list[str]:
        asked.append(due_before)
        return []

    monkeypatch.setattr(corrections, "lapse_corrections", lapse)
    read(opened)
    first = opened.settings.clock.now()
    opened.at(first + timedelta(days=1))
    mailbox.stop()
    try:
        with pytest.raises(MailboxAway):
            read(opened)
        opened.play("collect", collecting)
    finally:
        mailbox.start()
    read(opened)
    opened.play("collect", collecting)
    assert asked == [first, first + timedelta(days=1)]


def test_a_mailbox_of_ten_thousand_is_looked_through_quickly(opened: Player, mailbox: Dovecot, tmp_path: Path) -> None:
    """Old mail of machines and people, one new reply among it; the second look asks for none of it again."""
    old = [
        f"From: news@people.invalid\r\nPrecedence: bulk\r\nSubject: {n}\r\n\r\n{n}\r\n".encode() for n in range(10_000)
    ]
    mailbox.put_many(old, datetime(2026, 4, 1, tzinfo=UTC))
    mailbox.put(bytes(a_reply(CLERK, a_workbook(opened, tmp_path, "一号成果"))))

    lines = read(opened)

    assert (lines["mails without need"], lines["rows in"]) == ("10000", "1")
    assert read(opened)["mails without need"] == "0"


def test_the_address_of_a_mailbox_is_read_and_never_shown() -> None:
    account = MailAccount.of("imaps://a%40b.invalid:p%40ss%2Fword@mail.invalid/%E6%94%B6")

    assert (account.user, account.password, account.port, account.tls) == ("a@b.invalid", "p@ss/word", 993, True)
    assert account.folder == "收"
    for broken in ("pop://a:b@c", "imap://host", "imap://user@host", "imap://u:p@host:port"):
        with pytest.raises(ImapUrlBroken) as told:
            MailAccount.of(broken)
        assert "p@" not in str(told.value)


def test_a_wrong_password_is_said_without_the_password(mailbox: Dovecot, fresh_home: Path) -> None:
    own = Settings(imap_url=SecretStr(f"imap://{SENDER.replace('@', '%40')}:wrong@{HOST}:{mailbox.port}"))

    with pytest.raises(MailboxAway, match="refused our account"), open_mailbox(own):
        pass
