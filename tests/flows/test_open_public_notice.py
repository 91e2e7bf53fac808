"""The notice: only of an approved list, of what is still in the running, for its full working days."""

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from config.local_time import ZONE
from config.milestones import Milestone
from flows import close_practice, open_practice, write_report
from flows.archive import archiving
from flows.close_public_notice import closing
from flows.close_season import closing as closing_season
from flows.decide import decide
from flows.decisions import Decision
from flows.follow_up import asking
from flows.open_public_notice import opening
from flows.publish_results import publishing
from flows.run import Ending, Result
from flows.tend_objections import tending
from models import Call, Certificate, FollowUp, Message, MilestoneDate, Objection, Publication, Submission
from models.enums import (
    CallState,
    CertificateState,
    MilestoneState,
    ObjectionParty,
    ObjectionResult,
    Outcome,
    PublicationKind,
    SubmissionState,
    Tier,
)
from models.queries import milestone_rows
from states.audit.invariants import broken_invariants
from states.audit.verify import verify
from states.final_round.approval import approve, list_digest
from states.machine import Act, TransitionRefused
from states.objections.process import answer_objection as answer_objection_of
from states.objections.process import reconsider_objection
from states.submissions.certificates import certificates_of
from states.submissions.settle import revoke, withdraw
from tests.support.builders import OFFICE, a_submission
from tests.support.objections import SECOND_INVESTIGATOR, by, object_to
from tests.support.objections import answer as answer_objection
from tests.support.panel import a_ranked_season
from tests.support.playing import Player

M = Milestone
BODIES = {
    M.OPEN_PUBLIC_NOTICE: opening,
    M.CLOSE_PUBLIC_NOTICE: closing,
    M.PUBLISH_RESULTS: publishing,
    M.ARCHIVE: archiving,
    M.OPEN_PRACTICE: open_practice.asking,
    M.CLOSE_PRACTICE: close_practice.closing,
    M.WRITE_REPORT: write_report.writing,
    M.FOLLOW_UP: asking,
    M.CLOSE_SEASON: closing_season,
}


@pytest.fixture
def ranked(player: Player) -> tuple[Player, list[str]]:
    """Four ranked submissions, three of them with a prize; the notice is due next."""
    with player.writing() as session:
        season, numbers = a_ranked_season(session)
        for row in milestone_rows(session, 2026):
            if row.due_at < season.dates.open_public_notice:
                row.state, row.settled_at = MilestoneState.DONE, row.due_at
    player.at(season.dates.close_re_review)
    return player, numbers


def play(player: Player, milestone: Milestone, *, late: timedelta = timedelta(0)) -> Result:
    player.at(max(player.due_at(milestone) + late, player.settings.clock.now()))
    return player.play(milestone.value, BODIES[milestone], milestone)


def approved(player: Player, **options: object) -> None:
    with player.writing() as session:
        approve(session, 2026, Act(OFFICE, player.settings.clock.now()), digest=list_digest(session, 2026), **options)  # type: ignore[arg-type]


def to_the_winter(player: Player) -> None:
    for milestone in (M.ARCHIVE, M.OPEN_PRACTICE, M.CLOSE_PRACTICE, M.WRITE_REPORT):
        play(player, milestone)


def page(player: Player, name: str) -> str:
    return (player.home / "site" / "2026" / name).read_text("utf-8")


def listed(text: str) -> set[str]:
    return set(re.findall(r"2026-\d{6}-\d{4}", text))


def row(player: Player, number: str) -> Submission:
    with player.reading() as session:
        return session.get_one(Submission, number)


def test_without_an_approval_nothing_is_posted(ranked: tuple[Player, list[str]]) -> None:
    player, _ = ranked

    result = play(player, M.OPEN_PUBLIC_NOTICE)

    assert (result.outcome, result.explanation) == ("waiting", "a named person has still to approve the list")
    assert not any("2026-500" in path.read_text("utf-8") for path in (player.home / "site").rglob("*.html"))


def test_the_notice_prints_the_list_the_root_and_every_deviation(ranked: tuple[Player, list[str]]) -> None:
    player, (first, second, third, fourth) = ranked
    approved(player, strike=[second], reason="材料不实")

    play(player, M.OPEN_PUBLIC_NOTICE)

    said = page(player, "notice.html")
    with player.reading() as session:
        publication = session.get_one(Publication, (2026, PublicationKind.PUBLIC_NOTICE, 1))
        assert session.get_one(Call, 2026).state is CallState.PUBLIC_NOTICE
        assert verify(session) == []
    assert {first, third} <= listed(said)
    assert fourth not in listed(said)
    assert publication.root in said
    assert "材料不实" in said
    assert "示例·王主任" in said
    assert len(player.letters("notice_opened")) == 39


