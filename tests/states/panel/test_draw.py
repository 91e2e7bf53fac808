"""The panel: drawn by the committed seed from the eligible, assigned without conflicts, refilled when one is lost."""

import json
from dataclasses import asdict
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.season import Season
from models import Assignment, Call, DeclaredConflict, Expert, History, Score, Seat, Submission
from models.database import writing
from models.enums import AssignmentState, CallState, Role, SeatState
from models.forms import ContributorForm, OrganisationForm, ScoreForm
from states.audit.invariants import broken_invariants
from states.audit.verify import verify
from states.final_round.scores import take_scores
from states.machine import Act, Actor
from states.officers import DecisionRefused
from states.panel.draw import PanelTooSmall, assign_panel, draw, eligible_pool, reserves, seated
from states.panel.pairs import PairRefused, make_pairs, season_conflicts
from states.panel.recusals import step_back_conflicted
from states.panel.replacements import assign_by_hand, give_up_seat, replace_missing
from states.rules.reviewers.draw import Candidate, PanelShortage, draw_panel
from states.submissions.delivery import Delivered
from states.timeline import move_date
from tests.support.builders import OFFICE, SYSTEM, a_form, a_season, an_expert, season_rules
from tests.support.panel import a_score, an_eligible_submission, points_of

AT = datetime(2026, 6, 22, 9, tzinfo=ZONE)
SIGNED = date(2026, 6, 15)
SEED = "5e" * 32


def a_panel_season(
    session: Session, *, experts: int = 8, submissions: int = 3, **rules: int
) -> tuple[Season, list[str]]:
    """A season ready for the draw: small rules, eligible submissions of one field, a pool that signed."""
    season = a_season(session, state=CallState.FINAL_REVIEW)
    small = {
        "scores_per_submission": 3,
        "submissions_per_expert": 10,
        "panel_per_field": 2,
        "panel_size": 5,
        "reserves": 2,
    }
    season = season.model_copy(update={"final_round": season.final_round.model_copy(update={**small, **rules})})
    call = session.get_one(Call, 2026)
    call.rules, call.draw_seed, call.seal_key = season.model_dump_json(), SEED, ""
    for ordinal in range(1, experts + 1):
        an_expert(session, ordinal, statement_on=SIGNED)
    return season, [an_eligible_submission(session) for _ in range(submissions)]


def pairs(session: Session) -> set[tuple[str, str, str]]:
    rows = session.scalars(select(Assignment).execution_options(populate_existing=True))
    return {(assignment.number, assignment.expert, assignment.state.value) for assignment in rows}


@pytest.mark.parametrize(
    ("changes", "eligible"),
    [
        ({}, True),
        ({"statement_on": None}, False),
        ({"statement_on": date(2026, 3, 2)}, True),
        ({"statement_on": date(2026, 3, 1)}, False),
        ({"statement_on": date(2026, 6, 23)}, False),
        ({"valid_until": date(2026, 6, 22)}, True),
        ({"valid_until": date(2026, 6, 21)}, False),
    ],
)
def test_who_may_be_drawn(engine: Engine, changes: dict[str, object], eligible: bool) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        expert = an_expert(session, 1, **{"statement_on": SIGNED, **changes})

        assert [member.id for member in eligible_pool(session, season_rules(), AT)] == ([expert] if eligible else [])


