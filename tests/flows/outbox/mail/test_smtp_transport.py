"""Delivery to a real SMTP server on loopback: good, refusing, slow, broken."""

import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings
from flows.outbox.mail.transport import (
    Envelope,
    PermanentFailure,
    Server,
    SmtpTransport,
    SmtpUrlBroken,
    TemporaryFailure,
    hashed,
    open_transport,
)
from tests.support.mail import HOST, PASSWORD, SENDER, USER, Post, an_envelope, certified, knows_the_account, serving

A, B, C = (f"{name}@example.invalid" for name in "abc")
# The tests' server knows accounts without encryption, which it rightly says to be unwise.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
ACCOUNT = "mailer%40example.invalid:p%40ss%2Fword@"


def transport(post: Post, account: str = "", **options: object) -> SmtpTransport:
    seconds = options.pop("seconds", 5.0)
    server = Server.of(f"smtp://{account}{HOST}:{post.port}")
    return SmtpTransport(server, sender=SENDER, seconds=seconds, **options)  # type: ignore[arg-type]


def failure_of(send: Callable[[Envelope], None], envelope: Envelope) -> TemporaryFailure | PermanentFailure:
    with pytest.raises((TemporaryFailure, PermanentFailure)) as failed:
        send(envelope)
    return failed.value


def test_a_batch_arrives_over_one_connection() -> None:
    envelopes = [an_envelope(f"key/{n}", to=to) for n, to in enumerate((A, B, C))]

    with serving(Post()) as post, transport(post) as out:
        for envelope in envelopes:
            out.send(envelope)

    assert [(to, mail["To"]) for to, mail in post.received] == [(A, A), (B, B), (C, C)]
    assert post.received[0][1].get_content().replace("\r\n", "\n") == envelopes[0].body
    assert post.greetings == 1


def test_nothing_is_connected_before_the_first_message() -> None:
    with serving(Post()) as post, transport(post):
        pass

    assert post.greetings == 0


def test_attachments_arrive_under_their_chinese_names(tmp_path: Path) -> None:
    workbook = tmp_path / ("2026年申报汇总表（万州区）" * 4 + ".xlsx")
    workbook.write_bytes(bytes(range(256)) * 400)

    with serving(Post()) as post, transport(post) as out:
        out.send(an_envelope(attachments=(workbook,)))

    (attachment,) = post.received[0][1].iter_attachments()
    assert attachment.get_filename() == workbook.name
    assert attachment.get_content() == workbook.read_bytes()


def test_a_refused_recipient_is_permanent_and_the_others_are_served() -> None:
    post = Post(on_recipient={B: f"550 5.1.1 <{B}>: no such user here"})

    with serving(post), transport(post) as out:
        out.send(an_envelope("1", to=A))
        failure = failure_of(out.send, an_envelope("2", to=B))
        out.send(an_envelope("3", to=C))

    assert isinstance(failure, PermanentFailure)
    assert failure.code == 550
    assert failure.reply == f"5.1.1 <{hashed(B)}>: no such user here"
    assert str(failure) == f"the server refused the recipient: 550 {failure.reply}"
    assert [to for to, _ in post.received] == [A, C]
    assert post.greetings == 1


def test_greylisting_is_temporary_and_concerns_one_message() -> None:
    post = Post(on_recipient={A: "451 4.7.1 Greylisted, come back in 300 seconds"})

    with serving(post), transport(post) as out:
        failure = failure_of(out.send, an_envelope("1", to=A))
        out.send(an_envelope("2", to=B))
        post.on_recipient.clear()
        out.send(an_envelope("1", to=A))

    assert isinstance(failure, TemporaryFailure)
    assert (failure.code, failure.server_gone, failure.uncertain) == (451, False, False)
    assert failure.reply == "4.7.1 Greylisted, come back in 300 seconds"
    assert [to for to, _ in post.received] == [B, A]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("554 5.7.1 content refused", PermanentFailure), ("452 4.2.2 mailbox full", TemporaryFailure)],
)
def test_a_message_refused_after_data(answer: str, kind: type[Exception]) -> None:
    post = Post(on_data={A: answer})

    with serving(post), transport(post) as out:
        failure = failure_of(out.send, an_envelope("1", to=A))
        out.send(an_envelope("2", to=B))

    assert type(failure) is kind
    assert f"{failure.code} {failure.reply}" == answer
    assert [to for to, _ in post.received] == [B]


