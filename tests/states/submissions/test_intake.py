"""Submissions come in: good rows get a number, changed ones a version, the rest a refusal with its reason."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Contact, Contributor, Correction, History, Organisation, Submission, SubmissionVersion
from models.database import reading, writing
from models.enums import CallState, CorrectionState, Outcome, Role, SubmissionState
from models.forms import ContactForm, ContributorForm, OrganisationForm
from states.audit.verify import verify
from states.machine import Act, Actor
from states.submissions.corrections import ask_correction, lapse_corrections
from states.submissions.delivery import Delivered, RowChange, Taken
from states.submissions.identity import Incoming, fingerprint
from states.submissions.intake import take_submissions
from states.submissions.settle import withdraw
from states.timeline import move_date
from tests.support.builders import ADMITTED, OFFICE, SYSTEM, UNIT, a_form, a_season, a_submission, advance

DEADLINE = datetime(2026, 4, 30, 18, tzinfo=ZONE)
EARLY = datetime(2026, 3, 10, 10, tzinfo=ZONE)
OTHER = "500101"
SECOND = timedelta(seconds=1)


def deliver(
    session: Session, *forms: Any, unit: str = UNIT, at: datetime = EARLY, admitted: bool = False, digest: str = "a"
) -> Taken:
    """A workbook of these rows arrives and is taken; rows count from 1."""
    delivered = Delivered(
        2026, unit, digest * 64, at, Act(Actor(Role.DISTRICT, unit), at), ADMITTED if admitted else None
    )
    return take_submissions(
        session, delivered, [Incoming(position, form) for position, form in enumerate(forms, start=1)]
    )


def codes(taken: Taken) -> dict[int, str]:
    return {position: refusal.code for position, refusal in taken.refused.items()}


def test_accepted_rows_are_numbered_within_their_unit(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        first = deliver(session, a_form("一号成果"), a_form("二号成果"))
        second = deliver(session, a_form("三号成果"))
        elsewhere = deliver(session, a_form("四号成果"), unit=OTHER)

        assert first.of(RowChange.NEW) == {1: f"2026-{UNIT}-0001", 2: f"2026-{UNIT}-0002"}
        assert second.of(RowChange.NEW) == {1: f"2026-{UNIT}-0003"}
        assert elsewhere.of(RowChange.NEW) == {1: f"2026-{OTHER}-0001"}
        assert verify(session) == []


def test_everything_of_a_form_is_kept_and_its_history_names_nobody(engine: Engine) -> None:
    form = a_form(
        "一号成果",
        organisations=(OrganisationForm(name="示例公司"), OrganisationForm(name="示例学院")),
        contributors=(
            ContributorForm(name="示例·甲", organisation="示例公司"),
            ContributorForm(name="示例·乙", organisation="示例学院"),
        ),
        contact=ContactForm(name="示例·联系人", phone="00012345678", mail="someone@example.invalid"),
    )
    with writing(engine) as session:
        a_season(session)

        number = deliver(session, form).accepted[1]

        row = session.get_one(Submission, number)
        assert (row.title, row.version, row.state, row.submitted_at) == (
            "一号成果",
            1,
            SubmissionState.SUBMITTED,
            EARLY,
        )
        assert [
            organisation.name for organisation in session.scalars(select(Organisation).order_by(Organisation.position))
        ] == [
            "示例公司",
            "示例学院",
        ]
        assert [
            contributor.name for contributor in session.scalars(select(Contributor).order_by(Contributor.position))
        ] == [
            "示例·甲",
            "示例·乙",
        ]
        assert session.get_one(Contact, number).phone == "00012345678"
        entry = session.scalars(select(History).where(History.subject == f"submission/{number}")).one()
        version = session.get_one(SubmissionVersion, (number, 1))
        assert json.loads(entry.facts)["content_digest"] == version.digest
        for private in ("示例·甲", "示例·联系人", "00012345678", "someone@example.invalid"):
            assert private not in entry.facts
        assert "00012345678" not in version.content


def test_the_same_workbook_again_changes_nothing(engine: Engine) -> None:
    forms = [a_form("一号成果"), a_form("二号成果")]
    with writing(engine) as session:
        a_season(session)
        numbers = deliver(session, *forms).accepted

        again = deliver(session, *forms)

        assert (again.of(RowChange.UNCHANGED), again.of(RowChange.NEW), again.of(RowChange.UPDATED), again.refused) == (
            numbers,
            {},
            {},
            {},
        )
        assert session.scalar(select(func.count()).select_from(History)) == 2 + 2  # plan, open_call, two submits


def test_two_achievements_of_one_title_stay_two_when_sent_again(engine: Engine) -> None:
    forms = [
        a_form("一号成果"),
        a_form("一号成果", contributors=(ContributorForm(name="示例·另一人", organisation="示例"),)),
    ]
    with writing(engine) as session:
        a_season(session)
        numbers = deliver(session, *forms).accepted

        again = deliver(session, *forms)
        turned = deliver(session, *reversed(forms))

        assert again.of(RowChange.UNCHANGED) == numbers
        assert turned.of(RowChange.UNCHANGED) == {1: numbers[2], 2: numbers[1]}


def test_a_new_row_of_a_known_title_leaves_the_known_row_alone(engine: Engine) -> None:
    known, other = (
        a_form("一号成果"),
        a_form("一号成果", contributors=(ContributorForm(name="示例·另一人", organisation="示例"),)),
    )
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, known).accepted[1]

        taken = deliver(session, other, known)

        assert (taken.of(RowChange.UNCHANGED), taken.of(RowChange.UPDATED)) == ({2: number}, {})
        assert list(taken.of(RowChange.NEW)) == [1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"completed_on": date(2024, 6, 1)}, "not_covered"), ({"field": "占星"}, "incomplete")],
)
def test_a_change_must_be_as_good_as_a_new_row(engine: Engine, changes: dict[str, Any], code: str) -> None:
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, a_form("一号成果")).accepted[1]

        again = deliver(session, a_form("一号成果", **changes))

        assert (codes(again), again.of(RowChange.UPDATED)) == ({1: code}, {})
        assert session.get_one(Submission, number).version == 1


def test_a_change_before_the_deadline_is_kept_as_a_version(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, a_form("一号成果")).accepted[1]

        taken = deliver(session, a_form("一号成果", abstract="改写的摘要"), digest="b")
        renamed = deliver(session, a_form("改名的成果", number=number), digest="c")

        row = session.get_one(Submission, number, populate_existing=True)
        versions = session.scalars(select(SubmissionVersion).order_by(SubmissionVersion.version)).all()
        assert (taken.of(RowChange.UPDATED), renamed.of(RowChange.UPDATED)) == ({1: number}, {1: number})
        assert (row.version, row.title) == (3, "改名的成果")
        assert [json.loads(version.content)["abstract"] for version in versions] == [
            "示例摘要",
            "改写的摘要",
            "示例摘要",
        ]
        triggers = session.scalars(
            select(History.trigger).where(History.subject == f"submission/{number}").order_by(History.sequence)
        )
        assert triggers.all() == ["submit", "amend", "amend"]
        assert verify(session) == []


def test_one_submission_is_not_changed_by_two_rows_of_one_workbook(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, a_form("一号成果")).accepted[1]

        taken = deliver(session, a_form("甲版", number=number), a_form("乙版", number=number))

        assert (taken.of(RowChange.UPDATED), codes(taken)) == ({1: number}, {2: "duplicate"})


def test_the_same_row_twice_in_one_workbook_goes_in_once(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        taken = deliver(session, a_form("一号成果"), a_form("一号成果"))

        assert (len(taken.of(RowChange.NEW)), codes(taken)) == (1, {2: "duplicate"})
        assert "第1行" in taken.refused[2].chinese


def test_variants_that_look_alike_are_one_achievement(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        taken = deliver(
            session,
            a_form("智能10KV巡检装置"),
            a_form("智能1\u041eＫＶ巡檢裝置"),
            a_form("智能\u200b10KV巡检装置\ufe0f"),
        )

        assert (len(taken.accepted), codes(taken)) == (1, {2: "duplicate", 3: "duplicate"})


@pytest.mark.parametrize("typed", ["一号成果", " 一号 成果 ", "一号成果。", "一号－成果", "\u30fc號成果"])
def test_the_same_achievement_from_another_unit_is_refused_with_the_number_of_the_other(
    engine: Engine, typed: str
) -> None:
    parties = {
        "organisations": (OrganisationForm(name="示例公司"),),
        "contributors": (ContributorForm(name="示例·甲", organisation="示例公司", consent=True),),
    }
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, a_form("一号成果", **parties)).accepted[1]

        taken = deliver(session, a_form(typed, **parties), unit=OTHER)

        assert codes(taken) == {1: "duplicate"}
        assert number in taken.refused[1].chinese


def test_what_an_earlier_season_had_is_refused(engine: Engine) -> None:
    form = a_form("一号成果", completed_on=date(2024, 6, 1))
    with writing(engine) as session:
        a_season(session, 2025, CallState.PUBLISHED)
        a_season(session)
        earlier = a_submission(session, SubmissionState.ARCHIVED, year=2025, outcome=Outcome.COMPLETED, form=form)

        taken = deliver(session, a_form("一号成果"))

        assert codes(taken) == {1: "duplicate"}
        assert earlier in taken.refused[1].chinese


@pytest.mark.parametrize("outcome", [Outcome.WITHDRAWN, Outcome.INELIGIBLE])
def test_what_was_withdrawn_or_ineligible_may_come_again(engine: Engine, outcome: Outcome) -> None:
    with writing(engine) as session:
        a_season(session)
        gone = a_submission(session, SubmissionState.ARCHIVED, outcome=outcome, form=a_form("一号成果"))

        taken = deliver(session, a_form("一号成果"))

        assert list(taken.of(RowChange.NEW)) == [1]
        assert taken.of(RowChange.NEW)[1] != gone


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"completed_on": date(2024, 12, 31)}, "not_covered", "2025年"),
        ({"completed_on": date(2026, 1, 1)}, "not_covered", "2026-01-01"),
        ({"benefit_economic": None, "benefit_social": ""}, "incomplete", "经济效益或社会效益"),
        ({"field": "航天"}, "incomplete", "航天"),
        (
            {"contributors": tuple(ContributorForm(name=f"示例·{n}", organisation="x") for n in range(6))},
            "incomplete",
            "不得超过5人",
        ),
        ({"organisations": tuple(OrganisationForm(name=f"示例{n}") for n in range(4))}, "incomplete", "不得超过3个"),
        ({"number": "2026-500103-0777"}, "unknown_number", "2026-500103-0777"),
    ],
)
def test_a_row_that_may_not_come_in_says_why(engine: Engine, changes: dict[str, Any], code: str, words: str) -> None:
    with writing(engine) as session:
        a_season(session)

        taken = deliver(session, a_form("一号成果", **changes), a_form("二号成果"))

        assert codes(taken) == {1: code}
        assert words in taken.refused[1].chinese
        assert list(taken.of(RowChange.NEW)) == [2]


def test_everything_that_speaks_against_a_row_is_told_in_one_round(engine: Engine) -> None:
    old = {"completed_on": date(2019, 5, 1)}
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, a_form("一号成果")).accepted[1]
        deliver(session, a_form("二号成果"))

        taken = deliver(
            session,
            a_form("三号成果", number="2026-500103-0777", **old),
            a_form("一号成果", number=number, benefit_economic=None, benefit_social="", field="航天", **old),
            a_form("四号成果"),
            a_form("四号成果", **old),
        )

    told = {place: [(reason.code, reason.about) for reason in refusal.each] for place, refusal in taken.refused.items()}
    covered = ("not_covered", "completed_on")
    assert told == {
        1: [covered, ("unknown_number", "number")],
        2: [("incomplete", "field"), ("incomplete", "benefit_social"), covered],
        4: [("duplicate", "title"), covered],
    }


def test_a_number_of_another_unit_is_not_ones_own(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        theirs = deliver(session, a_form("一号成果"), unit=OTHER).accepted[1]

        taken = deliver(session, a_form("二号成果", number=theirs))

        assert codes(taken) == {1: "unknown_number"}
        assert session.get_one(Submission, theirs).title == "一号成果"


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_the_deadline_a_second_before_at_and_after(engine: Engine, offset: timedelta, late: bool) -> None:
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, a_form("一号成果")).accepted[1]

        taken = deliver(session, a_form("二号成果"), a_form("一号成果", abstract="改写"), at=DEADLINE + offset)

        if late:
            assert codes(taken) == {1: "late", 2: "late"}
        else:
            assert (list(taken.of(RowChange.NEW)), taken.of(RowChange.UPDATED)) == ([1], {2: number})


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_a_unit_with_a_date_of_its_own_has_its_own_deadline(engine: Engine, offset: timedelta, late: bool) -> None:
    own = datetime(2026, 5, 8, 18, tzinfo=ZONE)
    with writing(engine) as session:
        a_season(session)
        move_date(session, 2026, "close_call", Act(OFFICE, EARLY), to=own, reason="示例", unit=UNIT)

        mine = deliver(session, a_form("一号成果"), at=own + offset)
        theirs = deliver(session, a_form("二号成果"), at=own + offset, unit=OTHER)

        assert bool(mine.refused) is late
        assert codes(theirs) == {1: "late"}


def test_the_office_may_admit_what_came_late(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)

        taken = deliver(session, a_form("一号成果"), at=DEADLINE + timedelta(days=1), admitted=True)

        entry = session.scalars(select(History).where(History.trigger == "submit")).one()
        assert list(taken.of(RowChange.NEW)) == [1]
        assert json.loads(entry.facts)["admitted"] is True


def test_nothing_comes_in_before_the_call_opens(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PLANNED)

        assert codes(deliver(session, a_form("一号成果"))) == {1: "call_not_open"}


def test_what_the_district_has_reviewed_cannot_be_changed(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session, SubmissionState.DISTRICT_REVIEWED, form=a_form("一号成果"))

        taken = deliver(session, a_form("一号成果", abstract="改写", number=number))

        assert codes(taken) == {1: "state"}
        assert "已初评" in taken.refused[1].chinese


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_a_correction_is_taken_until_its_own_deadline(engine: Engine, offset: timedelta, late: bool) -> None:
    asked_at = datetime(2026, 6, 1, 9, tzinfo=ZONE)
    with writing(engine) as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session, SubmissionState.DISTRICT_REVIEWED, form=a_form("一号成果"))
        due_at = ask_correction(session, season, number, Act(OFFICE, asked_at), missing="缺信用代码")

        taken = deliver(session, a_form("一号成果", number=number, abstract="补正"), at=due_at + offset)

        correction = session.get_one(Correction, number, populate_existing=True)
        if late:
            assert (codes(taken), correction.state) == ({1: "late"}, CorrectionState.OUTSTANDING)
            lapse_corrections(session, 2026, Act(SYSTEM, due_at + offset))
            again = deliver(session, a_form("一号成果", number=number, abstract="补正"), at=due_at + offset)
            assert again.refused[1].chinese == "补正期限已过，不能再修改"
        else:
            assert (taken.of(RowChange.UPDATED), correction.state) == ({1: number}, CorrectionState.ANSWERED)
            again = deliver(session, a_form("一号成果", number=number, abstract="再改"), at=due_at + offset)
            assert codes(again) == {1: "state"}


def test_a_large_delivery_is_chained_row_by_row(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        taken = deliver(session, *(a_form(f"第{n}号成果") for n in range(1200)))

        assert len(set(taken.of(RowChange.NEW).values())) == 1200
    with reading(engine) as session:
        assert verify(session) == []


def test_who_did_it_is_part_of_what_it_is() -> None:
    company, second = OrganisationForm(name="示例公司"), OrganisationForm(name="示例学院")

    assert fingerprint(a_form("A", organisations=(company, second))) == fingerprint(
        a_form("ａ", organisations=(second, company))
    )
    assert fingerprint(a_form("A", organisations=(company,))) != fingerprint(a_form("A", organisations=(second,)))


def test_an_archived_number_is_not_changed(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session, form=a_form("一号成果"))
        advance(
            session,
            number,
            "archive",
            SubmissionState.ARCHIVED,
            OFFICE,
            EARLY,
            {"outcome": "withdrawn"},
            archived_from=SubmissionState.SUBMITTED,
            outcome=Outcome.WITHDRAWN,
        )

        taken = deliver(session, a_form("一号成果", number=number, abstract="改写"))

        assert codes(taken) == {1: "state"}


def test_what_was_withdrawn_while_out_for_correction_is_not_changed(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session)
        number = a_submission(session, form=a_form("一号成果"))
        ask_correction(session, season, number, Act(OFFICE, EARLY), missing="缺信用代码")
        withdraw(session, number, Act(OFFICE, EARLY), reason="示例")

        taken = deliver(session, a_form("一号成果", number=number, abstract="补正"))

        assert codes(taken) == {1: "state"}
        correction = session.get_one(Correction, number)
        assert correction.state is CorrectionState.OUTSTANDING
        lapse_corrections(session, 2026, Act(SYSTEM, correction.due_at + SECOND))
        taken = deliver(session, a_form("一号成果", number=number, abstract="补正"), at=correction.due_at + SECOND)
        assert codes(taken) == {1: "state"}


def test_a_new_version_does_not_become_another_submission(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        first = a_submission(session, unit="500101", form=a_form("一号成果"))
        second = a_submission(session, form=a_form("二号成果"))

        taken = deliver(session, a_form("一号成果", number=second))

        assert codes(taken) == {1: "duplicate"}
        assert first in taken.refused[1].chinese
