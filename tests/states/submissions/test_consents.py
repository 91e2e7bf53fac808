"""What may be public of a submission: each name, the text and each picture by its own consent, as long as it stands."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Consent, History, Picture
from models.database import writing
from models.enums import CallState, ConsentKind, Role, SubmissionState, Trigger
from models.forms import ContributorForm, PictureForm, SubmissionForm
from states.audit.projection import disagreements
from states.history.canonical import submission_subject
from states.history.read import latest_facts
from states.machine import Act, Actor
from states.submissions.attachments import AttachedFile, ReadablePicture
from states.submissions.delivery import Delivered
from states.submissions.identity import Incoming
from states.submissions.intake import take_submissions
from states.submissions.released import WITHHELD, Released, reduced, released
from states.submissions.settle import revoke
from states.submissions.taking_back import ConsentNotWithdrawn, called, withdraw_consent
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission

AT = datetime(2026, 4, 1, 9, tzinfo=ZONE)
FILE = AttachedFile("照片.jpg", "ab" * 32, 1000)
MADE = ReadablePicture("cd" * 32, 1920, 1280)
AGREED, SILENT = "示例·张同意", "示例·李沉默"


def two_people(**changes: Any) -> SubmissionForm:
    people = (
        ContributorForm(name=AGREED, organisation="示例公司", consent=True),
        ContributorForm(name=SILENT, organisation="示例公司", consent=False),
    )
    shown = PictureForm(name="照片.jpg", alt=f"{SILENT}在车间", portrait=True, consent=True)
    fields = {"contributors": people, "abstract": f"由{SILENT}提出，{AGREED}做成。", "pictures": (shown,)}
    return a_form("示例装置", **{**fields, **changes})


def taken(session: Session, form: SubmissionForm, digest: str = "a") -> str:
    """The number under which a form came in, with its picture."""
    delivered = Delivered(2026, UNIT, digest * 64, AT, Act(Actor(Role.DISTRICT, UNIT), AT))
    row = Incoming(1, form, (FILE,), 5, {FILE.name: MADE})
    (number,) = take_submissions(session, delivered, [row]).accepted.values()
    return number


def public(session: Session, number: str) -> Released:
    return released(session, [number])[number]


def withdraw(session: Session, number: str, words: str) -> str:
    return called(withdraw_consent(session, number, words, Act(OFFICE, AT), reason="本人申请"))


def test_only_who_agreed_is_named_and_the_text_names_nobody_else(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        own = public(session, taken(session, two_people()))

    assert (own.people, own.withheld, own.organisations) == ((AGREED,), 1, ("示例单位示例装置",))
    assert dict(own.texts)["成果简介"] == f"由{WITHHELD}提出，{AGREED}做成。"
    assert dict(own.texts)["经济效益"] == "12.5万元"
    assert [(shown.encoded, shown.alt, shown.width) for shown in own.pictures] == [
        (MADE.encoded, f"{WITHHELD}在车间", 1920)
    ]
    assert not own.jointly


def test_without_the_licence_neither_text_nor_organisation_but_people_who_agreed(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        own = public(session, taken(session, two_people(text_consent=False)))

    assert (own.texts, own.organisations, own.people) == ((), (), (AGREED,))


def test_the_one_box_of_earlier_workbooks_means_what_it_said(engine: Engine) -> None:
    asked = tuple(person.model_copy(update={"consent": None}) for person in two_people().contributors)
    with writing(engine) as session:
        a_season(session)
        yes = two_people(text_consent=None, consent=True, contributors=asked, pictures=())
        agreed = public(session, taken(session, yes))
        no = yes.model_copy(update={"title": "另一示例", "consent": False})
        refused = public(session, taken(session, no, "b"))

    assert (agreed.people, agreed.withheld, agreed.jointly) == ((AGREED, SILENT), 0, True)
    assert [heading for heading, _ in agreed.texts] == ["成果简介"]
    assert (refused.people, refused.withheld, refused.texts, refused.organisations) == ((), 2, (), ())


@pytest.mark.parametrize(
    ("words", "told", "left"),
    [
        (AGREED, "完成人1的姓名", ((), 2, True, 1)),
        ("完成人1", "完成人1的姓名", ((), 2, True, 1)),
        ("成果内容", "成果内容", ((AGREED,), 1, False, 1)),
        ("图片1", "图片1", ((AGREED,), 1, True, 0)),
        ("全部", "完成人1的姓名、图片1、成果内容", ((), 2, False, 0)),
    ],
)
def test_each_can_be_taken_back_alone_and_is_an_entry(engine: Engine, words: str, told: str, left: object) -> None:
    with writing(engine) as session:
        a_season(session)
        number = taken(session, two_people())

        assert withdraw(session, number, words) == told

        own = public(session, number)
        assert (own.people, own.withheld, own.licensed, len(own.pictures)) == left
        if words == AGREED:
            assert AGREED not in str(own)
        entries = session.scalars(select(History).where(History.trigger == Trigger.WITHDRAW_CONSENT)).all()
        assert len(entries) == told.count("、") + 1
        assert AGREED not in "".join(entry.facts for entry in entries)
        assert [row for row in disagreements(session, 2026) if row[0] != "milestone"] == []


@pytest.mark.parametrize("words", [SILENT, "完成人2", "完成人9", "图片2", "示例·别人", "", "anything"])
def test_what_was_never_given_cannot_be_taken_back(engine: Engine, words: str) -> None:
    with writing(engine) as session:
        a_season(session)
        number = taken(session, two_people())

        with pytest.raises(ConsentNotWithdrawn, match=f"No consent of {number}"):
            withdraw(session, number, words)


def test_what_was_taken_back_is_given_again_by_no_later_version(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = taken(session, two_people())
        withdraw(session, number, AGREED)
        withdraw(session, number, "图片1")
        swapped = two_people().contributors[::-1]

        assert taken(session, two_people(contributors=swapped, spread="改过的推广性"), "b") == number

        own = public(session, number)
        assert (own.people, own.withheld, own.pictures) == ((), 2, ())
        facts = latest_facts(session, submission_subject(number), Trigger.AMEND)
        assert facts["consents"] == {"name": [False, False], "text": True, "picture": [False]}
        assert [row for row in disagreements(session, 2026) if row[0] != "milestone"] == []


def test_a_picture_stays_with_a_version_that_brings_no_file(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = taken(session, two_people())
        delivered = Delivered(2026, UNIT, "b" * 64, AT, Act(Actor(Role.DISTRICT, UNIT), AT))
        take_submissions(session, delivered, [Incoming(1, two_people(spread="改过的推广性"))])

        assert [row.encoded for row in session.scalars(select(Picture))] == [MADE.encoded]
        assert len(public(session, number).pictures) == 1


def test_of_a_revoked_award_only_number_and_title_are_left(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, SubmissionState.AWARDED, form=two_people())
        assert public(session, number).people == (AGREED,)
        revoke(session, number, Act(OFFICE, AT), reason="示例")

        own = public(session, number)

    assert (own.revoked, own.title, own.people, own.withheld) == (True, "示例装置", (), 0)
    assert (own.texts, own.pictures, own.organisations) == ((), (), ())


def test_what_outlasts_the_deletion_names_only_who_agreed(engine: Engine) -> None:
    form = two_people(earlier_prizes="示例奖", attachments=("证明.pdf",))
    with writing(engine) as session:
        a_season(session)
        own = public(session, taken(session, form))

    left = reduced(form, own)

    assert [person.name for person in left.contributors] == [AGREED, WITHHELD]
    assert SILENT not in left.model_dump_json()
    assert (left.earlier_prizes, left.attachments, left.innovation) == ("", (), form.innovation)
    unlicensed = reduced(form, replace(own, texts=(), licensed=False))
    assert {unlicensed.abstract, unlicensed.innovation, unlicensed.spread} == {WITHHELD}
    assert unlicensed.benefit_economic is None


def test_every_consent_is_a_row_of_its_own(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        taken(session, two_people())

        rows = session.execute(select(Consent.kind, Consent.position, Consent.given).order_by(Consent.kind)).all()

    assert sorted(map(tuple, rows)) == [
        (ConsentKind.NAME, 1, True),
        (ConsentKind.NAME, 2, False),
        (ConsentKind.PICTURE, 1, True),
        (ConsentKind.TEXT, 1, True),
    ]
