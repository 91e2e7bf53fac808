"""The dashboard shows the months to come, follows the timetable, and decides nothing."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Scheduled

from config.local_time import ZONE
from config.milestones import Milestone
from config.settings import Settings
from config.units import all_units
from flows.clock import Timekeeper
from flows.engine import upcoming
from flows.engine.deployments import prefect_client, register, restoring, run_state
from flows.engine.upcoming import AHEAD, ROUNDING, Upcoming, runs_ahead
from flows.year import FORMS
from models import Call, History, MilestoneDate
from models.database import make_engine, reading, writing
from models.enums import CallState, MilestoneState
from models.queries import milestone_rows
from models.schema import upgrade
from states.guard_facts import dated
from states.machine import Act
from states.rules.calendar.timetable import Dated
from states.timeline import move_date, settle_milestone, skip_milestone
from tests.flows.engine.conftest import running
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.support.browser import QUIET, chromium_program
from tests.support.builders import OFFICE, SYSTEM, UNIT, a_season

M = Milestone
LATER = timedelta(days=3653)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def test_what_stands_ahead_is_what_is_pending_and_to_come() -> None:
    dates = [
        Dated(M.OPEN_CALL, 1, "", local("2026-03-02T09:00"), settled=True),
        Dated(M.REMIND_CALL, 2, "", local("2026-04-23T09:00")),
        Dated(M.CLOSE_CALL, 1, UNIT, local("2026-05-08T18:00")),
        Dated(M.CLOSE_CALL, 1, "", local("2026-04-30T18:00")),
        Dated(M.CLOSE_DISTRICT_ROUND, 1, "", local("2026-04-01T09:00")),
        Dated(M.ARCHIVE, 1, "", local("2027-01-04T09:00")),
    ]

    ahead = runs_ahead(2026, dates, local("2026-04-01T09:00"))

    assert [(one.place, one.stage, one.parameters) for one in ahead] == [
        ("2026/remind_call/2", "remind", {"season": 2026, "milestone": "remind_call", "ordinal": 2}),
        ("2026/close_call/1", "close_call", {"season": 2026, "unit": ""}),
        (f"2026/close_call/1/{UNIT}", "close_call", {"season": 2026, "unit": UNIT}),
        ("2026/archive/1", "archive", {"season": 2026}),
    ]
    assert [one.name for one in ahead][:2] == ["2026 申报催办 第2次 04-23 09:00", "2026 申报截止 04-30 18:00"]
    assert ahead[2].name == f"2026 申报截止 {all_units()[UNIT].name} 05-08 18:00"
    assert len({one.key for one in ahead}) == len(ahead)


class Season:
    """A season that lies years ahead by the wall clock, its home's real engine, and a clock that sweeps on demand."""

    def __init__(self, engine: EngineProcess) -> None:
        self.engine, self.own = engine, Settings(home=engine.home, database_url="")
        self.database = make_engine(self.own.database)
        self.upcoming = Upcoming()
        lost = restoring(lambda: register(FORMS))
        self.keeper = Timekeeper(
            self.own,
            self.database,
            self.upcoming.start,
            restore=lambda: lost() and self.upcoming.forget(),
            follow=self.upcoming.follow,
        )

    def plan(self) -> None:
        upgrade(self.database)
        with writing(self.database) as session:
            a_season(session, state=CallState.PLANNED)
            for row in milestone_rows(session, 2026):
                row.due_at += LATER

    @property
    def now(self) -> datetime:
        return self.own.clock.now()

    def pending(self) -> dict[str, datetime]:
        """The name that each pending milestone's run should have, and its instant."""
        with reading(self.database) as session:
            rows = dated(milestone_rows(session, 2026))
        return {one.name: one.due_at for one in runs_ahead(2026, rows, self.now)}

    def row(self, milestone: Milestone, ordinal: int = 1) -> MilestoneDate:
        with reading(self.database) as session:
            return session.get_one(MilestoneDate, (2026, milestone.value, ordinal, ""))

    def history(self) -> int:
        with reading(self.database) as session:
            return session.query(History).count()


