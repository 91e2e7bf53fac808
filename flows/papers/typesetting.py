"""Sets papers as PDF: Typst makes what the designer's file says, archivable (PDF/A-2a) and readable aloud (PDF/UA-1).

A design lies in `templates/` here, or under its name in the home's `templates/papers/`. The same values are the same
bytes whenever they are set. A sign that no font has stops that one paper and is named. No seal and no signature is ever
drawn: only who holds a seal may stamp.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import pikepdf
import typst
import zxingcpp

from config import overrides
from config.errors import GangchuangError
from config.local_time import local_day

TEMPLATES = Path(__file__).parent / "templates"
_STANDARDS: Any = ["a-2a", "ua-1"]
_NO_GLYPH = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
# Typst drops what ten documents in a row had no use for; so many pages may be kept, a few hundred megabytes.
_DOCUMENTS_KEPT, _KEPT_PAGES = 10, 40
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")


class PaperNotSet(GangchuangError):
    """One paper, or the design of all of its kind, cannot be set. `signs` are those that no font has."""

    def __init__(self, whose: str, reason: str, signs: str = "") -> None:
        self.signs = signs
        self.chinese = f"{whose}无法生成：{reason}"
        super().__init__(f"{whose}: {reason}")


class Typesetter:
    """Sets papers by one design with one set of fonts."""

    def __init__(self, design: str) -> None:
        self.path = overrides.winning(TEMPLATES / design, overrides.PAPERS, design)
        folders = [str(files("pylopdf_fonts_zh_cn")), str(overrides.in_home(overrides.PAPERS))]
        self._fonts = [folder for folder in folders if Path(folder).is_dir()]
        self._pages = 0

    @cached_property
    def _compiler(self) -> typst.Compiler:
        # Only these fonts: what the machine happens to have would make other bytes elsewhere.
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[*self._fonts])
        return typst.Compiler(str(self.path), root=str(self.path.parent), font_paths=fonts)

    @cached_property
    def mark(self) -> str:
        """Changes whenever anything does that all papers of the design are made with."""
        made_with = [version(name) for name in ("typst", "zxing-cpp", "pikepdf", "pylopdf-fonts-zh-cn")]
        own = [self.path, *overrides.own_files(overrides.PAPERS)]
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in own]
        return hashlib.sha256(json.dumps([made_with, digests]).encode()).hexdigest()

    def compiled(self, given: Mapping[str, Any], dated: datetime, whose: str, *, pages: int = 1) -> bytes:
        """A PDF of what the design makes of `given`, of about so many pages. Raises PaperNotSet."""
        self._pages += pages
        if self._pages > _KEPT_PAGES:
            self._forget()
        try:
            made = self._compiler.compile(
                sys_inputs={"given": json.dumps(given, ensure_ascii=False)},
                format="pdf",
                pdf_standards=_STANDARDS,
                timestamp=int(dated.timestamp()),
            )
        except typst.TypstError as problem:
            signs = "".join(dict.fromkeys(_signs(problem)))
            if not signs:
                reason = f"the design {self.path} cannot be set (版式有误): {problem.diagnostic or problem.message}"
                raise PaperNotSet(whose, reason) from problem
            named = "、".join(f"“{sign}”（U+{ord(sign):04X}）" for sign in signs)
            reason = f"no font has {named} (缺字). Put a font that has it into the home's {overrides.PAPERS}/"
            raise PaperNotSet(whose, reason, signs) from problem
        assert isinstance(made, bytes)
        return _packed(made)

    def _forget(self) -> None:
        """Typst keeps what it made of its last ten documents, some five megabytes a page: it makes ten empty ones."""
        for _ in range(_DOCUMENTS_KEPT + 1):
            self._empty.compile(input=b"", format="pdf")
        self._pages = 0

    @cached_property
    def _empty(self) -> typst.Compiler:
        return typst.Compiler(font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=False))


def _packed(pdf: bytes) -> bytes:
    """The same file with its small objects, the tags above all, in compressed streams: a tenth less of a certificate."""
    packed = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as file:
        small = pikepdf.ObjectStreamMode.generate
        # The metadata stay as Typst wrote them; pikepdf's own would be longer.
        file.save(
            packed, object_stream_mode=small, recompress_flate=True, deterministic_id=True, fix_metadata_version=False
        )
    return packed.getvalue()


def _signs(problem: typst.TypstError) -> Iterator[str]:
    for found in _NO_GLYPH.findall(f"{problem.message}\n{problem.diagnostic}"):
        yield from _ESCAPED.sub(lambda code: chr(int(code[1], 16)), found)


def chinese_day(instant: datetime) -> str:
    """The local day of an instant as papers are dated: 2026年8月31日."""
    day = local_day(instant)
    return f"{day.year}年{day.month}月{day.day}日"


def qr_code(address: str) -> str:
    """A QR code as SVG, for paper; empty without an address."""
    if not address:
        return ""
    size, runs = code_of(address, quiet=2)
    path = "".join(f"M{x} {y}.5h{modules}" for x, y, modules in runs)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path stroke="#000" d="{path}"/></svg>'


def code_of(address: str, *, quiet: int) -> tuple[int, list[tuple[int, int, int]]]:
    """A QR code of middling error correction: its size in modules, so many quiet ones around it, and its dark runs.

    A run begins at x in row y, and has so many modules.
    """
    code = zxingcpp.create_barcode(address, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    drawn: Any = code.to_image(add_quiet_zones=False)
    rows: Any = memoryview(drawn).tolist()
    runs = []
    for y, row in enumerate(rows, start=quiet):
        x = quiet
        for shade, modules in groupby(row):
            count = len(list(modules))
            if not shade:
                runs.append((x, y, count))
            x += count
    return len(rows) + 2 * quiet, runs
