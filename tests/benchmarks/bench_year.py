"""A whole year of a generated season, stage by stage, then everything that examines, keeps and restores it.

    python -m tests.benchmarks.bench_year [--sizes 400 10000] [--databases sqlite postgresql]

Half of what each unit hands in is recommended, every expert scores everything. Rows come in by the same functions
as from workbooks (which bench_workbooks measures); every workbook, letter and page that a stage makes is made.
`s` are this process's CPU seconds (user and system: the machine may be shared; PostgreSQL's own are not in them),
`MB` is the process's peak so far, `exponent` that of the CPU seconds from the size before: 1 is linear. Each size
runs in a process of its own.
"""

import argparse
import hashlib
import math
import resource
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import select

from config.milestones import Milestone
from config.season import Season
from config.settings import Settings
from flows import (
    archive,
    check_eligibility,
    close_call,
    close_district_round,
    close_eligibility,
    close_final_round,
    close_practice,
    close_public_notice,
    close_re_review,
    close_season,
    draw_panel,
    follow_up,
    open_call,
    open_practice,
    open_public_notice,
    publish_results,
    write_report,
)
from flows.demo.people import credit_code
from flows.office.doctor_files import FILE_INVARIANTS
from flows.run import Ending, Run
from models import Expert, Submission
from models.database import make_engine, reading
from models.enums import Role, Verdict
from models.forms import ContactForm, ContributorForm, OrganisationForm, ScoreForm, VerdictForm
from models.schema import upgrade
from states.audit.export import export_history
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.audit.recompute import recompute
from states.audit.verify import verify
from states.district_round.verdicts import take_verdicts
from states.final_round.approval import approve, list_digest
from states.final_round.scores import take_scores
from states.history.read import read_entries
from states.machine import Act, Actor
from states.maintenance.backup import backup
from states.maintenance.restore import restore
from states.outstanding import scores_owed
from states.submissions.delivery import Delivered
from states.submissions.intake import Incoming, take_submissions
from states.timeline import plan_season
from tests.support.builders import OFFICE, a_form, an_expert, season_rules
from tests.support.databases import Postgres
from tests.support.playing import Player

YEAR = 2026
M = Milestone
Part = tuple[str, float, float]  # what was done, CPU seconds, peak of the process in MB
# The body of a stage, by its milestone; what people do with a player's home, by a name of its own.
Deed = tuple[str, Callable[..., Any]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[400, 10_000])
    options.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    asked = options.parse_args()
    for kind in asked.databases:
        before: tuple[int, dict[str, float]] = (0, {})
        for size in asked.sizes:
            with ProcessPoolExecutor(1, get_context("spawn")) as another:
                before = size, another.submit(_print, kind, size, before).result()


def _print(kind: str, size: int, before: tuple[int, dict[str, float]]) -> dict[str, float]:
    """Every part's line as soon as it is done; the seconds by part."""
    print(f"\n{kind}, {size} submissions{'':<10}{'s':>10}{'MB':>8}{'exponent':>10}")
    took = {}
    for name, seconds, peak in measure(kind, size):
        print(f"{name:<32}{seconds:>12.2f}{peak:>8.0f}{_exponent(before, name, size, seconds):>10}", flush=True)
        took[name] = seconds
    return took


def _exponent(before: tuple[int, dict[str, float]], name: str, size: int, seconds: float) -> str:
    known = before[1].get(name, 0)
    return f"{math.log(seconds / known) / math.log(size / before[0]):.2f}" if known and seconds else ""


def measure(kind: str, size: int) -> Iterator[Part]:
    """What every part of the year cost, in the order of the year."""
    with tempfile.TemporaryDirectory() as folder, _server(kind) as server:
        homes = [Path(folder) / name for name in ("home", "another")]
        urls = [server.create(home.name) if server else f"sqlite:///{home / 'gangchuang.db'}" for home in homes]
        for home, url in zip(homes, urls, strict=True):
            home.mkdir()
            engine = make_engine(url)
            upgrade(engine)
            engine.dispose()
        own = Settings(home=homes[0], database_url=urls[0])
        player = Player(own, make_engine(urls[0]), YEAR)
        yield from played(player, size)
        yield from _examined(player, urls[1], homes[1])
        player.engine.dispose()


