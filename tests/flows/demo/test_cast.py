"""The cast of the demo: enough of everything, real titles, invented people, always the same."""

import csv
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from datetime import date

import pytest
from rapidfuzz import fuzz
from stdnum.cn import uscc

from config.season import load_season
from config.units import unit_on, units_in_force
from flows.demo.cast import TITLES, Cast, cast_of
from flows.demo.people import MARKED, NOWHERE, credit_code, short_name
from flows.demo.plot import Pair
from models.enums import Carrier, Category
from models.forms import SubmissionForm
from states.rules.eligibility import shortcomings
from states.rules.names import name_key
from states.submissions.identity import fingerprint

SEASON = load_season(2026)


@pytest.fixture(scope="module")
def cast() -> Cast:
    return cast_of(SEASON)


def test_cast_has_every_unit_in_force_and_at_least_300_submissions(cast: Cast) -> None:
    sizes = Counter(entry.unit for entry in cast.entries.values())
    ordinary = {code: size for code, size in sizes.items() if code != cast.plot.over_quota_unit}

    assert list(sizes) == [unit.code for unit in units_in_force(date(2026, 3, 2))]
    assert len(sizes) == 39
    assert sum(sizes.values()) - len(cast.plot.late) >= 300
    assert all(7 <= size <= 11 for size in ordinary.values())
    assert sizes[cast.plot.over_quota_unit] > SEASON.quota_of(cast.plot.over_quota_unit)


def test_cast_has_all_categories_carriers_and_fields(cast: Cast) -> None:
    forms = [entry.form for entry in cast.entries.values()]

    assert {form.category for form in forms} == set(Category)
    assert {form.carrier for form in forms} == set(Carrier)
    assert {form.field for form in forms} == set(SEASON.fields)
    assert {form.text_consent for form in forms} == {True, False}
    assert Counter(form.text_consent for form in forms)[False] < len(forms) / 8


def test_real_titles_come_from_their_own_district(cast: Cast) -> None:
    with TITLES.open(encoding="utf-8", newline="") as lines:
        published = list(csv.DictReader(lines))

    units_of = {entry.form.title: entry.unit for entry in cast.entries.values()}

    assert len(published) == 18
    assert {row["title"] for row in published} <= set(units_of)
    assert [row for row in published if row["unit"] and units_of[row["title"]] != row["unit"]] == []


def test_people_and_organisations_are_marked_as_invented(cast: Cast) -> None:
    forms = [entry.form for entry in cast.entries.values()]
    homes = [home for form in forms for home in form.organisations]
    people = [person for form in forms for person in form.contributors]
    codes = {home.name: home.credit_code for home in homes}
    codes |= {expert.organisation: expert.credit_code for expert in cast.experts}

    assert all(home.name.startswith(MARKED) for home in homes)
    assert all(person.name.startswith(MARKED) and person.organisation.startswith(MARKED) for person in people)
    assert all(expert.name.startswith(MARKED) and expert.organisation.startswith(MARKED) for expert in cast.experts)
    assert all(uscc.is_valid(code) and code[2:8] == NOWHERE for code in codes.values())
    assert len(set(codes.values())) == len(codes)
    assert all(form.contact.mail.endswith("@example.invalid") for form in forms)
    assert all(expert.mail.endswith("@example.invalid") for expert in cast.experts)


def test_forms_are_valid_and_pass_the_eligibility_check(cast: Cast) -> None:
    for entry in cast.entries.values():
        assert SubmissionForm.model_validate(entry.form.model_dump()) == entry.form
        assert shortcomings(entry.form, SEASON) == []
        assert len(entry.form.contributors) <= SEASON.call.max_contributors
        assert len(entry.form.organisations) <= SEASON.call.max_organisations


def test_only_the_plotted_titles_are_near_duplicates(cast: Cast) -> None:
    keys = {entry.key: name_key(entry.form.title) for entry in cast.entries.values()}
    ordered = list(keys)
    least = SEASON.call.near_duplicate_percent

    near = {
        frozenset((title, other))
        for index, title in enumerate(ordered)
        for other in ordered[:index]
        if fuzz.ratio(keys[title], keys[other]) >= least
    }

    plotted = [cast.plot.near_same, cast.plot.near_distinct]
    assert near == {frozenset((pair.first, pair.second)) for pair in plotted}
    assert len({fingerprint(entry.form) for entry in cast.entries.values()}) == len(cast.entries)


def test_every_part_is_given_and_no_submission_plays_two_single_parts(cast: Cast) -> None:
    parts = {field.name: getattr(cast.plot, field.name) for field in fields(cast.plot)}
    single = [value for name, value in parts.items() if isinstance(value, str) and not name.endswith("_unit")]
    pairs = [value for value in parts.values() if isinstance(value, Pair)]

    assert all(parts.values())
    assert all(key in cast.entries for key in single)
    assert len({cast.entries[key].unit for key in single}) == len(single)
    assert all(pair.first in cast.entries for pair in pairs)
    assert all(unit_on(pair.unit, date(2026, 3, 2)) for pair in pairs)


def test_experts_cover_all_fields_and_some_are_too_close(cast: Cast) -> None:
    by_field = Counter(field for expert in cast.experts for field in expert.fields)
    homes = {home.credit_code for entry in cast.entries.values() for home in entry.form.organisations}
    workers = {person.name for entry in cast.entries.values() for person in entry.form.contributors}

    assert len(cast.experts) >= 60
    assert all(by_field[field] >= 9 for field in SEASON.fields)
    assert sum(expert.credit_code in homes for expert in cast.experts) == 4
    assert sum(expert.name in workers for expert in cast.experts) == 2
    assert sum(bool(expert.declared) for expert in cast.experts) == 2
    assert sum(expert.statement_on is None for expert in cast.experts) == 2


def test_another_process_makes_the_same_cast() -> None:
    program = (
        "from config.season import load_season; from flows.demo.cast import cast_of; import hashlib;"
        "print(hashlib.sha256(repr(cast_of(load_season(2026))).encode()).hexdigest())"
    )

    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1


def test_another_seed_makes_another_cast(cast: Cast) -> None:
    assert cast_of(SEASON, seed=1).entries != cast.entries


@pytest.mark.parametrize(
    ("code", "short"),
    [
        ("500237", "巫山"),
        ("500233", "忠县"),
        ("500240", "石柱"),
        ("500157", "两江"),
        ("CQ-GX", "高新"),
        ("CQ-WS", "万盛"),
    ],
)
def test_short_name_leaves_the_kind_of_unit_out(code: str, short: str) -> None:
    assert short_name(unit_on(code, date(2026, 3, 2))) == short


def test_credit_code_has_a_right_check_digit_and_no_district() -> None:
    assert credit_code("91", 1) == "91999999000000001" + uscc.calc_check_digit("91999999000000001")
    assert credit_code("91", 1) != credit_code("91", 2)
