"""One person's data: found wherever it lies, handed out, deleted on request; every proof and every page holds afterwards."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from config.settings import PUBLIC
from flows.decide import decide
from flows.decisions import Decision
from flows.office.doctor_files import FILE_INVARIANTS
from flows.personal_data import FOLDERS, extract_page, files_naming, unread_files
from flows.reports.practice import BOOK
from models import Certificate, Contact, Contributor, Expert, FollowUpPicture, History, Message
from models.enums import CertificateState, Trigger
from states.audit.evidence import About, NotOne, SubjectKind, evidence
from states.audit.export import export_history, proof, read_export
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.audit.recompute import recompute
from states.audit.verify import verify
from states.history.canonical import call_subject, submission_subject
from states.history.seals import Seals
from states.machine import Act
from states.maintenance.personal_data import held_of_person
from states.maintenance.personal_deletion import erase_person
from states.officers import DecisionRefused
from states.practice import practices, seal_of, words_of
from states.roots import newest_publication
from states.transitions import note_call
from tests.support.builders import OFFICE
from tests.support.played import BEST, LAST
from tests.support.playing import Player

PICTURES = ("示例装置运行的情形", "示例装置在车间", "示例完成人1在操作")
WINNER, HOME = "示例完成人1", "示例·万州甲公司"


def asked(player: Player, name: str = WINNER, home: str = HOME, **options: object) -> object:
    return decide.fn(2026, OFFICE.name, Decision.ERASE_PERSON, name, "本人来函请求", other=home, **options)


def everything_written(player: Player) -> Iterator[tuple[str, str]]:
    """Every text that is kept anywhere, unpacked: rows by their tables, files by their paths."""
    with player.reading() as session:
        for table in SQLModel.metadata.sorted_tables:
            yield table.name, repr(session.execute(select(table)).all())
    for path in player.home.rglob("*"):
        if path.is_file() and not path.name.startswith("gangchuang.db"):
            yield path.relative_to(player.home).as_posix(), _unpacked(path.read_bytes())


def _unpacked(content: bytes) -> str:
    if not zipfile.is_zipfile(BytesIO(content)):
        return unescape(content.decode("utf-8", "replace"))
    with zipfile.ZipFile(BytesIO(content)) as package:
        return "".join(f"{name}{_unpacked(package.read(name))}" for name in package.namelist())


def report_names(player: Player, name: str, *homes: str) -> None:
    """Reports of good practice of these organisations come in once more, and name somebody."""
    with player.writing() as session:
        for row, home in zip(practices(session, 2026), homes, strict=False):
            row.content, row.organisation = row.content.replace("申报增加", f"{name}带来的申报增加"), home
            told = {"practice": row.number, "sealed": seal_of(Seals(session, 2026), row), "unit": row.unit}
            told |= {"place": row.place, "kind": row.kind.value, "source": row.source.value}
            told |= {"consent": row.consent, "delivery": row.delivery}
            act = Act(OFFICE, player.settings.clock.now())
            row.received_at = act.at
            note_call(session, 2026, Trigger.RECORD_PRACTICE, act, facts=told)


def naming(player: Player, *words: str) -> set[str]:
    """Where one of the words still stands; names that only begin so are others'."""
    found = set()
    for where, text in everything_written(player):
        for word in words:
            rest = text.split(word)[1:]
            if any(not part[:1].isdigit() for part in rest):
                found.add(where)
    return found


def test_a_person_is_found_in_rows_letters_workbooks_and_packages(played: Player) -> None:
    report_names(played, WINNER, HOME, HOME)
    with played.reading() as session:
        found = list(held_of_person(session, WINNER, HOME))
        nobody = list(held_of_person(session, WINNER, "示例别处"))
        expert = list(held_of_person(session, "示例·专家1"))
        unread = {(name, path.is_file()) for _, name, path in unread_files(session, played.home, found)}
    files = {path.relative_to(played.home).parts[0] for path in files_naming(played.home, [WINNER])}

    kinds = {place.what.split()[0] for place in found}
    assert {"contributor", "certificate", "attachment", "content", "good"} <= kinds
    assert [place.until is None for place in found if place.what.startswith("good practice")] == [True, False]
    assert "follow-up picture" in str(found)
    (line,) = (place for place in found if place.what.startswith("contributor"))
    assert f"{WINNER}，{HOME}，主研" in line.said
    assert line.until is None, "published with consent: it stays"
    assert [place for place in nobody if place.theirs] == []
    assert {"expert", "seat", "letter"} <= {place.what.split()[0] for place in expert}
    assert unread == {("证明.pdf", True), ("照片.png", True), *((name, True) for name in PICTURES)}
    assert {"taken", "outbox"} <= files <= set(FOLDERS)


