"""How a stage of the year is played: once, by one, in fenced transactions, or as a dry run.

A stage module holds one flow whose docstring has four headings (Runs, Before, After, Undo)
and a body that takes a `Run`. The body does its work in `run.step()` transactions, each of
which first proves that this run still holds the stage's lease; it ends by returning an
`Ending`, which `play` writes together with the settled milestone: the call's state, its
history and the milestone change in one transaction, or not at all.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, ParamSpec

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import ZONE, minute
from config.milestones import Chore, Milestone
from config.season import Season
from config.settings import Settings, settings
from flows.engine.artifacts import current_flow_run_id, outcome, plain
from flows.engine.deployments import keep_parameters
from flows.engine.forms import instant_of, read
from flows.engine.hung_runs import end_silent, own_name
from flows.engine.recorded import is_commanded, note_ending
from flows.engine.tasks import PieceKind
from flows.engine.words import LINES, STATES, deed_of, run_name
from flows.publish.release import publish, wants_release
from flows.run import AskedInVain, Ending, Result, Run, StageFailed
from models import MilestoneDate
from models.database import DatabaseBusy, DatabaseFull, DatabaseUnreachable, make_engine, writing
from models.enums import MilestoneState, Role
from models.queries import SeasonNotPlanned, milestone_rows, season_in_force
from states.failures import keep_failures
from states.guard_facts import dated
from states.leases import LeaseLost, LeaseTaken, release, take
from states.machine import Act, Actor
from states.objections.earlier import encrypt_earlier
from states.rules.calendar.timetable import due, first_unsettled
from states.standstill import InstantImplausible, believe
from states.submissions.identity import bring_up
from states.timeline import settle_milestone

log = logging.getLogger("gangchuang.stage")
Given = ParamSpec("Given")


def play(
    stage: str,
    year: int,
    body: Callable[[Run], Ending],
    *,
    engine: Engine,
    settings: Settings,
    at: datetime,
    milestone: Milestone | None = None,
    unit: str = "",
    ordinal: int = 1,
    dry_run: bool = False,
    flow_run: str = "",
) -> Result:
    """Play a stage once. Raises InstantImplausible, LeaseTaken, StageFailed, TransitionRefused or what the body raises."""
    with writing(engine) as session:
        season = season_in_force(session, year)
        believe(session, year, at, settings.believed_until)
        too_soon = _not_now(session, stage, season, milestone, unit, ordinal, at)
    if too_soon is not None:
        return too_soon
    act = Act(Actor(Role.SYSTEM, stage), at, flow_run)
    run = Run(stage, season, act, engine, settings, unit, ordinal, dry_run)
    with ExitStack() as stack:
        unattended = milestone is not None or stage in set(Chore)
        stack.enter_context(_undone(run) if dry_run else _leased(run, unattended=unattended))
        with run.step() as session:
            # Whoever waited for the lease may find that the one before has done it.
            done_meanwhile = _not_now(session, stage, season, milestone, unit, ordinal, at)
        if done_meanwhile is not None:
            return done_meanwhile
        ending = body(run)
        if run.failures:
            raise StageFailed(stage, run.failures, run.lines)
        if milestone is not None and not ending.waiting:
            with run.step() as session:
                settle_milestone(
                    session,
                    year,
                    milestone,
                    run.act,
                    ordinal=ordinal,
                    unit=unit,
                    trigger=ending.trigger,
                    case=ending.case,
                    facts=ending.facts,
                )
    if not dry_run:
        _publish(run)
    if run.messages:
        run.tell("messages written", run.messages)
    outcome = "waiting" if ending.waiting else "dry_run" if dry_run else "done"
    return Result(stage, year, outcome, at, tuple(run.lines.items()), ending.waiting, ending.chinese)


def _publish(run: Run) -> None:
    """What the stage changed for the public goes out; where that fails, the stage is done, and the clock tries again."""
    try:
        if not wants_release(run.settings, run.engine):
            return
        made = run.piece(PieceKind.PAGES, str(run.year), lambda: publish(run.settings, run.engine, run.at))
    except Exception as problem:  # a page that cannot be made (the home's own template, a full disk) undoes no stage
        log.warning("%s: the public pages could not be published: %s", run.stage, problem)
        run.tell("pages not published", _sentence(problem))
        return
    if made is not None:
        run.tell("release", made.number)


def _not_now(
    session: Session, stage: str, season: Season, milestone: Milestone | None, unit: str, ordinal: int, at: datetime
) -> Result | None:
    if milestone is None:
        return None
    row = session.get(MilestoneDate, (season.year, milestone.value, ordinal, unit))
    if row is None:
        missing = f"season {season.year} has no {milestone.value} number {ordinal} for {unit or 'all'}"
        chinese = f"{season.year}年度没有这一节点，没有任何改动。"
        return Result(stage, season.year, "not_due", at, explanation=f"not due: {missing}", chinese=chinese)
    if row.state is not MilestoneState.PENDING:
        settled = minute(row.settled_at) if row.settled_at else "before"
        chinese = (
            f"{row.state.label}（{settled}），没有再次执行。"
            if row.settled_at
            else f"{row.state.label}，没有再次执行。"
        )
        return Result(stage, season.year, "already_done", at, (), f"already {row.state} at {settled}", chinese)
    if row.due_at > at:
        when = f"not due before {minute(row.due_at)} ({ZONE.key}); nothing was changed"
        chinese = f"{minute(row.due_at)} 才到时间，没有任何改动。"
        return Result(stage, season.year, "not_due", at, explanation=when, chinese=chinese)
    dates = dated(milestone_rows(session, season.year))
    if any(
        late.skip and late.dated.milestone is milestone and late.dated.ordinal == ordinal for late in due(dates, at)
    ):
        gone = "left out: its day is gone, or the deadline that it reminds of is served; nothing was changed"
        chinese = "当日已过，或者所提醒的截止已经执行，不再催办；没有任何改动。"
        return Result(stage, season.year, "not_due", at, explanation=gone, chinese=chinese)
    before = first_unsettled(dates)
    if not milestone.is_reminder and before is not None and before.milestone is not milestone:
        turn = f"not its turn: {before.milestone} {before.unit}".rstrip() + " comes first and is not settled"
        chinese = f"须先执行“{before.milestone.label}”；没有任何改动。"
        return Result(stage, season.year, "not_due", at, explanation=f"{turn}; nothing was changed", chinese=chinese)
    return None


@contextmanager
def _leased(run: Run, *, unattended: bool) -> Iterator[None]:
    """Hold the stage's lease; what fails while nobody looks on is kept, and forgotten when it succeeds."""
    name, owner = f"stage/{run.year}/{run.stage}", own_name()
    with writing(run.engine) as session:
        run.held = take(session, name, owner=owner, seconds=run.settings.lease_seconds, flow_run=run.act.flow_run)
    if run.held.silent:
        end_silent(name, run.held.silent)
    try:
        yield
    except BaseException as problem:
        # Where even that fails (the database is away, its disk is full), the lease runs out by itself.
        with suppress(GangchuangError, SQLAlchemyError), writing(run.engine) as session:
            release(session, run.held)
            if unattended and isinstance(problem, Exception) and not isinstance(problem, LeaseLost):
                problems = problem.failures if isinstance(problem, StageFailed) else {"": _sentence(problem)}
                _keep_failures(session, run, problems)
        raise
    with writing(run.engine) as session:
        release(session, run.held)
        if unattended:
            _keep_failures(session, run, {})


