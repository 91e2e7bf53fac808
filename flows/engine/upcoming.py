"""The year ahead in the dashboard: each dated milestone to come stands there as a scheduled run at its instant.

A view of the timetable, never the timetable: the database says what comes and when, and the clock has
Prefect's list follow it. A run that fires asks the database whether it is due, so that one too many, one too
early or one left behind does no harm; lost with Prefect's database, the view comes back.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from config.local_time import ZONE
from flows.engine.deployments import create_run, prefect_client, start
from flows.engine.environment import home_tags
from flows.engine.words import run_name
from states.rules.calendar.timetable import Dated, next_dates

log = logging.getLogger("gangchuang.clock")

AHEAD = "预定"
LOOK_AGAIN_SECONDS = 300.0
# Prefect rounds what a run has still to wait to whole seconds; one that begins before its instant finds itself not due.
ROUNDING = timedelta(seconds=0.5)
_OPEN = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Ahead:
    """One run to stand ahead. `place` is season/milestone/ordinal(/unit), as the clock's keys begin."""

    place: str
    stage: str
    parameters: dict[str, Any]
    due_at: datetime
    name: str

    @property
    def key(self) -> str:
        """Tells the run apart from the same milestone's at another date."""
        return f"{self.place}@{self.due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def call_of(one: Dated) -> tuple[str, dict[str, Any]]:
    """The stage that serves a milestone, and its parameters."""
    if one.milestone.is_reminder:
        return "remind", {"milestone": one.milestone.value, "ordinal": one.ordinal}
    return one.milestone.value, {"unit": one.unit} if one.milestone.per_unit else {}


def runs_ahead(year: int, dates: Iterable[Dated], at: datetime) -> list[Ahead]:
    """What should stand ahead of an instant in one season: its pending milestones to come, the soonest first."""
    return [_ahead(year, date) for date in next_dates(dates, at)]


def _ahead(year: int, one: Dated) -> Ahead:
    stage, called = call_of(one)
    parameters = {"season": year, **called}
    name = f"{run_name(stage, parameters)} {one.due_at.astimezone(ZONE):%m-%d %H:%M}"
    return Ahead(f"{year}/{one.key}", stage, parameters, one.due_at, name)


class Upcoming:
    """Has Prefect's list of scheduled runs follow the timetable, and remembers what stands there."""

    def __init__(self) -> None:
        self._standing: dict[str, UUID] = {}
        self._looked_at = -inf

    def forget(self) -> None:
        """Look at Prefect's list again with the next `follow`: it may have lost runs."""
        self._looked_at = -inf

    def follow(self, seasons: Mapping[int, list[Dated]], at: datetime) -> None:
        """Make what stands ahead equal to the seasons' pending milestones to come; no request when nothing changed.

        The run of a milestone that is due by now is left alone: it is about to start. Raises EngineAway.
        """
        wanted = {run.key: run for year, dates in seasons.items() for run in runs_ahead(year, dates, at)}
        begun = {
            _ahead(year, date).key
            for year, dates in seasons.items()
            for date in dates
            if not date.settled and date.due_at <= at
        }
        look = time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS
        if not look and wanted.keys() <= self._standing.keys() <= wanted.keys() | begun:
            return
        standing = dict(self._standing)  # another thread may be starting one of them
        with prefect_client() as client:
            if look:
                standing = {(run.idempotency_key or "").partition("#")[0]: run.id for run in _open_runs(client)}
            for key in standing.keys() - wanted.keys() - begun:
                _take_away(client, standing.pop(key))
            for key in wanted.keys() - standing.keys():
                standing[key] = _put(client, wanted[key])
        self._standing = standing
        if look:
            self._looked_at = time.monotonic()

    def start(self, stage: str, parameters: Mapping[str, Any], key: str) -> str:
        """Start a stage as `deployments.start` does, by the run that stands for its milestone if there is one.

        That run's time has come too: the worker takes it. Raises EngineAway, DeploymentMissing.
        """
        place = key.rpartition("/")[0]
        at_place = [(known, run) for known, run in tuple(self._standing.items()) if known.partition("@")[0] == place]
        for standing, identifier in at_place:
            with prefect_client() as client:
                run = _read(client, identifier)
            if run is None or run.state_type is not StateType.SCHEDULED:
                # Once it has begun it counts as one attempt; the next has a run of its own.
                self._standing.pop(standing, None)
            if run is not None and run.state_type in _OPEN:
                return str(run.id)
        return start(stage, parameters, key)


def _open_runs(client: SyncPrefectClient) -> Iterable[FlowRun]:
    """Every run ahead that has not ended."""
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[*home_tags(), AHEAD]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN)),
    )
    for offset in count(0, _PAGE):
        page = client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC, limit=_PAGE, offset=offset
        )
        yield from page
        if len(page) < _PAGE:
            return


def _read(client: SyncPrefectClient, run: UUID) -> FlowRun | None:
    try:
        return client.read_flow_run(run)
    except ObjectNotFound:
        return None


def _take_away(client: SyncPrefectClient, identifier: UUID) -> None:
    """Delete a run that waits; one that has begun finds out by itself that it is not due."""
    run = _read(client, identifier)
    if run is not None and run.state_type is StateType.SCHEDULED:
        client.delete_flow_run(identifier)
        log.info("%s stands ahead no more", run.name)


def _put(client: SyncPrefectClient, one: Ahead) -> UUID:
    """Schedule a run; another one if somebody ran or cancelled the first before its time."""
    for again in count(1):
        run = create_run(
            client,
            one.stage,
            one.parameters,
            f"{one.key}#{again}",
            name=one.name,
            state=Scheduled(scheduled_time=one.due_at + ROUNDING),
            tags=[AHEAD],
        )
        if run.state_type in _OPEN:
            return run.id
    raise AssertionError