@contextmanager
def _server(kind: str) -> Iterator[Postgres | None]:
    server = Postgres() if kind == "postgresql" else None
    try:
        if server:
            server.start()
        yield server
    finally:
        if server:
            server.remove()


def year_of(size: int) -> tuple[Deed, ...]:
    """Everything that stages and people do in a year of so many submissions, in its order."""
    return (
        (M.OPEN_CALL, open_call.opening),
        ("take submissions", lambda player: hand_in(player, size)),
        (M.CLOSE_CALL, close_call.closing),
        ("take verdicts", _judge),
        (M.CLOSE_DISTRICT_ROUND, close_district_round.closing),
        (M.CHECK_ELIGIBILITY, check_eligibility.checking),
        (M.CLOSE_ELIGIBILITY, close_eligibility.concluding),
        (M.DRAW_PANEL, draw_panel.drawing),
        ("take scores", _score),
        (M.CLOSE_FINAL_ROUND, close_final_round.closing),
        ("take scores again", lambda player: _score(player, 2)),
        (M.CLOSE_RE_REVIEW, close_re_review.concluding),
        ("approve", _approve),
        (M.OPEN_PUBLIC_NOTICE, open_public_notice.opening),
        (M.CLOSE_PUBLIC_NOTICE, close_public_notice.closing),
        (M.PUBLISH_RESULTS, publish_results.publishing),
        (M.ARCHIVE, archive.archiving),
        (M.OPEN_PRACTICE, open_practice.asking),
        (M.CLOSE_PRACTICE, close_practice.closing),
        (M.WRITE_REPORT, write_report.writing),
        (M.FOLLOW_UP, follow_up.asking),
        (M.CLOSE_SEASON, close_season.closing),
    )


def planned(player: Player, rules: Season) -> None:
    """The season and as many experts as its panel wants, ten days before the call."""
    begun = rules.dates.open_call - timedelta(days=10)
    player.at(begun)
    with player.writing() as session:
        plan_season(session, rules, Act(OFFICE, begun))
        for ordinal in range(1, rules.final_round.panel_size + rules.final_round.reserves + 20):
            expert = an_expert(session, ordinal)
            session.get_one(Expert, expert).statement_on = rules.dates.close_eligibility.date()


def played(player: Player, size: int, rules: Season | None = None) -> Iterator[Part]:
    """The year of so many submissions, part after part; seasons before it may lie in the database."""
    planned(player, rules or rules_for(size))
    for name, deed in year_of(size):
        yield _passed(player, name, deed) if isinstance(name, Milestone) else _timed(name, partial(deed, player))


