"""The press kit (宣传材料) of a district and of the city: a designer's Word file and Markdown, every figure with its source.

Nothing stands here that the public may not know: organisations only with consent, no people.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
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
from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from config import overrides
from config.errors import GangchuangError
from config.local_time import local_day
from config.season import Season
from config.units import name_on
from flows.home.templates import environment, home_before
from flows.outbox.letters.filters import printable
from flows.papers.same_bytes import repacked
from models import DistrictVerdict, Placing, Publication, Submission
from models.enums import Category, Tier, Trigger, Verdict
from states.final_round.payment import Prize
from states.rules.payment import FEN
from states.submissions.certificates import is_awarded
from states.submissions.released import released

TEMPLATES, WORD, MARKDOWN = Path(__file__).parent / "templates", "press_kit.docx", "press_kit.md.j2"
_RECORD = "操作留痕中“{}”的记录"
_PAGE = "《获奖项目发布》"
_MARKS = re.compile(r"[\\|<>`*_\[\]]")  # what Markdown would read as its own


@dataclass(frozen=True, slots=True)
class QuotedFigure:
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
    figures: tuple[QuotedFigure, ...]
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


def press_kit(
    session: Session, season: Season, results: Publication, page: str, prizes: Sequence[Prize], unit: str = ""
) -> PressKit:
    """The kit of a district, or of the city; `page` is where the results and the record are published.

    `prizes`: the season's, as `states.final_round.payment` has them.
    """
    where = name_on(unit, local_day(results.published_at)) if unit else "全市"
    figures, awards = tuple(_figures(session, season, prizes, unit)), tuple(_awards(session, season, unit))
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
    path = overrides.winning(TEMPLATES / MARKDOWN, overrides.PAPERS, MARKDOWN)
    try:
        return _environment().get_template(MARKDOWN).render(asdict(kit))
    except TemplateError as problem:
        raise KitNotMade(path, problem) from problem


@lru_cache
def _environment() -> Environment:
    return environment(
        home_before(TEMPLATES, overrides.PAPERS),
        autoescape=False,
        finalize=lambda value: _MARKS.sub(r"\\\g<0>", str(printable(value))),
        keep_trailing_newline=True,
    )


def _figures(session: Session, season: Season, prizes: Iterable[Prize], unit: str) -> Iterator[QuotedFigure]:
    own = (Submission.season == season.year, Submission.unit == unit if unit else true())
    sent = func.coalesce(DistrictVerdict.verdict == Verdict.RECOMMENDED, False).label("sent")
    kinds = (sent, func.coalesce(is_awarded(), False).label("won"), Submission.tier, Submission.category)
    rows = session.execute(
        select(*kinds, func.count().label("many"))
        .outerjoin(DistrictVerdict, DistrictVerdict.number == Submission.number)
        .where(*own)
        .group_by(*kinds)
    ).all()
    won = [row for row in rows if row.won]

    def counted(some: Iterable[Any]) -> str:
        return f"{sum(row.many for row in some)}项"

    yield QuotedFigure("申报", counted(rows), _RECORD.format(Trigger.SUBMIT.label))
    verdicts = _RECORD.format(Trigger.RECORD_DISTRICT_REVIEW.label)
    yield QuotedFigure("区县推荐", counted(row for row in rows if row.sent), verdicts)
    yield QuotedFigure("获奖", counted(won), f"{_PAGE}；{_RECORD.format(Trigger.AWARD.label)}")
    for tier in Tier:
        yield QuotedFigure(f"　{tier.label}", counted(row for row in won if row.tier is tier), _PAGE)
    for category in Category:
        of_kind = counted(row for row in won if row.category is category)
        yield QuotedFigure(f"　其中{category.label}", of_kind, f"{_PAGE}按类别统计")
    money = sum(prize.paid for prize in prizes if not unit or prize.unit == unit)
    yield QuotedFigure("奖金", f"{Decimal(money) / FEN:,.2f}元", "年度规则中的各等次奖金，按获奖项目合计")


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
