"""Five seasons in one home, each made from the one before, each followed up while the next one goes on."""

import json
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import func, select

from config.milestones import Milestone
from config.season import SEASONS, load_season
from config.settings import PUBLIC
from config.units import UNITS_FILE
from flows.clock import Timekeeper
from flows.collect import collecting
from flows.erase_personal_data import erasing
from flows.new_season import new_season
from flows.office.facts import season_facts
from flows.publish.release import publish
from flows.workbooks.writer.filling import submission_row
from models import Assignment, Certificate, Contact, Contributor, Delivery, Expert, Seat, Submission
from models.enums import CallState, Outcome, WorkbookKind
from models.queries import call_state, planned_seasons, seasons_going_on
from states.audit.evidence import About, SubjectKind, evidence
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.audit.recompute import recompute
from states.audit.verify import verify
from states.history import verify_history
from states.history.read import is_erased, read_entries
from tests.benchmarks.bench_year import Part, played
from tests.support.builders import a_form
from tests.support.playing import Player

YEARS = range(2026, 2031)
SIZE, UNITS = 9, ("500101", "500103", "500107")
SMALL = {
    "quota = 10": "quota = 2",
    "scores_per_submission = 5": "scores_per_submission = 3",
    "panel_size = 40": "panel_size = 5",
    "panel_per_field = 3": "panel_per_field = 1",
    "reserves = 6": "reserves = 2",
    "prizes = 120": "prizes = 4",
}


@pytest.fixture
def small_home(player: Player) -> Player:
    """A home with three units and a season file for a handful of submissions."""
    for folder in ("units", "seasons"):
        (player.home / folder).mkdir()
    lines = UNITS_FILE.read_text("utf-8").splitlines()
    kept = [lines[0], *(line for line in lines if line.startswith(UNITS))]
    (player.home / "units" / "reporting_units.csv").write_text("\n".join(kept) + "\n", "utf-8")
    text = (SEASONS / "2026.toml").read_text("utf-8")
    for shipped, small in SMALL.items():
        assert shipped in text
        text = text.replace(shipped, small)
    (player.home / "seasons" / "2026.toml").write_text(text, "utf-8")
    return player


def until(parts: Iterator[Part], name: str) -> float:
    """CPU seconds of the parts of a year up to one of them."""
    spent = 0.0
    for part, seconds, _ in parts:
        spent += seconds
        if part == name:
            break
    return spent


def play_all(player: Player) -> Iterator[tuple[Player, float]]:
    """Every season to its end, the last one's follow-up beside this one's notice; what each took."""
    last: Iterator[Part] = iter(())
    for year in YEARS:
        if year != YEARS[0]:
            new_season.fn(year, year - 1)
        own = Player(player.settings, player.engine, year)
        parts = played(own, SIZE, load_season(year, player.home))
        spent = until(parts, "take submissions")
        cross_over(own)
        spent += until(parts, "publish_results")
        spent += until(last, "follow_up") + until(parts, "archive") + until(last, "close_season")
        spent += until(parts, "write_report")
        if year - 2 in YEARS:
            earlier = Player(player.settings, player.engine, year - 2)
            player.at(max(earlier.due_at(Milestone.ERASE_PERSONAL_DATA), player.settings.clock.now()))
            earlier.play("erase_personal_data", erasing, Milestone.ERASE_PERSONAL_DATA)
        last = parts
        yield own, spent


def cross_over(own: Player) -> None:
    """While the season before is followed up, what comes in finds its own season; what came before is known."""
    with own.reading() as session:
        going_on = seasons_going_on(session)
    assert going_on == [year for year in (own.year - 1, own.year) if year in YEARS]
    covered = {"completed_on": date(own.season.covered_years[0], 5, 1)}
    forms = [a_form(f"示例：{year}年另一项", **covered) for year in (own.year, *going_on[:-1])]
    own.deliver(UNITS[0], WorkbookKind.SUBMISSIONS, map(submission_row, forms))
    for year in going_on:
        Player(own.settings, own.engine, year).play("collect", collecting)
    with own.reading() as session:
        delivery = session.scalars(select(Delivery).where(Delivery.season == own.year)).one()
        assert (delivery.rows_in, delivery.rows_back) == (1, len(forms) - 1)
        assert len(forms) == 1 or f"与已有申报 {own.year - 1}-{UNITS[0]}-0004 为同一成果" in delivery.problems
    assert list(own.inbox(UNITS[0]).iterdir()) == []


