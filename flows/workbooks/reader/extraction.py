"""A program of its own: opens one file in a process that may die, and writes what it holds to stdout.

    python -I extraction.py FILE FORMAT MAX_ROWS MAX_COLUMNS MAX_BYTES OWN_SHEETS...
    python -I extraction.py FILE picture MAX_PIXELS LARGE MAX_BYTES SMALL

Of a workbook it tells the cells; a picture it makes anew, as WebP whose longer side has LARGE and SMALL pixels and as
JPEG, turned upright, in sRGB, and without anything else that the file said of itself.

Broken or hostile files can make the native reader run out of memory or panic. Here that ends a
small process with hard limits and nothing else. Only the standard library and calamine are
loaded (olefile and msoffcrypto for old formats, Pillow for pictures), so that the process starts in some 30 ms.
Each frame is 4 bytes of length and a JSON list, since whoever takes this process over must not be able to do more
than tell wrong cells; dates travel as lists ["d", …].
"""

import json
import resource
import struct
import sys
import warnings
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO
from xml.etree import ElementTree

MEMORY_BYTES = 1536 << 20
PROCESSOR_SECONDS = 30
OPEN_FILES = 64
ROWS_PER_FRAME = 256
MOST_SHEETS = 64
HEAD_ROWS = 300
_MOST_STRUCK = 2000
# Records of BIFF8, and what an OBJ record calls a picture; a cell's record begins with row, column and format.
_BOF, _FONT, _XF, _BOUNDSHEET, _OBJ, _MULRK = 0x809, 0x31, 0xE0, 0x85, 0x5D, 0xBD
_SST, _CONTINUE, _LABEL_SST = 0xFC, 0x3C, 0xFD
_CELL_RECORDS = frozenset({0x203, 0x27E, 0xFD, 0x204, 0xD6, 0x06, 0x205})
_PICTURES, _STRUCK_OUT = frozenset({8, 30}), 0x08
_OPEN = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _STYLE, _TEXT = (f"{{{_OPEN}{name}:1.0}}" for name in ("table", "style", "text"))
_PLAIN = frozenset({str, float, bool, int})
PICTURE = "picture"
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")


class NotReadable(Exception):
    """Why the file cannot be read, as one of a few codes."""


def encode(value: object) -> object:
    """A cell that JSON can carry."""
    if isinstance(value, datetime):
        return "t", value.year, value.month, value.day, value.hour, value.minute, value.second
    if isinstance(value, date):
        return "d", value.year, value.month, value.day
    if isinstance(value, time):
        return "c", value.hour, value.minute, value.second
    return ("s", value.total_seconds()) if isinstance(value, timedelta) else str(value)


def decode(value: list[Any]) -> object:
    """What `encode` was given."""
    made = {"t": datetime, "d": date, "c": time}.get(value[0])
    return made(*value[1:]) if made else timedelta(seconds=value[1])


def order(names: Sequence[tuple[str, bool]], own: frozenset[str]) -> list[tuple[str, bool]]:
    """Sheets that may bear the mark first, so that what follows can be understood as it comes."""
    return sorted(names, key=lambda sheet: sheet[1] and sheet[0] not in own)


def sheets_of(book: Any) -> list[tuple[str, bool]]:
    """Name and visibility of each worksheet of a calamine workbook."""
    return [
        (meta.name, str(meta.visible).endswith(".Visible"))
        for meta in book.sheets_metadata
        if str(meta.typ).endswith((".WorkSheet", ".MacroSheet"))
    ]


def check_old_format(path: str) -> None:
    """Look into an OLE file: only an unencrypted BIFF workbook passes."""
    import msoffcrypto
    import olefile  # type: ignore[import-untyped]

    with olefile.OleFileIO(path) as ole:
        names = {"/".join(parts).lower() for parts in ole.listdir()}
    if "encryptedpackage" in names:
        raise NotReadable("password")
    if "worddocument" in names or "powerpoint document" in names:
        raise NotReadable("other")
    if not names & {"workbook", "book"}:
        raise NotReadable("other")
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is not worth its import here
        try:
            encrypted = msoffcrypto.OfficeFile(file).is_encrypted()
        except Exception:  # an old or odd workbook that calamine may still read
            encrypted = False
    if encrypted:
        raise NotReadable("password")


