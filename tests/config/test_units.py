"""The reporting units, each judged by date."""

from datetime import date

import pytest

from config.units import UnitNotInForce, UnknownUnit, all_units, unit_on, units_in_force

MERGED_ON = next(unit.valid_to for unit in all_units().values() if unit.valid_to)


def test_in_2026_there_are_39_units() -> None:
    assert len(units_in_force(date(2026, 3, 2))) == 39


def test_before_the_merger_there_were_the_two_merged_ones() -> None:
    assert MERGED_ON is not None
    gone = {unit.code for unit in all_units().values() if unit.valid_to == MERGED_ON}

    before = {unit.code for unit in units_in_force(date(2025, 3, 1))}
    after = {unit.code for unit in units_in_force(MERGED_ON)}

    assert len(gone) == 2
    assert gone <= before
    assert not gone & after


def test_a_unit_ends_on_the_first_day_on_which_it_is_no_more() -> None:
    assert MERGED_ON is not None
    code = next(unit.code for unit in all_units().values() if unit.valid_to == MERGED_ON)

    assert unit_on(code, date.fromordinal(MERGED_ON.toordinal() - 1)).code == code
    with pytest.raises(UnitNotInForce, match=f"is no reporting unit on {MERGED_ON}; its work went to") as caught:
        unit_on(code, MERGED_ON)
    assert all(unit_on(heir, MERGED_ON) for heir in caught.value.unit.successors)


@pytest.mark.parametrize("code", ["999999", "", "50010", " 500101"])
def test_an_unknown_code_is_an_error_that_names_it(code: str) -> None:
    with pytest.raises(UnknownUnit, match="No reporting unit has the code") as caught:
        unit_on(code, date(2026, 3, 2))

    assert caught.value.code == code


def test_codes_and_names_are_unique_in_force() -> None:
    units = units_in_force(date(2026, 3, 2))

    assert len({unit.code for unit in units}) == len({unit.name for unit in units}) == len(units)
