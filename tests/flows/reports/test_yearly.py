"""The yearly report of a season that was played: counted from the record, traced to it, the same bytes again."""

import io

import docx
from PIL import Image
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select

from config.milestones import Milestone
from flows.office.doctor_files import FILE_INVARIANTS
from flows.reports.yearly import FILES, MARK, draw, read_mark
from flows.write_report import write_report, writing
from models import History, Message, Submission
from states.audit.invariants import broken_invariants
from states.scorecard.yearly import Bars
from tests.support.played import BEST
from tests.support.playing import Player

AS_MADE = tuple(invariant for invariant in FILE_INVARIANTS if invariant.name == "reports_as_made")


def test_the_report_counts_what_the_rows_say_and_every_figure_names_its_entries(played: Player) -> None:
    folder = played.home / "office" / "2026"
    assert read_mark(folder / MARK), "a backup brings it along"
    document = docx.Document(str(folder / FILES[0]))
    text = "\n".join(cell.text for table in document.tables for cell in table._cells)
    assert document.inline_shapes
    assert max(picture.height.mm for picture in document.inline_shapes) < 220, "the bars of 39 units fit on a page"
    (timely,) = (table for table in document.tables if "调整为" in [cell.text for cell in table.rows[0].cells])
    widths = {column.cells[0].text: column.width.mm for column in timely.columns}
    assert widths["完成"] > 35 > widths["计划"] > 23, "a date stands in one line"
    page = (folder / FILES[1]).read_text("utf-8")
    rows = CalamineWorkbook.from_path(str(folder / FILES[2])).get_sheet_by_index(0).to_python()[1:]
    figures = {(section, name): value for section, name, value, *_ in rows}

    with played.reading() as session:
        count = session.scalar(select(func.count()).select_from(Submission).where(Submission.season == 2026))
        assert figures["总体情况和历年比较", "申报数"] == f"{count}"
        for _, name, _, subject, sequence in rows:
            assert session.get(History, (subject, int(sequence))) is not None, name
        letters = session.scalars(select(Message.key).where(Message.key.contains("/yearly_report/"))).all()
        assert broken_invariants(session, played.home, AS_MADE) == []
    assert figures["异议", "权属与完成人·成立"] == "1件"
    assert figures["成果转化", "在用"] == "1项", "at the season's end it is known"
    assert "填报不足3项，不合计" in page
    assert "调整：会议推迟" in text, "what was moved, and why"
    assert "系统故障" in page, "why something late was let in"
    assert BEST not in page, "no submission is named"
    assert len(letters) == 2
    results = (played.home / "site" / "2026" / "results.html").read_text("utf-8")
    assert "<dt>在用</dt><dd>1项</dd>" in results
    assert "近一年经济效益" not in results, "of one answer no sum is public"


def test_a_report_that_was_altered_or_lost_is_named_and_can_be_made_again(played: Player) -> None:
    folder = played.home / "office" / "2026"
    word, page = folder / FILES[0], folder / FILES[1]
    word.write_bytes(word.read_bytes() + b" ")
    page.unlink()

    with played.reading() as session:
        (broken,) = broken_invariants(session, played.home, AS_MADE)
    assert {offender.partition("/")[0] for offender in broken.offenders} == {"office"}
    assert len(broken.offenders) == 2

    played.at(played.due_at(Milestone.ERASE_PERSONAL_DATA))
    played.play("write_report", writing)

    kept = read_mark(folder / MARK)
    assert kept is not None
    assert kept[0] == played.settings.clock.now()
    with played.reading() as session:
        assert broken_invariants(session, played.home, AS_MADE) == []
    assert "again" in write_report.parameters.properties


def test_a_chart_has_its_bars_in_proportion() -> None:
    picture = Image.open(io.BytesIO(draw(Bars("示例", "项", (("甲", 4), ("乙", 1)))))).convert("RGB")
    red = [
        sum(picture.getpixel((x, y)) == (0x9C, 0x1C, 0x1C) for x in range(picture.width)) for y in range(picture.height)
    ]
    lengths = sorted({length for length in red if length > 10})

    assert draw(Bars("示例", "项", (("甲", 4), ("乙", 1)))) == draw(Bars("示例", "项", (("甲", 4), ("乙", 1))))
    assert picture.getpixel((2, 2)) == (255, 255, 255)
    assert lengths[-1] / lengths[0] > 3.8, lengths