def picture_frames(path: str, most_pixels: int, large: int, small: int) -> Iterator[tuple[Any, ...]]:
    """One picture as ("picture", width, height, large WebP, small WebP, JPEG), each file in Base64."""
    from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
    from pillow_heif import register_heif_opener

    warnings.simplefilter("error")
    Image.MAX_IMAGE_PIXELS = most_pixels
    register_heif_opener(thumbnails=False)
    try:
        found = Image.open(path, formats=PICTURE_FORMATS)
    except UnidentifiedImageError:
        raise NotReadable("format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotReadable("pixels") from None
    if found.width * found.height > most_pixels:
        raise NotReadable("pixels")
    found.draft("RGB", (2 * large, 2 * large))
    profile = found.info.get("icc_profile")
    picture: Image.Image = ImageOps.exif_transpose(found)
    if profile and picture.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError):  # a profile that does not fit: its colours are near enough
            own, common = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
            picture = ImageCms.profileToProfile(picture, own, common, outputMode="RGB") or picture
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("RGB")
    picture.thumbnail((large, large), Image.Resampling.LANCZOS)
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)  # the pixels alone: a saved picture would take along what the file said of itself
    less = clean.copy()
    less.thumbnail((small, small), Image.Resampling.LANCZOS)
    files = []
    for image, form, options in (
        (clean, "WEBP", {"quality": 80, "method": 4}),
        (less, "WEBP", {"quality": 78, "method": 4}),
        (clean, "JPEG", {"quality": 84, "optimize": True, "progressive": True}),
    ):
        out = BytesIO()
        image.save(out, form, **options)
        files.append(b64encode(out.getvalue()).decode("ascii"))
    yield PICTURE, clean.width, clean.height, *files


def frames(arguments: list[str]) -> Iterator[tuple[Any, ...]]:
    """Everything that is to be told about one file."""
    if arguments[1] == PICTURE:
        yield from picture_frames(arguments[0], *(int(arguments[place]) for place in (2, 3, 5)))
        return
    import python_calamine

    path, form, rows, columns = arguments[0], arguments[1], *map(int, arguments[2:4])
    own = frozenset(arguments[5:])
    if form == "xls":
        check_old_format(path)
    with open(path, "rb") as file:  # noqa: PTH123 - by content: a path's extension may lie
        book = python_calamine.CalamineWorkbook.from_filelike(file)
    struck, drawn = looks(path, form)
    sheets = sheets_of(book)
    if len(sheets) > MOST_SHEETS:
        raise NotReadable("sheets")
    for name, visible in order(sheets, own):
        sheet = book.get_sheet_by_name(name)
        small = name in own or not visible
        if not small and (sheet.total_width > columns):
            raise NotReadable("columns")
        if not small and sheet.height > rows:
            raise NotReadable("rows")
        yield "sheet", name, visible, start_of(sheet), merged(sheet), struck.get(name, ())[:_MOST_STRUCK], name in drawn
        yield from row_frames(sheet.iter_rows() if sheet.start else (), HEAD_ROWS if small else rows)


def looks(path: str, form: str) -> tuple[dict[str, list[tuple[int, int]]], set[str]]:
    """What a format tells by looks alone: cells with text struck through, (row as people count, column from 0) by sheet,
    and sheets that bear pictures, where the inspection of the file's parts cannot see them. An .xlsx is inspected.
    """
    try:
        return _looks_of_xls(path) if form == "xls" else (_struck_in_ods(path), set()) if form == "ods" else ({}, set())
    except (
        ValueError,
        LookupError,
        TypeError,
        struct.error,
        ElementTree.ParseError,
    ):  # an odd file whose cells calamine reads all the same
        return {}, set()