def rules_for(size: int) -> Season:
    """The shipped season, its quota, panel and prizes grown to the size."""
    season = season_rules()
    units = len(season.units())
    quota = max(1, size // units // 2)
    last = season.final_round
    panel = max(
        last.panel_size, math.ceil(1.2 * quota * units * last.scores_per_submission / last.submissions_per_expert)
    )
    tiers = last.tiers.model_copy(update={"prizes": max(6, size // 10)})
    final_round = last.model_copy(update={"panel_size": panel, "panel_per_field": 1, "tiers": tiers})
    district_round = season.district_round.model_copy(update={"quota": quota})
    return season.model_copy(update={"final_round": final_round, "district_round": district_round})


def hand_in(player: Player, size: int) -> None:
    season, units = player.season, player.season.units()
    player.at(season.dates.open_call + timedelta(days=1))
    for place, unit in enumerate(units):
        forms = [_form(season, serial) for serial in range(place, size, len(units))]
        with player.writing() as session:
            delivered = _delivered(player, Actor(Role.DISTRICT, unit.code))
            taken = take_submissions(session, delivered, [Incoming(row, form) for row, form in enumerate(forms, 1)])
            assert not taken.refused


def _form(season: Season, serial: int) -> Any:
    # As many words as people write, and each title unlike the others.
    name = hashlib.sha256(f"{season.year}/{serial}".encode()).hexdigest()[:12]
    company = OrganisationForm(name=f"示例{name}机械公司", credit_code=credit_code("91", serial + 1))
    person = ContributorForm(name=f"示例·{name}", organisation=company.name, role="主研", consent=True)
    text = f"示例：对{name}的传动与控制作了重新设计，降低了能耗与故障。" * 12
    return a_form(
        f"{name}示例装置",
        field=season.fields[serial % len(season.fields)],
        completed_on=date(season.covered_years[0], 6, 1),
        organisations=(company,),
        contributors=(person,),
        contact=ContactForm(name="示例联系人", phone="13800000000", mail="contact@example.invalid"),
        **dict.fromkeys(("abstract", "innovation", "practicality", "spread"), text),
    )


def _judge(player: Player) -> None:
    season = player.season
    with player.reading() as session:
        query = select(Submission.unit, Submission.number).where(Submission.season == player.year)
        rows = session.execute(query.order_by(Submission.unit, Submission.number)).all()
    for unit, own in groupby(rows, key=lambda row: row.unit):
        quota, forms = season.quota_of(unit), []
        for place, row in enumerate(own, start=1):
            points = _points(season.rubric_of(unit), row.number)
            verdict = Verdict.RECOMMENDED if place <= quota else Verdict.NOT_RECOMMENDED
            forms.append((place, VerdictForm(number=row.number, verdict=verdict, points=points)))
        with player.writing() as session:
            delivered = _delivered(player, Actor(Role.DISTRICT, unit))
            assert not take_verdicts(session, delivered, forms).refused


def _score(player: Player, round_number: int = 1) -> None:
    season = player.season
    with player.reading() as session:
        sheets = scores_owed(session, player.year, round_number)
    for expert, numbers in sorted(sheets.items()):
        forms = [
            (row, ScoreForm(number=number, points=_points(season.final_round.rubric, expert, number, round_number)))
            for row, number in enumerate(numbers, start=1)
        ]
        with player.writing() as session:
            delivered = _delivered(player, Actor(Role.EXPERT, expert))
            assert not take_scores(session, delivered, forms).refused


def _approve(player: Player) -> None:
    with player.writing() as session:
        act = Act(OFFICE, player.settings.clock.now())
        approve(session, player.year, act, digest=list_digest(session, player.year), reason="示例", strike=())


def _points(rubric: Any, *serial: object) -> dict[str, Decimal]:
    """Points in the upper half of each criterion; equals are as rare as with people."""
    drawn = hashlib.sha256(repr(serial).encode()).digest()
    return {
        criterion.key: Decimal(criterion.maximum - byte % (criterion.maximum // 2))
        for criterion, byte in zip(rubric, drawn, strict=False)
    }


def _delivered(player: Player, who: Actor) -> Delivered:
    at = player.settings.clock.now()
    digest = hashlib.sha256(f"{who}{at}".encode()).hexdigest()
    return Delivered(player.year, who.name, digest, at, Act(who, at))


def _passed(player: Player, milestone: Milestone, body: Callable[[Run], Ending]) -> Part:
    player.at(max(player.due_at(milestone), player.settings.clock.now()))

    def play() -> None:
        done = player.play(milestone.value, body, milestone)
        assert done.outcome == "done", done

    return _timed(milestone.value, play)


def _examined(player: Player, url: str, other: Path) -> Iterator[Part]:
    with reading(player.engine) as session:
        yield _timed("verify", lambda: _expect([], verify(session)))
    with reading(player.engine) as session:
        yield _timed("recompute", lambda: _expect([], recompute(read_entries(session, YEAR))))
        yield _timed("export", lambda: export_history(session, YEAR, other / "history.jsonl"))
    kept = other / "backup.zip"
    yield _timed("backup", lambda: backup(player.engine, player.home, kept))
    engine = make_engine(url)
    yield _timed("restore", lambda: restore(kept, engine, other, invariants=()))
    engine.dispose()
    with reading(player.engine) as session:
        every = (*EVERY_INVARIANT, *FILE_INVARIANTS)
        # Rows came without deliveries: the receipts of none are looked for.
        yield _timed("doctor", lambda: broken_invariants(session, player.home, every))


def _expect(wanted: list[Any], found: list[Any]) -> None:
    assert found == wanted, found[:5]


def _timed(name: str, work: Callable[[], object]) -> Part:
    before = _cpu()
    work()
    return name, _cpu() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