def test_the_draw_can_be_repeated_from_the_record(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_panel_season(session)

        panel = draw(session, season, Act(SYSTEM, AT))

        facts = json.loads(session.scalars(select(History.facts).where(History.trigger == "draw_panel")).one())
        again = draw_panel(
            seed=bytes.fromhex(facts["seed"]),
            pool=[Candidate(expert, tuple(fields)) for expert, fields in facts["pool"]],
            seats=facts["seats"],
            size=facts["size"],
            reserves=facts["reserves"],
        )
        assert again == panel
        assert facts["seed"] == SEED
        assert (len(seated(session, 2026)), len(reserves(session, 2026))) == (5, 2)
        assert {seat.signed_on for seat in session.scalars(select(Seat))} == {SIGNED}


def test_too_small_a_pool_is_an_error_that_says_how_many_lack(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_panel_season(session, experts=4)

        with pytest.raises(PanelShortage, match="4 eligible experts .* for .* seats"):
            draw(session, season, Act(SYSTEM, AT))


def test_every_submission_gets_its_experts_and_nobody_a_conflict(engine: Engine) -> None:
    parties = {
        "organisations": (OrganisationForm(name="示例研究院1"),),
        "contributors": (ContributorForm(name="示例·专家2", organisation="示例研究院2"),),
    }
    with writing(engine) as session:
        season, numbers = a_panel_season(session, experts=9, reserves=0, panel_size=8)
        close = an_eligible_submission(session, form=a_form("利益相关", **parties))
        session.add(DeclaredConflict(season=2026, expert="E0003", key="示例单位示例项目2026第1号", declared_at=AT))
        draw(session, season, Act(SYSTEM, AT))

        assigned = assign_panel(session, season, Act(SYSTEM, AT))

        barred = season_conflicts(session, season, seated(session, 2026))
        assert "E0002" not in {seat.id for seat in seated(session, 2026)}, "who submits does not review at all"
        assert set(assigned.experts) == {*numbers, close}
        assert all(len(set(experts)) == 3 for experts in assigned.experts.values())
        assert "E0001" not in assigned.experts[close]
        assert not any(
            barred.forbids(number, expert) for number, experts in assigned.experts.items() for expert in experts
        )
        assert pairs(session) == {(n, e, "active") for n, experts in assigned.experts.items() for e in experts}
        whole = json.loads(
            session.scalars(select(History).where(History.trigger == "assign", History.subject == "call/2026"))
            .one()
            .facts
        )
        assert {name: whole[name] for name in asdict(assigned.quality)} == asdict(assigned.quality)
        assert whole["proven"] is True
        assert (whole["level"], whole["total"]) == (whole["level_at_most"], whole["total_at_most"])
        entry = session.scalars(
            select(History).where(History.trigger == "assign", History.subject == f"submission/{close}")
        ).one()
        assert json.loads(entry.facts)["experts"] == list(assigned.experts[close])
        assert verify(session) == []


def test_a_submission_without_enough_experts_is_named_by_its_number(engine: Engine) -> None:
    rivals = {"organisations": tuple(OrganisationForm(name=f"示例研究院{ordinal}") for ordinal in (2, 4, 5))}
    with writing(engine) as session:
        season, _ = a_panel_season(session, experts=5, reserves=0)
        close = an_eligible_submission(session, form=a_form("利益相关", **rivals))
        draw(session, season, Act(SYSTEM, AT))

        with pytest.raises(PanelTooSmall) as refused:
            assign_panel(session, season, Act(SYSTEM, AT))

        assert refused.value.numbers == (close,)
        assert str(refused.value) == (
            f"Submission {{{close}}} cannot have enough experts out of conflict: submission {close} needs 3, only 2 "
            "are left; add experts of that field. Limits of the season: final_round.scores_per_submission = 3, "
            "submissions_per_expert = 10, panel_size = 5, panel_per_field = 2."
        )
        assert pairs(session) == set()


def test_submissions_that_crowd_the_same_experts_are_named_and_so_are_the_experts(engine: Engine) -> None:
    rivals = {"organisations": tuple(OrganisationForm(name=f"示例研究院{ordinal}") for ordinal in (1, 4))}
    with writing(engine) as session:
        season, _ = a_panel_season(session, experts=5, reserves=0, submissions=0, submissions_per_expert=2)
        crowd = [an_eligible_submission(session, form=a_form(f"利益相关{n}", **rivals)) for n in range(3)]
        draw(session, season, Act(SYSTEM, AT))

        with pytest.raises(PanelTooSmall) as refused:
            assign_panel(session, season, Act(SYSTEM, AT))

        assert (list(refused.value.numbers), refused.value.experts) == (crowd, ("E0002", "E0003", "E0005"))
        assert str(refused.value).startswith(
            f"Submissions {{{', '.join(crowd)}}} together need 9 reviews, but only 6 places are left out of conflict: "
            "experts {E0002, E0003, E0005} may take 6 in all, the others 0; raise their maximum load"
        )


def test_the_assignment_is_the_same_again(engine: Engine) -> None:
    found = []
    for _ in range(2):
        with Session(engine) as session:
            season, _ = a_panel_season(session)
            draw(session, season, Act(SYSTEM, AT))
            found.append(assign_panel(session, season, Act(SYSTEM, AT)))
            session.rollback()

    assert found[0] == found[1]


def test_who_gives_up_the_seat_is_replaced_by_somebody_unconflicted(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_panel_season(session, submissions=2)
        draw(session, season, Act(SYSTEM, AT))
        before = assign_panel(session, season, Act(SYSTEM, AT)).experts
        leaver = before[numbers[0]][0]

        lost = give_up_seat(session, 2026, leaver, Act(OFFICE, AT), reason="示例")
        added = replace_missing(session, season, Act(SYSTEM, AT))

        assert lost == sum(leaver in experts for experts in before.values())
        assert leaver not in added
        assert sorted(number for theirs in added.values() for number in theirs) == sorted(
            n for n in numbers if leaver in before[n]
        )
        active = [(number, state) for number, expert, state in pairs(session) if expert == leaver]
        assert {state for _, state in active} == {"lost"}
        assert all(sum(n == number and state == "active" for n, _, state in pairs(session)) == 3 for number in numbers)
        assert session.get_one(Seat, (2026, leaver)).absent
        assert replace_missing(session, season, Act(SYSTEM, AT)) == {}


def test_a_reserve_takes_a_seat_when_nobody_seated_is_left(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_panel_season(session, submissions=1, panel_size=3, experts=5)
        draw(session, season, Act(SYSTEM, AT))
        leaver = assign_panel(session, season, Act(SYSTEM, AT)).experts[number][0]
        waiting = {seat.id for seat in reserves(session, 2026)}
        give_up_seat(session, 2026, leaver, Act(OFFICE, AT), reason="示例")

        (successor,) = replace_missing(session, season, Act(SYSTEM, AT))

        assert successor in waiting
        assert session.get_one(Seat, (2026, successor)).state is SeatState.SEATED


def test_a_submission_that_nobody_may_take_is_left_short(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_panel_season(session, submissions=1, panel_size=3, experts=3, reserves=0)
        draw(session, season, Act(SYSTEM, AT))
        assign_panel(session, season, Act(SYSTEM, AT))
        give_up_seat(session, 2026, "E0001", Act(OFFICE, AT), reason="示例")

        assert replace_missing(session, season, Act(SYSTEM, AT)) == {}


def in_conflict(session: Session, kind: str, expert: str) -> str:
    """A further submission with which an expert is in conflict. Returns its number."""
    own = session.get_one(Expert, expert)
    parties = {
        "same organisation": {"organisations": (OrganisationForm(name=f"重庆{own.organisation}有限公司"),)},
        "same credit code": {
            "organisations": (OrganisationForm(name="示例改名后的单位", credit_code="91500000MA5U000001"),)
        },
        "colleague": {"contributors": (ContributorForm(name="示例·同事", organisation=own.organisation),)},
        "own": {"contributors": (ContributorForm(name=own.name, organisation=own.organisation),)},
    }
    number = an_eligible_submission(session, form=a_form(f"利益相关·{kind}", **parties.get(kind, {})))
    if kind == "same credit code":
        own.credit_code = "91500000MA5U000001"
    if kind == "declared person":
        session.add(
            DeclaredConflict(season=2026, expert=expert, key=f"示例利益相关{kind.replace(' ', '')}", declared_at=AT)
        )
    if kind == "unit staff":
        own.organisation = "重庆市渝中区科学技术协会普及部"
    session.flush()
    return number


CONFLICTS = ("same organisation", "same credit code", "colleague", "own", "declared person", "unit staff")


@pytest.mark.parametrize("kind", CONFLICTS)
def test_nobody_in_conflict_is_paired_by_hand_either(engine: Engine, kind: str) -> None:
    with writing(engine) as session:
        season, _ = a_panel_season(session, submissions=2)
        draw(session, season, Act(SYSTEM, AT))
        assign_panel(session, season, Act(SYSTEM, AT))
        expert = seated(session, 2026)[0].id
        number = in_conflict(session, kind, expert)

        with pytest.raises(PairRefused, match=f"{expert} cannot review {number}: 专家"):
            assign_by_hand(session, season, number, expert, Act(OFFICE, AT), reason="示例")
        with pytest.raises(PairRefused, match=f"{expert} cannot review {number}: 专家"):
            make_pairs(session, season, {number: [expert]}, at=AT)
        step_back_conflicted(session, season, Act(SYSTEM, AT))
        replace_missing(session, season, Act(SYSTEM, AT))

        assert (number, expert, "active") not in pairs(session)
        assert broken(session) == []


@pytest.mark.parametrize("kind", CONFLICTS)
def test_the_doctor_sees_who_was_paired_behind_the_door(engine: Engine, kind: str) -> None:
    with writing(engine) as session:
        season, _ = a_panel_season(session, submissions=1)
        draw(session, season, Act(SYSTEM, AT))
        expert = seated(session, 2026)[0].id
        number = in_conflict(session, kind, expert)
        session.add(Assignment(season=2026, number=number, expert=expert, assigned_at=AT))
        session.flush()

        assert [(breach.invariant.name, breach.offenders) for breach in broken_invariants(session)] == [
            ("nobody_in_conflict", (f"{number}/{expert}",))
        ]


def broken(session: Session) -> list[str]:
    return [breach.invariant.name for breach in broken_invariants(session)]


def test_an_officer_gives_a_submission_that_lacks_an_expert_one_of_their_choice(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_panel_season(session, submissions=1)
        draw(session, season, Act(SYSTEM, AT))
        had = assign_panel(session, season, Act(SYSTEM, AT)).experts[number]
        reserve = reserves(session, 2026)[0].id
        with pytest.raises(DecisionRefused, match="it lacks no expert"):
            assign_by_hand(session, season, number, reserve, Act(OFFICE, AT), reason="示例")
        give_up_seat(session, 2026, had[0], Act(OFFICE, AT), reason="示例")

        for expert, problem in ((had[0], "has it, or had it before"), (had[1], "has it, or had it before")):
            with pytest.raises(DecisionRefused, match=problem):
                assign_by_hand(session, season, number, expert, Act(OFFICE, AT), reason="示例")
        with pytest.raises(DecisionRefused, match="a reason is needed"):
            assign_by_hand(session, season, number, reserve, Act(OFFICE, AT), reason=" ")
        an_expert(session, 9, statement_on=SIGNED)
        with pytest.raises(PairRefused, match="they have no seat on the panel"):
            assign_by_hand(session, season, number, "E0009", Act(OFFICE, AT), reason="示例")
        assign_by_hand(session, season, number, reserve, Act(OFFICE, AT), reason="示例")

        assert (number, reserve, "active") in pairs(session)
        assert session.get_one(Seat, (2026, reserve)).state is SeatState.SEATED
        assert replace_missing(session, season, Act(SYSTEM, AT)) == {}


def test_who_has_not_signed_gets_nothing_to_read(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_panel_season(session, submissions=1)
        draw(session, season, Act(SYSTEM, AT))
        expert = seated(session, 2026)[0].id
        session.get_one(Seat, (2026, expert)).signed_on = None
        session.flush()

        with pytest.raises(PairRefused, match="have not signed the fairness and secrecy statement"):
            make_pairs(session, season, {number: [expert]}, at=AT)
        session.add(Assignment(season=2026, number=number, expert=expert, assigned_at=AT))
        session.flush()
        assert broken(session) == ["experts_have_signed"]


@pytest.mark.parametrize("scored", [False, True])
def test_a_conflict_that_comes_to_light_before_the_freeze_takes_the_expert_off(engine: Engine, scored: bool) -> None:
    with writing(engine) as session:
        season, numbers = a_panel_season(session, submissions=2)
        draw(session, season, Act(SYSTEM, AT))
        expert, *_ = assign_panel(session, season, Act(SYSTEM, AT)).experts[numbers[0]]
        if scored:
            points = {key: str(value) for key, value in points_of(season, 80).items()}
            form = ScoreForm(number=numbers[0], points=points)
            delivered = Delivered(2026, expert, "d" * 64, AT, Act(Actor(Role.EXPERT, expert), AT))
            assert take_scores(session, delivered, [(1, form)]).accepted
        session.add(DeclaredConflict(season=2026, expert=expert, key="示例单位示例项目2026第1号", declared_at=AT))
        session.flush()

        found = step_back_conflicted(session, season, Act(SYSTEM, AT))
        replace_missing(session, season, Act(SYSTEM, AT))

        assert found == [(numbers[0], expert)]
        assert (numbers[0], expert, "recused") in pairs(session)
        assert sum(state == "active" for number, _, state in pairs(session) if number == numbers[0]) == 3
        assert session.get(Score, (numbers[0], expert, 1)) is None
        entry = session.scalars(select(History).where(History.trigger == "recuse")).one()
        assert json.loads(entry.facts) == {"conflict": ["declared"], "expert": expert, "score_struck": scored}
        assert step_back_conflicted(session, season, Act(SYSTEM, AT)) == []
        assert broken(session) == []


@pytest.mark.parametrize("excused", [False, True])
def test_who_leaves_with_a_reason_in_time_is_not_absent(engine: Engine, excused: bool) -> None:
    with writing(engine) as session:
        season, _ = a_panel_season(session, submissions=1)
        draw(session, season, Act(SYSTEM, AT))
        expert = seated(session, 2026)[0].id

        give_up_seat(session, 2026, expert, Act(OFFICE, AT), reason="示例", excused=excused)

        assert session.get_one(Seat, (2026, expert)).absent is not excused
        entry = session.scalars(select(History).where(History.trigger == "give_up_seat")).one()
        assert json.loads(entry.facts)["excused"] is excused


def test_scores_already_given_stay_when_the_expert_leaves(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = a_score(session, number, 1, 80)

        assert give_up_seat(session, 2026, expert, Act(OFFICE, AT), reason="示例") == 0

        assert session.get_one(Assignment, (number, expert, 1)).state is AssignmentState.SCORED


@pytest.mark.parametrize("expert", ["E9999", "E0001"])
def test_nobody_leaves_a_seat_that_they_do_not_have(engine: Engine, expert: str) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        a_score(session, number, 1, 80)
        if expert == "E0001":
            give_up_seat(session, 2026, expert, Act(OFFICE, AT), reason="示例")

        with pytest.raises(DecisionRefused, match=f"{expert}: nobody of this id has a seat"):
            give_up_seat(session, 2026, expert, Act(OFFICE, AT), reason="示例")


def test_only_the_eligible_are_assigned(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_panel_season(session, submissions=2)
        session.get_one(Submission, numbers[0]).eligible_at = None
        draw(session, season, Act(SYSTEM, AT))

        assert set(assign_panel(session, season, Act(SYSTEM, AT)).experts) == {numbers[1]}


def test_a_moved_date_does_not_touch_the_seed(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_panel_season(session)
        to = season.dates.close_final_round + timedelta(days=1)

        move_date(session, 2026, "close_final_round", Act(OFFICE, AT), to=to, reason="示例")

        assert session.get_one(Call, 2026).draw_seed == SEED