def test_each_units_letter_holds_its_own_items_and_no_other(played: Player) -> None:
    """Of a season that was played from its call: three units have prizes, the others learn that they have none."""
    with played.reading() as session:
        letters = session.scalars(select(Message).where(Message.key.like("2026/notice_opened/%"))).all()
        titles = {row.number: row.title for row in session.scalars(select(Submission))}
    named = {letter.key.split("/")[2]: (listed(letter.body), letter.body) for letter in letters}

    assert len(named) == len(played.season.units())
    assert sum(bool(numbers) for numbers, _ in named.values()) >= 2
    for unit, (numbers, body) in named.items():
        assert {number.split("-")[1] for number in numbers} <= {unit}
        assert {number for number in titles if f"{number}《{titles[number]}》" in body} == numbers
        assert ("公示名单里没有贵单位推荐的项目" in body) is (not numbers)


def test_what_was_withdrawn_after_the_approval_is_not_posted(ranked: tuple[Player, list[str]]) -> None:
    player, (first, second, third, _) = ranked
    approved(player)
    with player.writing() as session:
        withdraw(session, second, Act(OFFICE, player.settings.clock.now()), reason="示例")

    lines = dict(play(player, M.OPEN_PUBLIC_NOTICE).lines)

    assert (lines["on the list"], listed(page(player, "notice.html"))) == ("2", {first, third})


def test_a_notice_posted_late_runs_its_full_working_days(ranked: tuple[Player, list[str]]) -> None:
    player, _ = ranked
    approved(player)

    play(player, M.OPEN_PUBLIC_NOTICE, late=timedelta(days=2))

    with player.reading() as session:
        row = session.get_one(MilestoneDate, (2026, "close_public_notice", 1, ""))
        assert row.due_at == datetime(2026, 8, 12, 0, tzinfo=ZONE)


def to_the_results(player: Player, objected: str = "") -> Result:
    approved(player)
    play(player, M.OPEN_PUBLIC_NOTICE)
    if objected:
        with player.writing() as session:
            object_to(session, player.season, objected, Act(OFFICE, player.settings.clock.now()))
    play(player, M.CLOSE_PUBLIC_NOTICE)
    return play(player, M.PUBLISH_RESULTS)


def answer(player: Player, *, upheld: bool) -> None:
    with player.writing() as session:
        identity = session.scalars(select(Objection.id)).one()
        answer_objection(session, player.season, identity, Act(OFFICE, player.settings.clock.now()), upheld=upheld)


def test_everything_approved_is_awarded_in_its_tier(ranked: tuple[Player, list[str]]) -> None:
    player, (first, second, third, fourth) = ranked

    lines = dict(to_the_results(player).lines)

    assert [row(player, number).tier for number in (first, second, third, fourth)] == [
        Tier.FIRST,
        Tier.SECOND,
        Tier.THIRD,
        None,
    ]
    assert (lines["awarded"], row(player, fourth).state) == ("3", SubmissionState.FINAL_REVIEWED)
    assert {first, second, third} <= listed(page(player, "results.html"))
    assert (player.home / "site" / "2026" / "history.jsonl").is_file()


def test_an_objection_suspends_that_one_award_only(ranked: tuple[Player, list[str]]) -> None:
    player, (first, second, third, _) = ranked

    lines = dict(to_the_results(player, objected=first).lines)

    assert (lines["awarded"], lines["suspended by an objection"]) == ("2", "1")
    assert [row(player, number).state for number in (first, second, third)] == [
        SubmissionState.FINAL_REVIEWED,
        SubmissionState.AWARDED,
        SubmissionState.AWARDED,
    ]
    assert "暂缓授奖" in page(player, "results.html")


def test_results_are_not_published_before_the_notice_is_over(ranked: tuple[Player, list[str]]) -> None:
    player, numbers = ranked
    approved(player)
    play(player, M.OPEN_PUBLIC_NOTICE)

    result = play(player, M.PUBLISH_RESULTS)

    assert result.explanation == "not its turn: close_public_notice comes first and is not settled; nothing was changed"
    assert {row(player, number).state for number in numbers} == {SubmissionState.FINAL_REVIEWED}
    assert not (player.home / "site" / "2026" / "results.html").exists()


