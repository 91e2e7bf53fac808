"""The yearly report (年度报告) as files: a designer's Word file, a page, and a workbook of what each figure was made of.

A function of the record until an instant, byte for byte.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import typst
from docx.exceptions import PythonDocxError
from docx.opc.exceptions import OpcError
from docx.shared import Emu, Mm
from docx.table import Table
from docxtpl import DocxTemplate, InlineImage
from jinja2 import Environment, StrictUndefined, TemplateError
from PIL import Image
from sqlalchemy.orm import Session

from config import overrides
from config.local_time import instant, local_day
from config.season import Season
from config.units import name_on
from flows.home import paths
from flows.outbox.letters import LetterKind
from flows.outbox.letters.filters import printable
from flows.outbox.messages import post_to_office
from flows.papers.same_bytes import repacked
from flows.reports.book import Book
from flows.reports.rendering import ReportNotMade, page
from flows.run import Run
from flows.workbooks.writer.guide import screen_width
from models.queries import planned_seasons
from states.history.canonical import instant_text
from states.history.read import read_entries
from states.history.seals import Seals
from states.scorecard.facts import SeasonTold, read_record
from states.scorecard.yearly import Bars, Compared, Yearly, compared, yearly

TEMPLATES, WORD, CHART = Path(__file__).parent / "templates", "yearly.docx", "chart.typ"
FILES = ("年度报告.docx", "年度报告.html", "年度报告依据.xlsx")
MARK = "年度报告.json"
_WIDTH, _HEIGHT = Mm(160), Mm(215)
_YEARS = 5
_WIDEST, _PADDING = 21, 3  # of a column, in half Chinese characters


def report_files(session: Session, season: Season, made_at: datetime) -> dict[str, bytes]:
    """The files of a season's report from what the record said until an instant. Raises ReportNotMade."""
    known = [year for year in planned_seasons(session) if season.year - _YEARS < year <= season.year]
    before = {year: _compared(session, year, made_at) for year in known if year != season.year}
    own = _told(session, season.year, made_at)
    years = {year: kept for year, kept in before.items() if kept is not None} | {season.year: compared(own)}
    opened = local_day(season.dates.open_call)
    made = yearly(season, own, years, {unit.code: name_on(unit.code, opened) for unit in season.units()})
    return dict(
        zip(FILES, (word(season, made, made_at), _page(season, made, made_at), _book(made, made_at)), strict=True)
    )


def put_report(run: Run) -> int:
    """Write the report of this instant, and a letter that brings it; how many files."""
    with run.step() as session:
        files = report_files(session, run.season, run.at)
    folder = paths.office_folder(run.settings, run.year)
    brought = []
    for name, content in files.items():
        run.write(folder / name, content)
        kept = paths.paper(run.settings, run.year, paths.OFFICE, name, hashlib.sha256(content).hexdigest())
        run.write(kept, content)  # a letter keeps its attachments as they were
        brought.append(kept)
    run.write(folder / MARK, mark_of(files, run.at))
    with run.step() as session:
        day = local_day(run.at)
        post_to_office(
            session,
            run,
            LetterKind.YEARLY_REPORT,
            key=f"{day}",
            attachments=brought,
            day=day,
            folder=folder.relative_to(run.settings.home.absolute()).as_posix(),
            files=list(FILES),
        )
    return len(files)


def mark_of(files: Mapping[str, bytes], made_at: datetime) -> bytes:
    """What lies beside the files: until when the record was read, and their digests."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    return json.dumps({"at": instant_text(made_at), "files": digests}, ensure_ascii=False, sort_keys=True).encode()


def read_mark(path: Path) -> tuple[datetime, dict[str, str]] | None:
    """Until when the record was read, and the digests; None where there is no report."""
    try:
        said = json.loads(path.read_bytes())
        return datetime.fromisoformat(said["at"]), dict(said["files"])
    except FileNotFoundError:
        return None


def _compared(session: Session, year: int, until: datetime) -> Compared | None:
    """A year's part in the comparison; None before anything is said of it."""
    told = _told(session, year, until)
    return compared(told) if told.call else None


