"""Puts a season's rules and dates in force, as its file says them; a named officer answers for that."""

import logging

from config.season import load_season
from config.settings import settings
from flows.engine.artifacts import current_flow_run_id
from flows.stage import open_database, stage_flow
from models.database import writing
from states.machine import Act
from states.officers import officer
from states.timeline import plan_season as plan
from states.timeline import planned_dates

log = logging.getLogger("gangchuang.stage")


@stage_flow(name="plan-season")
def plan_season(season: int, officer_name: str, dry_run: bool = False) -> dict[str, object]:
    """Put a season's rules and dates in force (启用年度).

    Runs: by a person, once a year, when `gangchuang season check` is clean and before the call opens.
    Before: the season has a file; it is not planned yet.
    After: the season is planned; from now on the clock follows its dates.
    Undo: none; dates are moved with `gangchuang move`.
    """
    own = settings()
    own.folder()
    rules = load_season(season, own.home)
    act = Act(officer(rules, officer_name), own.clock.now(), current_flow_run_id())
    with writing(open_database(own.database)) as session:
        plan(session, rules, act)
        if dry_run:
            session.rollback()
    dates = planned_dates(rules)
    over = sum(at <= act.at for *_, at in dates)
    late = f", {over} of them over already: what they start begins at once, in order, without reminders" if over else ""
    explanation = f"{len(dates)} dates are in force{late}; see `gangchuang status`"
    log.info("season %d: %s", season, explanation)
    return {"outcome": "dry_run" if dry_run else "done", "explanation": explanation}
