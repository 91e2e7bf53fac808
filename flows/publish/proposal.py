"""The proposed list for the office: page, workbook, letter, artifact. Nothing is public before a named person approves."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.units import name_on
from flows.engine.artifacts import outcome, plain
from flows.home import paths
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.publish.pages.content import Barred, Cut, Deviation, Disagreement, ProposalPage, ProposedLine
from flows.publish.pages.rendering import put_proposal_page
from flows.publish.proposal_workbook import write_workbook
from flows.run import Run
from models import Approval, Expert, Organisation, Placing, Recusal, Seat, Submission
from models.enums import ApprovalDecision, Tier, Trigger
from states.final_round.approval import list_digest, placings
from states.final_round.freeze import counted_scores
from states.guard_facts import load_season_facts
from states.history.canonical import call_subject
from states.history.read import latest_entry, latest_facts
from states.panel.draw import seated
from states.panel.pairs import season_conflicts
from states.rules.grouping import grouped
from states.rules.reviewers.conflicts import ConflictKind
from states.rules.scoring.disagreement import wide_spreads

WORKBOOK = "拟获奖名单.xlsx"
_SHOWN = 8
_METHODS = {
    "mean": "平均分",
    "trimmed_mean": "去掉最高分和最低分后平均",
    "shrinkage": "校正评委宽严的收缩模型",
}


def put_proposal(run: Run) -> str:
    """Write the list where the office looks, and the letter that asks for a decision. Returns its digest."""
    with run.step() as session:
        page = proposal_page(session, run)
    with run.step() as session:
        _put(run, page)
        # A list sent back may come again unchanged and asks anew; a stage run again must not.
        decided = session.scalar(select(func.count()).select_from(Approval).where(Approval.season == run.year))
        folder = paths.office_folder(run.settings, run.year)
        attached = folder / f"{page.digest[:8]}-{decided}" / WORKBOOK
        if not run.dry_run:
            # What a letter brings stays as it was; the list beside it is always the newest.
            run.write(attached, (folder / WORKBOOK).read_bytes())
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
            attachments=(attached,),
        )
    run.tell("list digest", page.digest)
    return page.digest


def put_decided(run: Run) -> None:
    """The same list after a person decided on it: what deviates from the ranking stands on it.

    Nothing before there was a decision: a refused one leaves the list as it lies.
    """
    with run.step() as session:
        if session.scalar(select(func.count()).select_from(Approval).where(Approval.season == run.year)):
            _put(run, proposal_page(session, run))


def _put(run: Run, page: ProposalPage) -> None:
    if run.dry_run:
        return
    put_proposal_page(run.settings.home.absolute(), page)
    write_workbook(paths.office_folder(run.settings, run.year) / WORKBOOK, page)
    outcome(as_markdown(page), key=f"proposal-{page.season}")


def as_markdown(page: ProposalPage) -> str:
    """The list for the dashboard: numbers and titles only, no person's name."""
    counts = "，".join(f"{tier.label}{page.prizes(tier)}项" for tier in Tier)
    approved, *_ = page.approval or (page.digest,)
    left = "" if approved == page.digest else f"（已审定；移出以后为 `{page.digest}`）"
    head = (
        f"## 拟获奖名单 {page.season}\n\n校验码 `{approved}`{left}\n\n{counts}；计分办法：{page.method}；"
        f"评审专家{page.experts}人，利益冲突{page.conflicts}对（均未配对），回避{page.recusals}次，缺席{page.absences}人。\n\n"
        + (f"专家分配：{page.assignment}。\n\n" if page.assignment else "")
    )
    cuts = "".join(
        f"- {cut.tier.label}以下（第{cut.after}位后）：得分相同：{_numbers(cut.tied)}；评分难以区分：{_numbers(cut.close)}\n"
        for cut in page.cuts
    )
    looks = "".join(f"- {look.number} {plain(look.title)}：分差{look.spread}\n" for look in page.disagreements)
    deviations = "".join(
        f"- {deviation.number} {plain(deviation.title)}：{deviation.change}（{plain(deviation.reason)}）\n"
        for deviation in page.deviations
    )
    rows = "".join(
        f"| {line.rank} | {line.number} | {plain(line.title)} | {line.tier.label if line.tier else ''} | "
        f"{line.merit:.2f} | {line.raw_mean:.2f} | {line.low:.2f}–{line.high:.2f} | {plain('；'.join(line.notes))} |\n"
        for line in page.lines
    )
    return (
        f"{head}### 等次分界\n\n{cuts or '无'}\n\n### 专家分歧较大\n\n{looks or '无'}\n\n### 人工调整\n\n{deviations or '无'}\n\n"
        "### 排序\n\n| 名次 | 编号 | 名称 | 拟授等次 | 得分 | 平均分 | 区间 | 说明 |\n|---|---|---|---|---|---|---|---|\n"
        f"{rows}"
    )


