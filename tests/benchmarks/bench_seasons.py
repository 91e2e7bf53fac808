"""What the years leave behind, season after season: scorecards, the yearly report, evidence of a person, a firm, a unit.

    python -m tests.benchmarks.bench_seasons [--seasons 5] [--submissions 10000]

Every season has the rows and the whole record of so many submissions: half recommended, each of these scored by five, a
fifth of these awarded, certified and followed up. Each season is measured with those before it in the same database:
what a season costs must not grow with them. `s` are CPU seconds, `MB` the peak of the process that measures the season and
did not fill the database; an evidence is of all seasons until then, and a yearly report compares the last five, so that
their seconds are given for each. The JSON of an evidence is checked by the checker that goes with it.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from config.season import Season
from flows.assess_units import _cards
from flows.papers.evidence import write_evidence
from flows.reports.scorecards import Scored, files
from flows.reports.yearly import FILES, report_files
from models import Certificate, Consent, Contributor, History, Organisation, Submission, SubmissionVersion
from models.database import make_engine, reading, writing
from models.enums import (
    CallState,
    Carrier,
    Category,
    CertificateState,
    ConsentKind,
    Holder,
    Outcome,
    PublicationKind,
    Role,
    SubmissionState,
    Tier,
    Trigger,
)
from models.queries import season_in_force
from models.schema import upgrade
from states.audit.evidence import About, SubjectKind, evidence
from states.history import canonical, verify_history
from states.machine import Act, Actor
from states.roots import record_root
from states.rules.names import name_key
from tests.support.builders import PANEL, SYSTEM, a_season, season_rules
from tests.support.entries import Entry, Link, chain

FIRST_YEAR, EXPERTS = 2026, 5
T, S = Trigger, SubmissionState
Row = dict[str, Any]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seasons", type=int, default=5)
    options.add_argument("--submissions", type=int, default=10_000)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{asked.submissions} submissions a season{'':<12}{'s':>8}{'MB':>8}", flush=True)
        for year in range(FIRST_YEAR, FIRST_YEAR + asked.seasons):
            for work in (_fill, _measure):
                own = get_context("spawn").Process(target=work, args=(Path(folder), year, asked.submissions))
                own.start()
                own.join()
                if own.exitcode:
                    raise SystemExit(own.exitcode)


def _fill(folder: Path, year: int, count: int) -> None:
    engine = make_engine(f"sqlite:///{folder}/gangchuang.db")
    upgrade(engine)
    fill(engine, year, count)


def _measure(folder: Path, year: int, count: int) -> None:
    engine = make_engine(f"sqlite:///{folder}/gangchuang.db")
    for name, seconds, peak in measured(engine, year, folder):
        print(f"{year} {name:<32}{seconds:>8.2f}{peak:>8.0f}", flush=True)


def measured(engine: Engine, year: int, folder: Path) -> Iterator[tuple[str, float, float]]:
    """CPU seconds and peak of what one season leaves, the seasons before it beside it."""
    seasons, at = year - FIRST_YEAR + 1, season_rules(year).dates.close_season

    def score() -> None:
        with reading(engine) as session:
            season = season_in_force(session, year)
            before = _cards(session, season_in_force(session, year - 1)) if year > FIRST_YEAR else {}
            assert len(files(Scored(season, at, _cards(session, season), before))) == 2 + 2 * len(season.units())

    def report() -> None:
        with reading(engine) as session:
            assert set(report_files(session, season_in_force(session, year), at)) == set(FILES)

    def hand_over(about: About) -> Callable[[], None]:
        def made() -> None:
            with reading(engine) as session:
                told = evidence(session, about, at, site_url="https://gangchuang.example.invalid/")
            done = write_evidence(told, folder / "out", "https://gangchuang.example.invalid/")
            english, _ = verify_history.check_file(str(done.document), [one["root"] for one in told.publications])
            assert english.startswith("OK"), english
            assert {case.season for case in told.cases} == {*range(FIRST_YEAR, year + 1)}

        return made

    units = season_rules(year).units()
    yield _timed("scorecards, this season and last", score)
    label, seconds, peak = _timed("yearly report, a season", report)
    yield label, seconds / seasons, peak
    for kind, name in (
        (SubjectKind.PERSON, "示例·完成人4"),
        (SubjectKind.ORGANISATION, "示例公司4"),
        (SubjectKind.UNIT, units[4].code),
    ):
        label, seconds, peak = _timed(f"evidence of one {kind}", hand_over(About(kind, name)))
        yield f"{label}, a season", seconds / seasons, peak


def fill(engine: Engine, year: int, count: int) -> None:
    """A season's submissions with their whole record and a root over it; the same people and firms in each."""
    with writing(engine) as session:
        season = a_season(session, year, CallState.CLOSED, rules=season_rules(year))
        rows: dict[Any, list[Row]] = {}
        for serial in range(count):
            for table, own in _submission(season, serial).items():
                rows.setdefault(table, []).extend(own)
        for table, values in rows.items():
            session.execute(insert(table), values)
        record_root(session, year, PublicationKind.ARCHIVE, Act(SYSTEM, season.dates.close_season))


