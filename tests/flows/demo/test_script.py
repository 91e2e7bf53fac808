"""The script of the demo: every edge of the submission's machine is walked, in a possible order."""

from collections import Counter

import pytest

from config.season import load_season
from flows.demo.cast import Cast, cast_of
from flows.demo.script import Deed, Scene, script_of
from flows.demo.sent_workbooks import Waves, deliveries_of
from models.enums import Outcome, Trigger
from models.enums import SubmissionState as S
from states.submission import SUBMISSION
from states.submissions.identity import fingerprint

SEASON = load_season(2026)
BORN = [("submit", None, S.SUBMITTED)]
REVIEWED = [*BORN, ("record_district_review", S.SUBMITTED, S.DISTRICT_REVIEWED)]
FINAL = [*REVIEWED, ("record_final_review", S.DISTRICT_REVIEWED, S.FINAL_REVIEWED)]
AWARDED = [*FINAL, ("award", S.FINAL_REVIEWED, S.AWARDED)]


def _left(state: S) -> tuple[str, S, S]:
    return "archive", state, S.ARCHIVED


def _back(state: S) -> tuple[str, S, S]:
    return "reinstate", S.ARCHIVED, state


# The way of each part through the machine, written out by hand.
WAYS = {
    "withdrawn_submitted": [*BORN, _left(S.SUBMITTED)],
    "reinstated_submitted": [*BORN, _left(S.SUBMITTED), _back(S.SUBMITTED), *REVIEWED[1:]],
    "lapsed_submitted": [*BORN, _left(S.SUBMITTED)],
    "not_reviewed": [*BORN, _left(S.SUBMITTED)],
    "withdrawn_reviewed": [*REVIEWED, _left(S.DISTRICT_REVIEWED)],
    "reinstated_reviewed": [*REVIEWED, _left(S.DISTRICT_REVIEWED), _back(S.DISTRICT_REVIEWED), *FINAL[2:]],
    "lapsed_reviewed": [*REVIEWED, _left(S.DISTRICT_REVIEWED)],
    "corrected": FINAL,
    "not_recommended": [*REVIEWED, _left(S.DISTRICT_REVIEWED)],
    "withdrawn_final": [*FINAL, _left(S.FINAL_REVIEWED)],
    "reinstated_final": [*FINAL, _left(S.FINAL_REVIEWED), _back(S.FINAL_REVIEWED)],
    "no_prize": [*FINAL, _left(S.FINAL_REVIEWED)],
    "struck": [*FINAL, _left(S.FINAL_REVIEWED)],
    "objection_upheld": [*FINAL, _left(S.FINAL_REVIEWED)],
    "objection_dismissed": [*AWARDED, _left(S.AWARDED)],
    "reinstated_awarded": [*AWARDED, ("revoke", S.AWARDED, S.ARCHIVED), _back(S.AWARDED), _left(S.AWARDED)],
    "revoked_awarded": [*AWARDED, ("revoke", S.AWARDED, S.ARCHIVED)],
    "revoked_archived": [*AWARDED, _left(S.AWARDED), ("revoke", S.ARCHIVED, S.ARCHIVED)],
    "tier_changed": [*AWARDED, ("revoke", S.AWARDED, S.ARCHIVED), _back(S.AWARDED), _left(S.AWARDED)],
}


@pytest.fixture(scope="module")
def cast() -> Cast:
    return cast_of(SEASON)


@pytest.fixture(scope="module")
def script(cast: Cast) -> list[Scene]:
    return script_of(cast)


def test_parts_walk_every_edge_of_the_submission() -> None:
    walked = {step for way in WAYS.values() for step in way}

    # Another tier after an objection moves nothing.
    moving = (edge for edge in SUBMISSION.edges if edge.trigger is not Trigger.CHANGE_TIER)
    assert walked == {(edge.trigger, edge.source, edge.target) for edge in moving}


def test_parts_end_with_every_outcome(cast: Cast) -> None:
    endings = cast.plot.endings()

    assert set(endings.values()) == {None, *Outcome}
    assert {getattr(cast.plot, part) for part in WAYS if not part.startswith("reinstated_")} - {
        cast.plot.corrected
    } <= set(endings)


def test_scenes_come_in_order_of_time_within_the_season(script: list[Scene]) -> None:
    times = [scene.at for scene in script]

    assert times == sorted(times)
    assert times[0] > SEASON.dates.open_call
    assert times[-1] < SEASON.dates.close_season
    assert {scene.deed for scene in script} == set(Deed)


