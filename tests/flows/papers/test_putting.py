"""Papers in their places: made once and the same again, sent to whom they concern, mended when something changes."""

import json
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select

from config.units import all_units
from flows.decide import decide
from flows.decisions import Decision
from flows.office.doctor_files import FILE_INVARIANTS
from flows.papers import putting
from flows.papers.press_kit import PressKit, as_word
from flows.papers.putting import BOOK, CERTIFICATES, PAYMENT
from flows.write_papers import write_papers, writing
from models import Certificate, Message, Submission
from models.enums import CertificateState, Outcome
from states.audit.invariants import broken_invariants
from states.audit.verify import verify
from states.submissions.released import released
from tests.support.builders import OFFICE
from tests.support.played import BEST, HIDDEN
from tests.support.playing import Player

PAPERS = [one for one in FILE_INVARIANTS if one.name == "papers_as_made"]


def office(player: Player) -> dict[str, bytes]:
    folder = player.home / "office" / "2026"
    wanted = [
        folder / BOOK,
        folder / PAYMENT,
        *folder.glob("宣传材料*"),
        *sorted((folder / CERTIFICATES).glob("*.pdf")),
    ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in wanted}


def letters(player: Player, kind: str) -> list[Message]:
    with player.reading() as session:
        beginning = f"2026/{kind}/"
        query = select(Message).where(Message.key.startswith(beginning)).order_by(Message.written_at, Message.key)
        return list(session.scalars(query))


def test_whoever_won_has_a_certificate_and_its_unit_a_letter_with_all_its_papers(played: Player) -> None:
    with played.reading() as session:
        rows = session.execute(
            select(Certificate.ordinal, Certificate.name, Submission.unit)
            .join(Submission, Submission.number == Certificate.number)
            .where(Certificate.state == CertificateState.VALID)
            .order_by(Certificate.ordinal)
        ).all()
    units = {row.unit for row in rows}
    assert {name for name in office(played) if name.endswith(".pdf")} == {
        BOOK,
        *(f"{CERTIFICATES}/2026-{row.ordinal:04d}.pdf" for row in rows),
    }
    sent = letters(played, "papers")
    latest = {message.key.split("/")[2]: message for message in sent}
    assert set(latest) == units
    for unit, message in latest.items():
        brought = {Path(name).name: played.home / name for name in json.loads(message.attachments)}
        package = next(path for name, path in brought.items() if name.endswith(".zip"))
        with zipfile.ZipFile(package) as archive:
            assert archive.namelist() == [f"2026-{row.ordinal:04d} {row.name}.pdf" for row in rows if row.unit == unit]
            assert all(archive.read(name).startswith(b"%PDF-1.7") for name in archive.namelist())
        assert sorted(name.partition("-")[0] for name in brought) == [
            "2026年奖补发放表", "2026年宣传材料", "2026年宣传材料", "2026年证书",
        ]  # fmt: skip
    assert len(letters(played, "papers_made")) >= 1
    with played.reading() as session:
        assert broken_invariants(session, played.home, PAPERS) == []


def test_the_same_is_made_again_byte_for_byte_and_nobody_is_told_twice(played: Player) -> None:
    before, told = office(played), played.letters("papers")
    played.play("write_papers", writing)
    for name in before:
        (played.home / "office" / "2026" / name).unlink()
    package = next((played.home / "outbox" / "2026").glob("*/2026年证书-*.zip"))
    whole = package.read_bytes()
    package.write_bytes(whole[:-1])

    played.play("write_papers", writing, dry_run=True)
    assert not (played.home / "office" / "2026" / PAYMENT).exists()
    played.play("write_papers", writing)

    assert office(played) == before
    assert package.read_bytes() == whole
    assert played.letters("papers") == told


