"""What a column of a workbook is: heading, hint, what its cells may hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from config.season_parts import Criterion
from flows.workbooks.columns import cells, numbers
from models.enums import Labelled

LINE_LIMIT = 200
NAME_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `key` is its name in code; `given` columns come filled in and are locked.

    `sums`: the total of a row's points, which the sheet works out and nobody reads.
    `instead_of`: of a column of earlier workbooks, those of today's that it takes the place of.
    """

    key: str
    heading: str
    parse: cells.Parser
    hint: str = ""
    also: tuple[str, ...] = ()
    required: bool = False
    given: bool = False
    choices: tuple[str, ...] = ()
    format: str = "@"
    width: int = 14
    minimum: int | None = None
    maximum: int | None = None
    instead_of: tuple[str, ...] = ()
    sums: bool = False
    group: str = ""


def labels(members: type[Labelled]) -> dict[str, Any]:
    """The Chinese words of an enum -> its members."""
    return {member.label: member for member in members}


def choice(
    key: str,
    heading: str,
    allowed: Mapping[str, Any],
    *,
    words: Mapping[str, Any] | None = None,
    **options: Any,
) -> Column:
    """A column with a drop-down of `allowed` (label -> value); `words`: other names understood."""
    return Column(key, heading, cells.choice(allowed, words), choices=tuple(allowed), **options)


def in_group(group: str, *columns: Column) -> tuple[Column, ...]:
    """Columns that stand beside one another under one band."""
    return tuple(replace(column, group=group) for column in columns)


def given_column(key: str, heading: str, width: int = 14, *also: str) -> Column:
    """A column that comes filled in."""
    return Column(key, heading, cells.line(LINE_LIMIT), "已由系统填好，请勿改动", also, given=True, width=width)


def points_columns(rubric: tuple[Criterion, ...]) -> tuple[Column, ...]:
    """A column a criterion, and one that adds them up."""
    most = sum(criterion.maximum for criterion in rubric)
    heading = f"合计（满分{most}）"
    total = Column(
        "total", heading, cells.line(LINE_LIMIT), "自动合计", given=True, format="General", width=9, sums=True
    )
    points = (
        Column(
            f"points.{criterion.key}",
            f"{criterion.name}（满分{criterion.maximum}）",
            numbers.points(criterion.maximum),
            f"0到{criterion.maximum}分，可有小数。{criterion.anchors}",
            (criterion.name, f"{criterion.name}得分", f"{criterion.name}评分"),
            required=True,
            format="General",
            width=11,
            minimum=0,
            maximum=criterion.maximum,
        )
        for criterion in rubric
    )
    return (*points, total)


def total_formula(cells_of_points: Sequence[str]) -> str:
    """What the total of a row says: nothing before something is filled in."""
    named = ",".join(cells_of_points)
    return f'=IF(COUNT({named})=0,"",SUM({named}))'
