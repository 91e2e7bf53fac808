"""The season file: read strictly, each error with its key and the reason."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from config.local_time import ZONE, end_of_day, local_day
from config.milestones import Milestone, Missed
from config.season import SEASONS, SeasonFileBroken, UnknownSeason, load_season, parse_season, season_path
from config.season_parts import UnitDates, UnitRules
from models.enums import Category
from tests.support.builders import season_rules

SHIPPED = (SEASONS / "2026.toml").read_text("utf-8")


UNIT_MAIL = 'mail = "kexie-{code}@example.invalid"'
OFFICE_MAIL = 'mail = "office@example.invalid"'


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes the shipped file with one text exchanged for another."""

    def write(before: str = "", after: str = "", name: str = "2026.toml") -> Path:
        assert before in SHIPPED
        target = tmp_path / "seasons" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(SHIPPED.replace(before, after, 1) if before else SHIPPED, "utf-8")
        return target

    return write


def test_the_shipped_season_is_in_order() -> None:
    season = load_season(2026)

    assert (season.year, season.covered_years, len(season.units())) == (2026, (2025,), 39)
    assert season.dates.open_call == datetime(2026, 3, 2, 9, tzinfo=ZONE)
    assert sum(criterion.maximum for criterion in season.final_round.rubric) == 100


@pytest.mark.parametrize(
    ("before", "after", "key", "reason"),
    [
        ("year = 2026", "year = 2019", "year", "greater than or equal to 2020"),
        ("year = 2026", "yaer = 2026", "year", "Field required"),
        ("year = 2026", "year = 2026\nlunch = 12", "lunch", "Extra inputs are not permitted"),
        (
            "open_call = 2026-03-02T09:00:00",
            "open_call = 2026-05-02T09:00:00",
            "dates",
            "close_call (2026-04-30 18:00) must come after open_call",
        ),
        (
            "open_call = 2026-03-02T09:00:00",
            "open_call = 2026-03-02T09:00:00Z",
            "dates.open_call",
            "but the season's zone is Asia/Shanghai (+08:00)",
        ),
        ("open_call = 2026-03-02T09:00:00", "open_call = 'soon'", "dates.open_call", "valid datetime"),
        ("archive = 2026-09-30T09:00:00\n", "", "dates.archive", "Field required"),
        ("covered_years = [2025]", "covered_years = []", "covered_years", "at least 1 item"),
        ("covered_years = [2025]", "covered_years = [2027]", "the file", "covered_years (2027,) must lie before"),
        ("maximum = 30", "maximum = 31", "final_round.rubric", "the maxima add up to 101, not 100"),
        (
            'criteria = ["innovation"',
            'criteria = ["beauty"',
            "the file",
            "names ['beauty'], which the rubric does not have",
        ),
        (
            "prizes = 120",
            "prizes = 120\nsizes = { first = 1, second = 2, third = 3 }",
            "final_round.tiers",
            "either sizes or prizes",
        ),
        ("prizes = 120\n", "", "final_round.tiers", "not both and not neither"),
        (
            "close_re_review = 2026-07-24T18:00:00",
            "close_re_review = 2026-07-24T18:00:00\nclose_votes = 2026-07-28T18:00:00",
            "the file",
            "final_round.votes and dates.close_votes go together",
        ),
        (
            "[final_round.tie_break]",
            "[final_round.votes]\ntiers = ['first']\n[final_round.tie_break]",
            "the file",
            "final_round.votes and dates.close_votes go together",
        ),
        (
            "[final_round.tie_break]",
            "[final_round.votes]\ntiers = []\n[final_round.tie_break]",
            "final_round.votes.tiers",
            "at least 1 item",
        ),
        (
            "close_re_review = 2026-07-24T18:00:00",
            "close_re_review = 2026-07-24T18:00:00\nclose_votes = 2026-08-04T18:00:00",
            "dates",
            "open_public_notice (2026-08-03 09:00) must come after close_votes (2026-08-04 18:00)",
        ),
        ("quota = 10", "quota = -1", "district_round.quota", "greater than or equal to 0"),
        (
            UNIT_MAIL,
            UNIT_MAIL + "\n[district_round.units.999999]\nquota = 3",
            "district_round",
            "codes that no reporting unit bears: 999999",
        ),
        ('method = "trimmed_mean"', 'method = "best"', "final_round.method", "'mean', 'trimmed_mean' or 'shrinkage'"),
        ('quorum = "2/3"', 'quorum = "most"', "final_round.quorum", "valid fraction"),
        ('officers = ["示例·王主任", "示例·李干事"]', "officers = []", "office.officers", "at least 1 item"),
        (
            'officers = ["示例·王主任", "示例·李干事"]',
            'officers = [""]',
            "office.officers.0",
            "one line that is not empty",
        ),
        ('officers = ["示例·王主任", "示例·李干事"]', 'officers = [" 王"]', "office.officers.0", "without blanks"),
        (OFFICE_MAIL, 'mail = "a@example.invalid\\nBcc: b@example.invalid"', "office.mail", "no mail address"),
        (OFFICE_MAIL, 'mail = "a@example.invalid, b@example.invalid"', "office.mail", "no mail address"),
        (OFFICE_MAIL, 'mail = "{0.__class__}@example.invalid"', "office.mail", "no plain mail address"),
        (UNIT_MAIL, "mail = '{code.__class__}@example.invalid'", "district_round.mail", "braces"),
        (UNIT_MAIL, "mail = '{code!r}@example.invalid'", "district_round.mail", "no plain mail address"),
        (
            UNIT_MAIL,
            UNIT_MAIL + "\n[district_round.units.500101]\nmail = 'a b@example.invalid'",
            "district_round.units.500101.mail",
            "no mail address",
        ),
    ],
)
def test_each_error_names_its_key_and_the_reason(
    written: Callable[..., Path], before: str, after: str, key: str, reason: str
) -> None:
    with pytest.raises(SeasonFileBroken) as caught:
        parse_season(written(before, after))

    assert [problem for problem in caught.value.problems if problem.startswith(f"{key}: ") and reason in problem], (
        caught.value.problems
    )
    assert str(caught.value).startswith("2026.toml cannot be used:\n  - ")


