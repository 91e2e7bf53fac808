"""What the process that opens files tells by their looks."""

import random
from pathlib import Path

import xlwt

from flows.workbooks.reader.extraction import looks


def test_text_struck_in_part_is_found_wherever_the_table_of_texts_of_an_old_workbook_is_cut(tmp_path: Path) -> None:
    """Texts of one and two bytes a letter, plain and with parts in fonts of their own, over dozens of records."""
    rng, book, expected = random.Random(7), xlwt.Workbook(encoding="utf-8"), []
    sheet, struck = book.add_sheet("表"), xlwt.easyfont("struck_out on")
    for row in range(800):
        text = rng.choice("长x") * rng.randint(0, 400) + str(row)
        if rng.random() < 0.2:
            sheet.write_rich_text(row, 0, [(text, xlwt.easyfont("")), ("作废", struck)])
            expected.append((row + 1, 0))
        else:
            sheet.write_rich_text(row, 0, [(text, xlwt.easyfont("")), ("尾", xlwt.easyfont("bold on"))])
    book.save(str(tmp_path / "old.xls"))

    found, _ = looks(str(tmp_path / "old.xls"), "xls")

    assert sorted(found["表"]) == expected
