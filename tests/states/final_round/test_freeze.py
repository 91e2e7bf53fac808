"""The final round ends: scores frozen once, ranked as declared, ties settled, the list kept as data."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.season import Season
from models import Assignment, Call, History, Placing, Score, Seat, Submission
from models.database import reading, writing
from models.enums import AssignmentState, CallState, SubmissionState, Tier
from states.audit.verify import verify
from states.final_round.approval import list_digest, send_back
from states.final_round.freeze import freeze_scores, frozen_scores, presence, scores_are_frozen, short_of_scores
from states.final_round.ranking import assign_re_review, freeze_ranking, rank_list
from states.machine import Act
from states.rules.ranking.ties import SettledBy
from states.submissions.reinstatement import reinstate
from states.submissions.settle import withdraw
from tests.support.builders import OFFICE, SYSTEM, UNIT, a_season
from tests.support.panel import a_score, a_scored_submission, an_assignment, an_eligible_submission, points_of

AT = datetime(2026, 7, 17, 18, tzinfo=ZONE)
S = SubmissionState
SPREAD = (4, 2, 0, -2, -4)


def a_final_round(session: Session, totals: Sequence[int], prizes: int = 3, **rules: Any) -> tuple[Season, list[str]]:
    """Submissions whose five scores lie around the given totals, two points apart."""
    season = a_season(session, state=CallState.FINAL_REVIEW)
    tiers = season.final_round.tiers.model_copy(
        update={"prizes": prizes, "ratios": {"first": 1, "second": 1, "third": 1}}
    )
    final_round = season.final_round.model_copy(update={"tiers": tiers, **rules})
    season = season.model_copy(update={"final_round": final_round})
    call = session.get_one(Call, 2026)
    call.rules, call.draw_seed, call.seal_key = season.model_dump_json(), "5e" * 32, ""
    return season, [a_scored_submission(session, [total + step for step in SPREAD]) for total in totals]


def close(session: Session, season: Season) -> None:
    freeze_scores(session, season, Act(SYSTEM, AT))


def rank(session: Session, season: Season, *, over: bool = True) -> list[tuple[str, int, Tier | None]]:
    ranking = rank_list(session, season, re_review_is_over=over)
    return [(placed.submission, placed.rank, placed.tier) for placed in ranking.placed]


def merits(session: Session, season: Season) -> dict[str, Decimal]:
    return {number: merit.merit for number, merit in frozen_scores(session, season).scoring.merits.items()}


def test_freezing_moves_what_has_enough_scores_and_records_every_merit(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first,) = a_final_round(session, [80])
        second = a_scored_submission(session, (90, 90, 90, 90))

        applied = freeze_scores(session, season, Act(SYSTEM, AT))

        assert (applied.moved, applied.refused[second].code) == ((first,), "too_few_scores")
        entry = session.scalars(select(History).where(History.trigger == "record_final_review")).one()
        facts = json.loads(entry.facts)
        assert (entry.actor, facts["merit"], facts["method"]) == ("panel:panel", "80.0000", "trimmed_mean")
        call = json.loads(session.scalars(select(History.facts).where(History.trigger == "freeze_scores")).one())
        assert call["count"] == 9
        assert verify(session) == []


def test_scores_are_frozen_once(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_final_round(session, [80])
        assert not scores_are_frozen(session, 2026)
        close(session, season)
        assert scores_are_frozen(session, 2026)

        again = freeze_scores(session, season, Act(SYSTEM, AT))

        assert (again.moved, again.refused) == ((), {})
        assert len(session.scalars(select(History).where(History.trigger == "freeze_scores")).all()) == 1


def test_what_lacks_scores_is_named_with_how_many_it_has(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_final_round(session, [80])
        short = a_scored_submission(session, (90, 90))
        unscored = an_eligible_submission(session)

        assert short_of_scores(session, season) == {short: 2, unscored: 0}


def test_a_recused_experts_score_does_not_count(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_final_round(session, [80])
        session.get_one(Assignment, (number, "E0001", 1)).state = AssignmentState.RECUSED

        assert short_of_scores(session, season) == {number: 4}
        assert freeze_scores(session, season, Act(SYSTEM, AT)).refused[number].code == "too_few_scores"


@pytest.mark.parametrize(("owing", "quorate"), [(0, True), (2, True), (3, False)])
def test_the_panel_is_quorate_with_two_thirds_present(engine: Engine, owing: int, quorate: bool) -> None:
    with writing(engine) as session:
        season, _ = a_final_round(session, [80])
        number = a_scored_submission(session, (80,))  # five seats so far
        for ordinal in range(6, 7 + 1):
            a_score(session, number, ordinal, 80)
        for ordinal in range(2, 2 + owing):
            an_assignment(session, number, ordinal)

        decision = presence(session, season)

        assert (decision.members, decision.present, decision.quorate) == (7, 7 - owing, quorate)


def test_absences_are_counted_at_the_close(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_final_round(session, [80])
        an_assignment(session, an_eligible_submission(session), 6)

        close(session, season)

        assert session.scalars(select(Seat.expert).where(Seat.absent)).all() == ["E0006"]


def test_the_ranking_follows_the_merits_and_gives_the_tiers(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second, third, fourth) = a_final_round(session, [60, 90, 80, 70])
        close(session, season)

        assert rank(session, season) == [
            (second, 1, Tier.FIRST),
            (third, 2, Tier.SECOND),
            (fourth, 3, Tier.THIRD),
            (first, 4, None),
        ]


@pytest.mark.parametrize("method", ["mean", "trimmed_mean", "shrinkage"])
def test_a_withdrawn_submission_never_changes_the_others_frozen_scores(engine: Engine, method: str) -> None:
    with writing(engine) as session:
        season, (first, second, third, fourth) = a_final_round(session, [60, 90, 80, 70], method=method)
        a_score(session, fourth, 6, 20)
        close(session, season)
        before, places = merits(session, season), rank(session, season)

        withdraw(session, second, Act(OFFICE, AT), reason="示例")

        after = merits(session, season)
        assert {n: after[n] for n in (first, third, fourth)} == {n: before[n] for n in (first, third, fourth)}
        assert [n for n, *_ in rank(session, season)] == [n for n, *_ in places if n != second]


def test_equals_at_a_cut_go_to_a_re_review_of_just_those(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second, third, fourth) = a_final_round(session, [90, 80, 80, 60], prizes=2)
        close(session, season)

        ranking = rank_list(session, season, re_review_is_over=False)
        (tie,) = ranking.open_ties
        sheets = assign_re_review(session, season, tie.submissions, Act(SYSTEM, AT))

        assert (set(tie.submissions), tie.needs) == ({second, third}, SettledBy.RE_REVIEW)
        assert sheets == {f"E000{n}": [second, third] for n in range(1, 6)}
        again = assign_re_review(session, season, tie.submissions, Act(SYSTEM, AT))
        assert again == sheets
        rounds = session.scalars(select(Assignment.number).where(Assignment.round == 2)).all()
        assert len(rounds) == 10
        assert len(session.scalars(select(History).where(History.trigger == "assign_re_review")).all()) == 1


def give_again(session: Session, number: str, totals: Sequence[int]) -> None:
    """The re-review's scores, by the experts in order."""
    for ordinal, total in enumerate(totals, start=1):
        session.get_one(Assignment, (number, f"E000{ordinal}", 2)).state = AssignmentState.SCORED
        points = {key: str(value) for key, value in points_of(a_rules(session), total).items()}
        session.add(
            Score(
                number=number,
                expert=f"E000{ordinal}",
                round=2,
                points=json.dumps(points),
                total=Decimal(total),
                received_at=AT,
                delivery="0" * 64,
            )
        )
    session.flush()


