"""Content for pages, all of it fictitious."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from flows.publish.pages.content import (
    AwardChange,
    AwardLine,
    Cut,
    Deviation,
    Disagreement,
    IndexEntry,
    IndexPage,
    NoticePage,
    PageProof,
    ProposalPage,
    ProposedLine,
    ResultsPage,
)
from models.enums import Carrier, Category, Tier

PROGRAMME = "示例岗位创新争先行动"
OFFICE = "示例协调小组办公室"
CONTACT = "office@example.invalid"
AT = datetime(2026, 8, 3, 1, 0, tzinfo=UTC)
ROOT = "71" * 32
DIGEST = "e4" * 32
# What a web server may forbid the public pages in its header: nginx does, and the browser's tests read them under it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def a_line(number: int = 1, **changed: Any) -> AwardLine:
    line = {
        "number": f"2026-500101-{number:03d}",
        "title": f"第{number}号示例装置",
        "tier": list(Tier)[number % 3],
        "category": list(Category)[number % 3],
        "carrier": list(Carrier)[number % 3],
        "unit": "万州区",
        "organisations": (f"示例{number}号公司",),
        "contributors": (f"示例·甲{number}", f"示例·乙{number}"),
        "withheld": 0,
        "licensed": True,
    }
    return AwardLine(**(line | changed))


def lines(count: int = 12) -> tuple[AwardLine, ...]:
    return tuple(a_line(number) for number in range(1, count + 1))


def a_notice(**changed: Any) -> NoticePage:
    page = NoticePage(
        season=2026,
        programme=PROGRAMME,
        office=OFFICE,
        contact=CONTACT,
        opens_on=date(2026, 8, 3),
        closes_on=date(2026, 8, 7),
        answer_working_days=15,
        lines=lines(),
        proof=PageProof(ROOT, 413),
    )
    return replace(page, **changed)


def a_results_page(**changed: Any) -> ResultsPage:
    page = ResultsPage(
        season=2026,
        programme=PROGRAMME,
        office=OFFICE,
        contact=CONTACT,
        published_at=AT,
        lines=lines(),
        proof=PageProof(ROOT, 413, "history.jsonl", "verify_history.py", f"python3 verify_history.py {ROOT}"),
        notice_link="notice.html",
        amounts_yuan=((Tier.FIRST, 3000),),
        noticed=14,
        changes=(
            AwardChange(
                "2026-500101-098", "第98号示例装置", date(2026, 8, 4), "异议核查中，暂缓授奖", "核查结束前暂缓"
            ),
            AwardChange("2026-500101-099", "第99号示例装置", date(2026, 9, 4), "撤销获奖", "经核查撤销"),
        ),
        objections=(("事实与材料", "核查中", 1),),
    )
    return replace(page, **changed)


def an_index(**changed: Any) -> IndexPage:
    entries = (IndexEntry("拟获奖名单公示", "notice.html", AT, "公示期五个工作日。"),)
    return replace(
        IndexPage(season=2026, programme=PROGRAMME, office=OFFICE, contact=CONTACT, entries=entries), **changed
    )


def a_proposed_line(rank: int, **changed: Any) -> ProposedLine:
    line = ProposedLine(
        rank=rank,
        number=f"2026-500101-{rank:03d}",
        title=f"第{rank}号示例装置",
        unit="万州区",
        category=Category.DESIGN,
        organisation="示例公司",
        tier=Tier.FIRST if rank <= 2 else Tier.SECOND if rank <= 4 else None,
        merit=Decimal(90) - rank,
        raw_mean=Decimal(90) - rank + Decimal("0.256"),
        low=Decimal(88) - rank,
        high=Decimal(92) - rank,
        scores=5,
        spread=Decimal("31.5"),
    )
    return replace(line, **changed)


def a_proposal(**changed: Any) -> ProposalPage:
    proposed = tuple(a_proposed_line(rank) for rank in range(1, 7))
    page = ProposalPage(
        season=2026,
        programme=PROGRAMME,
        office=OFFICE,
        made_at=AT,
        due_at=AT,
        digest=DIGEST,
        method="去掉最高分和最低分后平均",
        lines=proposed,
        cuts=(Cut(Tier.FIRST, 2, tied=("2026-500101-002", "2026-500101-003")), Cut(Tier.SECOND, 4)),
        disagreements=(
            Disagreement("2026-500101-005", "第5号示例装置", (Decimal(50), Decimal("81.5")), Decimal("31.5")),
        ),
        experts=43,
        conflicts=217,
        recusals=3,
    )
    return replace(page, **changed)


def a_deviation() -> Deviation:
    return Deviation("2026-500101-004", "第4号示例装置", "由二等奖改为不获奖", "示例·王主任", "不在征集范围内", AT)
