"""The panel is drawn, the submissions assigned, and every expert invited; once, whatever happens in between."""

import json
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows import draw_panel as module
from flows.draw_panel import drawing
from flows.home import paths
from flows.kinds import review_material
from flows.publish.release import publish
from models import Assignment, Call, Expert, History, Message, Seat, SubmissionVersion
from models.enums import CallState, SubmissionState, WorkbookKind
from models.forms import ContributorForm, OrganisationForm
from states.panel.draw import PanelTooSmall
from states.rules.reviewers.blind import Blindfold
from states.rules.reviewers.draw import PanelShortage
from tests.support.builders import a_form, a_season, a_submission, an_expert
from tests.support.panel import an_eligible_submission
from tests.support.playing import Player

M = Milestone


@pytest.fixture
def ready(player: Player) -> Player:
    """Three eligible submissions, a pool of seven that signed; the draw is due."""
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        small = {"scores_per_submission": 3, "panel_per_field": 1, "panel_size": 5, "reserves": 2}
        season = season.model_copy(update={"final_round": season.final_round.model_copy(update=small)})
        call = session.get_one(Call, 2026)
        call.rules, call.draw_seed, call.seal_key = season.model_dump_json(), "5e" * 32, ""
        for ordinal in range(1, 8):
            an_expert(session, ordinal, statement_on=date(2026, 6, 15))
        for _ in range(3):
            an_eligible_submission(session)
    player.come_to(M.DRAW_PANEL)
    return player


def play(player: Player) -> dict[str, str]:
    result = player.play("draw_panel", drawing, M.DRAW_PANEL)
    assert result.outcome == "done"
    return dict(result.lines)


def test_every_expert_with_work_has_a_workbook_of_only_that(ready: Player) -> None:
    lines = play(ready)

    with ready.reading() as session:
        assert session.get_one(Call, 2026).state is CallState.FINAL_REVIEW
        work: dict[str, set[str]] = {}
        for assignment in session.scalars(select(Assignment)):
            work.setdefault(assignment.expert, set()).add(assignment.number)
    assert (lines["seated"], lines["assignments"], lines["experts with a workbook"]) == ("5", "9", str(len(work)))
    assert ready.letters("expert_invitation") == sorted(f"expert_invitation/{expert}/1" for expert in work)
    for expert, numbers in work.items():
        book = openpyxl.load_workbook(paths.issued(ready.settings, 2026, expert, WorkbookKind.SCORES))
        said = {str(cell) for sheet in book for row in sheet.values for cell in row if cell}
        assert {word for word in said if word.startswith("2026-")} == numbers


def test_a_blind_workbook_names_no_applicant(ready: Player) -> None:
    play(ready)

    for path in (ready.home / "outbox" / "2026").glob("E0*/*.xlsx"):
        book = openpyxl.load_workbook(path)
        said = " ".join(str(cell) for sheet in book for row in sheet.values for cell in row if cell)
        assert "示例单位" not in said
        assert "示例·示例项目" not in said


def test_names_within_blind_texts_are_masked_and_the_office_is_told(ready: Player) -> None:
    people = {
        "organisations": (OrganisationForm(name="重庆示例甲机械制造有限公司"),),
        "contributors": (ContributorForm(name="示例·赵一", organisation="重庆示例甲机械制造有限公司", consent=True),),
    }
    texts = {"abstract": "由示例 赵一在示例甲机械制造完成", "attachments": ("示例·赵一的证明.pdf",)}
    with ready.writing() as session:
        number = an_eligible_submission(session, form=a_form("示例·赵一工作法", **people, **texts))

    assert play(ready)["names masked in blind texts"] == "3"

    said = every_text(ready)
    assert "由■■在■■完成" in said
    assert "■■工作法" in said
    assert not [name for name in ("赵一", "赵 一", "示例甲机械", "证明.pdf") if name in said]
    with ready.reading() as session:
        letter = session.get_one(Message, "2026/names_in_texts/office/final")
        kept = session.scalars(select(SubmissionVersion.content).where(SubmissionVersion.number == number)).one()
    assert f"1. {number}　成果名称：示例·赵一\n" in letter.body
    assert f"3. {number}　成果简介：示例甲机械制造\n" in letter.body
    assert "由示例 赵一在示例甲机械制造完成" in kept, "the submission itself is not touched"


