"""What may be read in this process, and what must be read in one that may die."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.workbooks.reader.formats import identify
from flows.workbooks.reader.inspection import Inspection, inspect
from tests.support.workbooks import Workshop, season, typed

SHEET_PART = "xl/worksheets/sheet1.xml"


def _inspected(path: Path) -> Inspection:
    _, archive = identify(path, season().files)
    assert archive is not None
    with archive.file:
        return inspect(archive, season().files)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda shop: shop.issued(), id="as XlsxWriter saves it"),
        pytest.param(lambda shop: shop.filled(typed()), id="as openpyxl saves it"),
    ],
)
def test_ordinary_workbook_is_cheap_and_can_be_copied(build: Callable[[Workshop], Path], tmp_path: Path) -> None:
    inspection = _inspected(build(Workshop(tmp_path)))

    assert inspection.cheap
    assert inspection.copyable
    assert list(inspection.sheets) == ["申报汇总表", "填写说明", "模板标识"]


@pytest.mark.parametrize(
    "addition",
    [
        pytest.param('<row r="60"><c><v>1</v></c></row>', id="a cell without an address"),
        pytest.param("<row r=\"60\"><c r='A60'><v>1</v></c></row>", id="an address in single quotes"),
        pytest.param('<row r="60"><c s="1" r="A60"><v>1</v></c></row>', id="an address that is not first"),
        pytest.param('<x:row r="60"><x:c r="A60"><x:v>1</x:v></x:c></x:row>', id="a cell with a prefix"),
        pytest.param('<row r="60"><c r="a60"><v>1</v></c></row>', id="an address in small letters"),
        pytest.param('<row r="60"><c r="XFD60"><v>1</v></c></row>', id="a cell far to the right"),
        pytest.param('<row r="9000"><c r="A9000"><v>1</v></c></row>', id="a cell far below"),
        pytest.param("<![CDATA[<c]]>", id="a passage that is not markup"),
    ],
)
def test_cell_in_an_unusual_form_is_read_apart(addition: str, tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    end = b"</sheetData>"

    path = shop.rewritten(shop.filled(typed()), {SHEET_PART: lambda xml: xml.replace(end, addition.encode() + end)})

    assert not _inspected(path).cheap


def test_sheet_under_another_name_is_read_apart(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)

    path = shop.rewritten(shop.filled(typed()), {"xl/media/image1.png": b"<worksheet><sheetData/></worksheet>"})

    assert not _inspected(path).cheap


@pytest.mark.parametrize("part", ["mergeCell", "hyperlink"])
def test_range_over_a_whole_sheet_is_not_given_to_the_copier(part: str, tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    end = b"</sheetData>"
    addition = f'<{part}s><{part} ref="A9:XFD1048576"/></{part}s>'.encode()

    path = shop.rewritten(shop.filled(typed()), {SHEET_PART: lambda xml: xml.replace(end, end + addition)})

    assert not _inspected(path).copyable
