"""A contact's right to be corrected: at any time after the delivery, in the record without a word of them, every proof holds."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from models import Contact
from models.database import reading, writing
from models.enums import CallState, Outcome, SubmissionState, Tier, Trigger
from models.forms import ContactForm
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.audit.verify import verify
from states.history.read import read_entries
from states.machine import Act
from states.maintenance.erasure import erase
from states.officers import DecisionRefused
from states.submissions.contacts import correct_contact, number_of_contact
from tests.support.builders import OFFICE, a_form, a_season, a_submission

HELD = ContactForm(name="示例·旧人", phone="023-58000000", mail="old@example.invalid")


@pytest.mark.parametrize(
    ("state", "more"),
    [
        (SubmissionState.SUBMITTED, {}),
        (SubmissionState.DISTRICT_REVIEWED, {}),
        (SubmissionState.FINAL_REVIEWED, {}),
        (SubmissionState.AWARDED, {"tier": Tier.THIRD}),
        (SubmissionState.ARCHIVED, {"outcome": Outcome.NO_PRIZE}),
    ],
)
def test_what_is_given_is_corrected_and_the_rest_stays(
    engine: Engine, state: SubmissionState, more: dict[str, Any]
) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, state, form=a_form("示例装置").model_copy(update={"contact": HELD}), **more)
        session.flush()
        before = broken_invariants(session, None, EVERY_INVARIANT)  # what builders put in without the record
    act = Act(OFFICE, season.dates.archive)

    with writing(engine) as session:
        correct_contact(session, 2026, number, act, right="示例·新人，new@example.invalid", reason="本人来函")

    with reading(engine) as session:
        row = session.get_one(Contact, number)
        assert (row.name, row.phone, row.mail) == ("示例·新人", "023-58000000", "new@example.invalid")
        entries = [entry for entry in read_entries(session, 2026) if entry["trigger"] == Trigger.CORRECT_NAME]
        assert len(entries) == 1
        assert not any(word in str(entries) for word in ("新人", "new@", "58000000"))
        assert verify(session) == []
        assert broken_invariants(session, None, EVERY_INVARIANT) == before


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ("", "name, telephone or mail"),
        ("示例·甲，示例·乙", "each once"),
        ("old@example.invalid", "stands there already"),
    ],
)
def test_what_corrects_nothing_is_refused_without_repeating_it(engine: Engine, right: str, words: str) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, form=a_form("示例装置").model_copy(update={"contact": HELD}))
    act = Act(OFFICE, season.dates.archive)

    with pytest.raises(DecisionRefused, match=words) as refused, writing(engine) as session:
        correct_contact(session, 2026, number, act, right=right, reason="本人来函")

    assert not right or right not in f"{refused.value}{refused.value.chinese}"


def test_after_the_deletion_nothing_is_left_to_correct(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.CLOSED)
        number = a_submission(session, SubmissionState.ARCHIVED, outcome=Outcome.NO_PRIZE)
        erase(session, season, Act(OFFICE, season.erase_personal_data_at))
    late = Act(OFFICE, season.erase_personal_data_at + timedelta(days=1))

    with pytest.raises(DecisionRefused, match="deleted"), writing(engine) as session:
        correct_contact(session, 2026, number, late, right="示例·新人", reason="本人来函")


def test_a_contact_is_told_apart_from_a_certificate() -> None:
    assert number_of_contact("2026-500101-0001 联系人") == "2026-500101-0001"
    assert number_of_contact("2026-0001") is None
    assert number_of_contact("2026-500101-0001 完成人2") is None
