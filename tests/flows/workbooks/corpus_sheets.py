"""What people do to the sheets of an issued workbook."""

from pathlib import Path
from typing import Any

from flows.workbooks.reader.layout import GUIDE_SHEET, MARK_SHEET
from tests.flows.workbooks.corpus import add, case
from tests.support.workbooks import SHEET, Workshop, typed

_OK: dict[int, dict[str, Any]] = {5: {"title": "示例成果"}}
_NOT_CALCULATED = "是公式，但没有计算结果。请用 Excel 或 WPS 打开、保存后再报，或改成直接填写的内容。"


def _heading(sheet: Any, text: str) -> Any:
    return next(cell for cell in sheet[4] if str(cell.value or "").removesuffix("*") == text)


@case("empty rows between", takes={5: {"title": "一"}, 8: {"title": "二"}})
def _empty_rows(shop: Workshop) -> Path:
    path = shop.filled(typed(成果名称="一"))
    with shop.opened(path) as book:
        for cell in book[SHEET][5]:
            book[SHEET].cell(8, cell.column).value = cell.value if cell.value != "一" else "二"
    return path


@case("blank rows at the end and blanks in cells", takes=_OK)
def _blank_rows(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        for line in (9, 30, 900):
            book[SHEET].cell(line, 2).value = "  "
    return path


@case("a hidden row", takes=_OK, notes=((None, "隐藏的行也已读取：第5行。"),))
def _hidden_row(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].row_dimensions[5].hidden = True
    return path


@case("a hidden column", takes=_OK)
def _hidden_column(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].column_dimensions["B"].hidden = True
    return path


@case("columns in another order", takes={5: {"title": "示例成果", "abstract": "示例简介", "category": "invention"}})
def _reordered(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        sheet = book[SHEET]
        for line in range(4, 6):
            values = [sheet.cell(line, column).value for column in range(1, sheet.max_column + 1)]
            for column, value in enumerate(reversed(values), 1):
                sheet.cell(line, column).value = value
    return path


@case("headings renamed, with stars and remarks", takes={5: {"title": "示例成果", "abstract": "示例简介"}})
def _renamed(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        for old, new in (
            ("成果名称", "*项目名称（必填）"),
            ("成果简介", "项目\n简介："),
            ("领域", "所属领域"),
            ("经济效益（万元）", "经济效益【单位：万元】"),
            ("完成人1姓名", "第1完成人"),
        ):
            _heading(book[SHEET], old).value = new
    return path


@case(
    "an extra column",
    takes=_OK,
    notes=((None, "模板里没有这些列，内容没有采用：“所属街道”（BL列）。"),),
    unread=True,
)
def _extra_column(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET]["BL4"].value, book[SHEET]["BL5"].value = "所属街道", "示例街道"
    return path


@case("a column of running numbers in front, down to empty rows", takes=_OK)
def _running_numbers(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        sheet = book[SHEET]
        sheet.insert_cols(1)
        sheet["A4"].value = "序号"
        for line in range(5, 30):
            sheet.cell(line, 1).value = line - 4
    return path


@case("a required column deleted", refused=(SHEET, "A4", "缺少必填的列：“类别”。请恢复模板的列名，或使用下发的模板。"))
def _column_deleted(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].delete_cols(3)
    return path


@case("optional columns deleted", takes=_OK, notes=((None, "没有这些列，按空白处理：社会效益、应用情况。"),))
def _optional_deleted(shop: Workshop) -> Path:
    path = shop.filled(typed({"经济效益（万元）": 12.5}))
    with shop.opened(path) as book:
        for name in ("社会效益", "应用情况"):
            book[SHEET].delete_cols(_heading(book[SHEET], name).column)
    return path


@case("two columns of the same name", refused=(SHEET, "AV4", "有两列都叫“成果名称”（B列和AV列），请只保留一列。"))
def _twice(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET]["AV4"].value = "成果名称"
    return path


@case("rows inserted above the headings", takes={8: {"title": "示例成果"}})
def _moved_down(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].insert_rows(1, 3)
        book[SHEET]["A1"].value = "示例区科协报送材料"
    return path


@case(
    "a table with nothing above its headings",
    backs=(("C5", "“类别”只能填：小发明、小技改、小设计（现在填的是“小创造”）。"),),
)
def _nothing_above(shop: Workshop) -> Path:
    path = shop.filled(typed(类别="小创造"))
    with shop.opened(path) as book:
        for line in range(1, 4):
            for cell in book[SHEET][line]:
                cell.value = None
                cell.style = "Normal"
    return path


@case("a table that begins in column C", takes=_OK)
def _moved_right(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].insert_cols(1, 2)
    return path


@case(
    "a value merged over two rows",
    takes={5: {"title": "一"}, 6: {"title": "二", "field": "机械制造"}},
    notes=(("E6", "“领域”与第5到6行合并，按同一内容计。"),),
)
def _merged_value(shop: Workshop) -> Path:
    path = shop.filled(typed(成果名称="一"), typed(成果名称="二", 领域=None))
    with shop.opened(path) as book:
        book[SHEET].merge_cells("E5:E6")
    return path


_MERGED_TITLE = "“成果名称”与其他行合并了（第5到6行）。一条只能占一行，请取消合并，每行写全。"


@case("a title merged over two rows", backs=(("B5", _MERGED_TITLE), ("B6", _MERGED_TITLE)))
def _merged_title(shop: Workshop) -> Path:
    path = shop.filled(typed(成果名称="一"), typed(成果名称=None))
    with shop.opened(path) as book:
        book[SHEET].merge_cells("B5:B6")
    return path


@case("a title merged over two columns", takes=_OK)
def _merged_across(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].merge_cells("I5:J5")
    return path


@case(
    "closing lines under the table",
    takes=_OK,
    notes=(("A7", "第7行像是表尾说明，没有作为申报读取。"), ("A8", "第8行像是表尾说明，没有作为申报读取。")),
)
def _footer(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET]["B7"].value, book[SHEET]["J7"].value = "合计", 12.5
        book[SHEET]["B8"].value = "填表人：示例甲"
    return path


@case("a second sheet with more rows", takes={5: {"title": "示例成果"}, 6: {"title": "二"}})
def _second_sheet(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        copy = book.copy_worksheet(book[SHEET])
        copy.title = "第二批"
        for cell in copy[5]:
            copy.cell(6, cell.column).value = cell.value if cell.value != "示例成果" else "二"
            cell.value = None
    return path


@case(
    "a hidden sheet with rows",
    takes=_OK,
    notes=(("A1", "工作表“草稿”是隐藏的，没有读取。如需报送请取消隐藏。"),),
    unread=True,
)
def _hidden_sheet(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        copy = book.copy_worksheet(book[SHEET])
        copy.title, copy.sheet_state = "草稿", "hidden"
    return path


@case(
    "a sheet of something else",
    takes=_OK,
    notes=(("A1", "工作表“通讯录”没有找到本表的列名，没有读取。要报的请移到“申报汇总表”页，不要的请删去该页。"),),
    unread=True,
)
def _other_sheet(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book.create_sheet("通讯录").append(["姓名", "部门"])
    return path


@case("an empty sheet beside", takes=_OK)
def _empty_sheet(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book.create_sheet("Sheet1")
    return path


@case("the sheet renamed", takes=_OK, sheet="2026年申报")
def _sheet_renamed(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].title = "2026年申报"
    return path


@case("the guide deleted", takes=_OK)
def _guide_deleted(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        del book[GUIDE_SHEET]
    return path


@case("the hidden sheet deleted, the guide renamed", takes=_OK)
def _mark_deleted(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        del book[MARK_SHEET]
        book[GUIDE_SHEET].title = "说明"
    return path


@case(
    "pasted into a workbook of one's own",
    refused=("", None, "没有找到模板标识：这不是系统下发的模板。请把内容粘贴到下发的模板里再报送。"),
)
def _no_mark(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        del book[MARK_SHEET]
        del book[GUIDE_SHEET]
    return path


@case(
    "the headings deleted",
    refused=("", None, "没有找到“申报汇总表”的列名所在的行，请使用下发的模板，不要删改列名。"),
)
def _no_headings(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].delete_rows(1, 4)
    return path


add("nothing filled in", lambda shop: shop.issued(), refused=(SHEET, None, "表里没有填写任何内容，请填好后再报送。"))


def _with_formula(shop: Workshop, name: str, formula: str, kind: bytes, value: bytes) -> Path:
    """A cell with a formula and what a spreadsheet program has kept as its result."""
    path = shop.filled(typed({name: "stands-here"}))

    def change(xml: bytes) -> bytes:
        start = xml.index(b"stands-here")
        begin, end = xml.rindex(b"<c ", 0, start), xml.index(b"</c>", start)
        head = xml[begin : xml.index(b">", begin)].replace(b' t="inlineStr"', kind).replace(b' t="s"', kind)
        return xml[:begin] + head + b"><f>" + formula.encode() + b"</f>" + value + xml[end:]

    return shop.rewritten(path, {"xl/worksheets/sheet1.xml": change})


add(
    "a formula with its result",
    lambda shop: _with_formula(shop, "成果名称", "A1&amp;A2", b' t="str"', "<v>算出</v>".encode()),
    takes={5: {"title": "算出"}},
)
add(
    "a formula that was never calculated",
    lambda shop: _with_formula(shop, "成果名称", "A1&amp;A2", b"", b""),
    backs=(("B5", f"“成果名称”{_NOT_CALCULATED}"),),
)
add(
    "an optional formula that was never calculated",
    lambda shop: _with_formula(shop, "社会效益", "A1", b"", b"<v></v>"),
    backs=(("K5", f"“社会效益”{_NOT_CALCULATED}"),),
)
add(
    "a formula in error",
    lambda shop: _with_formula(shop, "成果名称", "1/0", b' t="e"', b"<v>#DIV/0!</v>"),
    backs=(("B5", "“成果名称”的公式出错（#DIV/0!），请改正公式或直接填写内容。"),),
)


@case("dates in the 1904 system", takes={5: {"title": "示例成果"}})
def _date_1904(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904

        book.epoch = CALENDAR_MAC_1904
    return path


@case(
    "the same submission number twice",
    backs=(
        ("A5", "“申报编号”重复：第5、6行都是“GC2026-500101-001”，一个编号只能有一行。"),
        ("A6", "“申报编号”重复：第5、6行都是“GC2026-500101-001”，一个编号只能有一行。"),
    ),
)
def _number_twice(shop: Workshop) -> Path:
    path = shop.filled(typed(), typed())
    with shop.opened(path) as book:
        book[SHEET]["A5"].value = book[SHEET]["A6"].value = "GC2026-500101-001"
    return path


@case("more rows than a season takes", refused=(SHEET, "A20005", "超过20000行，请分成几份报送。"))
def _too_many_rows(shop: Workshop) -> Path:
    def change(xml: bytes) -> bytes:
        rows = "".join(f'<row r="{n}"><c r="B{n}" t="inlineStr"><is><t>一</t></is></c></row>' for n in range(55, 20010))
        return xml.replace(b"</sheetData>", rows.encode() + b"</sheetData>")

    path = shop.filled(*(typed() for _ in range(50)))
    return shop.rewritten(path, {"xl/worksheets/sheet1.xml": change})
