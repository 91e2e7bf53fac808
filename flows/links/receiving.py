"""What comes in by the link pages: uploads, and scores from the form as the workbook that they are."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.season import Season
from config.settings import Settings
from flows.home.files import digest_of, name_for_people
from flows.intake.deliveries import take_brought
from flows.intake.inbox import Sealed, sealing
from flows.intake.receipts import Brought
from flows.intake.senders import sender_named
from flows.kinds.review_material import material_of
from flows.kinds.table import layout_of
from flows.links.content import assigned_to
from flows.run import Run
from flows.workbooks.columns.mark import Mark
from flows.workbooks.writer.filling import fill_template
from flows.workbooks.writer.template import write_template
from models import Score
from models.database import writing
from models.enums import Role, WorkbookKind
from models.queries import lock_call, season_in_force
from states.final_round.scores import closing_of
from states.guard_facts import deadline_of
from states.issued import newest_issues
from states.links import drop_drafts
from states.machine import Act, Actor
from states.panel.aliases import Aliases

_STAGE = "links"


def a_run(settings: Settings, engine: Engine, year: int) -> Run:
    """A playing that holds no lease: the call's lock lets one delivery in at a time, from whatever way it comes."""
    with writing(engine) as session:
        season = season_in_force(session, year)
    return Run(_STAGE, season, Act(Actor(Role.SYSTEM, _STAGE), settings.clock.now()), engine, settings)


def take_upload(run: Run, code: str, name: str, uploaded: Path) -> str:
    """Take one uploaded file for whoever's page it was. Returns its digest."""
    with sealing(run.settings) as folder:
        path = folder / (name_for_people(Path(name.replace("\\", "/").rpartition("/")[2])) or "upload")
        uploaded.replace(path)
        with run.step() as session:
            return _take(session, run, code, path)


def send_scores(run: Run, expert: str, typed: Mapping[str, Mapping[str, str]]) -> str:
    """Take what an expert typed as a filled score workbook: the same checks, the same record. Returns its digest.

    `typed` by what the expert's page calls a submission.
    """
    with sealing(run.settings) as folder:
        with run.step() as session:
            lock_call(session, run.year)
            path = _written(session, run, expert, typed, folder)
            digest = _take(session, run, expert, path)
            drop_drafts(session, run.year, expert, _standing(session, run, expert, typed, digest))
        return digest


def _standing(
    session: Session, run: Run, expert: str, typed: Mapping[str, Mapping[str, str]], digest: str
) -> list[str]:
    """The numbers of what came in: stepped back from, or scored as it was typed; the others came back."""
    aliases = Aliases(session, run.season)
    round_number, mine = assigned_to(session, run.year, expert)
    found = []
    for alias, values in typed.items():
        number = aliases.number_of(alias)
        score = session.get(Score, (number, expert, round_number))
        if number not in mine or (score and (score.delivery == digest or _is_said(score, values))):
            found.append(number)
    return found


def _is_said(score: Score, typed: Mapping[str, str]) -> bool:
    """Whether a score that stands is what was typed."""
    points = json.loads(score.points)
    same = all(_number(typed.get(key, "")) == float(points[key]) for key in points)
    return same and typed.get("comment", "").split() == score.comment.split() and not typed.get("recusal")


def _take(session: Session, run: Run, code: str, path: Path) -> str:
    sender = sender_named(session, run, code)
    copy = Sealed(path, digest_of(path), run.at, path.lstat().st_mtime_ns)
    take_brought(session, run, Brought(sender, copy, path.name))
    return copy.digest


def _written(session: Session, run: Run, expert: str, typed: Mapping[str, Mapping[str, str]], folder: Path) -> Path:
    season, kind = run.season, WorkbookKind.SCORES
    round_number, mine = assigned_to(session, run.year, expert)
    aliases, named = Aliases(session, season), sorted(alias for alias, values in typed.items() if any(values.values()))
    numbers = {alias: aliases.number_of(alias) for alias in named}
    # Of what is not theirs, or no more, nothing is shown: the receipt of this workbook says why it is not taken.
    material = material_of(session, season, [number for number in numbers.values() if number in mine]).by_number
    empty, target = folder / "empty.xlsx", folder / f"{kind.label}-网页填写.xlsx"
    write_template(
        empty,
        mark=Mark(run.year, expert, kind, newest_issues(session, run.year, expert).get(kind, 1)),
        key=run.settings.signing_key(),
        layout=layout_of(kind, season, expert),
        season=season,
        recipient_name=sender_named(session, run, expert).name,
        deadline=deadline_of(session, run.year, closing_of(round_number)),
        rows=[material.get(number, {"number": alias}) for alias, number in numbers.items()],
        created_at=run.at,
    )
    return fill_template(empty, target, [_row(season, alias, typed[alias]) for alias in named])


def _row(season: Season, alias: str, typed: Mapping[str, str]) -> dict[str, Any]:
    points = {
        f"{criterion.name}（满分{criterion.maximum}）": _number(typed.get(criterion.key, ""))
        for criterion in season.final_round.rubric
    }
    stepping_back = {"回避": "回避", "回避原因": typed.get("reason", "")} if typed.get("recusal") else {}
    row = {"申报编号": alias, **points, "评语": typed.get("comment", ""), **stepping_back}
    return {heading: value for heading, value in row.items() if value != ""}


def _number(text: str) -> float | str:
    """A number as a spreadsheet holds it; what is none stays as it was typed, for the reader to say so."""
    try:
        found = float(text)
    except ValueError:
        return text.strip()
    return found if math.isfinite(found) else text.strip()
