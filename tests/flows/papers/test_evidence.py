"""The evidence as it is handed out: a PDF that says what became of each submission, beside a JSON that it bears the digest of."""

import hashlib
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config import overrides
from flows.papers.evidence import DESIGN, EvidenceFiles, write_evidence
from flows.papers.typesetting import TEMPLATES, PaperNotSet
from models.database import reading
from states.audit.evidence import About, SubjectKind, evidence
from states.machine import Act
from states.submissions.settle import revoke
from tests.flows.cli.conftest import Gangchuang, gangchuang
from tests.support.builders import OFFICE
from tests.support.played import BEST, ONE
from tests.support.playing import Player

__all__ = ["gangchuang"]

SITE = "https://gangchuang.example.invalid/"
Make = Callable[[About], EvidenceFiles]


@pytest.fixture
def make(played: Player, tmp_path: Path) -> Make:
    def made(about: About) -> EvidenceFiles:
        with reading(played.engine) as session:
            told = evidence(session, about, datetime(2028, 3, 1, tzinfo=UTC), site_url=SITE)
        return write_evidence(told, tmp_path / "out", SITE)

    return made


def words(pdf: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True)
    return "".join(done.stdout.decode().split())


def test_a_persons_evidence_says_prize_place_and_certificate_and_is_archivable(make: Make) -> None:
    files = make(About(SubjectKind.PERSON, "示例完成人1"))

    told = words(files.pdf)
    for part in ("示例完成人1（示例·万州甲公司）", BEST, "示例·万州甲", "第1完成人", "一等奖", "岗创〔2026〕第0003号"):
        assert part in told, part
    assert hashlib.sha256(files.document.read_bytes()).hexdigest() in told
    assert "（盖章处）" in told
    info = subprocess.run(["pdfinfo", files.pdf], check=True, capture_output=True).stdout.decode()
    assert "PDF version:     1.7" in info
    assert b"pdfuaid" in files.pdf.read_bytes()


def test_a_revoked_award_is_no_prize_on_it(make: Make, played: Player) -> None:
    with played.writing() as session:
        revoke(session, BEST, Act(OFFICE, played.season.dates.close_season), reason="示例：失实")

    told = words(make(About(SubjectKind.PERSON, "示例完成人1")).pdf)

    for part in ("撤销获奖", "曾获一等奖", "（已撤销）", "获奖已经撤销，证书作废，不得作为获奖使用"):
        assert part in told, part
    assert "未经证明" not in told


def test_a_unit_has_its_awards_listed_and_the_rest_counted(make: Make) -> None:
    told = words(make(About(SubjectKind.UNIT, ONE)).pdf)

    assert told.count(f"2026-{ONE}-") == 1
    assert "202644310001" in told, "submitted, recommended, final round, first, second, third, revoked, in use"
    assert "本表列出授过奖的项目" in told


def test_a_designer_changes_it_and_a_sign_that_no_font_has_is_named(make: Make, played: Player) -> None:
    own = overrides.in_home(overrides.PAPERS, DESIGN)
    own.parent.mkdir(parents=True)
    shipped = (TEMPLATES / DESIGN).read_text("utf-8")

    own.write_text(shipped.replace("岗位创新参与及获奖情况证明", "自有版式"), "utf-8")
    assert "自有版式" in words(make(About(SubjectKind.UNIT, ONE)).pdf)
    own.write_text(shipped.replace("岗位创新参与及获奖情况证明", "𪚥"), "utf-8")
    with pytest.raises(PaperNotSet, match="缺字"):
        make(About(SubjectKind.UNIT, ONE))


def test_the_command_writes_the_three_files_and_says_how_to_check(
    gangchuang: Gangchuang, player: Player, played_backup: Path
) -> None:
    from states.maintenance.restore import restore

    restore(played_backup, player.engine, player.home, invariants=())

    done = gangchuang("evidence", "person", "示例完成人1", "--with-content")
    refused = gangchuang("evidence", "person", "示例·查无此人")

    assert done.status == 0, done.err
    files = sorted(path.suffix for path in (player.home / "office" / "2026" / "证明").iterdir())
    assert files == [".json", ".pdf", ".py"]
    command = done.out.splitlines()[-1].removeprefix("Check it: ").split()
    checked = subprocess.run(["python3", "-I", *command[1:]], capture_output=True, text=True, check=False)
    assert checked.stdout.startswith("OK: 1 submission(s) under 1 root(s)")
    assert (refused.status, "Nobody called" in refused.err) == (1, True)