def _keep_failures(session: Session, run: Run, problems: Mapping[str, str]) -> None:
    stage = "/".join(filter(None, (run.stage, run.unit)))
    keep_failures(
        session,
        run.year,
        stage,
        problems,
        at=run.at,
        seconds=run.settings.lease_seconds,
        marks=run.marks,
        resting=run.resting,
    )


def _sentence(problem: Exception) -> str:
    return str(problem) if isinstance(problem, GangchuangError) else f"{type(problem).__name__}: {problem}"


@contextmanager
def _undone(run: Run) -> Iterator[None]:
    with run.engine.connect() as connection, connection.begin() as outer:
        run._rehearsal = Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        try:
            yield
        finally:
            run._rehearsal.close()
            outer.rollback()


# What a person cannot mend by asking otherwise, also where a person asked.
_FAULTS = (StageFailed, LeaseLost, InstantImplausible, DatabaseBusy, DatabaseFull, DatabaseUnreachable)


def stage_flow(
    *,
    name: str,
    deed: Callable[[Mapping[str, Any]], str] = lambda given: "",
    without_names: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
) -> Callable[[Callable[Given, dict[str, object]]], Flow[Given, Any]]:
    """A stage's flow, named for its deed and subject: its outcome, or its refusal in a sentence, is its run's state.

    Its parameters may be as a form words them. Of persons whom they name the run keeps nothing but what
    `without_names` leaves, once it has ended. Outside a flow run it returns and raises what the body does.
    """

    def made(body: Callable[Given, dict[str, object]]) -> Flow[Given, Any]:
        refusals = (
            AskedInVain,
            LeaseTaken,
            SeasonNotPlanned,
            *((GangchuangError,) if "officer_name" in signature(body).parameters else ()),
        )

        @wraps(body)
        def told(*args: Given.args, **given: Given.kwargs) -> dict[str, object] | State[None]:
            asked: Any = read(signature(body).bind(*args, **given).arguments)
            if not current_flow_run_id():
                return body(**asked)  # type: ignore[call-arg]
            if isinstance(asked.get("to"), str) and not is_commanded():
                asked["to"] = instant_of(asked["to"])
            try:
                result = body(**asked)  # type: ignore[call-arg]
                note_ending(result)
            except _FAULTS as fault:
                note_ending(fault)
                raise
            except Exception as refusal:
                note_ending(refusal)
                if not isinstance(refusal, refusals):
                    raise
                log.warning("%s", refusal)
                ended: State[None] = Completed(
                    name=STATES["refused"], message=getattr(refusal, "chinese", "") or str(refusal)
                )
            else:
                ended = Completed(
                    name=STATES[str(result["outcome"])],
                    message=str(result.get("chinese") or result["explanation"]) or None,
                )
            if without_names is not None:
                keep_parameters(without_names)
            return ended

        def named() -> str:
            given = flow_run.parameters
            wanted, present = run_name(body.__name__, given, deed(given)), str(flow_run.name)
            return present if present.startswith(wanted) else wanted

        # Stages are idempotent and the clock starts them again; Prefect's own retries would hide failures.
        made_of = flow(name=name, flow_run_name=named, retries=0, persist_result=False, validate_parameters=True)
        return made_of(told)

    return made


