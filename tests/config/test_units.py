"""The reporting units, each judged by date."""

from datetime import date
from pathlib import Path

import pytest

from config.units import (
    UNITS_FILE,
    UnitNotInForce,
    UnitsFileBroken,
    UnknownUnit,
    all_units,
    heirs_on,
    name_on,
    unit_on,
    units_in_force,
)

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


def with_lines(home: Path, *lines: str, without: str = "") -> None:
    """The shipped file with further lines, as the home's own."""
    shipped = UNITS_FILE.read_text("utf-8").splitlines()
    kept = [line for line in shipped if not without or not line.startswith(without)]
    (home / "units").mkdir()
    (home / "units" / "reporting_units.csv").write_text("\n".join([*kept, *lines]) + "\n", "utf-8")


def test_a_unit_of_the_homes_own_file_is_renamed_on_a_day(fresh_home: Path) -> None:
    lines = ("500101,万州区,区,,2027-06-01,,", "500101,三峡区,区,2027-06-01,,,更名")
    with_lines(fresh_home, *lines, without="500101")

    before, after = date(2027, 5, 31), date(2027, 6, 1)

    assert [name_on("500101", day) for day in (before, after)] == ["万州区", "三峡区"]
    assert [unit_on("500101", day).name for day in (before, after)] == ["万州区", "三峡区"]
    assert len(units_in_force(before)) == len(units_in_force(after)) == 39
    assert heirs_on("500101", after) == [], "it is the same unit"


def test_a_unit_that_merges_has_heirs_from_that_day_on(fresh_home: Path) -> None:
    with_lines(fresh_home, "500104,大渡口区,区,,2027-06-01,500107,并入九龙坡区", without="500104")

    assert heirs_on("500104", date(2027, 5, 31)) == []
    assert [unit.name for unit in heirs_on("500104", date(2027, 6, 1))] == ["九龙坡区"]
    assert name_on("500104", date(2027, 7, 1)) == "大渡口区"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("500101,又一个万州区,区,,,,", "500101: two of its lines hold on the same day"),
        ("599999,示例区,区,,2027-06-01,,", "599999 ends on 2027-06-01, and no successor"),
        ("599999,示例区,区,,2027-06-01,588888,", "its successor 588888 is in no line"),
        ("599999,示例区,区,soon,,,", "line 43: Invalid isoformat string: 'soon'"),
        ("599999,,区,,,,", "line 43: code and name are needed"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_with_its_line(fresh_home: Path, line: str, words: str) -> None:
    with_lines(fresh_home, line)

    with pytest.raises(UnitsFileBroken) as caught:
        all_units()

    assert words in str(caught.value)


def test_a_unit_may_end_and_begin_again(fresh_home: Path) -> None:
    lines = ("500101,万州区,区,,2027-06-01,500102,", "500101,万州区,区,2028-01-01,,,恢复")
    with_lines(fresh_home, *lines, without="500101")

    with pytest.raises(UnitNotInForce):
        unit_on("500101", date(2027, 7, 1))
    assert unit_on("500101", date(2028, 1, 1)).name == "万州区"