def _told(session: Session, year: int, until: datetime) -> SeasonTold:
    """A season as its record told it at an instant: what was written at that very instant is not yet in it."""
    last, seals = instant_text(until), Seals(session, year)
    told = read_record(row for row in read_entries(session, year) if str(row["at"]) < last)
    told.call = [said._replace(reason=seals.show(said.reason)) for said in told.call]
    return told


def word(season: Season, made: Yearly, made_at: datetime) -> bytes:
    """The Word file of a report. Raises ReportNotMade."""
    path, out = overrides.winning(TEMPLATES / WORD, overrides.PAPERS, WORD), io.BytesIO()
    try:
        document = DocxTemplate(str(path))
        sections = [
            {
                **_printable({**asdict(section), "charts": ()}),
                "charts": [
                    {"title": chart.title, "picture": _picture(document, draw(chart))} for chart in section.charts
                ],
            }
            for section in made.sections
        ]
        given = {"programme": season.title, "year": season.year, "office": season.office.name}
        given |= {"made": instant(made_at), "sections": sections, "book": FILES[2]}
        # Without escaping, a "<" in a reason swallows what follows it.
        document.render(given, Environment(undefined=StrictUndefined, autoescape=True))
        for table in document.docx.tables:
            _widen(table)
        document.save(out)
    except (TemplateError, PythonDocxError, OpcError, ValueError, KeyError, OSError, typst.TypstError) as problem:
        raise ReportNotMade(path, problem) from problem
    return repacked(out.getvalue())


def _widen(table: Table) -> None:
    """Give each column of a table that may be fitted room for what stands in it, so that dates stay in a line."""
    if not table.autofit:
        return
    rows = [row.cells for row in table.rows]
    # Latin letters and digits may be wider than half a Chinese character, and a date breaks at its hyphens.
    room = [
        _PADDING + min(_WIDEST, max(0.7 * screen_width(cell.text) + 0.6 * len(cell.text) for cell in column))
        for column in zip(*rows, strict=True)
    ]
    whole = sum(column.width or 0 for column in table.columns)
    for column, share in zip(table.columns, room, strict=True):
        column.width = Emu(int(whole * share / sum(room)))
    for cells in rows:
        for cell, column in zip(cells, table.columns, strict=True):
            cell.width = column.width


def _picture(document: DocxTemplate, drawn: bytes) -> InlineImage:
    """A chart as wide as the text, or as high as a page lets it be under its title."""
    with Image.open(io.BytesIO(drawn)) as image:
        high = image.height * _WIDTH > image.width * _HEIGHT
    return InlineImage(document, io.BytesIO(drawn), **({"height": _HEIGHT} if high else {"width": _WIDTH}))


def draw(chart: Bars) -> bytes:
    """A chart as a picture; the design is the home's own where it has one."""
    path = overrides.winning(TEMPLATES / CHART, overrides.PAPERS, CHART)
    folders = [str(package_files("pylopdf_fonts_zh_cn")), str(overrides.in_home(overrides.PAPERS))]
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[folder for folder in folders if Path(folder).is_dir()],
    )
    compiler = typst.Compiler(str(path), root=str(path.parent), font_paths=fonts)
    given = {"unit": chart.unit, "bars": [[label, value] for label, value in chart.bars]}
    made = compiler.compile(sys_inputs={"given": json.dumps(given, ensure_ascii=False)}, format="png", ppi=200)
    assert isinstance(made, bytes)
    return made


def _page(season: Season, made: Yearly, made_at: datetime) -> bytes:
    return page("yearly", season, made_at, report=made)


def _book(made: Yearly, made_at: datetime) -> bytes:
    with Book(made_at) as book:
        sheet = book.sheet("依据", ["部分", "数字", "值", "留痕对象", "序号"], wide=("数字",))
        for line, cells in enumerate(_traced(made), start=1):
            book.write(sheet, line, cells)
        return book.done()


def _traced(made: Yearly) -> Iterator[list[Any]]:
    for trace in made.traces:
        for entry in trace.entries:
            yield [trace.section, trace.name, trace.value, entry.subject, entry.sequence]


def _printable(value: Any) -> Any:
    """Words of people without signs that a document cannot hold."""
    if isinstance(value, dict):
        return {name: _printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(part) for part in value]
    return printable(value)
