"""A stage is played once, by one, in fenced transactions, or as a dry run that leaves no trace."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.milestones import Milestone
from config.settings import Settings, settings
from flows import stage as stage_module
from flows.engine.tasks import PieceKind
from flows.run import Ending, Result, Run, StageFailed
from flows.stage import play
from models import Call, History, Lease, Message, MilestoneDate
from models.database import database_seconds, make_engine, reading, writing
from models.enums import CallState, MessageState, MilestoneState
from models.queries import SeasonNotPlanned
from states.audit.verify import verify
from states.leases import LeaseLost, LeaseTaken
from states.machine import TransitionRefused
from states.transitions import note_call
from tests.support.builders import a_season, season_rules
from tests.support.databases import TEMPLATE, Postgres
from tests.support.playing import Player
from tests.support.threads import at_once

M = Milestone
SECOND = timedelta(seconds=1)
OPENS = season_rules().dates.open_call


@pytest.fixture
def planned(player_on_both: Player) -> Player:
    with player_on_both.writing() as session:
        a_season(session, state=CallState.PLANNED)
    player_on_both.at(OPENS)
    return player_on_both


def noting(run: Run) -> Ending:
    """A body that leaves one trace."""
    with run.step() as session:
        note_call(session, run.year, "commit_draw", run.act)
    run.tell("noted", 1)
    return Ending("open_call", facts={"units": []})


def state(player: Player) -> CallState:
    with player.reading() as session:
        return session.get_one(Call, 2026).state


def triggers(player: Player) -> list[str]:
    with player.reading() as session:
        return list(
            session.scalars(select(History.trigger).where(History.subject == "call/2026").order_by(History.sequence))
        )


def test_a_stage_moves_the_call_settles_its_milestone_and_tells_what_it_did(planned: Player) -> None:
    result = planned.play("open_call", noting, M.OPEN_CALL, flow_run="示例运行")

    assert (result.outcome, result.lines, state(planned)) == (
        "done",
        (("noted", "1"), ("release", "1")),
        CallState.OPEN,
    )
    assert triggers(planned) == ["plan", "commit_draw", "open_call"]
    with planned.reading() as session:
        row = session.get_one(MilestoneDate, (2026, "open_call", 1, ""))
        last = session.scalars(select(History).where(History.trigger == "open_call")).one()
        assert (row.state, row.settled_at) == (MilestoneState.DONE, OPENS)
        assert (last.flow_run, last.actor) == ("示例运行", "system:open_call")
        assert last.facts == '{"late_seconds":0,"milestone":"open_call/1","units":[]}'


@pytest.mark.parametrize(("offset", "outcome"), [(-SECOND, "not_due"), (0 * SECOND, "done"), (SECOND, "done")])
def test_a_second_before_at_and_after_its_time(planned: Player, offset: timedelta, outcome: str) -> None:
    planned.at(OPENS + offset)
    before = planned.kept()

    result = planned.play("open_call", noting, M.OPEN_CALL)

    assert result.outcome == outcome
    if outcome == "not_due":
        assert result.explanation == "not due before 2026-03-02 09:00 (Asia/Shanghai); nothing was changed"
        assert planned.kept() == before


def test_the_second_time_it_says_that_it_is_done_and_changes_nothing(planned: Player) -> None:
    planned.play("open_call", noting, M.OPEN_CALL)
    before = planned.kept()

    result = planned.play("open_call", noting, M.OPEN_CALL)

    assert (result.outcome, result.explanation) == ("already_done", "already done at 2026-03-02 09:00")
    assert planned.kept() == before


def test_a_dry_run_does_everything_and_leaves_nothing(planned: Player) -> None:
    def writing_too(run: Run) -> Ending:
        run.write(planned.home / "page.html", b"x")
        with run.step() as session:
            session.get_one(Call, 2026).draw_seed = "ab"
        with run.step() as session:
            assert session.get_one(Call, 2026).draw_seed == "ab", "later steps see the earlier ones"
        return noting(run)

    before = planned.kept()
    result = planned.play("open_call", writing_too, M.OPEN_CALL, dry_run=True)

    assert (result.outcome, result.lines) == ("dry_run", (("noted", "1"),))
    assert planned.kept() == before
    with planned.reading() as session:
        assert session.scalars(select(Lease)).all() == []


def test_a_stage_that_waits_keeps_what_it_did_and_settles_nothing(planned: Player) -> None:
    result = planned.play("open_call", lambda run: (noting(run), Ending(waiting="somebody is asked"))[1], M.OPEN_CALL)

    assert (result.outcome, result.explanation, state(planned)) == ("waiting", "somebody is asked", CallState.PLANNED)
    assert triggers(planned) == ["plan", "commit_draw"]


def test_failures_of_single_items_are_collected_and_the_others_are_done(planned: Player) -> None:
    def body(run: Run) -> Ending:
        def work(item: str) -> None:
            if item == "bad":
                raise GangchuangError("it is broken")
            with run.step() as session:
                note_call(session, run.year, item, run.act)

        run.each(["freeze_pool", "bad", "freeze_scores"], work, kind=PieceKind.TEMPLATE)
        return Ending("open_call")

    with pytest.raises(
        StageFailed, match=r"1 item\(s\) failed; the others are done.*\n  - bad: it is broken"
    ) as caught:
        planned.play("open_call", body, M.OPEN_CALL)

    assert caught.value.failures == {"bad": "it is broken"}
    assert (triggers(planned), state(planned)) == (["plan", "freeze_pool", "freeze_scores"], CallState.PLANNED)
    assert planned.play("open_call", noting, M.OPEN_CALL).outcome == "done", "its lease is free again"


def test_an_error_undoes_its_step_and_frees_the_lease(planned: Player) -> None:
    def body(run: Run) -> Ending:
        with run.step() as session:
            session.get_one(Call, 2026).draw_seed = "ab"
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        planned.play("open_call", body, M.OPEN_CALL)

    with planned.reading() as session:
        assert session.get_one(Call, 2026).draw_seed == ""
    assert planned.play("open_call", noting, M.OPEN_CALL).outcome == "done"


def test_while_one_is_at_it_another_gets_a_clear_answer(planned: Player) -> None:
    def body(run: Run) -> Ending:
        with pytest.raises(LeaseTaken, match="stage/2026/open_call is being worked on by another run"):
            planned.play("open_call", noting, M.OPEN_CALL)
        return noting(run)

    assert planned.play("open_call", body, M.OPEN_CALL).outcome == "done"
    assert triggers(planned) == ["plan", "commit_draw", "open_call"]


def run_out(session: Session) -> None:
    session.execute(update(Lease).values(expires=database_seconds(session) - 1))


def test_a_sleeper_whose_work_was_taken_over_writes_nothing_more(planned: Player) -> None:
    def sleeping(run: Run) -> Ending:
        with writing(run.engine) as session:
            run_out(session)
        assert planned.play("open_call", noting, M.OPEN_CALL).outcome == "done"
        return noting(run)

    with pytest.raises(LeaseLost):
        planned.play("open_call", sleeping, M.OPEN_CALL)

    assert triggers(planned) == ["plan", "commit_draw", "open_call"]


def test_a_sleeper_that_wakes_for_its_last_step_settles_nothing_twice(planned: Player) -> None:
    def sleeping(run: Run) -> Ending:
        with writing(run.engine) as session:
            run_out(session)
        planned.play("open_call", noting, M.OPEN_CALL)
        return Ending("open_call")

    with pytest.raises(LeaseLost):
        planned.play("open_call", sleeping, M.OPEN_CALL)

    assert triggers(planned).count("open_call") == 1


def test_a_guard_that_refuses_leaves_the_milestone_pending(planned: Player) -> None:
    with pytest.raises(TransitionRefused, match="close_call is refused in state planned"):
        planned.play("open_call", lambda run: Ending("close_call"), M.OPEN_CALL)

    with planned.reading() as session:
        assert session.get_one(MilestoneDate, (2026, "open_call", 1, "")).state is MilestoneState.PENDING
        assert verify(session) == []


def test_a_date_that_the_season_does_not_have_is_not_due(planned: Player) -> None:
    result = planned.play("remind_call", noting, M.REMIND_CALL, ordinal=9)

    assert (result.outcome, result.explanation) == (
        "not_due",
        "not due: season 2026 has no remind_call number 9 for all",
    )


def test_a_step_whose_turn_it_is_not_changes_nothing_however_late(planned: Player) -> None:
    planned.at(planned.due_at(M.CLOSE_DISTRICT_ROUND))
    before = planned.kept()

    result = planned.play("close_district_round", noting, M.CLOSE_DISTRICT_ROUND)

    assert (result.outcome, planned.kept()) == ("not_due", before)
    assert result.explanation == "not its turn: open_call comes first and is not settled; nothing was changed"


def test_a_season_that_is_not_planned_is_an_error(player: Player) -> None:
    with pytest.raises(SeasonNotPlanned):
        player.play("open_call", noting, M.OPEN_CALL)


def test_written_messages_are_counted(planned: Player) -> None:
    def body(run: Run) -> Ending:
        with run.step() as session:
            session.add(
                Message(
                    key="x",
                    season=2026,
                    recipient="a",
                    subject="s",
                    body="b",
                    written_at=run.at,
                    state=MessageState.WAITING,
                )
            )
        run.messages += 1
        return Ending("open_call")

    result = planned.play("open_call", body, M.OPEN_CALL)

    assert result.sentences() == ["release: 1", "messages written: 1"]


@pytest.fixture
def racing(postgres: Postgres, fresh_home: object) -> Iterator[tuple[Engine, Settings]]:
    engine = make_engine(postgres.create("gangchuang_stage", TEMPLATE))
    with writing(engine) as session:
        a_season(session, state=CallState.PLANNED)
    yield engine, settings()
    engine.dispose()
    postgres.drop("gangchuang_stage")


def test_of_twenty_runs_of_the_same_stage_one_does_it(racing: tuple[Engine, Settings]) -> None:
    engine, own = racing
    plays: Callable[[int], Result] = lambda _: play(  # noqa: E731
        "open_call",
        2026,
        noting,
        engine=engine,
        settings=own,
        at=OPENS,
        milestone=M.OPEN_CALL,
    )

    through, refused = at_once(plays)

    assert [result.outcome for result in through].count("done") == 1
    assert {result.outcome for result in through} <= {"done", "already_done"}
    assert {type(refusal) for refusal in refused} <= {LeaseTaken}
    with reading(engine) as session:
        kept = select(History.trigger).where(History.subject == "call/2026").order_by(History.sequence)
        assert session.scalars(kept).all() == ["plan", "commit_draw", "open_call"]
        assert verify(session) == []


@pytest.mark.parametrize(
    ("stage", "outcome", "lines", "key"),
    [
        ("close_call", "done", (("units closed", "39"),), "close_call-2026"),
        ("close_call", "not_due", (), None),
        ("close_call", "already_done", (), None),
        ("close_call", "dry_run", (("units closed", "39"),), "close_call-2026-dry_run"),
        ("open_public_notice", "waiting", (), "open_public_notice-2026-waiting"),
        ("collect", "done", (("taken", "0"), ("rows in", "0")), None),
        ("collect", "done", (("taken", "1"), ("rows in", "0")), "collect-2026"),
        ("deliver_messages", "done", (("sent", "0"),), None),
    ],
)
def test_a_run_that_did_nothing_takes_no_outcomes_place(
    monkeypatch: pytest.MonkeyPatch, stage: str, outcome: str, lines: tuple[tuple[str, str], ...], key: str | None
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(stage_module, "outcome", lambda text, *, key: drawn.append(key))

    stage_module._show(Result(stage, 2026, outcome, season_rules().dates.close_call, lines), "")

    assert drawn == ([key] if key else [])