def test_the_extract_has_their_own_data_and_nobody_elses(played: Player) -> None:
    at = played.settings.clock.now()
    with played.reading() as session:
        theirs = [place for place in held_of_person(session, WINNER, HOME) if place.theirs]

    page = extract_page(played.season, WINNER, HOME, theirs, at).decode()

    for word in (WINNER, HOME, "证明.pdf", "认定完成人", "第四十五条", "2026-0003", played.season.office.mail):
        assert word in page, word
    assert "示例完成人2" not in page
    assert "示例摘要" not in page


def test_a_deletion_leaves_no_name_and_every_proof_holds(played: Player, tmp_path: Path) -> None:
    played.at(played.season.dates.close_season + timedelta(days=20))
    with played.reading() as session:
        before = export_history(session, 2026, tmp_path / "before.jsonl")
        publication = newest_publication(session, 2026)
        (given,) = session.scalars(select(Certificate).where(Certificate.name == WINNER)).all()
        handed = evidence(session, About(SubjectKind.PERSON, WINNER), played.settings.clock.now(), with_content=True)
    assert publication is not None
    assert WINNER in (played.home / PUBLIC / "2026" / "results.html").read_text("utf-8")
    report_names(played, WINNER, HOME, "示例另一单位", "示例·渝中甲公司")
    tried = asked(played, dry_run=True)
    assert naming(played, WINNER), tried

    done = asked(played)

    assert naming(played, WINNER) <= {"good_practice", f"office/2026/{BOOK}"}, "somebody else's"
    assert WINNER not in str(done)
    with played.reading() as session:
        assert verify(session) == []
        assert broken_invariants(session, played.home, (*EVERY_INVARIANT, *FILE_INVARIANTS)) == []
        after = export_history(session, 2026, tmp_path / "after.jsonl")
        assert recompute(read_export(after.path)) == []
        of_person = select(History).where(History.trigger == Trigger.ERASE_PERSON)
        (entry,) = session.scalars(of_person.where(History.subject == submission_subject(BEST))).all()
        facts = json.loads(entry.facts)
        assert (facts["positions"], facts["certificates"]) == ([1], [given.ordinal])
        assert facts["follow_up_pictures"] == [2]
        kept = session.get_one(Certificate, (2026, given.ordinal), populate_existing=True)
        assert (kept.name, kept.state) == ("", CertificateState.VALID)
        reports = session.scalars(of_person.where(History.subject == call_subject(2026))).all()
        own, neighbour, elsewhere = practices(session, 2026)
        assert [json.loads(said.facts)["practice"] for said in reports] == [own.number, neighbour.number]
        assert "（未公开）带来" in own.content
        assert "（未公开）带来" in neighbour.content, "of the unit to which the person's submission belongs"
        assert WINNER in elsewhere.content, "of another district: somebody else of this name"
        pictures = session.scalars(select(FollowUpPicture).where(FollowUpPicture.number == BEST)).all()
        assert [(picture.position, picture.alt) for picture in pictures] == [(1, "示例装置在车间")]
        now = proof(session, BEST)
        newest = newest_publication(session, 2026)
        left = [*held_of_person(session, WINNER)]
        assert not any(place.theirs for place in left)
        assert [place.key for place in left if place.what.startswith("good practice")] == [elsewhere.number]
        with pytest.raises(NotOne):
            evidence(session, About(SubjectKind.PERSON, WINNER), played.settings.clock.now())
    (tmp_path / "proof.json").write_text(json.dumps(now), "utf-8")
    (tmp_path / "evidence.json").write_text(json.dumps(handed.document), "utf-8")
    assert newest is not None
    for file, root in (
        (before.path, publication.root),
        (after.path, publication.root),
        (after.path, newest.root),
        (tmp_path / "proof.json", newest.root),
        (tmp_path / "evidence.json", publication.root),
    ):
        command = [sys.executable, "-I", str(after.checker), str(file), "--root", root]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
    assert len([key for key in played.letters("person_erased")]) == 3, "one of the award, one of each report"
    assert (played.home / "office" / "2026" / BOOK).is_file(), "written anew, without the name"
    with pytest.raises(DecisionRefused, match="nothing is held"):
        asked(played)


def test_others_stay_and_a_name_can_still_be_corrected_beside_the_deleted(played: Player) -> None:
    played.at(played.season.dates.close_season + timedelta(days=20))
    with played.reading() as session:
        names = set(session.scalars(select(Contributor.name)))
    asked(played)

    with played.reading() as session:
        assert set(session.scalars(select(Contributor.name))) == names - {WINNER} | {"（未公开）"}
        (body,) = session.scalars(
            select(Certificate.ordinal).where(Certificate.number == BEST, Certificate.name == HOME)
        ).all()
    decide.fn(2026, OFFICE.name, Decision.CORRECT_NAME, f"2026-{body:04d}", "更名", "示例·万州甲有限公司")

    with played.reading() as session:
        assert broken_invariants(session, played.home, (*EVERY_INVARIANT, *FILE_INVARIANTS)) == []