def test_a_season_that_is_not_blind_shows_who_stands_behind(ready: Player) -> None:
    with ready.writing() as session:
        call = session.get_one(Call, 2026)
        call.rules = call.rules.replace('"blind":true', '"blind":false')

    assert play(ready)["names masked in blind texts"] == "0"

    assert "示例单位示例项目2026第1号" in every_text(ready)
    assert ready.letters("names_in_texts") == []


def every_text(player: Player) -> str:
    """Every part of every score workbook issued, as text."""
    parts = []
    for path in (player.home / "outbox" / "2026").glob("E0*/*.xlsx"):
        with zipfile.ZipFile(path) as book:
            parts += [book.read(name).decode("utf-8", "replace") for name in book.namelist()]
    assert parts
    return "\n".join(parts)


def test_the_seed_is_revealed_to_every_unit(ready: Player) -> None:
    play(ready)

    with ready.reading() as session:
        assert "5e" * 32 in session.get_one(Message, "2026/panel_drawn/500103").body
    assert len(ready.letters("panel_drawn")) == 39


def test_a_crash_after_the_draw_draws_no_second_panel(ready: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "issue_sheet", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        play(ready)
    monkeypatch.undo()

    play(ready)

    with ready.reading() as session:
        drawn = session.scalars(select(History.facts).where(History.trigger == "draw_panel")).all()
        assert len(drawn) == 1
        assert len(session.scalars(select(Seat)).all()) == len(json.loads(drawn[0])["panel"]["seated"]) + 2


def test_too_small_a_pool_changes_nothing(ready: Player) -> None:
    with ready.writing() as session:
        for ordinal in range(1, 5):
            session.get_one(Expert, f"E000{ordinal}").statement_on = None
    before = ready.kept()

    with pytest.raises(PanelShortage):
        play(ready)

    assert ready.kept() == before


def test_a_submission_that_too_few_may_review_is_named_and_nothing_is_drawn(ready: Player) -> None:
    with ready.writing() as session:
        for ordinal in range(1, 8):
            session.get_one(Expert, f"E000{ordinal}").organisation = "示例研究院"
        theirs = (OrganisationForm(name="示例研究院"),)
        number = an_eligible_submission(session, form=a_form("利益相关", organisations=theirs))
    before = ready.kept()

    with pytest.raises(PanelTooSmall, match=f"submission {number} needs 3, only 0 are left"):
        play(ready)

    assert ready.kept() == before


def test_nothing_is_drawn_before_everything_is_checked(ready: Player) -> None:
    with ready.writing() as session:
        a_submission(session, SubmissionState.DISTRICT_REVIEWED)
    publish(ready.settings, ready.engine, ready.settings.clock.now())
    before = ready.kept()

    result = ready.play("draw_panel", drawing, M.DRAW_PANEL)

    assert result.outcome == "waiting"
    assert result.explanation.endswith("0 district round(s), 0 correction(s), 1 unchecked submission(s)")
    assert ready.kept() == before


def test_a_submission_is_masked_once_whoever_reads_it(ready: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    mask, masked = review_material._masked, []

    def counting(row: dict[str, Any], number: str, blindfold: Blindfold) -> list[review_material.NameInText]:
        masked.append(number)
        return mask(row, number, blindfold)

    monkeypatch.setattr(review_material, "_masked", counting)

    lines = play(ready)

    assert lines["assignments"] == "9"
    assert len(masked) == len(set(masked)) == 3
