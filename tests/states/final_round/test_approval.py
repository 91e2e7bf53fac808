"""A named person approves exactly the list before their eyes, strikes with a reason, or sends it back."""

import json
from datetime import datetime

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Approval, Call, History, Placing, Publication, Submission
from models.database import writing
from models.enums import ApprovalDecision, CallState, PublicationKind, SubmissionState, Tier
from states.audit.projection import disagreements
from states.audit.verify import verify
from states.final_round.approval import (
    approve,
    is_approved,
    is_ranked,
    list_digest,
    placings,
    proposed,
    send_back,
    waits_for_approval,
    withdraw_approval,
)
from states.final_round.ranking import rank_list
from states.machine import Act
from states.officers import DecisionRefused
from states.submissions.settle import withdraw
from tests.support.builders import OFFICE, a_season, a_submission
from tests.support.entries import words
from tests.support.panel import a_ranked_season, rank_again

AT = datetime(2026, 7, 28, 10, tzinfo=ZONE)


def approved(session: Session) -> dict[str, bool]:
    return {placing.number: placing.approved for placing in placings(session, 2026)}


def test_what_is_proposed_are_the_prizes_of_the_ranking(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second, third, fourth) = a_ranked_season(session)

        assert [(row.number, row.tier) for row in proposed(session, 2026)] == [
            (first, Tier.FIRST),
            (second, Tier.SECOND),
            (third, Tier.THIRD),
        ]
        assert [row.number for row in placings(session, 2026)] == [first, second, third, fourth]
        assert (is_ranked(session, 2026), is_approved(session, 2026), waits_for_approval(session, 2026)) == (
            True,
            False,
            True,
        )


def test_approving_names_the_person_the_list_and_its_digest(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second, third, fourth) = a_ranked_season(session)
        digest = list_digest(session, 2026)

        count = approve(session, 2026, Act(OFFICE, AT), digest=digest[:8])

        row = session.get_one(Approval, (2026, 1))
        assert count == 3
        assert (row.decision, row.officer, row.decided_at, row.list_digest) == (
            ApprovalDecision.APPROVED,
            OFFICE.name,
            AT,
            digest,
        )
        assert approved(session) == {first: True, second: True, third: True, fourth: False}
        entry = session.scalars(select(History).where(History.trigger == "approve")).one()
        assert entry.actor == str(OFFICE)
        assert json.loads(entry.facts) == {
            "digest": digest,
            "list": [[first, "first"], [second, "second"], [third, "third"]],
        }
        assert not waits_for_approval(session, 2026)
        assert verify(session) == []


@pytest.mark.parametrize("digest", ["", "1234567", "0" * 64, "长" * 8])
def test_another_digest_approves_nothing(engine: Engine, digest: str) -> None:
    with writing(engine) as session:
        a_ranked_season(session)

        with pytest.raises(DecisionRefused, match="look at the list as it is now"):
            approve(session, 2026, Act(OFFICE, AT), digest=digest)

        assert not any(approved(session).values())


def test_the_digest_changes_with_the_list_so_nobody_approves_what_they_did_not_see(engine: Engine) -> None:
    with writing(engine) as session:
        _, (_, second, *_) = a_ranked_season(session)
        seen = list_digest(session, 2026)
        withdraw(session, second, Act(OFFICE, AT), reason="示例")

        with pytest.raises(DecisionRefused, match="its digest is"):
            approve(session, 2026, Act(OFFICE, AT), digest=seen)

        assert approve(session, 2026, Act(OFFICE, AT), digest=list_digest(session, 2026)) == 2


def test_striking_takes_one_off_and_leaves_the_order_of_the_others(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second, third, fourth) = a_ranked_season(session)

        count = approve(
            session, 2026, Act(OFFICE, AT), digest=list_digest(session, 2026), reason="材料不实", strike=[second]
        )

        assert count == 2
        assert approved(session) == {first: True, second: False, third: True, fourth: False}
        assert [(row.number, row.tier) for row in placings(session, 2026)] == [
            (first, Tier.FIRST),
            (second, Tier.SECOND),
            (third, Tier.THIRD),
            (fourth, None),
        ]
        assert session.get_one(Placing, second).struck == "材料不实"
        entry = session.scalars(select(History).where(History.trigger == "strike")).one()
        assert (entry.subject, words(session, entry), entry.facts) == (
            f"submission/{second}",
            "材料不实",
            '{"rank":2,"tier":"second"}',
        )


@pytest.mark.parametrize(
    ("strike", "reason", "words"),
    [
        ("two", "  ", "striking it needs a reason"),
        ("four", "示例", "it is not on the proposed list"),
        ("2026-500103-0999", "示例", "it is not on the proposed list"),
        ("twice", "示例", "it is struck already"),
    ],
)
def test_a_strike_that_cannot_be_approves_nothing_at_all(engine: Engine, strike: str, reason: str, words: str) -> None:
    with writing(engine) as session:
        _, (_, second, _, fourth) = a_ranked_season(session)
    numbers = {"two": [second], "four": [fourth], "twice": [second, second]}.get(strike, [strike])

    with pytest.raises(DecisionRefused, match=words), writing(engine) as session:
        approve(session, 2026, Act(OFFICE, AT), digest=list_digest(session, 2026), reason=reason, strike=numbers)

    with writing(engine) as session:
        assert not any(approved(session).values())
        assert session.get_one(Placing, second).struck == ""
        assert not is_approved(session, 2026)


