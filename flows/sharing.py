"""A stage's work on many units done by several runs at once: the stage's own, and runs on other workers that help it.

The work is laid out in parts of a few codes, each with a lease of its own. The stage's run takes one after the other,
and so does each helper, on whichever worker it runs; what nobody else does, the stage's own run does. So helpers may
come late, die, or not come at all. Of a part only the holder of its lease can write, transaction by transaction; a
part whose holder died is free again once the lease has run out, and when the stage begins anew its parts are laid out
anew, which shuts out whoever still works on the earlier ones.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from config.errors import GangchuangError
from flows.engine.artifacts import current_flow_run_id
from flows.engine.deployments import start
from flows.engine.hung_runs import end_silent, own_name
from flows.run import Run
from models.database import writing
from states.leases import HeldLease, Parts, complete, is_held, lay_out, leave, parts_of, take_part

log = logging.getLogger("gangchuang.stage")

# Does a part of a stage: the work for some codes. It finds out by itself whatever else it needs.
Part = Callable[[Run, Sequence[str]], None]
Call = Callable[[str, dict[str, Any], str], object]

CODES_A_PART = 8
HELP = "help_along"
_LOOK_SECONDS = 0.5


def share(run: Run, codes: Sequence[str], part: Part, call: Call = start) -> None:
    """Do a part of the stage for each code, together with as many helpers as the installation has.

    Without helpers, outside a flow run and in a dry run it is done here as one part. `call` starts a helper.
    """
    parts = _parts_of(codes)
    helpers = min(run.settings.helpers, len(parts) - 1)
    if helpers < 1 or run.held is None or not current_flow_run_id():
        part(run, codes)
        return
    beginning = _beginning(run.year, run.stage)
    with run.step() as session:
        lay_out(session, beginning, [len(some) for some in parts])
    _call_helpers(run, codes, helpers, call)
    while True:
        with run.step() as session:
            held = take_part(session, beginning, owner=own_name(), seconds=run.settings.lease_seconds, leftovers=True)
            standing = parts_of(session, beginning)
        if held is not None:
            _do(run, held, parts, part, standing)
        elif standing.settled:
            break
        else:
            run.show_progress(standing.done, standing.total)
            time.sleep(_LOOK_SECONDS)
    run.whole = None
    run.tell("done by helpers", standing.done - run.own)


def _do(run: Run, held: HeldLease, parts: Sequence[Sequence[str]], part: Part, standing: Parts) -> None:
    """One part by the stage's own run: what fails in it is the stage's failure, like that of any item."""
    _end_silent(held)
    run.part, run.whole = held, (standing.done, standing.total)
    try:
        part(run, parts[_number(held)])
    finally:
        run.part = None
    with run.step() as session:
        if complete(session, held):
            run.own += len(parts[_number(held)])


def help_with(run: Run, codes: Sequence[str], fence: int, part: Part) -> int:
    """Help a stage that bears this fence with whatever part is free, until there is none. Returns how many codes.

    A part in which anything fails is left to the stage's own run. Raises LeaseLost, and what a part raises.
    """
    parts, done = _parts_of(codes), 0
    stage, beginning = f"stage/{run.year}/{run.stage}", _beginning(run.year, run.stage)
    while True:
        with writing(run.engine) as session:
            if not is_held(session, stage, fence):
                return done
            run.part = take_part(session, beginning, owner=own_name(), seconds=run.settings.lease_seconds)
        if run.part is None:
            return done
        held, some = run.part, parts[_number(run.part)]
        _end_silent(held)
        try:
            part(run, some)
        except GangchuangError:
            with writing(run.engine) as session:
                leave(session, held)
            raise
        with writing(run.engine) as session:
            if run.failures:
                leave(session, held)
                run.failures.clear()
            elif complete(session, held):
                done += len(some)


def _parts_of(codes: Sequence[str]) -> list[Sequence[str]]:
    return [codes[start : start + CODES_A_PART] for start in range(0, len(codes), CODES_A_PART)]


def _beginning(year: int, stage: str) -> str:
    return f"part/{year}/{stage}/"


def _end_silent(held: HeldLease) -> None:
    if held.silent:
        end_silent(held.name, held.silent)


def _number(held: HeldLease) -> int:
    return int(held.name.rpartition("/")[2])


def _call_helpers(run: Run, codes: Sequence[str], helpers: int, call: Call) -> None:
    """Helpers are welcome, not needed: where none can be called, the stage is done without."""
    assert run.held is not None
    given = {"season": run.year, "stage": run.stage, "fence": run.held.fence, "codes": list(codes)}
    try:
        for number in range(1, helpers + 1):
            call(HELP, given, f"{run.year}/{run.stage}/help/{run.held.fence}/{number}")
    except Exception as problem:  # whatever Prefect raises
        log.warning("%s: no help came (%s); it goes on alone", run.stage, problem)