def shown() -> dict[str, FlowRun]:
    """The runs that wait in the dashboard for their time, by name."""
    with prefect_client() as client:
        ours = FlowRunFilter(tags=FlowRunFilterTags(all_=[AHEAD]))
        runs = [run for run in client.read_flow_runs(flow_run_filter=ours) if run.state_type is StateType.SCHEDULED]
    assert len({run.name for run in runs}) == len(runs)
    return {run.name: run for run in runs}


def instants() -> dict[str, datetime]:
    return {name: run.next_scheduled_start_time - ROUNDING for name, run in shown().items()}


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Season]:
    engine = EngineProcess(tmp_path_factory.mktemp("ahead") / "home", free_port(), "flows.year")
    engine.home.mkdir()
    with running(engine):
        season = Season(engine)
        season.plan()
        season.keeper.tend_dashboard()
        yield season
        season.database.dispose()


pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("upcoming")]


def test_the_runs_ahead_are_the_pending_milestones_and_a_sweep_without_news_asks_nothing(
    season: Season, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(season.pending()) > 25
    assert instants() == season.pending()

    monkeypatch.setattr(upcoming, "prefect_client", lambda: 1 / 0)
    season.keeper._show_ahead()
    season.upcoming.forget()
    with pytest.raises(ZeroDivisionError):
        season.keeper._show_ahead()


def test_a_move_a_skip_and_a_settled_step_are_followed_with_one_sweep(season: Season) -> None:
    before = shown()
    due_at, act = season.row(M.CLOSE_CALL).due_at, Act(OFFICE, season.now)
    with writing(season.database) as session:
        move_date(session, 2026, "close_call", act, to=due_at + timedelta(days=3), reason="示例")
        move_date(session, 2026, "close_call", act, to=due_at + timedelta(days=5), reason="示例", unit=UNIT)
        skipped = next(one for one in dated(milestone_rows(session, 2026)) if one.key == "remind_call/1")
        skip_milestone(session, 2026, skipped, Act(SYSTEM, season.now))
        settle_milestone(session, 2026, M.REMIND_CALL, Act(SYSTEM, season.now), ordinal=2)

    season.keeper.tend_dashboard()

    assert instants() == season.pending()
    assert len(set(before) - set(shown())) == 3, "the moved date, the one left out, the one settled"
    assert len(set(shown()) - set(before)) == 2, "the moved date, and the district's own"


def test_a_run_that_fires_early_does_nothing_and_stands_there_again(season: Season) -> None:
    name = next(one for one in shown() if "年度结束" in one)
    early, entries = shown()[name], season.history()
    with prefect_client() as client:
        client.set_flow_run_state(early.id, Scheduled(), force=True)

    wait_for("its end", lambda: run_state(str(early.id)).final)
    state = run_state(str(early.id))

    assert (state.type, state.name, season.history()) == ("COMPLETED", "未到期", entries)
    assert "才到时间，没有任何改动" in state.message
    with prefect_client() as client:
        assert client.read_flow_run(early.id).name == name
        assert client.read_artifacts() == [], "it takes no outcome's place"
    assert season.row(M.CLOSE_SEASON).state is MilestoneState.PENDING
    season.upcoming.forget()
    season.keeper.tend_dashboard()
    assert instants() == season.pending()
    assert shown()[name].id != early.id


def test_the_clock_lets_the_run_that_stands_there_be_the_start(season: Season) -> None:
    due_at = season.now + timedelta(seconds=6)
    with writing(season.database) as session:
        session.get_one(MilestoneDate, (2026, "open_call", 1, "")).due_at = due_at
    season.keeper.tend_dashboard()
    run = next(run for name, run in shown().items() if "发布征集通知" in name)
    assert run.next_scheduled_start_time == due_at + ROUNDING

    wait_for("the instant", lambda: season.now > due_at)
    season.keeper.sweep()
    wait_for("the open call", lambda: season.row(M.OPEN_CALL).state is MilestoneState.DONE)
    wait_for("the run's end", lambda: run_state(str(run.id)).final)
    season.keeper.tend_dashboard()

    assert instants() == season.pending()
    with prefect_client() as client:
        started = [one for one in client.read_flow_runs() if "stage:open_call" in one.tags]
    assert [one.id for one in started] == [run.id]
    with reading(season.database) as session:
        assert session.get_one(Call, 2026).state is CallState.OPEN
        (facts,) = (one.facts for one in session.query(History).where(History.trigger == "open_call"))
        assert json.loads(facts)["late_seconds"] <= 1


def test_after_the_start_has_failed_the_next_attempt_has_a_run_of_its_own(season: Season) -> None:
    with prefect_client() as client:
        run = next(run for name, run in shown().items() if "删除个人信息" in name)
        client.delete_flow_run(run.id)

    started = season.upcoming.start("erase_personal_data", {"season": 2026}, "2026/erase_personal_data/1/7")

    wait_for("its end", lambda: run_state(started).final)
    assert started != str(run.id)
    season.upcoming.forget()
    season.keeper.tend_dashboard()
    assert instants() == season.pending()


def test_prefects_database_deleted_the_view_comes_back(season: Season) -> None:
    entries = season.history()
    season.engine.stop()
    season.keeper.tend_dashboard()
    for file in (season.engine.home / "prefect").glob("prefect.db*"):
        file.unlink()
    season.engine.start()
    season.engine.wait_until_up()
    assert shown() == {}

    season.keeper.tend_dashboard()

    assert instants() == season.pending()
    assert season.history() == entries


def by_hand(stage: str, **given: object) -> FlowRun:
    """A run as the form starts it, at its end."""
    with prefect_client() as client:
        deployment = next(one for one in client.read_deployments() if f"stage:{stage}" in one.tags)
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"season": 2026, **given})
        wait_for("its end", lambda: run_state(str(run.id)).final)
        return client.read_flow_run(run.id)


