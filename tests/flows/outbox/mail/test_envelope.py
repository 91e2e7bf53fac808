"""The mail that an envelope becomes."""

from email import message_from_bytes, policy
from pathlib import Path

from flows.outbox.mail.failures import hashed, without_addresses
from flows.outbox.mail.transport import build
from tests.support.mail import SENDER, an_envelope


def test_the_headers_say_who_when_and_that_no_machine_shall_answer() -> None:
    mail = build(an_envelope(), SENDER)

    assert mail["From"] == SENDER
    assert mail["To"] == "kexie-500101@example.invalid"
    assert mail["Date"] == "Mon, 02 Mar 2026 09:00:00 +0800"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.invalid>")


def test_a_key_has_one_message_id_and_another_key_another() -> None:
    first, same, other = (build(an_envelope(key), SENDER)["Message-ID"] for key in ("a", "a", "b"))

    assert first == same != other


def test_the_same_envelope_has_the_same_bytes(tmp_path: Path) -> None:
    files = tuple(tmp_path / name for name in ("申报汇总表.xlsx", "申报截止.ics", "材料.未知"))
    for file in files:
        file.write_text(file.name)

    first, second = (bytes(build(an_envelope(attachments=files), SENDER)) for _ in range(2))

    assert first == second
    read = message_from_bytes(first, policy=policy.default)
    assert [(part.get_filename(), part.get_content_type()) for part in read.iter_attachments()] == [
        ("申报汇总表.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("申报截止.ics", "text/calendar"),
        ("材料.未知", "application/octet-stream"),
    ]


def test_file_names_are_encoded_as_rfc_2231_says(tmp_path: Path) -> None:
    file = tmp_path / "申报.xlsx"
    file.write_bytes(b"x")

    raw = bytes(build(an_envelope(attachments=(file,)), SENDER))

    assert b"filename*=utf-8''%E7%94%B3%E6%8A%A5.xlsx" in raw
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_a_subject_with_line_breaks_makes_no_new_header() -> None:
    raw = bytes(build(an_envelope(subject="标题\r\nBcc: b@example.invalid"), SENDER))

    read = message_from_bytes(raw, policy=policy.default)
    assert read["Bcc"] is None
    assert read["Subject"] == "标题 Bcc: b@example.invalid"


def test_addresses_are_hashed_alike_whatever_their_case() -> None:
    assert hashed("A@Example.invalid ") == hashed("a@example.invalid") != hashed("b@example.invalid")
    assert "example" not in hashed("a@example.invalid")


def test_a_servers_sentence_is_kept_without_addresses() -> None:
    said = without_addresses("5.1.1 <a@example.invalid>:\r\n user a@example.invalid. unknown")

    assert said == f"5.1.1 <{hashed('a@example.invalid')}>: user {hashed('a@example.invalid')} unknown"
