"""The next season's file, made from the last one's."""

from datetime import date

import pytest

from config.season import SEASONS, load_season
from flows.new_season import SeasonFileThere, new_season, prepare
from models.enums import CallState
from states.machine import Act
from states.timeline import move_date
from tests.support.builders import OFFICE, a_season, an_expert, season_rules
from tests.support.playing import Player

UNITS_FILE = SEASONS.parent / "reporting_units.csv"


def test_a_season_is_made_from_the_shipped_one(player: Player) -> None:
    new_season.fn(2027, 2026)

    made, last = load_season(2027, player.home), season_rules()
    assert (made.year, made.covered_years, made.title) == (2027, (2026,), last.title.replace("2026", "2027"))
    same = {"year", "covered_years", "title", "dates"}
    assert made.model_dump(exclude=same) == last.model_dump(exclude=same)
    assert made.dates.close_district_round.isoformat() == "2027-05-28T18:00:00+08:00"
    text = (player.home / "seasons" / "2027.toml").read_text("utf-8")
    assert text.splitlines()[2].endswith("open question(s): answer each, then delete its lines.")
    assert "2027-05-29 is 周六 休息（暂定）" in text
    assert "after publication; then contacts" in text, "comments of the file are kept"


def test_what_is_there_is_not_written_over(player: Player) -> None:
    new_season.fn(2027, 2026)

    with pytest.raises(SeasonFileThere):
        new_season.fn(2027, 2026)


def test_a_dry_run_writes_nothing(player: Player) -> None:
    told = new_season.fn(2027, 2026, dry_run=True)

    assert told["outcome"] == "dry_run"
    assert list((player.home / "seasons").iterdir()) == []


def test_units_that_merged_lose_their_rules_and_are_asked_about(player: Player) -> None:
    lines = UNITS_FILE.read_text("utf-8").replace(
        "500104,大渡口区,区,,,,", "500104,大渡口区,区,,2027-01-01,500107,并入九龙坡区"
    )
    (player.home / "units").mkdir()
    (player.home / "units" / "reporting_units.csv").write_text(lines, "utf-8")
    own = "\n[district_round.units.500104]\nquota = 3\n[district_round.units.500101]\nquota = 12\ndates = { close_call = 2026-05-08T18:00:00 }\n"
    (player.home / "seasons").mkdir()
    (player.home / "seasons" / "2026.toml").write_text((SEASONS / "2026.toml").read_text("utf-8") + own, "utf-8")

    prepared = prepare(player.settings, 2027, 2026)

    assert set(prepared.season.district_round.units) == {"500101"}
    assert prepared.season.quota_of("500101") == 12
    asked = "\n".join(prepared.questions)
    assert "大渡口区 (500104) is no reporting unit any more; its work went to 九龙坡区 (500107)" in asked
    assert "quota = 3" in asked
    assert "万州区 (500101) had a date of its own for close_call; it is 2027-05-07 18:00 now" in asked
    assert len(prepared.season.units()) == 38


def test_what_went_otherwise_in_the_last_year_is_asked(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
        later = season.dates.close_call.replace(month=5, day=8)
        act = Act(OFFICE, season.dates.open_call)
        move_date(session, 2026, "close_call", act, to=later, reason="示例")
        an_expert(session, 1, valid_until=date(2027, 1, 31))
        an_expert(session, 2, mail="")
        an_expert(session, 3, fields="示例领域")
        an_expert(session, 4, fields=season.fields[0])

    asked = "\n".join(prepare(player.settings, 2027, 2026).questions)

    assert "dates.close_call was moved in 2026 from 2026-04-30 18:00 to 2026-05-08 18:00" in asked
    assert "1 expert(s) (专家) of the pool will stand in the office's workbook" in asked
    assert "(their term ends before the draw): E0001 示例·专家1" in asked
    assert "(no mail address): E0002 示例·专家2" in asked
    assert "(no field of the season's): E0003 示例·专家3" in asked
    assert f"{season.fields[1]} has 0 expert(s) in the pool, fewer than panel_per_field = 3" in asked
