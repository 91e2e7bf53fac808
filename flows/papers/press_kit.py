"""The press kit (宣传材料) of a district and of the city: a designer's Word file and Markdown, every figure with its source.

Nothing stands here that the public may not know: organisations only with consent, no people.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from docx.exceptions import PythonDocxError
from docx.opc.exceptions import OpcError
from docxtpl import DocxTemplate
from jinja2 import Environment, StrictUndefined, TemplateError
from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import Session

from config import overrides
from config.errors import GangchuangError
from config.local_time import local_day
from config.season import Season
from config.units import all_units
from flows.home.templates import home_before
from flows.outbox.letters.filters import printable
from flows.papers.same_bytes import repacked
from models import DistrictVerdict, Placing, Publication, Submission
from models.enums import Category, Tier, Trigger, Verdict
from states.final_round.payment import prizes
from states.rules.payment import FEN
from states.submissions.certificates import is_awarded
from states.submissions.released import released

TEMPLATES, WORD, MARKDOWN = Path(__file__).parent / "templates", "press_kit.docx", "press_kit.md.j2"
_RECORD = "操作留痕中“{}”的记录"
_PAGE = "《获奖项目发布》"
_MARKS = re.compile(r"[\\|<>`*_\[\]]")  # what Markdown would read as its own


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as people read it, and where it can be looked up."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class KitAward:
    """An award as the press may name it."""

    tier: str
    number: str
    title: str
    organisation: str


@dataclass(frozen=True, slots=True)
class PressKit:
    """What a press kit says; the placeholders of its designs are these names."""

    programme: str
    where: str
    lead: str
    figures: tuple[Figure, ...]
    awards: tuple[KitAward, ...]
    day: str
    page: str
    root: str
    office: str
    contact: str


class KitNotMade(GangchuangError):
    """A design of the press kit cannot be filled in."""

    def __init__(self, path: Path, problem: Exception) -> None:
        super().__init__(f"The design {path} cannot be filled in (版式有误): {type(problem).__name__}: {problem}")


def press_kit(session: Session, season: Season, results: Publication, page: str, unit: str = "") -> PressKit:
    """The kit of a district, or of the city; `page` is where the results and the record are published."""
    where = all_units()[unit].name if unit else "全市"
    figures, awards = tuple(_figures(session, season, unit)), tuple(_awards(session, season, unit))
    counts = {tier: sum(award.tier == tier.label for award in awards) for tier in Tier}
    prizes_won = "、".join(f"{tier.label}{count}项" for tier, count in counts.items() if count)
    lead = f"{season.title}{where}共收到申报{figures[0].value}，获奖{len(awards)}项" + (
        f"，其中{prizes_won}。" if awards else "。"
    )
    return PressKit(
        programme=season.title,
        where=where,
        lead=lead,
        figures=figures,
        awards=awards,
        day=_day(results.published_at),
        page=page or f"由{season.office.name}提供",
        root=results.root,
        office=season.office.name,
        contact=season.office.mail,
    )


def as_word(kit: PressKit) -> bytes:
    """The designer's file filled in; the same bytes for the same kit. Raises KitNotMade."""
    path = overrides.winning(TEMPLATES / WORD, overrides.PAPERS, WORD)
    return _filled_in(kit, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=128)
def _filled_in(kit: PressKit, path: Path, _modified: int) -> bytes:
    """One decision changes one district's kit; those of the others are not set again."""
    made = io.BytesIO()
    try:
        document = DocxTemplate(str(path))
        # Without escaping, a "<" in a title swallows what follows it.
        document.render(_printable(asdict(kit)), Environment(undefined=StrictUndefined, autoescape=True))
        document.save(made)
    except (TemplateError, PythonDocxError, OpcError, ValueError, KeyError, OSError) as problem:
        raise KitNotMade(path, problem) from problem
    return repacked(made.getvalue())


def as_markdown(kit: PressKit) -> str:
    """The same as text. Raises KitNotMade."""
    environment = Environment(
        loader=home_before(TEMPLATES, overrides.PAPERS),
        undefined=StrictUndefined,
        finalize=lambda value: _MARKS.sub(r"\\\g<0>", str(printable(value))),
        autoescape=False,  # plain text
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    try:
        return environment.get_template(MARKDOWN).render(asdict(kit))
    except TemplateError as problem:
        raise KitNotMade(overrides.winning(TEMPLATES / MARKDOWN, overrides.PAPERS, MARKDOWN), problem) from problem


def _figures(session: Session, season: Season, unit: str) -> Iterator[Figure]:
    def counted(query: Select[*tuple[Any, ...]], *where: ColumnElement[bool]) -> int:
        own = Submission.unit == unit if unit else true()
        return session.scalar(query.where(Submission.season == season.year, own, *where)) or 0

    submissions = select(func.count()).select_from(Submission)
    yield Figure("申报", f"{counted(submissions)}项", _RECORD.format(Trigger.SUBMIT.label))
    verdicts = submissions.join(DistrictVerdict, DistrictVerdict.number == Submission.number)
    recommended = counted(verdicts, DistrictVerdict.verdict == Verdict.RECOMMENDED)
    yield Figure("区县推荐", f"{recommended}项", _RECORD.format(Trigger.RECORD_DISTRICT_REVIEW.label))
    yield Figure("获奖", f"{counted(submissions, is_awarded())}项", f"{_PAGE}；{_RECORD.format(Trigger.AWARD.label)}")
    for tier in Tier:
        yield Figure(f"　{tier.label}", f"{counted(submissions, is_awarded(), Submission.tier == tier)}项", _PAGE)
    for category in Category:
        won = counted(submissions, is_awarded(), Submission.category == category)
        yield Figure(f"　其中{category.label}", f"{won}项", f"{_PAGE}按类别统计")
    money = sum(prize.paid for prize in prizes(session, season) if not unit or prize.unit == unit)
    yield Figure("奖金", f"{Decimal(money) / FEN:,.2f}元", "年度规则中的各等次奖金，按获奖项目合计")


def _awards(session: Session, season: Season, unit: str) -> Iterator[KitAward]:
    query = (
        select(Submission.number)
        .join(Placing, Placing.number == Submission.number)
        .where(Submission.season == season.year, is_awarded(), Submission.unit == unit if unit else true())
        .order_by(Placing.position)
    )
    for own in released(session, session.scalars(query).all()).values():
        yield KitAward(own.tier.label if own.tier else "", own.number, own.title, "、".join(own.organisations[:1]))


def _day(instant: datetime) -> str:
    day = local_day(instant)
    return f"{day.year}年{day.month}月{day.day}日"


def _printable(value: Any) -> Any:
    """Words of people on one line, without signs that a document cannot hold."""
    if isinstance(value, dict):
        return {name: _printable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return printable(value)
