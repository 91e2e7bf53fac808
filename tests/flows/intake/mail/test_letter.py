"""What a mail says and holds, whatever program wrote it."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flows.intake.mail.letter import ReceivedMail, read_head, read_letter
from tests.support.mail import SENDER
from tests.support.replies import a_bounce, a_reply, raw_mail

CLERK = "kexie-500101@example.invalid"
NAME = "申报汇总表（万州）.xlsx"
BODY = b64encode(b"PK\x03\x04 a workbook")


def enclosed(raw: bytes) -> list[tuple[str, bytes]]:
    return [(file.name, file.content) for file in read_letter(raw).enclosed if not file.shown]


@pytest.mark.parametrize(
    "about",
    [
        b'Content-Disposition: attachment; filename="' + NAME.encode("gbk") + b'"',
        b'Content-Disposition: attachment; filename="' + NAME.encode() + b'"',
        b"Content-Disposition: attachment; filename*=GB2312''"
        + "".join(f"%{b:02X}" for b in NAME.encode("gbk")).encode(),
        b"Content-Disposition: attachment;\r\n filename*0*=UTF-8''%E7%94%B3%E6%8A%A5;\r\n filename*1*="
        + "".join(f"%{b:02X}" for b in NAME[2:].encode()).encode(),
        b'Content-Type: application/octet-stream; name="=?gb18030?B?' + b64encode(NAME.encode("gb18030")) + b'?="',
        b'Content-Disposition: attachment; filename="=?utf-8?B?'
        + b64encode(NAME.encode()[:15])
        + b"?=\r\n =?utf-8?B?"
        + b64encode(NAME.encode()[15:])
        + b'?="',
        b'Content-Disposition: attachment; filename="C:\\\\'
        + "桌面".encode("gbk")
        + b"\\\\"
        + NAME.encode("gbk")
        + b'"',
    ],
    ids=[
        "gbk bytes",
        "utf-8 bytes",
        "rfc 2231 in gb2312",
        "rfc 2231 in pieces",
        "rfc 2047",
        "a sign cut in two",
        "a path",
    ],
)
def test_a_file_has_the_name_that_people_gave_it(about: bytes) -> None:
    raw = raw_mail(CLERK, [(about + b"\r\nContent-Transfer-Encoding: base64", BODY)])

    assert enclosed(raw) == [(NAME, b"PK\x03\x04 a workbook")]


def test_a_workbook_without_a_name_has_one_by_its_type() -> None:
    about = b"Content-Type: application/vnd.ms-excel\r\nContent-Transfer-Encoding: base64"

    assert [name for name, _ in enclosed(raw_mail(CLERK, [(about, BODY)]))] == ["附件.xls"]


def test_files_of_forwarded_mails_come_with_the_mail_around_them() -> None:
    inner = a_reply("village@people.invalid", ("内.xlsx", b"1"))
    around = a_reply(CLERK, ("外.pdf", b"2"))
    around.add_attachment(inner)
    around.add_attachment(
        bytes(a_reply("x@people.invalid", ("件.xlsx", b"3"))), "application", "octet-stream", filename="转.eml"
    )

    assert enclosed(bytes(around)) == [("外.pdf", b"2"), ("内.xlsx", b"1"), ("件.xlsx", b"3")]
    assert read_letter(bytes(around)).sender == CLERK


def test_the_picture_of_a_signature_is_no_attachment_and_a_photo_is() -> None:
    shown = b"Content-Type: image/png; name=logo.png\r\nContent-ID: <logo>\r\nContent-Disposition: inline"
    photo = b"Content-Type: image/jpeg; name=photo.jpg\r\nContent-Disposition: attachment"

    assert [name for name, _ in enclosed(raw_mail(CLERK, [(shown, BODY), (photo, BODY)]))] == ["photo.jpg"]


def test_what_cannot_be_opened_is_known() -> None:
    winmail = raw_mail(CLERK, [(b"Content-Type: application/ms-tnef; name=winmail.dat", BODY)])
    cloud = a_reply(CLERK, text="超大附件 https://mail.qq.com/ftn/download?x=1")

    assert read_letter(winmail).winmail
    assert read_letter(winmail).enclosed == ()
    assert read_letter(bytes(cloud)).cloud
    assert not read_letter(bytes(a_reply(CLERK))).cloud


AUTOMATIC: dict[str, dict[str, str]] = {
    "holiday reply": {"Auto-Submitted": "auto-replied (vacation)"},
    "its older form": {"Precedence": "auto_reply"},
    "a provider's form": {"X-Autoreply": "yes"},
    "without an envelope sender": {"Return-Path": "<>"},
    "a list": {"List-Id": "<news.people.invalid>"},
}


@pytest.mark.parametrize("headers", AUTOMATIC.values(), ids=AUTOMATIC)
def test_machines_are_told_from_people(headers: dict[str, str]) -> None:
    assert read_head(bytes(a_reply(CLERK, headers=headers))).automatic
    assert read_letter(bytes(a_reply(CLERK, headers=headers))).bounce is None
    assert not read_head(bytes(a_reply(CLERK, headers={"Auto-Submitted": "no"}))).automatic


def test_a_letter_that_came_back_names_its_address_reason_and_letter() -> None:
    ours = a_reply(SENDER, to=CLERK)
    del ours["Message-ID"]
    ours["Message-ID"] = f"<{'a1' * 20}@example.invalid>"

    back = read_letter(a_bounce(ours, address=CLERK.upper())).bounce
    late = read_letter(a_bounce(ours, address=CLERK, action="delayed")).bounce

    assert back is not None
    assert (back.failed, back.address, back.problem, back.letter) == (True, CLERK, "550 5.1.1 User unknown", "a1" * 20)
    assert late is not None
    assert not late.failed


def test_a_provider_that_says_it_in_words_is_understood() -> None:
    raw = (
        b"From: PostMaster@qq.invalid\r\nSubject: =?utf-8?B?5p2l6IeqcXEuY29t55qE6YCA5L+h?=\r\n"
        b"Content-Type: text/plain; charset=gbk\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ) + f"无法发送到 {CLERK}\r\n原因 550 5.2.2 邮箱已满\r\nMessage-ID: <{'b2' * 20}@example.invalid>\r\n".encode("gbk")

    back = read_letter(raw).bounce

    assert back is not None
    assert (back.failed, back.address, back.problem, back.letter) == (True, CLERK, "5.2.2", "b2" * 20)


RESULTS: dict[str, tuple[list[str], bool]] = {
    "nothing said": ([], True),
    "all pass": (["mx.our; spf=pass smtp.mailfrom=a; dkim=pass; dmarc=pass"], True),
    "dmarc fails": (["mx.our; dmarc=fail (p=none) header.from=a"], False),
    "forwarded, but signed": (["mx.our; spf=fail; dkim=pass"], True),
    "spf fails alone": (["mx.our; spf=softfail; dkim=none"], False),
    "dkim fails alone": (["mx.our; dkim=fail"], False),
    "dkim broken by a list, spf passes": (["mx.our; spf=pass; dkim=fail"], True),
    "a comment says pass": (["mx.our; dmarc=fail (dmarc=pass)"], False),
    "the sender's own words below": (["mx.our; spf=fail", "mx.sender; dmarc=pass; spf=pass"], False),
    "an error is no failure": (["mx.our; spf=temperror; dkim=permerror"], True),
    "in two fields": (["mx.our; spf=pass", "mx.our; dmarc=fail"], False),
}


@pytest.mark.parametrize(("results", "authentic"), RESULTS.values(), ids=RESULTS)
def test_our_servers_verdict_on_the_sender_counts(results: list[str], authentic: bool) -> None:
    head = b"".join(f"Authentication-Results: {result}\r\n".encode() for result in results)

    assert read_head(head + b"From: " + CLERK.encode() + b"\r\n\r\n").authentic is authentic


@pytest.mark.parametrize(
    ("line", "sender"),
    [
        (f"From: =?utf-8?B?5LiH5bee?= <{CLERK.upper()}>", CLERK),
        (f"From: {CLERK}, other@people.invalid", ""),
        (f"From: {CLERK}\r\nFrom: other@people.invalid", ""),
        ('From: "a@b.invalid" <c@d.invalid>', "c@d.invalid"),
        ("From: nobody", ""),
    ],
)
def test_a_sender_is_one_plain_address(line: str, sender: str) -> None:
    assert read_head(f"{line}\r\n\r\n".encode()).sender == sender


def test_an_answer_names_the_whole_thread() -> None:
    mail = a_reply(CLERK, headers={"References": "<one@x.invalid> <two@x.invalid>", "In-Reply-To": "<two@x.invalid>"})

    assert read_head(bytes(mail)).thread == ("<one@x.invalid>", "<two@x.invalid>", str(mail["Message-ID"]))


@given(some.binary(max_size=400))
def test_no_bytes_at_all_make_it_fail(noise: bytes) -> None:
    makers: list[Callable[[bytes], bytes]] = [
        lambda raw: raw,
        lambda raw: raw_mail(CLERK, [(b"Content-Disposition: attachment; filename=" + raw, raw)]),
        lambda raw: (
            b"From: " + raw + b"\r\nContent-Type: " + raw + b"\r\nAuthentication-Results: " + raw + b"\r\n\r\n" + raw
        ),
        lambda raw: a_bounce(a_reply(CLERK), address="x").replace(b"smtp;", raw),
    ]
    for make in makers:
        assert isinstance(read_letter(make(noise)), ReceivedMail)