def _numbers(numbers: tuple[str, ...]) -> str:
    """The first few; the workbook lists them all."""
    more = f"……共{len(numbers)}项，全部见工作簿“等次分界”" if len(numbers) > _SHOWN else ""
    return ("、".join(numbers[:_SHOWN]) or "无") + more


def proposal_page(session: Session, run: Run) -> ProposalPage:
    """The frozen list as it stands, with the decisions taken on it so far."""
    year = run.year
    ranking = latest_facts(session, call_subject(year), Trigger.FREEZE_RANKING).get("ranking", {})
    experts = seated(session, year)
    barred = _barred(session, run)
    lines = _lines(session, run)
    return ProposalPage(
        season=year,
        programme=run.season.title,
        office=run.season.office.name,
        made_at=run.at,
        due_at=_due_at(session, run),
        digest=list_digest(session, year),
        method=_METHODS[run.season.final_round.method],
        lines=lines,
        cuts=_cuts(ranking, lines),
        disagreements=_disagreements(session, run),
        experts=len(experts),
        conflicts=len(barred),
        assignment=_assignment(latest_facts(session, call_subject(year), Trigger.ASSIGN)),
        recusals=session.scalar(select(func.count()).select_from(Recusal).where(Recusal.season == year)) or 0,
        absences=session.scalar(select(func.count()).select_from(Seat).where(Seat.season == year, Seat.absent)) or 0,
        deviations=deviations(session, year),
        barred=barred,
        recused=_recused(session, year),
        approval=_approval(session, year),
        vacant=tuple((Tier(tier), left) for tier, left in ranking.get("vacant", {}).items() if left),
    )


def _approval(session: Session, year: int) -> tuple[str, str, datetime] | None:
    """What a person approved, by whom, and when, as long as it stands."""
    last = session.scalars(select(Approval).where(Approval.season == year).order_by(Approval.ordinal.desc())).first()
    if last is None or last.decision is not ApprovalDecision.APPROVED:
        return None
    return last.list_digest, last.officer, last.decided_at


def _assignment(facts: Mapping[str, Any]) -> str:
    """How well the submissions are served, beside what no assignment could exceed."""
    if "level" not in facts:
        return ""
    first = "匹配度最低的项目" if facts["aim"] == "fair" else "最低匹配比例"
    proof = "已证明最优" if facts["proven"] else "未证明最优"
    return (
        f"{first}{_two(facts['level'])}（上限{_two(facts['level_at_most'])}），"
        f"匹配度合计{_two(facts['total'])}（上限{_two(facts['total_at_most'])}），{proof}"
    )


def _two(figure: str) -> str:
    """Two places are enough to read; the record holds six."""
    return f"{Decimal(figure):.2f}"


def deviations(session: Session, year: int) -> tuple[Deviation, ...]:
    """What deviates from the ranking: lists sent back, prizes that the panel did not carry, submissions struck."""
    decided = session.scalars(select(Approval).where(Approval.season == year).order_by(Approval.ordinal)).all()
    sent_back = [
        Deviation("", "全部名单", approval.decision.label, approval.officer, approval.reason, approval.decided_at)
        for approval in decided
        if approval.decision is not ApprovalDecision.APPROVED
    ]
    struck = session.execute(
        select(Placing.number, Submission.title, Placing.tier, Placing.struck)
        .join(Submission, Submission.number == Placing.number)
        .where(Placing.season == year, Placing.struck != "")
        .order_by(Placing.position)
    )
    return (
        *sent_back,
        *_not_carried(session, year),
        *(
            Deviation(
                number,
                title,
                f"由拟{tier.label if tier else ''}移出名单",
                decided[-1].officer,
                reason,
                decided[-1].decided_at,
            )
            for number, title, tier, reason in struck
            if decided
        ),
    )


