"""Prepares the next season: its file, written from the last one's, with what the office has still to decide at its top."""

import logging
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit
from sqlalchemy.orm import Session
from tomlkit import TOMLDocument

from config.calendar import day_note
from config.local_time import ZONE, local_day, minute
from config.milestones import Milestone
from config.overrides import SEASONS
from config.season import Season, parse_season, season_path
from config.settings import Settings, settings
from config.units import Unit, heirs_on, units_in_force
from flows.engine.artifacts import current_flow_run_id, outcome, plain
from flows.home.files import write_atomically
from flows.run import AskedInVain
from flows.stage import open_database, stage_flow
from models.database import reading
from models.queries import milestone_rows, planned_seasons
from states.panel.pool import carried_over
from states.rules.calendar.season_check import warnings_of
from states.rules.calendar.shifting import fitting, in_another_year, shifted_dates
from states.rules.grouping import grouped

log = logging.getLogger("gangchuang.stage")
_YEAR = re.compile(r"\d{4}")


class SeasonFileThere(AskedInVain):
    def __init__(self, path: Path) -> None:
        self.path, self.chinese = path, f"{path}已经存在，没有改写；请直接编辑，或者移走后重新编制。"
        super().__init__(
            f"{path} is there already and is not written over. Edit it, or move it away to have it made anew."
        )


@dataclass(frozen=True)
class Prepared:
    """A season file that was made: its text, what it says as a season, and what is still to be decided."""

    path: Path
    text: str
    season: Season
    questions: tuple[str, ...]


@stage_flow(name="new-season")
def new_season(season: int, from_season: int, dry_run: bool = False) -> dict[str, object]:
    """Prepare the next season from an earlier one (编制下一年度).

    Runs: by a person, in autumn or winter.
    Before: the earlier season has a file; the new one has none in the home.
    After: `seasons/<year>.toml` lies in the home, with dates moved to working days and everything else carried over;
    its first lines say what is still to be decided. Nothing is in force before `gangchuang season plan`.
    Undo: delete the file.
    """
    own = settings()
    prepared = prepare(own, season, from_season)
    if not dry_run:
        write_atomically(prepared.path, prepared.text.encode())
    if current_flow_run_id():
        listed = "".join(f"{place}. {plain(text)}\n" for place, text in enumerate(prepared.questions, start=1))
        outcome(f"## 编制下一年度 · {season}\n\n{plain(str(prepared.path))}\n\n{listed}", key=f"new_season-{season}")
    log.info("%s: %d open questions", prepared.path, len(prepared.questions))
    explanation = f"{len(prepared.questions)} open question(s) stand at the top of {prepared.path}"
    return {"outcome": "dry_run" if dry_run else "done", "explanation": explanation, "file": str(prepared.path)}


def prepare(own: Settings, year: int, from_year: int) -> Prepared:
    """The new season's file; nothing is written. Raises SeasonFileThere, UnknownSeason, SeasonFileBroken."""
    target = own.home.absolute() / SEASONS / f"{year}.toml"
    if target.exists():
        raise SeasonFileThere(target)
    source = season_path(from_year, own.home)
    last = parse_season(source)
    document = tomlkit.parse(source.read_text("utf-8"))
    questions = [*_years(document, last, year), *_dates(document, last, year), *_offices(last)]
    questions += _units(document, last, year)
    questions += _final_round(document, last)
    draft = target.with_name(f".{target.name}.draft")
    text = tomlkit.dumps(document)
    write_atomically(draft, text.encode())
    try:
        season = parse_season(draft)
    finally:
        draft.unlink()
    engine = open_database(own.database)
    with reading(engine) as session:
        questions += _from_the_year_itself(session, last)
        questions += _experts(session, season)
    questions += [f"{warning}." for warning in warnings_of(season) if not warning.startswith("final_round.public_rand")]
    return Prepared(target, _head(year, source, questions) + _without_head(text), season, tuple(questions))


def _head(year: int, source: Path, questions: list[str]) -> str:
    lines = [f"# Season {year}, made from {source.name}. Times are local (Asia/Shanghai)."]
    lines += ["#", f"# {len(questions)} open question(s): answer each, then delete its lines.", "#"]
    for place, question in enumerate(questions, start=1):
        lines.append(f"# {place}. {question}")
    when = f"gangchuang season check {year}", f"gangchuang rehearse {year}", f"gangchuang season plan {year} --by …"
    return "\n".join([*lines, "#", f"# Then: {'; '.join(when)}.", "", ""])


