"""Figures of the scorecard: what they are made of, and how little is read out of few cases."""

import json
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from config.season_parts import IndicatorKey
from models.enums import Carrier, Category, Tier, Use
from states.scorecard.facts import CaseRecord, Dispute, EntryPlace, SeasonTold, read_record
from states.scorecard.indicators import INDICATORS, Figure, Indicator, scorecards, wilson

WEIGHTS = {"submissions": 10, "first_delivery": 20, "agreement": 10, "upheld": 5}


def a_case(unit: str, place: int, **facts: object) -> CaseRecord:
    number = f"2026-{unit}-{place:04d}"
    subject = EntryPlace(f"submission/{number}", 1)
    return CaseRecord(number, unit, subject, False, Category.INVENTION, Carrier.TEAM, 3, **facts)  # type: ignore[arg-type]


def told_of(cases: list[CaseRecord]) -> SeasonTold:
    return SeasonTold({f"{place}": case for place, case in enumerate(cases)})


def indicator(key: str) -> Indicator:
    return next(known for known in INDICATORS if known.key == key)


def changed(case: CaseRecord) -> CaseRecord:
    case.changed.append(EntryPlace(case.submitted.subject, 2))
    return case


@given(st.integers(1, 400).flatmap(lambda cases: st.tuples(st.integers(0, cases), st.just(cases))))
def test_the_interval_holds_the_share_and_narrows_with_more_cases(share: tuple[int, int]) -> None:
    part, cases = share
    low, high = wilson(part, cases)
    narrower = wilson(part * 4, cases * 4)

    assert 0 <= low <= part / cases + 1e-12
    assert part / cases - 1e-12 <= high <= 1
    assert narrower[1] - narrower[0] < high - low


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=30))
def test_agreement_is_kendalls(points: list[tuple[int, int]]) -> None:
    cases = [
        a_case("500101", place, district_total=Decimal(here), merit=Decimal(there))
        for place, (here, there) in enumerate(points, start=1)
    ]
    known = kendalltau([here for here, _ in points], [there for _, there in points]).statistic

    found = indicator("agreement").measure(cases).value

    assert (found is None) == (known != known)
    assert found is None or found == pytest.approx(known)


def test_few_cases_are_shown_and_not_compared() -> None:
    cases = [
        a_case(unit, place) for unit, count in (("500101", 8), ("500102", 9), ("500103", 4)) for place in range(count)
    ]

    cards = scorecards(told_of(cases), ["500101", "500102", "500103", "500104"], WEIGHTS, 5)

    lines = {unit: {line.indicator.key: line for line in card.lines} for unit, card in cards.items()}
    assert lines["500103"]["first_delivery"].figure.value == 1
    assert lines["500103"]["first_delivery"].points is None
    assert (cards["500103"].mark, cards["500103"].place) == (None, None)
    assert lines["500104"]["submissions"].figure == Figure(0.0, 0)
    assert cards["500102"].mark > cards["500101"].mark, "more submissions"


def test_of_two_shares_one_is_behind_only_where_chance_does_not_explain_it() -> None:
    """Six of six and five of six are equals; fifty of fifty and thirty of fifty are not."""
    few = [a_case("500101", place) for place in range(6)] + [a_case("500102", place) for place in range(5)]
    few.append(changed(a_case("500102", 6)))
    many = [a_case("500101", place) for place in range(50)] + [a_case("500102", place) for place in range(30)]
    many += [changed(a_case("500102", place)) for place in range(30, 50)]

    def points(cases: list[CaseRecord]) -> list[float | None]:
        cards = scorecards(told_of(cases), ["500101", "500102"], {"first_delivery": 20}, 5)
        return [line.points for card in cards.values() for line in card.lines if line.weight]

    assert points(few) == [10, 10]
    assert points(many) == [20, 0]


def test_fewer_objections_are_better() -> None:
    cases = [a_case(unit, place) for unit in ("500101", "500102") for place in range(6)]
    cases[0].disputes[1] = Dispute("facts", [], upheld=EntryPlace(cases[0].submitted.subject, 9))

    cards = scorecards(told_of(cases), ["500101", "500102"], {"upheld": 5}, 5)

    assert [card.place for card in cards.values()] == [2, 1]


def test_every_fact_has_its_entry() -> None:
    """A submission's chain from the first delivery to what became of it."""
    form = {"admitted": False, "category": "design", "carrier": "alliance", "contributors": 4}
    told = [
        ("submit", form),
        ("amend", form | {"contributors": 5}),
        ("ask_correction", {"due_at": "", "missing": ""}),
        ("record_district_review", {"total": "80", "verdict": "recommended"}),
        ("record_final_review", {"merit": "78.5"}),
        ("answer_objection", {"objection": 20260001, "result": "removed", "to": "upheld"}),
        ("award", {"tier": "second"}),
        ("archive", {"outcome": "completed"}),
        ("record_follow_up", {"use": "in_use"}),
    ]
    subject = "submission/2026-500101-0001"
    rows = [
        {"subject": subject, "sequence": place, "trigger": trigger, "facts": json.dumps(facts)}
        for place, (trigger, facts) in enumerate(told, start=1)
    ]

    case = read_record(rows).cases["2026-500101-0001"]

    assert (case.contributors, case.merit, case.tier, case.use) == (5, Decimal("78.5"), Tier.SECOND, Use.IN_USE)
    assert [case.submitted, *case.changed, *case.corrections, case.judged, case.scored, *case.upheld] == [
        EntryPlace(subject, sequence) for sequence in (1, 2, 3, 4, 5, 6)
    ]
    assert (case.awarded, case.answered) == (EntryPlace(subject, 7), EntryPlace(subject, 9))
    revoked = read_record([*rows, {"subject": subject, "sequence": 10, "trigger": "revoke", "facts": "{}"}])
    assert revoked.cases["2026-500101-0001"].awarded is None
    taken = {"subject": subject, "sequence": 10, "trigger": "revoke", "facts": "{}"}
    back = read_record([*rows, taken, taken | {"sequence": 11, "trigger": "reinstate"}]).cases["2026-500101-0001"]
    assert (back.awarded, back.tier) == (EntryPlace(subject, 7), Tier.SECOND)


def test_a_season_can_weigh_every_indicator_and_no_other() -> None:
    assert {known.key for known in INDICATORS} == set(get_args(IndicatorKey))


def test_organisations_and_people_are_those_that_the_record_counted() -> None:
    """Different ones, at the end of the corrections; the city's are the units' together, and an old season says nothing."""
    facts = {"milestone": "close_eligibility/1", "mobilised": {"500101": [3, 7], "500102": [1, 2]}}
    row = {"subject": "call/2026", "sequence": 9, "trigger": "settle_milestone", "at": "2026-06-15T10:00:00+00:00"}
    told = read_record([{**row, "reason": "", "facts": json.dumps(facts)}])

    cards = scorecards(told, ["500101", "500102", "500103"], {}, 5)

    bodies = {unit: {line.indicator.key: line for line in card.lines}["organisations"] for unit, card in cards.items()}
    assert [line.figure.value for line in bodies.values()] == [3, 1, 0]
    assert bodies["500101"].figure.entries == (EntryPlace("call/2026", 9),)
    assert bodies["500101"].city.value == 4
    before = scorecards(SeasonTold(), ["500101"], {}, 5)["500101"].lines
    assert {line.figure.value for line in before if line.indicator.key in ("organisations", "people")} == {None}