def test_a_name_without_a_certificate_is_corrected_in_its_place(played: Player) -> None:
    played.at(played.season.dates.close_season + timedelta(days=20))
    how = {"season": 2026, "officer_name": OFFICE.name, "decision": Decision.CORRECT_NAME, "reason": "本人来函"}

    decide.fn(subject=f"{LAST} 完成人1", other="示例·更正后", **how)
    decide.fn(subject=f"{BEST}完成人1", other="示例·换发后", **how)

    with played.reading() as session:
        names = dict(session.execute(select(Contributor.number, Contributor.name)).all())
        assert (names[LAST], names[BEST]) == ("示例·更正后", "示例·换发后")
        named = select(Certificate.name).where(Certificate.number == BEST, Certificate.state == CertificateState.VALID)
        assert "示例·换发后" in session.scalars(named).all()
        (letter,) = session.scalars(select(Message).where(Message.key.contains(f"name_corrected/{LAST[5:11]}"))).all()
        assert "更正为“示例·更正后”" in letter.body
        assert "证书" not in letter.subject
        assert verify(session) == []
        assert broken_invariants(session, played.home, (*EVERY_INVARIANT, *FILE_INVARIANTS)) == []
    with pytest.raises(DecisionRefused, match="it has 1 of them"):
        decide.fn(subject=f"{LAST} 完成人2", other="示例", **how)


def test_contacts_and_experts_can_be_deleted_too(played: Player) -> None:
    played.at(played.season.dates.close_season + timedelta(days=20))
    with played.reading() as session:
        expert = session.scalars(select(Expert).where(Expert.name == "示例·专家1")).one()

    asked(played, "示例联系人1", HOME)
    asked(played, "示例·专家1", expert.organisation)

    assert naming(played, "示例联系人1", "contact-1@example", "示例·专家1", "expert-1@example") == set()
    with played.reading() as session:
        assert session.get_one(Contact, BEST, populate_existing=True).phone == ""
        row = session.get_one(Expert, expert.id, populate_existing=True)
        assert (row.name, row.phone, row.name_key) == ("（未公开）", "", f"#{expert.id}")
        assert verify(session) == []
        assert broken_invariants(session, played.home, (*EVERY_INVARIANT, *FILE_INVARIANTS)) == []


def test_who_stands_in_a_report_of_good_practice_alone_is_deleted_from_it(played: Player) -> None:
    """Somebody who never took part; another of the same name in another organisation's report stays."""
    played.at(played.season.dates.close_season + timedelta(days=20))
    report_names(played, "示例路人甲", HOME, "示例另一单位")

    asked(played, "示例路人甲", HOME)

    with played.reading() as session:
        mine, other, _ = practices(session, 2026)
        assert words_of(mine)["effect"] == "示例：（未公开）带来的申报增加三成"
        assert "示例路人甲" in other.content
        assert verify(session) == []
        assert broken_invariants(session, played.home, (*EVERY_INVARIANT, *FILE_INVARIANTS)) == []
    assert "示例路人甲" not in (played.home / PUBLIC / "2026" / "practice.html").read_text("utf-8")


def test_what_still_is_decided_or_not_theirs_is_refused_without_repeating_the_name(played: Player) -> None:
    for name, home, reason in (
        (WINNER, "示例别处", "本人来函"),
        (WINNER, HOME, " "),
        (WINNER, HOME, f"{WINNER}来函"),
    ):
        with pytest.raises(DecisionRefused) as refused, played.writing() as session:
            erase_person(session, played.season, name, home, Act(OFFICE, played.settings.clock.now()), reason=reason)
        assert WINNER not in f"{refused.value}{refused.value.chinese}"
    with played.reading() as session:
        assert session.scalars(select(Contributor).where(Contributor.name == WINNER)).all()


def test_a_backup_from_before_goes_with_the_next(played: Player) -> None:
    from states.maintenance.backup import backup, deletions_so_far, holds_deleted

    early, late = played.home / "backups" / "a.zip", played.home / "backups" / "b.zip"
    early.parent.mkdir()
    backup(played.engine, played.home, early)
    played.at(played.season.dates.close_season + timedelta(days=20))
    asked(played)
    backup(played.engine, played.home, late)

    with played.reading() as session:
        deletions = deletions_so_far(session)
    assert (holds_deleted(early, deletions), holds_deleted(late, deletions)) == (True, False)
    assert not holds_deleted(played.home / "gangchuang.db", deletions)
