"""The press kit: every figure with its source, nothing that was not released, the designer's own words."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config import overrides
from flows.papers.press_kit import (
    MARKDOWN,
    WORD,
    KitAward,
    KitNotMade,
    PressKit,
    QuotedFigure,
    as_markdown,
    as_word,
    press_kit,
)
from models.database import writing
from models.enums import CallState, Outcome, PublicationKind, SubmissionState, Tier
from models.forms import OrganisationForm
from states.final_round.payment import prizes
from states.machine import Act
from states.roots import record_root
from tests.support.builders import OFFICE, a_form, a_season, a_submission

KIT = PressKit(
    programme="重庆市科协2026年岗位创新争先行动",
    where="万州区",
    lead="示例导语。",
    figures=(QuotedFigure("申报", "12项", "操作留痕"),),
    awards=(KitAward("一等奖", "2026-500101-0001", "<b>焊接</b> & 送丝 | *装置*", "示例公司"),),
    day="2026年8月31日",
    page="https://gangchuang.example.invalid/2026/",
    root="ab" * 32,
    office="岗位创新争先行动协调小组办公室",
    contact="office@example.invalid",
)


def text_of(document: bytes) -> str:
    with zipfile.ZipFile(BytesIO(document)) as archive:
        return archive.read("word/document.xml").decode()


def test_figures_are_counted_and_every_one_says_where_it_can_be_looked_up(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLISHED)
        named = a_form("示例装置", organisations=(OrganisationForm(name="示例公司"),))
        shown = a_submission(session, SubmissionState.AWARDED, tier=Tier.FIRST, form=named)
        firm = (OrganisationForm(name="示例保密公司"),)
        hidden = a_submission(
            session, SubmissionState.AWARDED, "500101", form=a_form("示例另一", text_consent=False, organisations=firm)
        )
        a_submission(session, SubmissionState.ARCHIVED, outcome=Outcome.REVOKED)
        a_submission(session)
        results = record_root(session, 2026, PublicationKind.RESULTS, Act(OFFICE, season.dates.publish_results))

        won = prizes(session, season)
        city, district = (
            press_kit(session, season, results, "https://x.invalid/", won, unit) for unit in ("", "500101")
        )

    figures = {figure.name.strip(): figure.value for figure in city.figures}
    assert (figures["申报"], figures["获奖"], figures["一等奖"], figures["三等奖"]) == ("4项", "2项", "1项", "1项")
    assert figures["奖金"] == "4,000.00元"
    assert all(figure.source for figure in city.figures)
    assert [(award.number, award.organisation) for award in city.awards] == [
        (shown, "示例公司"),
        (hidden, ""),
    ]
    assert [award.number for award in district.awards] == [hidden]
    assert (district.where, district.lead) == ("万州区", f"{season.title}万州区共收到申报1项，获奖1项，其中三等奖1项。")
    for kit in (city, district):
        assert "示例保密公司" not in as_markdown(kit) + text_of(as_word(kit))
        for figure in kit.figures:
            assert figure.source in as_markdown(kit)


def test_signs_of_the_formats_are_words_of_people() -> None:
    assert "&lt;b&gt;焊接&lt;/b&gt; &amp; 送丝 | *装置*" in text_of(as_word(KIT))
    assert r"\<b\>焊接\</b\> & 送丝 \| \*装置\*" in as_markdown(KIT)
    assert "{{" not in text_of(as_word(KIT)) + as_markdown(KIT)
    assert 'w:eastAsia="宋体"' in zipfile.ZipFile(BytesIO(as_word(KIT))).read("word/styles.xml").decode()


def test_the_same_kit_is_the_same_bytes() -> None:
    assert as_word(KIT) == as_word(KIT)


@pytest.mark.parametrize("name", [WORD, MARKDOWN])
def test_a_design_that_asks_for_what_there_is_not_is_named(fresh_home: Path, name: str) -> None:
    own = overrides.in_home(overrides.PAPERS, name)
    own.parent.mkdir(parents=True)
    own.write_bytes(b"{{ nobody }}")

    with pytest.raises(KitNotMade, match="版式有误") as refused:
        (as_word if name == WORD else as_markdown)(KIT)

    assert name in str(refused.value)
