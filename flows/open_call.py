"""Opens the yearly call: the draw's seed is committed, templates are issued, every unit gets its letter."""

import hashlib
import secrets
from collections.abc import Sequence

from config.calendar import provisional_years
from config.local_time import local_day
from config.milestones import Milestone
from config.units import Unit
from flows.engine.tasks import PieceKind
from flows.kinds.experts import issue_pool
from flows.kinds.submissions import issue_template
from flows.outbox.letters import LetterKind
from flows.outbox.messages import deadline_entry, post_to_office, post_to_unit
from flows.run import Ending, Run
from flows.sharing import share
from flows.stage import perform, stage_flow
from models.enums import Trigger
from models.queries import milestone_rows
from states.history.canonical import call_subject
from states.history.read import latest_facts
from states.panel.draw import commit_draw


@stage_flow(name="open-call")
def open_call(season: int, dry_run: bool = False) -> dict[str, object]:
    """Open the call (发布征集通知).

    Runs: at `open_call`, once a year in early spring.
    Before: the season is planned.
    After: the call is open; each unit has its submissions workbook and a letter with quota and
    deadline; the secret of the panel's draw is kept apart and committed by its hash.
    Undo: none; `gangchuang move close_call` to now ends the call early.
    """
    return perform("open_call", season, opening, milestone=Milestone.OPEN_CALL, dry_run=dry_run)


def opening(run: Run) -> Ending:
    """Commit the seed, issue the templates, write the letters."""
    _commit_draw(run)
    units = run.season.units()
    _warn_of_calendar(run)
    share(run, [unit.code for unit in units], calling)
    with run.step() as session:
        issue_pool(session, run)
    run.tell("units called", len(units))
    return Ending(Trigger.OPEN_CALL, facts={"units": [unit.code for unit in units]})


def calling(run: Run, codes: Sequence[str]) -> None:
    """The workbook and the letter of each of some units; the draw is committed to."""
    with run.step() as session:
        promised = str(latest_facts(session, call_subject(run.year), Trigger.COMMIT_DRAW)["commitment"])
    units = [unit for unit in run.season.units() if unit.code in {*codes}]
    run.each(units, lambda unit: _call(run, unit, promised), kind=PieceKind.TEMPLATE, name=lambda unit: unit.code)


def _warn_of_calendar(run: Run) -> None:
    """The call opens on days that may still change: the office is told while dates can be moved."""
    with run.step() as session:
        days = [local_day(row.due_at) for row in milestone_rows(session, run.year)]
        years = provisional_years(day for day in days if day <= local_day(run.season.dates.publish_results))
        if years:
            run.tell("provisional calendar", "、".join(map(str, years)))
            post_to_office(session, run, LetterKind.CALENDAR_PROVISIONAL, key="", years=years)


def _call(run: Run, unit: Unit, promised: str) -> None:
    """A unit's workbook, and the letter that brings it."""
    with run.step() as session:
        issued = issue_template(session, run, unit.code)
        post_to_unit(
            session,
            run,
            LetterKind.CALL_OPENED,
            unit.code,
            deadline=issued.deadline,
            quota=run.season.quota_of(unit.code),
            commitment=promised,
            attachments=(
                issued.path,
                deadline_entry(session, run, unit.code, Milestone.CLOSE_CALL, issued.deadline, issued.issue),
            ),
        )


def _commit_draw(run: Run) -> None:
    """The hash of the draw's seed goes out before anybody knows who may be drawn; the seed follows after the draw."""
    with run.step() as session:
        fresh = _secret(run)
        keep = (lambda: fresh) if run.dry_run else (lambda: run.settings.draw_secret(run.year, fresh))
        commit_draw(session, run.year, run.act, secret=keep)


def _secret(run: Run) -> bytes:
    """64 random bytes; in a rehearsal the same every time, so that a rehearsal can be repeated."""
    if run.settings.clock.stepped:
        return hashlib.sha512(f"rehearsal/{run.year}".encode()).digest()
    return secrets.token_bytes(64)
