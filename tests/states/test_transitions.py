"""The only writer: state and history together, or nothing; by one and by twenty at once."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Call, History, Submission
from models.database import make_engine, reading, writing
from models.enums import CallState, Outcome, PublicationKind, Role, SubmissionState, Tier
from models.queries import SeasonNotPlanned
from states import transitions
from states.audit.verify import verify
from states.call import CallCase
from states.history import canonical
from states.machine import Act
from states.numbers import Number, UnknownSubmission
from states.roots import record_root
from states.transitions import (
    Ask,
    ChangedMeanwhile,
    TransitionRefused,
    apply_to_many,
    apply_transition,
    move_call,
    note_call,
    note_submission,
    plan_call,
)
from tests.support.builders import OFFICE, SYSTEM, a_season, a_submission, season_rules
from tests.support.databases import TEMPLATE, Postgres
from tests.support.entries import append, words
from tests.support.threads import at_once

AT = datetime(2026, 4, 1, 10, 30, tzinfo=ZONE)
LATER = AT + timedelta(days=300)
S = SubmissionState
RULES = season_rules().model_dump_json()


def withdrawal(reason: str = "单位撤回") -> Ask:
    return Ask("archive", Act(OFFICE, AT, "示例运行"), reason=reason, outcome=Outcome.WITHDRAWN)


def entries(session: Session, subject: str) -> list[History]:
    return list(session.scalars(select(History).where(History.subject == subject).order_by(History.sequence)))


def test_a_transition_writes_state_and_history_together(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)

        reached = apply_transition(session, number, withdrawal())

    with reading(engine) as session:
        row = session.get_one(Submission, number)
        last = entries(session, f"submission/{number}")[-1]
        assert (reached, row.state, row.archived_from, row.outcome) == (
            S.ARCHIVED,
            S.ARCHIVED,
            S.SUBMITTED,
            Outcome.WITHDRAWN,
        )
        assert (row.sequence, row.head) == (last.sequence, last.hash) == (2, last.hash)
        assert (last.trigger, last.from_state, last.to_state) == ("archive", "submitted", "archived")
        assert (last.actor, words(session, last), last.flow_run) == (str(OFFICE), "单位撤回", "示例运行")
        assert (last.at, last.facts) == ("2026-04-01T02:30:00.000000+00:00", '{"outcome":"withdrawn"}')
        assert verify(session) == []


def test_a_reinstated_submission_is_as_it_was(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, S.ARCHIVED, outcome=Outcome.COMPLETED, tier=Tier.SECOND)

        reached = apply_transition(session, number, Ask("reinstate", Act(OFFICE, AT), reason="示例"))

        row = session.get_one(Submission, number)
        assert (reached, row.state, row.archived_from, row.outcome, row.tier) == (
            S.AWARDED,
            S.AWARDED,
            None,
            None,
            Tier.SECOND,
        )


def test_an_award_archived_as_completed_can_be_revoked_and_keeps_its_tier_on_record(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, S.ARCHIVED, outcome=Outcome.COMPLETED, tier=Tier.FIRST)

        apply_transition(session, number, Ask("revoke", Act(OFFICE, LATER), reason="材料不实"))

        row = session.get_one(Submission, number)
        assert (row.state, row.archived_from, row.outcome, row.tier) == (
            S.ARCHIVED,
            S.AWARDED,
            Outcome.REVOKED,
            Tier.FIRST,
        )
        assert entries(session, f"submission/{number}")[-1].facts == '{"outcome":"revoked"}'


def test_a_refused_transition_changes_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)

        with pytest.raises(TransitionRefused, match=f"{number}: award is refused in state submitted"):
            apply_transition(session, number, Ask("award", Act(OFFICE, AT)))

        assert session.get_one(Submission, number).sequence == 1
        assert len(entries(session, f"submission/{number}")) == 1


@pytest.mark.parametrize("number", ["2026-500103-9999", "示例", "", "2031-500103-0001"])
def test_an_unknown_submission_is_an_error_that_names_it(engine: Engine, number: str) -> None:
    with writing(engine) as session:
        a_season(session)

        for ask in (apply_transition, note_submission):
            with pytest.raises(
                (UnknownSubmission, SeasonNotPlanned), match=r"no submission|Season 2031 is not planned"
            ):
                ask(session, number, withdrawal())


def test_a_number_bears_its_season_and_unit() -> None:
    assert Number.of("2026-500103-0001") == (2026, "500103", 1)
    with pytest.raises(UnknownSubmission, match="Numbers look like"):
        Number.of("二〇二六-1")


def test_a_note_moves_nothing_but_the_chain(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, S.ARCHIVED, outcome=Outcome.COMPLETED, tier=Tier.SECOND)
        before = session.get_one(Submission, number).model_dump()

        note_submission(session, number, Ask("raise_objection", Act(OFFICE, LATER), facts={"objection": 1}))

        row = session.get_one(Submission, number, populate_existing=True).model_dump()
        assert {key for key in row if row[key] != before[key]} == {"sequence", "head"}
        last = entries(session, f"submission/{number}")[-1]
        assert (last.from_state, last.to_state, last.facts) == ("archived", "archived", '{"objection":1}')


def test_many_move_together_and_refusals_are_named(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        open_ones = [a_submission(session) for _ in range(3)]
        gone = a_submission(session, S.ARCHIVED, outcome=Outcome.WITHDRAWN)

        applied = apply_to_many(session, 2026, Ask("archive", Act(SYSTEM, AT), outcome=Outcome.NOT_REVIEWED))

        assert applied.moved == tuple(open_ones)
        assert {number: refusal.code for number, refusal in applied.refused.items()} == {gone: "state"}
        assert verify(session) == []


def test_a_season_is_planned_once(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

    with pytest.raises(ChangedMeanwhile, match="call/2026"), writing(engine) as session:
        plan_call(session, 2026, Act(OFFICE, AT), rules=RULES, facts={})


def test_a_call_moves_with_its_history(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.OPEN)
        case = CallCase(2026, AT, Role.OFFICE, CallState.OPEN, due_at=AT)

        reached = move_call(session, 2026, "close_call", Act(OFFICE, AT), case=case, facts={"submissions": 3})

        call = session.get_one(Call, 2026)
        last = entries(session, "call/2026")[-1]
        assert reached is call.state is CallState.DISTRICT_REVIEW
        assert (last.sequence, last.hash, last.facts) == (call.sequence, call.head, '{"submissions":3}')


def test_a_call_that_stands_elsewhere_than_the_case_says_is_not_moved(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        stale = CallCase(2026, AT, Role.OFFICE, CallState.OPEN, due_at=AT)

        with pytest.raises(ChangedMeanwhile, match="somebody else at the same moment"):
            move_call(session, 2026, "close_call", Act(OFFICE, AT), case=stale)


def test_facts_without_one_canonical_form_are_a_programming_error(engine: Engine) -> None:
    with pytest.raises(canonical.NotRecordable, match=r"1\.5"), writing(engine) as session:
        a_season(session)
        note_call(session, 2026, "draw_panel", Act(OFFICE, AT), facts={"merit": 1.5})


@pytest.mark.parametrize("table", ["history", "publication_leaf"])
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_the_database_itself_refuses_to_change_the_record(engine: Engine, verb: str, table: str) -> None:
    with writing(engine) as session:
        a_season(session)
        record_root(session, 2026, PublicationKind.PUBLIC_NOTICE, Act(OFFICE, AT))
    statement = f"DELETE FROM {table}" if verb == "delete" else f"UPDATE {table} SET hash = hash"

    with pytest.raises(DatabaseError, match="append-only"), writing(engine) as session:
        session.execute(text(statement))


def test_the_same_sequence_cannot_be_written_twice(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)
        row = entries(session, f"submission/{number}")[0].model_dump()

    with pytest.raises(DatabaseError), writing(engine) as session:
        append(session, [row])


def test_a_head_that_moved_on_stops_the_step(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)
    load = transitions.load_cases

    def overtaken(session: Session, *args: object) -> object:
        found = load(session, *args)
        session.execute(update(Submission).where(Submission.number == number).values(sequence=7))
        return found

    monkeypatch.setattr(transitions, "load_cases", overtaken)
    with pytest.raises(ChangedMeanwhile), writing(engine) as session:
        apply_transition(session, number, withdrawal())

    with reading(engine) as session:
        assert session.get_one(Submission, number).sequence == 1


@pytest.fixture
def server_engine(postgres: Postgres) -> Iterator[Engine]:
    made = make_engine(postgres.create("gangchuang_race", TEMPLATE))
    yield made
    made.dispose()
    postgres.drop("gangchuang_race")


def test_of_twenty_who_try_the_same_transition_one_wins(server_engine: Engine) -> None:
    with writing(server_engine) as session:
        a_season(session)
        number = a_submission(session)

    def withdraw(turn: int) -> SubmissionState:
        with writing(server_engine) as session:
            return apply_transition(session, number, withdrawal(f"第{turn}个"))

    through, refused = at_once(withdraw)

    assert through == [S.ARCHIVED]
    assert {type(error) for error in refused} == {TransitionRefused}
    assert {error.refusal.code for error in refused} == {"state"}  # type: ignore[attr-defined]
    with reading(server_engine) as session:
        assert [entry.trigger for entry in entries(session, f"submission/{number}")] == ["submit", "archive"]
        assert verify(session) == []


def test_of_twenty_who_close_the_same_round_one_moves_all(server_engine: Engine) -> None:
    with writing(server_engine) as session:
        a_season(session)
        numbers = [a_submission(session) for _ in range(25)]

    def close(_: int) -> int:
        with writing(server_engine) as session:
            ask = Ask("archive", Act(SYSTEM, AT), outcome=Outcome.NOT_REVIEWED)
            return len(apply_to_many(session, 2026, ask, Submission.state == S.SUBMITTED).moved)

    through, failed = at_once(close)

    assert failed == []
    assert sorted(through) == [0] * 19 + [25]
    with reading(server_engine) as session:
        assert session.scalar(select(func.count()).where(History.trigger == "archive")) == len(numbers)
        assert verify(session) == []


def test_of_twenty_who_plan_the_same_season_one_wins(server_engine: Engine) -> None:
    def plan(turn: int) -> int:
        with writing(server_engine) as session:
            plan_call(session, 2026, Act(OFFICE, AT), rules=RULES, facts={})
        return turn

    through, refused = at_once(plan)

    assert len(through) == 1
    assert {type(error) for error in refused} == {ChangedMeanwhile}


def test_of_twenty_who_note_the_same_call_all_are_chained(server_engine: Engine) -> None:
    with writing(server_engine) as session:
        a_season(session)
        before = session.get_one(Call, 2026).sequence

    def note(turn: int) -> int:
        with writing(server_engine) as session:
            note_call(session, 2026, "admit_late", Act(OFFICE, AT), facts={"place": turn})
        return turn

    through, failed = at_once(note)

    assert (len(through), failed) == (20, [])
    with reading(server_engine) as session:
        assert session.get_one(Call, 2026).sequence == before + 20
        assert verify(session) == []


def test_a_removed_row_leaves_its_chain_behind_and_is_found(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)
    with writing(engine) as session:
        for table in ("consent", "contact", "contributor", "organisation", "submission_version"):
            session.execute(text(f"DELETE FROM {table}"))
        session.execute(delete(Submission))

    with reading(engine) as session:
        found = verify(session)

    assert [number in str(breach) for breach in found] == [True]


def test_tomorrow_is_another_instant() -> None:
    assert canonical.instant_text(AT + timedelta(days=1)) == "2026-04-02T02:30:00.000000+00:00"
    with pytest.raises(canonical.NotRecordable, match="no zone"):
        canonical.instant_text(AT.replace(tzinfo=None))
