"""Who is paid what: prizes that stand, those at zero with the reason, and what is to be got back."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine

from config.local_time import ZONE
from config.season_parts import Payment
from models import Placing
from models.database import writing
from models.enums import CallState, SubmissionState, Tier
from models.forms import ContributorForm, OrganisationForm
from states.final_round.payment import Payee, prizes, recoveries
from states.machine import Act
from states.submissions.certificates import follow_awards
from states.submissions.settle import revoke
from tests.support.builders import OFFICE, a_form, a_season, a_submission

ACT = Act(OFFICE, datetime(2026, 9, 8, 9, tzinfo=ZONE))


def a_winner(session, state: SubmissionState, tier: Tier, *shares: str | None) -> str:  # type: ignore[no-untyped-def]
    company = OrganisationForm(name=f"示例公司{tier}")
    people = tuple(
        ContributorForm(
            name=f"示例·{place}", organisation=company.name, share=None if share is None else Decimal(share)
        )
        for place, share in enumerate(shares, start=1)
    )
    form = a_form(f"示例{tier}{len(shares)}{state}", organisations=(company,), contributors=people)
    return a_submission(session, state, tier=tier, form=form)


def test_prizes_to_the_fen_and_those_at_zero_with_the_reason(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLISHED)
        first = a_winner(session, SubmissionState.AWARDED, Tier.FIRST, "33.3", "33.3", "33.4")
        third = a_winner(session, SubmissionState.AWARDED, Tier.THIRD, None, None, None)
        revoked = a_winner(session, SubmissionState.AWARDED, Tier.SECOND, "60", "40")
        suspended = a_winner(session, SubmissionState.AWARDED, Tier.SECOND, None)
        follow_awards(session, 2026, ACT)
        revoke(session, revoked, ACT, reason="示例：成果权属存在争议")
        waiting = a_submission(session, SubmissionState.FINAL_REVIEWED)
        session.add(
            Placing(
                number=waiting, season=2026, position=9, rank=9, merit=Decimal(80), raw_mean=Decimal(80), low=Decimal(80),
                high=Decimal(80), scores=5, spread=Decimal(0), tier=Tier.SECOND, approved=True,
            )
        )  # fmt: skip
        session.flush()

        listed = {prize.number: prize for prize in prizes(session, season)}

        assert listed[first].payees == (
            Payee("示例·1", "33.3%", 99_900),
            Payee("示例·2", "33.3%", 99_900),
            Payee("示例·3", "33.4%", 100_200),
        )
        assert [payee.amount for payee in listed[third].payees] == [33_334, 33_333, 33_333]
        assert {payee.weight for payee in listed[third].payees} == {""}
        assert (listed[suspended].paid, listed[suspended].why) == (200_000, "")
        assert (listed[waiting].paid, listed[waiting].why) == (0, "异议核查或公示尚未结束，暂缓发放")
        assert (listed[revoked].paid, listed[revoked].why) == (0, "撤销获奖，不予发放")
        (back,) = recoveries(session, season)
        assert (back.prize.number, back.reason, back.revoked_at) == (revoked, "示例：成果权属存在争议", ACT.at)
        assert [payee.amount for payee in back.prize.payees] == [120_000, 80_000]
        assert len(back.certificates) == 3

        whole = season.model_copy(update={"payment": Payment(payee="organisation")})
        assert {prize.number: prize.payees for prize in prizes(session, whole)}[first] == (
            Payee("示例公司first", "", 300_000),
        )