@pytest.mark.parametrize("answer", ["550 5.7.1 no such sender", "421 4.3.2 closing", "530 5.7.0 log in"])
def test_a_refused_sender_is_nobodys_fault_and_stops_the_batch(answer: str) -> None:
    with serving(Post(on_mail=answer)) as post, transport(post) as out:
        failure = failure_of(out.send, an_envelope())

    assert isinstance(failure, TemporaryFailure)
    assert failure.server_gone


def test_a_message_too_large_is_permanent() -> None:
    with serving(Post(), data_size_limit=500) as post, transport(post) as out:
        failure = failure_of(out.send, an_envelope(body="长" * 1000))

    assert isinstance(failure, PermanentFailure)
    assert failure.code == 552


def test_a_connection_dropped_after_the_text_leaves_it_uncertain() -> None:
    post = Post(drop_after_data=True)

    with serving(post), transport(post) as out:
        failure = failure_of(out.send, an_envelope())
        post.drop_after_data = False
        out.send(an_envelope())

    assert isinstance(failure, TemporaryFailure)
    assert (failure.uncertain, failure.server_gone) == (True, True)
    first, second = (mail["Message-ID"] for _, mail in post.received)
    assert first == second


def test_a_hanging_server_is_given_up() -> None:
    post = Post(hang_on_data=True)

    with serving(post), transport(post, seconds=0.3) as out:
        failure = failure_of(out.send, an_envelope())

    assert isinstance(failure, TemporaryFailure)
    assert failure.uncertain
    assert str(failure) == "the server did not answer in time after it had the message; it may have taken it"


def test_a_connection_interrupted_within_a_text_is_not_used_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        monkeypatch.setattr(post, "on_text", None)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    post = Post(on_recipient={B: "550 5.1.1 unknown"}, on_text=lambda: os.kill(os.getpid(), signal.SIGUSR1))

    try:
        with serving(post), transport(post) as out:
            with pytest.raises(KeyboardInterrupt):
                out.send(an_envelope("1", to=A))
            failure = failure_of(out.send, an_envelope("2", to=B))
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert str(failure) == "the server refused the recipient: 550 5.1.1 unknown"
    assert post.greetings == 2


def test_a_server_that_hung_up_between_two_messages_is_called_again() -> None:
    with serving(Post()) as post, transport(post) as out:
        out.send(an_envelope("1", to=A))
        post.hang_up()
        out.send(an_envelope("2", to=B))

    assert [to for to, _ in post.received] == [A, B]
    assert post.greetings == 2


def test_no_server_is_temporary() -> None:
    with serving(Post()) as post:
        out = transport(post)

    failure = failure_of(out.send, an_envelope())

    assert isinstance(failure, TemporaryFailure)
    assert (failure.server_gone, failure.uncertain) == (True, False)


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a@", "@b.invalid", "a b@c.invalid", "a@b.invalid\r\nRCPT TO:<c@d.e>", "张@b.invalid"],
)
def test_a_bad_address_is_permanent_and_never_reaches_the_server(address: str) -> None:
    with serving(Post()) as post, transport(post) as out:
        failure = failure_of(out.send, an_envelope(to=address))

    assert isinstance(failure, PermanentFailure)
    assert hashed(address) in str(failure)
    assert not address or address not in str(failure)
    assert post.greetings == 0