def _without_head(text: str) -> str:
    """The file without the comment lines with which the last one began."""
    lines = text.splitlines(keepends=True)
    first = next((place for place, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    return "".join(lines[first:])


def _years(document: TOMLDocument, last: Season, year: int) -> Iterator[str]:
    by = year - last.year
    document["year"] = year
    document["covered_years"] = [covered + by for covered in last.covered_years]
    document["title"] = _YEAR.sub(lambda found: str(int(found[0]) + by), last.title)
    covered = "、".join(str(covered + by) for covered in last.covered_years)
    yield f"title (名称) is now “{document['title']}”: is the programme called so this year?"
    yield f"covered_years (征集范围) is {covered}: does the notice say so?"


def _dates(document: TOMLDocument, last: Season, year: int) -> Iterator[str]:
    by, table = year - last.year, _table(document, "dates")
    for step, instant in shifted_dates(last, by).items():
        table[step.value] = instant.replace(tzinfo=None)
        wished = in_another_year(getattr(last.dates, step.value), by)
        if local_day(wished) != local_day(instant):
            yield (
                f"dates.{step} ({step.label}): {local_day(wished)} is {day_note(local_day(wished))}, or leaves "
                f"too little time after what comes before; it is {instant:%Y-%m-%d %H:%M} ({day_note(local_day(instant))}) now: "
                "is that right?"
            )


def _offices(last: Season) -> Iterator[str]:
    listed = "、".join(last.office.officers)
    yield f"office.officers (经办人) are still {listed}: who may approve and decide this year?"
    for name in ("mail", "coordination_mail"):
        address = getattr(last.office, name)
        if address.endswith(".invalid"):
            yield f"office.{name} is {address}, which reaches nobody: what is the address?"


def _units(document: TOMLDocument, last: Season, year: int) -> Iterator[str]:
    """What merged, began or changed its name between the two openings; rules of what is no more go."""
    by = year - last.year
    opened, opens = (local_day(instant) for instant in (last.dates.open_call, _instant(document, Milestone.OPEN_CALL)))
    before = {unit.code: unit for unit in units_in_force(opened)}
    after = {unit.code: unit for unit in units_in_force(opens)}
    rules = _table(document, "district_round").get("units", {})
    for code in sorted(before.keys() - after.keys()):
        heirs = "、".join(f"{heir.name} ({heir.code})" for heir in heirs_on(code, opens)) or "nobody"
        told = f"{before[code].name} ({code}) is no reporting unit any more; its work went to {heirs}"
        if code in rules:
            said = "; ".join(f"{key} = {value}" for key, value in rules.pop(code).items())
            told += f". Its own rules were dropped: {said}"
        yield f"{told}: have its quota and its address been settled with whoever took over?"
    for code in sorted(after.keys() - before.keys()):
        yield f"{after[code].name} ({code}) reports for the first time: its quota, its address?"
    for code in sorted(before.keys() & after.keys()):
        if before[code].name != after[code].name:
            yield f"{before[code].name} ({code}) is called {after[code].name} now: does its address still hold?"
    for code, own in rules.items():
        for name, instant in own.get("dates", {}).items():
            moved = fitting(Milestone(name), in_another_year(instant.replace(tzinfo=instant.tzinfo or ZONE), by))
            own["dates"][name] = moved.replace(tzinfo=None)
            yield f"{_name(after, code)} ({code}) had a date of its own for {name}; it is {moved:%Y-%m-%d %H:%M} now: still?"
    unwritten = [code for code in after if last.mail_of(code).endswith(".invalid")]
    if unwritten:
        yield (
            f"{len(unwritten)} of {len(after)} units have an address that reaches nobody ({last.mail_of(unwritten[0])}): "
            "set district_round.mail, or district_round.units.<code>.mail"
        )


def _name(units: dict[str, Unit], code: str) -> str:
    return units[code].name if code in units else code


def _final_round(document: TOMLDocument, last: Season) -> Iterator[str]:
    table = _table(document, "final_round")
    if last.final_round.public_randomness:
        table["public_randomness"] = ""
        yield f"final_round.public_randomness was “{last.final_round.public_randomness}” and was emptied: which numbers this year?"
    else:
        yield "final_round.public_randomness names nothing: which public numbers is the draw to be mixed with?"
    tiers = last.final_round.tiers
    amounts = "、".join(f"{tier} {yuan}元" for tier, yuan in tiers.amounts_yuan.items()) or "none"
    prizes = tiers.prizes if tiers.prizes is not None else sum((tiers.sizes or {}).values())
    yield f"final_round.tiers: {prizes} prizes at {amounts} as last year: is that in the budget?"
    rubric = "、".join(f"{criterion.name}{criterion.maximum}" for criterion in last.final_round.rubric)
    yield f"final_round.rubric (评分标准) is carried over: {rubric}: is it this year's?"


def _from_the_year_itself(session: Session, last: Season) -> Iterator[str]:
    """Where the last year went otherwise than its file says."""
    if last.year not in planned_seasons(session):
        return
    given = dict(last.dates.given())
    for row in milestone_rows(session, last.year):
        if row.unit == "" and row.ordinal == 1 and row.milestone in given and row.due_at != given[row.milestone]:
            yield (
                f"dates.{row.milestone} was moved in {last.year} from {minute(given[row.milestone])} to "
                f"{minute(row.due_at)}: was the file's date too early for good?"
            )


def _experts(session: Session, season: Season) -> Iterator[str]:
    carried, left_out = carried_over(session, season)
    if not carried and not left_out:
        return
    yield (
        f"{len(carried)} expert(s) (专家) of the pool will stand in the office's workbook when the call opens; nobody can be "
        "drawn who has not signed this year's statement, which is their consent"
    )
    for reason, experts in grouped((reason, expert) for expert, reason in left_out).items():
        yield f"{len(experts)} expert(s) will not be listed there ({reason}): {'、'.join(experts)}: mend it, or let them go?"
    fields = dict.fromkeys(season.fields, 0)
    for member in carried:
        for field in member.fields.split("、"):
            if field in fields:
                fields[field] += 1
    least = season.final_round.panel_per_field
    for field, count in fields.items():
        if count < least:
            yield f"{field} has {count} expert(s) in the pool, fewer than panel_per_field = {least}: whom to ask?"


def _table(document: TOMLDocument, name: str) -> MutableMapping[str, Any]:
    """A table of the file, also one whose parts stand apart."""
    table: MutableMapping[str, Any] = document[name]
    return table


def _instant(document: TOMLDocument, step: Milestone) -> datetime:
    instant = _table(document, "dates")[step.value]
    assert isinstance(instant, datetime)
    return instant.replace(tzinfo=ZONE)