def test_few_instants_keep_the_demo_short(script: list[Scene]) -> None:
    assert len({scene.at for scene in script}) <= 30


def test_withdrawals_come_before_what_brings_them_back(script: list[Scene]) -> None:
    archived: set[str] = set()

    for scene in script:
        if scene.deed in (Deed.WITHDRAW, Deed.REVOKE):
            archived.add(scene.subject)
        if scene.deed is Deed.REINSTATE:
            assert scene.subject in archived

    assert Counter(scene.deed for scene in script)[Deed.REINSTATE] == 4


def test_decisions_bear_an_officer_of_the_season_and_a_reason(script: list[Scene]) -> None:
    decided = {
        Deed.MOVE_DATE,
        Deed.ADMIT_LATE,
        Deed.SETTLE_DUPLICATE,
        Deed.REINSTATE,
        Deed.ASK_CORRECTION,
        Deed.REPLACE_EXPERT,
        Deed.APPROVE,
        Deed.ACCEPT_OBJECTION,
        Deed.INVESTIGATE_OBJECTION,
        Deed.ANSWER_OBJECTION,
        Deed.RECONSIDER,
        Deed.CORRECT_NAME,
        Deed.REVOKE,
        Deed.WITHDRAW_CONSENT,
    }

    deciders = {*SEASON.office.officers, *(one.name for one in SEASON.objections.investigators)}
    assert all(scene.officer in deciders and scene.reason for scene in script if scene.deed in decided)


def test_each_unit_sends_its_submissions_and_the_late_ones_are_late(cast: Cast) -> None:
    deliveries, waves = deliveries_of(cast), Waves.of(SEASON)
    late = [delivery for delivery in deliveries if delivery.at > SEASON.dates.close_call]

    assert {delivery.unit for delivery in deliveries} == {unit.code for unit in cast.units}
    extended = cast.plot.extended_unit
    assert {delivery.unit for delivery in late} == {cast.plot.late_unit, cast.plot.admitted_unit, extended}
    assert next(delivery.at for delivery in late if delivery.unit == extended) < waves.extended_deadline
    zipped = [delivery for delivery in deliveries if delivery.attachments]
    assert {*cast.plot.zipped_units} <= {delivery.unit for delivery in zipped}
    for delivery in deliveries:
        named = {name for row in delivery.rows for name in row.form.files}
        assert named == set(delivery.attachments), "every file that a row names comes along"
        kinds = {".pdf": b"%PDF-", ".jpg": b"\xff\xd8\xff"}
        assert all(content.startswith(kinds[name[-4:]]) for name, content in delivery.attachments.items())


def test_every_achievement_is_delivered_as_it_should_stand_in_the_end(cast: Cast) -> None:
    last = {row.key: row.form for delivery in deliveries_of(cast) for row in delivery.rows}
    expected = {key: entry.form for key, entry in cast.entries.items()}
    retouched = {cast.plot.changed, *cast.plot.uncoded()}

    plain = {key: form.model_copy(update={"attachments": ()}) for key, form in last.items() if key in expected}

    assert set(plain) == set(expected)
    assert {key for key in expected if plain[key] != expected[key]} == retouched


def test_flawed_rows_are_flawed_each_in_its_own_way(cast: Cast) -> None:
    first: dict[str, object] = {}
    for delivery in deliveries_of(cast):
        for row in delivery.rows:
            first.setdefault(row.key, row.form)

    flawed = [
        {name for name, value in cast.entries[key].form if getattr(first[key], name) != value}
        for key in cast.plot.incomplete
    ]

    assert flawed == [{"abstract"}, {"contributors"}, {"organisations"}, {"completed_on"}]


def test_copies_are_exact_and_follow_their_originals(cast: Cast) -> None:
    seen: dict[str, int] = {}
    forms = {}
    for turn, delivery in enumerate(deliveries_of(cast)):
        for row in delivery.rows:
            seen.setdefault(row.key, turn)
            forms[row.key] = row.form

    for pair in (cast.plot.copied_within, cast.plot.copied_across):
        assert seen[pair.first] <= seen[pair.second]
        assert fingerprint(forms[pair.first]) == fingerprint(forms[pair.second])
    assert seen[cast.plot.copied_within.first] == seen[cast.plot.copied_within.second]
    assert seen[cast.plot.copied_across.first] < seen[cast.plot.copied_across.second]
