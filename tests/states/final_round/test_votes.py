"""The panel votes on the prizes that the season names: by whom, with what quorum, and with what effect."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.season import Season
from models import Ballot, DeclaredConflict, Expert, History, Placing, Seat
from models.database import writing
from models.enums import Role, SeatState, Tier
from models.forms import VoteForm
from states.audit.verify import verify
from states.final_round.approval import approve, is_proposed, list_digest, send_back, votes_are_open
from states.final_round.ranking import assign_re_review, freeze_ranking, rank_list
from states.final_round.votes import close_votes, counted_votes, motions, open_votes, owing_votes, take_votes
from states.machine import Act, Actor
from states.officers import DecisionRefused
from states.panel.draw import seated
from states.panel.replacements import give_up_seat
from states.submissions.delivery import Delivered
from tests.support.builders import OFFICE, SYSTEM, with_votes
from tests.support.decided import a_scored_season, score, small_rules, vote


def a_voting_season(session: Session, *, open_: bool = True, **votes: object) -> tuple[Season, list[str]]:
    """Ranked with two first prizes, a second and a third; the votes are open."""
    season = with_votes(small_rules(), **votes)  # type: ignore[arg-type]
    numbers = a_scored_season(session, season)
    at = season.dates.close_final_round
    assign_re_review(session, season, numbers[1:3], Act(SYSTEM, at))
    for number, total in ((numbers[1], 85), (numbers[2], 75)):
        score(session, season, number, total, at + timedelta(days=1), round_number=2)
    rank(session, season)
    if open_:
        open_votes(session, season, Act(SYSTEM, season.dates.close_re_review))
    return season, numbers


def rank(session: Session, season: Season) -> None:
    ranking = rank_list(session, season, re_review_is_over=True)
    freeze_ranking(session, season, ranking, Act(SYSTEM, season.dates.close_re_review))


def tiers(session: Session) -> list[tuple[str, Tier | None]]:
    return [tuple(row) for row in session.execute(select(Placing.number, Placing.tier).order_by(Placing.position))]


def cast(
    session: Session,
    season: Season,
    number: str,
    caster: str,
    *,
    tier: Tier = Tier.FIRST,
    votes: tuple[int, int, int] = (1, 0, 0),
    at: datetime | None = None,
) -> str:
    """One row from somebody's inbox; "" when it is taken, else the refusal's code."""
    actor = Actor(Role.OFFICE if caster == "office" else Role.EXPERT, caster)
    at = at or season.dates.close_re_review + timedelta(days=1)
    delivered = Delivered(season.year, caster, "b" * 64, at, Act(actor, at))
    names = ("votes_for", "votes_against", "abstentions")
    form = VoteForm(number=number, tier=tier, **dict(zip(names, votes, strict=True)))
    taken = take_votes(session, season, delivered, [(1, form)])
    return taken.refused[1].code if taken.refused else ""


@pytest.mark.parametrize("secret", [True, False])
def test_what_is_not_carried_falls_and_nobody_else_moves(engine: Engine, secret: bool) -> None:
    with writing(engine) as session:
        season, (first, second, third, fourth, fifth, sixth) = a_voting_season(session, secret=secret)
        before = tiers(session)
        assert before[:2] == [(first, Tier.FIRST), (second, Tier.FIRST)]

        vote(session, season, against=(second,))
        counted = close_votes(session, season, Act(SYSTEM, season.dates.close_votes))

        assert [(result.motion.number, result.decision.carried) for result in counted] == [
            (first, True),
            (second, False),
        ]
        assert tiers(session) == [before[0], (second, Tier.SECOND), *before[2:]]
        placing = session.get_one(Placing, second)
        assert placing.voted == "一等奖经表决：应到5人，实到5人，同意0票（须4票），未通过，改为二等奖"
        assert not votes_are_open(session, 2026)
        assert verify(session) == []


@pytest.mark.parametrize(("absent", "quorate"), [(0, True), (1, True), (2, False)])
def test_two_thirds_must_be_present(engine: Engine, absent: int, quorate: bool) -> None:
    with writing(engine) as session:
        season, _ = a_voting_season(session)

        vote(session, season, absent=absent)

        assert [result.decision.quorate for result in counted_votes(session, season)] == [quorate] * 2
        assert sorted(owing_votes(session, season)) == [expert.id for expert in _last(session, absent)]


def _last(session: Session, count: int) -> list[Expert]:
    experts = seated(session, 2026)
    return experts[len(experts) - count :]


def test_nobody_approves_before_the_votes_are_counted(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_voting_season(session)
        digest = list_digest(session, 2026)
        assert not is_proposed(session, 2026)

        with pytest.raises(DecisionRefused, match="the panel's votes are not counted yet"):
            approve(session, 2026, Act(OFFICE, season.dates.close_votes), digest=digest)


def test_who_is_in_conflict_or_off_the_panel_has_no_vote(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second, *_) = a_voting_season(session)
        members = motions(session, season)[0].members
        at = season.dates.close_re_review
        key = f"示例单位示例项目2026第{int(first[-4:])}号"
        session.add(DeclaredConflict(season=2026, expert=members[0], key=key, declared_at=at))
        give_up_seat(session, 2026, members[1], Act(OFFICE, at), reason="示例")
        session.flush()

        assert cast(session, season, first, members[0]) == "no_vote"
        assert cast(session, season, second, members[0]) == ""
        assert cast(session, season, first, members[1]) == "no_vote"
        assert cast(session, season, first, "E9999") == "no_vote"
        assert [len(motion.members) for motion in motions(session, season)] == [3, 4]


def test_a_ballot_of_who_leaves_does_not_count(engine: Engine) -> None:
    with writing(engine) as session:
        season, _ = a_voting_season(session)
        vote(session, season)
        leaver = motions(session, season)[0].members[0]

        give_up_seat(session, 2026, leaver, Act(OFFICE, season.dates.close_re_review), reason="示例")

        assert [result.decision.facts()["present"] for result in counted_votes(session, season)] == [4, 4]
        assert {seat.state for seat in session.query(Seat).filter_by(expert=leaver)} == {SeatState.LEFT}


def test_what_is_not_put_to_the_vote_cannot_be_voted_on(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_voting_season(session)
        member = motions(session, season)[0].members[0]

        assert cast(session, season, numbers[0], member, tier=Tier.SECOND) == "not_put_to_vote"
        assert cast(session, season, numbers[2], member, tier=Tier.SECOND) == "not_put_to_vote"
        assert cast(session, season, "2026-500103-0999", member) == "not_put_to_vote"


@pytest.mark.parametrize(("secret", "caster"), [(True, "E0001"), (False, "office")])
def test_a_ballot_comes_only_as_the_season_says(engine: Engine, secret: bool, caster: str) -> None:
    with writing(engine) as session:
        season, numbers = a_voting_season(session, secret=secret)

        assert cast(session, season, numbers[0], caster) == "role"


@pytest.mark.parametrize(
    ("votes", "refusal"),
    [((5, 0, 0), ""), ((2, 2, 1), ""), ((6, 0, 0), "too_many_votes"), ((0, 0, 0), "too_many_votes")],
)
def test_a_secret_count_cannot_exceed_the_members(engine: Engine, votes: tuple[int, int, int], refusal: str) -> None:
    with writing(engine) as session:
        season, numbers = a_voting_season(session, secret=True)

        assert cast(session, season, numbers[0], "office", votes=votes) == refusal


def test_an_abstention_is_present_and_not_in_favour(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_voting_season(session, secret=True)
        cast(session, season, numbers[0], "office", votes=(3, 0, 2))
        cast(session, season, numbers[1], "office", votes=(4, 0, 1))

        assert [result.decision.carried for result in counted_votes(session, season)] == [False, True]


def test_a_vote_can_be_changed_until_it_is_closed_and_is_recorded_once(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_voting_season(session)
        member = motions(session, season)[0].members[0]

        for votes in ((1, 0, 0), (1, 0, 0), (0, 1, 0)):
            assert cast(session, season, numbers[0], member, votes=votes) == ""

        ballot = session.get_one(Ballot, (numbers[0], Tier.FIRST, member))
        assert (ballot.votes_for, ballot.votes_against) == (0, 1)
        assert len(session.scalars(select(History).where(History.trigger == "record_votes")).all()) == 2


def test_late_ballots_are_taken_only_while_a_quorum_is_missing(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_voting_season(session)
        member = motions(session, season)[0].members[-1]
        late = season.dates.close_votes + timedelta(seconds=1)
        assert cast(session, season, numbers[0], member, at=late) == ""

        vote(session, season, absent=1)

        assert cast(session, season, numbers[1], member, at=late - timedelta(seconds=1)) == ""
        assert cast(session, season, numbers[1], member, at=late) == "late"


def test_nothing_is_voted_on_before_or_after(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_voting_season(session, open_=False)
        assert cast(session, season, numbers[0], "E0001") == "no_vote_open"
        open_votes(session, season, Act(SYSTEM, season.dates.close_re_review))
        vote(session, season)
        close_votes(session, season, Act(SYSTEM, season.dates.close_votes))

        assert cast(session, season, numbers[0], "E0001") == "no_vote_open"
        assert close_votes(session, season, Act(SYSTEM, season.dates.close_votes)) == []


def test_a_list_sent_back_keeps_the_ballots_on_what_is_proposed_again(engine: Engine) -> None:
    with writing(engine) as session:
        season, (_, second, *_) = a_voting_season(session)
        vote(session, season, against=(second,))
        close_votes(session, season, Act(SYSTEM, season.dates.close_votes))
        voted = tiers(session)
        at = season.dates.close_votes + timedelta(days=1)
        send_back(session, 2026, Act(OFFICE, at), digest=list_digest(session, 2026), reason="示例")
        assert not votes_are_open(session, 2026)

        rank(session, season)
        open_votes(session, season, Act(SYSTEM, at))
        assert owing_votes(session, season) == {}
        close_votes(session, season, Act(SYSTEM, at))

        assert tiers(session) == voted


def test_a_season_without_votes_asks_for_none(engine: Engine) -> None:
    with writing(engine) as session:
        rules = small_rules()
        a_scored_season(session, rules)
        rank(session, rules)

        assert open_votes(session, rules, Act(SYSTEM, rules.dates.close_re_review)) == []
        assert is_proposed(session, 2026)
