"""A look into an .xlsx before any library reads it: what it unpacks to, what it hides, what it lacks.

The scan goes over the raw XML, piece by piece, and never builds a tree of a sheet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from posixpath import normpath
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from config.season_parts import FileLimits
from flows.workbooks.archives import DAMAGED, MIB, Archive, Member
from flows.workbooks.findings import Refusal

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
_HIDDEN_ROW = re.compile(rb'<row r="([0-9]{1,7})"[^>]*\bhidden="(?:1|true)"')
_USUAL = b'<c r="'
_CELLS = (b"<c ", b"<c>", b"<c/", b"<c\t", b"<c\r", b"<c\n")
_PREFIXED = re.compile(rb"<\w+:(?:c|row|si)[\s>/]|<si\s")
_MOST_COLUMNS = 702  # to ZZ
_DIMENSION = re.compile(rb"<dimension [^>]*>")
_REF = re.compile(rb"\bref\s*=\s*[\"']([^\"']*)[\"']")
_RANGE = re.compile(rb"\$?([A-Z]{1,3})\$?([0-9]{1,7})(?::\$?([A-Z]{1,3})\$?([0-9]{1,7}))?")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
NOT_CALCULATED = "是公式，但没有计算结果。请用 Excel 或 WPS 打开、保存后再报，或改成直接填写的内容"


@dataclass(slots=True)
class Sheet:
    """What the scan saw of one part: cells without a usable value, hidden rows, its extent in cells and bytes."""

    flaws: dict[tuple[int, int], str] = field(default_factory=dict)
    hidden_rows: list[int] = field(default_factory=list)
    cells: int = 0
    size: int = 0
    proven: bool = True
    rows: int = 0
    longest: int = 0
    spanned: int = 0


@dataclass(slots=True)
class Inspection:
    """`cheap`: proven small enough to be read in this process. `sheets` by the name people see."""

    cheap: bool
    sheets: dict[str, Sheet]
    macros: bool
    links: bool
    copyable: bool


def inspect(archive: Archive, limits: FileLimits) -> Inspection:
    """Unpack every part once, within the limits. Raises Refusal for what cannot be a harmless workbook."""
    parts = {member.name: _scan(archive, member, limits) for member in archive.members}
    sheets = {title: parts[part] for title, part in _sheet_parts(archive) if part in parts}
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
    return Inspection(cheap, sheets, macros, links, copyable)


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
        raise Refusal("工作簿内部的编码不正常，请用 Excel 或 WPS 打开后另存为 .xlsx 再报送。")


def _check_entities(piece: bytes) -> None:
    if b"<!" in piece and (b"<!DOCTYPE" in piece or b"<!ENTITY" in piece):
        raise Refusal("工作簿内部含有外部实体定义，出于安全考虑不予接收，请另存为新的 .xlsx 再报送。")


def _scan(archive: Archive, member: Member, limits: FileLimits) -> Sheet:
    """Look through one part, whatever its name says; a sheet may stand anywhere."""
    sheet = Sheet(size=member.size)
    pieces = _pieces(archive, member)
    head = next(pieces)
    if not _is_xml(member):
        sheet.proven = head.lstrip()[:1] not in (b"<", b"\xef", b"\xff", b"\xfe")
        for _ in pieces:
            pass
        return sheet
    _check_plain(head)
    for piece in chain((head,), pieces):
        _check_entities(piece)
        _look_at(sheet, piece)
    if sheet.cells > (limits.max_rows + 100) * limits.max_columns:
        raise Refusal(f"表格太大，最多{limits.max_rows}行、{limits.max_columns}列，请删去多余内容后再报送。")
    return sheet


def _look_at(sheet: Sheet, piece: bytes) -> None:
    usual = piece.count(_USUAL)
    sheet.cells += usual
    if sheet.size <= SMALL_SHEETS:
        _measure(sheet, piece, usual)
        sheet.spanned += sum(_area(ref) for ref in _REF.findall(_DIMENSION.sub(b"", piece)))
    if b"<f" in piece or b't="e"' in piece:
        _find_flaws(sheet, piece)
    if b' hidden="' in piece and len(sheet.hidden_rows) < _MOST_FLAWS:
        sheet.hidden_rows += [int(row) for row in _HIDDEN_ROW.findall(piece)]


def _measure(sheet: Sheet, piece: bytes, usual: int) -> None:
    """How far the cells reach; where they do not stand in the usual form, that is unproven."""
    if sum(map(piece.count, _CELLS)) != usual or b"<![CDATA[" in piece or _PREFIXED.search(piece):
        sheet.proven = False
    refs = _CELL.findall(piece)
    if len(refs) != usual:
        sheet.proven = False
    if refs:
        sheet.rows = max(sheet.rows, max(int(row) for _, row in refs))
        sheet.proven = sheet.proven and max(_index(column) for column, _ in refs) < _MOST_COLUMNS
    if b"<si>" in piece:
        sheet.longest = max(sheet.longest, max(map(len, piece.split(b"</si>"))))


def _find_flaws(sheet: Sheet, piece: bytes) -> None:
    for column, row in _NO_VALUE.findall(piece):
        if len(sheet.flaws) < _MOST_FLAWS:
            sheet.flaws[int(row), _index(column)] = NOT_CALCULATED
    for column, row, error in _ERROR.findall(piece):
        if len(sheet.flaws) < _MOST_FLAWS:
            text = error.decode("ascii", "replace")
            sheet.flaws[int(row), _index(column)] = f"的公式出错（{text}），请改正公式或直接填写内容"


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
        targets = {one.get("Id"): one.get("Target", "") for one in fromstring(archive.read(relations, _PART)).iter()}
        for one in fromstring(archive.read(workbook, _PART)).iter():
            if one.tag.endswith("}sheet"):
                target = targets.get(one.get(_RELATION, one.get("id")), "")
                yield (
                    one.get("name", ""),
                    normpath("xl/" + target).lstrip("/") if target[:1] != "/" else target[1:],
                )
    except (ParseError, DefusedXmlException, ValueError, LookupError) as problem:
        raise Refusal(DAMAGED) from problem
