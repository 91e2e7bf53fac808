"""What attackers do: bombs, entities, traversal, links outward, injected formulas, lies about sizes."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import xlwt

from flows.workbooks.columns.mark import Mark, sign
from models.enums import WorkbookKind
from tests.flows.workbooks.corpus import add, case
from tests.support.workbooks import KEY, SHEET, Workshop, typed

_OK: dict[int, dict[str, Any]] = {5: {"title": "示例成果"}}
_DAMAGED = "压缩内容已损坏，无法打开，请重新保存（或重新压缩）后再报送。"
_BROKEN = "工作簿已损坏或格式不正常，无法读取，请用 Excel 或 WPS 另存为 .xlsx 再报送。"
_ENTITY = "工作簿内部含有外部实体定义，出于安全考虑不予接收，请另存为新的 .xlsx 再报送。"
_PATHS = "压缩包里的文件路径不正常，出于安全考虑不予接收，请用常规方式重新压缩。"
_TOO_BIG = "表格太大，最多20000行、200列，请删去多余的行、列和格式后再报送。"
_DIED = "文件过大或不正常，无法读取。最多20000行、200列，请用 Excel 或 WPS 另存为 .xlsx 再报送。"
_BOMB = "xl/worksheets/sheet1.xml"


def _refused(message: str) -> dict[str, Any]:
    return {"refused": ("", None, message)}


def _sheet(shop: Workshop, change: Callable[[bytes], bytes]) -> Path:
    return shop.rewritten(shop.filled(typed()), {_BOMB: change})


def _before_end(addition: str) -> Callable[[bytes], bytes]:
    return lambda xml: xml.replace(b"</sheetData>", addition.encode() + b"</sheetData>")


@case("a zip bomb", **_refused("文件解压后超过300MB，请减小后再报送。"))
def _bomb(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book, book.open("xl/media/a.bin", "w") as part:
        for _ in range(310):
            part.write(bytes(1 << 20))
    return path


@case("a zip bomb that lies about its size", **_refused(_DAMAGED))
def _lying_bomb(shop: Workshop) -> Path:
    """A sheet that unpacks to 64 MB and says that it has 1000 bytes."""
    path = shop.rewritten(shop.filled(typed()), {_BOMB: lambda xml: xml + bytes(64 << 20)})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    while content[at + 46 : at + 46 + len(_BOMB)] != _BOMB.encode():
        at = content.index(b"PK\x01\x02", at + 4)
    content[at + 24 : at + 28] = struct.pack("<I", 1000)
    return shop.file("lying.xlsx", bytes(content))


@case("a zip whose entries overlap", **_refused(_DAMAGED))
def _overlap(shop: Workshop) -> Path:
    """Every entry of the directory points at the same data, as in the best known bombs."""
    data = zlib.compress(bytes(1 << 20), 9)[2:-4]
    crc = zlib.crc32(bytes(1 << 20))
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(data), 1 << 20, 1, 0) + b"a"
    entry = struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 33, crc, len(data), 1 << 20, 3, 0, 0, 0, 0, 0, 0)
    directory = b"".join(b"PK\x01\x02" + entry + f"{n:03}".encode() for n in range(100))
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 100, 100, len(directory), len(local + data), 0)
    return shop.file("a.zip", local + data + directory + end)


add(
    "a zip with more files than allowed",
    lambda shop: shop.packed("a.zip", {f"{n}.txt": b"" for n in range(501)}),
    **_refused("压缩包里有501个文件，最多500个，请减少后再报送。"),
)
add(
    "a zip with a directory of thousands",
    lambda shop: shop.packed("a.zip", {f"{n:0200}": b"" for n in range(6000)}),
    **_refused("压缩包里的文件太多，最多500个，请减少后再报送。"),
)
add(
    "a file larger than allowed",
    lambda shop: shop.file("a.xlsx", b"PK\x03\x04" + bytes(51 << 20)),
    **_refused("文件有51.0MB，超过上限50MB，请减小附件或分开报送。"),
)


@case("two entries of the same name", **_refused("压缩包里有同名文件，请改名后重新压缩。"))
def _same_name(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with zipfile.ZipFile(path, "a") as book:
        book.writestr("XL/Worksheets/Sheet1.xml", b"<worksheet/>")
    return path


@case("a zip in the unusual large format", **_refused("压缩包采用了超大文件格式（ZIP64），请用常规方式压缩后再报送。"))
def _zip64(shop: Workshop) -> Path:
    content = bytearray(shop.filled(typed()).read_bytes())
    content[-12:-4] = b"\xff" * 8
    return shop.file("a.xlsx", bytes(content))


@case("a zip with an unusual compression", **_refused("压缩方式不常见，无法打开，请用常规的 zip 方式重新压缩。"))
def _lzma(shop: Workshop) -> Path:
    target = shop.folder / "a.xlsx"
    with zipfile.ZipFile(shop.filled(typed())) as book, zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as out:
        for name in book.namelist():
            out.writestr(name, book.read(name))
    return target


add(
    "junk before the zip",
    lambda shop: shop.file("a.xlsx", b"PK\x03\x04junk" + shop.filled(typed()).read_bytes()),
    takes=_OK,
)
add("junk after the zip", lambda shop: shop.file("a.xlsx", shop.filled(typed()).read_bytes() + b"junk" * 10), takes=_OK)

# Huge sheets.

add(
    "a cell far below",
    lambda shop: _sheet(shop, _before_end('<row r="1048576"><c r="A1048576"><v>1</v></c></row>')),
    **_refused(_TOO_BIG),
)
add(
    "a cell far to the right",
    lambda shop: _sheet(shop, _before_end('<row r="900"><c r="XFD900"><v>1</v></c></row>')),
    **_refused(_TOO_BIG),
)
add(
    "a cell in the last corner",
    lambda shop: _sheet(shop, _before_end('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')),
    **_refused(_TOO_BIG),
)
add(
    "cells without an address",
    lambda shop: _sheet(shop, _before_end('<row r="60">' + "<c><v>1</v></c>" * 300 + "</row>")),
    **_refused(_TOO_BIG),
)
add(
    "a far cell written in another way",
    lambda shop: _sheet(shop, _before_end("<row r='1048576'><c  r = 'XFD1048576'><v>1</v></c></row>")),
    **_refused(_DIED),
)
add(
    "formatted but empty cells far away",
    lambda shop: _sheet(shop, _before_end('<row r="1048576"><c r="XFD1048576" s="1"/></row>')),
    takes=_OK,
)
add(
    "a merged range over the whole sheet",
    lambda shop: _sheet(
        shop,
        lambda xml: xml.replace(
            b"</sheetData>", b'</sheetData><mergeCells count="1"><mergeCell ref="A9:XFD1048576"/></mergeCells>'
        ),
    ),
    takes=_OK,
)
add(
    "a link over the whole sheet",
    lambda shop: _sheet(
        shop,
        lambda xml: xml.replace(
            b"</sheetData>", b'</sheetData><hyperlinks><hyperlink ref="A9:XFD1048576" location="A1"/></hyperlinks>'
        ),
    ),
    takes=_OK,
)


@case("one long string in a million cells", **_refused(_DIED))
def _shared_bomb(shop: Workshop) -> Path:
    """2 KB of zip, 100 KB of text, 20 GB when every cell gets its own copy."""
    cells = "".join(
        f'<row r="{n}">'
        + "".join(
            f'<c r="{column}{n}" t="s"><v>0</v></c>' for column in ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")
        )
        + "</row>"
        for n in range(60, 19_000)
    )
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    shared = f'<sst xmlns="{space}"><si><t>{"长" * 40_000}</t></si></sst>'
    path = shop.filled(typed())
    with zipfile.ZipFile(path) as book:
        has_strings = "xl/sharedStrings.xml" in book.namelist()
    relation = (
        b'<Relationship Id="rIdBomb" Target="sharedStrings.xml" Type="http://schemas.openxmlformats.org/'
        b'officeDocument/2006/relationships/sharedStrings"/></Relationships>'
    )
    return shop.rewritten(
        path,
        {
            _BOMB: _before_end(cells),
            "xl/sharedStrings.xml": shared.encode(),
            "xl/_rels/workbook.xml.rels": (lambda xml: xml)
            if has_strings
            else (lambda xml: xml.replace(b"</Relationships>", relation)),
        },
    )


@case("seventy sheets", **_refused("工作表太多，请只保留下发模板里的工作表。"))
def _many_sheets(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        for n in range(70):
            book.create_sheet(f"n{n}")["A1"].value = 1
    return path


@case("an Excel 97 workbook as wide and long as it gets", **_refused(_TOO_BIG))
def _wide_old(shop: Workshop) -> Path:
    book = xlwt.Workbook()
    book.add_sheet("模板标识").write(0, 0, sign(Mark(2026, "500101", WorkbookKind.SUBMISSIONS, 1), KEY))
    sheet = book.add_sheet(SHEET)
    sheet.write(0, 0, 1)
    sheet.write(65535, 255, 1)
    book.save(str(shop.folder / "a.xls"))
    return shop.folder / "a.xls"


# XML.

_DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'


def _declared(xml: bytes) -> bytes:
    at = xml.index(b"?>") + 2 if xml.startswith(b"<?xml") else 0
    return xml[:at] + _DOCTYPE + xml[at:].replace("示例成果".encode(), b"&c;")


for _part in (_BOMB, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"):
    add(
        f"entities in {_part}",
        lambda shop, part=_part: shop.rewritten(shop.filled(typed()), {part: _declared}),
        **_refused(_ENTITY),
    )
add(
    "a sheet in UTF-16",
    lambda shop: _sheet(shop, lambda xml: xml.decode().encode("utf-16")),
    **_refused("工作簿内部的编码不正常，请用 Excel 或 WPS 打开后另存为 .xlsx 再报送。"),
)
add(
    "a sheet that is no XML",
    lambda shop: _sheet(shop, lambda xml: b"<worksheet><sheetData><row></x>"),
    **_refused(_BROKEN),
)
add(
    "a workbook without its sheets",
    lambda shop: shop.packed("a.xlsx", {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}),
    **_refused(_BROKEN),
)
add(
    "tags nested a hundred thousand deep",
    lambda shop: _sheet(shop, _before_end("<a>" * 100_000 + "</a>" * 100_000)),
    takes=_OK,
)

# Paths in packages.

for _title, _name in (
    ("a path that climbs out", "../../etc/cron.d/x"),
    ("a path that begins at the root", "/etc/cron.d/x"),
    ("a path with a drive letter", "C:/x.txt"),
    ("a path with backslashes", "..\\..\\x.txt"),
):
    add(
        _title,
        lambda shop, name=_name: shop.packed(
            "a.zip", {"申报汇总表.xlsx": shop.filled(typed()).read_bytes(), name: b"x"}
        ),
        **_refused(_PATHS),
    )


@case("a link in a zip", **_refused("压缩包里有链接（快捷方式），请换成文件本身后重新压缩。"))
def _zip_link(shop: Workshop) -> Path:
    path = shop.packed("a.zip", {"申报汇总表.xlsx": shop.filled(typed()).read_bytes()})
    with zipfile.ZipFile(path, "a") as package:
        link = zipfile.ZipInfo("证明.pdf")
        link.external_attr = 0o120777 << 16
        package.writestr(link, "/etc/passwd")
    return path


add(
    "a program among the attachments",
    lambda shop: shop.packed("a.zip", {"申报汇总表.xlsx": shop.filled(typed()).read_bytes(), "说明.pdf.exe": b"MZ"}),
    **_refused("“说明.pdf.exe”是程序文件，不予接收，请移走后重新报送。"),
)

# Links outward and formulas.


@case(
    "a link to another workbook",
    takes=_OK,
    notes=((None, "工作簿链接了其他文件，没有打开，只读取了格子里现有的内容。"),),
)
def _external(shop: Workshop) -> Path:
    relation = b'<Relationship Id="rId1" TargetMode="External" Target="\\\\evil\\x.xlsx"/>'
    return shop.rewritten(
        shop.filled(typed()),
        {
            "xl/externalLinks/externalLink1.xml": b"<externalLink/>",
            "xl/externalLinks/_rels/externalLink1.xml.rels": b"<Relationships>" + relation + b"</Relationships>",
        },
    )


@case("a formula that starts a program", takes={5: {"title": "示例成果", "benefit_social": "已算"}})
def _dde(shop: Workshop) -> Path:
    path = shop.filled(typed(社会效益="stands-here"))

    def change(xml: bytes) -> bytes:
        start = xml.index(b"stands-here")
        begin, end = xml.rindex(b"<c ", 0, start), xml.index(b"</c>", start)
        head = xml[begin : xml.index(b">", begin)].replace(b"inlineStr", b"str").replace(b't="s"', b't="str"')
        return xml[:begin] + head + b"><f>cmd|'/c calc'!A1</f><v>" + "已算".encode() + b"</v>" + xml[end:]

    return shop.rewritten(path, {_BOMB: change})


@case("a cell with a link to a site", takes=_OK)
def _hyperlink(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET]["B5"].hyperlink = "http://example.invalid/?steal=1"
    return path


_FORMULA = '=HYPERLINK("http://example.invalid","x")'


@case("texts that would be formulas", takes={5: {"title": _FORMULA, "innovation": "@SUM(1)"}})
def _injected(shop: Workshop) -> Path:
    return shop.filled(typed(成果名称=_FORMULA, 创新性="@SUM(1)"))


@case(
    "a wrong cell whose text would be a formula",
    backs=(("C5", "“类别”只能填：小发明、小技改、小设计（现在填的是“=cmd|'/c calc'!A1”）。"),),
)
def _injected_wrong(shop: Workshop) -> Path:
    return shop.filled(typed(类别="=cmd|'/c calc'!A1"))


@case(
    "a sheet name that would be a formula",
    takes=_OK,
    notes=(("A1", "工作表“=1+1”没有找到本表的列名，没有读取。要报的请移到“申报汇总表”页，不要的请删去该页。"),),
    unread=True,
)
def _sheet_name(shop: Workshop) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        book.create_sheet("=1+1").append(["x"])
    return path


@case("a conditional format and a rule that call out", takes=_OK)
def _rules(shop: Workshop) -> Path:
    from openpyxl.formatting.rule import FormulaRule
    from openpyxl.worksheet.datavalidation import DataValidation

    path = shop.filled(typed())
    with shop.opened(path) as book:
        book[SHEET].conditional_formatting.add("A1:B9", FormulaRule(formula=['WEBSERVICE("http://example.invalid")']))
        rule = DataValidation(type="list", formula1="[evil.xlsx]Sheet1!$A$1:$A$9")
        book[SHEET].add_data_validation(rule)
        rule.add("B5")
        book.defined_names["x"] = openpyxl.workbook.defined_name.DefinedName("x", attr_text="[1]evil!$A$1")
    return path
