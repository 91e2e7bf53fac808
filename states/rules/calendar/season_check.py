"""What an administrator should look at before a season is planned. Pure."""

from collections.abc import Iterator

from config.calendar import CalendarUnknown, calendar_of, count_working_days, day_note, is_working_day
from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season

_CLOSINGS = (
    Milestone.CLOSE_CALL,
    Milestone.CLOSE_DISTRICT_ROUND,
    Milestone.CLOSE_ELIGIBILITY,
    Milestone.CLOSE_FINAL_ROUND,
    Milestone.CLOSE_RE_REVIEW,
    Milestone.CLOSE_VOTES,
    Milestone.CLOSE_PRACTICE,
)


def warnings_of(season: Season) -> list[str]:
    """Sentences about dates that work but will trouble people."""
    return [
        *_deadlines_on_holidays(season),
        *_notice(season),
        *_correction(season),
        *_unknown_calendars(season),
        *_draw(season),
    ]


def _deadlines_on_holidays(season: Season) -> Iterator[str]:
    given = dict(season.dates.given())
    named = [(f"dates.{name}", given[name]) for name in _CLOSINGS if name in given]
    for code in season.district_round.units:
        own = ((step, season.unit_date(step, code)) for step in Milestone if step.per_unit)
        named += [(f"district_round.units.{code}.dates.{step}", instant) for step, instant in own if instant]
    for name, instant in named:
        day = local_day(instant)
        try:
            if not is_working_day(day):
                yield f"{name} falls on {day} ({day_note(day)}): offices are closed on the deadline"
        except CalendarUnknown:
            continue


def _notice(season: Season) -> Iterator[str]:
    notice = season.public_notice
    if notice.working_days < notice.promised_working_days:
        yield (
            f"public_notice.working_days is {notice.working_days}, but {notice.promised_working_days} were promised: "
            "the notice is shorter than promised"
        )
    opens, results = local_day(season.dates.open_public_notice), local_day(season.dates.publish_results)
    if not is_working_day(opens):
        yield f"dates.open_public_notice falls on {opens} ({day_note(opens)}): the posting day does not count"
    if count_working_days(opens, results) < notice.working_days + notice.answer_working_days:
        yield (
            "dates.publish_results comes before an objection of the notice's last day must be answered "
            f"({notice.answer_working_days} working days): such awards would stay suspended"
        )


def _correction(season: Season) -> Iterator[str]:
    asked, closes = local_day(season.dates.check_eligibility), local_day(season.dates.close_eligibility)
    if count_working_days(asked, closes) - 1 < season.eligibility.correction_working_days:
        yield (
            f"between check_eligibility and close_eligibility lie fewer than "
            f"{season.eligibility.correction_working_days} working days: corrections will end later than planned"
        )


def _draw(season: Season) -> Iterator[str]:
    if not season.final_round.public_randomness:
        yield (
            "final_round.public_randomness names nothing: whoever holds the draw's seed can foresee the panel, and change "
            "the pool until it suits"
        )


def _unknown_calendars(season: Season) -> Iterator[str]:
    years = {local_day(instant).year for _, instant in season.dates.given()}
    for year in sorted(years):
        try:
            known = calendar_of(year)
        except CalendarUnknown as unknown:
            yield str(unknown)
            continue
        if known.provisional:
            yield (
                f"the calendar of {year} is provisional ({known.source}: statutory holidays alone, no bridged days and no "
                f"weekends worked for them); write the State Council's dates into holidays/{year}.toml in the home as "
                f"soon as they are announced, and `gangchuang season calendar {season.year}` shows what they move"
            )
