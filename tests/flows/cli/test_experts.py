"""The pool by command: what an import changes is said; the list says who may be drawn and who stayed away."""

from datetime import date
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from flows.home import paths
from flows.kinds.experts import issue_pool
from flows.run import Ending, Run
from flows.workbooks.writer.filling import fill_template
from models import Expert, History, Message
from models.enums import CallState, WorkbookKind
from tests.flows.cli.conftest import Gangchuang
from tests.support.builders import a_season, an_expert
from tests.support.playing import Player

BY = ("--by", "示例·王主任")
ROW = {"姓名": "示例·专家1", "工作单位": "示例研究院1", "专业领域": "机械制造", "联系邮箱": "new@example.invalid"}


@pytest.fixture
def pool(player: Player) -> Player:
    """A pool of two, in June; the workbook of the pool is issued."""
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        for ordinal in (1, 2):
            an_expert(session, ordinal, statement_on=date(2026, 6, 10), fields="机械制造")
    player.at(season.dates.draw_panel.replace(day=20))

    def issue(run: Run) -> Ending:
        with run.step() as session:
            issue_pool(session, run)
        return Ending()

    player.play("open_call", issue)
    return player


def filled(player: Player, *rows: dict[str, Any]) -> str:
    template = paths.issued(player.settings, 2026, paths.OFFICE, WorkbookKind.EXPERTS)
    return str(fill_template(template, player.home / "专家库.xlsx", list(rows)))


def test_the_workbook_brings_the_pool_as_it_stands(pool: Player) -> None:
    template = paths.issued(pool.settings, 2026, paths.OFFICE, WorkbookKind.EXPERTS)

    said = {str(cell) for row in openpyxl.load_workbook(template)["专家库"].values for cell in row if cell}

    assert {"示例·专家1", "示例·专家2", "示例研究院2", "expert-2@example.invalid"} <= said
    assert "2026-06-10" not in said, "the statement is signed anew each season"


def test_an_import_says_what_it_changed(pool: Player, gangchuang: Gangchuang) -> None:
    file = filled(
        pool,
        {**ROW, "承诺书签署日期": "2026-06-18"},
        {"姓名": "示例·新人", "工作单位": "示例大学", "专业领域": "机械制造、能源环保", "有效期至": "2026-12-31"},
    )

    answer = gangchuang("experts", "import", file, 2026, *BY)

    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[:5] == [
        "新增：示例·新人（示例大学）",
        "更改：E0001 示例·专家1，联系邮箱：已更改",
        "更改：E0001 示例·专家1，承诺书签署日期：2026-06-10 → 2026-06-18",
        "未列出：E0002 示例·专家2",
        "将到期：示例·新人，有效期至2026-12-31",
    ]
    with pool.reading() as session:
        assert session.get_one(Expert, "E0001").mail == "new@example.invalid"
        assert session.get_one(Expert, "E0003").name == "示例·新人"
        letter = session.scalars(select(Message).where(Message.key.contains("pool_changed"))).one()
        assert "未列出：E0002 示例·专家2" in letter.body
        entry = session.scalars(select(History).where(History.trigger == "import_by_hand")).one()
        assert entry.actor == "office:示例·王主任"
    assert not list((pool.home / "inbox" / "office").glob("*.xlsx")), "it is taken and kept like a delivery"


def test_a_dry_import_changes_nothing(pool: Player, gangchuang: Gangchuang) -> None:
    file = filled(pool, ROW)
    before = pool.kept()

    answer = gangchuang("experts", "import", file, 2026, *BY, "--dry-run")

    assert answer.status == 0, answer.err
    assert "更改：E0001 示例·专家1，联系邮箱：已更改" in answer.out
    assert pool.kept() == before


def test_rows_that_cannot_be_read_are_named(pool: Player, gangchuang: Gangchuang) -> None:
    answer = gangchuang("experts", "import", filled(pool, ROW, {}, {"姓名": "示例·无单位"}), 2026, *BY)

    assert answer.status == 1
    assert "退回：专家库 B" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("/nowhere.xlsx", 2026, *BY), "there is no such file"),
        (("README", 2026, "--by", "示例·路人"), "is no officer of this season"),
    ],
)
def test_a_wrong_import_is_one_clear_sentence(
    pool: Player, gangchuang: Gangchuang, words: tuple[Any, ...], said: str
) -> None:
    file, *rest = words
    answer = gangchuang("experts", "import", filled(pool, ROW) if file == "README" else file, *rest)

    assert answer.status == 1
    assert said in answer.err


def test_the_list_says_who_may_be_drawn(pool: Player, gangchuang: Gangchuang) -> None:
    with pool.writing() as session:
        session.get_one(Expert, "E0002").statement_on = None

    answer = gangchuang("experts", "list", 2026)

    assert answer.status == 0, answer.err
    assert "may be drawn" in answer.out
    assert "not signed" in answer.out
    assert answer.out.splitlines()[-1] == "2 expert(s), 1 of them may be drawn"
