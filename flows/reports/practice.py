"""The office's workbook of good practice (好思路、好经验、好做法): every report, and whether it is public."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from config.local_time import local_day
from config.units import name_on
from flows.home import paths
from flows.kinds.practice import TEXTS
from flows.reports.book import Book
from flows.run import Run
from models import GoodPractice
from states.practice import practices, words_of

BOOK = "好思路好经验好做法.xlsx"
_HEADINGS = ("编号", "报送单位", "谁的经验", "单位名称", "类型", "材料名称", *TEXTS.values(), "公开")


def practice_book(run: Run) -> Path:
    """Where a season's workbook lies, or would."""
    return paths.office_folder(run.settings, run.year) / BOOK


def write_practice_book(session: Session, run: Run) -> Path:
    """Write the workbook from what the rows say now; a dry run writes none."""
    path = practice_book(run)
    run.write(path, _book(run, practices(session, run.year)))
    return path


def _book(run: Run, rows: Sequence[GoodPractice]) -> bytes:
    with Book(run.at) as book:
        sheet = book.sheet("好思路好经验好做法", list(_HEADINGS), wide={*TEXTS.values(), "材料名称"})
        for place, row in enumerate(rows, start=1):
            words = words_of(row)
            shown = "公开" if row.consent and row.withheld_at is None else "不公开"
            unit = name_on(row.unit, local_day(run.season.dates.open_call))
            cells = [row.number, unit, row.source.label, row.organisation, row.kind.label, row.title]
            book.write(sheet, place, [*cells, *(words.get(key, "") for key in TEXTS), shown])
        return book.done()
