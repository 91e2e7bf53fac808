"""The rehearsal's folder: a report page, every letter as a text, the office's forms, and what the home itself holds."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from sqlalchemy import select

from config import overrides
from config.calendar import calendar_of, day_note
from config.local_time import ZONE, instant, local_day
from config.milestones import Milestone
from config.units import all_units, units_file
from flows.home.files import write_atomically
from flows.home.templates import environment
from flows.rehearsal.findings import RehearsalFinding, Weight, findings
from flows.rehearsal.playing import Played
from flows.year import FORMS
from models import Message
from models.database import make_engine, reading
from models.enums import Outcome, WorkbookKind
from models.queries import counts_by_outcome, milestone_rows
from states.rules.grouping import grouped

HOME = "home"
_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = Path(__file__).parents[1] / "publish" / "pages" / "templates" / "page.css"


@dataclass(frozen=True)
class LetterFile:
    """One letter as a text file; `who` is whom its key names, `kind` its kind."""

    at: datetime
    kind: str
    who: str
    subject: str
    link: str


@dataclass(frozen=True)
class AlikeFiles:
    """What is alike, with one of it to look at: letters of one day and kind, workbooks of one kind."""

    when: str
    name: str
    count: int
    example: str
    link: str


def write_report(folder: Path, played: Played, made_at: datetime) -> list[RehearsalFinding]:
    """Write `report.html`, `letters.html`, `letters/` and `forms.html` into a folder whose `home/` was played in."""
    engine = make_engine(f"sqlite:///{played.home / 'gangchuang.db'}")
    try:
        with reading(engine) as session:
            found = findings(session, played)
            query = select(Message).order_by(Message.written_at, Message.key)
            letters = list(_write_letters(folder, session.scalars(query).all()))
            rows = milestone_rows(session, played.season.year)
            outcomes = counts_by_outcome(session, played.season.year)
    finally:
        engine.dispose()
    season = played.season
    years = sorted({local_day(row.due_at).year for row in rows})
    values: dict[str, Any] = {
        "season": season,
        "made_at": made_at,
        "found": found,
        "weights": list(Weight),
        "files": [overrides_in_force(played.home, season.year), *(calendar_of(year).source for year in years)],
        "dates": [
            (
                row.due_at.astimezone(ZONE),
                day_note(local_day(row.due_at)),
                Milestone(row.milestone),
                row.ordinal,
                _named(row.unit),
            )
            for row in rows
        ],
        "letters": letters,
        "groups": _by_day_and_kind(letters),
        "workbooks": list(_workbooks(folder, season.year)),
        "pages": [_link(folder, path) for path in sorted(played.home.glob("site/*/*.html"))]
        + [_link(folder, path) for path in sorted(played.home.glob("office/*/*.html"))]
        + [_link(folder, path) for path in sorted(played.home.glob("office/*/scorecards/index.html"))],
        "outcomes": {Outcome(outcome).label: count for outcome, count in outcomes.items()},
        "forms": list(_forms()),
        "style": _STYLE.read_text("utf-8"),
        "experts": len(played.experts),
        "invented": played.invented,
    }
    for name in ("report", "letters", "forms"):
        text = _environment().get_template(f"{name}.html.j2").render(values)
        write_atomically(folder / f"{name}.html", text.encode())
    return found


def overrides_in_force(home: Path, year: int) -> str:
    """Which files of the home took the place of shipped ones."""
    own = [path.relative_to(home).as_posix() for path in sorted((home / "templates").rglob("*.j2"))]
    own += [f"{overrides.SEASONS}/{year}.toml"] if (home / overrides.SEASONS / f"{year}.toml").is_file() else []
    own += [overrides.UNITS] if (home / overrides.UNITS).is_file() else [str(units_file().name)]
    return "、".join(own)


def _write_letters(folder: Path, messages: Sequence[Message]) -> Iterator[LetterFile]:
    for message in messages:
        at = message.written_at.astimezone(ZONE)
        _, kind, *key = message.key.split("/")
        who = key[0] if key else ""
        name = f"{at:%Y-%m-%d_%H%M}_{kind}_{re.sub(r'[^0-9A-Za-z_.-]+', '_', '_'.join(key))[:60]}.txt"
        lines = [
            f"时间：{instant(message.written_at)}",
            f"收件人：{message.recipient}",
            f"主题：{message.subject}",
            *(f"附件：../{HOME}/{path}" for path in json.loads(message.attachments)),
            "",
            message.body,
        ]
        write_atomically(folder / "letters" / name, "\n".join(lines).encode())
        yield LetterFile(at, kind, _named(who), message.subject, f"letters/{quote(name)}")


def _named(who: str) -> str:
    return all_units()[who].name if who in all_units() else who


def _by_day_and_kind(letters: Sequence[LetterFile]) -> list[AlikeFiles]:
    groups = grouped(((f"{letter.at:%Y-%m-%d}", letter.kind), letter) for letter in letters)
    return [AlikeFiles(day, kind, len(own), own[0].subject, own[0].link) for (day, kind), own in groups.items()]


def _workbooks(folder: Path, year: int) -> Iterator[AlikeFiles]:
    home = folder / HOME
    for kind in WorkbookKind:
        own = sorted((home / "outbox" / str(year)).glob(f"*/{year}年{kind.label}-*.xlsx"))
        if own:
            yield AlikeFiles("", kind.label, len(own), own[0].name, _link(folder, own[0])[1])
    receipts = sorted((home / "receipts" / str(year)).glob("*/*.xlsx"))
    if receipts:
        yield AlikeFiles("", "回执", len(receipts), receipts[0].name, _link(folder, receipts[0])[1])
    for book in sorted((home / "office" / str(year)).glob("*.xlsx")):
        yield AlikeFiles("", book.stem, 1, book.name, _link(folder, book)[1])


def _link(folder: Path, path: Path) -> tuple[str, str]:
    own = path.relative_to(folder).as_posix()
    return own.removeprefix(f"{HOME}/"), quote(own)


def _forms() -> Iterator[tuple[str, str, list[tuple[str, str, str]]]]:
    """Every form of the dashboard: its name, what it is for, and its fields as (title, description, choices)."""
    for form in FORMS:
        drawn = form.schema()["properties"].values()
        fields = [(field["title"], field["description"], "、".join(map(str, field.get("enum", ())))) for field in drawn]
        yield form.label, form.description, fields


@lru_cache
def _environment() -> Environment:
    made = environment(FileSystemLoader(_TEMPLATES))
    made.filters["instant"] = instant
    return made