def a_rules(session: Session) -> Season:
    return Season.model_validate_json(session.get_one(Call, 2026).rules)


def test_the_re_review_settles_a_tie(engine: Engine) -> None:
    with writing(engine) as session:
        season, (_, second, third) = a_final_round(session, [90, 80, 80], prizes=2)
        close(session, season)
        assign_re_review(session, season, [second, third], Act(SYSTEM, AT))
        give_again(session, second, [70] * 5)
        give_again(session, third, [75] * 5)

        ranking = rank_list(session, season, re_review_is_over=True)

        assert [(placed.submission, placed.rank, placed.tier) for placed in ranking.placed][1:] == [
            (third, 2, Tier.SECOND),
            (second, 2, None),
        ]
        assert {placed.settled.by for placed in ranking.placed[1:] if placed.settled} == {SettledBy.RE_REVIEW}


def test_a_re_review_that_was_not_finished_leaves_the_tie_to_the_criteria_and_the_draw(engine: Engine) -> None:
    with writing(engine) as session:
        season, (_, second, third) = a_final_round(session, [90, 80, 80], prizes=2)
        close(session, season)
        assign_re_review(session, season, [second, third], Act(SYSTEM, AT))
        give_again(session, second, [70] * 4)
        give_again(session, third, [75] * 4)

        found = rank_list(session, season, re_review_is_over=True)

        assert {placed.settled.by for placed in found.placed[1:] if placed.settled} <= {
            SettledBy.CRITERION,
            SettledBy.DRAW,
        }
        assert found.open_ties == ()
        assert rank_list(session, season, re_review_is_over=True).placed == found.placed


