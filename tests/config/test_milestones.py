"""The milestones of a year."""

from config.milestones import Milestone, Missed


def test_every_milestone_has_a_chinese_name_of_its_own() -> None:
    labels = [one.label for one in Milestone]

    assert len(set(labels)) == len(labels) == 21


def test_steps_run_late_and_reminders_are_skipped() -> None:
    skipped = {one for one in Milestone if one.missed is Missed.SKIP}

    assert skipped == {
        Milestone.REMIND_CALL,
        Milestone.REMIND_DISTRICT_ROUND,
        Milestone.REMIND_EXPERTS,
        Milestone.REMIND_RE_REVIEW,
        Milestone.REMIND_APPROVAL,
    }


def test_a_district_may_have_its_own_date_for_two_closings() -> None:
    assert [one.value for one in Milestone if one.per_unit] == ["close_call", "close_district_round"]
