"""The first sheet of a receipt: the result at a glance, every problem with its cell, every number given."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.hyperlink import Hyperlink

from config.local_time import instant
from config.season import Season
from config.units import all_units
from flows.workbooks.reader.findings import Note, Problem, Reading, place_of
from flows.workbooks.writer.copying import put
from flows.workbooks.writer.guide import screen_width
from models.forms import SubmissionForm

_FONT = "Microsoft YaHei"
_WIDTHS = (7, 15, 10, 24, 34, 62)
_MOST_LISTED = 2000
_LINK_COLUMN, _HEAD_LINES = 3, 4
_THIN = Side(style="thin", color="BFBFBF")
_GRID = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_GREEN, _AMBER, _RED = ("E2EFDA", "375623"), ("FFF2CC", "7F6000"), ("FCE4E4", "9C0006")


class Receipt(NamedTuple):
    """What the sheet tells. `entered`: what stood in the wrong cells, by (sheet, cell)."""

    file_name: str
    reading: Reading
    problems: tuple[Problem, ...]
    accepted: Mapping[tuple[str, int], str]
    written_at: datetime
    season: Season
    entered: Mapping[tuple[str, str], str]
    remarks: Mapping[tuple[str, int], str]
    titles: Mapping[str, str]
    standing: tuple[tuple[str, str], ...] = ()
    owed: tuple[str, ...] = ()

    @property
    def rows_back(self) -> int:
        return sum((row.sheet, row.line) not in self.accepted for row in self.reading.rows)


def write_receipt_sheet(sheet: Any, receipt: Receipt, sheets: set[str]) -> None:
    """Fill the empty sheet 回执. `sheets`: those in the copy, to which cells are linked."""
    for index, width in enumerate(_WIDTHS):
        sheet.column_dimensions["ABCDEF"[index]].width = width
    sheet.sheet_view.showGridLines = False
    line = _write_head(sheet, receipt)
    if receipt.problems:
        line = _write_problems(sheet, receipt, sheets, line + 1)
    if receipt.accepted:
        line = _write_accepted(sheet, receipt, sheets, line + 1)
    if receipt.reading.all_notes:
        line = _write_notes(sheet, sorted(receipt.reading.all_notes, key=place_of), sheets, line + 1)
    if receipt.standing or receipt.owed:
        _write_standing(sheet, receipt, line + 1)
    _set_page(sheet)


def _set_page(sheet: Any) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.sheet_properties.tabColor = "C00000"
    sheet.page_margins.left = sheet.page_margins.right = 0.4


def _write_head(sheet: Any, receipt: Receipt) -> int:
    mark = receipt.reading.mark
    unit = all_units().get(mark.recipient) if mark else None
    kind = receipt.reading.kind.label if receipt.reading.kind else "报送文件"
    _text(sheet, 1, 1, f"{receipt.season.title}·{kind}回执", size=16, bold=True, colour="1F4E78")
    sheet.row_dimensions[1].height = 32
    who = f"{unit.name}（{unit.code}）" if unit else mark.recipient if mark else ""
    written = instant(receipt.written_at)
    sent = f"报送方：{who}　文件：" if who else "文件："
    _text(sheet, 2, 1, f"{sent}{receipt.file_name}　回执时间：{written}", colour="595959")
    fill, colour, verdict, what_next = _result(receipt)
    for line, text, size in ((3, verdict, 14), (4, what_next, 11)):
        sheet.merge_cells(start_row=line, start_column=1, end_row=line, end_column=6)
        _text(sheet, line, 1, text, size=size, bold=line == 3, colour=colour, wrap=True)
        for column in range(1, 7):
            sheet.cell(line, column).fill = PatternFill("solid", fgColor=fill)
    sheet.row_dimensions[3].height = 30
    sheet.row_dimensions[4].height = 18 * max(1, -(-screen_width(what_next) // 140)) + 4
    return 5


def _result(receipt: Receipt) -> tuple[str, str, str, str]:
    accepted, returned, wrong = len(receipt.accepted), receipt.rows_back, len(receipt.problems)
    if not receipt.problems:
        noun = "接收，编号见下表" if receipt.reading.layout and receipt.reading.layout.numbered else "接收"
        unread = len(receipt.reading.unread)
        left = [*receipt.owed, *([f"有{unread}处内容没有读取，见下面的提示"] if unread else [])]
        if left:
            return *_AMBER, f"● 已接收{accepted}行，还没有完成", f"本次报送的{accepted}行已{noun}。{'；'.join(left)}。"
        rest = "请看一眼下面的提示，没有要改的，就不需要再做什么" if receipt.reading.all_notes else "不需要再做什么"
        return *_GREEN, f"✔ 全部接收：{accepted}行", f"本次报送的{accepted}行已全部{noun}；{rest}。"
    if not accepted:
        head = f"✘ 退回：{returned}行，共{wrong}处问题" if returned else "✘ 退回：整份文件未能接收"
        return *_RED, head, _how_to_mend(receipt)
    return *_AMBER, f"● 部分接收：接收{accepted}行，退回{returned}行，共{wrong}处问题", _how_to_mend(receipt)


def _how_to_mend(receipt: Receipt) -> str:
    if receipt.reading.refused:
        return "请按下面的说明处理后重新报送。"
    again = "已接收的行不用动，也不会重复。" if receipt.accepted else ""
    return (
        "怎么改：直接在本文件里改标红的格子（把鼠标移到格子上可看到原因，点下表“单元格”可跳过去），"
        f"保存后整份再报一次。{again}"
    )


def _write_problems(sheet: Any, receipt: Receipt, sheets: set[str], line: int) -> int:
    line = _section(sheet, line, "需要修改", ("序号", "工作表", "单元格", "列", "现在填的", "问题"), "C00000")
    names = _column_names(receipt)
    shown = sorted(receipt.problems, key=place_of)[:_MOST_LISTED]
    for count, problem in enumerate(shown, 1):
        column = names.get((problem.sheet, "".join(filter(str.isalpha, problem.cell or ""))), "")
        entered = receipt.entered.get((problem.sheet, problem.cell or ""), "")
        texts = (
            count,
            problem.sheet or "整份文件",
            problem.cell or "",
            column,
            _short(entered),
            problem.message,
        )
        _line(sheet, line, texts)
        _link(sheet, line, problem, sheets)
        line += 1
    if len(receipt.problems) > _MOST_LISTED:
        _text(sheet, line, 1, f"另有{len(receipt.problems) - _MOST_LISTED}处，改好以上各处后会再列出。")
        line += 1
    return line


def _write_accepted(sheet: Any, receipt: Receipt, sheets: set[str], line: int) -> int:
    heads = ("序号", "工作表", "行", "申报编号", "成果名称", "结果")
    line = _section(sheet, line, "已接收", heads, "548235")
    titles = {(row.sheet, row.line): row.form for row in receipt.reading.rows}
    for count, ((name, row), number) in enumerate(sorted(receipt.accepted.items()), 1):
        form = titles.get((name, row))
        title = form.title if isinstance(form, SubmissionForm) else receipt.titles.get(number, "")
        _line(sheet, line, (count, name, row, number, title, receipt.remarks.get((name, row), "已接收")))
        _link(sheet, line, Problem(name, f"A{row}", ""), sheets)
        line += 1
    return line


def _write_notes(sheet: Any, notes: Iterable[Note], sheets: set[str], line: int) -> int:
    line = _section(sheet, line, "提示（不影响接收，请看一眼）", ("序号", "工作表", "单元格", "说明", "", ""), "7F6000")
    for count, note in enumerate(notes, 1):
        if count > _MOST_LISTED:
            break
        _line(sheet, line, (count, note.sheet or "整份文件", note.cell or "", note.message, "", ""))
        sheet.merge_cells(start_row=line, start_column=4, end_row=line, end_column=6)
        sheet.row_dimensions[line].height = 18 * max(1, -(-screen_width(note.message) // 116)) + 2
        _link(sheet, line, Problem(note.sheet, note.cell, ""), sheets)
        line += 1
    return line


def _write_standing(sheet: Any, receipt: Receipt, line: int) -> None:
    """What the database holds now, whatever this file says."""
    line = _section(sheet, line, "目前的情况（以数据库为准）", ("", "事项", "", "情况", "", ""), "1F4E78")
    for label, text in (*receipt.standing, *(("仍欠", sentence) for sentence in receipt.owed)):
        _line(sheet, line, ("", label, "", text, "", ""))
        sheet.merge_cells(start_row=line, start_column=2, end_row=line, end_column=3)
        sheet.merge_cells(start_row=line, start_column=4, end_row=line, end_column=6)
        sheet.row_dimensions[line].height = 18 * max(1, -(-screen_width(text) // 116)) + 2
        line += 1


def _section(sheet: Any, line: int, title: str, heads: tuple[str, ...], colour: str) -> int:
    _text(sheet, line, 1, title, size=12, bold=True, colour=colour)
    sheet.row_dimensions[line].height = 24
    for column, head in enumerate(heads, 1):
        cell = _text(sheet, line + 1, column, head, bold=True, colour="FFFFFF")
        cell.fill = PatternFill("solid", fgColor=colour)
        cell.border = _GRID
    last = max(column for column, head in enumerate(heads, 1) if head)
    if last < len(heads):
        sheet.merge_cells(start_row=line + 1, start_column=last, end_row=line + 1, end_column=len(heads))
    return line + 2


def _line(sheet: Any, line: int, texts: tuple[Any, ...]) -> None:
    lines = 1
    for column, text in enumerate(texts, 1):
        cell = _text(sheet, line, column, text, wrap=True)
        cell.border = _GRID
        lines = max(lines, -(-screen_width(str(text)) // (_WIDTHS[column - 1] - 1)))
    sheet.row_dimensions[line].height = 17 * min(lines, 12) + 3


def _link(sheet: Any, line: int, problem: Problem, sheets: set[str]) -> None:
    if not problem.cell or problem.sheet not in sheets:
        return
    cell = sheet.cell(line, _LINK_COLUMN)
    quoted = problem.sheet.replace("'", "''")
    cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{quoted}'!{problem.cell}", display=problem.cell)
    cell.font = Font(name=_FONT, size=10, color="0563C1", underline="single")


def _text(
    sheet: Any,
    line: int,
    column: int,
    text: Any,
    *,
    size: int = 10,
    bold: bool = False,
    colour: str = "000000",
    wrap: bool = False,
) -> Any:
    cell = sheet.cell(line, column)
    put(cell, text)
    cell.font = Font(name=_FONT, size=size, bold=bold, color=colour)
    centred = isinstance(text, int) or (column == _LINK_COLUMN and line > _HEAD_LINES)
    cell.alignment = Alignment(vertical="center", wrap_text=wrap, horizontal="center" if centred else None)
    return cell


def _column_names(receipt: Receipt) -> dict[tuple[str, str], str]:
    from flows.workbooks.reader.table import letters

    layout = receipt.reading.layout
    by_key = layout.by_key if layout else {}
    return {
        (table.sheet, letters(index)): by_key[key].heading
        for table in receipt.reading.tables
        for key, index in table.columns.items()
        if key in by_key
    }


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