def test_the_frozen_ranking_is_data_and_in_the_record(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second) = a_final_round(session, [70, 90], prizes=1)
        close(session, season)

        freeze_ranking(session, season, rank_list(session, season, re_review_is_over=True), Act(SYSTEM, AT))

    with reading(engine) as session:
        rows = session.scalars(select(Placing).order_by(Placing.position)).all()
        assert [(row.number, row.position, row.rank, row.merit, row.tier, row.scores, row.spread) for row in rows] == [
            (second, 1, 1, Decimal("90.0000"), Tier.FIRST, 5, Decimal(8)),
            (first, 2, 2, Decimal("70.0000"), None, 5, Decimal(8)),
        ]
        facts = json.loads(session.scalars(select(History.facts).where(History.trigger == "freeze_ranking")).one())
        assert facts["ranking"]
        assert verify(session) == []


def test_a_frozen_ranking_is_replaced_only_when_it_was_sent_back(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second) = a_final_round(session, [70, 90], prizes=1)
        close(session, season)
        freeze_ranking(session, season, rank_list(session, season, re_review_is_over=True), Act(SYSTEM, AT))
        withdraw(session, second, Act(OFFICE, AT), reason="示例")

        freeze_ranking(session, season, rank_list(session, season, re_review_is_over=True), Act(SYSTEM, AT))
        kept = session.scalars(select(Placing.number).order_by(Placing.position)).all()
        send_back(session, 2026, Act(OFFICE, AT), digest=list_digest(session, 2026), reason="示例")
        freeze_ranking(session, season, rank_list(session, season, re_review_is_over=True), Act(SYSTEM, AT))

        assert kept == [second, first]
        assert session.execute(select(Placing.number, Placing.tier)).all() == [(first, Tier.FIRST)]


def test_a_reinstated_submission_is_ranked_by_its_frozen_scores(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second) = a_final_round(session, [70, 90])
        close(session, season)
        before = rank(session, season)
        withdraw(session, second, Act(OFFICE, AT), reason="示例")

        assert reinstate(session, second, Act(OFFICE, AT), reason="示例") is S.FINAL_REVIEWED

        assert rank(session, season) == before


def test_at_most_so_many_prizes_for_a_unit(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second) = a_final_round(session, [90, 80])
        limits = season.final_round.limits.model_copy(update={"per_unit": 1})
        season = season.model_copy(update={"final_round": season.final_round.model_copy(update={"limits": limits})})
        elsewhere = a_scored_submission(session, [70 + step for step in SPREAD], "500101")
        close(session, season)

        assert UNIT in first
        assert rank(session, season) == [(first, 1, Tier.FIRST), (second, 2, None), (elsewhere, 3, Tier.SECOND)]


def test_an_empty_round_closes_empty(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_final_round(session, [])

        close(session, season)
        freeze_ranking(session, season, rank_list(session, season, re_review_is_over=True), Act(SYSTEM, AT))

        assert rank(session, season) == []
        assert session.scalars(select(Submission)).all() == []
