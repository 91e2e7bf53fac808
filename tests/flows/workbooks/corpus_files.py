"""The kinds of files and packages that people send."""

import os
import struct
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import msoffcrypto
import openpyxl
import xlwt

from tests.flows.workbooks.corpus import add, case
from tests.support.workbooks import Workshop, typed

_OK: dict[int, dict[str, Any]] = {5: {"title": "示例成果"}}
_SAVE_AS = "请用 Excel 或 WPS 打开本单位的模板填写，另存为 .xlsx 再报送。"
_XLSX_AGAIN = "请用 Excel 或 WPS 另存为 .xlsx 再报送。"
_CSV = f"这是 CSV（纯文本表格），不能带模板标识。请把内容粘贴到下发的模板里。{_SAVE_AS}"
_DAMAGED = "压缩内容已损坏，无法打开，请重新保存（或重新压缩）后再报送。"
_BROKEN = f"工作簿已损坏或格式不正常，无法读取，{_XLSX_AGAIN}"


def _refused(message: str) -> dict[str, Any]:
    return {"refused": ("", None, message)}


def old_workbook(source: Path, target: Path) -> Path:
    """The same cells as an Excel 97 workbook."""
    book = xlwt.Workbook(encoding="utf-8")
    day = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    for sheet in openpyxl.load_workbook(source).worksheets:
        made = book.add_sheet(sheet.title)
        made.visibility = 0 if sheet.sheet_state == "visible" else 2
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value is not None:
                    style = day if cell.is_date else xlwt.Style.default_style
                    made.write(cell.row - 1, cell.column - 1, cell.value, style)
    book.save(str(target))
    return target


def binary_workbook(source: Path, target: Path, *fonts: int) -> Path:
    """The same cells as an Excel binary workbook ([MS-XLSB] 2.1), days as words; `fonts` by their flags (2.5.54)."""

    def record(kind: int, body: bytes = b"") -> bytes:
        assert len(body) < 1 << 14
        size = bytes([len(body) & 127 | 128, len(body) >> 7])
        return (bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])) + size + body

    def text(said: str) -> bytes:
        return struct.pack("<I", len(said)) + said.encode("utf-16-le")

    def cell(value: Any, column: int) -> bytes:
        place = struct.pack("<II", column, 0)
        if isinstance(value, int | float):
            return record(5, place + struct.pack("<d", value))
        return record(6, place + text(f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value)))

    sheets = openpyxl.load_workbook(source).worksheets
    listed = [struct.pack("<II", 0 if sheet.sheet_state == "visible" else 2, at) for at, sheet in enumerate(sheets, 1)]
    bundle = [
        record(156, head + text(f"r{at}") + text(sheet.title))
        for at, (head, sheet) in enumerate(zip(listed, sheets, strict=True), 1)
    ]
    links = "".join(
        f'<Relationship Id="r{at}" Type="t" Target="worksheets/sheet{at}.bin"/>' for at in range(1, len(sheets) + 1)
    )
    with zipfile.ZipFile(target, "w") as made:
        made.writestr("[Content_Types].xml", "<Types/>")
        made.writestr("xl/workbook.bin", record(131) + record(143) + b"".join(bundle) + record(144) + record(132))
        looks = b"".join(record(43, struct.pack("<HH", 220, flags) + bytes(17) + text("宋体")) for flags in fonts)
        formats = record(617, struct.pack("<I", 1)) + record(47, bytes(16)) + record(618)
        looks = record(611, struct.pack("<I", len(fonts))) + looks + record(612)
        made.writestr("xl/styles.bin", record(278) + looks + formats + record(279))
        made.writestr("xl/_rels/workbook.bin.rels", f"<Relationships>{links}</Relationships>")
        for at, sheet in enumerate(sheets, 1):
            rows = b"".join(
                record(0, struct.pack("<II", row[0].row - 1, 0) + bytes(9))
                + b"".join(cell(one.value, one.column - 1) for one in row if one.value is not None)
                for row in sheet.iter_rows()
            )
            size = struct.pack("<IIII", 0, sheet.max_row - 1, 0, sheet.max_column - 1)
            made.writestr(
                f"xl/worksheets/sheet{at}.bin",
                record(129) + record(148, size) + record(145) + rows + record(146) + record(130),
            )
    return target