def test_all_errors_come_at_once(written: Callable[..., Path]) -> None:
    path = written("year = 2026", "year = 2019")
    path.write_text(path.read_text("utf-8").replace("quota = 10", "quota = -1"), "utf-8")

    with pytest.raises(SeasonFileBroken) as caught:
        parse_season(path)

    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("content", [b"year = ", b"\xff\xfe", "年 = 1".encode("gb18030")])
def test_what_is_no_toml_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "2026.toml"
    path.write_bytes(content)

    with pytest.raises(SeasonFileBroken, match="not readable as TOML"):
        parse_season(path)


def test_an_unknown_season_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownSeason, match=r"There is no season 2031 \(known: 2026\)"):
        load_season(2031, tmp_path)


def test_the_homes_own_file_comes_before_the_shipped_one(written: Callable[..., Path]) -> None:
    path = written("quota = 10", "quota = 4")
    home = path.parent.parent

    assert season_path(2026, home) == path
    assert load_season(2026, home).district_round.quota == 4
    assert load_season(2026).district_round.quota == 10


def test_a_file_named_for_another_year_is_refused(written: Callable[..., Path]) -> None:
    path = written(name="2027.toml")

    with pytest.raises(SeasonFileBroken, match="year: is 2026, but the file is named for 2027"):
        load_season(2027, path.parent.parent)


@pytest.mark.parametrize("text", ["2026-03-02T09:00:00", "2026-03-02T09:00:00+08:00"])
def test_dates_are_local_with_or_without_their_offset(written: Callable[..., Path], text: str) -> None:
    season = parse_season(written("open_call = 2026-03-02T09:00:00", f"open_call = {text}"))

    assert season.dates.open_call == datetime(2026, 3, 2, 9, tzinfo=ZONE)


def test_a_season_written_down_reads_the_same_again() -> None:
    season = load_season(2026)

    assert type(season).model_validate_json(season.model_dump_json()) == season


def test_a_units_own_rules_come_before_the_seasons() -> None:
    season = season_rules()
    own = UnitRules(quota=3, mail="own@example.invalid", dates=UnitDates(close_call=datetime(2026, 5, 8, 18)))
    season = season.model_copy(
        update={"district_round": season.district_round.model_copy(update={"units": {"500103": own}})}
    )

    assert (season.quota_of("500103"), season.quota_of("500101")) == (3, 10)
    assert (season.mail_of("500103"), season.mail_of("500101")) == (
        "own@example.invalid",
        "kexie-500101@example.invalid",
    )
    assert season.unit_date(Milestone.CLOSE_CALL, "500103") == datetime(2026, 5, 8, 18, tzinfo=ZONE)
    assert season.unit_date(Milestone.CLOSE_CALL, "500101") is None
    assert season.unit_date(Milestone.CLOSE_DISTRICT_ROUND, "500103") is None
    assert season.rubric_of("500103") == season.final_round.rubric


def test_a_quota_of_nought_is_a_quota() -> None:
    season = season_rules()
    units = {"500103": UnitRules(quota=0)}
    season = season.model_copy(update={"district_round": season.district_round.model_copy(update={"units": units})})

    assert season.quota_of("500103") == 0


def test_the_categories_of_a_quota_are_those_of_the_forms(written: Callable[..., Path]) -> None:
    lines = "\n".join(f"{category.value} = 5" for category in Category)

    season = parse_season(written("[eligibility]", f"[district_round.quota_by_category]\n{lines}\n[eligibility]"))

    assert set(season.district_round.quota_by_category) == {category.value for category in Category}


def test_days_are_local_days() -> None:
    assert end_of_day(local_day(datetime(2026, 4, 30, 18, tzinfo=ZONE))) == datetime(
        2026, 4, 30, 23, 59, 59, tzinfo=ZONE
    )
    assert str(local_day(datetime.fromisoformat("2026-04-30T16:00:00+00:00"))) == "2026-05-01"


def test_every_milestone_has_a_chinese_name_of_its_own() -> None:
    labels = [milestone.label for milestone in Milestone]

    assert len(set(labels)) == len(labels) == 26


def test_steps_run_late_and_reminders_are_skipped() -> None:
    skipped = {milestone for milestone in Milestone if milestone.missed is Missed.SKIP}

    assert skipped == {
        Milestone.REMIND_CALL,
        Milestone.REMIND_DISTRICT_ROUND,
        Milestone.REMIND_EXPERTS,
        Milestone.REMIND_RE_REVIEW,
        Milestone.REMIND_APPROVAL,
        Milestone.REMIND_PRACTICE,
        Milestone.REMIND_FOLLOW_UP,
    }


def test_a_district_may_have_its_own_date_for_two_closings() -> None:
    assert [milestone.value for milestone in Milestone if milestone.per_unit] == ["close_call", "close_district_round"]
