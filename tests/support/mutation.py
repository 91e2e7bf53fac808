"""Valid deliveries of each container, and small random damage to them: outside and inside their zips."""

import io
import re
import zipfile
from pathlib import Path
from random import Random

import openpyxl
import xlwt

from flows.workbooks.writer.receipt import write_receipt
from models.enums import WorkbookKind
from tests.support.workbooks import GIVEN, ISSUED_AT, Workshop, judged, read, season, typed

_INTERESTING = (
    b"",
    b"\x00",
    b"\xff\xff\xff\xff",
    b"A",
    b"<",
    b">",
    b"&",
    b'"',
    b"&#0;",
    b"&amp;",
    b"</c>",
    b"<c>",
    b"<row>",
    b'r="A1"',
    b'r="XFD1048576"',
    b'r="99999999999999999999"',
    b't="s"',
    b't="e"',
    b't="d"',
    b"<v>-1</v>",
    b"<v>99999999999</v>",
    b"<v>1e999</v>",
    b"<v>nan</v>",
    b"<f>A1</f>",
    b'ref="A1:XFD1048576"',
    b"<!DOCTYPE a>",
    b"<![CDATA[",
    b"-->",
    b"<?x?>",
    "４５".encode(),
    "示例".encode("gb18030"),
    b"\xed\xa0\x80",
    b"1904",
    b"PK\x05\x06",
)


def valid_deliveries(folder: Path) -> dict[str, bytes]:
    """A small valid delivery of each container, by file name."""
    shop = Workshop(folder)
    row = typed({"经济效益（万元）": "12.5万", "附件文件名": "证明.pdf", "完成日期": "2025.3"})
    filled = shop.filled(row, typed(类别="错"))
    withdrawal = {"申报编号": "2026-500101-0001", "撤回": "撤回"}
    reading = read(filled)
    write_receipt(
        filled,
        folder / "receipt.xlsx",
        reading=reading,
        problems=reading.all_problems,
        accepted={},
        written_at=ISSUED_AT,
        season=season(),
    )
    return {
        "issued.xlsx": shop.issued().read_bytes(),
        "verdicts.xlsx": _verdicts(shop).read_bytes(),
        "withdrawal.xlsx": shop.filled(withdrawal, name="withdrawal.xlsx").read_bytes(),
        "filled.xlsx": filled.read_bytes(),
        "receipt.xlsx": (folder / "receipt.xlsx").read_bytes(),
        "old.xls": _old(filled),
        "open.ods": _open_document(filled),
        "package.zip": shop.packed("a.zip", {"申报.xlsx": filled.read_bytes(), "证明.pdf": b"%PDF"}).read_bytes(),
        "table.csv": "成果名称,类别\r\n示例,小发明".encode("gb18030"),
    }


def mutated(content: bytes, random: Random) -> bytes:
    """The content damaged in one to five places; of a zip more often inside one of its parts."""
    if content[:4] == b"PK\x03\x04" and random.random() < 0.7:
        return _inside(content, random)
    return _damaged(content, random)


def _inside(content: bytes, random: Random) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as source:
            parts = [(info.filename, source.read(info)) for info in source.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError):
        return _damaged(content, random)
    chosen = random.randrange(len(parts))
    name, part = parts[chosen]
    parts[chosen] = name, mutated(part, random)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, part in parts:
            target.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _damaged(content: bytes, random: Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(random.randint(1, 5)):
        _damage_once(spoilt, random)
    return bytes(spoilt)


def _damage_once(spoilt: bytearray, random: Random) -> None:
    at = random.randrange(len(spoilt) + 1)
    span = random.choice((1, 2, 4, 16, 200))
    match random.randrange(7):
        case 0 if at < len(spoilt):
            spoilt[at] ^= 1 << random.randrange(8)
        case 1:
            del spoilt[at : at + span]
        case 2:
            spoilt[at:at] = random.choice(_INTERESTING) * random.choice((1, 1, 1, 50))
        case 3:
            spoilt[at : at + span] = random.randbytes(span)
        case 4:
            spoilt[at:at] = spoilt[at : at + span] * random.choice((1, 2, 100))
        case 5:
            del spoilt[at:]
        case _:
            numbers = [match.span() for match in re.finditer(rb"\d+", spoilt)]
            if numbers:
                start, end = random.choice(numbers)
                spoilt[start:end] = random.choice((b"0", b"-1", b"1", b"65536", b"4294967296", b"1e308", b"1048577"))


def _verdicts(shop: Workshop) -> Path:
    first, second, third = (str(given["number"]) for given in GIVEN)
    back = {"申报编号": second, "初评结论": "退回补正", "补正内容": "缺盖章页"}
    rows = (judged(first, 推荐排序=1), back, judged(third, 初评结论="不推荐"))
    return shop.filled(*rows, kind=WorkbookKind.VERDICTS, name="verdicts.xlsx")


def _old(filled: Path) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    for sheet in openpyxl.load_workbook(filled).worksheets:
        made = book.add_sheet(sheet.title)
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value is not None and not cell.is_date:
                    made.write(cell.row - 1, cell.column - 1, cell.value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _open_document(filled: Path) -> bytes:
    """The same texts as the least OpenDocument spreadsheet that readers accept."""
    tables = []
    for sheet in openpyxl.load_workbook(filled).worksheets:
        rows = "".join(f"<table:table-row>{''.join(map(_open_cell, row))}</table:table-row>" for row in sheet.values)
        tables.append(f'<table:table table:name="{sheet.title}">{rows}</table:table>')
    space = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f'xmlns:{name}="{space}:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet>{''.join(tables)}"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        target.writestr("content.xml", content)
        target.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return out.getvalue()


def _open_cell(value: object) -> str:
    if value is None:
        return "<table:table-cell/>"
    text = str(value).replace("&", "&amp;").replace("<", "&lt;")
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