add(
    "an Excel binary workbook",
    lambda shop: binary_workbook(shop.filled(typed()), shop.folder / "filled.xlsb", 0, 2),
    takes=_OK,
)
add(
    "an Excel binary workbook with something struck through, nobody sees where",
    lambda shop: binary_workbook(shop.filled(typed()), shop.folder / "filled.xlsb", 0, 2 | 8),
    **_refused(
        "表里有文字划了删除线，.xlsb 文件里看不出是哪些格。请用 Excel 或 WPS 另存为 .xlsx 再报送；"
        "不报的行请整行删除（已接收的在“撤回”列选“撤回”）。"
    ),
)
add(
    "a workbook with macros",
    lambda shop: shop.rewritten(
        shop.filled(typed(), name="filled.xlsm"), {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 macro"}
    ),
    takes=_OK,
    notes=((None, "工作簿里有宏，没有运行，也不会保留。"),),
)
add("an Excel 97 workbook", lambda shop: old_workbook(shop.filled(typed()), shop.folder / "filled.xls"), takes=_OK)
add(
    "an Excel 97 workbook saved by WPS as .et",
    lambda shop: old_workbook(shop.filled(typed()), shop.folder / "filled.et"),
    takes=_OK,
)
add(
    "an Excel 97 workbook named .xlsx",
    lambda shop: old_workbook(shop.filled(typed()), shop.folder / "filled2.xlsx"),
    takes=_OK,
)
add(
    "a workbook named .xls",
    lambda shop: shop.filled(typed(), name="filled.xls.xlsx").rename(shop.folder / "filled.xls"),
    takes=_OK,
)
add("a workbook without an extension", lambda shop: shop.filled(typed()).rename(shop.folder / "申报"), takes=_OK)


@case("a workbook with a password", **_refused(f"工作簿加了打开密码，无法读取。请去掉密码后{_XLSX_AGAIN}"))
def _password(shop: Workshop) -> Path:
    target = shop.folder / "locked.xlsx"
    with shop.filled(typed()).open("rb") as plain, target.open("wb") as out:
        msoffcrypto.OfficeFile(plain).encrypt("123456", out)
    return target


def _table(separator: str) -> str:
    return "\r\n".join(separator.join(line) for line in (typed(), [str(value) for value in typed().values()]))


add("a csv in UTF-8", lambda shop: shop.file("a.csv", _table(",").encode("utf-8-sig")), **_refused(_CSV))
add("a csv in GB18030", lambda shop: shop.file("a.csv", _table(",").encode("gb18030")), **_refused(_CSV))
add("a csv in UTF-16 named .xlsx", lambda shop: shop.file("a.xlsx", _table("\t").encode("utf-16")), **_refused(_CSV))
add("a csv named .xls", lambda shop: shop.file("a.xls", _table("\t").encode("gb18030")), **_refused(_CSV))
add(
    "a web page named .xls",
    lambda shop: shop.file("a.xls", b"<html><table><tr><td>1</td></tr></table></html>"),
    **_refused(f"这是网页，只是扩展名像表格。{_SAVE_AS}"),
)
add(
    "an XML spreadsheet of 2003",
    lambda shop: shop.file(
        "a.xls", b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>'
    ),
    **_refused(f"这是 XML 电子表格（2003），不能直接读取。{_SAVE_AS}"),
)
add(
    "a PDF named .xlsx",
    lambda shop: shop.file("a.xlsx", b"%PDF-1.7 ..."),
    **_refused(f"这是PDF 文件，不是填报表。{_SAVE_AS}"),
)
add(
    "a photograph named .xlsx",
    lambda shop: shop.file("a.xlsx", b"\xff\xd8\xff\xe0 JFIF"),
    **_refused(f"这是图片，不是填报表。{_SAVE_AS}"),
)
add(
    "a program named .xlsx",
    lambda shop: shop.file("a.xlsx", b"MZ\x90\x00" + bytes(200)),
    **_refused(f"这是可执行程序，不是填报表。{_SAVE_AS}"),
)
add(
    "an empty file",
    lambda shop: shop.file("a.xlsx", b""),
    **_refused("文件是空的（0字节），可能没有复制完整，请重新报送。"),
)
add("a file of zeros", lambda shop: shop.file("a.xlsx", bytes(5000)), **_refused(f"无法识别这个文件。{_SAVE_AS}"))
add(
    "a file of noise",
    lambda shop: shop.file("a.xlsx", bytes(range(256)) * 20),
    **_refused(f"无法识别这个文件。{_SAVE_AS}"),
)
add(
    "a workbook copied by half",
    lambda shop: shop.file("a.xlsx", (whole := shop.filled(typed()).read_bytes())[: len(whole) // 2]),
    **_refused(_DAMAGED),
)
add(
    "an Excel 97 workbook copied by half",
    lambda shop: shop.file("a.xls", old_workbook(shop.filled(typed()), shop.folder / "b.xls").read_bytes()[:6000]),
    **_refused(_BROKEN),
)
add(
    "a Word document",
    lambda shop: shop.packed("a.docx", {"[Content_Types].xml": b"<Types/>", "word/document.xml": b""}),
    **_refused(f"这是 Word 文档，不是填报表。{_SAVE_AS}"),
)
add(
    "a presentation named .xlsx",
    lambda shop: shop.packed("a.xlsx", {"[Content_Types].xml": b"<Types/>", "ppt/presentation.xml": b""}),
    **_refused(f"这是演示文稿，不是填报表。{_SAVE_AS}"),
)
add(
    "an OpenDocument text",
    lambda shop: shop.packed("a.odt", {"mimetype": b"application/vnd.oasis.opendocument.text"}),
    **_refused(f"这是 OpenDocument 文档，不是填报表。{_SAVE_AS}"),
)
add(
    "a RAR archive",
    lambda shop: shop.file("a.zip", b"Rar!\x1a\x07\x01\x00"),
    **_refused("这是 RAR 压缩包，请改用 .zip 格式压缩后再报送。"),
)
add(
    "a 7z archive",
    lambda shop: shop.file("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(30)),
    **_refused("这是 7z 压缩包，请改用 .zip 格式压缩后再报送。"),
)


# Packages.


def _parts(shop: Workshop, *files: str, named: str | None = None) -> dict[str, bytes]:
    row = typed(附件文件名="、".join(files) if named is None else named)
    parts = {"申报汇总表.xlsx": shop.filled(row).read_bytes()}
    return parts | {name: name.encode() for name in files}


_ATTACHED: dict[int, dict[str, Any]] = {5: {"attachments": ("证明.pdf", "照片 1.jpg")}}
add(
    "a zip with a workbook and its attachments",
    lambda shop: shop.packed("a.zip", _parts(shop, "证明.pdf", "照片 1.jpg")),
    takes=_ATTACHED,
)
add(
    "a zip whose files lie in a folder",
    lambda shop: shop.packed(
        "a.zip", {f"示例区/{name}": content for name, content in _parts(shop, "证明.pdf").items()}
    ),
    takes={5: {"attachments": ("示例区/证明.pdf",)}},
)
add(
    "attachments named in other letters",
    lambda shop: shop.packed("a.zip", _parts(shop, "证明A.PDF", named="证明Ａ.pdf")),
    takes={5: {"attachments": ("证明A.PDF",)}},
)
add(
    "an attachment missing from the zip",
    lambda shop: shop.packed("a.zip", _parts(shop, "证明.pdf", named="证明.pdf、合同.pdf")),
    backs=(("AT5", "“附件文件名”写了“合同.pdf”，但压缩包（文件夹）里没有，请核对文件名。"),),
    notes=(),
)
add(
    "an attachment under a name that is nearly that",
    lambda shop: shop.packed("a.zip", _parts(shop, "应用证明（盖章）.pdf", named="应用证明盖章.pdf")),
    backs=(
        (
            "AT5",
            "“附件文件名”写了“应用证明盖章.pdf”，但压缩包（文件夹）里没有，是不是“应用证明（盖章）.pdf”？请核对文件名。",
        ),
    ),
    notes=((None, "随表送来、但没有一行写到的附件：应用证明（盖章）.pdf。"),),
)
add(
    "an attachment that no row names",
    lambda shop: shop.packed("a.zip", _parts(shop, "证明.pdf", named="")),
    takes=_OK,
    notes=((None, "随表送来、但没有一行写到的附件：证明.pdf。"),),
)
add(
    "a zip without a workbook",
    lambda shop: shop.packed("a.zip", {"证明.pdf": b"1"}),
    **_refused("没有找到填报表（.xlsx）。请把填好的模板和附件放在一起报送。"),
)
add(
    "an empty zip",
    lambda shop: shop.packed("a.zip", {}),
    **_refused("没有找到填报表（.xlsx）。请把填好的模板和附件放在一起报送。"),
)
add(
    "a zip with two filled workbooks",
    lambda shop: shop.packed(
        "a.zip", {"一.xlsx": shop.filled(typed()).read_bytes(), "二.xlsx": shop.filled(typed()).read_bytes()}
    ),
    **_refused("一次只能报送一份填报表，这里有2份：一.xlsx、二.xlsx。请分开报送。"),
)


@case("a zip with a spreadsheet among the attachments", takes={5: {"attachments": ("测算.xlsx",)}})
def _spreadsheet_attached(shop: Workshop) -> Path:
    openpyxl.Workbook().save(shop.folder / "other.xlsx")
    parts = _parts(shop, named="测算.xlsx")
    return shop.packed("a.zip", {**parts, "测算.xlsx": (shop.folder / "other.xlsx").read_bytes()})


@case(
    "two spreadsheets in a zip, none from a template",
    **_refused("有2个表格文件，但没有一个带模板标识。请使用下发的模板填写。"),
)
def _two_strangers(shop: Workshop) -> Path:
    openpyxl.Workbook().save(shop.folder / "other.xlsx")
    content = (shop.folder / "other.xlsx").read_bytes()
    return shop.packed("a.zip", {"一.xlsx": content, "二.xlsx": content})


@case("a zip made on Chinese Windows", takes={5: {"attachments": ("证明.pdf",)}})
def _gbk_names(shop: Workshop) -> Path:
    target = shop.folder / "a.zip"
    with zipfile.ZipFile(target, "w") as out:
        for name, content in _parts(shop, "证明.pdf").items():
            out.writestr(zipfile.ZipInfo(name.encode("gb18030").decode("cp437")), content)
    return _without_utf8_flag(target)


def _without_utf8_flag(path: Path) -> Path:
    """Names as raw bytes: zipfile writes cp437 letters as UTF-8, so each name is put back by hand."""
    target = path.with_name("gbk.zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for info in source.infolist():
            raw = _RawName(info.filename)
            out.writestr(raw, source.read(info))
    return target


class _RawName(zipfile.ZipInfo):
    """An entry whose name is stored in cp437 without the UTF-8 flag."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("cp437"), self.flag_bits & ~0x800


@case("a zip made on a Mac, with its litter", takes={5: {"attachments": ("证明.pdf",)}})
def _mac_litter(shop: Workshop) -> Path:
    litter = {"__MACOSX/._申报汇总表.xlsx": b"x", ".DS_Store": b"x", "~$申报汇总表.xlsx": b"x", "Thumbs.db": b"x"}
    return shop.packed("a.zip", _parts(shop, "证明.pdf") | litter)


@case("a zip in a zip", **_refused("没有找到填报表（.xlsx）。请把填好的模板和附件放在一起报送。"))
def _nested(shop: Workshop) -> Path:
    inner = shop.packed("inner.zip", _parts(shop, "证明.pdf")).read_bytes()
    return shop.packed("a.zip", {"inner.zip": inner})


@case("a zip with a zip named .xlsx in it", **_refused("压缩包里又套了压缩包，请直接把填报表和附件压缩成一个 .zip。"))
def _nested_lying(shop: Workshop) -> Path:
    return shop.packed("a.zip", {"申报.xlsx": shop.packed("inner.zip", {"a.txt": b"1"}).read_bytes()})


@case("a zip with a password", **_refused("压缩包加了密码，请去掉密码后再报送。"))
def _locked_zip(shop: Workshop) -> Path:
    content = bytearray(shop.packed("a.zip", {"申报汇总表.xlsx": b"1" * 50}).read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return shop.file("a.zip", bytes(content))


def _folder(shop: Workshop, parts: dict[str, bytes]) -> Path:
    folder = shop.folder / "示例区申报"
    for name, content in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


add(
    "a folder with a workbook and its attachments",
    lambda shop: _folder(shop, _parts(shop, "证明.pdf", "照片 1.jpg")),
    takes=_ATTACHED,
)
add(
    "a folder with a folder in it",
    lambda shop: _folder(shop, {f"材料/{name}": content for name, content in _parts(shop, "证明.pdf").items()}),
    takes={5: {"attachments": ("材料/证明.pdf",)}},
)
add(
    "an empty folder",
    lambda shop: _folder(shop, {"x/.DS_Store": b""}),
    **_refused("没有找到填报表（.xlsx）。请把填好的模板和附件放在一起报送。"),
)


@case("a folder with a link out of it", **_refused("文件夹里的“密码.pdf”是链接，请换成文件本身。"))
def _folder_link(shop: Workshop) -> Path:
    folder = _folder(shop, _parts(shop))
    (folder / "密码.pdf").symlink_to("/etc/passwd")
    return folder


@case("a link to a workbook", **_refused("这是一个链接，不是文件，请放入文件本身。"))
def _link(shop: Workshop) -> Path:
    link = shop.folder / "link.xlsx"
    link.symlink_to(shop.filled(typed()))
    return link


@case("a pipe", **_refused("这不是普通文件，无法读取。"))
def _pipe(shop: Workshop) -> Path:
    os.mkfifo(shop.folder / "pipe.xlsx")
    return shop.folder / "pipe.xlsx"