def test_a_list_is_approved_once(engine: Engine) -> None:
    with writing(engine) as session:
        a_ranked_season(session)
        digest = list_digest(session, 2026)
        approve(session, 2026, Act(OFFICE, AT), digest=digest)

        with pytest.raises(DecisionRefused, match="it is approved already"):
            approve(session, 2026, Act(OFFICE, AT), digest=digest)
        with pytest.raises(DecisionRefused, match="it is approved already"):
            send_back(session, 2026, Act(OFFICE, AT), digest=digest, reason="示例")


def test_a_list_sent_back_waits_for_a_new_ranking_before_anybody_approves(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, *_) = a_ranked_season(session)
        digest = list_digest(session, 2026)

        send_back(session, 2026, Act(OFFICE, AT), digest=digest, reason="核对分数")

        assert (is_ranked(session, 2026), waits_for_approval(session, 2026)) == (False, True)
        with pytest.raises(DecisionRefused, match="no ranking waits for a decision"):
            approve(session, 2026, Act(OFFICE, AT), digest=digest)

        rank_again(session, season)
        approve(session, 2026, Act(OFFICE, AT), digest=digest)
        assert session.get_one(Placing, first).approved
        assert [row.decision for row in session.scalars(select(Approval).order_by(Approval.ordinal))] == [
            ApprovalDecision.SENT_BACK,
            ApprovalDecision.APPROVED,
        ]


def test_an_approved_list_is_not_ranked_again(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, *_) = a_ranked_season(session)
        approve(session, 2026, Act(OFFICE, AT), digest=list_digest(session, 2026))

        rank_again(session, season)

        assert session.get_one(Placing, first).approved
        assert rank_list(session, season, re_review_is_over=True).placed[0].submission == first


def test_an_approval_is_withdrawn_with_a_reason_and_the_list_waits_again_with_what_was_struck(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second, third, _) = a_ranked_season(session)
        before = list_digest(session, 2026)
        approve(session, 2026, Act(OFFICE, AT), digest=before, strike=[second], reason="材料不实")
        how = {"act": Act(OFFICE, AT), "digest": list_digest(session, 2026)}
        with pytest.raises(DecisionRefused, match="needs a reason"):
            withdraw_approval(session, 2026, **how, reason=" ")

        withdraw_approval(session, 2026, **how, reason="划错一项")

        assert (waits_for_approval(session, 2026), is_approved(session, 2026)) == (True, False)
        assert not any(approved(session).values())
        assert (session.get_one(Placing, second).struck, list_digest(session, 2026)) == ("", before)
        entries = session.scalars(select(History).where(History.trigger == "withdraw_approval")).all()
        assert {(entry.subject, words(session, entry)) for entry in entries} == {
            ("call/2026", "划错一项"),
            (f"submission/{second}", "划错一项"),
        }
        assert rows_agree(session)
        approve(session, 2026, Act(OFFICE, AT), digest=before, strike=[third], reason="材料不实")
        assert approved(session) == {first: True, second: True, third: False, placings(session, 2026)[3].number: False}
        assert [row.decision for row in session.scalars(select(Approval).order_by(Approval.ordinal))] == [
            ApprovalDecision.APPROVED,
            ApprovalDecision.WITHDRAWN,
            ApprovalDecision.APPROVED,
        ]
        assert rows_agree(session)
        assert verify(session) == []


def rows_agree(session: Session) -> bool:
    """Whether placings and approvals are what the record says of them."""
    return not [table for table, *_ in disagreements(session, 2026) if table in ("placing", "approval")]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ("not approved", "no approved list waits"),
        ("posting", "is being posted at this moment"),
        ("posted", "no approved list waits"),
    ],
)
def test_an_approval_is_withdrawn_only_until_the_notice_opens(engine: Engine, given: str, refusal: str) -> None:
    with writing(engine) as session:
        a_ranked_season(session)
        digest = list_digest(session, 2026)
        if given != "not approved":
            approve(session, 2026, Act(OFFICE, AT), digest=digest)
        if given == "posting":
            kind = PublicationKind.PUBLIC_NOTICE
            session.add(Publication(season=2026, kind=kind, published_at=AT, root="ab" * 32, subjects=1))
        if given == "posted":
            session.get_one(Call, 2026).state = CallState.PUBLIC_NOTICE
        session.flush()

        with pytest.raises(DecisionRefused, match=refusal):
            withdraw_approval(session, 2026, Act(OFFICE, AT), digest=digest, reason="示例")


def test_sending_back_needs_a_reason(engine: Engine) -> None:
    with writing(engine) as session:
        a_ranked_season(session)

        with pytest.raises(DecisionRefused, match="sending it back needs a reason"):
            send_back(session, 2026, Act(OFFICE, AT), digest=list_digest(session, 2026), reason=" ")


@pytest.mark.parametrize("state", [CallState.DISTRICT_REVIEW, CallState.FINAL_REVIEW, CallState.PUBLIC_NOTICE])
def test_without_a_ranking_there_is_nothing_to_decide(engine: Engine, state: CallState) -> None:
    with writing(engine) as session:
        a_season(session, state=state)

        with pytest.raises(DecisionRefused, match="no ranking waits"):
            approve(session, 2026, Act(OFFICE, AT), digest=list_digest(session, 2026))


def test_an_archived_submission_is_on_no_list(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, *_) = a_ranked_season(session)
        a_submission(session, SubmissionState.SUBMITTED)

        withdraw(session, first, Act(OFFICE, AT), reason="示例")

        assert first not in {row.number for row in proposed(session, 2026)}
        assert session.get_one(Submission, first).tier is None