def test_a_refusal_is_one_sentence_and_no_failure(season: Season) -> None:
    before = season.row(M.PUBLISH_RESULTS).due_at - timedelta(days=1)

    run = by_hand("move_date", officer_name=OFFICE.name, milestone="close_season", to=before.isoformat(), reason="示例")

    assert (run.state_type, run.state.name) == (StateType.COMPLETED, "被拒绝")
    assert run.state.message.startswith("不能调整“年度结束”：会早于")
    assert "\n" not in run.state.message
    assert run.name == f"2026 调整时间 年度结束 {before.astimezone(ZONE):%Y-%m-%d %H:%M}"
    log = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
    with prefect_client() as client:
        refused = "close_season cannot be moved: it would come before publish_results (2036-08-31 09:00)"
        wait_for("its log", lambda: refused in [one.message for one in client.read_logs(log)])
        assert [one.message for one in client.read_logs(log) if "Traceback" in one.message] == []


def test_a_dry_run_says_so_and_takes_no_outcomes_place(season: Season) -> None:
    run = by_hand("collect", dry_run=True)

    assert (run.name, run.state.name) == ("2026 收件 试运行", "试运行")
    only = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    with prefect_client() as client:
        wait_for("its outcome", lambda: "markdown" in {one.type for one in client.read_artifacts(flow_run_filter=only)})
        (shown,) = (one for one in client.read_artifacts(flow_run_filter=only) if one.type == "markdown")
    assert shown.key == "collect-2026-dry-run"
    assert shown.data.startswith("## 收件 · 2026\n\n**试运行** · ")
    assert "| 新收文件 | 0 |" in shown.data


@pytest.mark.browser
def test_the_dashboard_lists_the_months_to_come(season: Season, tmp_path: Path) -> None:
    here = f"http://127.0.0.1:{season.engine.port}"
    user, _, password = season.engine.sign_in.partition(":")
    with sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=chromium_program(),
            args=list(QUIET),
            http_credentials={"username": user, "password": password},
        )
        page = browser.new_page()
        page.goto(f"{here}/v2/runs?state=Scheduled&sort=START_TIME_ASC")
        page.get_by_text("年度结束").first.wait_for()
        listed = [one for one in page.get_by_role("link").all_inner_texts() if one.startswith("2026 ")]
        browser.close()

    assert listed == sorted(season.pending(), key=season.pending().__getitem__)
