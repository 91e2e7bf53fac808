"""Evidence over seasons: true to rows and record, checked by the checker alone, no two people mixed, every fall told."""

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from models import Certificate, Submission
from models.database import reading, writing
from models.enums import CallState
from models.forms import ContributorForm, OrganisationForm
from states.audit.evidence import About, Evidence, NotOne, SubjectKind, evidence
from states.audit.export import CHECKER, export_history
from states.machine import Act
from states.maintenance.erasure import erase
from states.submissions.settle import revoke
from states.submissions.taking_back import withdraw_consent
from tests.support.builders import OFFICE, a_form, a_season, a_submission
from tests.support.played import BEST, HIDDEN, ONE, UPHELD
from tests.support.playing import Player

AT = datetime(2028, 3, 1, tzinfo=UTC)
WINNER = About(SubjectKind.PERSON, "示例完成人1")


def made(engine: Engine, about: About, **options: Any) -> Evidence:
    with reading(engine) as session:
        return evidence(session, about, AT, **options)


def check(folder: Path, document: Any, *more: object) -> tuple[int, str]:
    """What the checker says that stands alone, run by a bare interpreter."""
    path = folder / "evidence.json"
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    roots = [part for one in document["publications"] for part in ("--root", one["root"])]
    command = [sys.executable, "-I", CHECKER, path, *(roots or ("--root", "0" * 64)), *more]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_it_says_is_what_the_rows_and_the_record_say(played: Player, tmp_path: Path) -> None:
    unit = made(played.engine, About(SubjectKind.UNIT, ONE), with_content=True)
    winner = made(played.engine, WINNER, with_content=True)

    with played.reading() as session:
        rows = {row.number: row for row in session.scalars(select(Submission).where(Submission.unit == ONE))}
        given = session.scalars(select(Certificate).where(Certificate.number == BEST)).all()
    assert {case.number: (case.record["outcome"], case.record["tier"]) for case in unit.cases} == {
        number: (row.outcome, row.tier or "") for number, row in rows.items()
    }
    (case,) = winner.cases
    assert {(one["ordinal"], one["state"]) for one in case.record["certificates"]} == {
        (row.ordinal, row.state) for row in given
    }
    assert (case.said["name"], case.said["position"], case.said["public"]) == ("示例完成人1", 1, "同意公开")
    assert case.record["recommended"]
    assert case.content is not None
    for one in (unit, winner):
        status, told = check(tmp_path, one.document)
        assert (status, "names and title are in the form as delivered" in told) == (0, True), told
    status, told = check(tmp_path, made(played.engine, WINNER).document)
    assert (status, "the word of the office" in told) == (0, True)


BENDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a better prize": lambda case: case["record"].update(tier="second"),
    "a recommendation denied": lambda case: case["record"].update(recommended=False),
    "a certificate more": lambda case: case["record"]["certificates"].append(case["record"]["certificates"][0]),
    "more than the record has": lambda case: case["record"].update(praise="示例"),
    "another name": lambda case: case["said"].update(name="示例·别人"),
    "another title": lambda case: case["said"].update(title="示例·更好的成果"),
    "another form": lambda case: case["content"].update(text=case["content"]["text"].replace("主研", "主持")),
    "an entry changed": lambda case: case["proof"]["entries"][0].update(reason="示例"),
    "the last entries left out": lambda case: case["proof"]["entries"].pop(),
    "the proof of another": lambda case: case.update(number=UPHELD),
}


def test_whatever_is_bent_in_it_is_found(played: Player, tmp_path: Path) -> None:
    whole = made(played.engine, WINNER, with_content=True).document
    assert check(tmp_path, whole)[0] == 0
    for name, bend in BENDS.items():
        bent = deepcopy(whole)
        bend(bent["cases"][0])
        status, told = check(tmp_path, bent)
        assert (status, told.startswith("WRONG")) == (1, True), (name, told)
    foreign = deepcopy(whole)
    foreign["publications"][0]["root"] = "0" * 64
    assert check(tmp_path, foreign)[0] == 1, "a root that was printed nowhere"
    assert check(tmp_path, {**whole, "more": 1})[1].startswith("UNREADABLE")


def test_what_was_taken_away_is_told_and_an_export_shows_what_came_after(played: Player, tmp_path: Path) -> None:
    before = made(played.engine, WINNER).document
    with played.writing() as session:
        act = Act(OFFICE, played.season.dates.close_season)
        withdraw_consent(session, BEST, "完成人1", act, reason="本人要求")
        revoke(session, BEST, act, reason="示例：失实")
    with played.reading() as session:
        export_history(session, 2026, tmp_path / "history.jsonl")

    (case,) = made(played.engine, WINNER).cases
    assert (case.record["outcome"], bool(case.record["revoked_at"])) == ("revoked", True)
    assert {one["state"] for one in case.record["certificates"]} == {"revoked"}
    assert case.said["public"] == "已撤回公开同意"
    status, told = check(tmp_path, before, "--history", tmp_path / "history.jsonl")
    assert (status, "entered since: withdraw_consent, revoke" in told) == (0, True), told
    lines = (tmp_path / "history.jsonl").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "history.jsonl").write_text("".join(line for line in lines if '"revoke"' not in line), "utf-8")
    assert check(tmp_path, before, "--history", tmp_path / "history.jsonl")[0] == 1


