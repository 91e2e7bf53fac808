"""What the dated steps do to a season: each changes the model and says whether it is settled, or waits."""

from collections.abc import Callable
from datetime import datetime

from tests.support.seasons.model import Key, Row, SeasonModel
from tests.support.seasons.ranking import Lots, PrizeList

CALL_AFTER = {
    "open_call": "open",
    "close_call": "district_review",
    "draw_panel": "final_review",
    "open_public_notice": "public_notice",
    "publish_results": "published",
    "close_season": "closed",
}


def step(season: SeasonModel, key: Key, at: datetime, lots: Lots) -> bool:
    """Do one step at an instant; a step that waits may still have done a part."""
    name, unit = key
    if name == "close_district_round":
        _close_district_round(season, unit, at)
    elif name == "close_re_review":
        _rank(season, lots)
    elif not _STEPS.get(name, lambda season, at: True)(season, at):
        return False
    season.settled.add(key)
    if not unit:
        season.call = CALL_AFTER.get(name, season.call)
    return True


def lapse(season: SeasonModel, at: datetime) -> bool:
    """What was not corrected in time is out, from the next day on or when a round closes. Whether anything was."""
    overdue = [row for row in season.rows.values() if row.correction_is_overdue(at)] if season.call != "closed" else []
    for row in overdue:
        row.correction = "lapsed"
        if row.stands:
            row.archive("ineligible")
    return bool(overdue)


def _close_district_round(season: SeasonModel, unit: str, at: datetime) -> None:
    lapse(season, at)
    for row in season.rows.values():
        if row.unit == unit if unit else season.date("close_district_round", row.unit) <= at:
            if row.state == "submitted":
                row.archive("not_reviewed")
            elif row.state == "district_reviewed" and not row.recommended:
                row.archive("not_recommended")


def _check_eligibility(season: SeasonModel, at: datetime) -> bool:
    for row in season.unchecked():
        row.eligible = not row.flawed and row.correction != "outstanding"
    _send_back_what_is_flawed(season)
    return True


def _send_back_what_is_flawed(season: SeasonModel) -> None:
    for row in season.unchecked():
        if row.flawed and not row.correction:
            row.correction, row.due_at = "outstanding", None  # the office's words name the day


def _close_eligibility(season: SeasonModel, at: datetime) -> bool:
    """What was recommended only after the check has its one chance now, and the close waits for it."""
    lapse(season, at)
    _send_back_what_is_flawed(season)
    if season.owing_corrections():
        return False
    for row in season.unchecked():
        row.eligible = not row.flawed
        if row.flawed:
            row.archive("ineligible")
    return True


def _draw_panel(season: SeasonModel, at: datetime) -> bool:
    return not season.owing_corrections() and not season.unchecked()


def _close_final_round(season: SeasonModel, at: datetime) -> bool:
    contenders = {number: row for number, row in season.rows.items() if row.in_final_round}
    if any(len(row.scores) < season.scores_needed for row in contenders.values()):
        return False
    for row in contenders.values():
        row.state = "final_reviewed"
    season.scores_frozen = True
    for number in PrizeList(contenders, season.sizes).tied:
        row = season.rows[number]
        row.re_review = {expert: None for expert, points in row.experts.items() if points and expert in season.panel}
    return True


def _rank(season: SeasonModel, lots: Lots) -> None:
    contenders = {number: row for number, row in season.rows.items() if row.state == "final_reviewed"}
    tiers = PrizeList(contenders, season.sizes, lots).tier_of
    for number, row in season.rows.items():
        row.placed, row.struck = tiers.get(number), False
    season.ranked = season.ever_ranked = True


def _open_public_notice(season: SeasonModel, at: datetime) -> bool:
    return season.approved


def _publish_results(season: SeasonModel, at: datetime) -> bool:
    _award(season)
    return True


def _archive(season: SeasonModel, at: datetime) -> bool:
    _award(season)
    return _settle_rest(season, at)


def _close_season(season: SeasonModel, at: datetime) -> bool:
    _settle_rest(season, at)
    return not any(row.stands for row in season.rows.values())


def give_suspended(season: SeasonModel, row: Row) -> None:
    """An award that nothing holds up any more is given at once, and archived as the others were."""
    if season.call != "published" or row.state != "final_reviewed" or not row.approved or row.objections:
        return
    row.state, row.tier = "awarded", row.placed
    if ("archive", "") in season.settled:
        row.archive("completed")


def _settle_rest(season: SeasonModel, at: datetime) -> bool:
    """Whatever is left ends by how far it had come, but for suspended awards."""
    ends = {"submitted": "not_reviewed", "final_reviewed": "no_prize", "awarded": "completed"}
    for row in season.rows.values():
        if row.state == "district_reviewed":
            row.archive("ineligible" if row.recommended and not row.eligible else "not_recommended")
        elif row.stands and not (row.state == "final_reviewed" and row.approved):
            row.archive(ends[row.state])
    return True


def _erase(season: SeasonModel, at: datetime) -> bool:
    """What is published stays, with its people's consent; of the rest no content is left."""
    for row in season.rows.values():
        row.erased = row.outcome != "completed"
    return True


def _award(season: SeasonModel) -> None:
    for row in season.rows.values():
        if row.state == "final_reviewed" and row.approved and not row.objections:
            row.state, row.tier = "awarded", row.placed


_STEPS: dict[str, Callable[[SeasonModel, datetime], bool]] = {
    "check_eligibility": _check_eligibility,
    "close_eligibility": _close_eligibility,
    "draw_panel": _draw_panel,
    "close_final_round": _close_final_round,
    "open_public_notice": _open_public_notice,
    "publish_results": _publish_results,
    "archive": _archive,
    "close_season": _close_season,
    "erase_personal_data": _erase,
}
