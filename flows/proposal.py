"""The proposed list for the office: page, workbook, letter. Nothing is public before a named person approves."""

from decimal import Decimal
from pathlib import Path

import xlsxwriter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import ZONE
from config.units import all_units
from flows import places
from flows.letters import LetterKind
from flows.pages import Cut, Disagreement, ProposalPage, ProposedLine, put_page
from flows.post import post_to_office
from flows.stage import Run
from models import Approval, Organisation, Recusal, Seat, Submission
from models.enums import Tier
from states.approval import list_digest, placings
from states.cases import load_frame
from states.final import counted_scores
from states.panel import season_conflicts, seated
from states.rules.placings import Ranking

WORKBOOK = "拟获奖名单.xlsx"
_METHODS = {
    "mean": "平均分",
    "trimmed_mean": "去掉最高分和最低分后平均",
    "shrinkage": "校正评委宽严的收缩模型",
}


def put_proposal(run: Run, ranking: Ranking) -> str:
    """Write the list where the office looks, and the letter that asks for a decision. Returns its digest."""
    with run.step() as session:
        page = _page(session, run, ranking)
    workbook = places.office_folder(run.settings, run.year) / WORKBOOK
    with run.step() as session:
        if not run.dry_run:
            put_page(run.settings.home.absolute(), page)
            write_workbook(workbook, page)
        # A list sent back may come again unchanged and asks anew; a stage run again must not.
        decided = session.scalar(select(func.count()).select_from(Approval).where(Approval.season == run.year))
        post_to_office(
            session,
            run,
            LetterKind.APPROVAL_WANTED,
            key=f"{page.digest[:16]}/{decided}",
            officers=list(run.season.office.officers),
            due_at=page.due_at,
            digest=page.digest,
            page="",
            level=1,
            attachments=(workbook,),
        )
    run.tell("list digest", page.digest)
    return page.digest


def _page(session: Session, run: Run, ranking: Ranking) -> ProposalPage:
    due_at = (
        load_frame(session, run.year).deadlines.at(Milestone.OPEN_PUBLIC_NOTICE) or run.season.dates.open_public_notice
    )
    experts = seated(session, run.year)
    recusals = session.scalar(select(func.count()).select_from(Recusal).where(Recusal.season == run.year)) or 0
    absences = session.scalar(select(func.count()).select_from(Seat).where(Seat.season == run.year, Seat.absent)) or 0
    lines = _lines(session, run)
    return ProposalPage(
        season=run.year,
        programme=run.season.title,
        office=run.season.office.name,
        made_at=run.at,
        due_at=due_at,
        digest=list_digest(session, run.year),
        method=_METHODS[run.season.final_round.method],
        lines=lines,
        cuts=_cuts(ranking, lines),
        disagreements=_disagreements(session, run),
        experts=len(experts),
        conflicts=len(season_conflicts(session, run.season, experts).pairs),
        recusals=recusals,
        absences=absences,
    )


def _lines(session: Session, run: Run) -> tuple[ProposedLine, ...]:
    names: dict[str, str] = dict(
        session.execute(
            select(Organisation.number, Organisation.name)
            .join(Submission, Submission.number == Organisation.number)
            .where(Submission.season == run.year, Organisation.position == 1)
        ).all()
    )
    rows = {one.number: one for one in session.scalars(select(Submission).where(Submission.season == run.year))}
    return tuple(
        ProposedLine(
            rank=one.rank,
            number=one.number,
            title=rows[one.number].title,
            unit=all_units()[rows[one.number].unit].name,
            category=rows[one.number].category,
            organisation=names.get(one.number, ""),
            tier=one.tier,
            merit=one.merit,
            raw_mean=one.raw_mean,
            low=one.low,
            high=one.high,
            scores=one.scores,
            spread=one.spread,
            settled=one.settled,
            passed_over=one.passed_over,
            struck=one.struck,
        )
        for one in placings(session, run.year)
    )


def _cuts(ranking: Ranking, lines: tuple[ProposedLine, ...]) -> tuple[Cut, ...]:
    close = {one.tier: (*one.above, *one.below) for one in ranking.close_cuts}
    found = []
    for tier in Tier:
        within = [place for place, line in enumerate(lines, start=1) if line.tier is tier]
        if within:
            settled = tuple(line.number for line in lines if line.settled and line.tier in (tier, None))
            found.append(Cut(tier, max(within), settled if tier in close else (), close.get(tier, ())))
    return tuple(found)


def _disagreements(session: Session, run: Run) -> tuple[Disagreement, ...]:
    totals: dict[str, list[Decimal]] = {}
    for score in counted_scores(session, run.year):
        totals.setdefault(score.submission, []).append(Decimal(score.total))
    titles: dict[str, str] = dict(
        session.execute(select(Submission.number, Submission.title).where(Submission.season == run.year)).all()
    )
    cases = [
        Disagreement(number, titles[number], tuple(sorted(values)), max(values) - min(values))
        for number, values in totals.items()
        if max(values) - min(values) >= run.season.final_round.look_range
    ]
    return tuple(sorted(cases, key=lambda one: (-one.spread, one.number)))


def write_workbook(target: Path, page: ProposalPage) -> None:
    """The list as a workbook, one row a submission, best first."""
    draft = target.with_name(f".{target.name}.part")
    book = xlsxwriter.Workbook(str(draft), {"strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": page.made_at.astimezone(ZONE).replace(tzinfo=None)})
    sheet = book.add_worksheet("拟获奖名单")
    bold, wrap = (
        book.add_format({"bold": True, "bg_color": "#DDEBF7", "border": 1}),
        book.add_format({"text_wrap": True}),
    )
    headings = (
        "名次",
        "申报编号",
        "成果名称",
        "区县",
        "类别",
        "申报单位",
        "拟授等次",
        "终评分",
        "原始均分",
        "区间下限",
        "区间上限",
        "评分份数",
        "分差",
        "同分处理",
        "未授奖原因",
        "移出原因",
    )
    sheet.write_row(2, 0, headings, bold)
    sheet.write(
        0, 0, f"{page.programme}拟获奖名单（待审定，不得外传）", book.add_format({"bold": True, "font_size": 14})
    )
    sheet.write(1, 0, f"名单校验码：{page.digest}")
    for row, line in enumerate(page.lines, start=3):
        sheet.write_row(
            row,
            0,
            (
                line.rank,
                line.number,
                line.title,
                line.unit,
                line.category.label,
                line.organisation,
                line.tier.label if line.tier else "",
                float(line.merit),
                float(line.raw_mean),
                float(line.low),
                float(line.high),
                line.scores,
                float(line.spread),
                line.settled,
                line.passed_over,
                line.struck,
            ),
            wrap,
        )
    sheet.set_column(1, 1, 18)
    sheet.set_column(2, 2, 40)
    sheet.set_column(3, 5, 16)
    sheet.set_column(13, 15, 26)
    sheet.freeze_panes(3, 3)
    sheet.autofilter(2, 0, 2 + len(page.lines), len(headings) - 1)
    book.close()
    draft.replace(target)
