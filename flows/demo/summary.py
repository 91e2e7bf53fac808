"""What the demo shows at its end: counts, mails, pages, the plot, the record, and where everything lies."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from rich import table as rich_table
from rich.console import Console
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.demo.accounting import Account
from flows.demo.officers import CommandFailed, command
from flows.demo.world import World
from flows.engine.environment import dashboard_url
from flows.papers.putting import CERTIFICATES, OFFICE_FILES
from flows.reports.practice import BOOK
from flows.reports.yearly import FILES
from models import Delivery, History, Message, Submission
from models.database import database_seconds, reading
from models.enums import Labelled, Outcome, Tier, Trigger
from models.queries import counts_by_state
from states.call import CALL
from states.machine import TransitionTable
from states.objections.reading import objection_counts
from states.submission import SUBMISSION

_PAGE = 200


@dataclass(frozen=True)
class Summary:
    """One finished demo in figures."""

    states: Mapping[str, int]
    outcomes: Mapping[str, int]
    tiers: Mapping[str, int]
    deliveries: Mapping[str, int]
    mails: Mapping[str, int]
    edges: Mapping[str, str]
    record: str
    deviations: tuple[str, ...]
    pages: tuple[Path, ...]
    objections: Mapping[str, int]
    year: int
    certificates: int
    papers: tuple[Path, ...]
    afterwards: tuple[Path, ...]
    home: Path
    dashboard: str
    runs: int
    seconds: float
    engine_seconds: float


def summarise(world: World, account: Account) -> Summary:
    """Count what a finished demo left behind."""
    with reading(world.engine) as session:
        year, wall = world.year, database_seconds(session)
        elapsed = account.elapsed()
        bodies = flow_runs()
        home = world.settings.home.absolute()
        office = home / "office" / str(year)
        here = Submission.season == year
        return Summary(
            states={state.label: count for state, count in counts_by_state(session, year).items()},
            outcomes=_labelled(session, Outcome, Submission.outcome, here),
            tiers=_labelled(session, Tier, Submission.tier, here, Submission.outcome == Outcome.COMPLETED),
            deliveries=_counted(session, Delivery.state, Delivery.season == year),
            mails=_counted(session, Message.state, Message.season == year),
            edges={table.name: _edges(session, year, table) for table in (SUBMISSION, CALL)},
            record=_verified(world),
            deviations=tuple(_deviations(session, world)),
            pages=tuple(sorted((home / "site").glob("*/*.html")) + sorted((home / "site" / "wall").glob("*.html"))),
            objections=_objections(session, year),
            year=year,
            certificates=len(list((office / CERTIFICATES).glob("*.pdf"))),
            papers=tuple(
                path for path in (office / CERTIFICATES, *map(office.joinpath, OFFICE_FILES)) if path.exists()
            ),
            afterwards=tuple(path for path in map(office.joinpath, (*FILES, BOOK)) if path.exists()),
            home=home,
            dashboard=dashboard_url(world.settings),
            runs=len(bodies),
            seconds=account.boot_seconds + elapsed,
            engine_seconds=account.engine_seconds(bodies, now=wall, elapsed=elapsed),
        )


def flow_runs() -> list[tuple[datetime, datetime]]:
    """When the body of each flow run was at work: from its start until it wrote its outcome (or ended)."""
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.sorting import FlowRunSort

    from flows.engine.deployments import prefect_client

    runs: list[FlowRun] = []
    written: dict[UUID | None, datetime] = {}
    with prefect_client() as client:
        while page := client.read_flow_runs(sort=FlowRunSort.START_TIME_ASC, limit=_PAGE, offset=len(runs)):
            runs += page
        seen = 0
        while found := client.read_artifacts(limit=_PAGE, offset=seen):
            seen += len(found)
            written |= {
                artifact.flow_run_id: artifact.created
                for artifact in found
                if artifact.type == "markdown" and artifact.created
            }
    spans = [(run.start_time, written.get(run.id) or run.end_time) for run in runs]
    return [(start, end) for start, end in spans if start and end]


def show(console: Console, summary: Summary) -> None:
    """Print a summary."""
    table = rich_table.Table(title="演示结束 The season is over", show_header=False, pad_edge=False)
    share = 100 * summary.engine_seconds / summary.seconds if summary.seconds else 0.0
    lines = {
        "states 状态": _words(summary.states),
        "outcomes 归档结论": _words(summary.outcomes),
        "awards standing 获奖": _words(summary.tiers),
        "deliveries 收件": _words(summary.deliveries),
        "mails 邮件": _words(summary.mails),
        "edges taken": _words(summary.edges),
        "record": summary.record,
        "plot": "every part ended as written" if not summary.deviations else "\n".join(summary.deviations),
        "results page": "\n".join(map(str, summary.pages)),
        "objections 异议": f"{_words(summary.objections)}\n{summary.home}/site/{summary.year}/results.html#objections\n"
        f"gangchuang objection list {summary.year}",
        "certificates 证书": f"{summary.certificates} in force; each unit has its own in a letter",
        "papers 证书、发放表、宣传材料": "\n".join(map(str, summary.papers)),
        "public 案例库、专区、核验、订阅": "\n".join(
            f"{summary.home}/site/{path}"
            for path in ("cases/index.html", "wall/index.html", "check/index.html", "feed.xml")
        ),
        "yearly report, good practice 年度报告、好经验好做法": "\n".join(map(str, summary.afterwards)),
        "everything": f"{summary.home} (inbox, outbox, receipts, mail, site, exports)",
        "dashboard": f"{summary.dashboard}  ·  artifacts: {summary.dashboard}/artifacts",
        "time": f"{summary.seconds:.0f} s, of which Prefect's {summary.engine_seconds:.0f} s ({share:.0f} %), "
        f"in {summary.runs} flow runs",
    }
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in lines.items():
        table.add_row(name, value)
    console.print(table, highlight=False, markup=False)


def _words(counts: Mapping[str, object]) -> str:
    return "  ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _counted(session: Session, column: Any, *where: Any) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(*where).group_by(column))
    return {getattr(value, "label", str(value)): count for value, count in rows if value is not None}


def _labelled(session: Session, members: type[Labelled], column: Any, *where: Any) -> dict[str, int]:
    """Counts of a closed list, in its order."""
    found = _counted(session, column, *where)
    return {member.label: found[member.label] for member in members if member.label in found}


def _objections(session: Session, year: int) -> dict[str, int]:
    """How many objections by what became of them."""
    found: Counter[str] = Counter()
    for (_, result), count in objection_counts(session, year).items():
        found[result] += count
    return dict(found)


def _edges(session: Session, year: int, table: TransitionTable[Any]) -> str:
    """How many of a machine's edges the record shows, as `taken of all`; another tier moves nothing."""
    rows = session.execute(
        select(History.trigger, History.from_state, History.to_state)
        .where(History.season == year, History.subject.startswith(f"{table.name}/"))
        .distinct()
    )
    walked = {tuple(row) for row in rows}
    moving = (edge for edge in table.edges if edge.trigger is not Trigger.CHANGE_TIER)
    edges = {(edge.trigger, str(edge.source or ""), str(edge.target)) for edge in moving}
    return f"{len(edges & walked)} of {len(edges)}"


def _deviations(session: Session, world: World) -> list[str]:
    """Parts of the plot that ended otherwise than written."""
    numbers = world.numbers()
    rows = session.execute(select(Submission.number, Submission.outcome).where(Submission.season == world.year))
    outcomes = dict(rows.all())
    found = []
    for key, wanted in world.cast.plot.endings().items():
        ended = outcomes.get(numbers[key]) if key in numbers else None
        if ended is not wanted:
            found.append(f"{key}: {wanted or 'not taken in'} was written, {ended or 'not taken in'} came")
    return found


def _verified(world: World) -> str:
    try:
        return command(world.settings, "verify", str(world.year)).strip()
    except CommandFailed as problem:
        return str(problem)
