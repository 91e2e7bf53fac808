"""The proposed list for the office: page, workbook, letter, artifact. Nothing is public before a named person approves."""

from sqlalchemy import func, select

from flows.engine.artifacts import outcome, plain
from flows.home import paths
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.publish.pages import ProposalPage, put_page
from flows.publish.proposal_book import write_workbook
from flows.publish.proposal_page import proposal_page
from flows.run import Run
from models import Approval
from models.enums import Tier

WORKBOOK = "拟获奖名单.xlsx"
_SHOWN = 8


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
    put_page(run.settings.home.absolute(), page)
    write_workbook(paths.office_folder(run.settings, run.year) / WORKBOOK, page)
    outcome(as_markdown(page), key=f"proposal-{page.season}")


def as_markdown(page: ProposalPage) -> str:
    """The list for the dashboard: numbers and titles only, no person's name."""
    counts = "，".join(f"{tier.label}{page.prizes(tier)}项" for tier in Tier)
    head = (
        f"## 拟获奖名单 {page.season}\n\n校验码 `{page.digest}`\n\n{counts}；计分办法：{page.method}；"
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