def test_a_revocation_takes_certificates_away_and_is_on_the_lists(
    played: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def as_noted(kit: PressKit) -> bytes:
        made.append(kit.where)
        return as_word(kit)

    monkeypatch.setattr(putting, "as_word", as_noted)
    played.at(played.season.dates.close_season + timedelta(days=9))
    with played.reading() as session:
        ordinals = session.scalars(select(Certificate.ordinal).where(Certificate.number == BEST)).all()
    played.play("write_papers", writing)
    before = office(played)
    made.clear()

    decide.fn(2026, OFFICE.name, Decision.REVOKE, BEST, "示例：失实")

    gone = {f"{CERTIFICATES}/2026-{ordinal:04d}.pdf" for ordinal in ordinals}
    after = office(played)
    assert before.keys() - after.keys() == gone
    assert after[PAYMENT] != before[PAYMENT]
    unit = BEST.split("-")[1]
    assert made == [all_units()[unit].name, "全市"], "what nothing of it changed is not made again"
    newest = [message for message in letters(played, "papers") if f"/{unit}/" in message.key][-1]
    with zipfile.ZipFile(BytesIO(after[PAYMENT])) as book:
        text = book.read("xl/sharedStrings.xml").decode()
    assert "示例：失实" in text
    assert Outcome.REVOKED.label in text
    assert "0.00元" in newest.body or "应发合计" in newest.body
    with played.reading() as session:
        assert broken_invariants(session, played.home, PAPERS) == []
        assert verify(session) == []


def test_a_sign_that_no_font_has_stops_that_certificate_alone(played: Player) -> None:
    with played.reading() as session:
        first = session.scalars(select(Certificate).order_by(Certificate.ordinal)).first()
        assert first is not None
        total = len([name for name in office(played) if name.startswith(CERTIFICATES)])
    decide.fn(2026, OFFICE.name, Decision.CORRECT_NAME, f"2026-{first.ordinal:04d}", "笔误", "示例·𪚥")

    made = [name for name in office(played) if name.startswith(CERTIFICATES)]
    assert len(made) == total - 1
    for message in (letters(played, "papers")[-1], letters(played, "papers_made")[-1]):
        for word in ("示例·𪚥", "“𪚥”（U+2A6A5）", "缺字", first.number):
            assert word in message.body, word
    with played.reading() as session:
        (broken,) = broken_invariants(session, played.home, PAPERS)
        assert "𪚥" in str(broken)

    decide.fn(2026, OFFICE.name, Decision.CORRECT_NAME, broken.offenders[0].partition("/")[0], "改用规范字", "示例·龙")

    assert len([name for name in office(played) if name.startswith(CERTIFICATES)]) == total
    with played.reading() as session:
        assert broken_invariants(session, played.home, PAPERS) == []


def test_the_doctor_names_a_certificate_that_was_changed_or_is_void(played: Player) -> None:
    folder = played.home / "office" / "2026" / CERTIFICATES
    one = sorted(folder.glob("*.pdf"))[0]
    one.write_bytes(one.read_bytes() + b"%")
    (folder / "2026-0999.pdf").write_bytes(b"%PDF")

    with played.reading() as session:
        (broken,) = broken_invariants(session, played.home, PAPERS)

    assert one.name in str(broken)
    assert "2026-0999.pdf/is no certificate in force" in str(broken)
    write_papers.fn(2026)
    with played.reading() as session:
        assert broken_invariants(session, played.home, PAPERS) == []


def test_who_asked_not_to_be_published_has_a_certificate_too(played: Player) -> None:
    with played.reading() as session:
        assert not released(session, [HIDDEN])[HIDDEN].licensed
        assert session.scalars(select(Certificate.ordinal).where(Certificate.number == HIDDEN)).all()
    kit = (played.home / "office" / "2026" / "宣传材料.md").read_text("utf-8")
    assert HIDDEN in kit
    assert "示例·渝中乙公司" not in kit


@pytest.fixture
def designed(played: Player) -> Path:
    folder = played.home / "templates" / "papers"
    folder.mkdir(parents=True)
    return folder


def test_a_designer_changes_certificate_and_kit_without_touching_code(played: Player, designed: Path) -> None:
    from flows.papers import certificates, typesetting

    shipped = (typesetting.TEMPLATES / certificates.DESIGN).read_text("utf-8")
    (designed / certificates.DESIGN).write_text(shipped.replace('获奖证书"))', '荣誉证书"))'), "utf-8")
    (designed / "press_kit.md.j2").write_text("自有版式：{{ programme }}，{{ awards | length }}项\n", "utf-8")
    before = office(played)

    write_papers.fn(2026)

    after = office(played)
    assert all(after[name] != before[name] for name in before if name.endswith(".pdf"))
    assert after["宣传材料.md"].decode().startswith("自有版式：重庆市科协2026年岗位创新争先行动")
    with played.reading() as session:
        assert broken_invariants(session, played.home, PAPERS) == []


def test_a_broken_design_is_told_stops_no_stage_and_takes_no_certificate_away(played: Player, designed: Path) -> None:
    before = {name: content for name, content in office(played).items() if name.endswith(".pdf")}
    (designed / "certificate.typ").write_text("#nonsense(", "utf-8")
    (designed / "press_kit.md.j2").write_text("{{ nobody }}", "utf-8")

    result = write_papers.fn(2026)

    assert result["outcome"] == "done"
    assert "版式有误" in str(result["not made"])
    assert "nobody" in str(result["not made"])
    assert {name: content for name, content in office(played).items() if name.endswith(".pdf")} == before
    assert result["certificates made"] == "0"
    (designed / "certificate.typ").unlink()
    assert write_papers.fn(2026)["certificates made"] == str(len(before) - 1), "all but the book"
