"""A look into an .xlsx before any library reads it: what it unpacks to, what it hides, what it lacks.

The scan goes over the raw XML, piece by piece, and never builds a tree of a sheet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from posixpath import normpath
from typing import NamedTuple
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from config.season_parts import FileLimits
from flows.workbooks.reader.archives import DAMAGED, MIB, Archive, Member
from flows.workbooks.reader.findings import FileRefused

SMALL_SHEETS = 4 * MIB  # unpacked XML up to which reading in this process is certainly cheap
SMALL_ROWS = 5000
SMALL_TEXT = 128 * MIB
COPIED_CELLS = 200_000  # cells, and cells spanned by ranges, up to which openpyxl may load the file
_PART = 4 * MIB
_MOST_FLAWS = 2000
_XML = (".xml", ".rels", ".vml")
_CELL = re.compile(rb'<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"')
_NO_VALUE = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"[^>]*><f[ >/](?:[^<]|<(?!/c>))*?(?:<v\s*/>|<v></v>|</f>|<f[^>]*/>)</c>'
)
_ERROR = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"[^>]*\bt="e"[^>]*>(?:[^<]|<(?!/c>|v>))*<v>(#[^<]{1,16})</v>')
_STRIKE = re.compile(rb"<strike(?:\s*/>|\s+val=\"(?:1|true)\")")
_FILLED = re.compile(rb'<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"((?:[^>]*[^>/])?)>(.*?)</c>', re.DOTALL)
_STYLE = re.compile(rb'\bs="([0-9]{1,6})"')
_SHARED = re.compile(rb'\bt="s"')
_CELL_PICTURE = re.compile(rb'<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"[^>]*><f[^>]*>[^<]*DISPIMG\(')
_ANCHOR = re.compile(
    rb"<(?:\w+:)?from>\s*<(?:\w+:)?col>([0-9]{1,5})<.*?<(?:\w+:)?row>([0-9]{1,7})<(.*?)</(?:\w+:)?(?:one|two)CellAnchor>",
    re.DOTALL,
)
_DRAWN = re.compile(rb"<(?:\w+:)?(?:pic|sp|graphicFrame)[ >]")
_HIDDEN_ROW = re.compile(rb'<row r="([0-9]{1,7})"[^>]*\bhidden="(?:1|true)"')
_USUAL = b'<c r="'
_CELLS = (b"<c ", b"<c>", b"<c/", b"<c\t", b"<c\r", b"<c\n")
_PREFIXED = re.compile(rb"<\w+:(?:c|row|si)[\s>/]|<si\s")
_MOST_COLUMNS = 702  # to ZZ
_DIMENSION = re.compile(rb"<dimension [^>]*>")
_REF = re.compile(rb"\bref\s*=\s*[\"']([^\"']*)[\"']")
_RANGE = re.compile(rb"\$?([A-Z]{1,3})\$?([0-9]{1,7})(?::\$?([A-Z]{1,3})\$?([0-9]{1,7}))?")
_BINARY_FONT, _STRUCK_FONT = 43, 8
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
STRUCK = "划了删除线，分不清是否作废：仍要报的请去掉删除线，不报的请整行删除（已接收的在“撤回”列选“撤回”）"
PASTED = "贴了图片或图形，没有读取。要报的请存成文件，与本表一起压缩报送，并写进“附件文件名”一列；文字请填进格子。"
STRUCK_SOMEWHERE = (
    "表里有文字划了删除线，.xlsb 文件里看不出是哪些格。请用 Excel 或 WPS 另存为 .xlsx 再报送；"
    "不报的行请整行删除（已接收的在“撤回”列选“撤回”）。"
)
PICTURE = "放的是图片，读不到内容，请改填文字；要报的图片请存成文件，作为附件报送"
NOT_CALCULATED = "是公式，但没有计算结果。请用 Excel 或 WPS 打开、保存后再报，或改成直接填写的内容"


@dataclass(slots=True)
class ScannedPart:
    """What the scan saw of one part: cells without a usable value, hidden rows, its extent in cells and bytes."""

    flaws: dict[tuple[int, int], str] = field(default_factory=dict)
    hidden_rows: list[int] = field(default_factory=list)
    cells: int = 0
    size: int = 0
    proven: bool = True
    rows: int = 0
    longest: int = 0
    spanned: int = 0
    pictures: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Inspection:
    """`cheap`: proven small enough to be read in this process. `sheets` by the name people see.

    `pictures`: there are some, whether or not it is known at which cells.
    """

    cheap: bool
    sheets: dict[str, ScannedPart]
    macros: bool
    links: bool
    copyable: bool
    pictures: bool = False


class _Struck(NamedTuple):
    """What is struck through: the styles of cells, and shared strings some part of which is."""

    styles: frozenset[int]
    strings: frozenset[int]


def inspect(archive: Archive, limits: FileLimits) -> Inspection:
    """Unpack every part once, within the limits. Raises FileRefused for what cannot be a harmless workbook."""
    struck = _Struck(_struck_styles(archive), _struck_strings(archive))
    parts = {member.name: _scan(archive, member, limits, struck) for member in archive.members}
    sheets = {title: parts[part] for title, part in _sheet_parts(archive) if part in parts}
    for part in {part for _, part in _sheet_parts(archive) if part in parts}:
        parts[part].pictures = tuple(_pictures(archive, part))
    cells = sum(part.cells for part in parts.values())
    cheap = (
        archive.tidy
        and looks_small(archive)
        and all(part.proven for part in parts.values())
        and max((part.rows for part in parts.values()), default=0) <= SMALL_ROWS
        and cells * max((part.longest for part in parts.values()), default=0) <= SMALL_TEXT
    )
    names = [member.name.lower() for member in archive.members]
    macros = any("vbaproject" in name or "macrosheets/" in name for name in names)
    links = any("externallinks/" in name for name in names)
    spanned = sum(part.spanned for part in parts.values())
    copyable = cheap and cells <= COPIED_CELLS and spanned <= COPIED_CELLS
    pictures = any("/media/" in name for name in names)
    return Inspection(cheap, sheets, macros, links, copyable, pictures)


def _struck_styles(archive: Archive) -> frozenset[int]:
    """The cell styles of a font that is struck through."""
    member = archive.by_name.get("xl/styles.xml")
    text = archive.read(member, _PART) if member and member.size <= _PART else b""
    if not _STRIKE.search(text):
        return frozenset()
    fonts = re.findall(rb"<font/>|<font>.*?</font>", _between(text, b"fonts"), re.DOTALL)
    struck = {index for index, font in enumerate(fonts) if _STRIKE.search(font)}
    used = [
        re.search(rb'\bfontId="([0-9]+)"', style) for style in re.findall(rb"<xf\b[^>]*>", _between(text, b"cellXfs"))
    ]
    return frozenset(index for index, font in enumerate(used) if font and int(font[1]) in struck)


def _struck_strings(archive: Archive) -> frozenset[int]:
    member = archive.by_name.get("xl/sharedStrings.xml")
    text = archive.read(member, SMALL_SHEETS) if member and member.size <= SMALL_SHEETS else b""
    if b"<strike" not in text:
        return frozenset()
    strings = re.split(rb"<si(?:>|/>)", text)[1:]
    return frozenset(index for index, string in enumerate(strings) if _STRIKE.search(string))


def require_nothing_struck(archive: Archive) -> None:
    """Of an .xlsb no library tells how it looks. Raises FileRefused where one of its fonts strikes through.

    [MS-XLSB] 2.1.4: records of kind and length, seven bits a byte; 2.4.149 and 2.5.54: what a font's record says.
    """
    member = archive.by_name.get("xl/styles.bin")
    data = archive.read(member, _PART) if member else b""
    at = 0
    while at < len(data):
        kind, at = _seven_bits(data, at, 2)
        size, at = _seven_bits(data, at, 4)
        if kind == _BINARY_FONT and data[at + 2 : at + 3] and data[at + 2] & _STRUCK_FONT:
            raise FileRefused(STRUCK_SOMEWHERE)
        at += size


def _seven_bits(data: bytes, at: int, most: int) -> tuple[int, int]:
    """A number from its bytes, the lowest first, of which all but the last have the eighth bit; and what comes after."""
    value = 0
    for index, byte in enumerate(data[at : at + most]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    return value, at + most


def _between(text: bytes, tag: bytes) -> bytes:
    found = re.search(rb"<%s[ >].*?</%s>" % (tag, tag), text, re.DOTALL)
    return found[0] if found else b""


def _pictures(archive: Archive, part: str) -> Iterator[tuple[int, int]]:
    """Where on a sheet pictures or shapes are anchored: (row as people count, column from 0)."""
    folder, _, name = part.rpartition("/")
    relations = archive.by_name.get(f"{folder}/_rels/{name}.rels")
    for target in re.findall(
        rb'Target="([^"]*drawing[^"/]*\.xml)"', archive.read(relations, _PART) if relations else b""
    ):
        path = target.decode("utf-8", "replace")
        drawing = archive.by_name.get(path[1:] if path[:1] == "/" else normpath(f"{folder}/{path}"))
        if drawing is not None and drawing.size <= _PART:
            for column, row, content in _ANCHOR.findall(archive.read(drawing, _PART)):
                if _DRAWN.search(content):
                    yield int(row) + 1, int(column)


def looks_small(archive: Archive) -> bool:
    """Whether the parts, by their claimed sizes, may be read in this process."""
    return sum(member.size for member in archive.members if _is_xml(member)) <= SMALL_SHEETS


def _is_xml(member: Member) -> bool:
    return member.name.lower().endswith(_XML)


def _pieces(archive: Archive, member: Member) -> Iterator[bytes]:
    """The content in pieces that do not part a cell or a shared string."""
    rest = b""
    for chunk in archive.chunks(member):
        rest += chunk
        if len(rest) < MIB:
            continue
        at = max(rest.rfind(b"<c r="), rest.rfind(b"<si>"))
        if at > 0:
            yield rest[:at]
            rest = rest[at:]
        elif len(rest) > _PART:
            yield rest
            rest = b""
    yield rest


def _check_plain(head: bytes) -> None:
    """Only plain UTF-8 can be scanned by bytes."""
    declared = re.search(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9_.-]+)", head[:200])
    if b"\x00" in head or (declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii")):
        raise FileRefused("工作簿内部的编码不正常，请用 Excel 或 WPS 打开后另存为 .xlsx 再报送。")


def _check_entities(piece: bytes) -> None:
    if b"<!" in piece and (b"<!DOCTYPE" in piece or b"<!ENTITY" in piece):
        raise FileRefused("工作簿内部含有外部实体定义，出于安全考虑不予接收，请另存为新的 .xlsx 再报送。")


def _scan(archive: Archive, member: Member, limits: FileLimits, struck: _Struck) -> ScannedPart:
    """Look through one part, whatever its name says; a sheet may stand anywhere."""
    scanned = ScannedPart(size=member.size)
    pieces = _pieces(archive, member)
    head = next(pieces)
    if not _is_xml(member):
        scanned.proven = head.lstrip()[:1] not in (b"<", b"\xef", b"\xff", b"\xfe")
        for _ in pieces:
            pass
        return scanned
    _check_plain(head)
    for piece in chain((head,), pieces):
        _check_entities(piece)
        _look_at(scanned, piece)
        if struck.styles or struck.strings or b"<strike" in piece:
            _find_struck(scanned, piece, struck)
    if scanned.cells > (limits.max_rows + 100) * limits.max_columns:
        raise FileRefused(f"表格太大，最多{limits.max_rows}行、{limits.max_columns}列，请删去多余内容后再报送。")
    return scanned


def _look_at(scanned: ScannedPart, piece: bytes) -> None:
    usual = piece.count(_USUAL)
    scanned.cells += usual
    if scanned.size <= SMALL_SHEETS:
        _measure(scanned, piece, usual)
        scanned.spanned += sum(_area(ref) for ref in _REF.findall(_DIMENSION.sub(b"", piece)))
    if b"<f" in piece or b't="e"' in piece:
        _find_flaws(scanned, piece)
    if b' hidden="' in piece and len(scanned.hidden_rows) < _MOST_FLAWS:
        scanned.hidden_rows += [int(row) for row in _HIDDEN_ROW.findall(piece)]


def _measure(scanned: ScannedPart, piece: bytes, usual: int) -> None:
    """How far the cells reach; where they do not stand in the usual form, that is unproven."""
    if sum(map(piece.count, _CELLS)) != usual or b"<![CDATA[" in piece or _PREFIXED.search(piece):
        scanned.proven = False
    refs = _CELL.findall(piece)
    if len(refs) != usual:
        scanned.proven = False
    if refs:
        scanned.rows = max(scanned.rows, max(int(row) for _, row in refs))
        scanned.proven = scanned.proven and max(_index(column) for column, _ in refs) < _MOST_COLUMNS
    if b"<si>" in piece:
        scanned.longest = max(scanned.longest, max(map(len, piece.split(b"</si>"))))


def _find_flaws(scanned: ScannedPart, piece: bytes) -> None:
    for column, row in _NO_VALUE.findall(piece):
        if len(scanned.flaws) < _MOST_FLAWS:
            scanned.flaws[int(row), _index(column)] = NOT_CALCULATED
    for column, row in _CELL_PICTURE.findall(piece):
        if len(scanned.flaws) < _MOST_FLAWS:
            scanned.flaws[int(row), _index(column)] = PICTURE
    for column, row, error in _ERROR.findall(piece):
        if len(scanned.flaws) < _MOST_FLAWS:
            text = error.decode("ascii", "replace")
            scanned.flaws[int(row), _index(column)] = f"的公式出错（{text}），请改正公式或直接填写内容"


def _find_struck(scanned: ScannedPart, piece: bytes, struck: _Struck) -> None:
    for column, row, attributes, content in _FILLED.findall(piece):
        style, value = _STYLE.search(attributes), re.search(rb"<v>([^<]+)|<t[ >]", content)
        whole = style is not None and int(style[1]) in struck.styles
        shared = value is not None and value[1] and _SHARED.search(attributes) and int(value[1]) in struck.strings
        if value and (whole or shared or _STRIKE.search(content)) and len(scanned.flaws) < _MOST_FLAWS:
            scanned.flaws[int(row), _index(column)] = STRUCK


def _area(ref: bytes) -> int:
    """Cells of a range; whole rows, columns and anything odd count as everything."""
    match = _RANGE.fullmatch(ref)
    if match is None:
        return COPIED_CELLS + 1
    if match[3] is None:
        return 1
    wide, high = abs(_index(match[3]) - _index(match[1])) + 1, abs(int(match[4]) - int(match[2])) + 1
    return wide * high


def _index(column: bytes) -> int:
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number - 1


def _sheet_parts(archive: Archive) -> Iterator[tuple[str, str]]:
    """(name people see, part) of each sheet, as far as the workbook says so in the usual way."""
    workbook, relations = (archive.by_name.get(name) for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"))
    if workbook is None or relations is None:
        return
    try:
        targets = {link.get("Id"): link.get("Target", "") for link in fromstring(archive.read(relations, _PART)).iter()}
        for element in fromstring(archive.read(workbook, _PART)).iter():
            if element.tag.endswith("}sheet"):
                target = targets.get(element.get(_RELATION, element.get("id")), "")
                yield (
                    element.get("name", ""),
                    normpath("xl/" + target).lstrip("/") if target[:1] != "/" else target[1:],
                )
    except (ParseError, DefusedXmlException, ValueError, LookupError) as problem:
        raise FileRefused(DAMAGED) from problem