def _looks_of_xls(path: str) -> tuple[dict[str, list[tuple[int, int]]], set[str]]:
    """By the records of BIFF8 ([MS-XLS] 2.3): fonts, the formats and parts of texts that use them, the cells that bear those."""
    import olefile

    with olefile.OleFileIO(path) as ole:
        name = next(name for name in ("Workbook", "Book") if ole.exists(name))
        data = ole.openstream(name).read()
    fonts: list[bool] = []
    formats: list[int] = []
    sheets: dict[int, str] = {}
    struck: dict[str, list[tuple[int, int]]] = {}
    drawn: set[str] = set()
    texts: list[bytes] = []
    in_part: frozenset[int] | None = None
    place, sheet = 0, ""

    def is_struck(font: int) -> bool:
        return fonts[font - (font > 4)]  # there is no font 4

    while place + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, place)
        body = data[place + 4 : place + 4 + size]
        if kind == _BOF:
            sheet = sheets.get(place, sheet)
        elif kind == _FONT:
            fonts.append(bool(body[2] & _STRUCK_OUT))
        elif kind == _XF:
            formats.append(struct.unpack_from("<H", body)[0])
        elif kind == _BOUNDSHEET:
            coded = body[8 : 8 + body[6] * (1 + (body[7] & 1))]
            sheets[struct.unpack_from("<I", body)[0]] = coded.decode("utf-16-le" if body[7] & 1 else "latin-1")
        elif kind == _SST or (kind == _CONTINUE and texts and in_part is None):
            texts.append(body)
        elif kind == _OBJ and size >= 6 and struct.unpack_from("<H", body, 4)[0] in _PICTURES:
            drawn.add(sheet)
        elif kind in _CELL_RECORDS or kind == _MULRK:
            row, column = struct.unpack_from("<HH", body)
            step = 6 if kind == _MULRK else size
            for index, at in enumerate(range(4, size - (2 if kind == _MULRK else 0), step)):
                if in_part is None:
                    in_part = _struck_texts(texts, is_struck)
                whole = is_struck(formats[struct.unpack_from("<H", body, at)[0]])
                if whole or (kind == _LABEL_SST and struct.unpack_from("<I", body, 6)[0] in in_part):
                    struck.setdefault(sheet, []).append((row + 1, column + index))
        place += 4 + size
    return struck, drawn


def _struck_texts(blocks: list[bytes], is_struck: Callable[[int], bool]) -> frozenset[int]:
    """The shared texts of which some part is struck through, by place, as far as they can be understood."""
    found = set()
    with suppress(struct.error, IndexError):
        texts = _Texts(blocks)
        for place in range(texts.count):
            if any(map(is_struck, texts.fonts_of_next())):
                found.add(place)
    return frozenset(found)