def _look_across(small_home: Player) -> None:
    """Pages, clock, certificates, conflicts and evidence with five seasons in one database."""
    release = publish(small_home.settings, small_home.engine, small_home.settings.clock.now(), afresh=True)
    assert release is not None
    site = small_home.home / PUBLIC
    front = (site / "index.html").read_text("utf-8")
    for year in YEARS:
        assert f"{year}/" in front
        assert f"{year}-" in (site / str(year) / "results.html").read_text("utf-8")
    started: list[tuple[str, int]] = []
    keeper = Timekeeper(
        small_home.settings,
        small_home.engine,
        lambda stage, given, key: started.append((stage, given["season"])) or key,
    )
    for year in YEARS:
        keeper.look(year)
    assert {stage for stage, _ in started} <= {"remind"}, "reminders were left out above; no other step is due twice"
    with small_home.reading() as session:
        unit = evidence(session, About(SubjectKind.UNIT, UNITS[0]), small_home.settings.clock.now())
        tiers = dict(session.execute(select(Submission.number, Submission.tier)).all())
        ordinals = session.execute(
            select(Certificate.season, func.count(), func.max(Certificate.ordinal)).group_by(Certificate.season)
        ).all()
        own = select(Assignment.number).join(Expert, Expert.id == Assignment.expert)
        barred = (Contributor.number == Assignment.number) & (Contributor.name_key == Expert.name_key)
        assert session.scalars(own.join(Contributor, barred)).all() == []
    assert [season for season, count, last in ordinals if count == last] == list(YEARS), "each season counts from one"
    assert {case.season for case in unit.cases} == {*YEARS}
    assert all(case.record["tier"] == (tiers[case.number] or "") for case in unit.cases)
    assert len({one["root"] for one in unit.publications}) == len(YEARS)
    roots = [one["root"] for one in unit.publications]
    document = json.loads(json.dumps(unit.document))
    assert verify_history.check_evidence(document, roots, {})[0].startswith("OK: ")


@pytest.mark.timeout(900)
def test_five_seasons_in_a_row(small_home: Player) -> None:
    spent = {own.year: seconds for own, seconds in play_all(small_home)}

    print({year: round(seconds, 2) for year, seconds in spent.items()})
    with small_home.reading() as session:
        assert planned_seasons(session) == list(YEARS)
        assert [call_state(session, year) for year in YEARS] == [CallState.CLOSED] * 4 + [CallState.PUBLISHED]
        assert verify(session) == []
        assert broken_invariants(session, None, EVERY_INVARIANT) == []
        for year in YEARS:
            assert recompute(read_entries(session, year)) == []
            numbers = session.scalars(select(Submission.number).where(Submission.season == year)).all()
            assert len(numbers) == SIZE + 1
            assert all(number.startswith(f"{year}-") for number in numbers)
            outcomes = set(session.scalars(select(Submission.outcome).where(Submission.season == year)))
            assert Outcome.COMPLETED in outcomes
            assert session.scalar(select(func.count()).where(Seat.season == year)) >= 7
            assert is_erased(session, year) is (year <= YEARS[-1] - 2)
        left = select(Submission.season).join(Contact, Contact.number == Submission.number).distinct()
        assert sorted(session.scalars(left)) == [2029, 2030]
        at = small_home.settings.clock.now()
        told = [season_facts(session, small_home.settings, year, at).state for year in YEARS]
        assert told == ["closed"] * 4 + ["published"]
    _look_across(small_home)
    assert spent[2030] < 1.5 * min(spent[2027], spent[2028]), "a season takes no longer for those before it"