def test_an_attachment_that_is_gone_is_permanent(tmp_path: Path) -> None:
    with serving(Post()) as post, transport(post) as out:
        failure = failure_of(out.send, an_envelope(attachments=(tmp_path / "没有.xlsx",)))

    assert isinstance(failure, PermanentFailure)
    assert "没有.xlsx" in str(failure)


def test_encryption_is_used_where_it_is_offered(tmp_path: Path) -> None:
    server, client = certified(tmp_path)

    with serving(Post(), tls_context=server) as post, transport(post, context=client) as out:
        out.send(an_envelope())

    assert post.secured == [True]


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    server, _ = certified(tmp_path)

    with serving(Post(), tls_context=server) as post, transport(post) as out:
        failure = failure_of(out.send, an_envelope())

    assert isinstance(failure, TemporaryFailure)
    assert failure.server_gone
    assert "certificate" in failure.reply
    assert post.received == []


def test_smtps_is_encrypted_from_the_start(tmp_path: Path) -> None:
    server, client = certified(tmp_path)

    with serving(Post(), ssl_context=server) as post:
        server_of_post = Server.of(f"smtps://{HOST}:{post.port}")
        with SmtpTransport(server_of_post, sender=SENDER, seconds=5, context=client) as out:
            out.send(an_envelope())

    assert [to for to, _ in post.received] == ["kexie-500101@example.invalid"]


def test_user_and_password_let_us_in() -> None:
    options = {"authenticator": knows_the_account, "auth_required": True, "auth_require_tls": False}

    with serving(Post(), **options) as post, transport(post, ACCOUNT) as out:
        out.send(an_envelope())

    assert len(post.received) == 1


@pytest.mark.parametrize("account", ["", "mailer%40example.invalid:wrong@"])
def test_a_refused_account_is_the_operators_matter(account: str) -> None:
    options = {"authenticator": knows_the_account, "auth_required": True, "auth_require_tls": False}

    with serving(Post(), **options) as post, transport(post, account) as out:
        failure = failure_of(out.send, an_envelope())

    assert isinstance(failure, TemporaryFailure)
    assert failure.server_gone
    assert PASSWORD not in str(failure)


def test_a_password_is_never_sent_in_the_clear_over_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "on_loopback", False)
    options = {"authenticator": knows_the_account, "auth_require_tls": False}

    with serving(Post(), **options) as post, transport(post, ACCOUNT) as out:
        failure = failure_of(out.send, an_envelope())

    assert isinstance(failure, TemporaryFailure)
    assert "smtps://" in str(failure)
    assert post.received == []


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.invalid", Server("mail.example.invalid", 25, tls=False)),
        ("smtps://mail.example.invalid", Server("mail.example.invalid", 465, tls=True)),
        (f"smtp://{ACCOUNT}[::1]:587", Server("::1", 587, tls=False, user=USER, password=PASSWORD)),
    ],
)
def test_an_address_of_a_server_is_read(url: str, server: Server) -> None:
    assert Server.of(url) == server


@pytest.mark.parametrize(
    "url",
    ["mail.example.invalid:25", "http://mail.example.invalid", "smtp://", "smtp://secret@h", "smtp://u:secret@h:port"],
)
def test_a_broken_address_of_a_server_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(SmtpUrlBroken) as refused:
        Server.of(url)

    assert "secret" not in str(refused.value)


def test_the_settings_choose_the_way_out(tmp_path: Path) -> None:
    with serving(Post()) as post:
        settings = Settings(home=tmp_path, smtp_url=SecretStr(f"smtp://{HOST}:{post.port}"), mail_from=SENDER)
        with open_transport(settings, context=ssl.create_default_context()) as out:
            out.send(an_envelope())
    with open_transport(Settings(home=tmp_path, smtp_url=SecretStr(""), mail_from=SENDER)) as out:
        out.send(an_envelope())

    assert post.received[0][1]["From"] == SENDER
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1
