"""What is looked up in the dashboard: each answer in Chinese, as an artifact, and nothing is changed by it."""

import re
import zipfile
from typing import Any

import pytest
from sqlalchemy import select, update

from flows import consult
from flows.consult import FORMS, NothingRecorded, NotMade
from flows.outbox.letters import LetterKind
from models import Message, Submission
from models.enums import MessageState
from tests.support.builders import OFFICE, UNIT
from tests.support.playing import Player


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the answers show, by the key of the artifact."""
    found: dict[str, str] = {}
    monkeypatch.setattr(consult, "outcome", lambda markdown, *, key: found.update({key: markdown}))
    return found


ASKED: dict[str, dict[str, Any]] = {
    "look_up_history": {},
    "verify_record": {},
    "examine_all": {},
    "recompute_season": {},
    "back_up": {},
    "check_season": {},
    "make_evidence": {"kind": "报送单位", "whose": "渝中区"},
    "preview_letter": {"letter": LetterKind.CALL_OPENED.value, "unit": "渝中区"},
}


def test_every_question_is_answered_in_chinese_and_changes_nothing(played: Player, shown: dict[str, str]) -> None:
    before = played.kept()

    for form in FORMS:
        if form.name in ASKED:
            answer = form.flow.fn(season=2026, **ASKED[form.name])
            assert answer["outcome"] == "done", form.name
            assert re.search("[一-鿿]", str(answer["explanation"])), form.name

    assert len(shown) == len(ASKED)
    assert "记录完整" in shown["verify-2026"]
    assert "全部可由记录重新算出" in shown["recompute-2026"]
    assert "主题" in shown["letter-call_opened"]
    (backup,) = (played.home / "backups").iterdir()
    assert zipfile.is_zipfile(backup)
    made = ("backups", "证明")
    assert {name: value for name, value in played.kept().items() if not any(map(str(name).count, made))} == before


def test_the_season_s_file_is_checked_together_with_the_home_s_own_files(played: Player, shown: dict[str, str]) -> None:
    broken = {"letters/call_opened.j2": "{{ deadlin }}", "papers/kit.docx": "", "pages/notice.html.j2": "{% if %}"}
    for name, text in broken.items():
        path = played.home / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    answer = consult.check_season.fn(season=2026)

    assert str(answer["explanation"]).endswith("自有的模板和版式有3处错误。")
    for name, words in zip(
        broken, ("用了没有的内容 deadlin", "没有同名的自带版式", "第1行的模板语法有误"), strict=True
    ):
        assert f"| templates/{name}：{words}" in shown["season-check-2026"].replace("\\", "")


def test_one_submission_s_history_is_found_by_its_number_and_a_strange_one_is_refused(
    played: Player, shown: dict[str, str]
) -> None:
    with played.reading() as session:
        number = session.scalars(select(Submission.number).order_by(Submission.number)).first()

    consult.look_up_history.fn(season=2026, subject=f" {number} ")

    assert shown[f"history-{number}"].count("\n| 1 |") == 1
    with pytest.raises(NothingRecorded) as refusal:
        consult.look_up_history.fn(season=2026, subject="2026-500103-9999")
    assert refusal.value.chinese.startswith("没有“2026-500103-9999”的操作留痕")


def test_an_evidence_is_made_under_a_name_that_names_nobody_and_several_people_are_refused(
    played: Player, shown: dict[str, str]
) -> None:
    asked = {"season": 2026, "kind": "个人", "whose": "示例完成人12"}

    consult.make_evidence.fn(**asked)

    (answer,) = shown.values()
    assert "1项申报" in answer
    folder = played.home / "office" / "2026" / "证明"
    names = sorted(path.name for path in folder.iterdir())
    assert [name.partition("-")[0] for name in names] == ["verify_history.py", "个人证明", "个人证明"]
    assert not any("示例完成人" in text for text in (*names, answer))
    assert (folder / names[2]).read_bytes().startswith(b"%PDF-1.7")
    with pytest.raises(NotMade) as refused:
        consult.make_evidence.fn(**{**asked, "organisations": "示例别厂；示例又一厂"})
    assert "没有以“示例别厂、示例又一厂”的名义申报" in refused.value.chinese
    form = next(form for form in FORMS if form.name == "make_evidence")
    assert {name for name, (field, _) in form.asked().items() if field.personal} == {"whose", "organisations"}


def test_a_stuck_letter_is_tried_again(played: Player, shown: dict[str, str]) -> None:
    with played.writing() as session:
        key = session.scalars(select(Message.key).where(Message.key.contains(UNIT))).first()
        session.execute(
            update(Message).where(Message.key == key).values(state=MessageState.STUCK, attempts=3, sent_at=None)
        )

    consult.retry_letter.fn(2026, OFFICE.name, f"{key} 主题", "示例：地址已更正")

    with played.reading() as session:
        assert session.get_one(Message, key).state is MessageState.WAITING
