"""The guide sheet of an issued workbook: deadline, the season's rules, how to fill, the rubric."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from config.local_time import instant
from config.season import Season
from flows.workbooks.reader.layout import Layout
from models.enums import SUPERSEDED

_EDITIONS = {True: "换发新版后，旧版不再接收", False: "以前发的各份继续有效，每份只含所列各项"}
_HIGHEST_ROW = 400  # points; Excel allows 409
_NARROW = re.compile("[\0-\u2e7f]+")


class Guide(NamedTuple):
    """What the guide sheet tells."""

    layout: Layout
    season: Season
    recipient_name: str
    deadline: datetime
    issue: int
    token: str
    remark: str = ""


def write_guide(sheet: Any, book: Any, guide: Guide) -> None:
    """Fill the guide sheet; it is locked, and its last line shows the mark."""
    base = {"font_name": "Microsoft YaHei", "font_size": 11, "valign": "top", "text_wrap": True}
    title = book.add_format({**base, "bold": True, "font_size": 16, "font_color": "#1F4E78", "text_wrap": False})
    head = book.add_format({**base, "bold": True, "font_color": "#FFFFFF", "bg_color": "#2E75B6", "text_wrap": False})
    label, text = book.add_format({**base, "bold": True}), book.add_format(base)
    small = book.add_format({**base, "font_size": 8, "font_color": "#7F7F7F"})
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 96)
    sheet.write_string(0, 0, f"{guide.season.title}·{guide.layout.kind.label}填写说明", title)
    sheet.set_row(0, 30)
    row = 2
    for section, lines in _sections(guide):
        sheet.write_string(row, 0, section, head)
        sheet.write_blank(row, 1, None, head)
        for left, right in lines:
            row += 1
            sheet.write_string(row, 0, left, label)
            sheet.write_string(row, 1, right, text)
            sheet.set_row(row, 17 * max(1, -(-screen_width(right) // 92), -(-screen_width(left) // 20)))
        row += 2
    sheet.write_string(row, 0, "模板标识", small)
    sheet.write_string(row, 1, guide.token, small)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.protect()


def screen_width(text: str) -> int:
    """Columns of a fixed-width font that a text takes: two for a Chinese character."""
    return len(text) + len(_NARROW.sub("", text))


def row_height(cells: Iterable[tuple[object, float]]) -> float:
    """Points that the longest text of a row needs, of (value, width of its column)."""
    lines = (
        -(-screen_width(str(value)) // max(int(width) - 1, 1)) for value, width in cells if value not in (None, "")
    )
    return float(min(_HIGHEST_ROW, 15 * max(lines, default=1) + 8))


def _sections(guide: Guide) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    yield (
        "时间和对象",
        [
            ("报送单位（人）", guide.recipient_name),
            ("报送截止", f"{instant(guide.deadline)}，以文件送达时间为准"),
            (
                "模板版本",
                f"{guide.season.year}年度第{guide.issue}版；"
                f"{guide.remark or _EDITIONS[guide.layout.kind in SUPERSEDED]}",
            ),
        ],
    )
    yield "怎样填写", _how(guide)
    yield "本年度规则", [*guide.layout.rules, ("联系", f"{guide.season.office.name}，{guide.season.office.mail}")]
    if guide.layout.rubric:
        yield (
            "评分标准",
            [
                (f"{criterion.name}（满分{criterion.maximum}）", criterion.anchors or "按规定打分")
                for criterion in guide.layout.rubric
            ],
        )
    yield (
        "各列填法",
        [
            (
                column.heading + ("（必填）" if column.required else ""),
                "：".join(filter(None, (column.hint, "、".join(column.choices)))),
            )
            for column in guide.layout.columns
            if not column.given and not column.key.startswith(("points.", *_repeated(guide.layout)))
        ],
    )


def _repeated(layout: Layout) -> tuple[str, ...]:
    """Columns of second and later organisations and contributors: explained by the first."""
    keys = {column.key.rsplit(".", 1)[0] for column in layout.columns if column.key.count(".") == 2}
    return tuple(f"{key}." for key in keys if not key.endswith(".0"))


def _how(guide: Guide) -> list[tuple[str, str]]:
    sheet = guide.layout.sheet
    return [
        ("填在哪里", f"只填“{sheet}”这一页，一行一条。列可以调整顺序、隐藏，但请不要改列名。"),
        *guide.layout.ways,
        ("保存", "保存为 .xlsx（Excel、WPS 表格、LibreOffice 均可），不要加密码。"),
        (
            "回执",
            "系统收到后会发回执：有问题的格子标红并写明原因，没有问题的行即时接收。改好后整表再报一次即可，不会重复。",
        ),
        *guide.layout.closing,
    ]
