"""What a file is, by its content. Its name is only a hint, and sometimes a lie."""

from enum import StrEnum
from pathlib import Path

from config.season_parts import FileLimits
from flows.workbooks.reader.archives import MIB, Archive
from flows.workbooks.reader.findings import FileRefused

SPREADSHEETS = frozenset({".xlsx", ".xlsm", ".xls", ".et", ".xlsb", ".ods", ".xltx", ".xltm", ".ett", ".csv"})
_SAVE_AS = "请用 Excel 或 WPS 打开本单位的模板填写，另存为 .xlsx 再报送。"
_HEADS = (
    (b"%PDF", "PDF 文件"),
    (b"\x89PNG", "图片"),
    (b"\xff\xd8\xff", "图片"),
    (b"GIF8", "图片"),
    (b"BM", "图片"),
    (b"{\\rtf", "RTF 文档"),
    (b"MZ", "可执行程序"),
    (b"\x7fELF", "可执行程序"),
    (b"#!", "可执行程序"),
)
_ARCHIVES = ((b"Rar!", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"))


class Format(StrEnum):
    """A readable container; all but XLSX are read in a process of their own."""

    XLSX = "xlsx"
    XLSB = "xlsb"
    ODS = "ods"
    XLS = "xls"
    PACKAGE = "package"


def identify(path: Path, limits: FileLimits) -> tuple[Format, Archive | None]:
    """The format and, for zip-based ones, the opened archive (whose file the caller closes).

    Raises FileRefused with the way out for everything that is no workbook and no package.
    """
    size = path.stat().st_size
    if size == 0:
        raise FileRefused("文件是空的（0字节），可能没有复制完整，请重新报送。")
    if size > limits.max_file_mib * MIB:
        raise FileRefused(f"文件有{size / MIB:.1f}MB，超过上限{limits.max_file_mib}MB，请减小附件或分开报送。")
    file = path.open("rb")
    try:
        head = file.read(4096)
        if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            archive = Archive(file, limits)
            return _zip_format(archive), archive
        if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
            file.close()
            return Format.XLS, None
        raise FileRefused(_says_what_it_is(path, head))
    except BaseException:
        file.close()
        raise


def _zip_format(archive: Archive) -> Format:
    names = {name.lower() for name in archive.by_name}
    if "xl/workbook.bin" in names:
        return Format.XLSB
    if "[content_types].xml" in names:
        if any(name.startswith("xl/") for name in names):
            return Format.XLSX
        if any(name.startswith("word/") for name in names):
            raise FileRefused(f"这是 Word 文档，不是填报表。{_SAVE_AS}")
        if any(name.startswith("ppt/") for name in names):
            raise FileRefused(f"这是演示文稿，不是填报表。{_SAVE_AS}")
    mimetype = archive.by_name.get("mimetype")
    if mimetype is not None and mimetype.size < 200:
        said = archive.read(mimetype, 200)
        if b"opendocument.spreadsheet" in said:
            return Format.ODS
        if b"opendocument" in said:
            raise FileRefused(f"这是 OpenDocument 文档，不是填报表。{_SAVE_AS}")
    return Format.PACKAGE


def _says_what_it_is(path: Path, head: bytes) -> str:
    for start, name in _ARCHIVES:
        if head.startswith(start):
            return f"这是 {name} 压缩包，请改用 .zip 格式压缩后再报送。"
    for start, name in _HEADS:
        if head.startswith(start):
            return f"这是{name}，不是填报表。{_SAVE_AS}"
    text = _as_text(head)
    if text is None:
        return f"无法识别这个文件。{_SAVE_AS}"
    low = text.lstrip("\ufeff \r\n\t").lower()
    if "urn:schemas-microsoft-com:office:spreadsheet" in low:
        return f"这是 XML 电子表格（2003），不能直接读取。{_SAVE_AS}"
    if low.startswith(("<html", "<!doctype html", "<table", "<meta", "mime-version")):
        return f"这是网页，只是扩展名像表格。{_SAVE_AS}"
    if low.startswith(("<", "{", "[")):
        return f"这是文本文件，不是填报表。{_SAVE_AS}"
    if path.suffix.lower() in (".csv", ".tsv") or "," in text or "\t" in text:
        return f"这是 CSV（纯文本表格），不能带模板标识。请把内容粘贴到下发的模板里。{_SAVE_AS}"
    return f"这是文本文件，不是填报表。{_SAVE_AS}"


def _as_text(head: bytes) -> str | None:
    """The text of UTF-8, UTF-16 with its mark, or GB18030; None for anything binary."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "ignore")
    if b"\x00" in head:
        return None
    for encoding in ("utf-8", "gb18030"):
        for cut in range(4):  # the last character may have been cut off
            try:
                return head[: len(head) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
    return None
