"""Opens the yearly call: the draw's seed is committed, templates are issued, every unit gets its letter."""

import hashlib
import secrets
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.units import Unit
from flows import places
from flows.files import write_atomically
from flows.issuing import number_of_issue
from flows.letters import LetterKind, calendar_entry
from flows.perform import perform, stage_flow
from flows.post import post_to_unit
from flows.stage import Ending, Run
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models import Expert
from models.enums import Trigger, WorkbookKind
from models.queries import lock_call
from states.cases import load_frame
from states.door import note_call


@stage_flow(name="open-call")
def open_call(season: int, dry_run: bool = False) -> dict[str, object]:
    """Open the call (发布征集通知).

    Runs: at `open_call`, once a year in early spring.
    Before: the season is planned.
    After: the call is open; each unit has its submissions workbook and a letter with quota and
    deadline; the seed of the panel's draw is committed by its hash.
    Undo: none; move `close_call` to now to end the call early.
    """
    return perform("open_call", season, opening, milestone=Milestone.OPEN_CALL, dry_run=dry_run)


def opening(run: Run) -> Ending:
    """Commit the seed, issue the templates, write the letters."""
    commitment = _commit_draw(run)
    units = run.season.units()
    with run.step() as session:
        deadlines = load_frame(session, run.year).deadlines
    due = {unit.code: deadlines.at(Milestone.CLOSE_CALL, unit.code) or run.season.dates.close_call for unit in units}
    run.each(units, lambda unit: _issue_template(run, unit, due[unit.code]), name=lambda unit: unit.code)
    _issue_pool_template(run)
    with run.step() as session:
        for unit in units:
            calendar = _calendar(run, unit, due[unit.code])
            post_to_unit(
                session,
                run,
                LetterKind.CALL_OPENED,
                unit.code,
                deadline=due[unit.code],
                quota=run.season.quota_of(unit.code),
                commitment=commitment,
                attachments=(_template_path(run, unit), calendar),
            )
    run.tell("units called", len(units))
    return Ending(Trigger.OPEN_CALL, facts={"units": [unit.code for unit in units]})


def _commit_draw(run: Run) -> str:
    """The hash of the draw's seed goes out before anybody knows who may be drawn; the seed follows after the draw."""
    with run.step() as session:
        call = lock_call(session, run.year)
        if not call.draw_seed:
            call.draw_seed = _seed(run)
            session.flush()
            facts = {"commitment": _commitment(call.draw_seed)}
            note_call(
                session, run.year, Trigger.COMMIT_DRAW, actor=run.actor, at=run.at, facts=facts, flow_run=run.flow_run
            )
        return _commitment(call.draw_seed)


def _seed(run: Run) -> str:
    """32 random bytes, hex; in a rehearsal the same every time, so that a rehearsal can be repeated."""
    if run.settings.clock.stepped:
        return hashlib.sha256(f"rehearsal/{run.year}".encode()).hexdigest()
    return secrets.token_hex(32)


def _commitment(seed: str) -> str:
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def _template_path(run: Run, unit: Unit) -> Path:
    return places.issued(run.settings, run.year, unit.code, WorkbookKind.SUBMISSIONS)


def _issue_template(run: Run, unit: Unit, deadline: datetime) -> None:
    if run.dry_run:
        return
    path = _template_path(run, unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    with run.step() as session:
        issue = number_of_issue(session, run, unit.code, WorkbookKind.SUBMISSIONS)
        write_template(
            path,
            mark=Mark(run.year, unit.code, WorkbookKind.SUBMISSIONS, issue),
            key=run.settings.signing_key(),
            season=run.season,
            recipient_name=unit.name,
            deadline=deadline,
            created_at=run.at,
        )


def _issue_pool_template(run: Run) -> None:
    """The office's workbook of the experts' pool; it comes back through `inbox/office/`."""
    if run.dry_run:
        return
    path = places.issued(run.settings, run.year, places.OFFICE, WorkbookKind.EXPERTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    with run.step() as session:
        write_template(
            path,
            mark=Mark(run.year, places.OFFICE, WorkbookKind.EXPERTS, 1),
            key=run.settings.signing_key(),
            season=run.season,
            recipient_name=run.season.office.name,
            deadline=run.season.dates.draw_panel,
            rows=_known_experts(session),
            created_at=run.at,
        )


def _known_experts(session: Session) -> list[dict[str, object]]:
    """The pool as it stands; statements and conflicts are declared anew each year."""
    return [
        {**one.model_dump(exclude={"statement_on"}), "valid_until": one.valid_until or ""}
        for one in session.scalars(select(Expert).order_by(Expert.id))
    ]


def _calendar(run: Run, unit: Unit, deadline: datetime) -> Path:
    path = places.calendar_file(run.settings, run.year, f"{unit.code}/申报截止")
    content = calendar_entry(
        key=f"close_call/{unit.code}",
        title=f"{run.season.title}申报截止",
        at=deadline,
        written_at=run.at,
        season=run.season,
    )
    if not run.dry_run:
        write_atomically(path, content)
    return path