@lru_cache
def open_database(url: str) -> Engine:
    """The process's engine, its schema and rows brought to this version. Raises DatabaseTooNew or DatabaseUnreachable."""
    engine, own = make_engine(url), settings()
    bring_up(engine)
    encrypt_earlier(engine, own.objectors_key, own.clock.now())
    return engine


def perform(
    stage: str,
    season: int,
    body: Callable[[Run], Ending],
    *,
    milestone: Milestone | None = None,
    unit: str = "",
    ordinal: int = 1,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Play a stage now, with the installation's settings, and show what it did as an artifact."""
    own = settings()
    own.folder()
    at = own.clock.now()
    try:
        result = play(
            stage,
            season,
            body,
            engine=open_database(own.database),
            settings=own,
            at=at,
            milestone=milestone,
            unit=unit,
            ordinal=ordinal,
            dry_run=dry_run,
            flow_run=current_flow_run_id(),
        )
    except StageFailed as failed:
        _show(Result(stage, season, "failed", at, tuple(failed.lines.items()), str(failed)), unit)
        raise
    for sentence in (f"{stage} {season}: {result.outcome}", *result.sentences()):
        log.info("%s", sentence)
    _show(result, unit)
    return {
        "outcome": result.outcome,
        "explanation": result.explanation,
        "chinese": result.chinese,
        **dict(result.lines),
    }


def _show(result: Result, unit: str) -> None:
    """An outcome takes the place of the one before; what changed nothing takes no outcome's place.

    A dry run stands beside, and is shown even when it found nothing: somebody asked.
    """
    found_nothing = result.stage in set(Chore) and all(value == "0" for _, value in result.lines)
    if result.outcome in ("not_due", "already_done") or (found_nothing and result.outcome != "dry_run"):
        return
    beside = result.outcome if result.outcome in ("dry_run", "waiting") else ""
    parts = (result.stage, str(result.season), unit, beside)
    outcome(as_markdown(result), key="-".join(filter(None, parts)))


def as_markdown(result: Result) -> str:
    """A stage's result as a table for the dashboard, in local time."""
    when = minute(result.at)
    head = f"## {deed_of(result.stage)} · {result.season}\n\n**{STATES[result.outcome]}** · {when}\n\n"
    rows = "".join(f"| {plain(LINES.get(name, name))} | {plain(value)} |\n" for name, value in result.lines)
    table = f"| | |\n|---|---|\n{rows}\n" if rows else ""
    said = result.chinese or result.explanation
    return head + (f"{plain(said)}\n\n" if said else "") + table
