"""What the experts wrote, for the units whose submissions they read (评审意见反馈): without names, where the season says so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from flows.outbox.letters import LetterKind
from flows.outbox.letters.filters import printable
from flows.outbox.messages import post_to_unit
from flows.run import Run
from flows.workbooks.writer.guide import screen_width
from models import Assignment, Expert, Score, Seat, Submission
from models.enums import AssignmentState
from models.queries import by_whom_assigned
from states.rules.grouping import grouped
from states.rules.reviewers.blind import Blindfold

_COLUMNS = (("申报编号", 18), ("成果名称", 40), ("意见", 6), ("专家评语", 90))
_A4 = 9


class Remarks(NamedTuple):
    """A submission with what was written of it, in an order that tells nothing of who wrote it."""

    number: str
    title: str
    comments: tuple[str, ...]


def give_feedback(session: Session, run: Run) -> int:
    """Send each unit what the experts wrote of its submissions; how many submissions have some."""
    if not run.season.final_round.feedback:
        return 0
    by_unit = remarks_by_unit(session, run.year)
    for code, remarks in by_unit.items():
        path = run.settings.home.absolute() / "outbox" / str(run.year) / code / f"{run.year}年评审意见-{code}.xlsx"
        if not run.dry_run:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, run, remarks)
        post_to_unit(session, run, LetterKind.FEEDBACK, code, count=len(remarks), attachments=(path,))
    return sum(map(len, by_unit.values()))


def remarks_by_unit(session: Session, year: int) -> Mapping[str, Sequence[Remarks]]:
    """What counted in the final round, by unit and number; of who stepped back nothing. Names of the panel are masked."""
    seated = select(Seat.expert).where(Seat.season == year)
    panel = Blindfold(session.scalars(select(Expert.name).where(Expert.id.in_(seated))), ())
    rows = session.execute(
        select(Submission.unit, Submission.number, Submission.title, Score.comment)
        .join(Score, Score.number == Submission.number)
        .join(Assignment, by_whom_assigned())
        .where(Submission.season == year, Assignment.state == AssignmentState.SCORED, Score.comment != "")
        .order_by(Submission.unit, Submission.number, Score.comment)
    )
    written = grouped(((unit, number, title), panel.mask(printable(text))[0]) for unit, number, title, text in rows)
    return grouped(
        (unit, Remarks(number, title, tuple(dict.fromkeys(comments))))
        for (unit, number, title), comments in written.items()
    )


def _write(path: Path, run: Run, remarks: Sequence[Remarks]) -> None:
    draft = path.with_name(f".{path.name}.part")
    book = xlsxwriter.Workbook(str(draft), {"strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": "评审意见", "created": run.at.astimezone(ZONE).replace(tzinfo=None)})
    base = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "top"}
    cell = book.add_format({**base, "text_wrap": True, "border": 1, "border_color": "#D9D9D9"})
    head = book.add_format({**base, "bold": True, "font_color": "#FFFFFF", "bg_color": "#2E75B6", "border": 1})
    sheet = book.add_worksheet("评审意见")
    sheet.write_string(0, 0, f"{run.season.title}·评审意见", book.add_format({**base, "bold": True, "font_size": 14}))
    sheet.write_string(
        1, 0, "供改进参考，不公开；评语不署名，排列次序与专家无关，不能作为异议的依据。", book.add_format(base)
    )
    for index, (heading, width) in enumerate(_COLUMNS):
        sheet.set_column(index, index, width)
        sheet.write_string(2, index, heading, head)
    line = 3
    for submission in remarks:
        for count, comment in enumerate(submission.comments, start=1):
            for index, text in enumerate((submission.number, printable(submission.title), str(count), comment)):
                sheet.write_string(line, index, text, cell)
            sheet.set_row(line, 15 * max(-(-screen_width(comment) // 88), -(-screen_width(submission.title) // 38)) + 6)
            line += 1
    sheet.freeze_panes(3, 1)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(2)
    book.close()
    draft.replace(path)