def _not_carried(session: Session, year: int) -> Iterator[Deviation]:
    at, facts = latest_entry(session, call_subject(year), Trigger.CLOSE_VOTES)
    for vote in facts.get("votes", ()):
        placing = session.get(Placing, vote["number"])
        if vote["after"] != vote["tier"] and placing is not None and placing.voted:
            title = session.get_one(Submission, vote["number"]).title
            change = f"由拟{Tier(vote['tier']).label}改为{Tier(vote['after']).label if vote['after'] else '不授奖'}"
            yield Deviation(vote["number"], title, change, "评审委员会", placing.voted, datetime.fromisoformat(at))


def _due_at(session: Session, run: Run) -> datetime:
    deadlines = load_season_facts(session, run.year).deadlines
    return deadlines.at(Milestone.OPEN_PUBLIC_NOTICE) or run.season.dates.open_public_notice


def _lines(session: Session, run: Run) -> tuple[ProposedLine, ...]:
    names: dict[str, str] = dict(
        session.execute(
            select(Organisation.number, Organisation.name)
            .join(Submission, Submission.number == Organisation.number)
            .where(Submission.season == run.year, Organisation.position == 1)
        ).all()
    )
    rows = {row.number: row for row in session.scalars(select(Submission).where(Submission.season == run.year))}
    return tuple(
        ProposedLine(
            rank=placing.rank,
            number=placing.number,
            title=rows[placing.number].title,
            unit=name_on(rows[placing.number].unit, local_day(run.at)),
            category=rows[placing.number].category,
            organisation=names.get(placing.number, ""),
            tier=placing.tier,
            merit=placing.merit,
            raw_mean=placing.raw_mean,
            low=placing.low,
            high=placing.high,
            scores=placing.scores,
            spread=placing.spread,
            settled=placing.settled,
            passed_over=placing.passed_over,
            struck=placing.struck,
            voted=placing.voted,
        )
        for placing in placings(session, run.year)
    )


def _cuts(ranking: Mapping[str, Any], lines: tuple[ProposedLine, ...]) -> tuple[Cut, ...]:
    """Below each tier: who is equal to its last one, and who cannot be told from the other side by the scores."""
    close = {cut["tier"]: (*cut["above"], *cut["below"]) for cut in ranking.get("close_cuts", ())}
    found = []
    for tier in Tier:
        within = [position for position, line in enumerate(lines, start=1) if line.tier is tier]
        if within:
            last = lines[max(within) - 1]
            tied = tuple(line.number for line in lines if line.settled and line.merit == last.merit)
            found.append(Cut(tier, max(within), tied, close.get(tier.value, ())))
    return tuple(found)


def _disagreements(session: Session, run: Run) -> tuple[Disagreement, ...]:
    scores = counted_scores(session, run.year)
    titles: dict[str, str] = dict(
        session.execute(select(Submission.number, Submission.title).where(Submission.season == run.year)).all()
    )
    totals: dict[str, list[Any]] = grouped((score.submission, score.total) for score in scores)
    return tuple(
        Disagreement(
            spread.submission,
            titles[spread.submission],
            tuple(sorted(totals[spread.submission])),
            spread.range.normalize() + 0,
            _person(session, spread.furthest),
        )
        for spread in wide_spreads(scores, run.season.final_round.look_range)
    )


def _barred(session: Session, run: Run) -> tuple[Barred, ...]:
    """Every pair of a ranked submission and a seated expert that was never made, with why; recusals stand apart."""
    found = season_conflicts(session, run.season, seated(session, run.year))
    conflicts = {
        pair: "；".join(kind.label for kind in why if kind is not ConflictKind.RECUSED)
        for pair, why in sorted(found.pairs.items())
    }
    return tuple(Barred(number, _person(session, expert), why) for (number, expert), why in conflicts.items() if why)


def _recused(session: Session, year: int) -> tuple[Barred, ...]:
    rows = session.scalars(select(Recusal).where(Recusal.season == year).order_by(Recusal.number, Recusal.expert))
    return tuple(Barred(recusal.number, _person(session, recusal.expert), recusal.reason) for recusal in rows)


def _person(session: Session, expert: str | None) -> str:
    return f"{session.get_one(Expert, expert).name}（{expert}）" if expert else ""
