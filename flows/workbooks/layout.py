"""The sheet to fill of each kind of workbook. One list of columns serves template and reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.season import Season
from config.season_parts import Criterion
from flows.workbooks.columns import Column
from flows.workbooks.review_columns import expert_columns, score_columns, verdict_columns, vote_columns
from flows.workbooks.submission_columns import submission_columns
from models.enums import WorkbookKind

STATEMENT = "公正与保密承诺"
GUIDE_SHEET = "填写说明"
MARK_SHEET = "模板标识"
RECEIPT_SHEET = "回执"
LISTS_SHEET = "选项"
MATERIAL_SHEET = "申报材料"
OWN_SHEETS = frozenset({GUIDE_SHEET, MARK_SHEET, RECEIPT_SHEET, LISTS_SHEET, MATERIAL_SHEET})


@dataclass(frozen=True, slots=True)
class Layout:
    """The sheet to fill of one kind of workbook."""

    kind: WorkbookKind
    columns: tuple[Column, ...]
    statement: str = ""
    by_key: Mapping[str, Column] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", {column.key: column for column in self.columns})

    @property
    def sheet(self) -> str:
        """The name of the sheet to fill."""
        return self.kind.label


def layout_of(kind: WorkbookKind, season: Season, rubric: tuple[Criterion, ...] | None = None) -> Layout:
    """The layout of a kind in a season; `rubric` defaults to the final round's."""
    columns = {
        WorkbookKind.SUBMISSIONS: lambda: submission_columns(season),
        WorkbookKind.VERDICTS: lambda: verdict_columns(season, rubric or season.district_rubric),
        WorkbookKind.SCORES: lambda: score_columns(season, rubric or season.final_round.rubric),
        WorkbookKind.EXPERTS: lambda: expert_columns(season),
        WorkbookKind.VOTES: lambda: vote_columns(season),
    }[kind]()
    return Layout(kind, columns, statement=_statement(season) if kind is WorkbookKind.SCORES else "")


def _statement(season: Season) -> str:
    return (
        f"{STATEMENT}：本人承诺在{season.title}评审中独立、客观、公正评分，遇有利益关系主动回避，"
        "不泄露评审内容、过程和结果，不复制、留存或使用申报材料。"
    )