class _Texts:
    """The shared texts of an .xls one after the other ([MS-XLS] 2.4.265 and 2.5.293), a record and those that continue it."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.blocks, self.block, self.at = blocks, 0, 0
        self.count = struct.unpack("<II", self._take(8))[1] if blocks else 0

    def fonts_of_next(self) -> list[int]:
        """The fonts in which parts of the next text are set."""
        length, looks = struct.unpack("<HB", self._take(3))
        parts = struct.unpack("<H", self._take(2))[0] if looks & 8 else 0
        beyond = struct.unpack("<I", self._take(4))[0] if looks & 4 else 0
        self._pass_letters(length, looks & 1)
        runs = self._take(4 * parts)
        self._take(beyond)
        return [font for _, font in struct.iter_unpack("<HH", runs)]

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            if self.at == len(self.blocks[self.block]):
                self.block, self.at = self.block + 1, 0
            more = self.blocks[self.block][self.at : self.at + size - len(taken)]
            taken, self.at = taken + more, self.at + len(more)
        return taken

    def _pass_letters(self, letters: int, wide: int) -> None:
        """Where letters go on in the next record, it says first how wide they are there."""
        while letters:
            if self.at == len(self.blocks[self.block]):
                wide = self._take(1)[0] & 1
            here = min(letters, (len(self.blocks[self.block]) - self.at) >> wide)
            if not here:
                raise IndexError
            self.at, letters = self.at + (here << wide), letters - here


def _struck_in_ods(path: str) -> dict[str, list[tuple[int, int]]]:
    """By the styles of cells and of parts of their text (OpenDocument 1.3, part 3)."""
    styles: set[str | None] = set()
    struck: dict[str, list[tuple[int, int]]] = {}
    sheet, row = "", 0
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as file:
        for event, element in ElementTree.iterparse(file, ("start", "end")):
            if event == "start":
                if element.tag == f"{_TABLE}table":
                    sheet, row = element.get(f"{_TABLE}name", ""), 0
            elif element.tag == f"{_STYLE}style":
                looks = element.find(f"{_STYLE}text-properties")
                lines = (f"{_STYLE}text-line-through-{what}" for what in ("style", "type"))
                said = {looks.get(line) for line in lines} - {None} if looks is not None else set()
                if said and "none" not in said:
                    styles.add(element.get(f"{_STYLE}name"))
            elif element.tag == f"{_TABLE}table-row":
                column = 0
                for cell in element:
                    times = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
                    parts = (
                        cell.get(f"{_TABLE}style-name"),
                        *(span.get(f"{_TEXT}style-name") for span in cell.iter(f"{_TEXT}span")),
                    )
                    if cell.find(f"{_TEXT}p") is not None and not styles.isdisjoint(parts):
                        struck.setdefault(sheet, []).extend(
                            (row + 1, column + more) for more in range(min(times, _MOST_STRUCK))
                        )
                    column += times
                row += int(element.get(f"{_TABLE}number-rows-repeated", "1"))
                element.clear()
    return struck


def start_of(sheet: Any) -> tuple[int, int]:
    """Where `iter_rows` begins: calamine gives the empty rows above the first cell, not the columns left of it."""
    return 0, sheet.start[1] if sheet.start else 0


def merged(sheet: Any) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The first merged ranges; beyond some thousands they mean nothing."""
    return list(sheet.merged_cell_ranges or ())[:5000]


def row_frames(rows: Iterable[list[Any]], most_rows: int) -> Iterator[tuple[Any, ...]]:
    """Rows in handy batches, each with the columns in which some cell is encoded."""
    source = islice(rows, most_rows)
    while batch := list(islice(source, ROWS_PER_FRAME)):
        encoded = [
            index for index, column in enumerate(zip(*batch, strict=True)) if not _PLAIN.issuperset(map(type, column))
        ]
        for row in batch if encoded else ():
            for index in encoded:
                if type(row[index]) not in _PLAIN:
                    row[index] = encode(row[index])
        yield "rows", batch, encoded


def send(frame: tuple[Any, ...], out: BinaryIO) -> int:
    """Write one frame; returns its bytes."""
    packed = json.dumps(frame, separators=(",", ":")).encode()
    out.write(struct.pack("<I", len(packed)))
    out.write(packed)
    return len(packed)


def main() -> None:
    """Limit this process, then tell what the file holds."""
    limits = (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for what, most in limits:
        with suppress(ValueError, OSError):  # not every system can limit the address space
            resource.setrlimit(what, (most, most))
    out = sys.stdout.buffer
    try:
        left = int(sys.argv[5])
        for frame in frames(sys.argv[1:]):
            left -= send(frame, out)
            if left < 0:
                raise NotReadable("bytes")
        send(("end",), out)
    except NotReadable as reason:
        send(("unreadable", str(reason)), out)
    except BaseException as problem:  # a panic of the native reader is no Exception
        send(("unreadable", "password" if type(problem).__name__ == "PasswordError" else "broken"), out)


if __name__ == "__main__":
    main()