def _submission(season: Season, serial: int) -> dict[Any, list[Row]]:
    units = season.units()
    unit, place = units[serial % len(units)].code, serial // len(units) + 1
    number, ordinal = f"{season.year}-{unit}-{place:04d}", serial // 10 + 1
    recommended, awarded = serial % 2 == 0, serial % 10 == 4
    tier = list(Tier)[serial // 10 % 3]
    told = _Chain(season, number)
    form = {"unit": unit, "category": "invention", "carrier": "team", "contributors": 1, "version": 1}
    district = Actor(Role.DISTRICT, unit)
    arrived = {"content_digest": "0" * 64, "arrived_at": season.dates.open_call.isoformat(), "admitted": False}
    told.add(T.SUBMIT, district, season.dates.open_call, {**form, **arrived}, to=S.SUBMITTED)
    verdict = {"verdict": "recommended" if recommended else "not_recommended", "total": 60 + serial % 40, "rank": None}
    told.add(T.RECORD_DISTRICT_REVIEW, district, season.dates.close_call, verdict, to=S.DISTRICT_REVIEWED)
    outcome = Outcome.NOT_RECOMMENDED
    if recommended:
        told.add(T.PASS_ELIGIBILITY, SYSTEM, season.dates.close_eligibility, {})
        for expert in range(EXPERTS):
            alias = f"X{(serial * EXPERTS + expert) % 400:012x}"
            mark = {"expert": alias, "round": 1, "total": 60 + (serial + 7 * expert) % 40}
            told.add(T.RECORD_SCORE, Actor(Role.EXPERT, alias), season.dates.draw_panel, mark)
        merit = {"merit": 60 + serial % 40}
        told.add(T.RECORD_FINAL_REVIEW, PANEL, season.dates.close_final_round, merit, to=S.FINAL_REVIEWED)
        outcome = Outcome.NO_PRIZE
    if awarded:
        told.add(T.AWARD, SYSTEM, season.dates.publish_results, {"tier": tier.value}, to=S.AWARDED)
        given = {"ordinal": ordinal, "holder": Holder.CONTRIBUTOR.value, "position": 1}
        facts = {"tier": tier.value, "certificates": [given]}
        told.add(T.GIVE_CERTIFICATES, SYSTEM, season.dates.publish_results, facts)
        outcome = Outcome.COMPLETED
    origin = told.state
    told.add(T.ARCHIVE, SYSTEM, season.dates.archive, {"outcome": outcome.value}, to=S.ARCHIVED)
    if awarded:
        told.add(
            T.RECORD_FOLLOW_UP, district, season.dates.follow_up, {"use": "in_use", "since": f"{season.year}-09-01"}
        )
    return {
        Submission: [_row(season, number, unit, place, told, origin, outcome, tier if awarded else None)],
        **_beside(season, number, serial),
        Certificate: [_certificate(season, number, ordinal, serial, tier)] if awarded else [],
        History: told.rows,
    }


class _Chain:
    """The entries of one submission as they are added."""

    def __init__(self, season: Season, number: str) -> None:
        self.season, self.subject = season, f"submission/{number}"
        self.link, self.state, self.rows = Link(0, canonical.ZERO), "", list[Row]()

    def add(self, word: Trigger, who: Actor, at: datetime, facts: Row, *, to: str = "") -> None:
        after = to or self.state
        text = canonical.canonical(facts)
        entry = Entry(self.subject, self.season.year, at, str(who), word, self.state, after, "", text, "")
        row, self.link = chain(entry, self.link)
        self.rows.append(row)
        self.state = after


def _row(
    season: Season, number: str, unit: str, place: int, told: _Chain, origin: str, outcome: Outcome, tier: Tier | None
) -> Row:
    title = f"示例成果{number}"
    at = season.dates.close_eligibility
    return {
        **{"number": number, "season": season.year, "unit": unit, "place": place, "state": S.ARCHIVED},
        **{"archived_from": S(origin), "outcome": outcome, "tier": tier, "title": title, "title_key": name_key(title)},
        "fingerprint": sha256(number.encode()).hexdigest(),
        **{"category": Category.INVENTION, "carrier": Carrier.TEAM, "field": season.fields[0], "version": 1},
        **{"completed_on": at.date(), "submitted_at": season.dates.open_call, "eligible_at": at},
        **{"sequence": told.link.sequence, "head": told.link.head},
    }


def _beside(season: Season, number: str, serial: int) -> dict[Any, list[Row]]:
    """People, firms, consents and contents: the same person and firm have a submission in each season."""
    person, firm = f"示例·完成人{serial}", f"示例公司{serial % 2000}"
    version = {"salt": "0" * 32, "digest": "0" * 64, "delivery": "0" * 64, "kept_at": season.dates.open_call}
    content = json.dumps({"abstract": "示例：" + "降低了能耗与故障。" * 40}, ensure_ascii=False)
    return {
        SubmissionVersion: [{"number": number, "version": 1, "content": content, **version}],
        Organisation: [{"number": number, "position": 1, "name": firm, "name_key": name_key(firm), "credit_code": ""}],
        Contributor: [
            {
                **{"number": number, "position": 1, "name": person, "name_key": name_key(person)},
                **{"organisation": firm, "role": "主研", "share": Decimal(100)},
            }
        ],
        Consent: [{"number": number, "kind": ConsentKind.NAME, "position": 1, "given": True, "withdrawn_at": None}],
    }


def _certificate(season: Season, number: str, ordinal: int, serial: int, tier: Tier) -> Row:
    return {
        **{"season": season.year, "ordinal": ordinal, "number": number, "holder": Holder.CONTRIBUTOR, "position": 1},
        **{"name": f"示例·完成人{serial}", "tier": tier, "state": CertificateState.VALID},
        "given_at": season.dates.publish_results,
    }


def _timed(name: str, work: Callable[[], object]) -> tuple[str, float, float]:
    before = time.process_time()
    work()
    return name, time.process_time() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