def test_after_the_deletion_only_what_was_published_is_found_and_it_is_said(played: Player, tmp_path: Path) -> None:
    assert made(played.engine, About(SubjectKind.PERSON, "示例完成人12")).cases[0].number == HIDDEN
    with played.writing() as session:
        erase(session, played.season, Act(OFFICE, AT))

    whole = made(played.engine, WINNER, with_content=True)

    assert whole.cases[0].content is None
    assert any("2026年度的个人信息已于2028-03-01依规删除" in note for note in whole.notes)
    assert check(tmp_path, whole.document)[0] == 0
    with pytest.raises(NotOne, match="Names of seasons whose personal data was deleted are gone"):
        made(played.engine, About(SubjectKind.PERSON, "示例完成人12"))


def test_people_of_one_name_are_not_mixed(engine: Engine) -> None:
    def people(*organisations: str) -> tuple[ContributorForm, ...]:
        return tuple(ContributorForm(name="示例·张伟", organisation=one, consent=True) for one in organisations)

    with writing(engine) as session:
        for year in (2026, 2027):
            a_season(session, year, CallState.PUBLISHED)
        first = a_submission(session, form=a_form("示例甲", contributors=people("示例甲厂")))
        later = {"contributors": people("示例乙厂", "示例乙厂"), "completed_on": date(2026, 6, 1)}
        moved = a_submission(session, year=2027, form=a_form("示例乙", **later))

    with pytest.raises(NotOne) as refused:
        made(engine, About(SubjectKind.PERSON, "示例·张伟"))
    assert refused.value.choices == ("示例乙厂（2项）", "示例甲厂（1项）")
    assert "请写明单位" in refused.value.chinese
    with pytest.raises(NotOne, match="no submission with the organisation 示例丙厂"):
        made(engine, About(SubjectKind.PERSON, "示例·张伟", ("示例丙厂",)))
    one = made(engine, About(SubjectKind.PERSON, "示例·張偉", ("示例甲厂",)))
    both = made(engine, About(SubjectKind.PERSON, "示例·张伟", ("示例甲厂", "示例乙厂")))

    assert [case.number for case in one.cases] == [first]
    assert "其他单位另有同名完成人参加的申报2项次，未计入。" in one.notes
    assert one.cases[0].proof is None
    assert any(note.endswith("以办公室说明为准。") for note in one.notes)
    assert [(case.number, case.said["position"]) for case in both.cases] == [(first, 1), (moved, 1), (moved, 2)]
    assert any(f"{moved}有同名同单位的完成人2位（第1、第2完成人）" in note for note in both.notes)
    assert "所列申报分属几个单位，由经办人确认为同一人。" in both.notes


def test_organisations_are_told_apart_by_their_codes(engine: Engine) -> None:
    codes = ("91500000123456789X", "915000009876543210")

    def form(title: str, name: str, code: str) -> Any:
        return a_form(title, organisations=(OrganisationForm(name=name, credit_code=code),))

    with writing(engine) as session:
        a_season(session)
        numbers = [
            a_submission(session, form=form("示例甲", "示例机械厂", codes[0])),
            a_submission(session, form=form("示例乙", "示例机械厂", codes[1])),
            a_submission(session, form=form("示例丙", "示例机械厂", "")),
            a_submission(session, form=form("示例丁", "示例机械公司", codes[0])),
        ]

    with pytest.raises(NotOne) as refused:
        made(engine, About(SubjectKind.ORGANISATION, "示例机械厂"))
    assert refused.value.choices == codes
    named = made(engine, About(SubjectKind.ORGANISATION, "示例机械厂", codes[1:]))
    coded = made(engine, About(SubjectKind.ORGANISATION, codes[0]))
    renamed = made(engine, About(SubjectKind.ORGANISATION, "示例机械公司"))

    assert [case.number for case in named.cases] == [numbers[1]]
    assert any("2项，未计入" in note for note in named.notes)
    assert [case.number for case in coded.cases] == [numbers[0], numbers[3]]
    assert "该统一社会信用代码先后以这些名称申报：示例机械公司、示例机械厂。" in coded.notes
    assert any("另以“示例机械厂”申报1项" in note for note in renamed.notes)