@pytest.mark.parametrize(("upheld", "outcome"), [(False, Outcome.COMPLETED), (True, Outcome.OBJECTION_UPHELD)])
def test_the_archive_leaves_out_what_is_suspended_and_a_late_answer_settles_it(
    ranked: tuple[Player, list[str]], upheld: bool, outcome: Outcome
) -> None:
    player, (first, second, _, fourth) = ranked
    to_the_results(player, objected=first)

    assert dict(play(player, M.ARCHIVE).lines)["suspended by an objection"] == "1"
    assert [row(player, number).state for number in (first, second)] == [
        SubmissionState.FINAL_REVIEWED,
        SubmissionState.ARCHIVED,
    ]
    answer(player, upheld=upheld)
    player.play("publish_site", lambda _: Ending())  # every stage ends by a release

    assert [row(player, number).outcome for number in (first, second, fourth)] == [
        outcome,
        Outcome.COMPLETED,
        Outcome.NO_PRIZE,
    ]
    awards, changes = page(player, "results.html").split('<h2 id="changes">')
    assert (first in listed(awards), first in listed(changes)) == (not upheld, upheld)
    assert ("异议成立，不予授奖" in changes) is upheld
    assert "暂缓授奖" not in awards + changes
    with player.reading() as session:
        assert verify(session) == []


def test_a_year_later_the_units_are_asked_and_the_season_closes(ranked: tuple[Player, list[str]]) -> None:
    player, (first, second, third, _) = ranked
    to_the_results(player)
    to_the_winter(player)
    with player.writing() as session:
        revoke(session, third, Act(OFFICE, player.settings.clock.now()), reason="示例")

    assert dict(play(player, M.FOLLOW_UP).lines)["asked about"] == "2"
    lines = dict(play(player, M.CLOSE_SEASON).lines)

    with player.reading() as session:
        assert set(session.scalars(select(FollowUp.number))) == {first, second}
        assert session.get_one(Call, 2026).state is CallState.CLOSED
    assert lines["archived"] == "4"
    assert player.letters("season_closed") == ["season_closed/office/closed"]


def test_an_award_taken_away_can_stand_again_in_a_closed_season(ranked: tuple[Player, list[str]]) -> None:
    player, (first, second, third, _) = ranked
    to_the_results(player)
    to_the_winter(player)
    with player.writing() as session:
        revoke(session, third, Act(OFFICE, player.settings.clock.now()), reason="示例")
    play(player, M.FOLLOW_UP)
    play(player, M.CLOSE_SEASON)
    act = Act(OFFICE, player.settings.clock.now())

    decide.fn(2026, OFFICE.name, Decision.REINSTATE, third, "示例：举报不实", "")
    with player.writing() as session:
        objection = object_to(session, player.season, first, act)
        answer_objection(session, player.season, objection.id, act, upheld=True)
        assert session.get_one(Submission, first).outcome is Outcome.REVOKED
        asked = {"person": SECOND_INVESTIGATOR, "asked_by": ObjectionParty.UNIT, "reason": "示例：证据不实"}
        reconsider_objection(session, player.season, objection.id, act, **asked)  # type: ignore[arg-type]
        found = {"result": ObjectionResult.REJECTED, "answer": "示例：原决定有误"}
        answer_objection_of(session, player.season, objection.id, by(SECOND_INVESTIGATOR, act), **found)  # type: ignore[arg-type]

    assert {row(player, number).outcome for number in (first, second, third)} == {Outcome.COMPLETED}
    with player.reading() as session:
        valid = certificates_of(session, 2026, Certificate.state == CertificateState.VALID)
        assert {one.number for one in valid} == {first, second, third}
        assert {one.ordinal for one in valid if one.number != second}.isdisjoint(
            one.ordinal for one in certificates_of(session, 2026, Certificate.state == CertificateState.REVOKED)
        )
        assert verify(session) == []
        assert broken_invariants(session) == []
        said = session.scalars(select(Message.body).where(Message.subject.contains(third))).all()
        assert sum("获奖已经恢复" in body for body in said) == 1
    with pytest.raises(TransitionRefused, match="the season is closed"):
        decide.fn(2026, OFFICE.name, Decision.REINSTATE, first, "示例", "")


def test_a_season_closes_only_when_an_award_that_an_objection_took_cannot_come_back(
    ranked: tuple[Player, list[str]],
) -> None:
    player, (first, *_) = ranked
    to_the_results(player, objected=first)
    to_the_winter(player)
    play(player, M.FOLLOW_UP)
    player.at(player.due_at(M.CLOSE_SEASON))
    answer(player, upheld=True)

    assert "1 award(s) still wait" in play(player, M.CLOSE_SEASON).explanation
    player.at(player.settings.clock.now() + timedelta(days=60))
    player.play("tend_objections", tending)

    assert play(player, M.CLOSE_SEASON).outcome == "done"


def test_what_is_left_when_a_season_closes_ends_with_an_outcome(ranked: tuple[Player, list[str]]) -> None:
    player, _ = ranked
    to_the_results(player)
    to_the_winter(player)
    play(player, M.FOLLOW_UP)
    with player.writing() as session:
        late = a_submission(session)

    play(player, M.CLOSE_SEASON)

    with player.reading() as session:
        assert session.get_one(Submission, late).outcome is Outcome.NOT_REVIEWED
    assert player.letters("season_closed") == ["season_closed/office/closed"]
