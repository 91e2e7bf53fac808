"""What must never go unread, or be taken, without a word: sheets, columns, pictures, crossed-out rows."""

from pathlib import Path
from typing import Any

from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from models.enums import WorkbookKind
from tests.flows.workbooks.corpus import add, case
from tests.support.workbooks import SHEET, Workshop, judged, typed

_OK: dict[int, dict[str, Any]] = {5: {"title": "示例成果"}}
_STRUCK = "划了删除线，分不清是否作废：仍要报的请去掉删除线，不报的请整行删除（已接收的在“撤回”列选“撤回”）。"
_VOID = "分不清是否作废：仍要报的请删去这几个字，不报的请整行删除（已接收的在“撤回”列选“撤回”）。"
# One red dot.
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
_PICTURE = "贴了图片或图形，没有读取。要报的请存成文件，与本表一起压缩报送，并写进“附件文件名”一列；文字请填进格子。"


@case(
    "rows that go on in a second sheet without headings",
    takes=_OK,
    notes=(("B3", "工作表“续表”没有找到本表的列名，没有读取。要报的请移到“申报汇总表”页，不要的请删去该页。"),),
    unread=True,
)
def _second_sheet_without_headings(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        more = book.create_sheet("续表")
        for cell in book[SHEET][5]:
            more.cell(3, cell.column).value = cell.value
    return path


@case(
    "a column for a sixth contributor",
    takes={6: {"title": "二"}},
    backs=(
        ("BL5", "“完成人6姓名”填了“示例己”，但完成人最多5个，模板以外的不能接收；请删去或并入前5个。"),
        ("BM5", "“第六完成人单位”填了“示例公司”，但完成人最多5个，模板以外的不能接收；请删去或并入前5个。"),
    ),
    notes=((None, "模板里没有这些列，内容没有采用：“完成人6姓名”（BL列）、“第六完成人单位”（BM列）。"),),
    unread=True,
)
def _sixth_contributor(shop: Workshop) -> Path:
    path = shop.filled(typed(), typed(成果名称="二"))
    with shop.opened(path) as book:
        for column, heading, value in (("BL", "完成人6姓名", "示例己"), ("BM", "第六完成人单位", "示例公司")):
            book[SHEET][f"{column}4"].value, book[SHEET][f"{column}5"].value = heading, value
    return path


@case(
    "a column for the other contributors",
    backs=(("BL5", "“其他完成人”填了“示例己、示例庚”，但完成人最多5个，模板以外的不能接收；请删去或并入前5个。"),),
    notes=((None, "模板里没有这些列，内容没有采用：“其他完成人”（BL列）。"),),
    unread=True,
)
def _other_contributors(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET]["BL4"].value, book[SHEET]["BL5"].value = "其他完成人", "示例己、示例庚"
    return path


@case(
    "a remark in a column without a heading", takes=_OK, notes=(("BL5", "BL列没有列名，内容没有采用。"),), unread=True
)
def _no_heading(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET]["BL5"].value = "请优先考虑"
    return path


@case("a pasted picture", takes=_OK, notes=(("C7", _PICTURE),), unread=True)
def _picture(shop: Workshop) -> Path:
    main = "http://schemas.openxmlformats.org"
    office, kinds = (
        f"{main}/officeDocument/2006/relationships",
        "application/vnd.openxmlformats-officedocument.drawing+xml",
    )

    def related(kind: str, target: str) -> bytes:
        return (
            f'<Relationships xmlns="{main}/package/2006/relationships"><Relationship Id="rId1" '
            f'Type="{office}/{kind}" Target="{target}"/></Relationships>'
        ).encode()

    def corner(tag: str, column: int, row: int) -> str:
        offsets = f"<xdr:colOff>0</xdr:colOff><xdr:row>{row}</xdr:row><xdr:rowOff>0</xdr:rowOff>"
        return f"<xdr:{tag}><xdr:col>{column}</xdr:col>{offsets}</xdr:{tag}>"

    drawing = (
        f'<xdr:wsDr xmlns:xdr="{main}/drawingml/2006/spreadsheetDrawing" xmlns:a="{main}/drawingml/2006/main" '
        f'xmlns:r="{office}"><xdr:twoCellAnchor>{corner("from", 2, 6)}{corner("to", 3, 8)}<xdr:pic><xdr:nvPicPr>'
        '<xdr:cNvPr id="2" name="p"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill><a:blip r:embed="rId1"/><a:stretch>'
        '<a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="9000" cy="9000"/>'
        '</a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></xdr:spPr></xdr:pic><xdr:clientData/>'
        "</xdr:twoCellAnchor></xdr:wsDr>"
    )
    types = (
        '<Default Extension="png" ContentType="image/png"/>'
        f'<Override PartName="/xl/drawings/drawing1.xml" ContentType="{kinds}"/></Types>'
    )
    shown = f'<drawing xmlns:r="{office}" r:id="rId1"/></worksheet>'
    return shop.rewritten(
        shop.filled(typed()),
        {
            "xl/worksheets/_rels/sheet1.xml.rels": related("drawing", "../drawings/drawing1.xml"),
            "xl/drawings/drawing1.xml": drawing.encode(),
            "xl/drawings/_rels/drawing1.xml.rels": related("image", "../media/image1.png"),
            "xl/media/image1.png": _PNG,
            "[Content_Types].xml": lambda xml: xml.replace(b"</Types>", types.encode()),
            "xl/worksheets/sheet1.xml": lambda xml: xml.replace(b"</worksheet>", shown.encode()),
        },
    )


@case("a row struck through", takes={6: {"title": "二"}}, backs=(("B5", f"“成果名称”等15格{_STRUCK}"),))
def _struck_row(shop: Workshop) -> Path:
    path = shop.filled(typed(), typed(成果名称="二"))
    with shop.opened(path) as book:
        for cell in book[SHEET][5]:
            if cell.value is not None:
                cell.font = Font(strike=True)
    return path


@case("a part of a cell struck through", backs=(("X5", f"“完成人2姓名”{_STRUCK}"),))
def _struck_part(shop: Workshop) -> Path:
    path = shop.filled(typed(完成人2姓名="x", 完成人2单位="示例公司"))
    with shop.opened(path) as book:
        cell = next(cell for cell in book[SHEET][5] if cell.value == "x")
        cell.value = CellRichText("示例乙", TextBlock(InlineFont(strike=True), "示例丙"))
    return path


@case(
    "rows marked void",
    takes={8: {"title": "作废零件回收装置"}},
    backs=(
        ("B5", f"“成果名称”写着“（作废）示例成果”，{_VOID}"),
        ("A6", f"“申报编号”写着“作废”，{_VOID}"),
        ("BL7", f"“备注”写着“此项不报”，{_VOID}"),
    ),
    notes=((None, "模板里没有这些列，内容没有采用：“备注”（BL列）。"),),
    unread=True,
)
def _void(shop: Workshop) -> Path:
    path = shop.filled(
        typed(成果名称="（作废）示例成果"), typed(申报编号="作废"), typed(), typed(成果名称="作废零件回收装置")
    )
    with shop.opened(path) as book:
        book[SHEET]["BL4"].value, book[SHEET]["BL7"].value = "备注", "此项不报"
    return path


add(
    "a row of totals with figures",
    lambda shop: shop.filled(typed(), {"成果名称": "合　计", "经济效益（万元）": 999, "完成人1贡献占比（%）": 300}),
    takes=_OK,
    notes=(("A6", "第6行像是表尾说明，没有作为申报读取。"),),
)


@case(
    "a row of totals whose word stands beside the running numbers",
    takes=_OK,
    notes=(("A6", "第6行像是表尾说明，没有作为申报读取。"),),
)
def _total_beside(shop: Workshop) -> Path:
    path = shop.filled(typed(), {"经济效益（万元）": 999})
    with shop.opened(path) as book:
        for line, value in ((4, "序号"), (5, 1), (6, "合计")):
            book[SHEET].cell(line, 64).value = value
    return path


@case(
    "a row of totals under verdicts",
    takes={5: {"number": "GC2026-500101-001"}},
    notes=(("A6", "第6行像是表尾说明，没有作为申报读取。"),),
    sheet="初评结果表",
)
def _verdict_totals(shop: Workshop) -> Path:
    path = shop.filled(judged("GC2026-500101-001"), kind=WorkbookKind.VERDICTS)
    with shop.opened(path) as book:
        sheet = book["初评结果表"]
        sheet.insert_rows(6)
        sheet["A6"].value = "合计"
        for column, value in zip("GHIJ", (250, 200, 200, 150), strict=True):
            sheet[f"{column}6"].value = value
    return path
