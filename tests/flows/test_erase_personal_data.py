"""Personal data goes on the season file's schedule, by itself; what was published and every proof stays."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel

from config.milestones import Milestone
from config.season import Season
from flows import erase_personal_data as stage
from flows.office.doctor_files import FILE_INVARIANTS
from flows.publish.release import publish
from flows.run import Result
from models import Contributor, Delivery, Expert, History, Message, Publication, Submission, SubmissionVersion
from models.enums import MessageState, PublicationKind, Trigger
from states.audit.export import export_history, proof, read_export
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.audit.recompute import recompute
from states.audit.verify import verify
from states.machine import Act
from states.panel.pool import bound_pool
from states.submissions.settle import revoke
from states.timeline import move_date
from states.transitions import note_call
from tests.support.builders import OFFICE, season_rules
from tests.support.played import BEST, HIDDEN, LATE, PHONE
from tests.support.playing import Player

ERASE = Milestone.ERASE_PERSONAL_DATA
DAY = timedelta(days=1)


def erase(player: Player, **options: bool) -> Result:
    return player.play("erase_personal_data", stage.erasing, ERASE, **options)


def when_due(player: Player) -> None:
    player.at(player.due_at(ERASE))


def everything_written(player: Player) -> str:
    """Every text that is kept anywhere: all rows, and the raw bytes of all files (of SQLite's own too)."""
    found = []
    with player.reading() as session:
        for table in SQLModel.metadata.sorted_tables:
            found += map(repr, session.execute(select(table)).all())
    found += [path.read_bytes().decode("utf-8", "replace") for path in player.home.rglob("*") if path.is_file()]
    if player.engine.dialect.name == "sqlite":
        file = Path(str(player.engine.url.database))
        found += [path.read_bytes().decode("utf-8", "replace") for path in file.parent.glob(f"{file.name}*")]
    return "\n".join(found)


def holds(player: Player, tmp_path: Path, exported: Path, root: str, *broken_files: str) -> None:
    """The record and every invariant hold; an export and a proof are checked by the file beside them."""
    with player.reading() as session:
        assert verify(session) == []
        assert broken_invariants(session, player.home) == []
        broken = broken_invariants(session, player.home, FILE_INVARIANTS)
        assert [violation.invariant.name for violation in broken] == list(broken_files)
        fresh = export_history(session, 2026, tmp_path / "fresh.jsonl")
        (tmp_path / "proof.json").write_text(json.dumps(proof(session, BEST, PublicationKind.ARCHIVE)))
    for file in (exported, fresh.path, tmp_path / "proof.json"):
        command = [sys.executable, "-I", fresh.checker, file, "--root", root]
        checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    assert recompute(read_export(fresh.path)) == []


def root_of(player: Player) -> str:
    with player.reading() as session:
        return session.get_one(Publication, (2026, PublicationKind.ARCHIVE, 1)).root


def test_the_season_file_says_when(played: Player) -> None:
    season = played.season

    assert played.due_at(ERASE) == season.dates.publish_results + 730 * DAY
    played.at(played.due_at(ERASE) - timedelta(seconds=1))
    before = played.kept()
    assert erase(played).outcome == "not_due"
    assert played.kept() == before


def test_a_schedule_that_ends_before_the_season_is_refused() -> None:
    rules = season_rules().model_dump(mode="json")
    rules["retention"] = {"contact_days": 300}

    with pytest.raises(ValueError, match=r"contact_days is 300.*before the season closes.*at least 396"):
        Season.model_validate(rules)


def test_all_of_it_goes_and_every_proof_holds(played: Player, tmp_path: Path) -> None:
    with played.reading() as session:
        exported = export_history(session, 2026, tmp_path / "before.jsonl").path
    personal = [
        PHONE,
        "contact-1@example.invalid",
        "expert-1@example.invalid",
        "示例理由",
        "示例完成人2",
        "示例评语1",
    ]
    before = everything_written(played)
    assert [word for word in personal if word not in before] == []
    assert "示例·举报人" not in before, "who objected is encrypted"
    when_due(played)
    untouched = played.kept()
    assert erase(played, dry_run=True).outcome == "dry_run"
    assert played.kept() == untouched

    done = erase(played)

    after = everything_written(played)
    assert done.outcome == "done"
    assert [word for word in personal if word in after] == []
    assert "示例完成人1" in after, "the winner's name was published with consent"
    assert "示例完成人12" not in after, "the other winner gave no consent"
    holds(played, tmp_path, exported, root_of(played))
    kept = played.kept()
    assert erase(played).outcome == "already_done"
    assert played.kept() == kept


def test_the_deletion_is_an_entry_of_the_record(played: Player) -> None:
    when_due(played)

    told = dict(erase(played).lines)

    with played.reading() as session:
        query = select(History).where(History.trigger.in_(("erase_personal_data", "settle_milestone")))
        erased, settled = session.scalars(query.order_by(History.sequence.desc()).limit(2)).all()[::-1]
    assert erased.actor == "system:erase_personal_data"
    rows = json.loads(erased.facts)["rows"]
    assert {name: str(count) for name, count in rows.items()}.items() <= told.items()
    assert (rows["contacts"], rows["contributors"], rows["objectors"]) == (10, 9, 2)
    assert json.loads(settled.facts)["milestone"] == "erase_personal_data/1"
    assert json.loads(settled.facts)["files"] == int(told["files"]) > 50


def test_what_was_published_stays_and_can_be_put_again(played: Player) -> None:
    page = played.home / "site" / "2026" / "results.html"
    before = page.read_text("utf-8")
    notice = page.with_name("notice.html")
    posted = notice.read_text("utf-8")
    when_due(played)
    erase(played)
    assert posted.count("示例完成人2") == 1, "posted, with consent, and not awarded in the end"
    assert len(notice.read_text("utf-8").splitlines()) == len(posted.splitlines())
    assert "示例完成人1" in notice.read_text("utf-8")
    assert "示例完成人2" not in notice.read_text("utf-8")

    erased = page.read_text("utf-8")
    page.unlink()
    publish(played.settings, played.engine, played.settings.clock.now(), afresh=True)
    with played.reading() as session:
        names = session.execute(select(Contributor.number, Contributor.name)).all()
        contents = session.execute(select(SubmissionVersion.number).where(SubmissionVersion.salt != "")).all()

    assert page.read_text("utf-8") == erased
    assert erased.partition('id="check"')[0] == before.partition('id="check"')[0]
    assert names == [(BEST, "示例完成人1")]
    assert contents == [(BEST,)]


def test_an_award_can_be_revoked_afterwards(played: Player) -> None:
    when_due(played)
    erase(played)

    with played.writing() as session:
        revoke(session, BEST, Act(OFFICE, played.settings.clock.now()), reason="示例")
    publish(played.settings, played.engine, played.settings.clock.now())

    with played.reading() as session:
        assert verify(session) == []
        assert broken_invariants(session, played.home) == []
    assert "示例完成人1" not in (played.home / "site" / "2026" / "results.html").read_text("utf-8")


def test_a_letter_that_was_never_sent_is_given_up(played: Player) -> None:
    with played.writing() as session:
        message = session.scalars(select(Message).order_by(Message.key).limit(1)).one()
        message.state, message.sent_at, key = MessageState.STUCK, None, message.key
    when_due(played)

    erase(played)

    with played.reading() as session:
        message = session.get_one(Message, key)
        assert (message.state, message.recipient, message.body) == (MessageState.GIVEN_UP, "", "")
        told = session.scalars(select(Message.key).where(Message.recipient != "")).all()
        assert all(letter.startswith("2026/record_changed/") for letter in told), "only that there is a new root"
        assert set(session.scalars(select(Delivery.file_name))) == {""}
        assert set(session.scalars(select(Submission.fingerprint).where(Submission.number == HIDDEN))) == {""}


def test_experts_of_a_later_season_keep_their_address_and_whose_term_runs_on_the_name(played: Player) -> None:
    with played.writing() as session:
        expert = session.get_one(Expert, "E0001")
        session.get_one(Expert, "E0002").valid_until = played.season.erase_personal_data_at.date()
        expert.statement_on = played.season.dates.close_season.date() + 30 * DAY
        session.flush()
        act = Act(OFFICE, played.settings.clock.now())  # as an import binds what it changed
        note_call(session, 2026, Trigger.IMPORT_EXPERTS, act, facts=bound_pool(session, 2026))
    when_due(played)

    erase(played)

    with played.reading() as session:
        known = session.execute(select(Expert.id, Expert.phone).where(Expert.mail != "")).all()
        names = session.execute(select(Expert.id, Expert.name).where(Expert.name != "（未公开）")).all()
        assert verify(session) == []
        assert broken_invariants(session, played.home, EVERY_INVARIANT) == []
    assert known == [("E0001", PHONE)]
    assert [expert for expert, _ in names] == ["E0001", "E0002"]


@pytest.mark.parametrize("step", ["_forget_pages", "_delete"])
def test_killed_between_rows_and_files_it_ends_the_same(
    played: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with played.reading() as session:
        exported = export_history(session, 2026, tmp_path / "before.jsonl").path
    when_due(played)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(stage, step, die)
        with pytest.raises(Killed):
            erase(played)
    assert (played.home / "taken" / "2026" / LATE).is_dir()
    holds(played, tmp_path, exported, root_of(played), "attachments_are_kept", "evidence_as_it_came")

    assert erase(played).outcome == "done"

    assert PHONE not in everything_written(played)
    assert not (played.home / "taken" / "2026").exists()
    with played.reading() as session:
        entries = select(func.count()).select_from(History).where(History.trigger == "erase_personal_data")
        assert session.scalar(entries) == 1
    holds(played, tmp_path, exported, root_of(played))


def test_a_person_may_put_it_off_with_a_reason(played: Player) -> None:
    later = played.due_at(ERASE) + 90 * DAY

    with played.writing() as session:
        how = {"reason": "诉讼未结", "act": Act(OFFICE, played.settings.clock.now())}
        move_date(session, 2026, ERASE, to=later, **how)

    played.at(later - DAY)
    assert erase(played).outcome == "not_due"
    played.at(later)
    assert erase(played).outcome == "done"
